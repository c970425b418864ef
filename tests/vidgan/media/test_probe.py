"""Probe: what it says of films that can be converted, and how it refuses the others."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from vidgan.errors import InputError
from vidgan.media.packets import is_packed_bitstream, not_packed
from vidgan.media.probe import probe
from vidgan.media.types import Color

MakeFilm = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "codec", "decoder"),
    [
        ("a.mp4", "libx264", "h264"),
        ("a.mov", "libx264", "h264"),
        ("a.mkv", "libx265", "hevc"),
        ("a.webm", "libvpx-vp9", "vp9"),
        ("a.mp4", "libsvtav1", "libdav1d"),
        ("a.mkv", "mpeg2video", "mpeg2video"),
        ("a.mp4", "mpeg4", "mpeg4"),
    ],
)
def test_supported_codecs_and_containers(
    make_film: MakeFilm, name: str, codec: str, decoder: str
) -> None:
    film = probe(make_film(name, codec=codec))
    assert film.video.codec == decoder
    assert (film.video.width, film.video.height) == (96, 64)
    assert film.video.pixel_format == "yuv420p"
    assert film.video.average_rate == 24
    assert [other.kind for other in film.others] == ["audio"]
    assert film.others[0].language == "eng"
    assert film.frames_declared == (48 if name[-3:] in {"mp4", "mov"} else 0)
    assert film.duration is not None
    assert abs(film.duration - 2) < Fraction(1, 20)
    assert film.warnings == ()


def test_a_film_with_everything(make_film: MakeFilm) -> None:
    film = probe(
        make_film(
            "all.mp4",
            subtitles=True,
            chapters=True,
            metadata={"title": "Two seconds"},
            sample_aspect_ratio=Fraction(4, 3),
        )
    )
    assert [(other.kind, other.codec) for other in film.others] == [
        ("audio", "aac"),
        ("subtitle", "mov_text"),
    ]
    assert film.chapters == 2
    assert film.metadata == {"title": "Two seconds"}
    assert film.video.sample_aspect_ratio == Fraction(4, 3)
    assert film.warnings == ()  # nothing is lost: the chapters' own track is no loss


@pytest.mark.parametrize("name", ["r.mp4", "r.mkv"])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation(make_film: MakeFilm, name: str, degrees: int) -> None:
    assert probe(make_film(name, rotation=degrees, frames=12)).video.rotation == degrees


@pytest.mark.parametrize(
    ("size", "matrix"), [((96, 64), 6), ((1280, 32), 1), ((32, 720), 1), ((640, 360), 6)]
)
def test_unspecified_colour_follows_the_size(
    make_film: MakeFilm, size: tuple[int, int], matrix: int
) -> None:
    color = probe(make_film("c.mp4", size=size, frames=2, audio=False)).video.color
    assert color == Color(matrix=matrix, primaries=matrix, transfer=matrix, full_range=False)


@pytest.mark.parametrize("name", ["c.mp4", "c.mkv"])
@pytest.mark.parametrize("matrix", [1, 5, 6])
@pytest.mark.parametrize("full_range", [False, True])
def test_stated_colour_is_kept(
    make_film: MakeFilm, name: str, matrix: int, full_range: bool
) -> None:
    stated = Color(
        matrix=matrix,
        primaries=matrix,
        transfer=6 if matrix == 5 else matrix,
        full_range=full_range,
    )
    assert probe(make_film(name, color=stated, frames=2, audio=False)).video.color == stated


@pytest.mark.parametrize("pixel_format", ["yuv422p", "yuv444p", "yuvj420p"])
def test_other_8_bit_formats(make_film: MakeFilm, pixel_format: str) -> None:
    video = probe(make_film("p.mp4", pixel_format=pixel_format, frames=2)).video
    assert video.pixel_format == pixel_format
    assert video.color.full_range == (pixel_format == "yuvj420p")


def test_extra_video_streams_are_named_and_covers_are_none(make_film: MakeFilm) -> None:
    two = probe(make_film("two.mkv", video_tracks=2))
    assert two.video.index == 0
    assert two.warnings == ("video stream 1 is left out; stream 0 is converted",)
    cover = probe(make_film("cover.mp4", cover=True))
    assert cover.video.codec == "h264"
    assert cover.warnings == ()
    assert [(other.kind, other.codec) for other in cover.others][-1] == ("cover", "mjpeg")


def test_shipped_clips(bikes: Path, big_buck_bunny: Path) -> None:
    assert probe(bikes).frames_declared == 250
    bunny = probe(big_buck_bunny)
    assert (bunny.frames_declared, bunny.video.height, len(bunny.others)) == (132, 720, 1)


def test_a_name_that_looks_like_a_protocol(make_film: MakeFilm, tmp_path: Path) -> None:
    path = tmp_path / "http:film 100%.mp4"
    path.write_bytes(make_film("a.mp4").read_bytes())
    assert probe(path).video.width == 96


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("askew.mp4", {"rotation": 30}, "only 0, 90, 180 and 270"),
        ("rare.mkv", {"codec": "snow", "audio": False}, "snow video is not supported"),
        ("rare.nut", {"audio": False}, "not a video that can be read"),
        ("song.mp4", {"video_tracks": 0}, "no video stream (it holds audio only)"),
    ],
)
def test_what_cannot_be_done_right_is_refused(
    make_film: MakeFilm, name: str, options: dict[str, Any], reason: str
) -> None:
    path = make_film(name, **({"frames": 12} | options))
    assert_refused(path, reason)


def assert_refused(path: Path, reason: str) -> None:
    """One line that names the file and the reason."""
    with pytest.raises(InputError) as caught:
        probe(path)
    line = str(caught.value)
    assert str(path) in line
    assert reason in line
    assert "\n" not in line


def test_what_is_no_video(make_film: MakeFilm, tmp_path: Path) -> None:
    whole = make_film("a.mp4").read_bytes()
    contents = {
        "empty.mp4": (b"", "is empty"),
        "text.mp4": (b"These are words, not pictures.\n" * 40, "not a video"),
        "cut.mp4": (whole[: len(whole) // 2], "its index (moov atom) is missing"),
        "list.mp4": (
            b"#EXTM3U\n#EXTINF:1,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n",
            "not a video",
        ),
    }
    for name, (data, reason) in contents.items():
        (tmp_path / name).write_bytes(data)
        assert_refused(tmp_path / name, reason)
    assert_refused(tmp_path / "nowhere.mp4", "no such file")
    assert_refused(tmp_path, "is a folder")


def test_a_film_of_noise(make_film: MakeFilm, tmp_path: Path) -> None:
    """Headers are sound, but no packet is."""
    source = make_film("noise.mkv", frames=24, audio=False)
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    with av.open(str(source)) as container:
        for packet in container.demux(video=0):
            at = data.find(bytes(packet)) if packet.size else -1
            if at >= 0:
                data[at : at + packet.size] = rng.bytes(packet.size)
    path = tmp_path / "noise.mkv"
    path.write_bytes(data)
    assert_refused(path, "no picture of the video stream can be decoded")


def test_packed_b_frames_are_recognised() -> None:
    assert is_packed_bitstream(b"\x00\x00\x01\xb0\x01\x00\x00\x01\xb2DivX503b1393p\x00\x00\x01\xb6")
    assert not is_packed_bitstream(b"\x00\x00\x01\xb2DivX503b1393\x00\x00\x01\xb6p")
    assert not is_packed_bitstream(b"\x00\x00\x01\xb2Lavc62.11.100")
    assert not is_packed_bitstream(not_packed(b"\x00\x00\x01\xb2DivX503b1393p\x00\x00\x01\xb6"))
