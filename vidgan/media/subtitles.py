"""Subtitles of one text format into those of another: the words, line breaks, italics and times."""

import re
from bisect import insort
from collections.abc import Iterable, Iterator
from fractions import Fraction
from operator import itemgetter
from typing import Any, cast

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

_TICK = Fraction(1, 1000)
_USUAL = 3000
"""Milliseconds for which a line is shown of which the source does not say it."""
_LONGEST = 2**31 - 1
_HELD = 1
"""Lines that wait for others that begin before them, as damaged times may be too late.

Not in containers without an index, where a player finds a line only if it lies beside its pictures.
"""
_MOST_LINES = 8
"""At one time: a screen has no room for more."""
_MOST_TEXT = 65_000
"""Bytes; a line of mov_text counts its own with 16 bits."""
_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_FONT = re.compile(rb"</?font[^>]*>|\{\\an0\}")
"""What FFmpeg's encoder of SubRip makes of a style's colours and sizes, that players show as is."""
_OVERRIDE = re.compile(rb"(\{[^{}]*\})")
_DRAWING = re.compile(rb"\\p\s*(\d+)")
"""In an override: lines and curves follow, up to one of 0; not `\\pos`, `\\pbo`."""


def add_subtitles(
    container: OutputContainer, template: SubtitleStream, encoder: str
) -> SubtitleStream:
    """A stream of the output for the lines of a stream of the source, in another format.

    Raises:
        ValueError: the lines of the source cannot be read.
    """
    source = cast("SubtitleCodecContext | None", template.codec_context)
    try:
        if source is None:
            raise ValueError("no decoder")
        source.open(strict=False)
    except (FFmpegError, ValueError) as error:
        raise ValueError("the lines cannot be read") from error
    stream = container.add_stream(encoder)
    assert isinstance(stream, SubtitleStream)
    stream.codec_context.subtitle_header = source.subtitle_header or _HEADER
    stream.time_base = stream.codec_context.time_base = _TICK
    return stream


Shown = tuple[int, int, bytes]
"""From when to when, in ms, and the text."""


class Screen:
    """Lines that may overlap, as texts of which one follows the other: what mov_text can say."""

    def __init__(self) -> None:
        self._active: list[tuple[int, bytes]] = []
        """The end of each line that is shown, and the line."""
        self._now: int | None = None

    def add(self, start: int, end: int, text: bytes) -> Iterator[Shown]:
        """What was shown until this line starts; lines come in the order of their starts."""
        yield from self._until(start)
        self._active = [*self._active[1 - _MOST_LINES :], (end, text)]

    def clear(self) -> Iterator[Shown]:
        """What is shown until all lines have ended."""
        yield from self._until(max((end for end, _ in self._active), default=0))

    def _until(self, time: int) -> Iterator[Shown]:
        now = time if self._now is None else self._now
        self._active = [line for line in self._active if line[0] > now]
        while self._active and now < time:
            end = min(time, *(end for end, _ in self._active))
            yield now, end, rb"\N".join(text for _, text in self._active)
            now = end
            self._active = [line for line in self._active if line[0] > now]
        self._now = max(now, time)


class Lines:
    """Packets of a stream of the source in, packets of its stream of the output out."""

    def __init__(self, source: SubtitleStream, stream: SubtitleStream, *, shift: Fraction) -> None:
        self._source = source.codec_context
        self._stream = stream
        self._shift = shift
        self._screen = Screen() if stream.codec_context.name == "mov_text" else None
        self._held: list[Shown] = []
        self._last = -_LONGEST
        self._begun = -_LONGEST
        """The latest start of a line that is given."""
        self._late = 0
        self._count = 0
        self._damaged = 0

    def take(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The line of a packet, if there is one, or what is known to be shown before it."""
        try:
            lines = self._source.decode2(packet)
            text = self._text(lines) if lines is not None else b""
        except (FFmpegError, ValueError):
            self._damaged += 1
            return
        if not text or packet.pts is None:
            return
        start = round((packet.pts * packet.time_base + self._shift) / _TICK)
        length = round((packet.duration or 0) * packet.time_base / _TICK)
        end = start + (min(length, _LONGEST) or _USUAL)
        insort(self._held, (start, end, text), key=itemgetter(0))
        if len(self._held) > (0 if self._screen is None else _HELD):
            yield from self._give(self._held.pop(0))

    def finish(self) -> Iterator["av.Packet[Any]"]:
        """What was held back."""
        for line in self._held:
            yield from self._give(line)
        if self._screen is not None:
            yield from self._made(self._screen.clear())

    def warnings(self) -> Iterator[str]:
        """What did not come out as it is in the source."""
        if self._damaged:
            yield f"{self._damaged} line{'s' * (self._damaged > 1)} cannot be read; left out"
        if self._late == 1:
            yield "1 line begins before others; it is shown too late"
        elif self._late:
            yield f"{self._late} lines begin before others; they are shown too late"

    def _give(self, line: Shown) -> Iterator["av.Packet[Any]"]:
        self._late += line[0] < self._begun
        self._begun = max(self._begun, line[0])
        yield from self._made([line] if self._screen is None else self._screen.add(*line))

    def _text(self, lines: SubtitleSet) -> bytes:
        """Several lines of one time as one; in the notation of ASS, which all decoders give."""
        texts = [
            line.ass.split(b",", 8)[8]
            for line in lines
            if isinstance(line, AssSubtitle) and line.ass.count(b",") >= 8
        ]
        text = rb"\N".join(filter(None, map(_without_drawings, texts)))
        return _escaped(text) if self._stream.codec_context.name == "webvtt" else text

    def _made(self, shown: Iterable[Shown]) -> Iterator["av.Packet[Any]"]:
        for start, end, text in shown:
            try:
                made = self._encode(text)
            except (FFmpegError, ValueError):
                self._damaged += 1
                continue
            self._last = max(self._last, start)
            made.pts = made.dts = self._last
            made.duration = max(1, end - self._last)
            made.time_base, made.stream = _TICK, self._stream
            yield made

    def _encode(self, text: bytes) -> "av.Packet[Any]":
        if len(text) > _MOST_TEXT:
            raise ValueError("too long for a line")
        dialogue = b"%d,0,Default,,0,0,0,,%s" % (self._count, text)
        self._count += 1
        made = self._stream.codec_context.encode_subtitle(SubtitleSet.create(dialogue, 0, 1))
        if self._stream.codec_context.name not in {"srt", "subrip"}:
            return made
        plain = _FONT.sub(b"", bytes(made))
        packet: av.Packet[Any] = av.Packet(len(plain))
        packet.update(plain)
        return packet


def _without_drawings(text: bytes) -> bytes:
    """A line without the outlines that ASS has drawn, of which other formats would show numbers.

    Empty if there is nothing else.
    """
    kept, draws, has_drawn = [], False, False
    if b"\\p" not in text:
        return text
    for part in _OVERRIDE.split(text):
        is_override = part.startswith(b"{")
        if is_override and (scales := _DRAWING.findall(part)):
            draws = int(scales[-1]) > 0
        if is_override or not draws:
            kept.append(part)
        has_drawn = has_drawn or draws
    rest = b"".join(kept)
    return b"" if has_drawn and not _OVERRIDE.sub(b"", rest).strip() else rest


def _escaped(text: bytes) -> bytes:
    """What has a meaning in WebVTT, written so that it is shown; FFmpeg's encoder does not."""
    parts = _OVERRIDE.split(text)
    return b"".join(
        part
        if part.startswith(b"{")
        else part.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
        for part in parts
    )
