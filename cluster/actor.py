"""The two sides of an actor: what a worker must offer, and what the driver hears about it."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import ray

from cluster.versions import check_versions

STATUS_GROUP = "status"
"""Ray's name for the thread that answers while items run."""

T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Worker(Protocol[T_contra, R_co]):
    """The job an actor does. It is built, set up and used in the actor's process only."""

    def setup(self) -> None:
        """Load what is expensive. What it raises on every machine ends the whole map."""

    def process(self, item: T_contra) -> R_co:
        """Do one item; called from several threads at once, locking is the worker's business."""

    def status(self) -> object:
        """Say how far its items are; called about once a second, while others run."""

    def close(self) -> None:
        """Let go of everything; also called after a `setup` that failed half-way."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker runs."""

    pid: int
    node: str
    """Ray's node id, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker process is set up and takes items."""

    place: Place


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """A worker died, or was given up; `place` is None where it had not said where it was."""

    place: Place | None
    reason: str


@dataclass(frozen=True, slots=True)
class ItemRetried:
    """An item whose worker died was put back; `attempts` have been made so far."""

    position: int
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class ItemCopied:
    """An item that is late was given to an idle worker, too; the first result counts."""

    position: int


@dataclass(frozen=True, slots=True)
class WorkerReleased:
    """A worker was let go: there is nothing left that it could do."""

    place: Place | None


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker says of how far it is."""

    place: Place
    status: Any


Event = WorkerStarted | WorkerLost | WorkerReleased | ItemRetried | ItemCopied | WorkerStatus


@dataclass(frozen=True, slots=True)
class Lost:
    """What comes in place of a result: every worker that was given the item died of it."""

    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Timed:
    """A result, and how long it was worked for."""

    result: Any
    seconds: float
    """Since the actor ended the item before, or since it began this one, whichever was later."""


class Host:
    """What runs inside a Ray actor: it makes the worker and passes calls on to it.

    Its constructor does nothing, so that every error comes out of a method call as itself; an
    error in an actor's constructor would arrive as the death of the actor.
    """

    def __init__(self) -> None:
        """Do nothing that can fail."""
        self._worker: Worker[Any, Any] | None = None
        self._ended = 0.0

    def place(self) -> Place:
        """Answer as soon as the process is up."""
        return Place(pid=os.getpid(), node=ray.get_runtime_context().get_node_id())

    def setup(self, versions: Mapping[str, str], recipe: list[Any]) -> Place:
        """Make the worker and set it up, then answer; close it again if that fails.

        `recipe` refers to `make_worker` and `shared`, which are read only when `versions` are
        found to be the same here: else they could not even be unpickled.
        """
        check_versions(versions)
        make_worker: Callable[[Any], Worker[Any, Any]]
        make_worker, shared = ray.get(recipe)
        worker = make_worker(shared)
        try:
            worker.setup()
        except BaseException:
            worker.close()
            raise
        self._worker = worker
        return self.place()

    def process(self, item: Any) -> Timed:
        """Run one item; the driver calls this only after `setup` has answered."""
        assert self._worker is not None
        began = time.monotonic()
        result = self._worker.process(item)
        ended, before = time.monotonic(), self._ended
        self._ended = ended
        return Timed(result, ended - max(began, before))

    @ray.method(concurrency_group=STATUS_GROUP)
    def status(self) -> Any:
        """Ask the worker how far it is, in a thread of its own."""
        assert self._worker is not None
        return self._worker.status()

    def close(self) -> None:
        """Close the worker."""
        assert self._worker is not None
        self._worker.close()
