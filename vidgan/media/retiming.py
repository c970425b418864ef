"""The times of a film's pictures, mended where they cannot be right."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from vidgan.media.clock import mended
from vidgan.media.order import DisplayOrder
from vidgan.media.packets import Coming, without_data
from vidgan.media.sources import SHOWN_AS_DECODED, source_of
from vidgan.media.types import Film, Packet

_USUAL_RATE = Fraction(25)


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
        rate = film.video.average_rate or _USUAL_RATE
        self._step = 1 / (rate * film.video.time_base)
        self._mended = self._unstated = self._seen = 0

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
            rate = self._film.video.average_rate or _USUAL_RATE
            yield (
                f"{self._film.path}: it holds no times; its pictures are shown at "
                f"{float(rate):g} a second"
            )
        elif self._mended:
            one = self._mended == 1
            yield (
                f"{self._film.path}: {self._mended} picture{'' if one else 's'} had no time, or "
                f"one that repeats or goes back; {'it was' if one else 'they were'} put between "
                f"{'its' if one else 'their'} neighbours"
            )


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
