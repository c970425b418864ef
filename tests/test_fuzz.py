"""A minute of bench/fuzz.py, which judges everything itself; another in the long proofs."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "bench" / "fuzz.py"


@pytest.mark.parametrize(
    ("seconds", "seed", "least"), [(60, 6, 0), pytest.param(60, 5, 10, marks=pytest.mark.slow)]
)
def test_a_damaged_film_is_converted_right_or_refused_in_a_line(
    seconds: int, seed: int, least: int, tmp_path: Path
) -> None:
    told = ["--seconds", str(seconds), "--seed", str(seed), "--keep", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(FUZZ), *told],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ends = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines() if line[-1:].isdigit())
    assert int(ends["converted"]) > least
    assert int(ends["refused in a line"]) > least
