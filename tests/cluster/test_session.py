"""Starting, reusing, refusing and ending Ray, in processes of their own where that matters."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray

from cluster import ClusterError
from cluster.session import Session, session

Python = Callable[..., "subprocess.Popen[str]"]
GENEROUS = 300.0
"""Seconds: only a hang takes so long, also on a busy machine."""
IN_TIME = 45.0
"""Nine seconds at most are waited for an answer; the rest is for a busy machine. Ray by itself goes
on for minutes."""
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}
"""As /proc/net/tcp and tcp6 write it."""

WORK = """
import itertools, os, signal, sys
from cluster.actor import WorkerStarted
from cluster.pool import map_unordered
from cluster.session import session

class Echo:
    def __init__(self, shared): pass
    def setup(self): print("setting up")
    def process(self, item):
        print("noise", file=sys.stderr)
        return item
    def status(self): pass
    def close(self): pass

def kill_first(event):
    if isinstance(event, WorkerStarted) and not killed:
        killed.append(os.kill(event.place.pid, signal.SIGKILL))

def terminated(number, frame):
    raise SystemExit(0)

signal.signal(signal.SIGTERM, terminated)
killed = []
options = dict(shared=None, workers=2, cpus_per_worker=1)
try:
    with session(num_cpus=2) as running:
        assert running.started_here and running.node_cpus == (2,)
        assert signal.getsignal(signal.SIGTERM) is terminated, "Ray does not keep it"
        for position, item in map_unordered(
            Echo, itertools.count(), on_event=kill_first, **options
        ):
            assert item == position
            if killed and position == 100:
                print("working", flush=True)
except KeyboardInterrupt:
    print("stopped")
"""

REFUSALS = """
import json, sys, time
from cluster import ClusterError
from cluster.session import session

report = {}
for address in sys.argv[1:]:
    began = time.monotonic()
    try:
        with session(address=address or None):
            pass
    except ClusterError as error:
        report[address] = [str(error), time.monotonic() - began]
print(json.dumps(report))
"""

OPEN_CLUSTER = """
import logging, sys, ray
ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level=logging.CRITICAL)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.readline()
"""

OTHER_RAY = """
import sys, types
sys.modules["ray._version"] = types.ModuleType("ray._version")
vars(sys.modules["ray._version"]).update(version="1.2.3", commit="")
"""

AHEAD = """
import sys
import ray
from cluster.session import session

@ray.remote(num_cpus=1)
class Asked:
    def modules(self):
        return sorted(sys.modules)

with session(num_cpus=3, workers=int(sys.argv[1]), preload=("colorsys",)):
    print("up", flush=True)
    sys.stdin.readline()
    print("colorsys" in ray.get(Asked.remote().modules.remote()))
"""

JOIN = """
import sys
from cluster.session import session

with session(address=sys.argv[1]) as running:
    print(running.cpus, running.started_here)
"""


@contextlib.contextmanager
def mute() -> Iterator[str]:
    """The address of something that accepts connections and is not Ray."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def deaf() -> Iterator[str]:
    """The address of a queue that is full: connecting gets no answer, as from a dead machine."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@dataclass(frozen=True)
class Refusals:
    """A process that tries addresses one by one, and what it should say of each."""

    process: "subprocess.Popen[str]"
    expected: dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def refusals(launch: Python) -> Iterator[Refusals]:
    """Begun before the first test of this file: it mostly waits, which it can do beside them."""
    with mute() as silent, deaf() as dead:
        expected = {
            "127.0.0.1:1": "no Ray cluster answers at 127.0.0.1:1",
            "somewhere": "give HOST:PORT",
            "http://127.0.0.1:8265": "give HOST:PORT",
            "localhost:99999": "Port out of range",
            silent: f"no Ray cluster answers at {silent} within 9 s",
            dead: f"no Ray cluster answers at {dead} (timed out); start one with `ray start",
            "": "no Ray cluster answers at 127.0.0.1:2",  # from RAY_ADDRESS
        }
        with launch(REFUSALS, *expected, RAY_ADDRESS="127.0.0.1:2") as process:
            yield Refusals(process, expected)
            process.kill()


@pytest.fixture(scope="module", autouse=True)
def open_cluster(launch: Python) -> Iterator["subprocess.Popen[str]"]:
    """A Ray that others may join; begun before the first test of this file, as `refusals` are."""
    with launch(OPEN_CLUSTER) as cluster:
        yield cluster
        cluster.communicate("\n", timeout=GENEROUS)


def _listening_addresses(pids: set[int]) -> set[str]:
    """Local addresses, as /proc/net/tcp writes them, on which these processes accept."""
    sockets = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(link))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                addresses.add(fields[1].partition(":")[0])
    return addresses


def test_a_local_ray_is_silent_and_private_and_ctrl_c_leaves_nothing_running(
    python: Python, marked_pids: Callable[[], set[int]], leftovers: Callable[[], list[str]]
) -> None:
    process = python(WORK)
    assert process.stdout is not None
    said = process.stdout.readline()
    addresses = _listening_addresses(marked_pids())
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    out, err = process.communicate(timeout=GENEROUS)
    assert (process.returncode, said + out, err) == (0, "working\nstopped\n", "")
    deadline = time.monotonic() + GENEROUS
    while leftovers():  # what is killed takes a moment to be gone
        assert time.monotonic() < deadline, leftovers()
        time.sleep(0.1)
    assert addresses, "a local Ray has servers"
    assert addresses <= LOOPBACK


def test_another_process_can_join_by_address_if_its_ray_is_the_same(
    python: Python, open_cluster: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    assert open_cluster.stdout is not None
    address = open_cluster.stdout.readline().strip()
    (tmp_path / "sitecustomize.py").write_text(OTHER_RAY)
    other = python(REFUSALS, address, PYTHONPATH=str(tmp_path))
    process = python(JOIN, address)
    out, err = process.communicate(timeout=GENEROUS)
    assert (out, err) == ("2 False\n", "")
    assert open_cluster.poll() is None, "who leaves takes nothing along"
    out, err = other.communicate(timeout=GENEROUS)
    message, _ = json.loads(out)[address]
    assert "\n" not in message
    assert f"cluster was started with: Ray: {ray.__version__} Python: " in message
    assert "was started with: Ray: 1.2.3 Python: " in message
    assert message.endswith("install the same Ray and Python here as there")
    assert open_cluster.stdin is not None
    open_cluster.stdin.write("\n")  # it may end beside the next tests
    open_cluster.stdin.flush()


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_so_many_processes_start_along_with_ray_as_there_will_be_workers(
    python: Python, leftovers: Callable[[], list[str]], workers: int
) -> None:
    """Each takes seconds of a core and some memory, where it imports torch."""

    def idle() -> int:
        return sum(line.startswith("ray::IDLE") for line in leftovers())

    process = python(AHEAD, str(workers))
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    deadline = time.monotonic() + GENEROUS
    while idle() < workers:
        assert time.monotonic() < deadline, leftovers()
        time.sleep(0.1)
    time.sleep(2)  # in which others would come up
    assert idle() == workers
    out, err = process.communicate("\n", timeout=GENEROUS)
    assert (out, err) == (f"{workers > 0}\n", "")


def test_a_running_ray_is_reused_and_left_up(ray_session: Session) -> None:
    with session() as inner:
        assert inner.address == ray_session.address
        assert not inner.started_here
    assert ray.is_initialized()


def test_a_second_cluster_in_one_process_is_refused(ray_session: Session) -> None:
    began = time.monotonic()
    with (
        pytest.raises(ClusterError, match="uses the Ray cluster at"),
        session(address="127.0.0.1:1"),
    ):
        pass
    assert time.monotonic() - began < IN_TIME


def test_clusters_that_are_not_there_are_refused_in_time(refusals: Refusals) -> None:
    """The last of this file, see `refusals`."""
    out, err = refusals.process.communicate(timeout=GENEROUS)
    assert err == ""
    report = json.loads(out)
    for address, words in refusals.expected.items():
        message, seconds = report[address]
        assert words in message
        assert "\n" not in message
        assert seconds < IN_TIME
