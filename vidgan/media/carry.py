"""What comes with the picture: the packets that are copied, and those that are made anew."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Stream
from av.subtitles.stream import SubtitleStream

from vidgan.media.clock import Clock
from vidgan.media.opening import demux, open_film
from vidgan.media.part import Span
from vidgan.media.sound import Sound
from vidgan.media.subtitles import Lines
from vidgan.media.types import Film

_EARLY = 2
"""Seconds: longer than any packet of sound is in practice."""
_WARM_UP = Fraction(1, 10)
"""Seconds of hidden sound that a decoder is given before what is heard: Opus asks for 80 ms."""
_HIDDEN = 32
"""Packets of it that are kept in hand."""
_PATIENCE = 100
"""Errors in a row after which a damaged source is taken to have ended."""
_INTERLEAVED = 10
"""Seconds by which streams of a file may run ahead of each other."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was written of one audio stream, to be compared with what is read back."""

    codec: str
    packets: int = 0
    size: int = 0
    """Bytes."""
    start: Fraction | None = None
    """Seconds."""

    def add(self, packet: "av.Packet[Any]") -> None:
        """Count a packet, read or about to be written; an empty one tells the muxer something."""
        if not packet.size:
            return
        if self.start is None and packet.pts is not None:
            self.start = packet.pts * packet.time_base
        self.packets += 1
        self.size += packet.size


@dataclass(slots=True, kw_only=True)
class Carried:
    """The streams that go along, and what happened to them."""

    streams: dict[int, Stream]
    """The index in the source, and the stream of the output."""
    tallies: dict[int, Tally]
    """The index in the output, of audio streams."""
    makers: dict[int, Sound | Lines] = field(default_factory=dict)
    """The index in the source, of streams that are transcoded."""
    covers: list[Stream] = field(default_factory=list)
    """In the output."""
    first: "list[av.Packet[Any]]" = field(default_factory=list)
    """Packets to write before all others."""
    warnings: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many streams of the output these are."""
        return len(self.streams) + len(self.covers)


def chapters_later(
    source: InputContainer, shift: Fraction, span: Span | None = None
) -> "list[av.container.core.Chapter]":
    """The chapters of the source, or of a span of it, moved by `shift` seconds."""
    chapters = []
    for chapter in source.chapters():
        tick = chapter["time_base"] or Fraction(1)
        times = chapter["start"] * tick, chapter["end"] * tick
        inside = times if span is None else span.clip(*times)
        if inside is not None:
            chapter["start"], chapter["end"] = (round((time + shift) / tick) for time in inside)
            chapters.append(chapter)
    return chapters


def read_carried(
    source: InputContainer,
    film: Film,
    carried: Carried,
    *,
    strict: bool,
    shift: Fraction = Fraction(0),
    span: Span | None = None,
) -> Iterator["av.Packet[Any]"]:
    """The packets of all that comes along, each bound to its stream of the output.

    Copied packets whose decode times go backwards, as damage can make them, are left out and named
    in `carried.warnings`; a source that breaks off ends the copy where it does. `strict` is for
    containers that need every decode time of a sound to be later than the one before. Of a `span`
    packets of sound are taken that begin in it, and lines that are shown in it, for that long;
    sound that is made anew is exact to the sample.
    """
    clock = Clock(film, source)
    for stream in source.streams:
        if stream.index not in carried.streams and not clock.is_needed:
            stream.discard = Discard.all
    yield from carried.first
    clocks = {index: _Clock() for index in carried.streams}
    hidden = {index: _Hidden() for index in carried.streams}
    wanted = [source.streams[index] for index in carried.streams]
    if wanted and clock.is_needed:
        wanted = [*source.streams]
    for packet in _demux(source, wanted, film, carried.warnings):
        clock.move(packet)
        if packet.stream.index not in carried.streams or _is_flush(packet) or _is_gap(packet):
            continue
        index = packet.stream.index
        early = _EARLY if index in carried.makers else 0
        if span is not None and not _cut(packet, span, early):
            if _begin(packet) > span.last + _INTERLEAVED:
                break
            continue
        if index in carried.makers:
            yield from carried.makers[index].take(packet)
            continue
        for heard in hidden[index].take(packet, clocks[index].last):
            if clocks[index].set(heard, strict=strict):
                yield _bound(heard, carried.streams[index], shift)
    for index, maker in carried.makers.items():
        yield from maker.finish()
        carried.warnings += [f"{film.path}, stream {index}: {said}" for said in maker.warnings()]
    carried.warnings += [
        f"{film.path}, stream {index}: {_packets(clock.dropped)} back in time; left out"
        for index, clock in clocks.items()
        if clock.dropped
    ]


def _packets(count: int) -> str:
    return "1 packet goes" if count == 1 else f"{count} packets go"


def _cut(packet: "av.Packet[Any]", span: Span, early: int) -> bool:
    """Cut what a packet shows to what of it lies in a span; False if that is nothing.

    Sound may begin `early`, in seconds: a decoder needs what comes before.
    """
    begin, tick = _begin(packet), packet.time_base
    if not isinstance(packet.stream, SubtitleStream):
        return span.first - early <= begin < span.last
    inside = span.clip(begin, begin + max(packet.duration or 0, 1) * tick)
    if inside is None:
        return False
    packet.pts = packet.dts = round(inside[0] / tick)
    packet.duration = packet.duration and round((inside[1] - inside[0]) / tick)
    return True


def _begin(packet: "av.Packet[Any]") -> Fraction:
    """Seconds."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return (ticks or 0) * packet.time_base


def _is_flush(packet: "av.Packet[Any]") -> bool:
    return packet.size == 0 and packet.dts is None and packet.pts is None


def _is_gap(packet: "av.Packet[Any]") -> bool:
    """An empty line of an mp4 subtitle: the muxer writes those itself, once more if copied."""
    is_text = isinstance(packet.stream, SubtitleStream) and packet.stream.name == "mov_text"
    return is_text and bytes(packet) == b"\0\0"


@dataclass(slots=True)
class _Clock:
    """The times of one stream, in ticks, made good where the source leaves them out."""

    last: int | None = None
    step: int = 0
    dropped: int = 0

    def set(self, packet: "av.Packet[Any]", *, strict: bool) -> bool:
        """Give a packet what it lacks; False if it is before the one before."""
        stated = packet.dts if packet.dts is not None else packet.pts
        dts = stated if stated is not None else (self.last or 0) + self.step
        last = dts if self.last is None else self.last
        is_sound = isinstance(packet.stream, AudioStream)
        dts += int(strict and is_sound and self.last == dts)
        if dts < last:
            self.dropped += 1
            return False
        if is_sound and not packet.duration:
            # The end of the last packet is the end of the sound: mp4 drops one of no length.
            packet.duration = dts - last
        self.last, self.step = dts, packet.duration or 0
        packet.dts = dts
        packet.pts = dts if packet.pts is None else max(packet.pts, dts)
        return True


@dataclass(slots=True)
class _Hidden:
    """Packets that an edit list hides; FFmpeg hands over a second of them before each edit.

    Those right before what is heard go along, and mp4 hides them again. The others would be heard
    in a container without edit lists, or look as if time went back.
    """

    waiting: "deque[av.Packet[Any]]" = field(default_factory=lambda: deque(maxlen=_HIDDEN))

    def take(self, packet: "av.Packet[Any]", last: int | None) -> "list[av.Packet[Any]]":
        """What is to be written; `last` is the decode time of what was, in ticks."""
        if packet.is_discard:
            self.waiting.append(packet)
            return []
        earliest = _begin(packet) - _WARM_UP
        near = [
            early
            for early in self.waiting
            if earliest <= _begin(early) and (last is None or (early.dts or 0) >= last)
        ]
        self.waiting.clear()
        return [*near, packet]


def _bound(packet: "av.Packet[Any]", stream: Stream, shift: Fraction) -> "av.Packet[Any]":
    later = round(shift / packet.time_base)
    assert packet.pts is not None
    assert packet.dts is not None
    packet.pts += later
    packet.dts += later
    packet.stream = stream
    return packet


def _demux(
    source: InputContainer, streams: list[Stream], film: Film, warnings: list[str]
) -> Iterator["av.Packet[Any]"]:
    """Read on after errors, as players do, until the end or until nothing but errors comes."""
    if not streams:
        return
    failures = 0
    while failures < _PATIENCE:
        try:
            for packet in demux(source, streams):
                failures = 0
                yield packet
            return
        except FFmpegError:
            failures += 1
    warnings.append(f"{film.path}: damaged; what comes with the picture ends early")


def tally_for(stream: Stream) -> Tally | None:
    """A fresh count for an audio stream, None for other kinds."""
    return Tally(codec=stream.codec_context.name) if isinstance(stream, AudioStream) else None


def last_frame_duration(film: Film, last_pts: int) -> int | None:
    """How long the source shows the frame at `last_pts`, in ticks; None where it does not say."""
    try:
        with open_film(film.path) as source:
            stream = source.streams[film.video.index]
            source.seek(last_pts, stream=stream)
            for packet in demux(source, [stream]):
                if packet.pts == last_pts:
                    return packet.duration or None
                if packet.dts is not None and packet.dts > last_pts:
                    break
    except FFmpegError:
        return None
    return None
