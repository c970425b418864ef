"""Ctrl-C is held back while a training ends its step; where it is ignored, it stays ignored."""

import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from cyclegan.interrupt import interrupt_held


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_ctrl_c_is_held_back_once() -> None:
    with interrupt_held() as pressed:
        assert not pressed()
        send(signal.SIGINT)
        assert pressed()
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_an_ignored_ctrl_c_stays_ignored_and_sigterm_is_held_back_instead() -> None:
    terminated: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        terminated.append(number)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, hear)
    with interrupt_held() as pressed:
        send(signal.SIGINT)
        assert not pressed()
        send(signal.SIGTERM)
        assert pressed()
        assert terminated == []
        send(signal.SIGTERM)
        assert terminated == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is hear


def test_what_nobody_handles_is_left_alone() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with interrupt_held():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
