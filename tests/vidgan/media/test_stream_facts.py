"""What FFmpeg says of a stream is taken from its messages, and nobody else's messages with it."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from shutil import copy

import av
import pytest

from tests.vidgan.films.crops import with_pixel_crop
from tests.vidgan.films.kit import BT709
from vidgan.media.opening import open_film
from vidgan.media.stream_facts import side_data_of

MakeFilm = Callable[..., Path]
ROUNDS = 40


@pytest.fixture
def level() -> Iterator[Callable[[int | None], None]]:
    """Sets that of the process; it is as before afterwards."""
    before = av.logging.get_level()
    yield av.logging.set_level
    av.logging.set_level(before)


@contextmanager
def chatter(level: int) -> Iterator[list[str]]:
    """Messages of FFmpeg from another thread, as fast as it can; those that were sent by now."""
    sent: list[str] = []
    done = threading.Event()

    def talk() -> None:
        while not done.is_set():
            sent.append(f"message {len(sent)}")
            av.logging.log(level, "chatter", sent[-1])

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join()


def facts(path: Path) -> dict[str, str]:
    with open_film(path) as container:
        return side_data_of(container, 0)


def facts_of_many(path: Path) -> list[dict[str, str]]:
    with ThreadPoolExecutor(4) as threads:
        return list(threads.map(lambda _: facts(path), range(ROUNDS)))


@pytest.mark.parametrize("before", [None, av.logging.ERROR])
def test_threads_see_all_facts_and_leave_the_level_as_it_was(
    make_film: MakeFilm,
    tmp_path: Path,
    level: Callable[[int | None], None],
    caplog: pytest.LogCaptureFixture,
    before: int | None,
) -> None:
    plain = make_film("a.mkv", frames=6, audio=False, color=BT709)
    path = Path(copy(plain, tmp_path / "b.mkv"))
    with_pixel_crop(path, left=0, right=0, top=0, bottom=16)
    level(before)
    with caplog.at_level(logging.DEBUG), chatter(av.logging.INFO) as sent:
        found = facts_of_many(path)
    assert [facts["Frame Cropping"] for facts in found] == ["0/0/0/16"] * ROUNDS
    assert av.logging.get_level() == before
    assert sent
    assert caplog.messages == [], "nobody asked for these"


def test_what_others_say_meanwhile_is_said_afterwards(
    make_film: MakeFilm, level: Callable[[int | None], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = make_film("a.mkv", frames=6, audio=False)
    level(av.logging.WARNING)
    with caplog.at_level(logging.DEBUG), chatter(av.logging.WARNING) as sent:
        facts_of_many(path)
    assert sent
    assert sorted(caplog.messages) == sorted(sent)
