"""Every container and codec that goes in: each frame comes out of its chunk, at its time.

The rows are those of docs/media.md.
"""

import io
import os
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import pytest

from tests.vidgan.films.stills import write_numbered, write_webp
from vidgan.errors import InputError
from vidgan.media.chunks import ChunkReader
from vidgan.media.count import count_film
from vidgan.media.decode import decode_chunk
from vidgan.media.opening import demux, open_film
from vidgan.media.probe import probe
from vidgan.media.types import Film
from vidgan.numbered import facts, is_pattern

MakeFilm = Callable[..., Path]
ReadNumber = Callable[[Any], int]

FRAMES = 30
GOP = {"g": "10"}
LARGE: dict[str, Any] = {"size": (352, 288)}
FILMS: dict[str, tuple[str, dict[str, Any]]] = {
    "avi mpeg4": ("a.avi", {"codec": "mpeg4"}),
    "avi h264": ("a.avi", {}),
    "avi h264 open": ("a.avi", {"open_gop": True}),
    "avi 29.97": ("a.avi", {"codec": "mpeg4", "rate": Fraction(30000, 1001)}),
    "avi mjpeg": ("a.avi", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
    "avi huffyuv": ("a.avi", {"codec": "huffyuv", "pixel_format": "yuv422p"}),
    "avi ffv1": ("a.avi", {"codec": "ffv1", "pixel_format": "yuv444p", "codec_options": GOP}),
    "avi raw bgr": ("a.avi", {"codec": "rawvideo", "pixel_format": "bgr24"}),
    "avi raw yuv": ("a.avi", {"codec": "rawvideo"}),
    "avi msvideo1": ("a.avi", {"codec": "msvideo1", "pixel_format": "rgb555le"}),
    "avi utvideo": ("a.avi", {"codec": "utvideo", "pixel_format": "yuv422p"}),
    "avi magicyuv": ("a.avi", {"codec": "magicyuv", "pixel_format": "yuv422p"}),
    "mov magicyuv": ("a.mov", {"codec": "magicyuv", "pixel_format": "gbrp"}),
    "mpeg-ts h264": ("a.ts", {}),
    "mpeg-ts mpeg2": ("a.ts", {"codec": "mpeg2video", "open_gop": True}),
    "mpeg-ts mpeg1": ("a.ts", {"codec": "mpeg1video", "codec_options": GOP | {"bf": "2"}}),
    "m2ts hevc": ("a.m2ts", {"codec": "libx265", "open_gop": True}),
    "mpg mpeg1": ("a.mpg", LARGE | {"codec": "mpeg1video", "codec_options": GOP | {"bf": "2"}}),
    "vob mpeg2": ("a.vob", LARGE | {"codec": "mpeg2video"}),
    "flv flv1": ("a.flv", {"codec": "flv", "codec_options": GOP}),
    "flv h264": ("a.flv", {}),
    "wmv wmv2": ("a.wmv", {"codec": "wmv2", "codec_options": GOP}),
    "asf wmv1": ("a.asf", {"codec": "wmv1", "codec_options": GOP}),
    "3gp h263": ("a.3gp", {"codec": "h263", "size": (128, 96), "codec_options": GOP}),
    "3gp h264": ("a.3gp", {}),
    "gif": ("a.gif", {"codec": "gif", "pixel_format": "rgb8", "rate": 25}),
    "apng": ("a.apng", {"codec": "apng", "pixel_format": "rgb24", "rate": 25}),
    "y4m": ("a.y4m", {"codec": "wrapped_avframe"}),
    "webm vp8": ("a.webm", {"codec": "libvpx", "codec_options": GOP | {"lag-in-frames": "8"}}),
    "mkv vp8 hidden": (
        "a.mkv",
        {
            "codec": "libvpx",
            "codec_options": {"g": "15", "auto-alt-ref": "1", "lag-in-frames": "12", "b": "40k"},
        },
    ),
    "mov mjpeg": ("a.mov", {"codec": "mjpeg", "pixel_format": "yuvj422p"}),
    "mov prores": ("a.mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le"}),
    "mov prores 4444": ("a.mov", {"codec": "prores_ks", "pixel_format": "yuv444p10le"}),
    "mov dnxhr": (
        "a.mov",
        LARGE
        | {
            "codec": "dnxhd",
            "pixel_format": "yuv422p",
            "codec_options": {"profile": "dnxhr_hq"},
            "frames": 6,
        },
    ),
    "mxf dnxhr": (
        "a.mxf",
        LARGE
        | {
            "codec": "dnxhd",
            "pixel_format": "yuv422p",
            "codec_options": {"profile": "dnxhr_hq"},
            "frames": 6,
            "rate": 25,
        },
    ),
    "mov qtrle": ("a.mov", {"codec": "qtrle", "pixel_format": "rgb24", "codec_options": GOP}),
    "mov v210": ("a.mov", {"codec": "v210", "pixel_format": "yuv422p10le"}),
    "mov r210": ("a.mov", {"codec": "r210", "pixel_format": "gbrp10le"}),
    "mov png": ("a.mov", {"codec": "png", "pixel_format": "rgb24"}),
    "mkv ffv1": ("a.mkv", {"codec": "ffv1", "codec_options": GOP}),
    "mkv raw": ("a.mkv", {"codec": "rawvideo"}),
    "ivf vp8": ("a.ivf", {"codec": "libvpx"}),
    "m1v": ("a.m1v", {"codec": "mpeg1video", "codec_options": GOP | {"bf": "2"}}),
    "m2v": ("a.m2v", {"codec": "mpeg2video", "open_gop": True}),
    "mjpeg": ("a.mjpeg", {"codec": "mjpeg", "pixel_format": "yuvj420p", "rate": 25}),
    "mkv mpeg1": ("a.mkv", {"codec": "mpeg1video", "codec_options": GOP | {"bf": "2"}}),
}


def shown_in(film: Film, read_number: ReadNumber, frames_per_chunk: int) -> dict[Fraction, int]:
    """The numbers that the pictures of all chunks show, by their times in seconds."""
    numbers: dict[Fraction, int] = {}
    for chunk in ChunkReader(film, frames_per_chunk=frames_per_chunk):
        given = list(decode_chunk(chunk, film.video))
        assert [frame.pts for frame in given] == list(chunk.owned), "all of them, rising"
        numbers |= {frame.pts * film.video.time_base: read_number(frame.rgb) for frame in given}
    return numbers


@pytest.mark.parametrize("row", FILMS)
def test_every_frame_at_its_time(make_film: MakeFilm, read_number: ReadNumber, row: str) -> None:
    name, options = FILMS[row]
    options = {"frames": FRAMES, "gop": 10, "audio": False} | options
    film = probe(make_film(name, **options))
    numbers = shown_in(film, read_number, 12)
    assert list(numbers.values()) == list(range(options["frames"]))
    first = min(numbers)
    for number, seconds in enumerate(numbers):
        wanted = number / Fraction(options.get("rate", 24))
        assert abs(seconds - first - wanted) <= film.video.time_base, number
    count = count_film(film, frames_per_chunk=12)
    assert (count.frames, count.missing_frames) == (options["frames"], 0)
    said = [f"{film.path}: taken for 25 pictures a second; say another with --rate"]
    assert list(film.warnings + count.warnings) == (said if row == "mjpeg" else [])


def test_raw_dv(make_film: MakeFilm, read_number: ReadNumber) -> None:
    """As camcorders write it: two fields in a picture, and FFmpeg takes a tick for one."""
    film = probe(
        make_film("a.dv", codec="dvvideo", size=(720, 576), frames=6, rate=25, audio=False)
    )
    assert film.video.average_rate == 25
    assert film.video.fields == "flagged"
    numbers = shown_in(film, read_number, 4)
    assert numbers == {Fraction(number, 25): number for number in range(6)}


def test_a_length_that_is_guessed_by_a_bit_rate_is_none(make_film: MakeFilm) -> None:
    path = make_film("a.m1v", codec="mpeg1video", frames=FRAMES, audio=False)
    with av.open(str(path)) as container:
        assert (container.duration or 0) < av.time_base / 2, "FFmpeg's guess of 1.25 s"
    assert probe(path).duration is None


@pytest.mark.skipif(
    shutil.which("ffmpeg") is None and "VIDGAN_NEEDS_FFMPEG" not in os.environ,
    reason="PyAV cannot write Theora: apt-get install ffmpeg",
)
def test_theora(make_film: MakeFilm, tmp_path: Path, read_number: ReadNumber) -> None:
    raw = make_film("a.y4m", codec="wrapped_avframe", frames=FRAMES, audio=False)
    command = ["ffmpeg", "-v", "error", "-i", str(raw), "-c:v", "libtheora", "-q:v", "9", "-g", "8"]
    subprocess.run([*command, str(tmp_path / "a.ogv")], check=True, timeout=300)
    film = probe(tmp_path / "a.ogv")
    numbers = shown_in(film, read_number, 10)
    assert numbers == {Fraction(i, 24): i for i in range(FRAMES)}


@pytest.mark.parametrize("row", ["avi h264", "mpeg-ts h264", "vob mpeg2", "m2ts hevc"])
def test_without_a_clock_of_its_own_a_film_begins_at_zero(
    make_film: MakeFilm, read_number: ReadNumber, row: str
) -> None:
    name, options = FILMS[row]
    film = probe(make_film(name, **({"frames": FRAMES, "gop": 10, "audio": False} | options)))
    assert min(shown_in(film, read_number, 1000)) == 0


def test_an_animated_webp(tmp_path: Path, read_number: ReadNumber) -> None:
    durations = [40, 50, 60, 40, 1000, 10]
    film = probe(write_webp(tmp_path / "a.webp", durations))
    assert film.container == "webp"
    starts = [Fraction(ms, 1000) for ms in (0, *accumulate(durations[:-1]))]
    assert shown_in(film, read_number, 4) == {start: i for i, start in enumerate(starts)}


def test_a_canvas_that_damage_has_made_huge_fills_no_memory(tmp_path: Path) -> None:
    """One bit of 24 turned: the pictures lie in 96 columns and 262208 rows."""
    path = write_webp(tmp_path / "a.webp", [40, 50, 60])
    data = bytearray(path.read_bytes())
    at = data.index(b"VP8X") + 15
    assert data[at : at + 3] == (63).to_bytes(3, "little")
    data[at + 2] |= 4
    path.write_bytes(data)
    with pytest.raises(InputError, match="have 96x262208 pixels, and WebP has 16384 a side"):
        probe(path)


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [("frame_%04d.png", range(10)), ("%d.jpg", range(997, 1007)), ("a b-%03d.x.tif", range(7, 17))],
)
def test_numbered_pictures(
    tmp_path: Path, read_number: ReadNumber, pattern: str, numbers: range
) -> None:
    path = write_numbered(tmp_path, pattern, numbers)
    film = probe(path, rate=Fraction(24000, 1001))
    assert film.warnings == ()
    assert film.duration == 10 * Fraction(1001, 24000)
    wanted = {i * Fraction(1001, 24000): i for i in range(10)}
    assert shown_in(film, read_number, 4) == wanted
    [said] = probe(path).warnings
    assert said == f"{path}: taken for 25 pictures a second; say another with --rate"


def test_numbered_pictures_that_are_not_all_there(tmp_path: Path) -> None:
    path = write_numbered(tmp_path, "f%02d.png", range(3, 12))
    (tmp_path / "f05.png").unlink()
    (tmp_path / "f09.png").unlink()
    with pytest.raises(InputError, match=r"f%02d.png: f05.png, f09.png missing; add them"):
        probe(path)
    with pytest.raises(InputError, match=r"g%02d.png: no picture fits this pattern"):
        probe(tmp_path / "g%02d.png")
    (tmp_path / "e01.exr").write_bytes(b"v/1\1")
    with pytest.raises(InputError, match=r"e%02d.exr: numbered pictures in .exr are not supported"):
        probe(tmp_path / "e%02d.exr")
    with pytest.raises(InputError, match=r"x%02d.exr: no such file"):
        probe(tmp_path / "x%02d.exr")


def test_numbered_pictures_are_known_again(tmp_path: Path) -> None:
    """By a note of a finished output, which is no longer true once a picture is another."""
    path = write_numbered(tmp_path, "f%02d.png", range(3, 9))
    write_numbered(tmp_path, "other%02d.png", range(3))
    known = facts(path)
    assert known == facts(path)
    assert known[0] == 6
    os.utime(tmp_path / "f05.png", (1, 2**31))
    assert known != facts(path)
    (tmp_path / "f08.png").unlink()
    assert facts(path)[0] == 5


def test_a_name_with_a_percent_sign_is_a_name(make_film: MakeFilm, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"100%done\.mp4: no such file"):
        probe(tmp_path / "100%done.mp4")
    (tmp_path / "100%done.mp4").write_bytes(make_film("a.mp4", frames=12).read_bytes())
    assert probe(tmp_path / "100%done.mp4").container.startswith("mov")
    (tmp_path / "7%d.png").touch()
    assert not is_pattern(tmp_path / "7%d.png")


def test_a_rate_is_for_numbered_pictures_alone(make_film: MakeFilm) -> None:
    with pytest.raises(InputError, match="has times of its own; --rate is for numbered pictures"):
        probe(make_film("a.mp4", frames=12), rate=Fraction(24))


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile other.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_no_list_of_other_files_is_followed(make_film: MakeFilm, tmp_path: Path, text: str) -> None:
    (tmp_path / "other.mp4").write_bytes(make_film("a.mp4", frames=12).read_bytes())
    (tmp_path / "other.ts").write_bytes(make_film("a.ts", frames=12).read_bytes())
    (tmp_path / "list.mp4").write_text(text)
    with (
        pytest.raises(InputError, match=r"list.mp4 is not a video that can be read"),
        open_film(tmp_path / "list.mp4"),
    ):
        pass


def test_chunks_of_raw_pictures_are_small(
    make_film: MakeFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgan.media.chunks.MAX_CHUNK_BYTES", 100_000)
    film = probe(make_film("a.y4m", codec="wrapped_avframe", frames=30, audio=False))
    chunks = list(ChunkReader(film, frames_per_chunk=64))
    assert {sum(len(p.data) for p in chunk.packets) for chunk in chunks} <= {
        n * 96 * 64 * 3 // 2 for n in range(1, 13)
    }
    assert count_film(film).chunks == len(chunks) == 3


def test_numbers_far_apart_are_refused_at_once(tmp_path: Path) -> None:
    """As where one file is called by the time that it was made."""
    for name in ("1.png", "1700000000000.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"2\.png, 3\.png, .* and 1699999999993 more missing"):
        probe(tmp_path / "%d.png")


class Pipe:
    """A file that cannot be looked at from its end."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


def test_a_stream_that_comes_up_later_stops_nothing(make_film: MakeFilm) -> None:
    """As in a broadcast; PyAV does not know it."""
    silent = make_film("silent.ts", frames=24, audio=False, codec="mpeg2video")
    heard = make_film("heard.ts", frames=24, audio="mp2", codec="mpeg2video")
    both = 60 * silent.read_bytes() + heard.read_bytes()
    short_sighted = {"probesize": "5000", "analyzeduration": "1"}
    with av.open(Pipe(both), "r", options=short_sighted) as container:
        assert len(container.streams) == 1
        with pytest.raises(IndexError):
            list(container.demux())
    with av.open(Pipe(both), "r", options=short_sighted) as container:
        pictures = [p for p in demux(container) if p.size and p.stream_index == 0]
        assert len(pictures) == 61 * 24
