"""A folder for the files of a local Ray, that goes even if its owner was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "ray-"
_MARK = "vidgan.lock"
_PATH_ROOM = 20
"""Ray's sockets add about 85 characters to its directory, and a Unix socket's path ends at 107."""


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """A new folder, removed at the end; those that killed processes have left are removed, too.

    A folder of its own, because Ray's usual one (/tmp/ray) belongs to whichever user of the
    machine came first, and keeps every session's logs for ever. A locked file in it says that its
    owner lives: the system lets go of the lock when the owner dies, however that happens.
    """
    parent = _parent()
    _sweep(parent)
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    lock = _mark(Path(folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _parent() -> str:
    chosen = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return chosen if len(chosen) <= _PATH_ROOM else "/tmp"


def _mark(folder: Path) -> int:
    """Locked before it has its name, so that nobody finds it unlocked."""
    unnamed = folder / f"{_MARK}.new"
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    unnamed.rename(folder / _MARK)
    return lock


def _sweep(parent: str) -> None:
    for mark in Path(parent).glob(f"{_PREFIX}*/{_MARK}"):
        with contextlib.suppress(OSError):  # another's, or gone by now
            if mark.parent.stat().st_uid == os.getuid() and _is_abandoned(mark):
                shutil.rmtree(mark.parent, ignore_errors=True)


def _is_abandoned(mark: Path) -> bool:
    lock = os.open(mark, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
