"""Times that are missing, repeat or go back, made to rise; and clocks that start anew.

Two cures. `mended` is for some pictures of one stream: what rises stays, the rest is spread evenly
between. `Clock` is for a whole film put together of recordings, as transport streams are: from a
seam on all streams are moved alike, so that picture and sound stay together.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av.container import InputContainer
from av.packet import Packet

from vidgan.media.sources import source_of
from vidgan.media.types import USUAL_RATE, Film

_BACK = Fraction(1, 2)
"""Seconds that a decode time may lie before the one before it; no clock that goes on does that."""
_AHEAD = 10
"""Seconds that a decode time may lie behind the one before it, and be no seam yet."""
_NEAR = 5
"""Seconds: where another stream goes on until so close to a jump, the film has a gap, no seam."""
_NAMED = 20


def mended(stated: Sequence[int | None], *, after: int | None, step: Fraction) -> list[int]:
    """Strictly rising times for pictures in the order in which they are shown.

    As many of the stated times as rise are kept; the others are spread evenly between these, and
    beyond the last one they follow by `step` (ticks). All are later than `after`; pictures that
    all are not are moved as one.
    """
    known = [time for time in stated if time is not None]
    if after is not None and known and max(known) <= after:
        later = after + max(1, round(step)) - min(known)
        stated = [None if time is None else time + later for time in stated]
    kept = _rising(stated, after)
    spread = _spread(stated, kept, after, step)
    return _strict(spread, after)


def _rising(stated: Sequence[int | None], after: int | None) -> list[int]:
    """Where the longest run of rising times is, none of them before `after`."""
    ends: list[int] = []  # the lowest time at which a run of this length ends, and where
    at: list[int] = []
    before: dict[int, int | None] = {}
    for place, time in enumerate(stated):
        if time is None or (after is not None and time <= after):
            continue
        length = bisect_left(ends, time)
        if ends[length : length + 1] == [time]:
            continue  # of two pictures for one time the first keeps it
        before[place] = at[length - 1] if length else None
        ends[length:], at[length:] = [time, *ends[length + 1 :]], [place, *at[length + 1 :]]
    run: list[int] = []
    place_or_none = at[-1] if at else None
    while place_or_none is not None:
        run.append(place_or_none)
        place_or_none = before[place_or_none]
    return run[::-1]


def _spread(
    stated: Sequence[int | None], kept: Sequence[int], after: int | None, step: Fraction
) -> list[int]:
    """Times between those kept; a first one without any is 0."""
    anchors = [(place, stated[place] or 0) for place in kept]
    if after is not None:
        anchors.insert(0, (-1, after))
    elif not anchors:
        anchors = [(0, 0)]
    (first, start), (last, end) = anchors[0], anchors[-1]
    times = [start - round(step * (first - place)) for place in range(first)]
    for (left, time), (right, later) in pairwise(anchors):
        places = right - left
        times += [time + (later - time) * place // places for place in range(places)]
    times += [end + round(step * (place - last)) for place in range(last, len(stated))]
    return times if first >= 0 else times[1:]


def _strict(times: Sequence[int], after: int | None) -> list[int]:
    """The same, each at least a tick after the one before."""
    made: list[int] = []
    for time in times:
        lowest = made[-1] if made else after
        made.append(time if lowest is None else max(time, lowest + 1))
    return made


class Clock:
    """The clock of a film, made one that starts near zero and goes on.

    That of a transport stream runs freely: it starts anywhere, and anew where recordings were put
    together. A seam is where the decode times of a stream go back, or jump ahead while no other
    stream goes on in between. The same film gives the same moves, whoever reads it: each reader
    shows its own clock every packet of the film, in the order of the file. For other containers
    nothing is moved.
    """

    def __init__(self, film: Film, container: InputContainer) -> None:
        self.is_needed = source_of(film.container).may_have_seams
        """Whether packets have to be shown to it at all."""
        self._path = film.path
        self._found: list[Fraction] = []
        sound = [other.index for other in film.others if other.kind == "audio"]
        self._main = {film.video.index, *sound}  # they have a packet every moment
        starts = [
            stream.start_time * stream.time_base
            for stream in container.streams
            if stream.index in self._main
            and stream.start_time is not None
            and stream.time_base is not None
        ]
        self._offsets = [-min(starts, default=Fraction(0))]  # seconds, of each recording
        self._turn: dict[int, int] = {}  # which recording a stream is in
        self._last: dict[int, Fraction] = {}
        self._step: dict[int, Fraction] = {}

    @property
    def origin(self) -> Fraction:
        """What the container's own clock says where this one, in the first recording, is at 0."""
        return -self._offsets[0] if self.is_needed else Fraction(0)

    @property
    def warnings(self) -> Iterator[str]:
        """One line, or none."""
        if self._found:
            times = ", ".join(f"{float(seconds):.3f}" for seconds in self._found[:_NAMED])
            more = f" and {len(self._found) - _NAMED} more" if self._found[_NAMED:] else ""
            yield (
                f"{self._path}: its clock starts anew at {times}{more} s; what comes after was "
                "moved to go on from there"
            )

    def move(self, packet: "Packet[Any]") -> None:
        """Move a packet's times by what its recording is moved by."""
        ticks = packet.dts if packet.dts is not None else packet.pts
        if not self.is_needed or ticks is None or packet.time_base is None:
            return
        index, raw = packet.stream_index, ticks * packet.time_base
        if index in self._main:
            self._follow(index, raw)
            turn = self._turn.get(index, 0)
        else:
            turn = max(self._turn.values(), default=0)
        later = round(self._offsets[turn] / packet.time_base)
        if later:
            packet.dts = None if packet.dts is None else packet.dts + later
            packet.pts = None if packet.pts is None else packet.pts + later

    def _follow(self, index: int, raw: Fraction) -> None:
        """Notice a seam of a main stream."""
        turn = self._turn.get(index, 0)
        now, last = raw + self._offsets[turn], self._last.get(index)
        if last is not None and not self._goes_on(index, now):
            turn = self._turn[index] = self._next_turn(index, raw, turn)
            now = raw + self._offsets[turn]
        elif last is not None and last < now <= last + _AHEAD:
            self._step[index] = now - last
        self._last[index] = now

    def _goes_on(self, index: int, now: Fraction) -> bool:
        last = self._last[index]
        if now <= last + _AHEAD:
            return now >= last - _BACK
        return any(last + _AHEAD < other > now - _NEAR for other in self._others(index))

    def _others(self, index: int) -> list[Fraction]:
        return [time for other, time in self._last.items() if other != index]

    def _next_turn(self, index: int, raw: Fraction, turn: int) -> int:
        """One that another stream has come to already, if it fits; else a new one."""
        last = self._last[index]
        for later in range(turn + 1, len(self._offsets)):
            if last - _BACK <= raw + self._offsets[later] <= last + _AHEAD:
                return later
        expected = last + self._step.get(index, 1 / USUAL_RATE)
        self._offsets.append(expected - raw)
        self._found.append(expected)
        return len(self._offsets) - 1
