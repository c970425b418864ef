"""The time of day of the first frame that is written."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vidgan.here import convert_here
from vidgan.media.part import Part
from vidgan.media.timecode import timecode_later
from vidgan.options import Options

MakeFilm = Callable[..., Path]
FILM, NTSC, FAST = Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)


@pytest.mark.parametrize(
    ("timecode", "rate", "frames", "later"),
    [
        ("01:02:03:04", FILM, 50, "01:02:05:04"),
        ("23:59:59:24", FILM, 1, "00:00:00:00"),
        ("00:00:59:29", NTSC, 1, "00:01:00:00"),
        ("00:00:59;29", NTSC, 1, "00:01:00;02"),
        ("00:00:59;29", NTSC, 1799, "00:02:00;02"),
        ("00:09:59;29", NTSC, 1, "00:10:00;00"),
        ("00:10:59;28", NTSC, 2, "00:11:00;02"),
        ("23:59:59;29", NTSC, 1, "00:00:00;00"),
        ("00:00:59;59", FAST, 1, "00:01:00;04"),
        ("00:00:00;00", NTSC, 17982, "00:10:00;00"),
        ("00:00:00;00", FAST, 24 * 107892 * 2, "00:00:00;00"),
    ],
)
def test_frames_are_counted_as_the_clock_counts_them(
    timecode: str, rate: Fraction, frames: int, later: str
) -> None:
    assert timecode_later(timecode, rate, frames / rate) == later


@given(st.sampled_from([NTSC, FAST]), st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_drop_frame_numbers_go_on_from_one_another(rate: Fraction, first: int, second: int) -> None:
    on_the_way = timecode_later("00:00:00;00", rate, first / rate)
    assert on_the_way is not None
    assert timecode_later(on_the_way, rate, second / rate) == timecode_later(
        "00:00:00;00", rate, (first + second) / rate
    )
    assert abs(_clock(on_the_way, rate) - first / rate) < Fraction(1, 10)


def _clock(timecode: str, rate: Fraction) -> Fraction:
    """Seconds, of the day; as it is meant, drop-frame timecode keeps up with time."""
    hours, minutes, rest = timecode.split(":")
    seconds, frames = rest.split(";")
    return (int(hours) * 60 + int(minutes)) * 60 + int(seconds) + int(frames) / rate


@pytest.mark.parametrize("timecode", ["noon", "01:02:03", "01:02:03;04"])
def test_what_cannot_be_counted(timecode: str) -> None:
    assert timecode_later(timecode, FILM, Fraction(1)) is None
    assert timecode_later("01:02:03:04", None, Fraction(1)) is None


def with_timecode(film: Path, path: Path, timecode: str) -> Path:
    with av.open(str(film)) as before, av.open(str(path), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0], opaque=True)
        stream.metadata["timecode"] = timecode
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    return path


def timecodes_of(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        tags = [container.metadata, *(stream.metadata for stream in container.streams)]
        return {v for some in tags for k, v in some.items() if k.lower() == "timecode"}


PARTS = {
    "01:02:05:04": Part(start=Fraction(2)),
    "01:02:03:17": Part(start=Fraction(1, 2), every=3),  # frame 13 is the first from then on
    "01:02:03:04": Part(every=2),
}


@pytest.mark.parametrize("endings", [".mov .mov", ".mov .mp4", ".mov .mkv", ".mkv .mp4"])
@pytest.mark.parametrize("first", PARTS)
def test_a_part_has_the_timecode_of_its_first_frame(
    endings: str,
    first: str,
    make_film: MakeFilm,
    identity_file: Path,
    tmp_path: Path,
) -> None:
    source, target = endings.split()
    plain = make_film("film.mov", frames=60, rate=25, audio=False)
    film = with_timecode(plain, tmp_path / ("film" + source), "01:02:03:04")
    output = tmp_path / ("out" + target)
    report = convert_here(film, output, Options(weights=identity_file, part=PARTS[first]))
    assert report.warnings == ()
    assert timecodes_of(output) == {first}
    with av.open(str(output)) as container:
        assert len(container.streams) == (1 if target == ".mkv" else 2)


def test_the_timecode_track_counts_the_frames_of_the_film(
    make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    """Of every second one: the k-th has the timecode of the film's frame 2k."""
    plain = make_film("film.mov", frames=60, rate=25, audio=False)
    film = with_timecode(plain, tmp_path / "film.mov", "01:02:03:04")
    output = tmp_path / "out.mov"
    convert_here(film, output, Options(weights=identity_file, part=Part(every=2)))
    data = output.read_bytes()
    entry = data.index(b"tmcd", data.rindex(b"stsd")) + 20
    scale, length = (int.from_bytes(data[entry + at : entry + at + 4]) for at in (0, 4))
    assert (scale / length, data[entry + 8]) == (25, 25)


@pytest.mark.parametrize("part", [Part(), Part(start=Fraction(1))])
def test_a_timecode_that_cannot_be_counted_is_named(
    part: Part, make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    """There is no drop-frame timecode at 25 frames a second."""
    plain = make_film("film.mov", frames=60, rate=25, audio=False)
    film = with_timecode(plain, tmp_path / "film.mkv", "01:02:03;04")
    output = tmp_path / "out.mp4"
    report = convert_here(film, output, Options(weights=identity_file, part=part))
    assert report.warnings == ("the timecode 01:02:03;04 is left out: none of 25 frames/s",)
    assert timecodes_of(output) == set()


@pytest.mark.parametrize("target", [".mov", ".mp4", ".mkv"])
def test_the_timecode_of_a_whole_film_is_that_of_its_pictures(
    target: str, make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    """As MXF and raw DV say it; nothing of it is left out, and nothing says so."""
    film = make_film(
        "film.mkv", frames=30, rate=25, audio=False, metadata={"timecode": "01:02:03:04"}
    )
    output = tmp_path / ("out" + target)
    options = Options(weights=identity_file, part=Part(start=Fraction(1)))
    assert convert_here(film, output, options).warnings == ()
    assert timecodes_of(output) == {"01:02:04:04"}
