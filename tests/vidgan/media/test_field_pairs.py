"""Pictures whose two fields come in packets of their own are counted, and converted, once."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from tests.vidgan.films.paff import write_paff
from tests.vidgan.films.pictures import draw
from tests.vidgan.here import convert_here
from vidgan.media.chunks import ChunkReader
from vidgan.media.count import count_film
from vidgan.media.decode import decode_chunk
from vidgan.media.field_pairs import FieldPairs
from vidgan.media.probe import probe
from vidgan.media.types import Treatment
from vidgan.options import Options

ReadNumber = Callable[[Any], int]
SIZE = (96, 64)
FRAMES = 12


def paff(path: Path) -> Path:
    return write_paff(path, [draw(number, SIZE) for number in range(FRAMES)])


def packets_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


@pytest.mark.parametrize("name", ["a.ts", "a.m2ts", "a.h264"])
def test_two_fields_are_one_picture(tmp_path: Path, name: str, read_number: ReadNumber) -> None:
    path = paff(tmp_path / name)
    assert packets_of(path) == 2 * FRAMES
    film = probe(path)
    assert film.video.fields == "flagged"
    assert count_film(film).frames == FRAMES
    reader = ChunkReader(film, frames_per_chunk=4)
    frames = [frame for chunk in reader for frame in decode_chunk(chunk, film.video)]
    assert [read_number(frame.rgb) for frame in frames] == list(range(FRAMES))
    steps = {b.pts - a.pts for a, b in pairwise(frames)}
    assert {step * film.video.time_base for step in steps} == {Fraction(1, 25)}
    times_are_missing = name == "a.h264"
    assert [w for w in reader.warnings if "had no time" in w] == []
    assert bool(reader.warnings) == times_are_missing


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_copies_say_a_time_of_each_field(
    tmp_path: Path, name: str, read_number: ReadNumber
) -> None:
    """And the index of an mp4 lists both: none is missed."""
    pictures = [draw(number, SIZE) for number in range(FRAMES)]
    path = write_paff(tmp_path / name, pictures, apart=True)
    assert packets_of(path) == 2 * FRAMES
    film = probe(path)
    reader = ChunkReader(film, frames_per_chunk=4)
    frames = [frame for chunk in reader for frame in decode_chunk(chunk, film.video)]
    assert [read_number(frame.rgb) for frame in frames] == list(range(FRAMES))
    steps = {b.pts - a.pts for a, b in pairwise(frames)}
    assert {step * film.video.time_base for step in steps} == {Fraction(1, 25)}
    assert (reader.missing_frames, reader.warnings) == (0, [])


def test_such_a_film_is_converted_without_a_loss(
    tmp_path: Path, identity_file: Path, read_number: ReadNumber
) -> None:
    source, output = paff(tmp_path / "a.ts"), tmp_path / "out.mp4"
    treatment = Treatment(deinterlace="off")
    options = Options(weights=identity_file, crf=4, chunk_frames=4, treatment=treatment)
    report = convert_here(source, output, options)
    assert (report.frames, report.frames_lost) == (FRAMES, 0)
    with av.open(str(output)) as container:
        made = [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert made == list(range(FRAMES))


def test_a_field_whose_other_is_lost_stays_alone(tmp_path: Path) -> None:
    """The first field of the third picture is missing: the second is no part of another picture."""
    path = paff(tmp_path / "a.h264")
    film = probe(path)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    del packets[4]
    pairs = FieldPairs(film.video)
    seconds = [place for place, data in enumerate(packets) if pairs.is_second(data)]
    assert seconds == [1, 3, *range(6, 2 * FRAMES - 1, 2)]


def test_whole_pictures_are_not_looked_into(make_film: Callable[..., Path], tmp_path: Path) -> None:
    whole = probe(make_film("a.mp4", audio=False)).video
    assert not FieldPairs(whole).may_come
    assert not FieldPairs(replace(whole, codec="hevc")).may_come
    assert FieldPairs(probe(paff(tmp_path / "a.ts")).video).may_come
    woven = probe(make_film("woven.ts", size=(96, 96), interlaced=True, audio=False))
    assert FieldPairs(woven.video).may_come
    assert count_film(woven).frames == 48
