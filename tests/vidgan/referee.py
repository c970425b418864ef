"""FFmpeg's own programs, asked what is in a file.

They are Debian's (`apt-get install ffmpeg`), another build and another version than the library in
PyAV. Where they are not installed the tests that ask them are skipped, unless VIDGAN_NEEDS_FFMPEG
is set.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffprobe") is None and "VIDGAN_NEEDS_FFMPEG" not in os.environ,
    reason="needs FFmpeg's programs: apt-get install ffmpeg",
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What ffprobe says of a file."""

    streams: Sequence[dict[str, Any]]
    chapters: Sequence[dict[str, Any]]
    tags: dict[str, str]
    times: Sequence[Fraction | None]
    """Of the pictures, in seconds; None where it does not know."""

    @property
    def video(self) -> dict[str, Any]:
        """The first one that is no cover."""
        return next(stream for stream in self.streams if is_film(stream))

    @property
    def beside(self) -> list[tuple[str, str | None, str, frozenset[str]]]:
        """Kind, codec, language and marks of all else, in order."""
        film = self.video
        return [
            (
                stream["codec_type"],
                stream.get("codec_name"),
                stream.get("tags", {}).get("language", "und"),
                frozenset(mark for mark, is_set in stream["disposition"].items() if is_set),
            )
            for stream in self.streams
            if stream is not film
        ]

    @property
    def turn(self) -> str:
        """The matrix by which the pictures are turned; empty where they are not."""
        found = self.video.get("side_data_list", ())
        return next((data["displaymatrix"] for data in found if "displaymatrix" in data), "")

    @property
    def named_chapters(self) -> list[tuple[str, str, str]]:
        """From when to when, and the title."""
        return [(c["start_time"], c["end_time"], c["tags"]["title"]) for c in self.chapters]


def is_film(stream: dict[str, Any]) -> bool:
    """Whether it is moving pictures."""
    return stream["codec_type"] == "video" and not stream["disposition"]["attached_pic"]


def ask(path: Path, *options: str) -> Said:
    """What ffprobe says, which decodes all pictures of the film for that.

    `options` say how to read it, where that is not to be seen.
    """
    show = ["-show_streams", "-show_chapters", "-show_format", "-show_frames"]
    frames = ["-show_entries", "frame=stream_index,best_effort_timestamp"]
    command = ["ffprobe", "-v", "error", "-of", "json", *show, *frames, *options, _name(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = json.loads(done.stdout)
    said = Said(
        streams=found["streams"],
        chapters=found["chapters"],
        tags=found["format"].get("tags", {}),
        times=[],
    )
    tick = Fraction(said.video["time_base"])
    times = [
        None if (ticks := frame.get("best_effort_timestamp")) is None else ticks * tick
        for frame in found["frames"]
        if frame.get("stream_index") == said.video["index"]
    ]
    return Said(streams=said.streams, chapters=said.chapters, tags=said.tags, times=times)


def words_on_decoding(path: Path) -> list[str]:
    """What ffmpeg complains of, with each line's sender left out, when it decodes all of a file.

    Times go through as they are: those of a rate that varies are not to be told apart otherwise.
    """
    command = ["ffmpeg", "-nostdin", "-v", "warning", "-xerror", "-i", _name(path)]
    streams = ["-map", "0:v", "-map", "0:a?", "-map", "0:s?", "-c:s", "ass"]
    out = ["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"]
    done = subprocess.run(
        [*command, *streams, *out], capture_output=True, text=True, check=False, timeout=300
    )
    words = [line.rpartition("] ")[2].strip() for line in done.stderr.splitlines()]
    assert done.returncode == 0, words
    return words


def _name(path: Path) -> str:
    """Patterns of numbered pictures are not files."""
    return str(path) if "%" in path.name else f"file:{path}"
