"""Connections to the servers that URLs name: one fsspec filesystem of each kind, and its patience.

fsspec's own waits are longer than a user's, or have no end. What its libraries raise is of a dozen
families (botocore's, aiohttp's, Google's, the system's), so here, and here alone, any exception is
caught, and said in the words of its kind.
"""

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from vidgan.errors import RemoteError, VidganError

if TYPE_CHECKING:
    from vidgan.places import Remote

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 20.0
"""How long a server may be silent before a try is given up; S3's are made three times."""
SLOWEST = 2**18
"""Bytes a second at which a server must take what is sent: of sending no library says how it goes,
so that a server that has stopped to read cannot be told from a slow line in another way."""
TIDY_SECONDS = 15.0
"""What all servers together are given once this process has been told to end."""
CONNECTIONS = 32
"""To one S3 server at a time."""
PART = 8 * 2**20
"""Bytes of one part of an upload, at least."""

_EXTRAS = {
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "http": ("aiohttp", "http"),
    "https": ("aiohttp", "http"),
}
NOT_THERE = {404, 410}
_REFUSED = {401, 403, 407}
_BROKEN_OFF = {"ClientPayloadError", "ServerDisconnectedError", "IncompleteRead"}
NO_RANGES = (
    "its server does not give out parts of files (HTTP range requests), which reading a film "
    "needs; download it first"
)


@dataclass(slots=True)
class _Ending:
    """When this process is to end."""

    at: float = math.inf
    """By `time.monotonic`."""


_ending = _Ending()  # the process's, as signals are


def hurry() -> None:
    """Have what is still asked of servers done within `TIDY_SECONDS`; this process is to end."""
    _ending.at = min(_ending.at, time.monotonic() + TIDY_SECONDS)


def seconds_left() -> float:
    """Until this process is to end; mostly infinite."""
    return _ending.at - time.monotonic()


def sending_seconds(size: int) -> float:
    """How long a request that carries so many bytes may wait for its answer."""
    return ANSWER_SECONDS + size / SLOWEST


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
        from vidgan.s3_session import PatientSession  # noqa: PLC0415 - brings in aiobotocore

        return {
            "config_kwargs": {
                "http_session_cls": PatientSession,
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": ANSWER_SECONDS,
                "max_pool_connections": CONNECTIONS,
                "retries": {"total_max_attempts": 1},  # s3fs tries again itself
            }
        }
    if scheme == "gs":
        return {"requests_timeout": sending_seconds(PART)}
    if scheme in {"http", "https"}:
        from aiohttp import ClientTimeout  # noqa: PLC0415

        waits = {"sock_connect": CONNECT_SECONDS, "sock_read": ANSWER_SECONDS}
        return {"client_kwargs": {"timeout": ClientTimeout(total=None, **waits)}}
    return {}


@contextmanager
def told(remote: "Remote") -> Iterator[None]:
    """Turn whatever a library raises into one line that names the URL, without its secrets."""
    if seconds_left() <= 0:
        raise RemoteError(f"{remote}: left as it is, since its server took too long before the end")
    try:
        yield
    except VidganError:
        raise
    except Exception as error:
        raise RemoteError(f"{remote}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # of fsspec's for the web, where it may be anything
    kind, text = type(error).__name__, _without_secrets(str(error))
    status = getattr(error, "status", None)
    reason = f"{text or kind}; check the address, or try again"
    if isinstance(error, FileNotFoundError) or status in NOT_THERE or "NoSuch" in text:
        reason = "there is no such file, folder or bucket; check the address"
    elif isinstance(error, PermissionError) or status in _REFUSED or "Credentials" in kind:
        reason = f"access is refused ({text or kind}); check your credentials for it"
    elif isinstance(error, TimeoutError) or "Timeout" in kind:
        reason = "the server does not answer; try again later, finished parts are kept"
    elif isinstance(error, ConnectionResetError) or kind in _BROKEN_OFF:
        reason = "the server broke off; try again"
    elif "range requests" in text or "Got more bytes" in text:
        reason = NO_RANGES
    elif isinstance(error, NotImplementedError):
        reason = "this kind of address does not allow that; choose another place with -o"
    return reason


def _without_secrets(text: str) -> str:
    """Libraries put whole URLs into their messages."""
    text = re.sub(r"(\w://)[^\s/@'\"]*@", r"\1", text)
    return re.sub(r"\?[^\s'\")]*", "", " ".join(text.split())).rstrip(".")
