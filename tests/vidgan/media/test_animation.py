"""Animated WebP is unpacked once, and never over all bounds."""

import gc
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vidgan.films.hostile_webp import write_hostile_webp
from tests.vidgan.films.stills import write_webp
from tests.vidgan.here import convert_here
from vidgan.errors import InputError
from vidgan.media import animation
from vidgan.media.opening import open_film
from vidgan.media.probe import probe
from vidgan.options import Options
from vidgan.pictures.animation import webp_pictures

ReadNumber = Callable[[np.ndarray[Any, Any]], int]


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The animations that were unpacked, each time anew."""
    paths: list[Path] = []

    def noted(path: Path) -> Iterator[tuple[int, Any]]:
        paths.append(path)
        yield from webp_pictures(path)

    monkeypatch.setattr(animation, "webp_pictures", noted)
    return paths


def open_files() -> set[str]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them
            found.add(str(link.readlink()))
    return found


def test_a_conversion_unpacks_it_once(
    tmp_path: Path, identity_file: Path, unpacked: list[Path]
) -> None:
    source = write_webp(tmp_path / "a.webp", [40] * 9)
    options = Options(weights=identity_file, chunk_frames=4)
    report = convert_here(source, tmp_path / "o.mp4", options)
    assert report.frames == 9
    assert unpacked == [source]
    write_webp(source, [40] * 5)  # another film under the same name
    assert convert_here(source, tmp_path / "p.mp4", options).frames == 5
    assert unpacked == [source, source]


def test_several_may_read_it_at_the_same_time(tmp_path: Path, read_number: ReadNumber) -> None:
    source = write_webp(tmp_path / "a.webp", [40] * 8)

    def numbers(container: av.container.InputContainer) -> Iterator[int]:
        for frame in container.decode(video=0):
            yield read_number(frame.to_ndarray(format="rgb24"))

    with open_film(source) as one, open_film(source) as other:
        assert list(zip_longest(numbers(one), numbers(other))) == [(i, i) for i in range(8)]


def test_what_was_unpacked_is_gone_with_the_last_that_needs_it(tmp_path: Path) -> None:
    first = animation._rewritten(write_webp(tmp_path / "0.webp", [40] * 3))
    watched, file = weakref.ref(first), first._file
    with animation.as_film(tmp_path / "0.webp") as view:
        for number in (1, 2):
            animation._rewritten(write_webp(tmp_path / f"{number}.webp", [40] * 3))
        del first
        gc.collect()
        assert watched() is not None
        assert view.read(8)[4:] == b"ftyp"
    del view
    gc.collect()
    assert watched() is None
    assert file.closed


HOSTILE = [
    ((16383, 16383), 100_000, "more than 178 million pixels in a picture"),
    ((13000, 13000), 200, "an animation of 200 pictures of 13000x13000, more than 17,800 million"),
]


@pytest.mark.parametrize(("size", "frames", "words"), HOSTILE)
def test_more_than_anybody_has_room_for_is_refused_before_it_is_unpacked(
    tmp_path: Path, size: tuple[int, int], frames: int, words: str
) -> None:
    source = write_hostile_webp(tmp_path / "h.webp", size=size, frames=frames)
    with pytest.raises(InputError, match=words) as refusal:
        probe(source)
    assert "\n" not in str(refusal.value)


def test_unpacking_stops_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_webp(tmp_path / "a.webp", [40] * 12, (320, 240))
    monkeypatch.setattr(animation, "MOST_BYTES", 50_000)
    before = open_files()
    with pytest.raises(InputError, match="has to be unpacked, and would take more than") as refusal:
        probe(source)
    assert "\n" not in str(refusal.value)
    del refusal
    gc.collect()
    assert open_files() <= before
