"""Laws of decode times, for any order of frames and any gaps between them (Hypothesis)."""

from itertools import accumulate, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from vidgan.media.timeline import check_complete, survey, timed_packets
from vidgan.media.types import EncodedChunk, Packet

seeded = settings(max_examples=200)


@st.composite
def films(draw: st.DrawFn) -> list[EncodedChunk]:
    """Chunks whose first frame is a keyframe and shown first, the rest in any order."""
    counts = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    gaps = st.integers(1, 10**6)
    start = draw(st.integers(-(2**33), 2**33))
    total = sum(counts)
    times = list(accumulate(draw(st.lists(gaps, min_size=total, max_size=total)), initial=start))
    chunks = []
    for index, count in enumerate(counts):
        shown, times = times[:count], times[count:]
        order = [shown[0], *draw(st.permutations(shown[1:]))]
        packets = tuple(
            Packet(data=b"x", pts=pts, dts=None, duration=0, is_keyframe=pts == shown[0])
            for pts in order
        )
        chunks.append(EncodedChunk(index=index, packets=packets, lost=()))
    return chunks


@seeded
@given(films(), st.integers(1, 10**6))
def test_decode_times_rise_and_never_come_after_the_picture(
    film: list[EncodedChunk], last: int
) -> None:
    timeline = survey(film)
    packets = list(timed_packets(film, timeline, last_duration=last))
    decoded = [packet.dts for packet in packets if packet.dts is not None]
    assert len(decoded) == len(packets)
    assert all(a < b for a, b in pairwise(decoded))
    assert all(dts <= packet.pts for dts, packet in zip(decoded, packets, strict=True))
    if timeline.reorder == 0:
        assert decoded == [packet.pts for packet in packets]


@seeded
@given(films(), st.integers(1, 10**6))
def test_pictures_keep_their_order_and_times_and_fill_the_film(
    film: list[EncodedChunk], last: int
) -> None:
    timeline = survey(film)
    packets = list(timed_packets(film, timeline, last_duration=last))
    assert [p.pts for p in packets] == [p.pts for chunk in film for p in chunk.packets]
    shown = sorted(packets, key=lambda packet: packet.pts)
    assert all(a.pts + a.duration == b.pts for a, b in pairwise(shown))
    assert shown[-1].duration == last
    check_complete(timeline, [packet.pts for packet in shown])
