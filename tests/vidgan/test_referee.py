"""FFmpeg's own programs as an independent referee of what is written.

They are Debian's (`apt-get install ffmpeg`), another build and another version than the library in
PyAV. Where they are not installed these tests are skipped, unless VIDGAN_NEEDS_FFMPEG is set.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import vidgan
from vidgan.media.types import Color

MakeFilm = Callable[..., Path]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("ray_up"),
    pytest.mark.skipif(
        shutil.which("ffprobe") is None and "VIDGAN_NEEDS_FFMPEG" not in os.environ,
        reason="needs FFmpeg's programs: apt-get install ffmpeg",
    ),
]

BT709 = Color(matrix=1, primaries=1, transfer=1, full_range=False)
BT601_FULL = Color(matrix=5, primaries=5, transfer=6, full_range=True)
GRID = {".mp4": Fraction(1, 10**6), ".mov": Fraction(1, 10**6)}
"""Seconds to which times are kept; elsewhere the container counts in milliseconds."""


@dataclass(frozen=True)
class Case:
    """A film, and the ending of its output."""

    name: str
    options: dict[str, Any]
    ending: str
    codec: str | None = None


CASES = [
    Case("plain.mp4", {"chapters": True}, ".mp4"),
    Case("hevc.mkv", {"codec": "libx265", "audio": "flac", "subtitles": True}, ".mkv", "libx265"),
    Case("webm.webm", {"codec": "libvpx-vp9"}, ".webm"),
    Case("av1.mp4", {"codec": "libsvtav1"}, ".mp4", "libsvtav1"),
    Case("turned.mp4", {"rotation": 90, "color": BT709}, ".mov"),
    Case("full.mp4", {"color": BT601_FULL, "sample_aspect_ratio": Fraction(16, 15)}, ".mp4"),
    Case("odd.mkv", {"size": (97, 65), "pixel_format": "yuv444p"}, ".mp4"),
    Case(
        "variable.mkv",
        {"pts": [round(i * 41.7) + (900 if i > 20 else 0) for i in range(40)], "frames": 40},
        ".mp4",
    ),
    Case("late.mp4", {"pts": [500 + 40 * i for i in range(30)], "frames": 30}, ".mkv"),
]


def ffprobe(path: Path, *options: str) -> Any:
    command = ["ffprobe", "-v", "error", "-of", "json", *options, f"file:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return json.loads(done.stdout)


def times(path: Path) -> list[Fraction]:
    found = ffprobe(path, "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp")
    (stream,) = ffprobe(path, "-select_streams", "v:0", "-show_entries", "stream=time_base")[
        "streams"
    ]
    tick = Fraction(stream["time_base"])
    return [frame["best_effort_timestamp"] * tick for frame in found["frames"]]


def streams(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ffprobe(path, "-show_streams")["streams"]
    return found


def rotation(video: dict[str, Any]) -> int:
    turns = [data["rotation"] for data in video.get("side_data_list", ()) if "rotation" in data]
    return int(turns[0]) % 360 if turns else 0


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def converted(
    request: pytest.FixtureRequest,
    make_film: MakeFilm,
    identity_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Path]:
    case: Case = request.param
    source = make_film(case.name, **case.options)
    output = tmp_path_factory.mktemp("referee") / f"out{case.ending}"
    vidgan.convert(source, output, weights=identity_file, chunk_frames=16, codec=case.codec)
    return source, output


def test_every_output_decodes_without_a_word(converted: tuple[Path, Path]) -> None:
    _, output = converted
    command = ["ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", f"file:{output}"]
    decode = ["-map", "0:v", "-map", "0:a?", "-f", "null", "-"]
    done = subprocess.run([*command, *decode], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_frame_is_shown_at_its_time(converted: tuple[Path, Path]) -> None:
    source, output = converted
    before, after = times(source), times(output)
    assert len(before) == len(after) > 20
    finest = GRID.get(output.suffix, Fraction(1, 1000))
    assert all(abs(a - b) <= finest for a, b in zip(before, after, strict=True))


def test_colours_shape_and_turn_are_tagged_as_they_were(converted: tuple[Path, Path]) -> None:
    source, output = converted
    before, after = (
        next(stream for stream in streams(path) if stream["codec_type"] == "video")
        for path in converted
    )
    assert (after["width"], after["height"]) == (before["width"], before["height"])
    assert rotation(after) == rotation(before)
    assert after.get("sample_aspect_ratio", "1:1") == before.get("sample_aspect_ratio", "1:1")
    for tag in ("color_range", "color_space", "color_primaries", "color_transfer"):
        if before.get(tag, "unknown") != "unknown":
            assert after.get(tag) == before[tag], (tag, source, output)


def test_all_else_is_there_in_the_same_order(converted: tuple[Path, Path]) -> None:
    source, output = converted
    kept = [
        [
            (s["codec_type"], s["tags"].get("language", "und") if "tags" in s else "und")
            for s in streams(path)
            if s["codec_type"] in {"video", "audio", "subtitle"}
        ]
        for path in (source, output)
    ]
    assert kept[0] == kept[1]
    chapters = [
        [(c["start_time"], c["tags"]["title"]) for c in ffprobe(path, "-show_chapters")["chapters"]]
        for path in (source, output)
    ]
    assert chapters[0] == chapters[1]
