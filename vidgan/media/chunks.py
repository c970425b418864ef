"""Cutting a film into chunks of compressed packets that decode alone, in one streaming pass.

Three steps, each a generator: packets are gathered into GOPs, and times that lie are mended; GOPs
become segments, whose borders are keyframes at which presentation time, too, can be cut; segments
are packed into chunks, or split where one is longer than the budget. Held in memory, compressed,
are the chunk in hand and two GOPs or three; a film of a single keyframe is one GOP, and held whole.
Borders depend on the input alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

import av
from av.container import InputContainer
from av.packet import Packet as AvPacket

from vidgan.errors import InputError
from vidgan.media.clock import Clock
from vidgan.media.holes import Holes
from vidgan.media.opening import demux, open_film
from vidgan.media.packets import Coming, Incoming
from vidgan.media.random_access import may_start_at
from vidgan.media.retiming import Retiming
from vidgan.media.sources import source_of
from vidgan.media.types import LONGEST_CHUNK, USUAL_GOP, Chunk, Film, Packet

_ENCODE_ANEW = "ffmpeg -i IN -fps_mode vfr -c:v libx264 -crf 12 -c:a copy OUT.mkv"
MAX_PARTS = 8
"""Into how many chunks a GOP that is longer than the budget is cut at most. Each of its n parts is
decoded from the GOP's start, which makes (n + 1) / 2 times the work of a plain pass: at most 4.5
times, where parts as small as the budget would take time that grows as the square of the length."""

MAX_CHUNK_BYTES = 1 << 27
"""Of a chunk of several GOPs: 64 raw pictures of 4K would be 1.6 GB."""

_CUT_TOLERANCE = Fraction(1, 2)  # seconds that a header may promise too much


@dataclass(frozen=True, slots=True)
class _Segment:
    """Packets between two borders, those of the next segment that it needs, and what it owns."""

    packets: list[Packet]
    tail: list[Packet]
    owned: list[int]
    fallback: Packet | None
    size: int
    """Bytes of `packets`, whether they are kept or not."""


class ChunkReader:
    """The chunks of a film, once; afterwards `frames`, `missing_frames` and `warnings` are final.

    A chunk has at most `frames_per_chunk` frames, but those of a single longer GOP: it is cut into
    the number of parts that comes nearest to that, `MAX_PARTS` at most, and every part brings the
    packets from the GOP's start. By default that is `USUAL_GOP`, and what is left at a film's end,
    where it is less than half as much, goes with the chunk before.

    Times that are missing, repeat or go back are mended, which `warnings` says. Iterating raises
    `InputError` where coding parameters change. Without `data` all is checked and counted alike,
    but the chunks' packets are empty (`count_film`).
    """

    def __init__(
        self, film: Film, *, frames_per_chunk: int | None = None, data: bool = True
    ) -> None:
        if frames_per_chunk is not None and frames_per_chunk < 1:
            raise ValueError(f"frames_per_chunk must be at least 1, not {frames_per_chunk}")
        self.film = film
        self._most = frames_per_chunk or USUAL_GOP
        self._most_at_end = frames_per_chunk or LONGEST_CHUNK
        self.position = 0
        """Bytes of the file read so far."""
        self.frames = 0
        """Frames owned by the chunks so far."""
        self.missing_frames = 0
        """Frames that the container's index promises, or a jump in time betrays, and that the
        file does not hold."""
        self.first_keyframe: int | None = None
        """Its presentation time, in ticks; None until one has been read."""
        self.warnings: list[str] = []
        self._data = data
        self._end = Fraction(0)
        self._holes = Holes(film)
        self._retiming = Retiming(film, data=data)
        self._clock: Clock | None = None
        self._incoming: Incoming | None = None

    def __iter__(self) -> Iterator[Chunk]:
        with open_film(self.film.path) as container:
            try:
                yield from self._chunks(container)
            except GeneratorExit:  # nobody wants the rest: what was seen of the film is said
                self.warnings += [*self._said(), *self._holes.warnings]
                raise
            self.warnings += self._said()
            self._look_for_losses()

    def missing_between(self, first: int, last: int) -> int:
        """Of the frames that a jump in time betrays, those between two times, in ticks."""
        return self._holes.missing_between(first, last)

    def _chunks(self, container: InputContainer) -> Iterator[Chunk]:
        index = 0
        waiting: list[_Segment] = []
        for segment in self._segments(container):
            self.frames += len(segment.owned)
            self._holes.look(segment.owned)
            waiting.append(segment)
            while len(waiting) > 1 and self._is_more_than(self._most_at_end, waiting):
                count = self._fitting(waiting)
                yield from self._pack(waiting[:count], index)
                index += self._parts(waiting[:count])
                waiting = waiting[count:]
        if waiting:
            yield from self._pack(waiting, index)

    def _fitting(self, segments: list[_Segment]) -> int:
        """How many of them one chunk takes."""
        counts = range(len(segments), 1, -1)
        fitting = (n for n in counts if not self._is_more_than(self._most, segments[:n]))
        return next(fitting, 1)

    def _is_more_than(self, frames: int, segments: list[_Segment]) -> bool:
        size = sum(segment.size for segment in segments)
        return _total(segments) > frames or size > MAX_CHUNK_BYTES

    def _parts(self, segments: list[_Segment]) -> int:
        """How many chunks: more than one of a single long segment alone.

        One a little longer stays whole: two short parts would cost a keyframe and a preroll.
        """
        near = (_total(segments) + self._most // 2) // self._most
        return min(max(near, 1), MAX_PARTS)

    def _pack(self, segments: list[_Segment], index: int) -> Iterator[Chunk]:
        """One chunk of whole segments; or, of a single long one, near-equal parts with preroll."""
        packets = [packet for segment in segments for packet in segment.packets]
        packets += segments[-1].tail
        owned = [pts for segment in segments for pts in segment.owned]
        parts = self._parts(segments)
        for part in range(parts):
            mine = owned[len(owned) * part // parts : len(owned) * (part + 1) // parts]
            needed = packets if parts == 1 else _until_last_of(packets, mine)
            yield Chunk(
                index=index + part,
                packets=tuple(needed),
                owned=tuple(mine),
                fallback=segments[0].fallback,
            )

    def _segments(self, container: InputContainer) -> Iterator[_Segment]:
        """Merge GOPs until the next one begins at a clean border."""
        packets: list[Packet] = []
        start: int | None = None
        highest = size = 0
        fallback: Packet | None = None
        for run in self._retiming.steadied(self._runs(container)):
            gop = self._retiming.of(run, start, packets)
            if self.first_keyframe is None:
                self.first_keyframe = next((p.pts for p in gop if p.is_keyframe), None)
            leading = _leading(gop)
            if packets and leading is not None and highest < gop[0].pts:
                border, tail = gop[0].pts, gop[: 1 + leading]
                owned = _shown(packets + tail, start, border)
                yield _Segment(packets, tail, owned, fallback, size)
                fallback = packets[0] if packets[0].is_keyframe else fallback
                packets, start, highest, size = gop, border, _highest(gop), 0
            else:
                highest = max(highest, _highest(gop)) if packets else _highest(gop)
                packets = packets + gop
            size += sum(coming.size for coming in run)
        if packets:
            yield _Segment(packets, [], _shown(packets, start, None), fallback, size)

    def _runs(self, container: InputContainer) -> Iterator[list[Coming]]:
        """Packets in decode order, each run from a keyframe where decoding may start: GOPs."""
        run: list[Coming] = []
        for coming in self._packets(container):
            if run and self._may_start(coming.packet):
                yield run
                run = []
            run.append(coming if self._keeps_data else coming.without_data())
        if run:
            yield run

    def _may_start(self, packet: Packet) -> bool:
        video = self.film.video
        return (
            packet.is_keyframe
            and not packet.is_discard
            and may_start_at(packet.data, codec=video.codec, extradata=video.extradata)
        )

    def _packets(self, container: InputContainer) -> Iterator[Coming]:
        """The video's packets as plain values, until the end or the first error of the demuxer."""
        clock = self._clock = Clock(self.film, container)
        incoming = self._incoming = Incoming(self.film.video, container, data=self._keeps_data)
        try:
            for packet in demux(container):
                clock.move(packet)
                self._end = max(self._end, _end_of(packet))
                self.position = max(self.position, packet.pos or 0)
                self._holes.see(packet)
                if packet.stream_index == self.film.video.index:
                    self._check_parameters(packet)
                    yield from incoming.take(packet)
        except av.FFmpegError as error:
            self.warnings.append(
                f"{self.film.path}: reading stopped at {float(self._end):.3f} s "
                f"({error.strerror}); what comes after is missing"
            )
        yield from incoming.rest()

    def _said(self) -> Iterator[str]:
        """What was made of the film's times, as far as it was read."""
        if self._clock is not None:
            yield from self._clock.warnings
        yield from self._retiming.warnings

    @property
    def _keeps_data(self) -> bool:
        """Of all packets, until their times are known; keyframes are always looked into."""
        return self._data or self._retiming.looks_into_packets

    def _check_parameters(self, packet: "AvPacket[Any]") -> None:
        if packet.has_sidedata("new_extradata"):
            extradata = bytes(packet.get_sidedata("new_extradata"))
            if extradata != self.film.video.extradata:
                self._refuse(
                    f"changes its coding parameters at {self._seconds(packet.pts or 0)} s",
                    _ENCODE_ANEW,
                )

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        raise InputError(f"{self.film.path} {what}; repair it with `{remedy}` first")

    def _seconds(self, ticks: int) -> str:
        return f"{float(ticks * self.film.video.time_base):.3f}"

    def _look_for_losses(self) -> None:
        fields = self._incoming.paired if self._incoming is not None else 0
        declared = max(0, self.film.frames_promised - fields)  # the index lists packets
        missing = max(0, declared - self.frames)
        self.missing_frames = max(missing, self._holes.missing)
        self.warnings += self._holes.warnings
        states_length = source_of(self.film.container).states_length
        total = (self.film.duration or Fraction(0)) if states_length else Fraction(0)
        if missing > self._holes.missing:
            self.warnings.append(
                f"{self.film.path}: {missing} of {declared} frames that the index "
                f"promises are not in the file, which ends at {float(self._end):.3f} s"
            )
        elif self._end + _CUT_TOLERANCE < total:
            self.warnings.append(
                f"{self.film.path} is cut off at {float(self._end):.3f} s of {float(total):.3f} s"
            )


def read_chunks(film: Film, *, frames_per_chunk: int | None = None) -> Iterator[Chunk]:
    """The chunks of a film in order; use `ChunkReader` to learn of losses as well."""
    return iter(ChunkReader(film, frames_per_chunk=frames_per_chunk))


def _total(segments: Sequence[_Segment]) -> int:
    return sum(len(segment.owned) for segment in segments)


def _leading(gop: list[Packet]) -> int | None:
    """How many packets right after the keyframe are shown before it; None if later ones are, too.

    None means that this keyframe is no border: cutting here could not be right.
    """
    is_early = [packet.pts < gop[0].pts for packet in gop[1:]]
    count = is_early.index(False) if False in is_early else len(is_early)
    return None if any(is_early[count:]) else count


def _shown(packets: list[Packet], start: int | None, end: int | None) -> list[int]:
    """The presentation times of a segment from `start` up to `end`, in order."""
    return sorted(
        p.pts
        for p in packets
        if not p.is_discard and (start is None or p.pts >= start) and (end is None or p.pts < end)
    )


def _highest(gop: list[Packet]) -> int:
    return max(packet.pts for packet in gop)


def _until_last_of(packets: list[Packet], owned: Sequence[int]) -> list[Packet]:
    """All up to the packet of the owned pictures that is decoded last."""
    mine = set(owned)
    last = max(i for i, p in enumerate(packets) if p.pts in mine and not p.is_discard)
    return packets[: last + 1]


def _end_of(packet: "AvPacket[Any]") -> Fraction:
    """Seconds at which the packet has been shown in full."""
    if packet.pts is None or packet.time_base is None:
        return Fraction(0)
    return (packet.pts + (packet.duration or 0)) * packet.time_base
