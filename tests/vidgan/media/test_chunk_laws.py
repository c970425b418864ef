"""Laws of cutting, for any GOPs, orders of frames, budgets and gaps (Hypothesis)."""

from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av
from av.packet import Packet as AvPacket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidgan.media.chunks import MAX_PARTS, ChunkReader
from vidgan.media.probe import probe

MakeFilm = Callable[..., Path]

TICK = Fraction(1, 16_000)
"""As FFmpeg's muxer would choose for 1/1000."""
seeded = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # what they make is the same
)


@st.composite
def orders(draw: st.DrawFn) -> list[list[int]]:
    """GOPs: places in the order of show, listed in the order of decoding.

    Each begins with a keyframe. But for the first, pictures shown before it may come right after
    it (an open GOP); the rest comes in any order. Now and then one that is shown after its own
    keyframe is shown after the next one too, at which no film can be cut then.
    """
    gops: list[list[int]] = []
    start = 0
    for count in draw(st.lists(st.integers(1, 12), min_size=1, max_size=6)):
        places = range(start, start + count)
        leading = draw(st.integers(0, count - 1)) if gops else 0
        after = draw(st.permutations(places[leading + 1 :]))
        gops.append([places[leading], *places[:leading], *after])
        start += count
    for before, behind in pairwise(gops):
        is_free = before[-1] > before[0] and len(behind) > 1
        if is_free and draw(st.integers(0, 5)) == 0:
            before[-1], behind[-1] = behind[-1], before[-1]
    return gops


def write(path: Path, template: Path, gops: list[list[int]], times: list[int]) -> None:
    """A film of the same picture again and again; which are keyframes is what the file says."""
    keyframes = {gop[0] for gop in gops}
    with av.open(str(template)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.time_base = TICK
        data = next(bytes(packet) for packet in old.demux(video=0) if packet.size)
        for number, place in enumerate(place for gop in gops for place in gop):
            packet: AvPacket[Any] = AvPacket(data)
            packet.stream, packet.time_base = stream, TICK
            packet.pts, packet.dts = times[place], number - sum(map(len, gops))
            packet.is_keyframe = place in keyframes
            new.mux(packet)


@seeded
@given(gops=orders(), budget=st.integers(1, 40), data=st.data())
def test_each_frame_is_owned_once_by_a_chunk_that_holds_all_it_needs(
    make_film: MakeFilm, tmp_path: Path, gops: list[list[int]], budget: int, data: st.DataObject
) -> None:
    order = [place for gop in gops for place in gop]
    gaps = data.draw(st.lists(st.integers(1, 5000), min_size=len(order), max_size=len(order)))
    times = list(accumulate(gaps[1:], initial=0))
    path = tmp_path / "a.mov"
    template = make_film("template.avi", codec="mpeg4", frames=1, audio=False)
    write(path, template, gops, times)
    reader = ChunkReader(probe(path), frames_per_chunk=budget)
    chunks = list(reader)

    assert [pts for chunk in chunks for pts in chunk.owned] == times
    assert (reader.frames, reader.missing_frames, reader.warnings) == (len(times), 0, [])
    longest = max(budget * 3 // 2, -(-len(times) // MAX_PARTS))
    begins = {place: order.index(gop[0]) for gop in gops for place in gop}
    for chunk in chunks:
        assert 1 <= len(chunk.owned) <= longest
        places = [times.index(packet.pts) for packet in chunk.packets]
        first = order.index(places[0])
        assert places == order[first : first + len(places)], "nothing left out in between"
        assert chunk.packets[0].is_keyframe
        for place in map(times.index, chunk.owned):
            key = begins[place]
            is_leading = place < order[key]
            assert place in places
            assert first < key if is_leading else first <= key
