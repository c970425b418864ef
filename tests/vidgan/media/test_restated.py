"""Colours and sizes that change in mid-film: read as each picture says, and said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vidgan.films.broken import moved
from tests.vidgan.films.kit import BT709, DEEP
from tests.vidgan.here import convert_here
from vidgan.media.frames import frame_times, read_frames
from vidgan.media.probe import probe
from vidgan.media.types import Color, Treatment
from vidgan.options import Options

MakeFilm = Callable[..., Path]

BT601 = Color(matrix=6, primaries=6, transfer=6, full_range=False)
BT2020 = Color(matrix=9, primaries=9, transfer=14, full_range=False)
PQ = Color(matrix=9, primaries=9, transfer=16, full_range=False)
HLG = Color(matrix=9, primaries=9, transfer=18, full_range=False)
FRAMES = 12
GREEN = (0, 200, 0)


def patch(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), GREEN, np.uint8)


def joined(path: Path, *parts: Path) -> Path:
    data = [
        moved(part, path.with_name(f"moved{place}.ts"), place).read_bytes()
        for place, part in enumerate(parts)
    ]
    path.write_bytes(b"".join(data))
    return path


def middles(path: Path) -> list[NDArray[np.float64]]:
    """Red, green and blue in the middle of each picture."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [frame[24:40, 40:56].mean((0, 1)) for frame in frames]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_each_part_is_read_as_it_says(
    codec: str, make_film: MakeFilm, tmp_path: Path, identity_file: Path
) -> None:
    parts = [
        make_film(
            f"{color.matrix}.ts",
            codec=codec,
            frames=FRAMES,
            rate=25,
            audio=False,
            color=color,
            draw=patch,
        )
        for color in (BT601, BT709)
    ]
    source, output = joined(tmp_path / "both.ts", *parts), tmp_path / "out.mp4"
    options = Options(weights=identity_file, precision="fp32", crf=1)
    report = convert_here(source, output, options)
    assert (report.frames, report.frames_lost) == (2 * FRAMES, 0)
    assert [said for said in report.warnings if "change their colours (BT.709" in said]
    assert not [said for said in report.warnings if "in mid-film" in said], "once is enough"
    found = probe(output).video
    assert found.color == BT601
    # PyAV converts by the picture's own tags.
    pictures = middles(output)
    assert len(pictures) == 2 * FRAMES
    for picture in pictures:
        assert np.abs(picture - GREEN).max() <= 4


@pytest.mark.parametrize(("color", "told"), [(HLG, "HDR (HLG), read as"), (BT2020, "BT.2020")])
def test_a_part_in_hdr_or_bt2020_is_shown_as_it_would_be_alone(
    color: Color, told: str, make_film: MakeFilm, tmp_path: Path, identity_file: Path
) -> None:
    given: dict[str, Any] = {"frames": FRAMES, "rate": 25, "audio": False, "draw": patch}
    usual = make_film("usual.ts", codec="libx265", color=BT709, **given)
    other = make_film("other.ts", color=color, **DEEP, **given)
    source, output = joined(tmp_path / "both.ts", usual, other), tmp_path / "out.mp4"
    options = Options(weights=identity_file, precision="fp32", codec="libx264", crf=1)
    report = convert_here(source, output, options)
    assert (report.frames, report.frames_lost) == (2 * FRAMES, 0)
    assert [said for said in report.warnings if told in said]
    film = probe(other)
    [(_, expected), *_] = read_frames(film, frame_times(film)[3:4], Treatment(tonemap=True))
    alone = expected[24:40, 40:56].mean((0, 1)) / 257
    pictures = middles(output)
    assert all(np.abs(picture - GREEN).max() <= 4 for picture in pictures[:FRAMES])
    assert all(np.abs(picture - alone).max() <= 4 for picture in pictures[FRAMES:])
    assert np.abs(alone - GREEN).max() > 8, "read like the rest it would be wrong"


def test_a_part_that_only_states_its_matrix_is_what_it_would_be_alone(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    """After HDR: not HDR any more."""
    given: dict[str, Any] = {"frames": FRAMES, "rate": 25, "audio": False, "draw": patch}
    hdr = make_film("hdr.ts", color=PQ, **DEEP, **given)
    bare = Color(matrix=1, primaries=2, transfer=2, full_range=False)
    plain = make_film("plain.ts", codec="libx265", color=bare, **given)
    film = probe(joined(tmp_path / "both.ts", hdr, plain))
    assert film.video.color == PQ
    told = Treatment(tonemap=True)
    shown = [picture[32, 48] // 257 for _, picture in read_frames(film, frame_times(film), told)]
    assert len(shown) == 2 * FRAMES
    assert all(np.abs(picture.astype(int) - GREEN).max() <= 4 for picture in shown[FRAMES:])
    assert all(np.abs(picture.astype(int) - GREEN).max() > 8 for picture in shown[:FRAMES])


def test_a_part_that_cannot_be_read_as_it_says_is_named(
    make_film: MakeFilm, tmp_path: Path, identity_file: Path
) -> None:
    given: dict[str, Any] = {"frames": FRAMES, "rate": 25, "audio": False}
    wide = make_film("wide.ts", color=BT2020, **DEEP, **given)
    usual = make_film("usual.ts", codec="libx265", color=BT709, **given)
    source = joined(tmp_path / "both.ts", wide, usual)
    report = convert_here(source, tmp_path / "out.mp4", Options(weights=identity_file))
    assert (report.frames, report.frames_lost) == (2 * FRAMES, 0)
    assert [said for said in report.warnings if "(BT.709, taken for the film's own)" in said]


def test_sizes_and_colours_that_no_look_has_met_are_said_in_the_report(
    make_film: MakeFilm, tmp_path: Path, identity_file: Path
) -> None:
    """Half a second between the places that are looked at."""
    given: dict[str, Any] = {"rate": 25, "audio": False}
    begin = make_film("begin.ts", frames=88, color=BT601, **given)
    part = make_film("part.ts", frames=FRAMES, color=BT709, size=(192, 128), **given)
    end = make_film("end.ts", frames=60, color=BT601, **given)
    source = tmp_path / "all.ts"
    later = ((begin, 0), (part, 3.6), (end, 4.2))
    data = [moved(film, film.with_suffix(".moved.ts"), at).read_bytes() for film, at in later]
    source.write_bytes(b"".join(data))
    assert not [said for said in probe(source).warnings if "change" in said]
    options = Options(weights=identity_file, precision="fp32", chunk_frames=50)
    report = convert_here(source, tmp_path / "out.mp4", options)
    assert report.frames == 160
    [said] = [said for said in report.warnings if "in mid-film" in said]
    assert said == (
        f"{source}: its pictures change in mid-film: 192x128, made to fit; BT.709, read as such"
    )
