"""The times of a film's pictures, mended where they cannot be right."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from vidgan.media.clock import mended
from vidgan.media.order import DisplayOrder
from vidgan.media.packets import Coming, without_data
from vidgan.media.sources import SHOWN_AS_DECODED, source_of
from vidgan.media.types import Film, Packet

_FAR = 5
"""Seconds that only a damaged time lies behind the next GOP's; less, and more than its pictures,
does little harm, and may be a keyframe that is no border."""
_DEPTH = 16  # pictures that a codec may show later than it decodes them
_ISOLATED = 16  # times of a run that are looked for one by one; more are as if none were stated


class Retiming:
    """Sees a film's runs of packets in turn, each from a keyframe on, and gives them times.

    Times that are all there, differ, and do not fall before what has been cut off already are
    believed. Others are put in the order of show: as the codec says it where that is looked for
    (`Source.order_is_read`), else in the order of the times themselves.
    """

    def __init__(self, film: Film, *, data: bool = True) -> None:
        """Without `data` the packets that come back are light."""
        self._film = film
        self._data = data
        source = source_of(film.container)
        self._has_slots = source.has_slots or film.video.packed
        self.looks_into_packets = source.order_is_read or film.video.packed
        """Whether the data of all packets is wanted."""
        self._order = DisplayOrder(film.video)
        self._knows_order = self.looks_into_packets or film.video.codec in SHOWN_AS_DECODED
        self._step = 1 / (film.video.rate * film.video.time_base)
        self._mended = self._unstated = self._seen = 0

    def steadied(self, runs: Iterable[list[Coming]]) -> Iterator[list[Coming]]:
        """The same runs, each held back until the next one has confirmed its times.

        A keyframe that leaps behind what follows it would be the border that all later pictures
        lie before, and any other picture would keep later keyframes from being borders: these get
        a time between their neighbours, and the others keep theirs.
        """
        held: list[Coming] = []
        before: int | None = None
        for run in runs:
            if held:
                held = self._steady(held, run, before)
                before = max(_stated(held), default=before)
                yield held
            held = run
        if held:
            yield held

    def _steady(
        self, run: list[Coming], following: Sequence[Coming], before: int | None
    ) -> list[Coming]:
        """The run, without times that leap; `before` is the latest one of the run before."""
        then = sorted(_stated(following))
        leaps = [] if self._has_slots or not then else self._leaps(run, then, before)
        times = [coming.stated for coming in run]
        for place in leaps:
            times[place] = None
        for place in leaps[:_ISOLATED]:
            times[place] = time = _between(times, place, before, then[0], round(self._step))
            packet = replace(run[place].packet, pts=time, dts=None)
            run[place] = replace(run[place], packet=packet, stated=time)
        for place in leaps[_ISOLATED:]:
            run[place] = replace(run[place], stated=None)
        self._mended += len(leaps[:_ISOLATED])
        return run

    def _leaps(self, run: Sequence[Coming], then: Sequence[int], before: int | None) -> list[int]:
        """The places of pictures that lie behind the next run, whose times are `then`.

        None do where most of the run does: there the clock went back.
        """
        middle = then[(len(then) - 1) // 2]  # one of these may be damaged as well
        others = _stated(run[1:]) or ([] if before is None else [before])
        if others and 2 * sum(time < middle for time in others) <= len(others):
            return []
        far = middle + max(_FAR / self._film.video.time_base, _DEPTH * self._step)
        return [
            place
            for place, coming in enumerate(run)
            if coming.stated is not None and coming.stated > (far if place else middle)
        ]

    def of(self, run: Sequence[Coming], start: int | None, open_: Sequence[Packet]) -> list[Packet]:
        """The packets of a run, each with its time, in decode order.

        Args:
            run: from a keyframe to the next.
            start: the time from which on film has not been cut off yet, if any has.
            open_: the packets before the run that have not been cut off.
        """
        shown = [place for place, coming in enumerate(run) if not coming.packet.is_discard]
        packets = [coming.packet for coming in run]
        self._seen += len(shown)
        if self._has_slots or self._is_wrong([run[i] for i in shown], start, open_):
            after = max((p.pts for p in open_), default=None)
            for place, time in self._times(run, shown, after):
                packets[place] = replace(packets[place], pts=time, dts=None)
        return packets if self._data else [without_data(packet) for packet in packets]

    def _is_wrong(self, run: Sequence[Coming], start: int | None, open_: Sequence[Packet]) -> bool:
        times = [coming.stated for coming in run if coming.stated is not None]
        if len(set(times)) < len(run):
            return True
        if start is not None and min(times, default=start) < start:
            return True
        return not {p.pts for p in open_ if not p.is_discard}.isdisjoint(times)

    def _times(
        self, run: Sequence[Coming], shown: Sequence[int], after: int | None
    ) -> Iterator[tuple[int, int]]:
        """The places of pictures in the run, and their times."""
        pictures = [run[place] for place in shown]
        known = self._known_order(pictures)
        order = known if known is not None else _order_by_time(pictures)
        stated = [pictures[i].stated for i in order]
        if self._has_slots and known is not None:
            stated = [*sorted(map(_slot, pictures))]
        times = mended(stated, after=after, step=self._step)
        self._unstated += sum(picture.stated is None for picture in pictures)
        self._mended += sum(time != was for time, was in zip(times, stated, strict=True))
        return zip((shown[i] for i in order), times, strict=True)

    def _known_order(self, pictures: Sequence[Coming]) -> list[int] | None:
        if not self._knows_order:
            return None
        return self._order.of([picture.packet for picture in pictures])

    @property
    def warnings(self) -> Iterator[str]:
        """One line, or none."""
        if self._unstated and self._unstated == self._seen:
            yield (
                f"{self._film.path}: it holds no times; its pictures are shown at "
                f"{float(self._film.video.rate):g} a second"
            )
        elif self._mended:
            one = self._mended == 1
            yield (
                f"{self._film.path}: {self._mended} picture{'' if one else 's'} had no time, or "
                f"one that repeats or goes back; {'it was' if one else 'they were'} put between "
                f"{'its' if one else 'their'} neighbours"
            )


def _stated(run: Sequence[Coming]) -> list[int]:
    return [coming.stated for coming in run if coming.stated is not None]


def _between(
    times: Sequence[int | None], place: int, before: int | None, after: int, step: int
) -> int:
    """A time for the picture at a place of a run that lies between two others.

    Where its pictures are shown as they are decoded, it is between those next to it; else where
    most room is.
    """
    earlier = [time for time in times[:place] if time is not None]
    later = [time for time in times[place:] if time is not None]
    known = [*earlier, *later]
    low = min([*known, after]) - 2 * step if before is None else before
    left, right = (earlier or [low])[-1], (later or [after])[0]
    if known != sorted(known):
        gaps = pairwise(sorted([low, *known, after]))
        left, right = max(gaps, key=lambda gap: gap[1] - gap[0])
    return left + max(1, (right - left) // 2)


def _order_by_time(pictures: Sequence[Coming]) -> list[int]:
    """Where nothing better is known; one without a time is shown after the one decoded before."""
    times: list[int] = []
    for picture in pictures:
        before = times[-1] if times else 0
        times.append(before if picture.stated is None else picture.stated)
    return sorted(range(len(times)), key=times.__getitem__)


def _slot(picture: Coming) -> int:
    packet = picture.packet
    return packet.dts if packet.dts is not None else packet.pts
