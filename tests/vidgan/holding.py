"""A ledger that another process holds."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vidgan.places import Place

_HOLD = """
import sys
from vidgan.ledger import Ledger
from vidgan.places import as_place
with Ledger(as_place(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(folder: Place) -> Iterator["subprocess.Popen[str]"]:
    """The process that holds it, until the block or the process ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other
