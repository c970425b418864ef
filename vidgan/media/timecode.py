"""Timecodes: the time of day of a frame, as hours, minutes, seconds and a count of frames."""

import re
from collections.abc import Mapping
from fractions import Fraction

TAG = "timecode"
_SAID = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})([:;.,])(\d{1,3})")
_DROPPED_OF_30 = 2
"""Numbers that drop-frame timecode leaves out each minute but the tenth, of each 30 in a second."""


def timecode_in(*tags: Mapping[str, str]) -> str | None:
    """The first that is said; Matroska says it in capitals."""
    said = (value for some in tags for key, value in some.items() if key.lower() == TAG)
    return next(said, None)


def without_timecode(tags: Mapping[str, str]) -> dict[str, str]:
    """The other tags."""
    return {key: value for key, value in tags.items() if key.lower() != TAG}


def timecode_later(timecode: str, rate: Fraction | None, seconds: Fraction) -> str | None:
    """That of the frame shown so much later; None where it cannot be counted.

    The clock counts frames, not time: at 29.97 a second plain timecode falls behind, and drop-frame
    timecode, written with a semicolon, leaves numbers out to keep up. After 24 hours it is zero.
    """
    found = _SAID.fullmatch(timecode.strip())
    if found is None or not rate:
        return None
    a_second = round(rate)
    is_drop = found[4] != ":"
    if a_second < 1 or (is_drop and a_second % 30):
        return None
    dropped = _DROPPED_OF_30 * (a_second // 30) if is_drop else 0
    hours, minutes, full_seconds, frames = (int(found[n]) for n in (1, 2, 3, 5))
    minutes += 60 * hours
    frames += (60 * minutes + full_seconds) * a_second - dropped * (minutes - minutes // 10)
    frames = (frames + round(seconds * rate)) % (24 * 6 * (600 * a_second - 9 * dropped))
    return _written(frames, a_second, dropped, found[4])


def _written(frames: int, a_second: int, dropped: int, mark: str) -> str:
    """As if no numbers had been left out: those that have been are counted back in."""
    tens, rest = divmod(frames, 600 * a_second - 9 * dropped)
    left_out = max(0, rest - dropped) // (60 * a_second - dropped)  # minutes, of these ten
    frames += dropped * (9 * tens + left_out)
    seconds, frames = divmod(frames, a_second)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:02}"
