"""A film as numbered pictures in a folder of their own, from 1 on."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from vidgan.errors import OutputError
from vidgan.media.types import EncodedChunk, VideoStream
from vidgan.naming import sync
from vidgan.numbered import number_in, picture_name


def write_sequence(
    chunks: Iterable[EncodedChunk], pattern: Path, part: Path, go_on: Callable[[], object]
) -> None:
    """Make the folder `part` with a file for each packet: a packet of PNG or JPEG is such a file.

    Each file is brought to the disk and looked at again. `go_on` is called for each; what it
    raises stops the writing.

    Raises:
        OSError: no room.
        OutputError: a file is not what was written.
    """
    shutil.rmtree(part, ignore_errors=True)  # of a try that was killed
    part.mkdir()
    packets = (packet for chunk in chunks for packet in chunk.packets)
    for number, packet in enumerate(packets, start=1):
        go_on()
        file = part / picture_name(pattern, number)
        file.write_bytes(packet.data)
        sync(file)
        if file.stat().st_size != len(packet.data):
            raise OutputError(f"{file.name} is not what was written; look after the disk")
    sync(part)


def said_of_times(times: Sequence[int], video: VideoStream) -> Iterator[str]:
    """What is lost: pictures have no times."""
    steps = {b - a for a, b in pairwise(times)}
    shortest, longest = (min(steps), max(steps)) if steps else (0, 0)
    # The ticks of some containers round the same step up and down.
    if longest - shortest <= 1 and steps:
        rate = video.average_rate or 1 / (Fraction(shortest) * video.time_base)
        yield f"numbered pictures hold no times: show them at {rate} frames/s"
    elif steps:
        yield "numbered pictures hold no times, and those of this film are not evenly spaced"


def check_folder(pattern: Path, *, overwrite: bool) -> None:
    """Refuse a folder that is no place for a sequence.

    Raises:
        OutputError: it holds something already; with `overwrite`, something else than pictures of
            this pattern.
    """
    folder = pattern.absolute().parent
    if folder.is_symlink() or folder.is_mount():
        raise OutputError(
            f"{folder} is a link or a disk of its own; name a folder in it for the pictures"
        )
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; name a folder for the pictures")
    present = [file.name for file in folder.iterdir()] if folder.is_dir() else []
    foreign = [name for name in present if number_in(pattern, name) is None]
    if foreign:
        raise OutputError(
            f"{folder} holds {foreign[0]} already; pictures get a folder of their own: name a new "
            "one with -o"
        )
    if present and not overwrite:
        raise OutputError(
            f"{folder} holds pictures already; say --overwrite or choose another with -o"
        )


@contextmanager
def out_of_the_way(folder: Path) -> Iterator[None]:
    """Put an earlier sequence aside while the new one gets its name; it goes when that has it.

    Raises:
        OSError: it cannot be moved.
    """
    aside = folder.with_name(f"{folder.name}.vidgan.before")
    if not folder.exists():
        yield
        return
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        yield
    except BaseException:
        if not folder.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
