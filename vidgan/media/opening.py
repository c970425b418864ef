"""Opening a film for reading, so that whatever stands in the way is one clear line."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from vidgan.errors import InputError
from vidgan.media.animation import as_film
from vidgan.media.sources import FORMATS
from vidgan.numbered import first_number, is_pattern, is_unread_sequence
from vidgan.pictures.moving import is_animated_webp
from vidgan.places import Place, Remote
from vidgan.reader import Reader
from vidgan.seeking import Seekable
from vidgan.transport import look

_OWN_ORDER = re.compile(r"(\d+ channels) \(")
_NONE = "none"
"""The name of no protocol: an empty list would allow all."""


@contextmanager
def open_film(place: Place) -> Iterator[InputContainer]:
    """Open a film for reading; whatever stands in the way is a `VidganError`.

    FFmpeg opens nothing but this file, whatever is written in it (of numbered pictures, those that
    fit the pattern). When the block ends, a read of a remote film that failed meanwhile is raised,
    even where FFmpeg took it for the end of the film.
    """
    with _open(place) as container:
        yield container


def demux(container: InputContainer, streams: Sequence[Stream] = ()) -> "Iterator[Packet[Any]]":
    """The packets of these streams, or of all, in the order of the file.

    In a broadcast, or a damaged file, streams come up that were not there when it was opened. PyAV
    raises IndexError at their packets, which concern nobody here: reading goes on behind each.

    Raises:
        av.FFmpegError: the file cannot be read any further.
    """
    while True:
        try:
            yield from container.demux(*streams)
        except IndexError:
            continue
        return


def first_bytes(place: Place, number: int = 1 << 16) -> bytes:
    """What a file, local or remote, begins with; nothing of numbered pictures."""
    if isinstance(place, Remote):
        with Reader(place) as remote:
            return remote.read(number)
    if is_pattern(place):
        return b""
    with place.open("rb") as file:
        return file.read(number)


def _open(place: Place) -> AbstractContextManager[InputContainer]:
    if isinstance(place, Remote):
        return _open_remote(place)
    if is_pattern(place):
        numbers = {"pattern_type": "sequence", "start_number": str(first_number(place))}
        return _opened(place, f"file:{place}", "file", numbers, "image2")
    _check_file(place)
    if is_animated_webp(place):
        return _open_webp(place)
    # "file:" so that a colon in a name is no protocol; no playlist may fetch from elsewhere.
    return _opened(place, f"file:{place}", "file")


@contextmanager
def _open_webp(path: Path) -> Iterator[InputContainer]:
    with as_film(path) as file, _opened(path, file, _NONE) as container:
        yield container


@contextmanager
def _open_remote(remote: Remote) -> Iterator[InputContainer]:
    _check_remote(remote)
    with Reader(remote) as file:
        if not file.size:
            raise _empty(remote)
        try:
            with _opened(remote, file, _NONE) as container:
                yield container
        except Exception as error:
            if file.error is not None:
                raise file.error from error
            raise
        if file.error is not None:
            raise file.error


@contextmanager
def _opened(
    place: Place,
    file: str | Seekable,
    protocols: str,
    options: dict[str, str] | None = None,
    formats: str = FORMATS,
) -> Iterator[InputContainer]:
    lists = {"protocol_whitelist": protocols, "format_whitelist": formats}
    try:
        container = av.open(
            file,
            "r",
            format=formats if formats == "image2" else None,
            metadata_errors="replace",
            options=lists | (options or {}),
        )
    except PermissionError as error:
        raise InputError(f"{place} cannot be read: permission denied; allow it first") from error
    except (av.FFmpegError, OSError) as error:
        if _is_mp4_without_index(file if isinstance(file, Reader) else place):
            raise InputError(
                f"{place} is cut off: its index (moov atom) is missing; download or record it again"
            ) from error
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{place} is not a video that can be read ({reason}); give an mp4, mov, mkv or webm, "
            f"or another of the kinds in docs/media.md"
        ) from error
    with container:
        _forget_orders(container)
        yield container


def _forget_orders(container: InputContainer) -> None:
    """Channels in an order of their own, as QuickTime has 7.1, become as many of no stated layout.

    PyAV 18 frees the list of such an order whenever it is read, and a second time is the end of the
    process. So each is read once, here, and what points to its list is written over.
    """
    for stream in container.streams.audio:
        context = cast("av.AudioCodecContext | None", stream.codec_context)
        if context is None:
            continue
        name = context.layout.name
        own = _OWN_ORDER.match(name)
        with suppress(ValueError):  # of no channels at all
            context.layout = own[1] if own else name


def _check_remote(remote: Remote) -> None:
    found = look(remote)
    if found is None:
        raise InputError(f"{remote}: no such file; check the address")
    if found.is_folder or remote.is_named_folder:
        raise InputError(f"{remote} is a folder, not a video file; name a file in it")


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        if is_unread_sequence(path):
            raise InputError(
                f"{path}: numbered pictures in {path.suffix or 'such files'} are not supported; "
                "convert them to .png or .tif first"
            ) from error
        raise InputError(f"{path}: no such file; check the name") from error
    except OSError as error:  # a name too long, a folder that may not be entered
        raise InputError(f"{path} cannot be read ({error.strerror}); check the name") from error
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a video file; name a file in it")
    if size == 0:
        raise _empty(path)


def _empty(place: Place) -> InputError:
    return InputError(f"{place} is empty (0 bytes); download or record it again")


def _is_mp4_without_index(source: Place | Reader) -> bool:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _lacks_index(file, source.stat().st_size)
    return isinstance(source, Reader) and _lacks_index(source, source.size)


def _lacks_index(file: BinaryIO | Reader, size: int) -> bool:
    """Walk the top-level boxes; QuickTime's begin with their size and a name."""
    names = set()
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
