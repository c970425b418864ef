"""Films that are folders of numbered pictures, named by a pattern such as `frame_%04d.png`."""

import re
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path

from vidgan.errors import InputError
from vidgan.places import Place

_NUMBER = re.compile(r"%(?:0?(\d{1,2}))?d")
_PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
_FEW = 5
_MOST = 1000
_TELEVISION = Fraction(1001, 1000)
_NEAR = Fraction(1, 1000)


def is_pattern(place: Place) -> bool:
    """Whether a name stands for numbered pictures; a file of that very name is a file."""
    if not isinstance(place, Path) or place.suffix.lower() not in _PICTURES:
        return False
    return has_number(place.name) and not _is_there(place)


def first_number(pattern: Path) -> int:
    """Where a sequence begins; FFmpeg reads on to the last number, as no number is missing.

    Raises:
        InputError: there is no such picture, numbers are missing between, or the pattern's other
            parts hold a percent sign, which FFmpeg would take for another pattern.
    """
    if str(pattern).count("%") != 1:
        raise InputError(f"{pattern}: one %d (or %04d) is allowed in a pattern; rename the rest")
    numbers = _numbers(pattern)
    if not numbers:
        raise InputError(f"{pattern}: no picture fits this pattern; check the name")
    missing = numbers[-1] - numbers[0] + 1 - len(numbers)
    if missing:
        gaps = (range(a + 1, b) for a, b in pairwise(numbers))
        few = islice(chain.from_iterable(gaps), _FEW)
        named = ", ".join(picture_name(pattern, number) for number in few)
        more = f" and {missing - _FEW} more" if missing > _FEW else ""
        raise InputError(f"{pattern}: {named}{more} missing; add them or number the rest anew")
    return numbers[0]


def has_number(name: str) -> bool:
    """Whether a name is a pattern with one number in it."""
    return len(_NUMBER.findall(name)) == 1


def picture_name(pattern: Path, number: int) -> str:
    """`frame_%04d.png`, 7 -> `frame_0007.png`."""
    return _NUMBER.sub(lambda found: f"{number:0{int(found[1] or 0)}d}", pattern.name)


def number_in(pattern: Path, name: str) -> int | None:
    """The number in a name that `picture_name` would make; None where it makes no such name."""
    before, _, after = _NUMBER.split(pattern.name)
    digits = name[len(before) : len(name) - len(after)]
    if not digits.isdecimal():
        return None
    return int(digits) if picture_name(pattern, int(digits)) == name else None


def parse_rate(text: str) -> Fraction:
    """Pictures a second: "25", "24000/1001"; "23.976" and its like are what television means.

    Raises:
        ValueError: no number, or none that films have.
    """
    try:
        rate = Fraction(text)
    except ZeroDivisionError as error:
        raise ValueError(text) from error
    if not 0 < rate <= _MOST:
        raise ValueError(text)
    whole = round(rate * _TELEVISION)
    return whole / _TELEVISION if abs(whole / _TELEVISION - rate) < _NEAR else rate


def is_unread_sequence(pattern: Path) -> bool:
    """Whether a name stands for numbered files of a kind that is not read as pictures."""
    return has_number(pattern.name) and not is_pattern(pattern) and bool(_numbers(pattern))


def facts(pattern: Path) -> list[object]:
    """By which the pictures are known again: how many, their bytes, the latest change."""
    found = [file.stat() for file in _files(pattern)]
    return [len(found), sum(s.st_size for s in found), max(s.st_mtime_ns for s in found)]


def unnumbered(pattern: Place) -> str:
    """A name for the film: `frame_%04d.png` is "frame", `%d.png` that of its folder."""
    stem = _NUMBER.sub("", pattern.stem).strip("_-. ")
    folder = pattern.resolve().parent.name
    return stem or folder or "film"


def _numbers(pattern: Path) -> list[int]:
    return sorted(number_in(pattern, file.name) or 0 for file in _files(pattern))


def _files(pattern: Path) -> list[Path]:
    try:
        return [
            file for file in pattern.parent.iterdir() if number_in(pattern, file.name) is not None
        ]
    except OSError as error:
        raise InputError(f"{pattern} cannot be read ({error.strerror}); check the name") from error


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
