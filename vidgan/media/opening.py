"""Opening a film for reading, so that whatever stands in the way is one clear line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from vidgan.errors import InputError


@contextmanager
def open_film(path: Path) -> Iterator[InputContainer]:
    """Open a local file for reading; whatever stands in the way is an `InputError`."""
    _check_file(path)
    try:
        # "file:" so that a colon in a name is no protocol; no playlist may fetch from elsewhere.
        container = av.open(
            f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"}
        )
    except PermissionError as error:
        raise InputError(f"{path} cannot be read: permission denied; allow it first") from error
    except (av.FFmpegError, OSError) as error:
        if _is_mp4_without_index(path):
            raise InputError(
                f"{path} is cut off: its index (moov atom) is missing; download or record it again"
            ) from error
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path} is not a video that can be read ({reason}); give an mp4, mov, mkv or webm"
        ) from error
    with container:
        yield container


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the name") from error
    except OSError as error:  # a name too long, a folder that may not be entered
        raise InputError(f"{path} cannot be read ({error.strerror}); check the name") from error
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a video file; name a file in it")
    if size == 0:
        raise InputError(f"{path} is empty (0 bytes); download or record it again")


def _is_mp4_without_index(path: Path) -> bool:
    """Walk the top-level boxes; QuickTime's begin with their size and a name."""
    size = path.stat().st_size
    names = set()
    with path.open("rb") as file:
        offset = 0
        while offset + 16 <= size:
            file.seek(offset)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:], "big")
            length = length or size - offset
            if length < 8:
                break
            names.add(header[4:8] if offset + length <= size else b"cut")
            offset += length
            if not names & {b"ftyp", b"moov", b"wide", b"skip", b"free", b"mdat"}:
                return False
    return bool(names) and b"moov" not in names
