"""Workers get shares that their machines can really give."""

import pytest

from cluster.session import Session
from vidgan.crew import Crew, share_out
from vidgan.errors import SettingsError


def cluster(*node_cpus: int, gpus: int = 0) -> Session:
    first, *others = ({"CPU": float(cpus)} for cpus in node_cpus)
    return Session(
        address="127.0.0.1:1", nodes=({**first, "GPU": gpus}, *others), started_here=True
    )


def fits(crew: Crew, node_cpus: tuple[int, ...]) -> bool:
    return sum(int(cpus / crew.cpus_per_worker + 1e-9) for cpus in node_cpus) >= crew.workers


@pytest.mark.parametrize(
    "node_cpus", [(1,), (2,), (8,), (12,), (64,), (4, 4, 4, 4), (6, 6, 6, 6), (2, 16), (3, 5, 7)]
)
@pytest.mark.parametrize("workers", [None, 1, 2, 3, 8, 40])
def test_every_worker_finds_room(node_cpus: tuple[int, ...], workers: int | None) -> None:
    crew = share_out(cluster(*node_cpus), workers=workers, device="auto")
    assert crew.workers == (workers or crew.workers)
    assert crew.lanes >= 1
    assert crew.device == "cpu"
    assert fits(crew, node_cpus)


@pytest.mark.parametrize(
    ("node_cpus", "workers", "lanes"), [((2,), 1, 2), ((12,), 2, 6), ((64,), 8, 8), ((4, 4), 2, 4)]
)
def test_by_default_few_workers_fill_all_cores(
    node_cpus: tuple[int, ...], workers: int, lanes: int
) -> None:
    crew = share_out(cluster(*node_cpus), workers=None, device="cpu")
    assert (crew.workers, crew.lanes) == (workers, lanes)


def test_one_worker_for_each_gpu() -> None:
    crew = share_out(cluster(16, 16, gpus=4), workers=None, device="auto")
    assert (crew.workers, crew.gpus_per_worker, crew.device) == (4, 1, "cuda")
    shared = share_out(cluster(16, gpus=1), workers=2, device="cuda")
    assert shared.gpus_per_worker == 0.5


def test_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SettingsError, match="--device cuda"):
        share_out(cluster(8), workers=None, device="cuda")
