"""Films that are folders of numbered pictures, named by a pattern such as `frame_%04d.png`."""

import re
from pathlib import Path

from vidgan.errors import InputError
from vidgan.places import Place

_NUMBER = re.compile(r"%(?:0?(\d{1,2}))?d")
_FEW = 5


def is_pattern(place: Place) -> bool:
    """Whether a name stands for numbered pictures; a file of that very name is a file."""
    return (
        isinstance(place, Path) and len(_NUMBER.findall(place.name)) == 1 and not _is_there(place)
    )


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
    missing = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
    if missing:
        named = ", ".join(_picture(pattern, number) for number in missing[:_FEW])
        more = f" and {len(missing) - _FEW} more" if len(missing) > _FEW else ""
        raise InputError(f"{pattern}: {named}{more} missing; add them or number the rest anew")
    return numbers[0]


def unnumbered(pattern: Place) -> str:
    """A name for the film: `frame_%04d.png` is "frame", `%d.png` that of its folder."""
    stem = _NUMBER.sub("", pattern.stem).strip("_-. ")
    folder = pattern.resolve().parent.name
    return stem or folder or "film"


def _picture(pattern: Path, number: int) -> str:
    return _NUMBER.sub(lambda found: f"{number:0{int(found[1] or 0)}d}", pattern.name)


def _numbers(pattern: Path) -> list[int]:
    found = _NUMBER.search(pattern.name)
    assert found is not None
    before, after = pattern.name[: found.start()], pattern.name[found.end() :]
    width = int(found[1] or 0)
    shape = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    try:
        matches = [shape.fullmatch(file.name) for file in pattern.parent.iterdir()]
    except OSError as error:
        raise InputError(f"{pattern} cannot be read ({error.strerror}); check the name") from error
    digits = [match[1] for match in matches if match is not None]
    return sorted(int(text) for text in digits if text == f"{int(text):0{width}d}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
