"""A bounded, fault-tolerant map over Ray actors; results come as they are done.

Why not Ray's own retries (`max_restarts`, `max_task_retries`): they count per actor, not per item,
so one bad item would use up the restarts of its innocent neighbours; and a restarted actor takes
calls before the worker is set up again. So actors here never restart. A dead one is replaced, and
what it had not finished is given to another, one item at a time: then the next death is certain to
be that item's own doing. Why not `ActorPool`: it queues without bound.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from cluster.actor import STATUS_GROUP, Event, ItemRetried, Worker
from cluster.crew import Actor, Crew, Job
from cluster.deaths import LOSSES, original, reason_of
from cluster.errors import ClusterError, PoisonItemError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

SCHEDULE_SECONDS = 60.0
"""How long the cluster may take to start the first worker."""
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
        WorkerLostError: workers died while starting, `max_attempts * workers` times in a row.
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
        "concurrency_groups": {STATUS_GROUP: 1},
        "max_restarts": 0,
        "max_task_retries": 0,
        "scheduling_strategy": "SPREAD",
    }
    notify = on_event or (lambda event: None)

    def start_crew() -> Crew:
        crew = Crew(
            size=workers,
            options=actor_options,
            recipe=(ray.put(make_worker), ray.put(shared)),
            max_attempts=max_attempts,
            schedule_seconds=schedule_seconds,
            on_event=notify,
        )
        crew.hire()
        return crew

    return _Map[T, R](
        start_crew=start_crew,
        items=enumerate(items),
        most=workers * in_flight_per_worker,
        most_per_actor=in_flight_per_worker,
        max_attempts=max_attempts,
        on_event=notify,
    ).run()


@dataclass(eq=False, kw_only=True)
class _Map(Generic[T, R]):
    """The state of one map. An item is in the backlog, or suspect, or in flight to one actor."""

    start_crew: Callable[[], Crew]
    items: Iterator[tuple[int, T]]
    most: int
    """Items taken from the iterator and not yet yielded."""
    most_per_actor: int
    max_attempts: int
    on_event: Callable[[Event], None]
    backlog: deque[Job] = field(default_factory=deque)
    suspects: deque[Job] = field(default_factory=deque)
    """Items that were in flight to an actor that died."""
    in_flight: dict[Any, tuple[Actor, Job]] = field(default_factory=dict)
    exhausted: bool = False
    failure: PoisonItemError | None = None
    """Once it is set, what is in flight is finished, and nothing is begun."""

    def run(self) -> Generator[tuple[int, R], None, None]:
        crew = self.start_crew()
        try:
            self._take()
            while self._unfinished():
                self._dispatch(crew)
                yield from self._collect(crew)
                if self.failure is None:
                    crew.hire()
                    self._take()
            if self.failure is not None:
                raise self.failure
            crew.close()
        finally:
            crew.kill()

    def _unfinished(self) -> bool:
        if self.failure is not None:
            return bool(self.in_flight)
        return self._outstanding() > 0 or not self.exhausted

    def _outstanding(self) -> int:
        return len(self.in_flight) + len(self.backlog) + len(self.suspects)

    def _may_take(self) -> bool:
        return self.failure is None and not self.exhausted and self._outstanding() < self.most

    def _take(self) -> None:
        """Take one item from the iterator. One only: results must not wait while items are read."""
        if not self._may_take():
            return
        try:
            position, item = next(self.items)
        except StopIteration:
            self.exhausted = True
        else:
            self.backlog.append(Job(position=position, item=ray.put(item)))

    def _dispatch(self, crew: Crew) -> None:
        if self.failure is not None:
            return
        idlest_first = sorted((a for a in crew.actors if a.ready), key=lambda a: len(a.jobs))
        expected = sum(actor.expected for actor in crew.actors)
        for actor in idlest_first:
            while (job := self._choose(actor, expected)) is not None:
                job.attempts += 1
                actor.jobs.append(job)
                self.in_flight[actor.handle.process.remote(job.item)] = (actor, job)

    def _choose(self, actor: Actor, expected: int) -> Job | None:
        """Choose the next item for this actor, where `expected` others will soon want some too.

        A suspect runs alone, and needs an idle actor: where none is expected, new items wait until
        one has become idle. An actor fills up only when every other has something to do.
        """
        if self.suspects and not actor.jobs:
            return self.suspects.popleft()
        if not self.backlog or actor.quarantined or len(self.suspects) > expected:
            return None
        room = 1 if expected else self.most_per_actor
        return self.backlog.popleft() if len(actor.jobs) < room else None

    def _collect(self, crew: Crew) -> Iterator[tuple[int, R]]:
        """Wait, but not for long, until one call has ended, and see to how it did."""
        crew.ask_status()
        calls = [*crew.calls(), *self.in_flight]
        timeout = 0 if self._may_take() else _POLL_SECONDS
        ready, _ = ray.wait(calls, num_returns=1, timeout=timeout)
        if not ready:
            crew.check_room()
            return
        if (ref := ready[0]) in self.in_flight:
            yield from self._settle(ref, crew)
            return
        actor, note = crew.take(ref)
        try:
            note(actor, _value(ref))
        except LOSSES as error:
            crew.bury(actor, reason_of(error))

    def _settle(self, ref: Any, crew: Crew) -> Iterator[tuple[int, R]]:
        actor, job = self.in_flight.pop(ref)
        actor.jobs.remove(job)
        try:
            result: R = _value(ref)
        except LOSSES as error:  # each call to a dead actor comes here by itself
            crew.bury(actor, reason_of(error))
            self._retry(job, reason_of(error))
        else:
            yield job.position, result

    def _retry(self, job: Job, reason: str) -> None:
        if self.failure is not None:
            return
        if job.attempts >= self.max_attempts:
            self.failure = PoisonItemError(
                position=job.position, attempts=job.attempts, reason=reason
            )
            return
        self.suspects.append(job)
        self.on_event(ItemRetried(job.position, job.attempts, reason))


def _value(ref: Any) -> Any:
    """Get a result; raise one of LOSSES, or what the worker raised, or ClusterError."""
    try:
        return ray.get(ref)
    except RayTaskError as error:
        raise original(error) from error
    except LOSSES:
        raise
    except RayError as error:
        raise ClusterError(f"Ray failed: {reason_of(error)}") from error
