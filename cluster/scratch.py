"""Folders for temporary files, that go even if their owners are killed."""

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


def scratch_folder() -> contextlib.AbstractContextManager[str]:
    """A `swept_folder` for the files of a local Ray.

    Ray's usual one (/tmp/ray) belongs to whichever user of the machine came first, and keeps every
    session's logs for ever.
    """
    return swept_folder(_PREFIX, _parent())


@contextlib.contextmanager
def swept_folder(prefix: str, parent: str) -> Iterator[str]:
    """A new folder, removed at the end.

    Those with the same beginning of a name that killed processes have left are removed, too. A
    locked file in it says that its owner lives: the system lets go of the lock when the owner dies,
    however that happens.

    Raises:
        OSError: there is no room, or no permission.
    """
    _sweep(parent, prefix)
    folder = tempfile.mkdtemp(prefix=prefix, dir=parent)
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


def _sweep(parent: str, prefix: str) -> None:
    for mark in Path(parent).glob(f"{prefix}*/{_MARK}"):
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
