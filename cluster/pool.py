"""A bounded, fault-tolerant map over Ray actors; results come as they are done.

Why not Ray's own retries (`max_restarts`, `max_task_retries`): they count per actor, not per item,
so one bad item would use up the restarts of its innocent neighbours; and a restarted actor takes
calls before the worker is set up again. So actors here never restart. A dead one is replaced, and
what it had not finished is given to another, one item at a time: then the next death is certain to
be that item's own doing. Why not `ActorPool`: it queues without bound.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError

from cluster.actor import STATUS_GROUP, Event, ItemCopied, ItemRetried, Lost, Timed, Worker
from cluster.crew import Actor, Crew, Job
from cluster.deaths import LOSSES, reason_of, value_of
from cluster.errors import ClusterError
from cluster.pace import Patience
from cluster.tail import latest_job

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

_POLL_SECONDS = 1.0


def map_unordered(
    make_worker: Callable[[S], Worker[T, R]],
    items: Iterable[T],
    *,
    shared: S,
    workers: int,
    cpus_per_worker: float,
    gpus_per_worker: float = 0,
    resources: Mapping[str, float] | None = None,
    room: Callable[[], int] | None = None,
    versions: Mapping[str, str] | None = None,
    cost: Callable[[T], float] = lambda item: 1.0,
    in_flight_per_worker: int = 2,
    concurrency: int = 2,
    max_attempts: int = 3,
    patience: Patience | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Generator[tuple[int, R | Lost], None, None]:
    """Run every item through one of `workers` actors; yield (position, result) as each is done.

    Items are taken and dispatched in order, lazily: at most `workers * in_flight_per_worker` are
    taken and not yet yielded. Each actor holds `make_worker(shared)`, where `shared` travels once
    to each node; up to `concurrency` of its items run at once, in threads. As many actors as the
    cluster can hold take part, the rest join when there is room. Ray must be initialised
    (`cluster.session`). `on_event` is called in this process, between results.

    An item whose worker dies, or does not move for longer than `patience` allows, is tried again,
    elsewhere if there is an elsewhere. Where that happens `max_attempts` times, `Lost` is yielded
    in place of its result, and the others go on. When there is nothing new left to do, idle actors
    are given what others are late with (the first result counts), or are let go.

    When all is done the workers are closed. When the consumer stops early (closes the generator),
    or anything is raised, they are killed, and those waited for that are just coming up.

    Args:
        make_worker: makes what an actor runs; pickled by reference, as is `shared`'s type.
        items: what is to be done.
        shared: what every worker needs.
        workers: how many, at least at first.
        cpus_per_worker: what each takes of its machine.
        gpus_per_worker: the same, may be a fraction.
        resources: the same, of resources with names of their own.
        room: says how many workers the cluster could hold by now; asked every 10 seconds, so that
            machines that join get workers as well.
        versions: packages (name to version) that every machine must have.
        cost: what an item costs, in units of any kind; by it items are timed.
        in_flight_per_worker: items given to a worker at a time.
        concurrency: of which it does so many at once.
        max_attempts: deaths of workers that one item may cost.
        patience: how long what may take.
        on_event: is told of workers and items.

    Raises:
        ValueError: a number is out of range.
        ClusterError: no worker could be started in time, or no machine has the right versions.
        WorkerLostError: workers died while starting, `max_attempts * workers` times in a row.
        Exception: what `make_worker` or `setup` raised, as the type it was, where it did so on
            every machine; or what `process` raised, at once.
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
        "resources": dict(resources or {}),
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
            recipe=[ray.put(make_worker), ray.put(shared)],
            versions=versions or {},
            max_attempts=max_attempts,
            patience=patience or Patience(),
            on_event=notify,
            room=room,
        )
        crew.hire(workers)
        return crew

    return _Map[T, R](
        start_crew=start_crew,
        items=enumerate(items),
        cost=cost,
        most_per_actor=in_flight_per_worker,
        max_attempts=max_attempts,
        on_event=notify,
    ).run()


@dataclass(eq=False, kw_only=True)
class _Map(Generic[T, R]):
    """The state of one map. An open item is in the backlog, or suspect, or in flight."""

    start_crew: Callable[[], Crew]
    items: Iterator[tuple[int, T]]
    cost: Callable[[T], float]
    most_per_actor: int
    max_attempts: int
    on_event: Callable[[Event], None]
    open: int = 0
    """Items taken from the iterator and not yet yielded."""
    backlog: deque[Job] = field(default_factory=deque)
    suspects: deque[Job] = field(default_factory=deque)
    """Items that were in flight to an actor that died."""
    in_flight: dict[Any, tuple[Actor, Job]] = field(default_factory=dict)
    """Calls under way, those among them that are copies, too."""
    exhausted: bool = False
    closed: deque[tuple[int, R | Lost]] = field(default_factory=deque)
    """What is done and can be yielded."""

    def run(self) -> Generator[tuple[int, R | Lost], None, None]:
        crew = self.start_crew()
        try:
            self._take(crew)
            while self.open or not self.exhausted:
                self._dispatch(crew)
                self._collect(crew)
                crew.listening.pause()
                while self.closed:
                    yield self.closed.popleft()
                self._take(crew)
                crew.listening.go_on()
                self._staff(crew)
            crew.close()
        except RayError as error:  # a full disk, or a cluster that is gone
            raise ClusterError(f"Ray failed: {reason_of(error)}") from error
        finally:
            crew.kill()

    def _may_take(self, crew: Crew) -> bool:
        return not self.exhausted and self.open < crew.size * self.most_per_actor

    def _take(self, crew: Crew) -> None:
        """Take one item from the iterator. One only: results must not wait while items are read."""
        if not self._may_take(crew):
            return
        try:
            position, item = next(self.items)
        except StopIteration:
            self.exhausted = True
        else:
            self.open += 1
            job = Job(position=position, item=ray.put(item), cost=self.cost(item))
            self.backlog.append(job)

    def _staff(self, crew: Crew) -> None:
        """Replace who is lost; at the end keep one for each item left, and one for its copy."""
        crew.hire(self.open if self.exhausted else crew.size)
        if self.exhausted and not self.backlog and not self.suspects:
            crew.release_idle(2 * self.open)

    def _dispatch(self, crew: Crew) -> None:
        idlest_first = sorted((a for a in crew.actors if a.ready), key=lambda a: len(a.jobs))
        expected = sum(actor.expected for actor in crew.actors)
        for actor in idlest_first:
            while (job := self._choose(actor, crew, expected)) is not None:
                call = actor.begin(job, crew.listening.now())
                self.in_flight[call] = (actor, job)

    def _choose(self, actor: Actor, crew: Crew, expected: int) -> Job | None:
        """Choose the next item for this actor, where `expected` others will soon want some too.

        A suspect runs alone, and needs an idle actor: where none is expected, new items wait until
        one has become idle. An actor fills up only when every other has something to do.
        """
        suspects = [job for job in self.suspects if crew.may_retry(job, actor)]
        if suspects and not actor.jobs:
            self.suspects.remove(suspects[0])
            return suspects[0]
        if actor.quarantined or len(suspects) > expected:
            return None
        if not self.backlog:
            return self._copy_for(actor, crew)
        room = 1 if expected else self.most_per_actor
        return self.backlog.popleft() if len(actor.jobs) < room else None

    def _copy_for(self, actor: Actor, crew: Crew) -> Job | None:
        if actor.jobs or not self.exhausted or self.suspects:
            return None
        job = latest_job(crew, actor)
        if job is not None:
            self.on_event(ItemCopied(job.position))
        return job

    def _collect(self, crew: Crew) -> None:
        """Wait, but not for long, until one call has ended, and see to how it did."""
        crew.ask_status()
        calls = [*crew.calls(), *self.in_flight]
        timeout = 0 if self._may_take(crew) else _POLL_SECONDS
        ready, _ = ray.wait(calls, num_returns=1, timeout=timeout) if calls else ([], [])
        if not ready:
            crew.check_room()
        elif (ref := ready[0]) in self.in_flight:
            self._settle(ref, crew)
        else:
            crew.hear(ref)
        for actor, reason in crew.stalled():
            self._give_up(actor, crew, reason)

    def _settle(self, ref: Any, crew: Crew) -> None:
        actor, job = self.in_flight.pop(ref)
        actor.end(job)
        try:
            timed: Timed = value_of(ref)
        except LOSSES as error:  # each call to a dead actor comes here by itself
            crew.bury(actor, error)
            self._lose(actor, job, reason_of(error))
            return
        except Exception:
            if not job.done:
                raise
            return
        crew.note_done(actor, job, timed.seconds)
        if not job.done:
            self._close(job, timed.result)

    def _give_up(self, actor: Actor, crew: Crew, reason: str) -> None:
        """Replace an actor that does not move; its calls may never end, and are not waited for."""
        crew.bury(actor, reason)
        for ref, (other, job) in list(self.in_flight.items()):
            if other is actor:
                del self.in_flight[ref]
                actor.end(job)
                self._lose(actor, job, reason)

    def _lose(self, actor: Actor, job: Job, reason: str) -> None:
        """Put an item back whose actor is lost, unless it is done or under way elsewhere."""
        job.deaths += 1
        job.nodes.add(actor.node)
        if job.done or job.copies:
            return
        if job.deaths >= self.max_attempts:
            self._close(job, Lost(job.deaths, reason))
            return
        self.suspects.append(job)
        self.on_event(ItemRetried(job.position, job.deaths, reason))

    def _close(self, job: Job, result: R | Lost) -> None:
        job.done = True
        self.open -= 1
        self.closed.append((job.position, result))
