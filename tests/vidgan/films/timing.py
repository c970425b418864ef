"""Films whose pictures have no times, times that go wrong, or times out of the ordinary."""

from fractions import Fraction
from itertools import accumulate, cycle, islice

import av

from tests.vidgan.films.broken import bare, moved, packed, retimed
from tests.vidgan.films.kit import GOP, Kit, Sample
from tests.vidgan.films.stills import write_numbered, write_webp


def webp(kit: Kit) -> Sample:
    lengths = [*islice(cycle([40, 50, 60, 40, 300, 10]), kit.frames)]
    times = [Fraction(ms, 1000) for ms in (0, *accumulate(lengths[:-1]))]
    path = write_webp(kit.folder / "a.webp", lengths, kit.size, kit.draw)
    return Sample(path=path, times=times)


def numbered(kit: Kit) -> Sample:
    numbers = range(7, 7 + kit.frames)
    path = write_numbered(kit.folder, "f_%03d.png", numbers, kit.size, kit.draw)
    times = [i * Fraction(1001, 24000) for i in range(kit.frames)]
    return Sample(path=path, times=times, rate=Fraction(24000, 1001))


def bare_stream(kit: Kit) -> Sample:
    source = kit.film("a.ts", rate=25)
    times = [Fraction(i, 25) for i in range(kit.frames)]
    path = bare(source, kit.folder / "a.h264")
    return Sample(path=path, times=times, says="it holds no times; its pictures are shown at 25")


def packed_pictures(kit: Kit) -> Sample:
    source = kit.film("a.avi", codec="mpeg4", bframes=1)
    return Sample(path=packed(source, kit.folder / "divx.avi"))


def wrapping(kit: Kit) -> Sample:
    """A clock of 33 bits at 90 kHz, which starts anew among the pictures."""
    path = moved(kit.film("a.ts"), kit.folder / "b.ts", 2**33 / 90_000 - 0.3)
    with av.open(str(path), options={"correct_ts_overflow": "0"}) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert min(times) < kit.frames / 24 * 90_000 < max(times)
    return Sample(path=path)


def variable(kit: Kit) -> Sample:
    """With freezes of seconds, and pictures 1 ms apart."""
    lengths = cycle([40, 50, 10, 400, 10, 1490, 33, 33, 34, 6900, 1])
    milliseconds = [0, *islice(accumulate(lengths), kit.frames - 1)]
    times = [Fraction(ms, 1000) for ms in milliseconds]
    return Sample(path=kit.film("v.mp4", pts=milliseconds), times=times)


def late(kit: Kit) -> Sample:
    ticks = [100_007 + 3750 * i for i in range(kit.frames)]
    options = {"pts": ticks, "time_base": Fraction(1, 90_000)}
    path = kit.film("late.mp4", container_options={"movie_timescale": "90000"}, **options)
    return Sample(path=path, times=[Fraction(tick, 90_000) for tick in ticks])


def early(kit: Kit) -> Sample:
    """ASF's times are counted from 3.1 s before 0."""
    source = kit.film("a.wmv", codec="wmv2", codec_options=GOP)
    path = kit.folder / "early.wmv"
    as_they_are = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as old, av.open(str(path), "w", options=as_they_are) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = 40 * number - 200
            new.mux(packet)
    times = [Fraction(40 * i, 1000) for i in range(kit.frames)]
    return Sample(path=path, times=times, says="starts before zero: all of it was moved by 0.200 s")


def trimmed(kit: Kit) -> Sample:
    """The pictures' edit list says that they begin three of them later."""
    path = kit.copy(kit.film("a.mp4"))
    data = bytearray(path.read_bytes())
    at = data.index(b"elst")
    data[at + 16 : at + 20] = (1024 + 3 * 512).to_bytes(4, "big")
    path.write_bytes(data)
    shown = range(3, kit.frames)
    return Sample(path=path, times=[Fraction(i - 3, 24) for i in shown], numbers=shown)


def mended(kit: Kit) -> Sample:
    times = [40 * i for i in range(kit.frames)]
    wrong = times.copy()
    wrong[8] = wrong[7]
    path = retimed(kit.film("a.mp4", bframes=0), kit.folder / "twice.mkv", wrong)
    said = "1 picture had no time, or one that repeats or goes back"
    return Sample(path=path, times=[Fraction(ms, 1000) for ms in times], says=said)


def seam(kit: Kit) -> Sample:
    source = kit.film("a.ts", rate=25)
    halves = [moved(source, kit.folder / f"{hour}.ts", 3600 * hour) for hour in (9, 2)]
    path = kit.folder / "both.ts"
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    times = [Fraction(i, 25) for i in range(2 * kit.frames)]
    numbers = [*range(kit.frames), *range(kit.frames)]
    return Sample(path=path, times=times, numbers=numbers, says="its clock starts anew at")


def cut_off(kit: Kit) -> Sample:
    whole = kit.film("cut.mkv", frames=max(100, 2 * kit.frames)).read_bytes()
    path = kit.folder / "cut.mkv"
    path.write_bytes(whole[: len(whole) // 2])
    with av.open(str(path)) as container:
        there = sum(1 for packet in container.demux(video=0) if packet.size)
    times = [Fraction(i, 24) for i in range(there)]
    return Sample(path=path, times=times, numbers=range(there), says="is cut off at")
