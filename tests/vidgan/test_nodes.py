"""Several nodes: no disk in common, machines that go and come."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import vidgan
from nodes import Nodes, nodes
from tests.cluster.test_versions import WITHOUT_CLUSTER
from tests.vidgan.driving import CHUNK_FRAMES, Driver, drive

MakeFilm = Callable[..., Path]

FRAMES = 1200
HIDE = 'mount -t tmpfs none "$0" && exec "$@"'


@dataclass(frozen=True, kw_only=True)
class Machines:
    """A cluster that cannot see the driver's folder, in which is a film."""

    cluster: Nodes
    folder: Path
    ids: tuple[str, ...]

    @property
    def output(self) -> Path:
        return self.folder / "out.mp4"

    @contextlib.contextmanager
    def drive(self, weights: Path) -> Iterator[Driver]:
        """Convert the film on these machines."""
        self.output.unlink(missing_ok=True)
        with drive(
            self.folder,
            address=self.cluster.address,
            weights=weights,
            resource="slot",
            environment=self.cluster.environment,
        ) as driver:
            yield driver


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


@pytest.fixture(scope="module")
def expected(
    film: Path, generator_file: Path, ray_up: None, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """What one worker here makes of the film."""
    alone = tmp_path_factory.mktemp("alone") / "out.mp4"
    vidgan.convert(film, alone, weights=generator_file, workers=1, chunk_frames=CHUNK_FRAMES)
    return alone.read_bytes()


@pytest.mark.slow
def test_without_a_common_disk_one_machine_lost_and_two_joining_the_bytes_are_the_same(
    machines: Machines, generator_file: Path, expected: bytes
) -> None:
    """The first to join takes the place of the lost one, the second makes the crew larger."""
    with machines.drive(generator_file) as driver:
        driver.hear("WorkerStarted", times=3)
        started = {node for what, node in driver.heard if what == "WorkerStarted"}
        assert started == set(machines.ids)
        machines.cluster.remove("machine1")
        for name in ("machine3", "machine4"):
            joined = machines.cluster.add(name, resources={"slot": 1})
            driver.hear("WorkerStarted", joined)
        driver.hear("done", times=4)
        driver.hurry()
        driver.end()
    assert ("WorkerLost", machines.ids[1]) in driver.heard
    assert machines.output.read_bytes() == expected


@pytest.mark.slow
def test_a_machine_without_the_package_is_left_out(
    machines: Machines, generator_file: Path, expected: bytes, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_CLUSTER)
    lacking = {"PYTHONPATH": str(tmp_path)}
    machines.cluster.add("unfit", resources={"slot": 1}, environment=lacking)
    with machines.drive(generator_file) as driver:
        driver.hear("WorkerLost")
        driver.hear("done", times=4)
        driver.hurry()
        driver.end()
    assert machines.output.read_bytes() == expected
