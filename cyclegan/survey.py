"""A look at all pictures of both domains before a training: what cannot be read, sizes, doubles.

A picture counts as readable if its header is that of a picture and its file ends as its format
ends; only where it does not end so is it decoded. That is some 0.1 ms a file, and finds files that
are empty, cut off or something else. What is broken in the middle shows when it is first drawn;
see `cyclegan.data.UnpairedImages`.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cyclegan.folders import FEWEST
from cyclegan.photographs import DataError, UnreadableError, open_picture, read_image

MOST_UNREADABLE = 20
"""One picture in so many may be unreadable; more of them are a mistake that wants a look."""

_NAMED = 3
_TAIL = 16  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that can be read, by its header."""

    path: Path
    width: int
    height: int
    """Pixels, as stored: a rotation by EXIF is not applied."""

    @property
    def short_side(self) -> int:
        """Pixels."""
        return min(self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The pictures of one domain."""

    name: str
    """What the user calls the domain: its folder."""
    pictures: tuple[Picture, ...]
    """In the order asked for, without the unreadable ones."""
    unreadable: tuple[UnreadableError, ...]

    @property
    def warnings(self) -> list[str]:
        """One line, or none."""
        if not self.unreadable:
            return []
        total = len(self.pictures) + len(self.unreadable)
        return [f"{self.name}: {_left_out(self.unreadable, total)}"]


def survey(name: str, paths: Sequence[Path], *, threads: int | None = None) -> Survey:
    """Look at all pictures of a domain.

    Raises:
        DataError: more than one picture in `MOST_UNREADABLE` is unreadable, fewer than two are
            left, or the system does not give a file.
    """
    with ThreadPoolExecutor(threads or min(16, 2 * (os.cpu_count() or 1))) as pool:
        seen = list(pool.map(_look, paths))
    unreadable = tuple(found for found in seen if isinstance(found, UnreadableError))
    pictures = tuple(found for found in seen if isinstance(found, Picture))
    too_many = len(unreadable) * MOST_UNREADABLE > len(paths)
    if unreadable and (too_many or len(pictures) < FEWEST):
        raise DataError(
            f"{name}: {_left_out(unreadable, len(paths))}; that is more than one in "
            f"{MOST_UNREADABLE}: remove or replace them"
            if too_many
            else f"{name}: {_left_out(unreadable, len(paths))}; at least 2 are needed"
        )
    return Survey(name=name, pictures=pictures, unreadable=unreadable)


def _left_out(unreadable: Sequence[UnreadableError], total: int) -> str:
    named = "; ".join(str(error) for error in unreadable[:_NAMED])
    more = f"; and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
    return f"{len(unreadable)} of {total} pictures cannot be read ({named}{more})"


def _look(path: Path) -> Picture | UnreadableError:
    try:
        with open_picture(path) as file:
            size, kind = file.size, file.format or ""
        if not _ends_whole(path, kind):
            read_image(path)
    except UnreadableError as error:
        return error
    return Picture(path=path, width=size[0], height=size[1])


def _ends_whole(path: Path, kind: str) -> bool:
    """Whether a file ends as its format ends; False where the format does not say."""
    with path.open("rb") as file:
        head = file.read(_TAIL)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    match kind:
        case "JPEG" | "MPO":
            return tail.endswith(b"\xff\xd9")
        case "PNG":
            return tail.endswith(b"\0\0\0\0IEND\xae\x42\x60\x82")
        case "WEBP":
            return int.from_bytes(head[4:8], "little") + 8 <= size
        case _:
            return False


def require_size(found: Survey, crop: int) -> None:
    """Refuse pictures of which a crop could be cut out only after scaling them up.

    Raises:
        DataError: the short side of some is less than `crop`.
    """
    small = [picture for picture in found.pictures if picture.short_side < crop]
    if not small:
        return
    least = min(small, key=lambda picture: picture.short_side)
    raise DataError(
        f"{found.name}: {len(small)} of {len(found.pictures)} pictures are smaller than the crop "
        f"of {crop} pixels (the smallest, {least.path.name}, is {least.width}x{least.height}): "
        "take them out, choose a smaller --crop, or add --upscale"
    )


def count_shared(a: Sequence[Path], b: Sequence[Path]) -> tuple[int, int]:
    """How many files of `a` stand in `b` as well, byte for byte, and how many of `b` in `a`."""
    sizes = [_by_size(paths) for paths in (a, b)]
    common = sizes[0].keys() & sizes[1].keys()
    of_a, of_b = ([path for size in common for path in by_size[size]] for by_size in sizes)
    with ThreadPoolExecutor(min(16, 2 * (os.cpu_count() or 1))) as pool:
        digests_a, digests_b = list(pool.map(_digest, of_a)), list(pool.map(_digest, of_b))
    both = set(digests_a) & set(digests_b)
    return sum(d in both for d in digests_a), sum(d in both for d in digests_b)


def _by_size(paths: Sequence[Path]) -> dict[int, list[Path]]:
    found: defaultdict[int, list[Path]] = defaultdict(list)
    for path in paths:
        found[path.stat().st_size].append(path)
    return found


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
