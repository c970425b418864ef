"""Films of other containers through a whole conversion: each frame at its time, sound beside it."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.vidgan.films.broken import moved, packed
from tests.vidgan.films.stills import write_numbered, write_webp
from vidgan.conversion import convert_all
from vidgan.options import Options
from vidgan.report import Report

MakeFilm = Callable[..., Path]
ReadNumber = Callable[[Any], int]

pytestmark = pytest.mark.usefixtures("ray_up")

FRAMES = 24
GOP = {"g": "12"}
SIZE = (128, 96)
FILMS: dict[str, dict[str, Any]] = {
    "h264.avi": {"audio": "libmp3lame"},
    "b.ts": {"open_gop": True},
    "hevc.m2ts": {"codec": "libx265"},
    "mpeg2.vob": {"codec": "mpeg2video", "audio": "mp2", "size": (352, 288)},
    "flv1.flv": {"codec": "flv", "codec_options": GOP},
    "wmv2.wmv": {"codec": "wmv2", "codec_options": GOP, "audio": "libmp3lame"},
    "h263.3gp": {"codec": "h263", "codec_options": GOP},
    "prores.mov": {"codec": "prores_ks", "pixel_format": "yuv422p10le", "audio": "pcm_s16le"},
    "raw.y4m": {"codec": "wrapped_avframe", "audio": False},
    "moves.apng": {"codec": "apng", "pixel_format": "rgb24", "audio": False, "rate": 25},
    "vp8.webm": {"codec": "libvpx", "codec_options": GOP},
}


@pytest.fixture(scope="module")
def converted(
    make_film: MakeFilm,
    identity_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    ray_up: None,
) -> tuple[Path, Report]:
    """All of them in one command, with a generator that changes nothing."""
    folder = tmp_path_factory.mktemp("any")
    films, numbered = folder / "in", folder / "numbered"
    films.mkdir()
    numbered.mkdir()
    for name, options in FILMS.items():
        film = make_film(name, **({"frames": FRAMES, "size": SIZE} | options))
        (films / name).write_bytes(film.read_bytes())
    divx = make_film("a.avi", codec="mpeg4", bframes=1, frames=FRAMES, size=SIZE, audio=False)
    packed(divx, films / "divx.avi")
    write_webp(films / "moves.webp", [40] * FRAMES, SIZE)
    halves = [moved(films / "b.ts", folder / f"{hour}.ts", 3600 * hour) for hour in (9, 2)]
    (films / "both.ts").write_bytes(b"".join(half.read_bytes() for half in halves))
    pattern = write_numbered(numbered, "f_%03d.png", range(5, 5 + FRAMES), SIZE)
    chosen = Options(weights=identity_file, precision="fp32", workers=2)
    pictures = convert_all([pattern], folder / "f.mp4", replace(chosen, rate=Fraction(24)))
    assert not pictures.failures
    return folder, convert_all([films], folder / "out", chosen)


def shown(path: Path, read_number: ReadNumber) -> list[tuple[Fraction, int]]:
    """(seconds, number) of each frame."""
    with av.open(str(path)) as container:
        return [
            (frame.pts * frame.time_base, read_number(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def sound_in(path: Path) -> tuple[Fraction, Fraction]:
    """When the sound begins and ends, in seconds."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(audio=0) if p.pts is not None]
        first, last = packets[0], packets[-1]
        assert first.pts is not None
        assert last.pts is not None
        return first.pts * first.time_base, (last.pts + (last.duration or 0)) * last.time_base


def test_nothing_fails(converted: tuple[Path, Report]) -> None:
    assert [str(failure) for failure in converted[1].failures] == []


@pytest.mark.parametrize("name", [*FILMS, "divx.avi", "moves.webp"])
def test_every_frame_at_its_time(
    converted: tuple[Path, Report], read_number: ReadNumber, name: str
) -> None:
    [file] = [file for file in converted[1].files if file.source.name == name]
    assert (file.frames, file.frames_lost) == (FRAMES, 0)
    frames = shown(Path(str(file.output)), read_number)
    assert [number for _, number in frames] == list(range(FRAMES))
    rate = 25 if name.startswith("moves") else 24
    grid = Fraction(1, 1000) if name.endswith((".webm", ".flv", ".wmv")) else Fraction(1, 25_000)
    first = frames[0][0]
    assert all(abs(t - first - Fraction(i, rate)) <= grid for i, (t, _) in enumerate(frames))
    with_sound = FILMS.get(name, {"audio": False}).get("audio", True)
    if with_sound:
        begins, ends = sound_in(Path(str(file.output)))
        assert abs(begins - first) < Fraction(1, 10)
        assert abs(ends - begins - 1) < Fraction(1, 10)


def test_recordings_put_together(converted: tuple[Path, Report], read_number: ReadNumber) -> None:
    """Picture and sound go on at the seam, and the warning says where it is."""
    folder, report = converted
    [file] = [file for file in report.files if file.source.name == "both.ts"]
    frames = shown(folder / "out" / "both.mp4", read_number)
    assert [number for _, number in frames] == [*range(FRAMES), *range(FRAMES)]
    begins, ends = sound_in(folder / "out" / "both.mp4")
    assert abs(frames[-1][0] - frames[0][0] - 2) < Fraction(1, 5)
    assert abs((ends - begins) - 2) < Fraction(1, 5)
    assert any("its clock starts anew at" in warning for warning in file.warnings)


def test_numbered_pictures_become_a_film(
    converted: tuple[Path, Report], read_number: ReadNumber
) -> None:
    frames = shown(converted[0] / "f.mp4", read_number)
    assert frames == [(Fraction(i, 24), i) for i in range(FRAMES)]
