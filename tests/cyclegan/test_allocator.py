"""Freed memory is kept, so that the next frame does not pay for it again."""

import subprocess
import sys

import pytest

PROBE = """
import resource, sys, torch
from cyclegan.allocator import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit("no such switch")
def use():
    torch.empty(8 << 20, dtype=torch.uint8).fill_(1)
for _ in range(15): use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20): use()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


def faults(mode: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, mode], capture_output=True, text=True, check=False
    )
    if "no such switch" in done.stderr:
        pytest.skip("needs glibc")
    return float(done.stdout)


def test_a_block_used_again_costs_no_page_faults() -> None:
    assert faults("keep") < 20
