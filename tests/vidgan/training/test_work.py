"""A worker's part of a training: what it may take of its machine."""

import pytest

from cyclegan.team import Alone
from vidgan.training.work import ranks_here


class Eight(Alone):
    """One of eight."""

    rank = 3
    size = 8


def test_a_machines_memory_is_shared_by_its_own_ranks_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert (ranks_here(Eight()), ranks_here(Alone())) == (8, 1)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")  # as Ray Train sets it, and launchers of clusters
    assert (ranks_here(Eight()), ranks_here(Alone())) == (2, 1)
