"""Workers that train together: what they post is heard, they stop, they are begun again."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from cluster.errors import ClusterError
from cluster.session import Session
from cluster.trainer import Member, Resources, run_workers, share_of_each

TWO = Resources(workers=2, cpus=1, gpus=0)


def die_once(member: Member, folder: Path) -> None:
    """Rank 1 is killed in its first life; in the second, both add up a number of each."""
    rank = dist.get_rank()
    lives = len(list(folder.glob(f"life-{rank}-*")))
    (folder / f"life-{rank}-{lives}").touch()
    if rank == 1 and lives == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    total = torch.tensor(float(rank + 3))
    dist.all_reduce(total)
    member.post((rank, lives, float(total), torch.get_num_threads(), str(member.device)))


@pytest.mark.usefixtures("ray_session")
def test_workers_are_ranks_and_one_that_is_killed_begins_all_again(tmp_path: Path) -> None:
    storage = tmp_path / "ray"
    storage.mkdir()
    heard: list[Any] = list(run_workers(die_once, tmp_path, TWO, storage=storage))
    assert sorted(heard) == [(0, 1, 7.0, 1, "cpu"), (1, 1, 7.0, 1, "cpu")]
    assert list(storage.iterdir()) == [], "Ray's notes are gone"


def fail(member: Member, _: object) -> None:
    raise OSError("the disk\nis on fire, the disk is on fire")


@pytest.mark.usefixtures("ray_session")
def test_what_a_worker_raises_is_said_in_one_line(tmp_path: Path) -> None:
    one = Resources(workers=1, cpus=1, gpus=0)
    with pytest.raises(ClusterError, match=r"workers failed: .*the disk is on fire") as caught:
        list(run_workers(fail, None, one, storage=tmp_path, max_failures=0))
    assert "\n" not in str(caught.value)


def test_more_workers_than_there_are_cpus_or_gpus_are_refused() -> None:
    small = Session(address="", cpus=2, gpus=1, node_cpus=(2,), started_here=True)
    with pytest.raises(ClusterError, match="--workers 3: the cluster has 2 CPUs"):
        share_of_each(small, workers=3, device="cpu")
    with pytest.raises(ClusterError, match="--workers 2: the cluster has 1 GPUs"):
        share_of_each(small, workers=2, device="auto")
    none = Session(address="", cpus=2, gpus=0, node_cpus=(2,), started_here=True)
    with pytest.raises(ClusterError, match=r"has 0 GPUs.*--device cpu"):
        share_of_each(none, workers=1, device="cuda")


def test_each_worker_gets_an_even_share_of_one_machine() -> None:
    nodes = Session(address="", cpus=20, gpus=0, node_cpus=(16, 4), started_here=False)
    assert share_of_each(nodes, workers=5, device="cpu") == Resources(workers=5, cpus=4, gpus=0)
    gpus = Session(address="", cpus=64, gpus=8, node_cpus=(64,), started_here=False)
    assert share_of_each(gpus, workers=None, device="auto") == Resources(workers=8, cpus=8, gpus=1)
