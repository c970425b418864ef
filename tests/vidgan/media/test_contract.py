"""Every row of the media contract: a film that touches it, converted, each frame at its time."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.vidgan.films.contract import FILMS, WRITTEN
from tests.vidgan.films.kit import BT709, FRAMES, Kit, Sample
from tests.vidgan.films.refused import REFUSED
from tests.vidgan.here import convert_here, found_in, options_for
from vidgan.errors import VidganError
from vidgan.media.containers import CONTAINERS, SEQUENCES
from vidgan.media.contract import REFUSALS, ROWS, Found, Refusal, Row, rows_of
from vidgan.media.probe import probe
from vidgan.media.samples import is_rgb
from vidgan.media.types import Color, VideoStream

MakeFilm = Callable[..., Path]
ReadNumber = Callable[[Any], int]

SRGB = Color(matrix=0, primaries=1, transfer=13, full_range=True)
SRGB_IN_709 = Color(matrix=1, primaries=1, transfer=13, full_range=False)
TESTS = Path(__file__).parents[1]
DOCUMENT = TESTS.parents[1] / "docs" / "media.md"
GRIDS = {".mkv": Fraction(1, 1000), ".webm": Fraction(1, 1000), ".gif": Fraction(1, 100)}
"""Seconds to which the times of other outputs than these are not rounded."""


@pytest.fixture
def kit(make_film: MakeFilm, tmp_path: Path) -> Kit:
    folder = tmp_path / "films"
    folder.mkdir()
    return Kit(make_film=make_film, folder=folder)


def shown(path: Path, read_number: ReadNumber) -> tuple[list[int], list[Fraction]]:
    """The numbers and the times, in seconds, of all frames."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    times = [Fraction(f.pts or 0) * (f.time_base or 0) for f in frames]
    return [read_number(frame.to_ndarray(format="rgb24")) for frame in frames], times


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_every_frame_comes_out_at_its_time(
    row: Row, kit: Kit, identity_file: Path, tmp_path: Path, read_number: ReadNumber
) -> None:
    sample = FILMS[row.id](kit)
    found = found_in(sample)
    assert row in rows_of(found), [touched.id for touched in rows_of(found)]
    output = tmp_path / f"out{found.output.suffix}"
    report = convert_here(sample.path, output, options_for(sample, identity_file))
    assert (report.frames, report.frames_lost) == (len(sample.numbers), 0)
    assert not sample.says or any(sample.says in said for said in report.warnings)
    numbers, times = shown(output, read_number)
    assert numbers == list(sample.numbers)
    near = found.film.video.time_base + GRIDS.get(output.suffix, Fraction(0))
    off = [abs(time - wanted) for time, wanted in zip(times, sample.times, strict=True)]
    assert max(off) <= near
    assert look_of(probe(output).video) == expected_look(found, row)


def look_of(video: VideoStream) -> dict[str, object]:
    """What a player is told of the pictures."""
    return {
        "size": (video.width, video.height),
        "turn": (video.rotation, video.mirrored),
        "shape": video.sample_aspect_ratio or 1,
        "colour": video.color,
        "bits": min(video.bits, 10),
    }


def expected_look(found: Found, row: Row) -> dict[str, object]:
    """That of the source, but for RGB, which becomes YUV, and HDR, which becomes SDR."""
    look = look_of(found.film.video)
    if found.output.suffix == ".gif":
        return look | {"colour": SRGB}
    if is_rgb(found.film.video.pixel_format):
        return look | {"colour": SRGB_IN_709}
    return look | ({"colour": BT709} if row.id == "hdr" else {})


@pytest.mark.parametrize("written", WRITTEN, ids=" of ".join)
def test_every_output_of_every_codec_has_each_frame_at_its_time(
    written: tuple[str, str], kit: Kit, identity_file: Path, tmp_path: Path, read_number: ReadNumber
) -> None:
    ending, codec = written
    source = kit.film("a.mp4", rate=30)
    is_sequence = ending in SEQUENCES
    output = tmp_path / "out" / f"%03d{ending}" if is_sequence else tmp_path / f"out{ending}"
    chosen = None if codec in {"png", "mjpeg"} else codec
    options = options_for(Sample(path=source, codec=chosen), identity_file)
    assert convert_here(source, output, options).frames == FRAMES
    numbers, times = shown(output, read_number)
    assert numbers == list(range(FRAMES))
    if not is_sequence:
        grid = GRIDS.get(ending, Fraction(0))
        wanted = [Fraction(i, 30) for i in range(FRAMES)]
        assert all(abs(a - b) <= grid / 2 for a, b in zip(times, wanted, strict=True))


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.id)
def test_what_is_not_converted_is_refused_in_these_words(
    refusal: Refusal,
    kit: Kit,
    identity_file: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    sample = REFUSED[refusal.id](kit)
    capfd.readouterr()
    output = tmp_path / f"out{sample.ending or '.mp4'}"
    with pytest.raises(VidganError) as caught:
        convert_here(sample.path, output, options_for(sample, identity_file))
    said = str(caught.value)
    assert refusal.words in said
    assert "\n" not in said
    assert capfd.readouterr() == ("", "")  # no codec has lines of its own to add
    assert [path for path in tmp_path.iterdir() if path != kit.folder] == []


def test_a_plain_film_touches_no_row_that_it_should_not(make_film: MakeFilm) -> None:
    found = found_in(Sample(path=make_film("plain.mp4", color=BT709)))
    assert [row.id for row in rows_of(found)] == [
        "mp4",
        "h264",
        "steady",
        "exact",
        "bt709",
        "sound",
    ]


def test_films_in_which_nothing_can_be_sought_are_looked_at_as_well(kit: Kit) -> None:
    FILMS["side-data"](kit)
    [said] = probe(kit.folder / "captions.h264").warnings
    assert said.endswith("went with the old pictures: closed captions")


def cells(heading: str, count: int) -> list[tuple[str, ...]]:
    """Of the tables of docs/media.md below a heading, lines without the names of their columns."""
    text = DOCUMENT.read_text().partition(f"\n# {heading}\n")[2].partition("\n# ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    split = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]
    assert all(len(line) == count for line in split)
    return [(line[0].strip("`"), *line[1:]) for line in split]


def test_the_document_says_the_same() -> None:
    rows = cells("What goes in and what comes out", 4)
    assert [row[:3] for row in rows] == [(row.id, row.goes_in, row.comes_out) for row in ROWS]
    refused = cells("What is refused", 3)
    assert refused == [(r.id, r.goes_in, f'"{r.words}"') for r in REFUSALS]
    for row in ROWS:
        assert "|" not in row.goes_in + row.comes_out


def test_the_document_names_every_output() -> None:
    written = {**CONTAINERS, **SEQUENCES}.items()
    codecs = [
        (ending, ", ".join(f"`{codec}`" for codec in kind.encoders)) for ending, kind in written
    ]
    assert [row[:2] for row in cells("Outputs", 3)] == codecs


def test_the_tests_that_the_document_names_are_there() -> None:
    for row in cells("What goes in and what comes out", 4):
        for name in filter(None, row[3].split(", ")):
            module, _, test = name.strip("`").partition("::")
            [file] = TESTS.rglob(f"{module}.py")
            assert f"\ndef {test}(" in file.read_text(), name
