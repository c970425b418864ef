"""Ray Train, for work that is one function run by several processes that know each other.

The driver starts the workers, hears what they post, may ask them to stop, and begins again when
one is lost; the workers are ranks of torch.distributed (gloo on CPUs, NCCL on GPUs). What they
compute is not known here.
"""

import shutil
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.deaths import reason_of
from cluster.errors import ClusterError
from cluster.group import NOTES, Failure, Group, Heard, failure_of
from cluster.member import Started, Work
from cluster.reservations import give_back
from cluster.shares import Resources

ROOM_SECONDS = 45.0
"""How long a cluster that others may be using may take to have room for the workers."""
START_SECONDS = 300.0
"""How long the workers may take, in all, to be there: slow disks, machines under load."""
STOP_SECONDS = 600.0
"""How long they may take to end once they were asked to: a step, which may be a large network's on
a CPU, and a last checkpoint. Who cannot wait presses Ctrl-C again."""
FREE_SECONDS = 20.0
"""How long Ray may take to give back what killed workers held."""
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Lost:
    """The workers have ended too early, and are begun again."""

    reason: str
    """In one line."""


def run_workers(
    work: Work,
    argument: object,
    resources: Resources,
    *,
    storage: Path,
    should_stop: Callable[[], bool] = lambda: False,
    max_failures: int = 3,
) -> Generator[object, None, None]:
    """Run `work(member, argument)` in each worker, and yield what they post until all have ended.

    A Ray must be up. A worker that dies, or raises, ends them all; a `Lost` is yielded, and `work`
    is begun again in new ones, at most `max_failures` times: it must go on from what it has written
    down. When `should_stop` says so, workers are asked to end, and what they post until then is
    yielded too. However this ends, also with a caller that stops iterating, no worker is left, and
    what they held is free. `storage` is a folder that all machines see; Ray's notes there are
    removed at the end.

    Raises:
        ClusterError: the workers do not start, do not stop, or have failed too often.
    """
    for failures in count(1):
        life = _Life(should_stop)
        failure = yield from life.messages(work, argument, resources, storage.resolve())
        if failure is None:
            return
        if failure.is_for_want_of_room and failures == 1:
            raise ClusterError(
                f"the cluster had no room within {ROOM_SECONDS:.0f} s for {resources.workers} "
                f"workers of {resources.cpus:g} CPUs and {resources.gpus:g} GPUs: it is busy; "
                "wait, or ask for fewer --workers"
            )
        if failures > max_failures or life.was_asked_to_stop:
            raise ClusterError(f"the training's workers failed: {failure.reason}")
        yield Lost(failure.reason)


class _Life:
    """The workers from one start to their end, watched by the clock."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        # Beside the driver: then no other machine's end can take it away.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._group = Group.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]
        self._should_stop = should_stop
        self._began = time.monotonic()
        self._group_id: str | None = None
        self._are_there = False
        self._stop_by: float | None = None

    @property
    def was_asked_to_stop(self) -> bool:
        """Whether the workers were told to end."""
        return self._stop_by is not None

    def messages(
        self, work: Work, argument: object, resources: Resources, storage: Path
    ) -> Generator[object, None, Failure | None]:
        """What workers post, until all have ended; returns why, if that was too early."""
        try:
            begun = self._group.begin.remote(
                work, argument, resources, storage=storage, room_seconds=ROOM_SECONDS
            )
            self._group_id = self._answer(begun)
            while True:
                heard: Heard = self._answer(self._group.take.remote())
                for message in heard.messages:
                    if isinstance(message, Started):
                        self._are_there = True
                    else:
                        yield message
                if heard.has_ended:
                    return heard.failure
                self._watch()
                time.sleep(POLL_SECONDS)
        except (RayActorError, RayTaskError) as error:  # the group's own process
            return failure_of(error)
        except RayError as error:
            raise ClusterError(f"Ray failed: {reason_of(error)}") from error
        finally:
            ray.kill(self._group)
            if self._group_id is not None:
                with suppress(RayError):  # the cluster itself may be gone; the first error counts
                    give_back(self._group_id, within_seconds=FREE_SECONDS)
            shutil.rmtree(storage / NOTES, ignore_errors=True)

    def _answer(self, asked: Any) -> Any:
        """The group's answer; its process may take seconds to be there."""
        while not ray.wait([asked], timeout=POLL_SECONDS)[0]:
            self._watch()
        return ray.get(asked)

    def _watch(self) -> None:
        now = time.monotonic()
        if self._stop_by is None and self._should_stop():
            self._group.stop.remote()
            self._stop_by = now + STOP_SECONDS
        if not self._are_there and now - self._began > START_SECONDS:
            raise ClusterError(
                f"the workers were not there after {START_SECONDS:.0f} s: is the cluster too busy?"
            )
        if self._stop_by is not None and now > self._stop_by:
            raise ClusterError(
                f"the workers did not stop within {STOP_SECONDS:.0f} s; what they had saved is kept"
            )
