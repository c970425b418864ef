"""Which frames of a film and of its translation belong together: those shown at the same time."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vidgan.errors import InputError
from vidgan.media.frames import frame_times
from vidgan.media.part import Part, origin_of
from vidgan.media.types import Film

_LEAST_TOLERANCE = Fraction(1, 500)
"""Seconds; Matroska rounds times to half of that."""
_ENOUGH = 0.5
"""Of the frames; so many of a damaged film may be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The frames of a film that its translation shows as well, by their number in the film.

    Those of a part are numbered by themselves.
    """

    seconds: tuple[float, ...]
    """When each of the film's frames is shown, from the start of its file; those without a partner
    among them."""
    before: dict[int, int]
    """Ticks of the film -> number."""
    after: dict[int, int]
    """Ticks of the translation -> number."""

    @property
    def missing(self) -> int:
        """Frames that the translation does not show."""
        return len(self.seconds) - len(self.before)


def match_frames(film: Film, made: Film, part: Part) -> Match:
    """Match the frames of a film, or of the part of it that was translated, and `made`.

    A part's first frame is shown at zero. Both films may round times to their own grids.

    Raises:
        InputError: a film cannot be cut into chunks, or `made` shows frames at other times.
    """
    ticks, made_ticks = frame_times(film, part), frame_times(made)
    times, shown = _seconds(ticks, film), _seconds(made_ticks, made)
    tolerance = max(_LEAST_TOLERANCE, film.video.time_base, made.video.time_base)
    for shift in (Fraction(0), times[0], times[0] - shown[0]):
        numbers = _numbers(times, [time + shift for time in shown], tolerance)
        if numbers is not None:
            break
    else:
        raise InputError(
            f"{made.path} shows frames at other times than {film.path}: give the film that was "
            "made from it, with the --start, --end and --every of its conversion"
        )
    # The end must be there: a part that is not said to be one would fit the start of the film.
    if numbers[-1] + 1 < len(times) or len(numbers) < _ENOUGH * len(times):
        raise InputError(
            f"{made.path} has {len(numbers)} of the {len(times)} frames of {film.path}: "
            "if it is a part, say --start, --end and --every as its conversion was told"
        )
    return Match(
        seconds=_from_start(times, film),
        before={ticks[number]: number for number in numbers},
        after=dict(zip(made_ticks, numbers, strict=True)),
    )


def match_itself(film: Film, part: Part) -> Match:
    """All frames of a film or a part, for a translation that is still to be made."""
    ticks = frame_times(film, part)
    numbers = {pts: number for number, pts in enumerate(ticks)}
    times = _seconds(ticks, film)
    return Match(seconds=_from_start(times, film), before=numbers, after=numbers)


def _seconds(ticks: Sequence[int], film: Film) -> list[Fraction]:
    return [pts * film.video.time_base for pts in ticks]


def _from_start(times: Sequence[Fraction], film: Film) -> tuple[float, ...]:
    origin = origin_of(film)
    return tuple(float(time - origin) for time in times)


def _numbers(
    times: Sequence[Fraction], shown: Sequence[Fraction], tolerance: Fraction
) -> list[int] | None:
    """For each time shown the place of the same among `times`; None where one is not there."""
    found: list[int] = []
    for time in shown:
        place = bisect_left(times, time)
        nearby = range(max(0, place - 1), min(place + 1, len(times)))
        distance, number = min((abs(times[number] - time), number) for number in nearby)
        if distance > tolerance or (found and number <= found[-1]):
            return None
        found.append(number)
    return found
