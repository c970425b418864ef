"""Films converted steadily: less flicker, no seams between parts, the same bytes again."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from cyclegan.checkpoint import save_generator
from cyclegan.config import FastConfig
from cyclegan.networks import build_generator, init_weights
from cyclegan.warming import warm_up
from tests.vidgan.here import convert_here
from vidgan.card import write_card
from vidgan.choice import choose_model
from vidgan.conversion import convert_all
from vidgan.errors import SettingsError
from vidgan.importing import import_model
from vidgan.options import Options

CHUNK = warm_up(0.85)
"""Frames: shorter parts give those after them fewer to begin with."""
FRAMES = 3 * CHUNK
Film = NDArray[np.float32]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = FastConfig(blocks=1, filters=4)
    network = build_generator(config)
    init_weights(network, std=0.15, seed=3)
    path = tmp_path_factory.mktemp("weights") / "g.safetensors"
    save_generator(network, config, path)
    return path


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that stands still before a smooth scene."""
    return write_film(tmp_path_factory.mktemp("film") / "noisy.mkv", step=0)


@pytest.fixture(scope="module")
def panned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that turns."""
    return write_film(tmp_path_factory.mktemp("film") / "panned.mkv", step=1.3)


def write_film(path: Path, *, step: float) -> Path:
    """Waves that move by `step` pixels a frame, and noise; lossless, a GOP for each part."""
    rng = np.random.default_rng(5)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options={"g": str(CHUNK)})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for number in range(FRAMES):
            rows, columns = np.mgrid[:48, :64]
            columns = columns + number * step
            waves = [np.sin(rows / 9 + n) * np.cos(columns / (7 + n)) for n in range(3)]
            scene = 120 + 50 * np.stack(waves, axis=-1)
            levels = scene + rng.normal(0, 3, scene.shape)
            picture = levels.round().clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def converted(source: Path, output: Path, weights: Path, **options: object) -> Film:
    chosen = Options(
        weights=weights,
        precision="fp32",
        device="cpu",
        codec="ffv1",
        **options,  # type: ignore[arg-type]
    )
    report = convert_here(source, output, chosen)
    assert (report.frames, report.frames_lost) == (FRAMES, 0)
    with av.open(str(output)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return np.stack(frames).astype(np.float32)


def flicker(film: Film) -> NDArray[np.float32]:
    """How much pixels change from each frame to the next."""
    return np.asarray(np.abs(np.diff(film, axis=0)).mean((1, 2)))


def test_a_steady_film_flickers_less_and_shows_no_seams(
    noisy: Path, weights: Path, tmp_path: Path
) -> None:
    plain = converted(noisy, tmp_path / "plain.mkv", weights)
    whole = converted(noisy, tmp_path / "whole.mkv", weights, steady=0.8)
    parts = converted(noisy, tmp_path / "parts.mkv", weights, steady=0.8, chunk_frames=CHUNK)
    again = converted(noisy, tmp_path / "again.mkv", weights, steady=0.8, chunk_frames=CHUNK)

    assert flicker(whole)[5:].mean() < 0.8 * flicker(plain)[5:].mean()
    assert np.array_equal(parts, again)
    assert (tmp_path / "parts.mkv").read_bytes() == (tmp_path / "again.mkv").read_bytes()
    assert np.abs(parts - whole).mean() < 0.2
    seams = flicker(parts)[CHUNK - 1 :: CHUNK]
    assert seams.max() < 1.15 * flicker(whole)[5:].mean()


def test_a_model_s_card_asks_for_it_and_the_option_has_the_last_word(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path))
    model = import_model(weights, "mine")
    assert choose_model(Options(pair="mine")).steady == 0
    write_card(replace(model.card, steady=0.8), model.path.with_suffix(".json"))
    assert choose_model(Options(pair="mine")).steady == 0.8
    assert choose_model(Options(pair="mine", steady=0.0)).steady == 0
    assert choose_model(Options(pair="mine", steady=0.5)).purpose(Options(pair="mine")) != (
        choose_model(Options(pair="mine")).purpose(Options(pair="mine"))
    )


def test_where_the_camera_moves_parts_go_on_as_the_whole_does(
    panned: Path, weights: Path, tmp_path: Path
) -> None:
    whole = converted(panned, tmp_path / "whole.mkv", weights, steady=0.85)
    parts = converted(panned, tmp_path / "parts.mkv", weights, steady=0.85, chunk_frames=CHUNK)
    plain = converted(panned, tmp_path / "plain.mkv", weights)
    leant = np.abs(whole - plain).mean()
    assert leant > 1
    assert np.abs(parts - whole).mean() < 0.15 * leant


def test_a_stronger_film_begins_its_parts_earlier(
    panned: Path, weights: Path, tmp_path: Path
) -> None:
    """With as many frames before a part as 0.85 takes, a fifth of the weight would be missing."""
    strong = {"steady": 0.92}
    whole = converted(panned, tmp_path / "whole.mkv", weights, **strong)
    parts = converted(panned, tmp_path / "parts.mkv", weights, chunk_frames=2 * CHUNK, **strong)
    few = converted(panned, tmp_path / "few.mkv", weights, chunk_frames=CHUNK, **strong)
    seam = slice(2 * CHUNK, 2 * CHUNK + 5)
    far = np.abs(parts - whole)[seam].mean()
    assert far < 0.7 * np.abs(few - whole)[seam].mean()
    assert warm_up(0.92) == 39


@pytest.mark.slow
def test_two_workers_steady_a_film_to_the_same_bytes_as_one(
    panned: Path, weights: Path, tmp_path: Path, ray_up: None
) -> None:
    options = Options(weights=weights, steady=0.85, chunk_frames=CHUNK, codec="ffv1")
    outputs = []
    for workers in (1, 2):
        output = tmp_path / f"{workers}.mkv"
        report = convert_all([panned], output, replace(options, workers=workers))
        assert not report.failures
        (file,) = report.files
        assert (file.frames, file.chunks, file.frames_lost) == (FRAMES, FRAMES // CHUNK, 0)
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]
    plain = tmp_path / "plain.mkv"
    assert not convert_all([panned], plain, replace(options, steady=0.0)).failures
    assert plain.read_bytes() != outputs[0]


@pytest.mark.parametrize("steady", [-0.1, 1.0, float("nan")])
def test_a_strength_out_of_range_is_refused(steady: float) -> None:
    with pytest.raises(SettingsError, match=r"--steady .*: must be from 0 to less than 1"):
        Options(pair="summer2winter", steady=steady)
