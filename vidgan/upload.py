"""Sending an output to a URL, where others see all of it or nothing."""

import mimetypes
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vidgan.connection import PART, filesystem, told
from vidgan.transport import refuse_web, removed_after_failure, rename

if TYPE_CHECKING:
    from vidgan.places import Remote

_MOST_PARTS = 9_000
"""Of one upload; stores take 10,000."""
_PIECE = 2**20
"""Bytes between two looks whether to go on."""


def upload(
    part: Path,
    remote: "Remote",
    *,
    confirm: Callable[[], object] = lambda: None,
    go_on: Callable[[], object] = lambda: None,
) -> None:
    """Bring a file of this machine to a URL, where others see all of it or nothing.

    Args:
        part: the file.
        remote: what it becomes.
        confirm: called when all is there and not yet to be seen; what it raises stops that.
        go_on: called again and again meanwhile; what it raises stops it.
    """
    refuse_web(remote)
    with told(remote):
        system = filesystem(remote)
        if remote.is_object_store:
            _upload_in_parts(system, part, remote, confirm, go_on)
            return
        unnamed = remote.with_name(f"{remote.name}.vidgan.part")
        with removed_after_failure(system, unnamed):
            with system.open(unnamed.address, "wb") as target:
                _send(part, target, go_on)
            confirm()
            rename(system, unnamed, remote)


def _upload_in_parts(
    system: Any,
    part: Path,
    remote: "Remote",
    confirm: Callable[[], object],
    go_on: Callable[[], object],
) -> None:
    """Not `put_file`: an interrupt would leave its parts behind, or even let it go on."""
    kind = mimetypes.guess_type(remote.name)[0] or "application/octet-stream"
    named = {"ContentType": kind} if remote.scheme == "s3" else {"content_type": kind}
    size = max(PART, part.stat().st_size // _MOST_PARTS)
    target = system.open(remote.address, "wb", block_size=size, autocommit=False, **named)
    try:
        _send(part, target, go_on)
        target.flush(force=True)
        confirm()
        target.commit()
    except BaseException:
        with suppress(Exception):
            target.discard()
        raise
    finally:
        target.closed = True  # or it would upload what is left when it is thrown away


def _send(part: Path, target: IO[bytes], go_on: Callable[[], object]) -> None:
    with part.open("rb") as source:
        while data := source.read(_PIECE):
            go_on()
            target.write(data)
    go_on()
