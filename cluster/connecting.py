"""Joining a cluster by its address, in seconds, or saying in one line why not."""

import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import ray

from cluster.errors import ClusterError, token_wanted

CONNECT_SECONDS = 4.0
"""How long a named cluster may take to be found and to accept a connection."""
ANSWER_SECONDS = 9.0
"""How long it may then take to let a process join."""
_TRIAL = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False)
except Exception as error:
    sys.exit(print(error) or 1)
"""


def connect(address: str) -> None:
    """Let this process use the cluster at `address` ("auto": the one running on this machine).

    Raises:
        ClusterError: it does not answer, runs another Ray or Python, or does not let us in.
    """
    if address != "auto":
        _check_listens(address)
    _check_answers(address)
    try:
        with sigterm_as_before():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:  # ConnectionError, RuntimeError (versions), AuthenticationError...
        raise ClusterError(f"no Ray cluster at {address}: {reason(error)}") from error


def _check_listens(address: str) -> None:
    """Fail at once where nobody listens; Ray itself would go on trying."""
    if "://" in address:
        raise ClusterError(
            f"not an address of a Ray cluster: {address!r}; give HOST:PORT on one of its machines, "
            "or run there as a job"
        )
    try:
        parts = urlsplit(f"//{address}")
        if not parts.hostname or not parts.port:
            raise ClusterError(f"not an address of a Ray cluster: {address!r}; give HOST:PORT")
        _within(CONNECT_SECONDS, parts.hostname, parts.port)
    except ValueError as error:  # a port that is not a number up to 65535
        raise ClusterError(f"not an address of a Ray cluster: {address!r}: {error}") from error
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error}); start one with `ray start --head`, "
            "or leave the address out to use this machine alone"
        ) from error


def _check_answers(address: str) -> None:
    """Connect in a process of its own first, which can be given up.

    Where something listens that is not Ray, or a proxy answers for a dead machine, `ray.init`
    tries for minutes, writes warnings from C++ and cannot be interrupted. Costs about 1 s.
    """
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL, address],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        if b"Unauthenticated" in (error.stderr or b""):
            raise token_wanted(address) from error
        raise ClusterError(
            f"no Ray cluster answers at {address} within {ANSWER_SECONDS:.0f} s; "
            "check the address with `ray status`"
        ) from error
    if trial.returncode != 0:
        said = trial.stdout or trial.stderr or f"exit status {trial.returncode}"
        raise ClusterError(f"no Ray cluster at {address}: {reason(said)}")


@contextmanager
def sigterm_as_before() -> Iterator[None]:
    """Give SIGTERM back to its handler, if it had one, from whom `ray.init` takes it.

    Ray's handler exits at once with status 15; one that came meanwhile is passed on. Where there
    was none Ray's stays: the default would leave its processes running.
    """
    before = signal.getsignal(signal.SIGTERM)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        yield
    except SystemExit as end:
        if end.code == signal.SIGTERM:
            before(signal.SIGTERM, None)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _within(seconds: float, host: str, port: int) -> None:
    """Connect once; a resolver knows no limit of time, and a name may have many addresses.

    Raises:
        OSError: nobody answers.
    """
    failed: list[OSError] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=seconds).close()
        except OSError as error:
            failed.append(error)

    trial = threading.Thread(target=attempt, daemon=True)
    trial.start()
    trial.join(seconds)
    if trial.is_alive():
        raise TimeoutError("timed out")
    if failed:
        raise failed[0]


def reason(said: Exception | str) -> str:
    """Of what Ray says, the first line; of other versions than here, all of them."""
    lines = [line.strip() for line in str(said).splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    if lines[0].startswith("Version mismatch"):
        return f"{' '.join(lines)}; install the same Ray and Python here as there"
    return lines[0]
