"""What all tests share: two processes run them, and neither may starve the other."""

import os

from hypothesis import HealthCheck, settings

from patient import PATIENT

# Ray starts its workers at niceness 15, and the tests of the other process would starve them.
os.environ.setdefault("RAY_worker_niceness", "0")

# Ray passes on the numbers it is told every ten seconds; tests of them would wait as long.
os.environ.setdefault("RAY_metrics_report_interval_ms", "1000")

# Two processes that use both cores each wait for each other. OpenMP reads this when torch is
# loaded; what tests start is to choose for itself, as it does for users.
os.environ["OMP_NUM_THREADS"] = "1"
import torch  # noqa: F401

del os.environ["OMP_NUM_THREADS"]

# What is slow to come up on a busy machine is waited for.
for name, seconds in PATIENT.items():
    os.environ.setdefault(name, seconds)

# Nor is an example wrong, or too large, because it takes long there. Each run has the same ones.
settings.register_profile(
    "busy", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")
