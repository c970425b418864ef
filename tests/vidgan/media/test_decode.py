"""Chunks decoded apart give what one decoder gives in one go, pixel for pixel; damage included."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.probe import probe
from vidgan.media.seen import read_levels
from vidgan.media.types import Chunk, Color, Film, RgbFrame

MakeFilm = Callable[..., Path]
Pixels = NDArray[np.uint8]

H264_DEEP = {
    "x264-params": "keyint=10:min-keyint=10:scenecut=0:open-gop=1:bframes=5:b-adapt=0"
    ":b-pyramid=normal:ref=5"
}
INTRA_REFRESH = {"x264-params": "intra-refresh=1:keyint=20:bframes=0"}
FILMS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 closed": ("a.mp4", {}),
    "h264 open": ("a.mkv", {"open_gop": True}),
    "h264 open, pyramid": ("a.mp4", {"codec_options": H264_DEEP}),
    "h264 intra refresh": ("a.mp4", {"codec_options": INTRA_REFRESH}),
    "h264 4:4:4 odd": ("a.mkv", {"size": (97, 65), "pixel_format": "yuv444p"}),
    "h264 4:2:2 full": ("a.mp4", {"pixel_format": "yuvj422p"}),
    "hevc closed": ("a.mkv", {"codec": "libx265"}),
    "hevc open": ("a.mp4", {"codec": "libx265", "open_gop": True}),
    "vp9 alt-ref": ("a.webm", {"codec": "libvpx-vp9"}),
    "av1": ("a.mp4", {"codec": "libsvtav1"}),
    "mpeg2 closed": ("a.mp4", {"codec": "mpeg2video"}),
    "mpeg2 open": ("a.mkv", {"codec": "mpeg2video", "open_gop": True}),
    "mpeg4 closed": ("a.mkv", {"codec": "mpeg4"}),
    "mpeg4 open": ("a.mp4", {"codec": "mpeg4", "open_gop": True}),
    "one keyframe": ("a.mp4", {"gop": 1000}),
    "varying rate": ("a.mp4", {"pts": [i * i * 7 + i for i in range(60)]}),
}


def plain_decode(film: Film, threads: int = 1) -> dict[int, av.VideoFrame]:
    """What PyAV gives in one go, going on after damaged packets."""
    frames: dict[int, av.VideoFrame] = {}
    with av.open(str(film.path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = threads
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            try:
                frames |= {f.pts: f for f in packet.decode() if f.pts is not None}
            except av.FFmpegError:
                continue
    return frames


def eight_bits(frame: RgbFrame) -> Pixels:
    assert frame.rgb.dtype == np.uint8
    return frame.rgb.astype(np.uint8, copy=False)


def decode_apart(film: Film, frames_per_chunk: int) -> tuple[dict[int, Pixels], list[int]]:
    """The pictures of all chunks, each chunk with a decoder of its own; and the owned times."""
    pictures: dict[int, Pixels] = {}
    owned: list[int] = []
    for chunk in ChunkReader(film, frames_per_chunk=frames_per_chunk):
        given = [(frame.pts, eight_bits(frame)) for frame in decode_chunk(chunk, film.video)]
        times = [pts for pts, _ in given]
        assert times == sorted(set(times)), "strictly rising"
        assert set(times) <= set(chunk.owned)
        assert pictures.keys().isdisjoint(times)
        pictures.update(given)
        owned += chunk.owned
    return pictures, owned


@pytest.mark.parametrize("kind", FILMS)
def test_chunks_are_bit_exact(make_film: MakeFilm, kind: str) -> None:
    name, options = FILMS[kind]
    film = probe(make_film(name, **({"frames": 60, "gop": 10, "audio": False} | options)))
    whole = plain_decode(film)
    assert len(whole) == 60
    for frames_per_chunk in (7, 10, 25, 1000):
        pictures, owned = decode_apart(film, frames_per_chunk)
        assert list(pictures) == sorted(whole) == owned
        for pts, picture in pictures.items():
            assert np.array_equal(picture, read_levels(whole[pts], film.video)), pts


def test_real_clips_are_bit_exact(bikes: Path, big_buck_bunny: Path) -> None:
    for path in (bikes, big_buck_bunny):
        film = probe(path)
        whole = plain_decode(film)
        pictures, owned = decode_apart(film, 48)
        assert list(pictures) == owned == sorted(whole)
        for pts in owned[::9]:
            assert np.array_equal(pictures[pts], read_levels(whole[pts], film.video)), pts


def test_pictures_are_the_right_ones_at_the_right_times(
    make_film: MakeFilm, read_number: Callable[[Pixels], int]
) -> None:
    times = [0, 40, 90, 100, 500, 510, 2000, 2033, 2066, 2100, 9000]
    film = probe(make_film("v.mkv", pts=times, gop=4))
    pictures, _ = decode_apart(film, 4)
    assert {pts: read_number(rgb) for pts, rgb in pictures.items()} == {
        pts: number for number, pts in enumerate(times)
    }


def overwritten(path: Path, copy: Path, *, keyframe: bool, seed: int) -> Path:
    """A copy in whose middle one packet is noise."""
    with av.open(str(path)) as container:
        packets = [
            bytes(p) for p in container.demux(video=0) if p.size and p.is_keyframe == keyframe
        ]
    victim = packets[len(packets) // 2]
    data = path.read_bytes()
    assert data.count(victim) == 1
    copy.write_bytes(data.replace(victim, np.random.default_rng(seed).bytes(len(victim))))
    return copy


DAMAGED = ["h264 closed", "h264 open", "hevc closed", "hevc open", "vp9 alt-ref", "mpeg2 open"]
DAMAGED += ["mpeg4 closed", "mpeg4 open", "av1"]


@pytest.mark.parametrize("keyframe", [True, False])
@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_loses_no_more_than_a_plain_decoder_does(
    make_film: MakeFilm, tmp_path: Path, kind: str, keyframe: bool
) -> None:
    name, options = FILMS[kind]
    whole = make_film(name, **({"frames": 60, "gop": 10, "audio": False} | options))
    for seed in range(2):
        film = probe(overwritten(whole, tmp_path / name, keyframe=keyframe, seed=seed))
        plain = plain_decode(film).keys() | plain_decode(film, threads=2).keys()
        for frames_per_chunk in (7, 10, 1000):
            pictures, owned = decode_apart(film, frames_per_chunk)
            assert len(owned) == 60
            assert len(pictures) >= len(plain & set(owned)), seed
            assert len(pictures) > 45


def test_pictures_of_another_size_are_made_to_fit(
    make_film: MakeFilm, draw_picture: Callable[[int, tuple[int, int]], Pixels]
) -> None:
    """As large as they can be, their shape kept; the first one, too, which could be damage."""
    small = probe(make_film("small.webm", codec="libvpx-vp9", size=(96, 64), audio=False))
    large = probe(make_film("large.webm", codec="libvpx-vp9", size=(128, 128), audio=False))
    [first] = ChunkReader(small, frames_per_chunk=1000)
    [later] = ChunkReader(large, frames_per_chunk=1000)
    offset = first.owned[-1] + 42
    moved = tuple(replace(p, pts=p.pts + offset, dts=None) for p in later.packets)
    both = Chunk(
        index=0,
        packets=first.packets + moved,
        owned=first.owned + tuple(pts + offset for pts in later.owned),
    )
    pictures = {frame.pts: frame.rgb for frame in decode_chunk(both, small.video)}
    assert tuple(pictures) == both.owned
    alone = [frame.rgb for frame in decode_chunk(first, small.video)]
    for pts, rgb in zip(first.owned, alone, strict=True):
        assert np.array_equal(pictures[pts], rgb)
    for number, pts in enumerate(later.owned):
        fitted = pictures[pts + offset]
        assert not fitted[:, :16].any()
        assert not fitted[:, 80:].any()
        drawn = draw_picture(number, (128, 128))
        halved = drawn.reshape(64, 2, 64, 2, 3).mean((1, 3))
        assert np.abs(fitted[:, 16:80] - halved).mean() < 6


def test_a_size_that_changes_on_the_last_picture_of_a_chunk_loses_none(make_film: MakeFilm) -> None:
    plain: dict[str, Any] = {"codec": "mjpeg", "pixel_format": "yuvj420p", "audio": False}
    small = probe(make_film("small.mkv", frames=8, **plain))
    large = probe(make_film("large.mkv", frames=1, size=(128, 128), **plain))
    [first] = ChunkReader(small, frames_per_chunk=1000)
    [later] = ChunkReader(large, frames_per_chunk=1000)
    end = first.owned[-1] + 42
    moved = replace(later.packets[0], pts=end, dts=None)
    both = Chunk(index=0, packets=(*first.packets, moved), owned=(*first.owned, end))
    assert tuple(frame.pts for frame in decode_chunk(both, small.video)) == both.owned
    lone = replace(moved, pts=first.packets[3].pts)
    middle = replace(first, packets=(*first.packets[:3], lone, *first.packets[4:]))
    assert len([*decode_chunk(middle, small.video)]) == 7, "made up by damage"


def test_a_format_that_changes_in_the_middle_is_read_as_what_it_is(
    make_film: MakeFilm, draw_picture: Callable[[int, tuple[int, int]], Pixels]
) -> None:
    """4:2:0 of limited range, then 4:4:4 of full range: each picture has its own colours."""
    limited = Color(matrix=6, primaries=6, transfer=6, full_range=False)
    full = replace(limited, full_range=True)
    kinds: list[dict[str, Any]] = [
        {"color": limited},
        {"color": full, "pixel_format": "yuvj444p"},
    ]
    films = [probe(make_film(f"{n}.mkv", audio=False, **kind)) for n, kind in enumerate(kinds)]
    first, second = (next(iter(ChunkReader(film, frames_per_chunk=1000))) for film in films)
    for film, before, after in ((films[0], first, second), (films[1], second, first)):
        offset = before.owned[-1] + 42
        headers = before.packets[0].data, after.packets[0].data
        assert headers[0] != headers[1]
        moved = [replace(p, pts=p.pts + offset, dts=None) for p in after.packets]
        other = films[1] if film is films[0] else films[0]
        moved[0] = replace(moved[0], data=in_band(other) + moved[0].data)
        both = Chunk(
            index=0,
            packets=(*before.packets, *moved),
            owned=before.owned + tuple(pts + offset for pts in after.owned),
        )
        pictures = [frame.rgb for frame in decode_chunk(both, film.video)]
        assert len(pictures) == 96
        for number in (0, 47):
            for half in (pictures[:48], pictures[48:]):
                drawn = draw_picture(number, (96, 64)).astype(int)
                assert abs(int(half[number].mean()) - drawn.mean()) < 2
                assert np.abs(half[number] - drawn).mean() < 6


def in_band(film: Film) -> bytes:
    """The parameter sets of an avcC box as units of a packet."""
    box, units, at = film.video.extradata, b"", 6
    for count in (box[5] & 31, 1):
        for _ in range(count):
            size = int.from_bytes(box[at : at + 2])
            units += size.to_bytes(4) + box[at + 2 : at + 2 + size]
            at += 2 + size
        at += 1
    return units


def test_the_decoder_reads_only_zeros_beyond_a_packet(make_film: MakeFilm) -> None:
    """MPEG-4's looks past the end of a packet: without padding it finds whatever lies there."""
    film = probe(make_film("m.mp4", codec="mpeg4", open_gop=True, frames=60, audio=False))
    first, _ = decode_apart(film, 10)
    for _ in range(8):
        again, _ = decode_apart(film, 10)
        assert all(np.array_equal(first[pts], again[pts]) for pts in first)
