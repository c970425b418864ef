"""How a command is stopped from outside: SIGTERM does what Ctrl-C does, with its own status."""

import signal
import threading
from types import FrameType

_terminated = threading.Event()  # signals are the process's, and so is this


def hear_sigterm() -> None:
    """Let SIGTERM do from now on whatever Ctrl-C would do at that moment."""
    signal.signal(signal.SIGTERM, _interrupt)


def stop_status() -> int:
    """The exit status of a command that was stopped: 143 by SIGTERM, 130 by Ctrl-C."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # then it was not Ctrl-C
    return 128 + (signal.SIGTERM if _terminated.is_set() or ignored else signal.SIGINT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _terminated.set()
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:  # a shell starts what runs in the background with Ctrl-C ignored
        raise KeyboardInterrupt
