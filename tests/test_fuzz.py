"""A minute of bench/fuzz.py, which judges everything itself."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "bench" / "fuzz.py"


@pytest.mark.slow
def test_a_damaged_film_is_converted_right_or_refused_in_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(FUZZ), "--seconds", "60", "--seed", "5", "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ends = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines() if line[-1:].isdigit())
    assert int(ends["converted"]) > 20
    assert int(ends["refused in a line"]) > 20
