"""Chunks: every frame owned once, each chunk decodable alone, borders where they are exact."""

import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from vidgan.media.chunks import MAX_PARTS, ChunkReader, read_chunks
from vidgan.media.count import count_film
from vidgan.media.probe import probe
from vidgan.media.random_access import may_start_at
from vidgan.media.types import Chunk

MakeFilm = Callable[..., Path]


def chunks_of(path: Path, frames_per_chunk: int) -> list[Chunk]:
    return list(read_chunks(probe(path), frames_per_chunk=frames_per_chunk))


def presentation_times(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        packets = container.demux(video=0)
        return sorted(p.pts for p in packets if p.pts is not None and not p.is_discard)


def gop_lengths(path: Path) -> list[int]:
    """Frames from one keyframe to the next, in order of presentation."""
    with av.open(str(path)) as container:
        shown = sorted((p.pts, p.is_keyframe) for p in container.demux(video=0) if p.size)
    keys = [i for i, (_, is_key) in enumerate(shown) if is_key]
    return [b - a for a, b in pairwise([0, *keys[1:], len(shown)])]


@pytest.mark.parametrize("frames_per_chunk", [2, 7, 12, 25, 1000])
@pytest.mark.parametrize("open_gop", [False, True])
def test_every_frame_is_owned_once_in_order(
    make_film: MakeFilm, open_gop: bool, frames_per_chunk: int
) -> None:
    path = make_film("a.mp4", frames=100, open_gop=open_gop)
    chunks = chunks_of(path, frames_per_chunk)
    assert [pts for chunk in chunks for pts in chunk.owned] == presentation_times(path)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert max(len(chunk.owned) for chunk in chunks) <= frames_per_chunk
    for chunk in chunks:
        assert chunk.packets[0].is_keyframe
        assert set(chunk.owned) <= {packet.pts for packet in chunk.packets}


def test_whole_gops_are_gathered_up_to_the_budget(make_film: MakeFilm) -> None:
    path = make_film("a.mp4", frames=100, gop=10, bframes=0)
    assert [len(chunk.owned) for chunk in chunks_of(path, 35)] == [30, 30, 30, 10]
    assert [len(chunk.packets) for chunk in chunks_of(path, 35)] == [31, 31, 31, 10]


@pytest.mark.parametrize(
    ("frames", "gop", "lengths"),
    [
        (500, 50, [250, 250]),
        (620, 50, [250, 370]),
        (630, 50, [250, 250, 130]),
        (500, 60, [240, 260]),
        (374, 60, [374]),
    ],
)
def test_usual_chunks_are_as_long_as_an_encoders_gops_and_none_is_short(
    make_film: MakeFilm, frames: int, gop: int, lengths: list[int]
) -> None:
    film = probe(make_film("a.mp4", frames=frames, gop=gop, audio=False))
    assert [len(chunk.owned) for chunk in ChunkReader(film)] == lengths
    assert count_film(film).chunks == len(lengths)


@pytest.mark.parametrize(("frames", "lengths"), [(374, [374]), (375, [187, 188])])
def test_a_gop_of_an_encoders_usual_length_is_not_cut(
    make_film: MakeFilm, frames: int, lengths: list[int]
) -> None:
    film = probe(make_film("a.mp4", frames=frames, gop=1000, audio=False))
    assert [len(chunk.owned) for chunk in ChunkReader(film)] == lengths


def test_open_gops_bring_the_next_keyframe_and_its_leading_pictures(make_film: MakeFilm) -> None:
    path = make_film("a.mp4", frames=100, gop=10, open_gop=True)
    for chunk, after in pairwise(chunks_of(path, 10)):
        border = after.packets[0]
        assert border.is_keyframe
        assert border in chunk.packets
        at = chunk.packets.index(border)
        assert all(packet.pts < border.pts for packet in chunk.packets[at + 1 :])
        assert chunk.owned[-1] < border.pts == after.owned[0]
    assert any(len(c.packets) > len(c.owned) + 1 for c in chunks_of(path, 10)), "no open GOP made"


def test_a_long_gop_is_split_in_near_equal_parts(big_buck_bunny: Path) -> None:
    chunks = chunks_of(big_buck_bunny, 50)
    assert [len(chunk.owned) for chunk in chunks] == [44, 44, 44]
    for chunk in chunks:
        assert chunk.packets[0] == chunks[0].packets[0]
        assert chunk.packets[-1].pts in chunk.owned, "nothing after the last one needed"


@pytest.mark.parametrize(("budget", "lengths"), [(89, [132]), (88, [66, 66])])
def test_a_gop_less_than_half_too_long_stays_whole(
    big_buck_bunny: Path, budget: int, lengths: list[int]
) -> None:
    assert [len(chunk.owned) for chunk in chunks_of(big_buck_bunny, budget)] == lengths


@pytest.mark.parametrize("frames_per_chunk", [1, 4])
def test_a_film_of_one_keyframe_is_not_decoded_again_for_every_few_frames(
    make_film: MakeFilm, frames_per_chunk: int
) -> None:
    path = make_film("a.mp4", frames=100, gop=1000)
    chunks = chunks_of(path, frames_per_chunk)
    assert len(chunks) == MAX_PARTS
    assert [pts for chunk in chunks for pts in chunk.owned] == presentation_times(path)
    assert sum(len(chunk.packets) for chunk in chunks) <= 4.6 * 100


def test_borders_are_those_of_real_gops(bikes: Path) -> None:
    longest = max(gop_lengths(bikes))
    chunks = chunks_of(bikes, longest)
    starts = {chunk.owned[0] for chunk in chunks}
    with av.open(str(bikes)) as container:
        keyframes = {p.pts for p in container.demux(video=0) if p.is_keyframe}
    assert starts <= keyframes
    assert len(chunks) > 2


def test_intra_refresh_is_not_cut(make_film: MakeFilm) -> None:
    """x264 flags recovery points as keyframes although the picture is whole only later."""
    path = make_film(
        "a.mp4", frames=60, codec_options={"x264-params": "intra-refresh=1:keyint=15:bframes=0"}
    )
    with av.open(str(path)) as container:
        flagged = [bytes(p) for p in container.demux(video=0) if p.is_keyframe]
    assert len(flagged) > 2
    video = probe(path).video
    clean = [may_start_at(k, codec="h264", extradata=video.extradata) for k in flagged]
    assert clean == [True] + [False] * (len(flagged) - 1)
    assert all(chunk.packets[0].pts == 0 for chunk in chunks_of(path, 10))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("open_gop", [False, True])
def test_clean_keyframes_are_recognised(make_film: MakeFilm, codec: str, open_gop: bool) -> None:
    path = make_film("a.mp4", frames=60, gop=10, codec=codec, open_gop=open_gop)
    video = probe(path).video
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        clean = [
            may_start_at(bytes(p), codec=video.codec, extradata=video.extradata) for p in packets
        ]
        assert clean == [p.is_keyframe for p in packets]
    assert sum(clean) >= 6


def test_the_fallback_is_the_keyframe_before(make_film: MakeFilm) -> None:
    chunks = chunks_of(make_film("a.mp4", frames=60, gop=10), 10)
    assert chunks[0].fallback is None
    for chunk, after in pairwise(chunks):
        assert after.fallback == chunk.packets[0]


def test_chunks_travel(make_film: MakeFilm) -> None:
    chunk = chunks_of(make_film("a.mp4"), 24)[1]
    assert pickle.loads(pickle.dumps(chunk)) == chunk  # noqa: S301


def test_variable_frame_rate_keeps_its_times(make_film: MakeFilm) -> None:
    times = [0, 40, 90, 100, 500, 510, 2000, 2033, 2066, 2100, 9000]
    path = make_film("vfr.mkv", pts=times, gop=4)
    assert [pts for chunk in chunks_of(path, 4) for pts in chunk.owned] == times


def with_edit_list(path: Path, copy: Path, media_time: int) -> Path:
    """A copy of an mp4 whose pictures begin at `media_time`, in ticks of the video's track."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst")
    data[at + 16 : at + 20] = media_time.to_bytes(4, "big")
    copy.write_bytes(data)
    return copy


def test_pictures_before_the_start_of_an_edit_list_are_not_owned(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    """What people get who trim with a phone: a GOP that begins before the film does."""
    path = make_film("a.mp4", frames=60, gop=20, audio=False)
    film = probe(with_edit_list(path, tmp_path / "trimmed.mp4", 1024 + 7 * 512))
    reader = ChunkReader(film, frames_per_chunk=20)
    chunks = list(reader)
    assert sum(packet.is_discard for packet in chunks[0].packets) == 7
    assert reader.frames == film.frames_declared == 53
    assert reader.missing_frames == 0
    assert chunks[0].owned[0] == 0


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (
            "cut.mp4",
            {"container_options": {"movflags": "faststart"}},
            "of 100 frames that the index",
        ),
        ("cut.mkv", {}, "is cut off at"),
        ("cut.webm", {"codec": "libvpx-vp9"}, "is cut off at"),
        ("cut.avi", {"codec": "mpeg4"}, "is cut off at"),
        ("cut.wmv", {"codec": "wmv2", "audio": "libmp3lame"}, "is cut off at"),
        ("cut.apng", {"codec": "apng", "pixel_format": "rgb24", "audio": False}, "of 100 frames"),
    ],
)
def test_a_film_cut_off_says_what_is_missing(
    make_film: MakeFilm, tmp_path: Path, name: str, options: dict[str, Any], words: str
) -> None:
    whole = make_film(name, frames=100, **options).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 6 // 10])
    reader = ChunkReader(probe(path), frames_per_chunk=24)
    frames = sum(len(chunk.owned) for chunk in reader)
    assert 30 < frames == reader.frames < 90
    counted = path.suffix in (".mp4", ".apng")
    assert reader.missing_frames == (100 - frames if counted else 0)
    said = reader.warnings[-1]  # FFmpeg may have stumbled over the last picture before
    assert str(path) in said
    assert words in said


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mkv", {}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.wmv", {"codec": "wmv2", "audio": "libmp3lame"}),
        ("a.apng", {"codec": "apng", "pixel_format": "rgb24", "audio": False}),
    ],
)
def test_a_whole_film_has_no_warnings(
    make_film: MakeFilm, name: str, options: dict[str, Any]
) -> None:
    reader = ChunkReader(probe(make_film(name, frames=100, **options)), frames_per_chunk=24)
    list(reader)
    assert (reader.frames, reader.missing_frames, reader.warnings) == (100, 0, [])


@pytest.mark.parametrize(("tag", "declared"), [("120", 120), ("²", 0), ("9" * 5000, 0), ("x", 0)])
def test_a_stale_count_among_the_tags_is_no_loss(
    make_film: MakeFilm, tmp_path: Path, tag: str, declared: int
) -> None:
    """`ffmpeg -ss 10 -c copy` keeps the tag of the whole film."""
    path = tmp_path / "cut.mkv"
    with av.open(str(make_film("a.mp4", audio=False))) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.metadata["NUMBER_OF_FRAMES"] = tag
        for packet in (p for p in old.demux(video=0) if p.size):
            packet.stream = stream
            new.mux(packet)
    film = probe(path)
    assert film.frames_declared == declared
    reader = ChunkReader(film, frames_per_chunk=24)
    list(reader)
    assert (reader.frames, reader.missing_frames, reader.warnings) == (48, 0, [])
