"""Whole conversions on a real local Ray: every frame at its time, sound in step, nothing lost."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vidgan
from cluster.session import Session
from tests.vidgan.films.pictures import draw
from tests.vidgan.here import convert_here
from vidgan.choice import choose_model, digest
from vidgan.conversion import convert_all
from vidgan.crew import share_out
from vidgan.errors import OutputError
from vidgan.media.types import Color
from vidgan.options import Options

Pixels = NDArray[np.uint8]
MakeFilm = Callable[..., Path]
ReadNumber = Callable[[Pixels], int]

pytestmark = pytest.mark.usefixtures("ray_up")


def pixels(frame: av.VideoFrame) -> Pixels:
    return frame.to_ndarray(format="rgb24").astype(np.uint8)


def shown(path: Path, read_number: ReadNumber) -> list[tuple[Fraction, int]]:
    """(seconds, number) of each frame."""
    with av.open(path) as container:
        frames = []
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert frame.time_base is not None
            frames.append((frame.pts * frame.time_base, read_number(pixels(frame))))
        return frames


def audio_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(path) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None
        ]


FILMS: dict[str, dict[str, Any]] = {
    "closed_gops.mp4": {},
    "open_gops.mp4": {"open_gop": True, "frames": 60},
    "one_keyframe.mp4": {"gop": 1000, "frames": 50},
    "variable_rate.mkv": {
        "pts": [round(i * 41.7) + (900 if i > 30 else 0) + 7 * (i % 3) for i in range(48)],
        "frames": 48,
    },
    "hevc.mov": {"codec": "libx265", "open_gop": True},
    "vp9.webm": {"codec": "libvpx-vp9", "frames": 40},
    "av1.mkv": {"codec": "libsvtav1", "frames": 40},
    "mpeg2.mkv": {"codec": "mpeg2video"},
    "mpeg4.mp4": {"codec": "mpeg4"},
    "rotated.mp4": {"rotation": 90, "frames": 20},
    "odd.mkv": {"codec": "libvpx-vp9", "size": (97, 65), "frames": 20},
}


@pytest.fixture(scope="session")
def converted(
    make_film: MakeFilm,
    generator_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    ray_up: None,
) -> dict[str, tuple[Path, Path]]:
    """All films of the table through one command, whose output folder is not there yet.

    Name -> (source, output).
    """
    sources = [make_film(name, **options) for name, options in FILMS.items()]
    folder = tmp_path_factory.mktemp("converted") / "new" / "out"
    report = convert_all(sources, folder, Options(weights=generator_file, chunk_frames=16))
    assert not report.failures
    assert report.frames == sum(options.get("frames", 48) for options in FILMS.values())
    assert sum(file.frames_lost for file in report.files) == 0
    return {source.name: (source, folder / source.name) for source in sources}


@pytest.mark.parametrize("name", FILMS)
def test_every_frame_is_there_at_its_time(
    converted: dict[str, tuple[Path, Path]], read_number: ReadNumber, name: str
) -> None:
    source, output = converted[name]
    assert shown(output, read_number) == shown(source, read_number)


@pytest.mark.parametrize("name", FILMS)
def test_the_sound_is_the_same_at_the_same_time(
    converted: dict[str, tuple[Path, Path]], name: str
) -> None:
    source, output = converted[name]
    assert audio_packets(output) == audio_packets(source)


@pytest.mark.parametrize("name", ["rotated.mp4", "odd.mkv"])
def test_size_and_rotation_are_the_source_s(
    converted: dict[str, tuple[Path, Path]], name: str
) -> None:
    facts = []
    for path in converted[name]:
        with av.open(path) as container:
            frame = next(container.decode(video=0))
            facts.append((frame.width, frame.height, frame.rotation))
    assert facts[0] == facts[1]


def test_nothing_is_left_beside_the_outputs(converted: dict[str, tuple[Path, Path]]) -> None:
    folder = next(iter(converted.values()))[1].parent
    assert {path.name for path in folder.iterdir()} == {*FILMS, "vidgan-report.json"}


def test_the_picture_is_what_the_translator_makes_of_it_seen_upright(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path
) -> None:
    from cyclegan.translator import Translator
    from cyclegan.weights import load_generator

    films = {r: make_film(f"{r}.mp4", rotation=r, frames=20, size=(192, 128)) for r in (0, 90)}
    options = Options(weights=generator_file, crf=1, chunk_frames=16)
    for source in films.values():
        convert_here(source, tmp_path / source.name, options)
    translate = Translator(load_generator(generator_file), device="cpu")
    for rotation, source in films.items():
        with av.open(source) as before, av.open(tmp_path / source.name) as after:
            pairs = zip(before.decode(video=0), after.decode(video=0), strict=True)
            for original, translated in pairs:
                assert original.rotation == translated.rotation == rotation
                upright = np.rot90(pixels(original), rotation // 90)
                expected = np.rot90(translate(upright[np.newaxis])[0], -(rotation // 90))
                error = np.abs(expected.astype(int) - pixels(translated)).mean()
                assert error < 3
                as_stored = translate(pixels(original)[np.newaxis])[0]
                if rotation:
                    assert error < np.abs(as_stored.astype(int) - pixels(translated)).mean()
                assert np.abs(expected.astype(int) - pixels(original)).mean() > 5


COLORS = {
    "bt709.mp4": Color(matrix=1, primaries=1, transfer=1, full_range=False),
    "bt709_full.mp4": Color(matrix=1, primaries=1, transfer=1, full_range=True),
    "bt601_full.mp4": Color(matrix=6, primaries=6, transfer=6, full_range=True),
}


def rgb_by_hand(frame: av.VideoFrame, color: Color) -> NDArray[np.float64]:
    """ITU-T H.273's equations for 8 bits, each chroma sample used four times."""
    y, cb, cr = (plane.astype(np.float64) for plane in planes(frame))
    cb, cr = (np.repeat(np.repeat(plane - 128, 2, 0), 2, 1) for plane in (cb, cr))
    if not color.full_range:
        y, cb, cr = (y - 16) * 255 / 219, cb * 255 / 224, cr * 255 / 224
    kr, kb = (0.2126, 0.0722) if color.matrix == 1 else (0.299, 0.114)
    r, b = y + (2 - 2 * kr) * cr, y + (2 - 2 * kb) * cb
    return np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], axis=2).clip(0, 255)


def planes(frame: av.VideoFrame) -> list[Pixels]:
    """Of yuv420p, whatever its range; even sides."""
    h, w = frame.height, frame.width
    sides = [(h, w), (h // 2, w // 2), (h // 2, w // 2)]
    return [
        np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[:rows, :columns]
        for plane, (rows, columns) in zip(frame.planes, sides, strict=True)
    ]


def test_matrix_range_and_pixel_shape_are_the_film_s(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path
) -> None:
    """Against the pictures that the film was made of, and equations: no swscale on either side."""
    from cyclegan.translator import Translator
    from cyclegan.weights import load_generator

    size, shape = (192, 128), Fraction(4, 3)
    sources = [
        make_film(name, color=color, frames=4, size=size, sample_aspect_ratio=shape, audio=False)
        for name, color in COLORS.items()
    ]
    options = Options(weights=generator_file, crf=1)
    for source in sources:
        convert_here(source, tmp_path / source.name, options)
    translate = Translator(load_generator(generator_file), device="cpu")
    for name, color in COLORS.items():
        with av.open(tmp_path / name) as container:
            assert container.streams.video[0].sample_aspect_ratio == shape
            for number, frame in enumerate(container.decode(video=0)):
                assert (frame.colorspace, frame.color_range) == (
                    color.matrix,
                    2 if color.full_range else 1,
                )
                expected = translate(draw(number, size)[np.newaxis])[0]

                def error(read_as: Color, frame: Any = frame, expected: Any = expected) -> float:
                    return float(np.abs(rgb_by_hand(frame, read_as) - expected).mean())

                assert error(color) < 5
                assert all(error(color) + 1 < error(o) for o in COLORS.values() if o != color)


def test_a_photograph_and_a_folder_of_them(generator_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("a.png", "deep/b.png"):
        Image.fromarray(rng.integers(0, 256, (33, 45, 3), np.uint8)).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not much of a picture")

    options = Options(weights=generator_file)
    report = convert_all([folder], tmp_path / "out", options)
    assert [str(failure) for failure in report.failures] == [
        next(str(f) for f in report.failures if "broken.jpg is not an image" in str(f))
    ]
    with Image.open(tmp_path / "out/deep/b.png") as picture:
        assert picture.size == (45, 33)
    assert report.frames == 2

    (folder / "broken.jpg").unlink()
    again = convert_all([folder], tmp_path / "out", options)
    assert again.workers == 0, "nothing is left to do"
    assert sorted(file.skipped for file in again.files) == [True, True]


def test_an_existing_output_is_kept(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path
) -> None:
    source = make_film("closed_gops.mp4")
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    with pytest.raises(OutputError, match="--overwrite"):
        vidgan.convert(source, output, weights=generator_file)
    assert output.read_bytes() == b"precious"


def test_chunks_of_other_settings_are_not_used_again(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path
) -> None:
    crew = share_out(
        Session(address="", nodes=({"CPU": 2},), started_here=True),
        workers=None,
        device="auto",
    )
    digests = set()
    for options in (
        Options(weights=generator_file),
        Options(weights=generator_file, size=32),
        Options(weights=generator_file, precision="bf16"),
        Options(weights=generator_file, precision="fp32"),
    ):
        digests.add(digest(choose_model(options).recipe(crew, options.precision)))
    assert len(digests) == 3, "auto is one of fp32 and bf16, and the same as naming it"
