"""Frames of films as pictures on disk: which, how, made once, whole or not at all."""

import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from cyclegan.data import Preprocess, read_image
from cyclegan.folders import is_held_out
from vidgan.errors import InputError, OutputError
from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.probe import probe
from vidgan.training.film_frames import FrameSettings, frames_of
from vidgan.training.frame_writer import shown

MakeFilm = Callable[..., Path]
Pixels = NDArray[np.uint8]

SETTINGS = FrameSettings(count=40, short_side=286)


def seconds_of(path: Path) -> float:
    return float(path.stem.rpartition("-")[2].removesuffix("s"))


def test_frames_are_lossless_and_those_of_a_conversion(make_film: MakeFilm, tmp_path: Path) -> None:
    source = make_film("a.mp4", frames=96, audio=False)
    film = probe(source)
    whole = {
        float(frame.pts * film.video.time_base): frame.rgb
        for chunk in ChunkReader(film, frames_per_chunk=64)
        for frame in decode_chunk(chunk, film.video)
    }
    found = frames_of([source], tmp_path / "frames/a", SETTINGS)
    assert found.warnings == ()
    assert len(found.train) + len(found.held_out) == pytest.approx(39, abs=1)
    for path in (*found.train, *found.held_out):
        seconds = min(whole, key=lambda s: abs(s - seconds_of(path)))
        with Image.open(path) as picture:
            assert np.array_equal(np.asarray(picture), whole[seconds])


def test_a_large_frame_is_scaled_once_as_training_scales_pictures() -> None:
    preprocess = Preprocess(load=100, crop=64)
    for height, width in ((360, 641), (641, 360), (300, 300)):
        rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        small = shown(rgb, short_side=100, aspect=Fraction(1))
        expected = preprocess.scale(torch.from_numpy(rgb).permute(2, 0, 1))
        assert np.array_equal(small, expected.permute(1, 2, 0).numpy())
        again = preprocess.scale(torch.from_numpy(small).permute(2, 0, 1))
        assert torch.equal(again, expected)


def test_small_frames_stay_and_oblong_samples_become_square() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    assert np.array_equal(shown(rgb, short_side=286, aspect=Fraction(1)), rgb)
    assert shown(rgb, short_side=286, aspect=Fraction(3, 2)).shape == (60, 120, 3)
    assert shown(rgb, short_side=286, aspect=Fraction(1, 2)).shape == (120, 80, 3)
    assert shown(rgb, short_side=30, aspect=Fraction(3, 2)).shape == (30, 60, 3)


def test_a_film_held_sideways_with_oblong_samples(make_film: MakeFilm, tmp_path: Path) -> None:
    """96x64 samples of 4:3, that is 128x64, turned by 90 degrees."""
    aspect = Fraction(4, 3)
    film = make_film("a.mp4", frames=24, rotation=90, sample_aspect_ratio=aspect, audio=False)
    found = frames_of([film], tmp_path / "a", SETTINGS)
    assert {tuple(read_image(path).shape) for path in found.train} == {(3, 128, 64)}


def test_films_give_frames_by_their_length(make_film: MakeFilm, tmp_path: Path) -> None:
    films = [
        make_film("a.mp4", frames=24, audio=False),
        make_film("b.mp4", frames=96, audio=False),
        make_film("c.mkv", frames=2, audio=False),
    ]
    settings = FrameSettings(count=20, short_side=286, split=False)
    found = frames_of(films, tmp_path / "a", settings)
    by_film = [sum(path.name.startswith(f"000{n}-") for path in found.train) for n in range(3)]
    assert by_film == [4, 16, 1]
    assert [path.name for path in found.train] == sorted(path.name for path in found.train)
    assert found.held_out == ()


def test_a_stretch_of_a_film_is_held_out_with_a_margin(make_film: MakeFilm, tmp_path: Path) -> None:
    """A lone film, short as it is."""
    film = make_film("a.mp4", frames=480, size=(64, 48), audio=False)  # 20 seconds
    found = frames_of([film], tmp_path / "a", FrameSettings(count=480, short_side=286))
    held = [seconds_of(path) for path in found.held_out]
    train = [seconds_of(path) for path in found.train]
    assert 0.8 <= max(held) - min(held) <= 1.0
    assert not any(min(held) - 0.2 < seconds < max(held) + 0.2 for seconds in train)
    assert len(train) > 400
    assert len(held) > 15


def test_of_short_films_whole_ones_are_held_out(make_film: MakeFilm, tmp_path: Path) -> None:
    """By the rule for pictures."""
    source = make_film("a.mp4", frames=24, audio=False)
    names = [f"{number}.mp4" for number in range(60)]
    out_of_60 = [name for name in names if is_held_out(Path(name))]
    kept = [name for name in names if name not in out_of_60][:3]
    films = [tmp_path / name for name in sorted([*kept, out_of_60[0]])]
    for film in films:
        shutil.copy(source, film)
    found = frames_of(films, tmp_path / "a", SETTINGS)
    place = films.index(tmp_path / out_of_60[0])
    assert found.held_out
    assert all(path.name.startswith(f"{place:04}-") for path in found.held_out)
    assert not any(path.name.startswith(f"{place:04}-") for path in found.train)


def changed(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_frames_are_taken_once_and_anew_where_something_changed(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    film, folder = tmp_path / "film.mp4", tmp_path / "run/frames/a"
    shutil.copy(make_film("a.mp4", frames=48, audio=False), film)
    heard: list[tuple[int, int]] = []
    first = frames_of([film], folder, SETTINGS, report=lambda *n: heard.append(n))
    assert heard[-1] == (40, 40)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    before = changed(folder)
    heard.clear()
    assert frames_of([film], folder, SETTINGS, report=lambda *n: heard.append(n)) == first
    assert (changed(folder), heard) == (before, [])

    content = {path.name: path.read_bytes() for path in first.train}
    os.utime(film, ns=(1, 1))
    again = frames_of([film], folder, SETTINGS)
    assert again == first
    assert {path.name: path.read_bytes() for path in again.train} == content, "the same anew"
    assert changed(folder) != before

    first.train[0].unlink()
    assert frames_of([film], folder, SETTINGS).train[0].is_file()
    fewer = frames_of([film], folder, FrameSettings(count=10, short_side=286))
    assert len(fewer.train) <= 10
    assert len(list((folder / "train").iterdir())) == len(fewer.train)


def test_a_folder_that_was_not_finished_is_not_used(make_film: MakeFilm, tmp_path: Path) -> None:
    film = make_film("a.mp4", frames=48, audio=False)
    whole = frames_of([film], tmp_path / "whole", SETTINGS)
    part, folder = tmp_path / "a.part", tmp_path / "a"
    shutil.copytree(tmp_path / "whole", part)  # killed before the rename
    (part / "train/junk.png").write_text("half a picture")
    shutil.copytree(tmp_path / "whole", folder)
    (folder / "manifest.json").write_text("{")  # whoever did that
    found = frames_of([film], folder, SETTINGS)
    assert [path.name for path in found.train] == [path.name for path in whole.train]
    assert not part.exists()
    assert {path.name for path in folder.rglob("*.png")} == {
        path.name for path in (*found.train, *found.held_out)
    }


def test_a_disk_that_cannot_be_written_is_one_line_and_leaves_nothing(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(
        OutputError, match=r"frames/a: frames cannot be written \(.*--out"
    ) as caught:
        frames_of([make_film("a.mp4")], tmp_path / "run/frames/a", SETTINGS)
    assert "\n" not in str(caught.value)


def test_films_that_cannot_be_used_are_left_out(make_film: MakeFilm, tmp_path: Path) -> None:
    good, odd = make_film("a.mp4", frames=48, audio=False), tmp_path / "sound.mp4"
    shutil.copy(make_film("s.mp4", video_tracks=0), odd)
    found = frames_of([odd, good], tmp_path / "a", SETTINGS)
    assert found.train
    [warning] = found.warnings
    assert warning.startswith(f"{odd} has no video stream")
    assert warning.endswith("; this film is left out")
    with pytest.raises(InputError, match="has no video stream"):
        frames_of([odd], tmp_path / "b", SETTINGS)
    assert not (tmp_path / "b").exists()


def write_film(path: Path, pictures: list[Pixels]) -> None:
    """One keyframe each, at 10 a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "1", "crf": "12"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_black_frames_and_stills_are_left_out_and_counted(
    draw_picture: Callable[[int, tuple[int, int]], Pixels], tmp_path: Path
) -> None:
    """A fade from black, then a still, then a film of ten frames."""
    black, still = np.zeros((64, 96, 3), np.uint8), draw_picture(100, (96, 64))
    write_film(
        tmp_path / "a.mp4",
        [black] * 6 + [still] * 8 + [draw_picture(5 * n, (96, 64)) for n in range(10)],
    )
    settings = FrameSettings(count=24, short_side=286, split=False)
    found = frames_of([tmp_path / "a.mp4"], tmp_path / "a", settings)
    assert len(found.train) == 11
    assert found.warnings == (
        f"{tmp_path / 'a.mp4'}: of 24 frames, 6 blank ones and 7 like the one before are left out",
    )
    assert frames_of([tmp_path / "a.mp4"], tmp_path / "a", settings) == found, "said again"


def test_a_film_with_nothing_to_see_gives_nothing(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", [np.full((64, 96, 3), 16, np.uint8)] * 10)
    found = frames_of([tmp_path / "a.mp4"], tmp_path / "a", SETTINGS)
    assert (found.train, found.held_out) == ((), ())
    assert "10 blank ones" in found.warnings[0]
