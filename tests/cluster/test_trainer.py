"""Workers that train together: what they post is heard, they stop, they are begun again."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import ray
import torch
import torch.distributed as dist

from cluster import trainer
from cluster.errors import ClusterError
from cluster.member import Member
from cluster.session import Session
from cluster.shares import Resources, share_of_each
from cluster.trainer import Lost, run_workers

TWO = Resources(workers=2, cpus=1, gpus=0)
BOTH_CPUS = Resources(workers=1, cpus=2, gpus=0)
GENEROUS = 300.0
"""Seconds: only a hang takes so long, also on a busy machine."""


@pytest.fixture(autouse=True)
def a_busy_machine_may_take_long_to_free_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "FREE_SECONDS", GENEROUS)


def free_cpus() -> float:
    resources: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    return resources.get("CPU", 0)


@dataclass
class Deadly:
    """Kills the first worker that reads it twice: the second time is for its very first line.

    Ray Train by itself gives up where a worker dies at that moment.
    """

    folder: Path
    reads: ClassVar[int] = 0

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.folder = state["folder"]
        Deadly.reads += 1
        if Deadly.reads == 2 and not (self.folder / "died").exists():
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)


def die_once(member: Member, deadly: Deadly) -> None:
    """Rank 1 is killed in its first life; in the second, both add up a number of each."""
    dist.barrier()  # a life in which one was never there is none
    rank = dist.get_rank()
    lives = len(list(deadly.folder.glob(f"life-{rank}-*")))
    (deadly.folder / f"life-{rank}-{lives}").touch()
    dist.barrier()
    if rank == 1 and lives == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    total = torch.tensor(float(rank + 3))
    dist.all_reduce(total)
    member.post((rank, lives, float(total), torch.get_num_threads(), str(member.device)))


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_workers_are_ranks_and_one_that_is_killed_begins_all_again(tmp_path: Path) -> None:
    """One dies while it is started, one at work; the survivor's complaint is not the reason."""
    storage, notes = tmp_path / "ray", tmp_path / "notes"
    storage.mkdir()
    notes.mkdir()
    heard: list[Any] = list(run_workers(die_once, Deadly(notes), TWO, storage=storage))
    lost = [each.reason for each in heard if isinstance(each, Lost)]
    assert [reason[:15] for reason in lost] == ["a worker died: "] * 2, lost
    assert not any("\n" in reason for reason in lost)
    posted = [each for each in heard if not isinstance(each, Lost)]
    assert sorted(posted) == [(0, 1, 7.0, 1, "cpu"), (1, 1, 7.0, 1, "cpu")]
    assert list(storage.iterdir()) == [], "Ray's notes are gone"
    assert free_cpus() == 2


def fail(member: Member, _: object) -> None:
    raise OSError("the disk\nis on fire, the disk is on fire")


@pytest.mark.usefixtures("ray_session")
def test_what_a_worker_raises_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"workers failed: .*the disk is on fire") as caught:
        list(run_workers(fail, None, BOTH_CPUS, storage=tmp_path, max_failures=0))
    assert "\n" not in str(caught.value)
    assert free_cpus() == 2


def hang(member: Member, _: object) -> None:
    member.post(os.getpid())
    time.sleep(1000)


@pytest.mark.usefixtures("ray_session")
def test_workers_of_a_caller_that_goes_away_are_gone_within_seconds(tmp_path: Path) -> None:
    workers = run_workers(hang, None, BOTH_CPUS, storage=tmp_path)
    pid = next(workers)
    assert isinstance(pid, int)
    assert free_cpus() == 0
    began = time.monotonic()
    workers.close()
    assert free_cpus() == 2
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() - began < GENEROUS
        time.sleep(0.1)
    assert time.monotonic() - began < GENEROUS
    assert list(tmp_path.iterdir()) == [], "Ray's notes are gone"


@pytest.mark.usefixtures("ray_session")
def test_a_cluster_in_use_is_waited_for_less_than_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert trainer.ROOM_SECONDS <= 45, "and some seconds until Ray Train begins to look for room"
    monkeypatch.setattr(trainer, "ROOM_SECONDS", 2.0)

    @ray.remote(num_cpus=1)
    class Other:
        def is_there(self) -> bool:
            return True

    other = Other.remote()  # type: ignore[attr-defined]
    assert ray.get(other.is_there.remote())
    began = time.monotonic()
    try:
        with pytest.raises(
            ClusterError, match=r"no room within 2 s for 2 workers of 1 CPUs .*fewer --work"
        ):
            list(run_workers(hang, None, TWO, storage=tmp_path))
        assert time.monotonic() - began < GENEROUS
        assert free_cpus() == 1
    finally:
        ray.kill(other)


def test_more_workers_than_there_are_cpus_or_gpus_are_refused() -> None:
    small = Session(address="", nodes=({"CPU": 2, "GPU": 1},), started_here=True)
    with pytest.raises(ClusterError, match="--workers 3: the cluster has 2 CPUs"):
        share_of_each(small, workers=3, device="cpu")
    with pytest.raises(ClusterError, match="--workers 2: the cluster has 1 GPUs"):
        share_of_each(small, workers=2, device="auto")
    none = Session(address="", nodes=({"CPU": 2},), started_here=True)
    with pytest.raises(ClusterError, match=r"has 0 GPUs.*--device cpu"):
        share_of_each(none, workers=1, device="cuda")
    apart = Session(
        address="",
        nodes=(
            {"CPU": 1, "GPU": 4},
            {"CPU": 8},
        ),
        started_here=False,
    )
    with pytest.raises(ClusterError, match=r"--workers 2: .*a GPU and a CPU.* has 1 such"):
        share_of_each(apart, workers=2, device="auto")


def test_each_worker_gets_an_even_share_of_one_machine() -> None:
    nodes = Session(
        address="",
        nodes=(
            {"CPU": 16},
            {"CPU": 4},
        ),
        started_here=False,
    )
    assert share_of_each(nodes, workers=5, device="cpu") == Resources(workers=5, cpus=4, gpus=0)
    gpus = Session(address="", nodes=({"CPU": 64, "GPU": 8},), started_here=False)
    assert share_of_each(gpus, workers=None, device="auto") == Resources(workers=8, cpus=8, gpus=1)
    uneven = Session(
        address="",
        nodes=(
            {"CPU": 16, "GPU": 1},
            {"CPU": 4, "GPU": 1},
        ),
        started_here=False,
    )
    assert share_of_each(uneven, workers=2, device="auto") == Resources(workers=2, cpus=4, gpus=1)
