"""`--start`, `--end`, `--every`: exact to the frame, and all else in step."""

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer
from numpy.typing import NDArray

import vidgan
from tests.vidgan.films.beeps import Beeps, write_beeps
from tests.vidgan.here import convert_here
from vidgan.errors import InputError
from vidgan.media.part import Part
from vidgan.options import Options

Pixels = NDArray[np.uint8]
MakeFilm = Callable[..., Path]
ReadNumber = Callable[[Pixels], int]
Command = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("ray_up")
RATE = 24


@pytest.fixture(scope="module")
def film(make_film: MakeFilm) -> Path:
    """Ten seconds."""
    return make_film("part.mkv", frames=240, gop=50, chapters=True, subtitles=True, open_gop=True)


def pixels(frame: av.VideoFrame) -> Pixels:
    return frame.to_ndarray(format="rgb24").astype(np.uint8)


def shown(path: Path, read_number: ReadNumber) -> list[tuple[Fraction, int]]:
    with av.open(path) as container:
        return [
            (
                Fraction(f.pts or 0) * f.time_base,
                read_number(f.to_ndarray(format="rgb24").astype(np.uint8)),
            )
            for f in container.decode(video=0)
            if f.time_base is not None
        ]


def sound(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(path) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.pts is not None
        ]


def chapters(container: InputContainer) -> list[tuple[Fraction, Fraction]]:
    found = []
    for chapter in container.chapters():
        tick = chapter["time_base"] or Fraction(1)
        found.append((chapter["start"] * tick, chapter["end"] * tick))
    return found


def near(a: Fraction, b: Fraction) -> bool:
    return abs(a - b) <= Fraction(1, 1000)


@pytest.mark.parametrize("every", [1, 3])
def test_from_a_time_to_another_and_every_so_many(
    film: Path,
    identity_file: Path,
    vidgan_command: Command,
    read_number: ReadNumber,
    every: int,
) -> None:
    output = film.with_name(f"out{every}.{'mkv' if every == 1 else 'mp4'}")
    times = ("--start", "2.5", "--end", "0:06.0", "--every", str(every))
    options = ("--weights", str(identity_file), "--chunk-frames", "32")
    said = vidgan_command("convert", str(film), "-o", str(output), *times, *options)
    assert said.status == 0, said.err
    frames = shown(output, read_number)
    assert [number for _, number in frames] == list(range(60, 144, every))
    assert all(near(time, Fraction(number - 60, RATE)) for time, number in frames)

    heard, whole = sound(output), sound(film)
    first, last = Fraction(60, RATE), Fraction(frames[-1][1] + every, RATE)
    expected = [(time, data) for time, data in whole if first <= time < last]
    assert [data for _, data in heard] == [data for _, data in expected]
    for (time, _), (before, _) in zip(heard, expected, strict=True):
        assert near(time, before - first)


def test_chapters_and_lines_are_cut_with_the_film(
    film: Path, identity_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mkv"
    part = Part(start=Fraction(4), end=Fraction(7))
    convert_here(film, output, Options(weights=identity_file, part=part))
    with av.open(film) as before, av.open(output) as after:
        old, new = chapters(before), chapters(after)
    first, last = Fraction(4), Fraction(7)
    expected = [
        (max(a, first) - first, min(b, last) - first) for a, b in old if a < last and b > first
    ]
    assert len(new) == len(expected) > 0
    for (a, b), (start, end) in zip(new, expected, strict=True):
        assert near(a, start)
        assert near(b, end)
    with av.open(output) as container:
        lines = [p for p in container.demux(subtitles=0) if p.pts is not None and p.size]
        assert all(0 <= p.pts * p.time_base < 3 for p in lines if p.pts is not None)
        ends = [(p.pts or 0) * p.time_base + (p.duration or 0) * p.time_base for p in lines]
    assert all(end <= 3 for end in ends)
    assert all(a <= b for a, b in pairwise(ends))


@pytest.mark.parametrize(
    "row",
    [
        ("tta", 48_000, "0.2", ".mkv", "flac"),
        ("tta", 48_000, "3.5", ".mkv", "flac"),
        ("flac", 44_100, "1.2", ".mp4", "flac"),
        ("alac", 8_000, "0.2", ".mov", "alac"),
    ],
)
def test_sound_in_long_packets_begins_with_the_picture(
    row: tuple[str, int, str, str, str], identity_file: Path, tmp_path: Path
) -> None:
    codec, rate, start, ending, becomes = row
    source = write_beeps(tmp_path / "film.mkv", Beeps(codec=codec, rate=rate))
    output = tmp_path / f"out{ending}"
    part = Part(start=Fraction(start))
    report = convert_here(source, output, Options(weights=identity_file, part=part))
    said = (
        rf"audio 1 becomes {becomes}: {ending} would have it begin 0.* late, for its long packets"
    )
    (warning,) = report.warnings
    assert re.fullmatch(said, warning)
    assert near(sound(output)[0][0], Fraction(0))
    whole, rest = samples_of(source), samples_of(output)
    first, near_by = round(Fraction(start) * rate), rate // 1000  # mkv's times are rounded
    pieces = [whole[first + by :][: len(rest)] for by in range(-near_by, near_by + 1)]
    assert any(np.array_equal(piece, rest[: len(piece)]) for piece in pieces)
    assert len(whole) - first - len(rest) in range(-near_by, near_by + 1)


def test_lossy_sound_in_long_packets_is_copied_and_said(
    identity_file: Path, tmp_path: Path
) -> None:
    source = write_beeps(tmp_path / "film.mkv", Beeps(codec="aac", rate=8000))
    part = Part(start=Fraction(1, 5))
    output = tmp_path / "out.mkv"
    report = convert_here(source, output, Options(weights=identity_file, part=part))
    (said,) = report.warnings
    (late,) = re.findall(r"audio 1 begins (.*) s after the picture, for its long packets", said)
    assert float(late) == pytest.approx(float(sound(output)[0][0]), abs=0.01)


def samples_of(path: Path) -> NDArray[np.int16]:
    """Of the first channel."""
    with av.open(path) as container:
        packed = av.AudioResampler("s16", "stereo")
        pieces = [p for f in container.decode(audio=0) for p in packed.resample(f)]
    return np.concatenate([p.to_ndarray().reshape(-1, 2)[:, 0] for p in pieces]).astype(np.int16)


def test_a_part_that_holds_no_picture_is_named(
    film: Path, identity_file: Path, vidgan_command: Command, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no picture of it lies between --start and --end"):
        vidgan.convert(film, tmp_path / "out.mkv", weights=identity_file, start=60)
    command = ("convert", str(film), "--weights", str(identity_file), "-o", str(tmp_path / "o.mkv"))
    for times, words in (
        (("--start", "5", "--end", "4"), "--end 4: must be later than --start 5"),
        (("--start", "soon"), "'soon' is not a time"),
        (("--every", "0"), "--every"),
    ):
        said = vidgan_command(*command, *times)
        assert said.status == 2
        assert words in said.err
        assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
