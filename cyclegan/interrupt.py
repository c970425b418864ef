"""Ctrl-C that waits for a good moment."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupt_held() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back inside the block; what this yields says whether it was pressed.

    A second Ctrl-C does what it always does. Where Ctrl-C is ignored, as a shell has it for what
    runs in the background, it stays so, and SIGTERM, if someone handles it, is held back instead.
    Outside the main thread nothing changes.
    """
    number = signal.SIGINT
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        number = signal.SIGTERM
    before = signal.getsignal(number)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: False
        return
    pressed: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.signal(number, before)

    signal.signal(number, hold)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(number, before)
