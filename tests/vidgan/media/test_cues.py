"""Matroska's index: whether it is there, told without a seek."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vidgan.media.cues import has_cues

MakeFilm = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "options", "has_them"),
    [
        ("a.mkv", {}, True),
        ("a.webm", {"codec": "libvpx-vp9"}, True),
        ("a.mkv", {"container_options": {"cues_to_front": "1"}}, True),
        ("a.mkv", {"container_options": {"live": "1"}}, False),
    ],
)
def test_cues_are_seen_where_they_are(
    make_film: MakeFilm, name: str, options: dict[str, object], *, has_them: bool
) -> None:
    film = make_film(name, **options).read_bytes()
    head = film[:4096]
    assert has_cues(head, len(film)) == has_them
    assert not has_cues(head, len(film) * 9 // 10 - 1000) or "cues_to_front" in str(options)
    for length in range(0, 200, 7):
        has_cues(head[:length], len(film))  # whatever is cut off, nothing breaks


def test_no_bytes_break_the_search() -> None:
    for first in range(256):
        assert not has_cues(bytes([first] * 9), 10**6)
    assert not has_cues(b"", 0)
