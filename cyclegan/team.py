"""The processes of one training, as the training sees them: who am I, and what do we all know.

`Alone` is a single process; `Distributed` is a rank of torch.distributed, whoever launched it.
"""

from typing import Protocol, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


class Team(Protocol):
    """What a training asks of its processes; all of them must make the same calls in order."""

    @property
    def rank(self) -> int:
        """This process's number, from 0."""

    @property
    def size(self) -> int:
        """How many processes there are."""

    def agree(self, number: int) -> int:
        """Rank 0's number, in every process."""

    def gather(self, value: T) -> list[T]:
        """Everybody's value by rank, in rank 0; empty elsewhere."""

    def share(self, value: T) -> T:
        """Rank 0's value, in every process."""


class Alone:
    """A training in one process."""

    rank = 0
    size = 1

    def agree(self, number: int) -> int:
        """The number."""
        return number

    def gather(self, value: T) -> list[T]:
        """The value, in a list."""
        return [value]

    def share(self, value: T) -> T:
        """The value."""
        return value


class Distributed:
    """A rank of torch.distributed's default group, which must be up.

    What is said here goes over a gloo group of its own, so that with NCCL it neither passes
    through the GPUs nor waits for them.
    """

    def __init__(self) -> None:
        self._rank, self._size = dist.get_rank(), dist.get_world_size()
        group = dist.new_group(backend="gloo")
        assert isinstance(group, dist.ProcessGroup)  # else this rank would not be of it
        self._group = group

    @property
    def rank(self) -> int:
        """This process's number, from 0."""
        return self._rank

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self._size

    def agree(self, number: int) -> int:
        """Rank 0's number, in every process."""
        told = torch.tensor(number)
        dist.broadcast(told, src=0, group=self._group)
        return int(told)

    def gather(self, value: T) -> list[T]:
        """Everybody's value by rank, in rank 0; empty elsewhere."""
        gathered: list[T | None] | None = [None] * self._size if self._rank == 0 else None
        dist.gather_object(value, gathered, dst=0, group=self._group)
        return [each for each in gathered or [] if each is not None]

    def share(self, value: T) -> T:
        """Rank 0's value, in every process."""
        told = [value]
        dist.broadcast_object_list(told, src=0, group=self._group)
        return told[0]
