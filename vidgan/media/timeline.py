"""When each encoded frame is shown and decoded, over the whole film."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from vidgan.errors import OutputError
from vidgan.media.types import EncodedChunk, Packet, VideoStream


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All presentation times, in ticks, and how far decoding runs ahead of them."""

    times: Sequence[int]
    """Of the frames there are, strictly increasing."""
    lost: Sequence[int]
    """Of the frames that could not be decoded, strictly increasing."""
    reorder: int
    """By how many places the latest frame is shown before its turn in decode order."""


def survey(chunks: Iterable[EncodedChunk]) -> Timeline:
    """Look at every chunk once, keeping nothing but times.

    Raises:
        OutputError: chunks are missing or out of order, do not begin with a keyframe, or overlap.
    """
    times: list[int] = []
    lost: list[int] = []
    reorder = 0
    for index, chunk in enumerate(chunks):
        shown = sorted(packet.pts for packet in chunk.packets)
        _check_chunk(index, chunk, shown, after=times[-1] if times else None)
        reorder = max(reorder, _reorder(chunk.packets, shown))
        times += shown
        lost += chunk.lost
    return Timeline(times=times, lost=lost, reorder=reorder)


def _check_chunk(index: int, chunk: EncodedChunk, shown: list[int], *, after: int | None) -> None:
    starts_later = not shown or after is None or after < shown[0]
    is_strict = all(a < b for a, b in pairwise(shown))
    starts_clean = not chunk.packets or chunk.packets[0].is_keyframe
    if chunk.index != index or not (starts_later and is_strict and starts_clean):
        raise OutputError(
            f"finished part {chunk.index} does not fit as number {index}; convert with --no-resume"
        )


def _reorder(packets: Sequence[Packet], shown: list[int]) -> int:
    rank = {pts: place for place, pts in enumerate(shown)}
    return max((place - rank[packet.pts] for place, packet in enumerate(packets)), default=0)


def check_complete(timeline: Timeline, expected: Sequence[int]) -> None:
    """Refuse chunks whose frames, with the lost ones, are not exactly those of the source.

    Raises:
        OutputError: frames are missing, or there are some that the source does not have.
    """
    if not timeline.times:
        raise OutputError("no frame could be decoded, so there is nothing to write")
    found, wanted = {*timeline.times, *timeline.lost}, set(expected)
    if found != wanted:
        raise OutputError(
            f"the finished parts lack {len(wanted - found)} frames of the source and have "
            f"{len(found - wanted)} others; convert with --no-resume"
        )


def timed_packets(
    chunks: Iterable[EncodedChunk], timeline: Timeline, *, last_duration: int
) -> Iterator[Packet]:
    """The packets of the film in decode order, with decode times and durations, in ticks.

    A frame is decoded when the frame `reorder` places before it is shown, as x264 does it: never
    after it is shown itself, strictly increasing, and close to it even around a long freeze.
    """
    times, delay = timeline.times, timeline.reorder
    lead = times[delay] - times[0]
    borders = [*times[1:], times[-1] + last_duration]
    begin = 0
    for chunk in chunks:
        rank = {pts: begin + i for i, pts in enumerate(sorted(p.pts for p in chunk.packets))}
        for place, packet in enumerate(chunk.packets, start=begin):
            dts = times[place] - lead if place < delay else times[place - delay]
            duration = borders[rank[packet.pts]] - packet.pts
            yield replace(packet, dts=dts, duration=duration)
        begin += len(chunk.packets)


def usual_duration(times: Sequence[int], video: VideoStream) -> int:
    """How long to show the last frame where the source does not say, in ticks."""
    if len(times) > 1:
        return times[-1] - times[-2]
    return max(1, round(1 / (video.rate * video.time_base)))
