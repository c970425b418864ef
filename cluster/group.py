"""One life of a group of workers: an actor that runs Ray Train and is the workers' letter box.

All that Ray Train makes (workers, their placement group, a barrier) belongs to this actor, because
its controller runs within it. Ray ends the actors that a dead one owned: to kill it is to end all.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from cluster.deaths import last_line, reason_of
from cluster.member import Work
from cluster.shares import Resources

NOTES = ".ray-train"
"""The folder of Ray Train's notes within the storage."""
_SETTINGS = {
    # How often the controller looks after its workers, seconds. With Ray's 2 s, a training's end,
    # and each failure, take 2 s longer.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    # A process more, whose warnings of a machine's end no worker here reads.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    # How long a farewell of torch.distributed may take, seconds. After a death it never comes, and
    # Ray's 30 s would be lost.
    "TORCH_PROCESS_GROUP_SHUTDOWN_TIMEOUT_S": "3",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a group has ended too early."""

    reason: str
    """In one line."""
    is_for_want_of_room: bool
    """No worker was started: the cluster's resources are in use."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a group has to say since it was last asked."""

    messages: list[object]
    has_ended: bool
    failure: Failure | None


@ray.remote(num_cpus=0)
class Group:
    """Runs workers once; what they post is kept until it is taken."""

    def __init__(self) -> None:
        self._messages: list[object] = []
        self._is_stopped = self._has_ended = False
        self._failure: Failure | None = None

    def begin(
        self,
        work: Work,
        argument: object,
        resources: Resources,
        *,
        storage: Path,
        room_seconds: float,
    ) -> str:
        """Start the workers, without waiting; returns this actor's id, in hex.

        They may take `room_seconds` to find room.
        """
        os.environ.update({name: os.environ.get(name, value) for name, value in _SETTINGS.items()})
        os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = str(room_seconds)
        config = {
            "work": work,
            "argument": argument,
            "group": ray.get_runtime_context().current_actor,
        }
        threading.Thread(target=self._fit, args=(config, resources, storage), daemon=True).start()
        return str(ray.get_runtime_context().get_actor_id())

    def post(self, message: object) -> None:
        """Keep a worker's message."""
        self._messages.append(message)

    def take(self) -> Heard:
        """All messages since the last time."""
        # In this order: who has ended has posted before.
        has_ended = self._has_ended
        messages, self._messages = self._messages, []
        return Heard(messages, has_ended, self._failure)

    def stop(self) -> None:
        """Ask the workers for an end."""
        self._is_stopped = True

    def is_stopped(self) -> bool:
        """Whether they were asked."""
        return self._is_stopped

    def _fit(self, config: dict[str, Any], resources: Resources, storage: Path) -> None:
        try:
            from cluster.ray_train import trainer_of  # noqa: PLC0415 - 1 s, which the driver saves

            trainer_of(config, resources, storage=storage, name=NOTES).fit()
        except BaseException as error:  # told to the driver
            self._failure = failure_of(error)
        self._has_ended = True


def failure_of(error: BaseException) -> Failure:
    """What ended the workers: the first death, or else the first error."""
    failures = list((getattr(error, "worker_failures", None) or {0: error}).values())
    causes = [list(_causes(failure)) for failure in failures]
    deaths = [each for chain in causes for each in chain if isinstance(each, RayActorError)]
    if deaths:
        return Failure(f"a worker died: {reason_of(deaths[0])}", is_for_want_of_room=False)
    last = causes[0][-1]
    return Failure(
        last_line(last),
        is_for_want_of_room=type(last).__name__ == "WorkerGroupStartupTimeoutError",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what is wrapped in it, from the outside in."""
    found: object = error
    while isinstance(found, BaseException):
        yield found
        inner = getattr(found, "controller_failure", None)  # Ray Train's wrappers
        inner = inner or getattr(found, "health_check_failure", None)
        inner = inner or (found.cause if isinstance(found, RayTaskError) else None)
        found = inner or found.__cause__
