"""One conversion at a time for an output at a URL: a file beside it, kept fresh by its holder.

The file is made where there is none, which stores do for one asker alone, and written anew every
`BEAT` seconds. Where it has not been for `STALE` seconds, by the clock of the server, its holder is
taken to have died, and another takes its place; so it is at once where the holder was a process of
this machine that is no more.
"""

import json
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass

from vidgan.errors import OutputError, VidganError
from vidgan.places import Remote
from vidgan.transport import create, look, read_all, remove, seconds_between, write_all

BEAT = 30.0
STALE = 120.0
"""Seconds; a holder may miss three beats."""
SETTLE = 2.0
"""Seconds after which a lock that was taken over is looked at again: two may have had the thought
at once, and each removed what the other made."""
RELEASE = 20.0
"""Seconds to wait until a lock is removed."""
_LARGEST = 4096
"""Bytes of a lock's file; what is larger is something else."""
_LARGEST_PID = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds a lock."""

    token: str
    host: str
    pid: int
    kernel: str
    """Of which boot and which namespace of processes `pid` is; empty where that is not known."""

    @classmethod
    def me(cls) -> "Owner":
        """This process, for one lock."""
        return cls(
            token=uuid.uuid4().hex, host=socket.gethostname(), pid=os.getpid(), kernel=_kernel()
        )

    @classmethod
    def read(cls, data: bytes) -> "Owner | None":
        """Who wrote this; None where it is something else."""
        try:
            found = json.loads(data)
            owner = cls(**found)
        except (ValueError, TypeError, RecursionError):
            return None
        texts = (owner.token, owner.host, owner.kernel)
        is_sound = all(isinstance(text, str) and text.isprintable() for text in texts)
        is_process = type(owner.pid) is int and 0 < owner.pid <= _LARGEST_PID
        return owner if is_sound and is_process else None

    def to_bytes(self) -> bytes:
        """What the file holds."""
        facts = {"token": self.token, "host": self.host, "pid": self.pid, "kernel": self.kernel}
        return json.dumps(facts).encode()

    @property
    def is_dead(self) -> bool:
        """It was a process of this machine, and is no more."""
        return bool(self.kernel) and self.kernel == _kernel() and not _runs(self.pid)


class RemoteLock:
    """A lock on an output; `place` is the file that says who has it.

    While it is held, the thread that keeps it fresh is the only one to touch the file, and removes
    it in the end: what that wrote late cannot come after the removal.
    """

    def __init__(self, place: Remote) -> None:
        self.place = place
        self._me = Owner.me()
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Hold it from now on.

        Raises:
            OutputError: another conversion holds it.
            RemoteError: the server does not let us.
        """
        self._me = Owner.me()
        if not self._make():
            self._take_over()
        self._ended, self._lost = threading.Event(), threading.Event()
        facts = self._me, self._ended, self._lost
        self._thread = threading.Thread(
            target=self._keep, args=facts, daemon=True, name="vidgan-lock"
        )
        self._thread.start()

    def check(self) -> None:
        """Raise OutputError where another has taken it over, as after a long sleep of ours."""
        if self._lost.is_set():
            raise OutputError(
                f"{self.place.parent}: another conversion has taken over this output, as this one "
                "was not heard of for minutes; let it finish"
            )

    def release(self) -> None:
        """Let it go; of a server that does not answer soon, without waiting until it is gone."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join(RELEASE)
        self._thread = None

    def _make(self) -> bool:
        """Make the file; False where it is another's. Our own is there where an answer was lost."""
        return create(self.place, self._me.to_bytes()) or self._holder() == self._me

    def _take_over(self) -> None:
        """Of one that has died."""
        holder = self._holder()
        age = self._age()
        if not (holder and holder.is_dead) and age < STALE:
            who = f"process {holder.pid} on {holder.host}" if holder else "somebody"
            raise OutputError(
                f"{self.place.parent}: another conversion ({who}, last heard of {age:.0f} s ago) "
                "is writing this output; wait for it, or choose another output"
            )
        remove(self.place)
        if self._make():
            time.sleep(SETTLE)
            if self._holder() == self._me:
                return
        raise OutputError(
            f"{self.place.parent}: another conversion has just begun to write this output; "
            "wait for it, or choose another output"
        )

    def _age(self) -> float:
        """Seconds since the holder was last heard of, by the server's clock."""
        now = self.place.with_name(f"{self._me.token}.now")
        write_all(now, b"")
        try:
            return seconds_between(self.place, now)
        finally:
            remove(now)

    def _holder(self) -> Owner | None:
        found = look(self.place)
        if found is None or (found.size or 0) > _LARGEST:
            return None
        return Owner.read(read_all(self.place))

    def _keep(self, me: Owner, ended: threading.Event, lost: threading.Event) -> None:
        """Write it anew until the end, then remove it; but not what another has written."""
        while not ended.wait(BEAT):
            with suppress(VidganError):  # it may answer the next time
                if self._holder() not in (me, None):
                    lost.set()
                    return
                write_all(self.place, me.to_bytes())
        with suppress(VidganError):  # then it grows stale
            if self._holder() == me:
                remove(self.place)


def _kernel() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
