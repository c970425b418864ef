"""Several nodes: no disk in common, machines that go and come."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import vidgan
from nodes import Nodes, nodes

MakeFilm = Callable[..., Path]

FRAMES, CHUNK_FRAMES = 480, 12
GENEROUS = 90.0
HIDE = 'mount -t tmpfs none "$0" && exec "$@"'

CONVERT = """
import json, sys, time
from pathlib import Path
from cluster.actor import WorkerLost, WorkerStarted
from vidgan.conversion import convert_all
from vidgan.options import Options
from vidgan.progress import Progress

class Told(Progress):
    started = 0
    def hear(self, event):
        if isinstance(event, (WorkerStarted, WorkerLost)):
            print(json.dumps([type(event).__name__, event.place and event.place.node]), flush=True)
            self.started += isinstance(event, WorkerStarted)
    def done(self, place, frames):
        if self.started < 4:  # the film is short, and the machine that joins is to find some of it
            time.sleep(1)

address, weights, resource, output = sys.argv[1:]
options = Options(
    weights=Path(weights), address=address, chunk_frames=12, resources=((resource, 1.0),)
)
report = convert_all([Path("film.mp4")], Path(output), options, Told())
print(json.dumps(["failures", [str(failure) for failure in report.failures]]), flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Machines:
    """A cluster that cannot see the driver's folder, in which is a film."""

    cluster: Nodes
    folder: Path
    ids: tuple[str, ...]

    @contextlib.contextmanager
    def drive(self, script: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """Run a script in the driver's folder; it should end by itself."""
        with subprocess.Popen(
            [sys.executable, "-c", script, self.cluster.address, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self.cluster.environment,
        ) as driver:
            try:
                yield driver
                assert driver.wait(GENEROUS) == 0
            finally:
                driver.kill()


@pytest.fixture(scope="module")
def film(make_film: MakeFilm) -> Path:
    return make_film("nodes.mp4", frames=FRAMES, size=(160, 96))


@pytest.fixture(scope="module")
def machines(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Three machines with a slot each; where that is allowed, the driver's folder is hidden.

    A file system is put over it which only their processes see.
    """
    folder = tmp_path_factory.mktemp("drivers-own")
    shutil.copy(film, folder / "film.mp4")
    within = ["unshare", "--mount", "sh", "-c", HIDE, str(folder)]
    with nodes(within=within if _allowed([*within, "true"]) else ()) as cluster:
        ids = [cluster.add(f"machine{i}", resources={"slot": 1}) for i in range(3)]
        yield Machines(cluster=cluster, folder=folder, ids=tuple(ids))


def _allowed(command: list[str]) -> bool:
    return bool(shutil.which(command[0])) and subprocess.run(command, check=False).returncode == 0


def _next(driver: "subprocess.Popen[str]") -> list[Any]:
    assert driver.stdout is not None
    line = driver.stdout.readline()
    assert line, "the driver ended too early"
    heard = json.loads(line)
    assert isinstance(heard, list)
    return heard


@pytest.mark.slow
def test_nodes_without_a_common_disk_one_lost_and_one_joining_write_the_same_bytes(
    machines: Machines, film: Path, generator_file: Path, ray_up: None, tmp_path: Path
) -> None:
    heard: list[list[Any]] = []
    with machines.drive(CONVERT, str(generator_file), "slot", "out.mp4") as driver:
        while sum(what == "WorkerStarted" for what, _ in heard) < 3:
            heard.append(_next(driver))
        machines.cluster.remove("machine1")
        joined = machines.cluster.add("machine3", resources={"slot": 1})
        while heard[-1][0] != "failures":
            heard.append(_next(driver))
    assert heard[-1] == ["failures", []]
    started = [node for what, node in heard if what == "WorkerStarted"]
    assert set(started[:3]) == set(machines.ids)
    assert ["WorkerLost", machines.ids[1]] in heard
    assert started[3:] == [joined]

    alone = tmp_path / "out.mp4"
    vidgan.convert(film, alone, weights=generator_file, workers=1, chunk_frames=CHUNK_FRAMES)
    assert (machines.folder / "out.mp4").read_bytes() == alone.read_bytes()
    names = {path.name for path in machines.folder.iterdir()}
    assert names == {"film.mp4", "out.mp4"}
