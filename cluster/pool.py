"""A bounded, fault-tolerant map over Ray actors; results come as they are done.

Why not Ray's own retries (`max_restarts`, `max_task_retries`): they count per actor, not per item,
so one bad item would use up the restarts of its innocent neighbours; and a restarted actor takes
calls before the worker is set up again. So actors here never restart. A dead one is replaced, and
what it had not finished is given to another, one item at a time: then the next death is certain to
be that item's own doing. Why not `ActorPool`: it queues without bound.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from cluster.actor import Event, Host, ItemRetried, Place, Worker, WorkerLost, WorkerStarted
from cluster.deaths import LOSSES, original, reason_of
from cluster.errors import ClusterError, PoisonItemError, WorkerLostError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

SCHEDULE_SECONDS = 60.0
"""How long the cluster may take to start the first worker."""
_EXPECTED_SECONDS = 15.0
"""A worker that started less than this ago will soon want items: don't hand out its share."""
_CLOSE_SECONDS = 10.0
_POLL_SECONDS = 1.0


def map_unordered(
    make_worker: Callable[[S], Worker[T, R]],
    items: Iterable[T],
    *,
    shared: S,
    workers: int,
    cpus_per_worker: float,
    gpus_per_worker: float = 0,
    in_flight_per_worker: int = 2,
    concurrency: int = 2,
    max_attempts: int = 3,
    schedule_seconds: float = SCHEDULE_SECONDS,
    on_event: Callable[[Event], None] | None = None,
) -> Generator[tuple[int, R], None, None]:
    """Run every item through one of `workers` actors; yield (position, result) as each is done.

    Items are taken and dispatched in order, lazily: at most `workers * in_flight_per_worker` are
    taken and not yet yielded. Each actor holds `make_worker(shared)`, where `shared` travels once
    to each node; up to `concurrency` of its items run at once, in threads. As many actors as the
    cluster can hold take part, the rest join when there is room. Ray must be initialised
    (`cluster.session`). `on_event` is called in this process, between results.

    When all is done the workers are closed. When the consumer stops early (closes the generator),
    or anything is raised, they are killed at once.

    Raises:
        ValueError: a number is out of range.
        ClusterError: no worker could be started within `schedule_seconds`.
        WorkerLostError: workers died while starting, `max_attempts` times in a row.
        PoisonItemError: an item lost its worker at each of `max_attempts` attempts. What the other
            workers had in flight is yielded before.
        Exception: what `make_worker`, `setup` or `process` raised, as the type it was, at once.
    """
    for name, number in {
        "workers": workers,
        "in_flight_per_worker": in_flight_per_worker,
        "concurrency": concurrency,
        "max_attempts": max_attempts,
    }.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    actor_options = {
        "num_cpus": cpus_per_worker,
        "num_gpus": gpus_per_worker,
        "max_concurrency": concurrency,
        "max_restarts": 0,
        "max_task_retries": 0,
        "scheduling_strategy": "SPREAD",
    }
    return _Map(
        recipe=(make_worker, shared),
        items=enumerate(items),
        workers=workers,
        in_flight=in_flight_per_worker,
        max_attempts=max_attempts,
        schedule_seconds=schedule_seconds,
        options=actor_options,
        on_event=on_event or (lambda event: None),
    ).run()


@dataclass(eq=False, slots=True)
class _Job:
    """One item, held in the object store until its result is there."""

    position: int
    item: Any
    attempts: int = 0


@dataclass(eq=False, slots=True)
class _Actor:
    """What the driver knows of one actor."""

    handle: Any
    spawned: float
    place: Place | None = None
    ready: bool = False
    jobs: list[_Job] = field(default_factory=list)

    @property
    def quarantined(self) -> bool:
        """It runs an item that may have killed a worker before, and must run it alone."""
        return any(job.attempts > 1 for job in self.jobs)


@dataclass(eq=False, kw_only=True)
class _Map(Generic[S, T, R]):
    """The state of one map: every object reference in flight belongs to one actor."""

    recipe: tuple[Callable[[S], Worker[T, R]], S]
    items: Iterator[tuple[int, T]]
    workers: int
    in_flight: int
    max_attempts: int
    schedule_seconds: float
    options: dict[str, Any]
    on_event: Callable[[Event], None]
    actors: list[_Actor] = field(default_factory=list)
    pending: dict[Any, tuple[_Actor, _Job | None]] = field(default_factory=dict)
    backlog: deque[_Job] = field(default_factory=deque)
    suspects: deque[_Job] = field(default_factory=deque)
    exhausted: bool = False
    starts_failed: int = 0
    failure: PoisonItemError | None = None
    recipe_refs: tuple[Any, ...] = ()
    """`recipe` in the object store: put there once, fetched once by each node."""

    def run(self) -> Generator[tuple[int, R], None, None]:
        try:
            self.recipe_refs = tuple(ray.put(part) for part in self.recipe)
            for _ in range(self.workers):
                self._spawn()
            self._take()
            while self._unfinished():
                self._dispatch()
                if (ref := self._next_ready()) is not None:
                    yield from self._settle(ref)
                if self.failure is None:
                    self._take()
            if self.failure is not None:
                raise self.failure
            self._close_workers()
        finally:
            self._kill_workers()

    def _unfinished(self) -> bool:
        if self.failure is not None:  # finish what is in flight, start nothing
            return any(job is not None for _, job in self.pending.values())
        return self._outstanding() > 0 or not self.exhausted

    def _outstanding(self) -> int:
        in_flight = sum(job is not None for _, job in self.pending.values())
        return in_flight + len(self.backlog) + len(self.suspects)

    def _may_take(self) -> bool:
        return not self.exhausted and self._outstanding() < self.workers * self.in_flight

    def _take(self) -> None:
        """Take one item from the iterator. One only: results must not wait while items are read."""
        if not self._may_take():
            return
        try:
            position, item = next(self.items)
        except StopIteration:
            self.exhausted = True
        else:
            self.backlog.append(_Job(position=position, item=ray.put(item)))

    # Starting workers

    def _spawn(self) -> None:
        handle = ray.remote(**self.options)(Host).remote()
        actor = _Actor(handle=handle, spawned=time.monotonic())
        self.actors.append(actor)
        self.pending[actor.handle.place.remote()] = (actor, None)

    def _advance(self, actor: _Actor, place: Place | None) -> None:
        """An actor answered: first where it is, then (None) that its worker is set up."""
        if place is not None:
            actor.place = place
            self.pending[actor.handle.setup.remote(*self.recipe_refs)] = (actor, None)
            return
        assert actor.place is not None
        actor.ready = True
        self.starts_failed = 0
        self.on_event(WorkerStarted(actor.place))

    # Dispatching

    def _dispatch(self) -> None:
        if self.failure is not None:
            return
        idlest_first = sorted((a for a in self.actors if a.ready), key=lambda a: len(a.jobs))
        for actor in idlest_first:
            while (job := self._choose(actor)) is not None:
                job.attempts += 1
                actor.jobs.append(job)
                self.pending[actor.handle.process.remote(job.item)] = (actor, job)

    def _choose(self, actor: _Actor) -> _Job | None:
        """The next item for this actor: a suspect runs alone, others share."""
        starting = [a for a in self.actors if not a.ready]
        if self.suspects and not actor.jobs:
            return self.suspects.popleft()
        if not self.backlog or actor.quarantined or len(self.suspects) > len(starting):
            return None
        now = time.monotonic()
        share = any(now - other.spawned < _EXPECTED_SECONDS for other in starting)
        room = 1 if share else self.in_flight
        return self.backlog.popleft() if len(actor.jobs) < room else None

    # Collecting

    def _next_ready(self) -> Any | None:
        timeout = 0 if self.failure is None and self._may_take() else _POLL_SECONDS
        ready, _ = ray.wait(list(self.pending), num_returns=1, timeout=timeout)
        if not ready:
            self._check_scheduled()
            return None
        return ready[0]

    def _settle(self, ref: Any) -> Iterator[tuple[int, R]]:
        actor, job = self.pending.pop(ref)
        try:
            value = ray.get(ref)
        except RayTaskError as error:
            raise original(error) from error
        except LOSSES as error:
            self._lose(actor, job, reason_of(error))
            return
        except RayError as error:
            raise ClusterError(f"Ray failed: {reason_of(error)}") from error
        if job is None:
            self._advance(actor, value)
            return
        actor.jobs.remove(job)
        yield job.position, value

    def _lose(self, actor: _Actor, job: _Job | None, reason: str) -> None:
        """Every reference of a dead actor comes here by itself; the first replaces the actor."""
        if actor in self.actors:
            self._bury(actor, reason)
        if job is None or self.failure is not None:
            return
        if job.attempts >= self.max_attempts:
            self.failure = PoisonItemError(
                position=job.position, attempts=job.attempts, reason=reason
            )
            return
        self.suspects.append(job)
        self.on_event(ItemRetried(job.position, job.attempts, reason))

    def _bury(self, actor: _Actor, reason: str) -> None:
        self.actors.remove(actor)
        ray.kill(actor.handle)  # where Ray only lost sight of it, two must not do the same work
        self.on_event(WorkerLost(actor.place, reason))
        if not actor.ready:
            self.starts_failed += 1
            if self.starts_failed >= self.max_attempts:
                raise WorkerLostError(
                    f"workers died while starting, {self.starts_failed} times in a row, "
                    f"the last time: {reason}"
                )
        if self.failure is None:
            self._spawn()

    def _check_scheduled(self) -> None:
        """Give up where not one worker process came up in the time allowed."""
        newest = max((actor.spawned for actor in self.actors), default=time.monotonic())
        waited = time.monotonic() - newest
        if waited < self.schedule_seconds or any(actor.place for actor in self.actors):
            return
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        raise ClusterError(
            f"no worker could be started within {self.schedule_seconds:.0f} s: each needs "
            f"{self.options['num_cpus']:g} CPUs and {self.options['num_gpus']:g} GPUs on one "
            f"machine; the cluster has {total.get('CPU', 0):g} CPUs ({free.get('CPU', 0):g} free) "
            f"and {total.get('GPU', 0):g} GPUs ({free.get('GPU', 0):g} free)"
        )

    # Ending

    def _close_workers(self) -> None:
        closing = [actor.handle.close.remote() for actor in self.actors if actor.ready]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)

    def _kill_workers(self) -> None:
        if ray.is_initialized():  # else the session ended first, and its workers with it
            for actor in self.actors:
                ray.kill(actor.handle)
        self.pending.clear()
