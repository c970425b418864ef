"""Times that cannot be right are mended, in a film and in principle; what is mended is said."""

import re
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vidgan.films.broken import bare, moved, packed, retimed, soft_telecine
from tests.vidgan.here import convert_here
from vidgan.media.chunks import ChunkReader
from vidgan.media.clock import Clock, mended
from vidgan.media.count import count_film
from vidgan.media.decode import decode_chunk
from vidgan.media.opening import open_film
from vidgan.media.order import DisplayOrder
from vidgan.media.part import Part, part_chunks
from vidgan.media.picture_order import PictureOrder
from vidgan.media.probe import probe
from vidgan.media.types import Film
from vidgan.options import Options

MakeFilm = Callable[..., Path]
ReadNumber = Callable[[Any], int]


def shown(film: Film, read_number: ReadNumber) -> tuple[list[int], list[int], list[str]]:
    """The times of all pictures (ticks), the numbers they show, and what is said of the film."""
    reader = ChunkReader(film, frames_per_chunk=12)
    times: list[int] = []
    numbers: list[int] = []
    for chunk in reader:
        for frame in decode_chunk(chunk, film.video):
            times.append(frame.pts)
            numbers.append(read_number(frame.rgb))
    counted = count_film(film, frames_per_chunk=12)
    assert (counted.frames, list(counted.warnings)) == (len(times), reader.warnings)
    return times, numbers, [said.removeprefix(f"{film.path}: ") for said in reader.warnings]


def test_a_time_that_repeats_gives_way(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber
) -> None:
    source = make_film("a.mp4", frames=60, gop=10, bframes=0, audio=False)
    times = [40 * i for i in range(60)]
    wrong = times.copy()
    wrong[55] = wrong[54]
    found, numbers, said = shown(probe(retimed(source, tmp_path / "twice.mkv", wrong)), read_number)
    assert (found, numbers) == (times, list(range(60)))
    assert said == [
        "1 picture had no time, or one that repeats or goes back; it was put between its neighbours"
    ]


def test_times_finer_than_the_container_can_say(
    make_film: MakeFilm, read_number: ReadNumber
) -> None:
    """3000 frames a second do not fit Matroska's grid of a millisecond."""
    film = probe(make_film("fast.mkv", rate=3000, frames=24, bframes=0, audio=False))
    found, numbers, said = shown(film, read_number)
    assert numbers == list(range(24))
    assert all(a < b for a, b in pairwise(found))
    assert "they were put between their neighbours" in said[0]


def test_a_picture_behind_later_ones_is_not_dropped(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber
) -> None:
    """GOPs [0 1 2] [10 11 12] [20 5 13]: the third brings a picture of the time of the first."""
    source = make_film("a.mp4", frames=9, gop=3, bframes=0, audio=False)
    wrong = [40 * i for i in (0, 1, 2, 10, 11, 12, 20, 5, 13)]
    found, numbers, said = shown(probe(retimed(source, tmp_path / "late.mkv", wrong)), read_number)
    assert sorted(numbers) == list(range(9))
    assert found[:6] == wrong[:6]
    assert all(a < b for a, b in pairwise(found))
    assert "goes back" in said[0]


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize(("place", "leap"), [(0, 8192), (20, 8192), (20, 650), (25, 10**7)])
def test_one_time_that_leaps_ahead_moves_no_other_picture(
    make_film: MakeFilm,
    tmp_path: Path,
    read_number: ReadNumber,
    *,
    place: int,
    leap: int,
    bframes: int,
) -> None:
    """Of a keyframe, as of one damaged block in Matroska; and of a picture within a GOP."""
    source = make_film("a.mp4", frames=60, gop=10, bframes=bframes, rate=25, audio=False)
    with av.open(str(source)) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None]
        times = [round((p.pts or 0) * p.time_base * 1000) for p in packets]
        assert packets[20].is_keyframe
    wrong = times.copy()
    wrong[place] += leap
    film = probe(retimed(source, tmp_path / "leap.mkv", wrong))
    found, numbers, said = shown(film, read_number)
    assert (found, numbers) == (sorted(times), list(range(60)))
    assert [line.split(" had no time")[0] for line in said] == ["1 picture"]
    longest = max(len(chunk.packets) for chunk in ChunkReader(film, frames_per_chunk=12))
    assert longest <= 21  # one GOP and what the next one needs: all later borders are found


@pytest.mark.parametrize("ending", ["h264", "hevc"])
@pytest.mark.parametrize("open_gop", [False, True])
def test_without_any_times_the_codec_knows_the_order(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber, ending: str, *, open_gop: bool
) -> None:
    codec = {"h264": "libx264", "hevc": "libx265"}[ending]
    source = make_film("a.ts", codec=codec, frames=40, open_gop=open_gop, rate=25, audio=False)
    film = probe(bare(source, tmp_path / f"a.{ending}"))
    found, numbers, said = shown(film, read_number)
    assert numbers == list(range(40))
    assert [time * film.video.time_base for time in found] == [Fraction(i, 25) for i in range(40)]
    assert said == ["it holds no times; its pictures are shown at 25 a second"]


@pytest.mark.parametrize("ending", ["h264", "hevc", "m2v"])
@pytest.mark.parametrize("rate", [Fraction(20), Fraction(24000, 1001), Fraction(50)])
def test_bare_streams_keep_the_rate_of_their_headers_or_are_given_one(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber, ending: str, rate: Fraction
) -> None:
    codec = {"h264": "libx264", "hevc": "libx265", "m2v": "mpeg2video"}[ending]
    rate = Fraction(30) if ending == "m2v" and rate == 20 else rate  # MPEG-2 knows but a few
    source = make_film("a.ts", codec=codec, frames=30, rate=rate, audio=False)
    path = bare(source, tmp_path / f"a.{ending}")
    film = probe(path)
    found, numbers, said = shown(film, read_number)
    assert numbers == list(range(30))
    assert [time * film.video.time_base for time in found] == [i / rate for i in range(30)]
    if ending != "m2v":
        assert said == [f"it holds no times; its pictures are shown at {float(rate):g} a second"]
    film = probe(path, rate=Fraction(12))
    found, _, _ = shown(film, read_number)
    assert [time * film.video.time_base for time in found] == [Fraction(i, 12) for i in range(30)]


@pytest.mark.parametrize("size", [(160, 120), (640, 480), (96, 64)])
def test_bare_motion_jpeg_of_any_size(
    make_film: MakeFilm, tmp_path: Path, identity_file: Path, size: tuple[int, int]
) -> None:
    """FFmpeg takes some for a series of pictures."""
    source = make_film("a.avi", codec="mjpeg", pixel_format="yuvj420p", frames=12, size=size)
    path = bare(source, tmp_path / "a.mjpeg")
    made = tmp_path / "o.mp4"
    report = convert_here(path, made, Options(weights=identity_file, rate=Fraction(10)))
    assert report.frames == 12
    with av.open(str(made)) as container:
        assert [frame.time for frame in container.decode(video=0)] == [i / 10 for i in range(12)]
    assert any("taken for 25 pictures a second" in said for said in probe(path).warnings)


def test_program_streams_that_state_few_times(make_film: MakeFilm, read_number: ReadNumber) -> None:
    """Where several pictures fit into one packet of the stream, only the first has a time."""
    options = {"codec": "mpeg1video", "codec_options": {"g": "12", "bf": "2"}, "audio": False}
    film = probe(make_film("tiny.mpg", frames=30, rate=25, **options))
    found, numbers, _ = shown(film, read_number)
    assert (found, numbers) == ([3600 * i for i in range(30)], list(range(30)))


@pytest.mark.parametrize("name", ["a.ts", "a.vob", "a.mkv"])
def test_soft_telecine_keeps_its_pictures_at_their_times(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber, name: str
) -> None:
    """Pictures that are shown for three fields and for two: each once, none deinterlaced."""
    options = {"codec": "mpeg2video", "codec_options": {"g": "12", "bf": "0"}, "audio": False}
    source = make_film("a.m2v.mkv", frames=24, rate=Fraction(24_000, 1001), **options)
    film = probe(soft_telecine(source, tmp_path / name))
    assert film.video.fields == "progressive"
    found, numbers, said = shown(film, read_number)
    assert (numbers, said) == (list(range(24)), [])
    lengths = [(b - a) * film.video.time_base * Fraction(60_000, 1001) for a, b in pairwise(found)]
    certain = (
        22 if name == "a.vob" else 23
    )  # of the last picture of a program stream FFmpeg guesses
    assert [round(fields) for fields in lengths[:certain]] == ([3, 2] * 12)[:certain]


def test_packed_pictures_are_taken_apart(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber
) -> None:
    source = make_film("a.avi", codec="mpeg4", bframes=1, frames=41, gop=10, audio=False)
    film = probe(packed(source, tmp_path / "divx.avi"))
    assert film.video.packed
    found, numbers, said = shown(film, read_number)
    assert (found, numbers, said) == (list(range(41)), list(range(41)), [])


@pytest.mark.parametrize("seconds", [2**33 // 90_000 - 2, 5, 90_000])
def test_a_clock_may_start_anywhere_and_wrap(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber, seconds: int
) -> None:
    """A clock of 33 bits at 90 kHz starts anew after 26.5 hours."""
    source = make_film("a.ts", frames=100, rate=25)
    found, numbers, said = shown(probe(moved(source, tmp_path / "b.ts", seconds)), read_number)
    assert numbers == list(range(100))
    assert {b - a for a, b in pairwise(found)} == {3600}
    assert found[0] < 9000
    assert said == []


@pytest.mark.parametrize("seconds", [7, 50_000, 0])
def test_recordings_put_together_go_on(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber, seconds: int
) -> None:
    """The second begins before the first, or hours after it, or where the first did."""
    source = make_film("a.ts", frames=50, rate=25)
    first = moved(source, tmp_path / "first.ts", 1000).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(first + moved(source, tmp_path / "second.ts", seconds + 500).read_bytes())
    film = probe(path)
    found, numbers, said = shown(film, read_number)
    assert numbers == [*range(50), *range(50)]
    steps = [b - a for a, b in pairwise(found)]
    assert steps[:49] == steps[50:] == [3600] * 49
    assert 0 < steps[49] < 9000
    assert len(said) == 1
    assert re.fullmatch(
        r"its clock starts anew at [12]\.\d+ s; what comes after was moved .*", said[0]
    )
    assert abs(drift(film)) < Fraction(1, 25)


def test_a_seam_is_said_though_nothing_is_read_beyond_the_end_of_a_part(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    source = make_film("a.ts", frames=50, rate=25, gop=10)
    parts = [moved(source, tmp_path / f"{start}.ts", start) for start in (1000, 500, 9000)]
    path = tmp_path / "three.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = ChunkReader(probe(path), frames_per_chunk=10)
    chunks = part_chunks(reader.film, reader, Part(end=Fraction(3)))
    assert 70 < sum(len(chunk.owned) for chunk in chunks) < reader.frames < 150
    (said,) = reader.warnings
    assert re.search(r"its clock starts anew at [12]\.\d+.* s; what comes after", said)


def drift(film: Film) -> Fraction:
    """How much longer the sound is in front of the pictures in the second half than in the first.

    Both halves are the same recording, so that it says how far they came apart.
    """
    starts: dict[int, list[Fraction]] = {}
    with open_film(film.path) as container:
        clock = Clock(film, container)
        for packet in container.demux():
            clock.move(packet)
            if packet.pts is not None and packet.size:
                starts.setdefault(packet.stream_index, []).append(packet.pts * packet.time_base)
    picture = starts.pop(film.video.index)
    [sound] = starts.values()
    half = len(picture) // 2
    return (sorted(picture)[half] - min(picture)) - (sound[len(sound) // 2] - sound[0])


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video", "mpeg4"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_the_codec_says_the_order_that_honest_times_say(
    make_film: MakeFilm, codec: str, name: str
) -> None:
    film = probe(make_film(name, codec=codec, frames=60, open_gop=True, gop=10, audio=False))
    order = DisplayOrder(film.video)
    for chunk in ChunkReader(film, frames_per_chunk=1):
        run = [p for p in chunk.packets if p.pts in chunk.owned]
        by_time = sorted(range(len(run)), key=lambda i: run[i].pts)
        if run[0].is_keyframe:
            assert order.of(run) in (by_time, None)


@settings(max_examples=400)
@given(
    decoder=st.sampled_from(["h264", "hevc"]),
    extradata=st.binary(max_size=60),
    packets=st.lists(st.binary(max_size=60), max_size=4),
    kinds=st.lists(st.sampled_from([0x67, 0x68, 0x65, 0x41, 0x42, 0x44, 0x02, 0x28]), max_size=4),
)
def test_the_order_of_noise_is_unknown_and_quickly_so(
    decoder: str, extradata: bytes, packets: list[bytes], kinds: list[int]
) -> None:
    """Headers can claim numbers of any size."""
    units = [b"\0\0\x01" + bytes([kind]) + data for kind, data in zip(kinds, packets, strict=False)]
    began = time.thread_time()
    order = PictureOrder(decoder, extradata)
    places = order.places([*units, *packets])
    assert time.thread_time() - began < 0.2
    assert places is None or len(places) == len(units) + len(packets)


TIMES = st.lists(st.none() | st.integers(-50, 50), max_size=30)


@settings(max_examples=300)
@given(stated=TIMES, after=st.none() | st.integers(-60, 60), step=st.integers(1, 5))
def test_mended_times_rise_whatever_was_stated(
    stated: list[int | None], after: int | None, step: int
) -> None:
    times = mended(stated, after=after, step=Fraction(step))
    assert len(times) == len(stated)
    assert all(a < b for a, b in pairwise(times))
    assert after is None or all(time > after for time in times)


@settings(max_examples=200)
@given(
    times=st.lists(st.integers(0, 10_000), unique=True, min_size=1, max_size=40).map(sorted),
    data=st.data(),
)
def test_times_that_rise_are_kept(times: list[int], data: st.DataObject) -> None:
    assert mended(times, after=times[0] - 1, step=Fraction(40)) == times
    assert mended(times, after=None, step=Fraction(40)) == times
    lost = data.draw(st.integers(0, len(times) - 1))
    wrong: list[int | None] = [None if i == lost else 10 * t for i, t in enumerate(times)]
    found = mended(wrong, after=None, step=Fraction(40))
    assert [t for i, t in enumerate(found) if i != lost] == [t for t in wrong if t is not None]


def test_the_audio_of_a_moved_clock_has_no_part_of_it(make_film: MakeFilm, tmp_path: Path) -> None:
    """Of other containers nothing is moved: their first time is meant."""
    path = make_film("a.mkv", frames=12)
    with av.open(str(path)) as container:
        clock = Clock(probe(path), container)
        assert not clock.is_needed


@pytest.mark.parametrize("lacking", [{"video"}, {"audio"}, {"video", "audio"}])
def test_a_gap_is_no_seam_unless_nothing_goes_on(
    make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber, lacking: set[str]
) -> None:
    """From 5 to 25 of 30 s there is no picture, no sound, or neither: as where no signal was."""
    source = make_film("a.ts", frames=60, rate=2, gop=2, bframes=0)
    film = probe(without(source, tmp_path / "gap.ts", lacking, begin=5, end=25))
    found, numbers, said = shown(film, read_number)
    steps = [float((b - a) * film.video.time_base) for a, b in pairwise(found)]
    if lacking == {"audio"}:
        assert numbers == list(range(60))
        assert set(steps) == {0.5}
    else:
        assert numbers == [*range(10), *range(50, 60)]
        assert abs(steps[9] - (0.5 if len(lacking) == 2 else 20.5)) < 0.05  # as the sound has it
    assert len(said) == (len(lacking) == 2)


def without(source: Path, path: Path, kinds: set[str], *, begin: int, end: int) -> Path:
    """A transport stream that lacks packets of these kinds between two times."""
    with av.open(str(source)) as old, av.open(str(path), "w", format="mpegts") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        first = min((s.start_time or 0) * (s.time_base or 1) for s in old.streams)
        for packet in old.demux():
            if packet.pts is None or not packet.size:
                continue
            seconds = packet.pts * packet.time_base - first
            if packet.stream.type in kinds and begin <= seconds < end:
                continue
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    return path


@pytest.mark.parametrize("bframes", [0, 2])
def test_empty_slots_of_an_avi_stay_gaps(
    make_film: MakeFilm, read_number: ReadNumber, bframes: int
) -> None:
    """A picture that lasts longer is followed by slots of no bytes."""
    times = [0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 20, 21, 22]
    film = probe(
        make_film(
            "gaps.avi", pts=times, time_base=Fraction(1, 24), bframes=bframes, gop=5, audio=False
        )
    )
    found, numbers, said = shown(film, read_number)
    assert numbers == list(range(len(times)))
    assert said == []
    if not bframes:
        assert found == times
    assert found[0] == 0
    assert found[-1] - found[0] in range(22 - 2 * bframes, 23)
