"""Subtitles of one text format in another: the same words at the same times."""

from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.subtitles.subtitle import AssSubtitle
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vidgan.films.tracks import Line, with_packets, with_subtitles
from vidgan.media.subtitles import Screen, Shown

seeded = settings(max_examples=100)

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]

LINES: list[Line] = [
    (100, 400, "Good morning"),
    (600, 350, r"{\i1}On the radio:{\i0}\Na second line"),
    (1000, 200, "Å, 雪 & 1 < 2 > 0"),
    (1300, 500, r"{\b1}Loud{\b0} and quiet"),
]
WORDS = ["Good morning", "On the radio:\na second line", "Å, 雪 & 1 < 2 > 0", "Loud and quiet"]
CODECS = {".mkv": "subrip", ".webm": "webvtt", ".mp4": "mov_text", ".mov": "mov_text"}
SOURCES = [
    (".mkv", "srt"),
    (".mkv", "ass"),
    (".mkv", "webvtt"),
    (".mp4", "mov_text"),
]


def shown(path: Path) -> list[tuple[int, int, str, str]]:
    """Start and length in milliseconds, plain words, and what the decoder makes of the line."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            if not packet.size or packet.pts is None:
                continue
            for line in stream.decode2(packet) or ():
                assert isinstance(line, AssSubtitle)
                said = line.ass.split(b",", 8)[8].decode()
                start = round(packet.pts * packet.time_base * 1000)
                length = round((packet.duration or 0) * packet.time_base * 1000)
                found.append((start, length, plain(said), said))
    return found


def plain(said: str) -> str:
    """Without what is between braces, which are overrides of ASS."""
    kept, depth = [], 0
    for letter in said.replace(r"\N", "\n").replace(r"\h", " "):
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and letter != "}":
            kept.append(letter)
    return "".join(kept)


@pytest.mark.parametrize("target", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize(("ending", "codec"), SOURCES)
def test_words_and_times_arrive_in_every_container(
    ending: str, codec: str, target: str, make_film: MakeFilm, encode_film: EncodeFilm
) -> None:
    film = make_film("film" + ending, frames=5, rate=2, audio=False)
    source = with_subtitles(film, film.with_name(f"{codec}{ending}"), codec, LINES)
    output = film.with_name(f"out-{codec}{target}")
    report = encode_film(source, target).join(output, overwrite=True)
    read = shown(output)
    assert [words for _, _, words, _ in read] == [words for _, _, words, _ in shown(source)]
    assert [line[:2] for line in read] == [line[:2] for line in LINES]
    with av.open(str(output)) as container:
        (stream,) = container.streams.subtitles
        became = stream.codec_context.codec.canonical_name
        assert stream.language == "eng"
    held = {".mkv": {"subrip", "ass", "webvtt"}}.get(target, {CODECS[target]})
    name = {"srt": "subrip"}.get(codec, codec)
    assert became == (name if name in held else CODECS[target])
    said = {"subrip": "srt"}.get(became, became)
    styling = "; its styling is left out" if codec == "ass" else ""
    changed = (f"subtitle 1 becomes {said}: {target} holds no {name}{styling}",)
    turned_on = f"stream 1: {target} marks it as default, as it does with the first subtitles where"
    is_turned_on = ending == ".mkv" and target in {".mp4", ".mov"}
    said_of_marks = (f"{turned_on} none are",) if is_turned_on else ()
    assert report.warnings == ((() if name in held else changed) + said_of_marks)


@pytest.mark.parametrize("target", [".mp4", ".webm"])
def test_words_are_those_that_were_written(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    film = make_film("film.mkv", frames=5, rate=2, audio=False)
    source = with_subtitles(film, tmp_path / "film.mkv", "ass", LINES)
    encode_film(source, target).join(tmp_path / ("out" + target))
    read = shown(tmp_path / ("out" + target))
    assert [words for _, _, words, _ in read] == WORDS
    assert r"{\i1}On the radio:" in read[1][3]
    assert r"{\b1}Loud" in read[3][3]


DRAWN: list[Line] = [
    (100, 200, r"{\pos(10,10)\p1}m 0 0 l 100 0 100 100{\p0}"),
    (400, 200, r"{\p1\c&HFF&}m 0 0 l 9 9{\p0}Words{\i1} that{\i0} {\p4}m 1 1{\p0\b1}stay{\b0}"),
    (700, 200, r"{\pos(10,10)\pbo3}Placed"),
    (1000, 200, r"{\p2}m 0 0 l 5 5"),
]


@pytest.mark.parametrize("target", [".mp4", ".webm"])
def test_drawings_are_no_words(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    film = make_film("film.mkv", frames=5, rate=2, audio=False)
    source = with_subtitles(film, tmp_path / "film.mkv", "ass", DRAWN)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    read = [line[:3] for line in shown(tmp_path / ("out" + target))]
    assert read == [(400, 200, "Words that stay"), (700, 200, "Placed")]
    assert report.warnings[0].endswith(f"{target} holds no ass; its styling is left out")


def test_no_styles_are_shown_as_text(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """FFmpeg's encoder of SubRip writes those of mov_text as tags, which some players show."""
    film = make_film("film.mp4", frames=5, rate=2, audio=False)
    source = with_subtitles(film, tmp_path / "film.mp4", "mov_text", LINES)
    encode_film(source, ".mkv").join(tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        texts = [bytes(p).decode() for p in container.demux(subtitles=0) if p.size]
    assert texts == [
        "Good morning",
        "<i>On the radio:</i>\na second line",
        "Å, 雪 & 1 < 2 > 0",
        "<b>Loud</b> and quiet",
    ]


OVERLAPPING: list[Line] = [
    (100, 1500, "long"),
    (600, 300, "short"),
    (600, 700, "other"),
    (1900, 300, "last"),
]


def test_lines_that_overlap_are_all_shown(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """mp4 has one text at a time; without regard for that, later ones would come too late."""
    film = make_film("film.mkv", frames=5, rate=2, audio=False)
    source = with_subtitles(film, tmp_path / "film.mkv", "ass", OVERLAPPING)
    for target in (".mp4", ".webm"):
        encode_film(source, target).join(tmp_path / ("out" + target))
    assert [line[:3] for line in shown(tmp_path / "out.webm")] == OVERLAPPING
    assert [line[:3] for line in shown(tmp_path / "out.mp4")] == [
        (100, 500, "long"),
        (600, 300, "long\nshort\nother"),
        (900, 400, "long\nother"),
        (1300, 300, "long"),
        (1900, 300, "last"),
    ]


@seeded
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 200)), max_size=8))
def test_a_screen_shows_what_lasts_at_each_moment(spans: list[tuple[int, int]]) -> None:
    starts = [*accumulate(gap for gap, _ in spans)]
    lines = [(s, s + length) for s, (_, length) in zip(starts, spans, strict=True)]
    screen = Screen()
    texts: list[Shown] = []
    for number, (start, end) in enumerate(lines):
        texts += screen.add(start, end, b"%d" % number)
    texts += screen.clear()
    assert all(a[1] <= b[0] for a, b in pairwise(texts))
    assert all(start < end for start, end, _ in texts)
    on = {ms: text.split(rb"\N") for start, end, text in texts for ms in range(start, end)}
    for ms in range(max((end for _, end in lines), default=0)):
        wanted = [b"%d" % n for n, (start, end) in enumerate(lines) if start <= ms < end]
        assert wanted == on.get(ms, [])


def test_a_screen_has_room_for_the_latest_lines() -> None:
    screen = Screen()
    for number in range(1000):
        assert [*screen.add(0, 100, b"%d" % number)] == []
    assert [*screen.clear()] == [(0, 100, rb"\N".join(b"%d" % n for n in range(992, 1000)))]


def test_lines_that_cannot_be_read_are_counted(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    film = make_film("film.mkv", frames=5, rate=2, audio=False)
    long = (700, 200, "x" * 70_000)
    source = with_subtitles(film, tmp_path / "film.mkv", "srt", [LINES[0], long, LINES[3]])
    report = encode_film(source, ".mp4").join(tmp_path / "out.mp4")
    assert [words for _, _, words, _ in shown(tmp_path / "out.mp4")] == [WORDS[0], WORDS[3]]
    assert report.warnings[-1].endswith("stream 1: 1 line cannot be read; left out")


def test_a_damaged_time_moves_no_other_line(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    film = make_film("film.mkv", frames=5, rate=2, audio=False)
    lines: list[Line] = [(200 * n, 150, f"line {n}") for n in range(10)]
    source = with_subtitles(film, tmp_path / "film.mkv", "srt", lines)
    retimed(source, b"line 3", 16_384)
    report = encode_film(source, ".mp4").join(tmp_path / "out.mp4")
    moved = [*lines[:3], *lines[4:], (16_984, 150, "line 3")]
    assert [line[:3] for line in shown(tmp_path / "out.mp4")] == moved
    assert not [said for said in report.warnings if "too late" in said]
    report = encode_film(source, ".webm").join(tmp_path / "out.webm")
    assert report.warnings[-1].endswith("6 lines begin before others; they are shown too late")


@pytest.mark.parametrize("target", [".mp4", ".webm"])
def test_lines_that_begin_before_others_are_counted(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    film = make_film("film.mkv", frames=5, rate=2, audio=False)
    lines: list[Line] = [(1000 + 200 * n, 150, f"line {n}") for n in range(6)]
    source = with_subtitles(film, tmp_path / "film.mkv", "srt", lines)
    retimed(source, b"line 5", -1500)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    assert report.warnings[-1].endswith("1 line begins before others; it is shown too late")


def retimed(path: Path, text: bytes, by: int) -> None:
    """Another time for a line: before it, a block has that in its cluster, and its flags."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"<font", 0, data.index(text)) - 3
    time = int.from_bytes(data[at : at + 2], signed=True) + by
    data[at : at + 2] = time.to_bytes(2, signed=True)
    path.write_bytes(data)


def _segment(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(2, "big") + body


BITMAPS = [
    # PGS: what is on the screen (nothing), and the end of this display set
    (300, _segment(0x16, bytes.fromhex("0060 0040 10 0000 80 00 00 00")) + _segment(0x80, b"")),
    (900, _segment(0x16, bytes.fromhex("0060 0040 10 0001 00 00 00 00")) + _segment(0x80, b"")),
]


def test_pictures_of_text_are_copied_or_named(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    film = make_film("film.mkv", frames=5, rate=2, audio=False)
    source = with_packets(film, tmp_path / "film.mkv", "hdmv_pgs_subtitle", BITMAPS)
    encode_film(source, ".mkv").join(tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        (stream,) = container.streams.subtitles
        assert stream.codec_context.name == "pgssub"
        packets = [(p.pts, bytes(p)) for p in container.demux(stream) if p.size]
    assert packets == BITMAPS
    for target in (".mp4", ".mov", ".webm"):
        report = encode_film(source, target).join(tmp_path / ("out" + target))
        assert report.warnings == (f"subtitle 1 is left out: {target} holds no hdmv_pgs_subtitle",)
