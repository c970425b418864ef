"""A short run of bench/chaos.py, which checks everything itself."""

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).parents[1] / "bench" / "chaos.py"


@pytest.mark.slow
def test_workers_machines_and_drivers_killed_at_random_leave_no_trace() -> None:
    small = ["--kills", "8", "--seed", "4", "--clips", "6", "--frames", "60"]
    done = subprocess.run(
        [sys.executable, str(CHAOS), *small],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every output as undisturbed, nothing left behind" in done.stdout
    killed = [line.split() for line in done.stdout.splitlines() if line.startswith("killed ")]
    assert sum(int(count) for _, _, count in killed) == 8
