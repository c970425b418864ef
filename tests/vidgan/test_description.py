"""What `vidgan probe` says of a film."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vidgan.films.broken import bare
from vidgan.description import describe, film_to_json, film_to_lines
from vidgan.media.glance import glance
from vidgan.media.probe import probe

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]
TEN_GIGABYTES = 10 * 2**30


def test_a_film_says_what_it_would_become(make_film: MakeFilm) -> None:
    film = probe(make_film("a.mp4"))
    facts = film_to_json(describe(film))
    assert (facts["output_codec"], facts["output_pixel_format"]) == ("libx264", "yuv420p")


@pytest.mark.parametrize(
    ("name", "ending", "times"),
    [
        ("clip.3gp", ".mp4", "exact"),
        ("clip.mp4", ".mp4", "exact"),
        ("clip.mkv", ".mkv", "to 1/1000 s"),
        ("clip.webm", ".webm", "to 1/1000 s"),
        ("clip.gif", ".gif", "to 1/100 s"),
    ],
)
def test_what_an_output_beside_it_would_be(
    make_film: MakeFilm, tmp_path: Path, name: str, ending: str, times: str
) -> None:
    """The same film, whatever it is called: its content says what it is, its name what comes."""
    film = probe(Path(shutil.copy(make_film("a.mp4"), tmp_path / name)))
    facts = film_to_json(describe(film))
    assert (facts["output_ending"], facts["output_times"]) == (ending, times)
    assert facts["output_codec"] is not None
    assert f"output times: {times}" in film_to_lines(describe(film))
    is_gif = ending == ".gif"
    assert (facts["output_pixel_format"] == "pal8") == (facts["output_codec"] == "gif") == is_gif


def test_rgb_is_not_said_to_be_guessed_by_its_size(make_film: MakeFilm) -> None:
    rgb = make_film("a.mov", codec="png", pixel_format="rgb24", color=None, frames=6, audio=False)
    yuv = make_film("a.mp4", color=None, frames=6, audio=False)
    for path, how in [(rgb, "taken for sRGB"), (yuv, "guessed by the size")]:
        lines = [line for line in film_to_lines(describe(probe(path))) if "does not say" in line]
        assert [line.split(",")[0] for line in lines] == [how]


def test_what_was_read_is_counted(make_film: MakeFilm, tmp_path: Path) -> None:
    """The index promises what is not there any more."""
    whole = make_film("cut.mp4", frames=100, container_options={"movflags": "faststart"})
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    facts = film_to_json(describe(probe(path)))
    assert facts["frames_known_by"] == "read"
    assert facts["frames"] == 100 - int(str(facts["frames_missing"])) < 90


def test_an_index_is_believed_where_reading_takes_long(make_film: MakeFilm) -> None:
    film = probe(make_film("a.mp4", frames=100))
    short = glance(film, moment=0, least=0)
    assert (short.count.frames, short.basis) == (100, "index")
    whole = glance(film, moment=0, least=0, full=True)
    assert (whole.count.frames, whole.basis) == (100, "read")


def large_mp4(small: Path, path: Path) -> Path:
    """Ten gigabytes of nothing between its data and its index."""
    data = small.read_bytes()
    at = data.index(b"mdat") - 4
    end = at + int.from_bytes(data[at : at + 4])
    assert data[at - 8 : at] == b"\0\0\0\x08free", "room for a size of 64 bits"
    size = end - at + 8 + TEN_GIGABYTES
    with path.open("wb") as file:
        file.write(data[: at - 8] + b"\0\0\0\x01mdat" + size.to_bytes(8) + data[at + 8 : end])
        file.seek(TEN_GIGABYTES, 1)
        file.write(data[end:])
    return path


def large_y4m(path: Path) -> Path:
    """Ten gigabytes of black pictures of 4K, of which nearly none takes room on the disk."""
    size = 3840 * 2160 * 3 // 2
    header = b"YUV4MPEG2 W3840 H2160 F24:1 Ip A1:1 C420jpeg\n"
    frames = TEN_GIGABYTES // size
    with path.open("wb") as file:
        file.write(header)
        for number in range(frames):
            file.seek(len(header) + number * (size + 6))
            file.write(b"FRAME\n")
        file.truncate(len(header) + frames * (size + 6))
    return path


@pytest.mark.parametrize(
    ("name", "frames"),
    [("large.y4m", "about 863; --full reads the film and counts them"), ("large.mp4", "48")],
)
def test_ten_gigabytes_are_probed_within_a_second(
    make_film: MakeFilm, tmp_path: Path, vidgan_command: Command, name: str, frames: str
) -> None:
    path = tmp_path / name
    if name.endswith("mp4"):
        large_mp4(make_film("a.mp4"), path)
    else:
        large_y4m(path)
    assert path.stat().st_size > 0.99 * TEN_GIGABYTES
    vidgan_command("probe", make_film("a.mp4"))  # loads what it needs
    took = []
    for _ in range(3):  # the machine may be busy
        began = time.process_time()
        said = vidgan_command("probe", path)
        took.append(time.process_time() - began)
        assert f"frames: {frames}" in said.out.splitlines()
    assert min(took) < 1


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.flv", "flv"), ("a.ivf", "libvpx"), ("a.avi", "mpeg4"), ("a.mkv", "mpeg4")),
        ("cut off.mkv", "mpeg4"),  # and with its end the cues are gone
    ],
)
def test_of_a_large_film_little_is_read(tmp_path: Path, name: str, codec: str) -> None:
    """Whatever its container says of where pictures lie."""
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    options = {"qmin": "1", "qmax": "2", "threads": "1", "deadline": "realtime"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.bit_rate = 10**8
        frame = av.VideoFrame.from_ndarray(noise, "rgb24")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        data = b"".join(bytes(p) for p in (*stream.encode(frame), *stream.encode(None)))
        for number in range(120 * 10**6 // len(data)):
            packet: Any = av.Packet(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, True
            container.mux(packet)
    if path.stem == "cut off":
        os.truncate(path, path.stat().st_size - 10**7)
    assert path.stat().st_size > 10**8
    before = bytes_read()
    found = probe(path)
    assert found.duration is not None
    assert bytes_read() - before < 4 * 10**7


def bytes_read() -> int:
    """By this process so far, from the system's cache or not."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("rchar"))


def test_a_program_that_has_just_started_probes_within_a_second(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    """Of computing: on a busy machine, more by the clock."""
    path = large_mp4(make_film("a.mp4"), tmp_path / "large.mp4")
    spent = []
    for _ in range(2):  # the first one may find nothing in the system's cache
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "vidgan", "probe", path], check=True, timeout=300)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(spent) < 1


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.h264"])
def test_a_guess_from_the_beginning_is_near(make_film: MakeFilm, tmp_path: Path, name: str) -> None:
    source = make_film("a.ts" if name.endswith("h264") else name, frames=300, audio=False)
    film = probe(bare(source, tmp_path / name) if name.endswith("h264") else source)
    some = glance(film, moment=0, least=source.stat().st_size // 3)
    assert some.basis == "guess"
    assert abs(some.count.frames - 300) < 45
    assert some.is_steady
