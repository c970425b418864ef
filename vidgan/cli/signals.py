"""How a command is stopped from outside: in order by one Ctrl-C, at once by a second.

SIGTERM does what Ctrl-C does, with a status of its own. After either, servers are given seconds.
"""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from vidgan.connection import hurry

_terminated = threading.Event()  # signals are the process's, and so are these
_interrupted = threading.Event()


def hear_signals() -> None:
    """Let a second Ctrl-C end the process at once, and SIGTERM do whatever Ctrl-C would do then."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt_or_end)
    signal.signal(signal.SIGTERM, _interrupt)


def stop_status() -> int:
    """The exit status of a command that was stopped: 143 by SIGTERM, 130 by Ctrl-C."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # then it was not Ctrl-C
    return 128 + (signal.SIGTERM if _terminated.is_set() or ignored else signal.SIGINT)


def _interrupt_or_end(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; the second time, end without any tidying.

    Most processes of a local Ray would die with this one, but its agents look for it for up to a
    minute. The next command sweeps up the files.
    """
    if _interrupted.is_set():
        _kill_children()
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"vidgan: stopped at once\n")
        os._exit(stop_status())
    _interrupted.set()
    hurry()
    raise KeyboardInterrupt


def _kill_children() -> None:
    """All that this process has started, and what that has; only with Ray are there any."""
    psutil: Any = sys.modules.get("psutil")  # Ray brings its own, on which others cannot depend
    if psutil is None:
        return
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()


def _interrupt(number: int, frame: FrameType | None) -> None:
    _terminated.set()
    handler = signal.getsignal(signal.SIGINT)
    if callable(handler):
        handler(signal.SIGINT, frame)
    else:  # a shell starts what runs in the background with Ctrl-C ignored
        hurry()
        raise KeyboardInterrupt
