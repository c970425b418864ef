"""Films that an edit list shows in part: picture and sound of what is shown, and in step."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.vidgan.films.beeps import Beeps, heard, seen, write_beeps
from tests.vidgan.films.edits import edited
from tests.vidgan.here import convert_here
from vidgan.options import Options

EACH_SECOND = tuple(Fraction(2 * number + 1, 2) for number in range(10))
ONE = ((Fraction(11, 5), Fraction(31, 5)),)
TWO = ((Fraction(2), Fraction(4)), (Fraction(6), Fraction(8)))


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize(
    ("shown", "moments"),
    [(ONE, (0.3, 1.3, 2.3, 3.3)), (TWO, (0.5, 1.5, 2.5, 3.5))],
    ids=["one", "two"],
)
def test_what_an_edit_list_hides_is_not_heard(
    shown: Sequence[tuple[Fraction, Fraction]],
    moments: Sequence[float],
    ending: str,
    identity_file: Path,
    tmp_path: Path,
) -> None:
    film = write_beeps(tmp_path / "film.mp4", Beeps(seconds=10, moments=EACH_SECOND, codec="aac"))
    source, output = edited(film, tmp_path / "edited.mp4", shown), tmp_path / f"out.{ending}"
    assert seen(source) == pytest.approx(moments, abs=0.001)
    report = convert_here(source, output, Options(weights=identity_file))
    assert (report.frames, report.frames_lost) == (40, 0)
    assert not [said for said in report.warnings if "back in time" in said]
    assert seen(output) == pytest.approx(moments, abs=0.001)
    # A packet of AAC is 21 ms; joined ones are in step to one.
    assert heard(output) == pytest.approx(moments, abs=0.025)
    with av.open(str(output)) as container:
        (sound,) = container.streams.audio
        frames = list(container.decode(sound))
    assert frames[0].time is not None
    assert frames[0].time > -0.2
    length = sum(frame.samples for frame in frames) / frames[0].sample_rate
    assert length == pytest.approx(4, abs=0.2)
