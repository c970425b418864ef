"""FFmpeg's own programs as an independent referee of every row and every output of the contract.

What is expected is what they say of the source, or what the film was made with, never what vidgan
has read. Debian's FFmpeg is older (5.1) than the library here: what it cannot read is named below.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from tests.vidgan.films.contract import FILMS, WRITTEN
from tests.vidgan.films.kit import FRAMES, Kit, Sample
from tests.vidgan.here import convert_here, found_in, options_for
from tests.vidgan.referee import Said, ask, needs_ffmpeg, words_on_decoding
from vidgan.media.contract import ROWS

MakeFilm = Callable[..., Path]

pytestmark = needs_ffmpeg

GRIDS = {".mkv": Fraction(1, 1000), ".webm": Fraction(1, 1000), ".gif": Fraction(1, 100)}
"""Seconds to which times are rounded; elsewhere they are exact."""
NO_TIMES = {
    "avi": "AVI has no times, and FFmpeg takes those of decoding for them",
    "packed": "AVI",
    "sound-coded": "AVI",
    "bare": "there are none",
    "webp": "FFmpeg 5.1 does not read animated WebP",
    "numbered": "it is asked with another rate",
    "mended": "they are wrong in the source",
    "seam": "two recordings, each with its clock",
}
"""Rows of whose source it cannot say when each picture is shown, and why."""
FROM_ZERO = {"mpeg-ts", "mpeg-ps", "mpeg-1-2", "early", "sizes", "shapes", "colours", "data-left"}
"""Rows whose source begins elsewhere: in ts and mpg anywhere, or before 0."""
UNREADABLE = {"webp"}
"""Rows of whose source FFmpeg 5.1 says nothing at all."""

System = tuple[str, ...]
"""Range, matrix, primaries, transfer."""
BT709: System = ("tv", "bt709", "bt709", "bt709")
SRGB: System = ("tv", "bt709", "bt709", "iec61966-2-1")
BT470BG: System = ("tv", "bt470bg", "bt470bg", "smpte170m")
NONE: System = ("unknown",) * 4
WRITTEN_AS: dict[str, System] = {
    **dict.fromkeys(("rgb", "apng", "webp", "numbered", "alpha"), SRGB),
    **dict.fromkeys(("vp", "ogv", "raw-kinds"), BT470BG),  # VP8 by RFC 6386, not by FFmpeg 5.1
    "jpeg": ("pc", *BT470BG[1:]),
    "hdr": BT709,
    "gif": NONE,
}
"""Rows that come out in other colours than the source says."""
SMALL_UNTAGGED: System = ("tv", "smpte170m", "smpte170m", "smpte170m")
"""For what players take small pictures that say nothing."""

BESIDE: dict[str, list[tuple[str, str | None, str]]] = {
    "sound-coded": [("audio", "aac", "und")],
    "lines-coded": [("subtitle", "mov_text", "eng")],
    "mxf": [("data", None, "eng")],  # the timecode of its header becomes a track
    **{row: [] for row in ("lines-left", "attached-left", "cover-left", "data-left")},
    "second-picture": [],
}
"""Rows that have other streams beside the picture than the source: kind, codec, language."""
SIZES = {"cropped": (96, 48), "webp": (96, 64)}
"""Rows of another size than FFmpeg 5.1 says that the source has, which knows no crop of mkv."""
WORDS = {
    "cover": "stream 0, timescale not set",
    "attached": "Could not find codec parameters for stream 1 (Attachment: none): unknown codec",
}
"""What ffmpeg says of a row's output and of its source alike: a cover of mp4 has no timescale, and
5.1 does not know the type font/ttf."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row's film before and after."""

    row: str
    sample: Sample
    output: Path
    before: Said | None
    after: Said


@pytest.fixture(scope="module", params=[row.id for row in ROWS])
def case(
    request: pytest.FixtureRequest,
    make_film: MakeFilm,
    identity_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    row: str = request.param
    folder = tmp_path_factory.mktemp("row")
    sample = FILMS[row](Kit(make_film=make_film, folder=folder))
    output = folder / f"out{found_in(sample).output.suffix}"
    convert_here(sample.path, output, options_for(sample, identity_file))
    numbered = ("-start_number", "7") if row == "numbered" else ()
    before = None if row in UNREADABLE else ask(sample.path, *numbered)
    return Case(row=row, sample=sample, output=output, before=before, after=ask(output))


def test_all_of_it_decodes_without_a_word(case: Case) -> None:
    words = words_on_decoding(case.output)
    if case.row in WORDS:
        assert WORDS[case.row] in words
        assert words == words_on_decoding(case.sample.path)
    else:
        assert words == []


def test_every_frame_is_shown_at_its_time(case: Case) -> None:
    after = [time for time in case.after.times if time is not None]
    assert len(after) == len(case.after.times) == len(case.sample.numbers)
    grid = GRIDS.get(case.output.suffix, Fraction(0))
    coarse = Fraction(1, 1000) + grid  # the source's own grid, where it has one
    assert _farthest(after, case.sample.times) <= coarse
    if case.row in NO_TIMES:
        return
    assert case.before is not None
    before = [time for time in case.before.times if time is not None]
    if case.row in FROM_ZERO:
        assert before[0] != 0
        before = [time - before[0] for time in before]
    assert _farthest(after, before) <= grid / 2


def _farthest(times: Sequence[Fraction], wanted: Sequence[Fraction]) -> Fraction:
    return max(abs(time - other) for time, other in zip(times, wanted, strict=True))


def test_colours_size_shape_and_turn_are_as_they_were(case: Case) -> None:
    after = case.after.video
    assert _system(case.after) == (WRITTEN_AS.get(case.row) or _completed(case.before))
    assert after.get("field_order", "progressive") == "progressive"
    if case.before is None:
        assert (after["width"], after["height"]) == SIZES[case.row]
        return
    before = case.before.video
    size = before["width"], before["height"]
    assert (after["width"], after["height"]) == SIZES.get(case.row, size)
    assert ("10" in after["pix_fmt"]) == ("10" in before["pix_fmt"])
    shapes = [video.get("sample_aspect_ratio", "1:1") for video in (before, after)]
    assert shapes[0] == shapes[1]
    assert case.after.turn == case.before.turn
    assert bool(case.after.turn) == (case.row in {"turned", "mirrored"})


def _system(said: Said) -> System:
    names = ("color_range", "color_space", "color_primaries", "color_transfer")
    return tuple(said.video.get(name, "unknown") for name in names)


def _completed(said: Said | None) -> System:
    """What the source says, and for what players take what it leaves out."""
    assert said is not None
    stated = _system(said)
    usual = BT709 if "bt709" in stated else SMALL_UNTAGGED
    return tuple(
        other if one == "unknown" else one for one, other in zip(stated, usual, strict=True)
    )


def test_all_else_is_there_in_the_same_order(case: Case) -> None:
    codec = {".webm": "vp9", ".gif": "gif"}.get(
        case.output.suffix, "hevc" if "10" in case.after.video["pix_fmt"] else "h264"
    )
    assert case.after.video["codec_name"] == codec
    beside = [entry[:3] for entry in case.after.beside]
    if case.row in BESIDE:
        assert beside == BESIDE[case.row]
        assert case.before is None or case.before.beside != case.after.beside
    elif case.before is not None:
        assert case.after.beside == case.before.beside
    else:
        assert beside == []


def test_chapters_and_tags_are_the_same(case: Case) -> None:
    if case.before is None:
        return
    assert case.after.named_chapters == case.before.named_chapters
    assert bool(case.after.chapters) == (case.row == "chapters")
    for tag in ("title", "creation_time"):
        assert case.after.tags.get(tag) == case.before.tags.get(tag)
    if case.row == "place":
        assert case.after.tags["location"] == "+47.1234+008.5678+410/"


NAMES = {
    **{"libx264": "h264", "libx265": "hevc", "libsvtav1": "av1", "libvpx-vp9": "vp9"},
    **{"prores_ks": "prores", "ffv1": "ffv1", "png": "png", "mjpeg": "mjpeg"},
}
"""Of what each encoder writes."""


@pytest.mark.parametrize("written", WRITTEN, ids=" of ".join)
def test_every_output_of_every_codec(
    written: tuple[str, str], make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    ending, codec = written
    kit = Kit(make_film=make_film, folder=tmp_path)
    is_sequence = ending in {".png", ".jpg", ".jpeg"}
    beside = {"audio": True, "subtitles": True, "chapters": True}
    source = kit.film("a.mp4", rate=30, frames=2 * FRAMES, **beside)
    output = tmp_path / "out" / f"%03d{ending}" if is_sequence else tmp_path / f"out{ending}"
    chosen = None if codec in {"png", "mjpeg"} else codec
    convert_here(source, output, options_for(Sample(path=source, codec=chosen), identity_file))
    said = ask(output)
    assert said.video["codec_name"] == ("gif" if ending == ".gif" else NAMES[codec])
    assert len(said.times) == 2 * FRAMES
    assert words_on_decoding(output) == []
    if is_sequence:
        return
    grid = GRIDS.get(ending, Fraction(0))
    times = [time for time in said.times if time is not None]
    assert _farthest(times, [Fraction(i, 30) for i in range(2 * FRAMES)]) <= grid / 2
    if ending == ".gif":
        assert said.beside == []
        return
    kinds = [entry[:3] for entry in said.beside if entry[0] != "data"]  # mp4 has a track of titles
    sound = "opus" if ending == ".webm" else "aac"
    text = {".mkv": "subrip", ".webm": "webvtt"}.get(ending, "mov_text")
    assert kinds == [("audio", sound, "eng"), ("subtitle", text, "eng")]
    titles = [title for _, _, title in said.named_chapters]
    assert titles == ["Chapter 1", "Chapter 2"]
