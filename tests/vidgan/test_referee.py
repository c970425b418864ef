"""FFmpeg's own programs judge films that went through a whole conversion, over Ray.

What each row and each output of the contract holds, `media/test_contract_referee.py` shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import vidgan
from tests.vidgan.referee import Said, ask, needs_ffmpeg, words_on_decoding
from vidgan.media.types import Color

MakeFilm = Callable[..., Path]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_up"), needs_ffmpeg]

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
    assert words_on_decoding(converted[1]) == []


def test_every_frame_is_shown_at_its_time(converted: tuple[Path, Path]) -> None:
    before, after = map(times, converted)
    assert len(before) == len(after) > 20
    finest = GRID.get(converted[1].suffix, Fraction(1, 1000))
    assert all(abs(a - b) <= finest for a, b in zip(before, after, strict=True))


def times(path: Path) -> list[Fraction]:
    return [time for time in ask(path).times if time is not None]


def test_colours_shape_and_turn_are_tagged_as_they_were(converted: tuple[Path, Path]) -> None:
    source, output = map(ask, converted)
    before, after = source.video, output.video
    assert (after["width"], after["height"]) == (before["width"], before["height"])
    assert output.turn == source.turn
    assert after.get("sample_aspect_ratio", "1:1") == before.get("sample_aspect_ratio", "1:1")
    for tag in ("color_range", "color_space", "color_primaries", "color_transfer"):
        if before.get(tag, "unknown") != "unknown":
            assert after.get(tag) == before[tag], (tag, *converted)


def test_all_else_is_there_in_the_same_order(converted: tuple[Path, Path]) -> None:
    source, output = map(ask, converted)
    assert kinds(source) == kinds(output)
    assert source.named_chapters == output.named_chapters


def kinds(said: Said) -> list[tuple[str, str]]:
    """Of sound and text, each with its language; mp4 has a track of chapters' titles besides."""
    return [(kind, language) for kind, _, language, _ in said.beside if kind != "data"]
