"""Files and folders at a URL: looked at, listed, read and written whole; every failure one line.

Films are read block by block (`vidgan.reader`), and outputs sent (`vidgan.upload`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidgan.connection import NOT_THERE, filesystem, told
from vidgan.errors import RemoteError

if TYPE_CHECKING:
    from vidgan.places import Remote


@dataclass(frozen=True, slots=True)
class Found:
    """What a server says of a file or folder."""

    is_folder: bool
    size: int | None
    """Bytes; None where the server does not say."""
    version: tuple[str, ...]
    """What changes when the file does, as far as the server says: its ETag, its date."""


def look(remote: "Remote") -> Found | None:
    """What is there, or None."""
    with told(remote):
        info = _info(remote)
    if info is None:
        return None
    keys = ("ETag", "etag", "LastModified", "Last-Modified", "updated", "mtime", "created")
    return Found(
        is_folder=info.get("type") == "directory",
        size=info.get("size"),
        version=tuple(f"{key}={info[key]}" for key in keys if info.get(key)),
    )


def list_files(remote: "Remote") -> dict[str, int | None]:
    """All files below a folder, as paths from it, in order, with their bytes as far as known."""
    if remote.is_web:
        raise RemoteError(f"{remote}: a web server's folders cannot be listed; name each file")
    with told(remote):
        system = filesystem(remote)
        root = system._strip_protocol(remote.address)
        found = system.find(remote.address, detail=True)
        names = sorted(found)
        return {name[len(root) :].removeprefix("/"): found[name].get("size") for name in names}


def read_all(remote: "Remote") -> bytes:
    """A whole file, in memory."""
    with told(remote):
        data: bytes = filesystem(remote).cat_file(remote.address)
        return data


def write_all(remote: "Remote", data: bytes) -> None:
    """Make or replace a file; others see the old one or the new one, never a part."""
    refuse_web(remote)
    with told(remote):
        system = filesystem(remote)
        if remote.is_object_store:
            system.pipe_file(remote.address, data)
            return
        part = remote.with_name(f"{remote.name}.part")
        with removed_after_failure(system, part):
            system.pipe_file(part.address, data)
            rename(system, part, remote)


def create(remote: "Remote", data: bytes) -> bool:
    """Make a file that is not there yet; False where it is."""
    with told(remote):
        try:
            filesystem(remote).pipe_file(remote.address, data, mode="create")
        except FileExistsError:
            return False
        except OSError:  # "precondition failed" has many names
            if _info(remote) is None:
                raise
            return False
    return True


def remove(remote: "Remote") -> None:
    """Remove a file, if it is there."""
    with told(remote), suppress(FileNotFoundError):
        filesystem(remote).rm_file(remote.address)


def seconds_between(earlier: "Remote", later: "Remote") -> float:
    """Between the last changes of two files, by the server's own clock."""
    with told(earlier):
        system = filesystem(earlier)
        apart = system.modified(later.address) - system.modified(earlier.address)
        return float(apart.total_seconds())


def refuse_web(remote: "Remote") -> None:
    """Raise RemoteError for what lies on a web server: fsspec would send it a PUT or POST."""
    if remote.is_web:
        raise RemoteError(
            f"{remote}: a web server cannot be written to; name another output with -o"
        )


def make_folder(remote: "Remote") -> None:
    """Make a folder where they are more than names; an object store would make a bucket."""
    if not remote.is_object_store and not remote.is_web:
        with told(remote):
            filesystem(remote).makedirs(remote.address, exist_ok=True)


def remove_folder(remote: "Remote") -> None:
    """Remove an empty folder, where they are more than names; one that is not empty stays."""
    if not remote.is_object_store and not remote.is_web:
        with suppress(Exception), told(remote):
            filesystem(remote).rmdir(remote.address)


@contextmanager
def removed_after_failure(system: Any, part: "Remote") -> Iterator[None]:
    """Remove a file that is written in the block, if the block fails."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            system.rm_file(part.address)
        raise


def rename(system: Any, part: "Remote", remote: "Remote") -> None:
    """Let a file have another's name.

    Not by the `mv` of fsspec's base, which is a copy, too, but takes "[" and "*" for patterns.
    """
    from fsspec import AbstractFileSystem  # noqa: PLC0415

    if type(system).mv is not AbstractFileSystem.mv:
        system.mv(part.address, remote.address)
        return
    system.cp_file(part.address, remote.address)
    system.rm_file(part.address)


def _info(remote: "Remote") -> dict[str, Any] | None:
    try:
        info: dict[str, Any] = filesystem(remote).info(remote.address)
    except FileNotFoundError as error:
        if remote.is_web and getattr(error.__cause__, "status", None) not in NOT_THERE:
            raise  # fsspec calls every failure so
        return None
    return info
