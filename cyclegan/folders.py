"""Which files of a folder are a domain's pictures, and which of them are held out."""

import os
import zlib
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from cyclegan.photographs import IMAGE_SUFFIXES, DataError

FEWEST = 2
"""Pictures of a domain: of one alone, nothing general can be learnt."""


def list_images(folder: Path) -> list[Path]:
    """All images below `folder`, sorted by their path.

    Raises:
        DataError: `folder` is not a folder, or holds fewer than two images.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one with images of one domain")
    paths = list_files(folder, IMAGE_SUFFIXES)
    if len(paths) < FEWEST:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(f"{folder} holds {len(paths)} images ({kinds}): at least 2 are needed")
    return paths


def evenly(paths: Sequence[Path], most: int) -> tuple[Path, ...]:
    """`most` of them at most, from all over the list."""
    count = min(len(paths), most)
    return tuple(paths[place * len(paths) // count] for place in range(count))


def list_files(
    folder: Path, suffixes: Container[str], *, leave_out: Iterable[Path] = ()
) -> list[Path]:
    """The regular files below `folder` whose names end so, in any case, sorted by their path.

    Links are followed, each folder is entered once, and what begins with a dot is passed over:
    thumbnails and the shadows that some systems leave beside each file (`._photo.jpg`).
    `leave_out` are folders not to enter.
    """
    entered = {_identity(path) for path in leave_out if path.is_dir()}
    return sorted(
        path
        for path in _walk(folder, entered)
        if path.suffix.lower() in suffixes and path.is_file()
    )


def _walk(folder: Path, entered: set[tuple[int, int]]) -> Iterator[Path]:
    for root, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        identity = _identity(Path(root))
        if identity in entered:
            folders.clear()
            continue
        entered.add(identity)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(root, name) for name in names if not _is_hidden(name))


def _refuse(error: OSError) -> NoReturn:
    raise DataError(
        f"{error.filename} cannot be listed ({error.strerror}): allow reading it, or move it away"
    ) from error


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def is_held_out(path: Path, *, one_in: int = 20) -> bool:
    """Whether a picture belongs to the validation set: a fixed rule on its file name alone."""
    return zlib.crc32(path.name.encode(errors="surrogateescape")) % one_in == 0


def split_held_out(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The pictures to train on, and the held-out ones, of which there may be none.

    Where the rule would leave fewer than two to train on, all are trained on.
    """
    kept = [path for path in paths if not is_held_out(path)]
    if len(kept) < FEWEST:
        return list(paths), []
    return kept, [path for path in paths if is_held_out(path)]


def training_paths(folder: Path) -> list[Path]:
    """The pictures of a domain that are trained on: all but the held-out ones.

    A folder so small that the rule would leave fewer than two is used whole.
    """
    return split_held_out(list_images(folder))[0]
