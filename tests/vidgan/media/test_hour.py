"""An hour of film, a beep and a flash each minute: in step at the start, in the middle, at the end.

The sound is copied in one case, and encoded again in the others: at another rate, and from a
recorder whose clock is wrong.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.vidgan.films.beeps import Beeps, heard, seen, write_beeps
from tests.vidgan.media.test_sound import remade

EncodeFilm = Callable[..., Any]

SECONDS = 3600
MOMENTS = [60 * minute + Fraction(2, 5) for minute in range(60)] + [Fraction(SECONDS - 1)]
AUDIO_FRAME = 1024 / 48_000


def hour(path: Path, codec: str, rate: int) -> Path:
    spec = Beeps(
        seconds=SECONDS,
        moments=MOMENTS,
        frames_per_second=5,
        codec=codec,
        layout="mono",
        rate=rate,
    )
    return write_beeps(path, spec)


def check_in_step(path: Path) -> None:
    flashes, beeps = seen(path), heard(path)
    assert flashes == pytest.approx([float(moment) for moment in MOMENTS], abs=0.001)
    apart = [abs(a - b) for a, b in zip(flashes, beeps, strict=True)]
    assert max(apart) < AUDIO_FRAME


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(("film.mp4", "aac", 48_000, ".mkv"), id="copied"),
        pytest.param(("film.mkv", "pcm_s16le", 16_000, ".mp4"), id="encoded"),
        pytest.param(("film.mkv", "flac", 44_100, ".webm"), id="resampled"),
    ],
)
def test_an_hour_stays_in_step(
    row: tuple[str, str, int, str], encode_film: EncodeFilm, tmp_path: Path
) -> None:
    name, codec, rate, target = row
    film = hour(tmp_path / name, codec, rate)
    encode_film(film, target).join(tmp_path / ("out" + target))
    check_in_step(tmp_path / ("out" + target))


@pytest.mark.slow
def test_an_hour_of_a_clock_that_runs_wrong_stays_in_step(
    encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """Of a second in 5000: without regard for the times, the end would be 0.7 s late."""
    slow = Fraction(4999, 5000)

    def stretch(packet: Any) -> bool:
        packet.pts = packet.dts = round(packet.pts * slow)
        return True

    plain = hour(tmp_path / "plain.mkv", "pcm_s16le", 16_000)
    source = remade(plain, tmp_path / "film.mkv", stretch)
    encode_film(source, ".mp4").join(tmp_path / "out.mp4")
    flashes, beeps = seen(tmp_path / "out.mp4"), heard(tmp_path / "out.mp4")
    apart = [abs(a * float(slow) - b) for a, b in zip(flashes, beeps, strict=True)]
    assert max(apart) < AUDIO_FRAME
