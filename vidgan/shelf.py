"""Where a ledger keeps its files: a folder on this machine, or objects at a URL.

Either is held by one conversion at a time, and gives a file its name when it is whole.
"""

import contextlib
import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from cyclegan.atomic import write_atomically
from vidgan.errors import OutputError
from vidgan.places import Place, Remote
from vidgan.remote_lock import RemoteLock
from vidgan.transport import (
    list_files,
    make_folder,
    read_all,
    remove,
    remove_folder,
    write_all,
)

LOCK = "lock"
_REMOVALS = 8  # at a time: each is a round trip


class Shelf(Protocol):
    """Files by name, some kilobytes to some megabytes each."""

    def hold(self) -> None:
        """Keep others off; what a crash left half-written is swept away.

        Raises:
            OutputError: another conversion holds it, or it cannot be made.
        """

    def release(self) -> None:
        """Let others on; an empty shelf goes. Without `hold` nothing happens."""

    def read(self, name: str) -> bytes | None:
        """A file, or None where there is none that can be read."""

    def write(self, name: str, data: bytes) -> None:
        """Make or replace a file, durably.

        Raises:
            OutputError: there is no room, or no way to write there.
        """

    def clear(self, pattern: str) -> None:
        """Remove the files whose names match (as a shell's patterns do), those that can be."""


def shelf_at(folder: Place) -> Shelf:
    """The shelf for a folder."""
    return RemoteShelf(folder) if isinstance(folder, Remote) else LocalShelf(folder)


class LocalShelf:
    """A folder; a lock of the system's keeps others off, which a dead holder cannot hold."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None

    def hold(self) -> None:
        """As `Shelf.hold`."""
        try:
            self._lock = self._locked()
        except BlockingIOError as exc:
            raise OutputError(
                f"{self.folder}: another conversion is writing this output; wait for it, "
                "or choose another output"
            ) from exc
        except OSError as exc:
            raise OutputError(
                f"{self.folder}: this folder, for finished parts, cannot be made or written to "
                f"({exc.strerror}); choose another output with -o"
            ) from exc
        self.clear("*.part")

    def release(self) -> None:
        """As `Shelf.release`."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        with contextlib.suppress(OSError):  # not empty: what is in it is for the next try
            self.folder.rmdir()
        with contextlib.suppress(OSError):  # let go in any case
            os.close(lock)

    def _locked(self) -> int:
        """The folder, open and locked; another may remove it between the two, then once more."""
        while True:
            self.folder.mkdir(exist_ok=True)
            lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self.folder.exists() and os.path.samestat(os.fstat(lock), self.folder.stat()):
                    return lock
            except OSError:
                os.close(lock)
                raise
            os.close(lock)

    def read(self, name: str) -> bytes | None:
        """As `Shelf.read`."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:  # a part that cannot be read is made again
            return None

    def write(self, name: str, data: bytes) -> None:
        """As `Shelf.write`."""
        try:
            write_atomically(self.folder / name, lambda part: part.write_bytes(data))
        except OSError as exc:
            raise OutputError(
                f"{self.folder}: a finished part cannot be kept ({exc.strerror}); make room and "
                "run the same command again, it goes on from here"
            ) from exc

    def clear(self, pattern: str) -> None:
        """As `Shelf.clear`."""
        with contextlib.suppress(OSError):  # the folder may have gone
            for path in self.folder.glob(pattern):
                with contextlib.suppress(OSError):  # somebody's folder of such a name, for one
                    path.unlink()


class RemoteShelf:
    """Objects below a URL; which parts there are is asked once, when it is held."""

    def __init__(self, folder: Remote) -> None:
        self.folder = folder
        self._lock = RemoteLock(folder / LOCK)
        self._names: set[str] = set()

    def hold(self) -> None:
        """As `Shelf.hold`."""
        make_folder(self.folder)
        self._lock.take()
        try:
            self._names = set(list_files(self.folder)) - {LOCK}
            for leftover in ("*.part", "*.now"):
                self.clear(leftover)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """As `Shelf.release`."""
        self._lock.release()
        remove_folder(self.folder)

    def read(self, name: str) -> bytes | None:
        """As `Shelf.read`."""
        self._lock.check()
        return read_all(self.folder / name) if name in self._names else None

    def write(self, name: str, data: bytes) -> None:
        """As `Shelf.write`."""
        self._lock.check()
        write_all(self.folder / name, data)
        self._names.add(name)

    def clear(self, pattern: str) -> None:
        """As `Shelf.clear`."""
        there = list_files(self.folder)  # not `_names`: the note of `vidgan.finished` is there, too
        gone = {name for name in there if fnmatchcase(name, pattern) and "/" not in name}
        with ThreadPoolExecutor(_REMOVALS) as pool:
            list(pool.map(remove, (self.folder / name for name in gone)))
        self._names -= gone
