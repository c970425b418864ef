"""Reading and writing what lies at a URL, with fsspec; every failure is one line, in bounded time.

fsspec's own waits are longer than a user's, or have no end. What its libraries raise is of a dozen
families (botocore's, aiohttp's, Google's, the system's), so here, and here alone, any exception is
caught, and said in the words of its kind.
"""

import io
import mimetypes
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidgan.errors import RemoteError, VidganError

if TYPE_CHECKING:
    from vidgan.places import Remote

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 20.0
"""How long a server may be silent before a try is given up; S3's are made three times."""
BLOCK = 4 * 2**20
"""Bytes of one request when reading."""
BLOCKS = 8
"""Blocks kept of a file that is open: sound and pictures may lie far apart."""
UPLOAD = 16 * 2**20
"""Bytes of one part of an upload, at least; there can be 10,000 parts."""

_EXTRAS = {
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "http": ("aiohttp", "http"),
    "https": ("aiohttp", "http"),
}
_NOT_THERE = {404, 410}
_REFUSED = {401, 403, 407}
_BROKEN_OFF = {"ClientPayloadError", "ServerDisconnectedError", "IncompleteRead"}


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


def list_files(remote: "Remote") -> list[str]:
    """All files below a folder, as paths from it, in order."""
    if remote.is_web:
        raise RemoteError(f"{remote}: a web server's folders cannot be listed; name each file")
    with told(remote):
        system = filesystem(remote)
        root = system._strip_protocol(remote.address)
        return sorted(name[len(root) :].removeprefix("/") for name in system.find(remote.address))


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
        with _removed_after_failure(system, part):
            system.pipe_file(part.address, data)
            _rename(system, part, remote)


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
        with suppress(Exception):
            filesystem(remote).rmdir(remote.address)


def upload(part: Path, remote: "Remote", *, confirm: Callable[[], object]) -> None:
    """Bring a file of this machine to a URL, where others see all of it or nothing.

    `confirm` is called when all is there and not yet to be seen; what it raises stops that.
    """
    refuse_web(remote)
    with told(remote):
        system = filesystem(remote)
        if remote.is_object_store:
            _upload_in_parts(system, part, remote, confirm)
            return
        unnamed = remote.with_name(f"{remote.name}.vidgan.part")
        with _removed_after_failure(system, unnamed):
            system.put_file(str(part), unnamed.address)
            confirm()
            _rename(system, unnamed, remote)


def _upload_in_parts(
    system: Any, part: Path, remote: "Remote", confirm: Callable[[], object]
) -> None:
    """Not `put_file`: an interrupt would leave its parts behind, or even let it go on."""
    kind = mimetypes.guess_type(remote.name)[0] or "application/octet-stream"
    named = {"ContentType": kind} if remote.scheme == "s3" else {"content_type": kind}
    size = max(UPLOAD, part.stat().st_size // 9_000)
    target = system.open(remote.address, "wb", block_size=size, autocommit=False, **named)
    try:
        with part.open("rb") as source:
            shutil.copyfileobj(source, target, 2**20)
        target.flush(force=True)
        confirm()
        target.commit()
    except BaseException:
        with suppress(Exception):
            target.discard()
        raise
    finally:
        target.closed = True  # or it would upload what is left when it is thrown away


@contextmanager
def _removed_after_failure(system: Any, part: "Remote") -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(Exception):
            system.rm_file(part.address)
        raise


def _rename(system: Any, part: "Remote", remote: "Remote") -> None:
    """Not the `mv` of fsspec's base, which is a copy, too, but takes "[" and "*" for patterns."""
    from fsspec import AbstractFileSystem  # noqa: PLC0415

    if type(system).mv is not AbstractFileSystem.mv:
        system.mv(part.address, remote.address)
        return
    system.cp_file(part.address, remote.address)
    system.rm_file(part.address)


class Reader(io.RawIOBase):
    """A file at a URL, read in blocks as they are asked for, for FFmpeg.

    FFmpeg takes a failed read for the end of a file, and PyAV shows a second one on the screen. So
    a failure is the end of the file, kept in `error`: whoever opened it must look there before
    believing in that end.
    """

    def __init__(self, remote: "Remote") -> None:
        self.error: RemoteError | None = None
        self._remote = remote
        with told(remote):
            self._file = filesystem(remote).open(
                remote.address,
                "rb",
                block_size=BLOCK,
                cache_type="blockcache",
                cache_options={"maxblocks": BLOCKS},
            )
        size = getattr(self._file, "size", None)
        if size is None:
            raise RemoteError(f"{remote}: {_NO_RANGES}")
        self.size = int(size)
        """Bytes."""
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read on elsewhere; nothing is fetched for that."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer at the end of the file, or after a failure."""
        if self.error is not None:
            return b""
        left = max(0, self.size - self._at)
        wanted = left if size < 0 else min(size, left)
        try:
            with told(self._remote):
                self._file.seek(self._at)
                data: bytes = self._file.read(wanted)
            if len(data) != wanted:
                raise RemoteError(
                    f"{self._remote}: the server sent less than it had promised; try again"
                )
        except RemoteError as error:
            self.error = error
            return b""
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """The same into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let go of the blocks."""
        if not self.closed:
            self._file.close()
        super().close()


def filesystem(remote: "Remote") -> Any:
    """The fsspec filesystem that a URL is of; fsspec gives the same one again."""
    import fsspec  # noqa: PLC0415 - 0.1 s, for those who use URLs

    try:
        kind = fsspec.get_filesystem_class(remote.scheme)
    except ImportError as error:
        if remote.scheme not in _EXTRAS:
            raise RemoteError(f"{remote}: {error}") from error
        library, extra = _EXTRAS[remote.scheme]
        raise RemoteError(f"{remote}: needs {library}: pip install 'vidgan[{extra}]'") from error
    except ValueError as error:
        raise RemoteError(
            f"{remote}: {remote.scheme}:// is not known; give a path, or an address that begins "
            "with s3://, gs://, https:// or file://"
        ) from error
    return _shared(kind, remote.scheme) if kind.async_impl else _made(kind, remote.scheme)


def _made(kind: Any, scheme: str) -> Any:
    made = kind(use_listings_cache=False, **_patience(scheme))
    if scheme == "s3":
        made.retries = 3
    return made


_shared = cache(_made)
"""One for all threads, whose requests one thread of fsspec's makes; fsspec has one for each."""


def _patience(scheme: str) -> dict[str, Any]:
    """How long each library waits."""
    if scheme == "s3":
        return {
            "config_kwargs": {
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": ANSWER_SECONDS,
                "retries": {"total_max_attempts": 1},  # s3fs tries again itself
            }
        }
    if scheme == "gs":
        return {"requests_timeout": ANSWER_SECONDS}
    if scheme in {"http", "https"}:
        from aiohttp import ClientTimeout  # noqa: PLC0415

        waits = {"sock_connect": CONNECT_SECONDS, "sock_read": ANSWER_SECONDS}
        return {"client_kwargs": {"timeout": ClientTimeout(total=None, **waits)}}
    return {}


def _info(remote: "Remote") -> dict[str, Any] | None:
    try:
        info: dict[str, Any] = filesystem(remote).info(remote.address)
    except FileNotFoundError as error:
        if remote.is_web and getattr(error.__cause__, "status", None) not in _NOT_THERE:
            raise  # fsspec calls every failure so
        return None
    return info


@contextmanager
def told(remote: "Remote") -> Iterator[None]:
    """Turn whatever a library raises into one line that names the URL, without its secrets."""
    try:
        yield
    except VidganError:
        raise
    except Exception as error:
        raise RemoteError(f"{remote}: {_reason(error)}") from error


_NO_RANGES = (
    "its server does not give out parts of files (HTTP range requests), which reading a film "
    "needs; download it first"
)


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # of fsspec's for the web, where it may be anything
    kind, text = type(error).__name__, _without_secrets(str(error))
    status = getattr(error, "status", None)
    reason = f"{text or kind}; check the address, or try again"
    if isinstance(error, FileNotFoundError) or status in _NOT_THERE or "NoSuch" in text:
        reason = "there is no such file, folder or bucket; check the address"
    elif isinstance(error, PermissionError) or status in _REFUSED or "Credentials" in kind:
        reason = f"access is refused ({text or kind}); check your credentials for it"
    elif isinstance(error, TimeoutError) or "Timeout" in kind:
        reason = "the server does not answer; try again later, finished parts are kept"
    elif isinstance(error, ConnectionResetError) or kind in _BROKEN_OFF:
        reason = "the server broke off; try again"
    elif "range requests" in text or "Got more bytes" in text:
        reason = _NO_RANGES
    elif isinstance(error, NotImplementedError):
        reason = "this kind of address does not allow that; choose another place with -o"
    return reason


def _without_secrets(text: str) -> str:
    """Libraries put whole URLs into their messages."""
    text = re.sub(r"(\w://)[^\s/@'\"]*@", r"\1", text)
    return re.sub(r"\?[^\s'\")]*", "", " ".join(text.split())).rstrip(".")
