"""The actors of one map: hired, heard, replaced when they die or do not move, let go at the end."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import ray

from cluster.actor import (
    Event,
    Host,
    Place,
    WorkerLost,
    WorkerReleased,
    WorkerStarted,
    WorkerStatus,
)
from cluster.deaths import LOSSES, last_line, never_began, reason_of, value_of
from cluster.errors import ClusterError, WorkerLostError
from cluster.listening import Listening
from cluster.pace import Pace, Patience
from cluster.session import describe

_EXPECTED_SECONDS = 15.0
"""An actor asked for less than this ago is likely to come; one asked for earlier may never fit."""
_CLOSE_SECONDS = 10.0
_ARRIVAL_SECONDS = 5.0
_STATUS_SECONDS = 1.0
_ROOM_SECONDS = 10.0
_LONGEST_PAUSE = 30.0
"""Between the deaths of workers while they start and the hiring of new ones."""


@dataclass(eq=False, slots=True)
class Job:
    """One item, held in the object store until its result is there."""

    position: int
    item: Any
    cost: float
    deaths: int = 0
    """Workers that it was with when they died."""
    nodes: set[str] = field(default_factory=set)
    """Where they were."""
    copies: int = 0
    """Actors that have it now."""
    done: bool = False


@dataclass(eq=False, slots=True)
class Actor:
    """What the driver knows of one actor. It `moved` and `began` in the driver's `Listening`."""

    handle: Any
    asked_for: float
    """By `time.monotonic`."""
    place: Place | None = None
    ready: bool = False
    jobs: list[Job] = field(default_factory=list)
    moved: float = 0.0
    """When it last gave a sign."""
    began: float = 0.0
    """When it turned to the first of its jobs."""
    status: Any = None
    pace: Pace = field(default_factory=Pace)

    @property
    def quarantined(self) -> bool:
        """It runs an item that may have killed a worker before, and must run it alone."""
        return any(job.deaths for job in self.jobs)

    @property
    def expected(self) -> bool:
        """It is not ready, but soon will be."""
        return not self.ready and (self.place is not None or self.arrives)

    @property
    def arrives(self) -> bool:
        """Its process may be on its way up.

        To be waited for before it is killed: on a busy machine Ray has been seen to lose an actor
        that it was just about to give a process, and with it a CPU for as long as it ran.
        """
        return self.place is None and time.monotonic() - self.asked_for < _EXPECTED_SECONDS

    @property
    def node(self) -> str:
        """Where it is; empty as long as it has not said so."""
        return self.place.node if self.place else ""

    def begin(self, job: Job, now: float) -> Any:
        """Give it a job; gives back the call."""
        if not self.jobs:
            self.began = self.moved = now
        job.copies += 1
        self.jobs.append(job)
        return self.handle.process.remote(job.item)

    def end(self, job: Job) -> None:
        """A call has ended, or never will."""
        job.copies -= 1
        self.jobs.remove(job)

    def note_done(self, now: float) -> None:
        """A job is done; it has ended already."""
        self.began = self.moved = now


@dataclass(eq=False, kw_only=True)
class Crew:
    """Up to `size` actors; those that the cluster has no room for stay asked for."""

    size: int
    options: dict[str, Any]
    """As `ray.remote` takes them."""
    recipe: list[Any]
    """What `Host.setup` is given; object references, so that each node fetches them once."""
    versions: Mapping[str, str]
    """Packages that each machine must have."""
    max_attempts: int
    patience: Patience
    on_event: Callable[[Event], None]
    room: Callable[[], int] | None
    """How many workers the cluster could hold by now."""
    actors: list[Actor] = field(default_factory=list)
    arriving: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way for the place of an actor: that its process is up is known by the answer."""
    starting: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way to set an actor up. Both are made at once: no answer waits for the driver."""
    asking: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way for the status of busy actors."""
    leaving: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way to close actors that were let go."""
    unwanted: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way for the place of actors that were let go before they had one."""
    pace: Pace = field(default_factory=Pace)
    """Of all together."""
    listening: Listening = field(default_factory=Listening)
    proven: bool = False
    """Some machine can do the work: a worker has been ready."""
    unfit: int = 0
    """Places in the crew that stay empty: the machine there cannot do the work."""
    deaths_at_start: int = 0
    hire_after: float = 0.0
    asked_at: float = 0.0
    looked_at: float = field(default_factory=time.monotonic)

    def hire(self, wanted: int) -> None:
        """Ask for as many actors as are missing of those `wanted` and those there may be."""
        self._grow()
        if time.monotonic() < self.hire_after:
            return
        while len(self.actors) < min(self.size - self.unfit, wanted):
            handle: Any = ray.remote(**self.options)(Host).remote()
            actor = Actor(handle=handle, asked_for=time.monotonic())
            self.actors.append(actor)
            self.arriving[handle.place.remote()] = actor
            self.starting[handle.setup.remote(self.versions, self.recipe)] = actor

    def _grow(self) -> None:
        """Look now and then whether machines have joined."""
        now = time.monotonic()
        if self.room is None or now - self.looked_at < _ROOM_SECONDS:
            return
        self.looked_at = now
        if (room := self.room()) > self.size:
            self.size = room
            self.unfit = 0  # the new machine may be fit, and Ray does not say which it will take

    def calls(self) -> list[Any]:
        """All calls under way that are no items."""
        return [*self.arriving, *self.starting, *self.asking, *self.leaving, *self.unwanted]

    def hear(self, ref: Any) -> None:
        """See to a call that has ended and is no item.

        Raises:
            WorkerLostError: one death too many among starting workers.
            Exception: what kept a worker from being set up, where no other is left.
        """
        for calls, note in (
            (self.arriving, self._note_place),
            (self.starting, self._note_ready),
            (self.asking, self._note_status),
            (self.leaving, self._end),
            (self.unwanted, self._end),
        ):
            if (actor := calls.pop(ref, None)) is None:
                continue
            try:
                note(actor, value_of(ref))
            except LOSSES as error:
                self.bury(actor, error)
            except Exception as error:
                if calls is not self.starting:
                    raise
                self._dismiss(actor, error)
            return

    def _note_place(self, actor: Actor, place: Place) -> None:
        """An actor's process is up."""
        if actor in self.actors and actor.place is None:
            actor.place = place
            actor.moved = self.listening.now()

    def _note_ready(self, actor: Actor, place: Place) -> None:
        """An actor's worker is set up; it may be known before its place is."""
        if actor not in self.actors:  # struck off while this answer was on its way
            return
        actor.place = place
        actor.ready = self.proven = True
        self.deaths_at_start = 0
        self.on_event(WorkerStarted(place))

    def _note_status(self, actor: Actor, status: Any) -> None:
        """Pass an answer on; a new one is a sign that the actor moves."""
        if actor not in self.actors or actor.place is None:
            return
        if status != actor.status:
            actor.status, actor.moved = status, self.listening.now()
        self.on_event(WorkerStatus(actor.place, status))

    def note_done(self, actor: Actor, job: Job, seconds: float) -> None:
        """An actor is done with a job, which has ended already."""
        actor.note_done(self.listening.now())
        for pace in (self.pace, actor.pace):
            pace.note(seconds, job.cost)

    def _end(self, actor: Actor, answer: Place | None) -> None:
        """It has closed itself, or arrived where it is no longer wanted."""
        ray.kill(actor.handle)

    def ask_status(self) -> None:
        """Ask busy actors how far they are, once a second and never twice at a time."""
        now = time.monotonic()
        if now - self.asked_at < _STATUS_SECONDS:
            return
        self.asked_at = now
        being_asked = set(map(id, self.asking.values()))
        for actor in self.actors:
            if actor.jobs and id(actor) not in being_asked:
                self.asking[actor.handle.status.remote()] = actor

    def stalled(self) -> Iterator[tuple[Actor, str]]:
        """Actors that have given no sign for too long, and the reason in words."""
        now = self.listening.now()
        for actor in list(self.actors):
            if actor.jobs:
                costs = (job.cost for job in actor.jobs)
                limit = self.patience.for_items(costs, self.pace.slowest)
            elif actor.place is not None and not actor.ready:
                limit = self.patience.setup
            else:
                continue
            if now - actor.moved > limit:
                yield actor, f"it did not move for {limit:.0f} s"

    def bury(self, actor: Actor, cause: Exception | str) -> None:
        """Strike a dead actor off; called again for the same one, do nothing.

        Raises:
            WorkerLostError: one death too many among starting workers.
            ClusterError: no machine can even import what a worker runs.
        """
        if actor not in self.actors:
            return
        if isinstance(cause, Exception) and never_began(cause):
            self._dismiss(actor, self._not_installed(cause))
            return
        reason = cause if isinstance(cause, str) else reason_of(cause)
        self._strike(actor, reason)
        if actor.ready:
            self.unfit = 0  # its place is free, where the next one would be fit
        else:
            self._count_death(reason)

    def _strike(self, actor: Actor, reason: str) -> None:
        self.actors.remove(actor)
        ray.kill(actor.handle)  # where Ray only lost sight of it, two must not do the same work
        self.on_event(WorkerLost(actor.place, reason))

    def _count_death(self, reason: str) -> None:
        """Give up after too many; else wait longer before each hiring, for what may pass.

        Each place in the crew has its attempts: one lost machine takes many actors down at once,
        and Ray may start their successors there once more before it notices.
        """
        self.deaths_at_start += 1
        if self.deaths_at_start >= self.max_attempts * self.size:
            raise WorkerLostError(
                f"workers died while starting, {self.deaths_at_start} times in a row, "
                f"the last time: {reason}"
            )
        pause = min(_LONGEST_PAUSE, 0.1 * 2**self.deaths_at_start)
        self.hire_after = time.monotonic() + pause

    def _dismiss(self, actor: Actor, error: Exception) -> None:
        """Do without an actor that its machine does not let work.

        Where no other is left, raise; unless some machine was fit before: then the next actor may
        land there again.
        """
        if actor not in self.actors:
            return
        reason = last_line(error)
        self._strike(actor, reason)
        if any(other.ready or other.expected for other in self.actors):
            self.unfit += 1
        elif self.proven:
            self._count_death(reason)
        else:
            raise error

    def _not_installed(self, cause: Exception) -> ClusterError:
        wanted = " ".join(f"{name}=={number}" for name, number in self.versions.items())
        return ClusterError(
            f"a machine of the cluster cannot run a worker ({last_line(cause)}): "
            f"run `pip install {wanted}` there, for the Python that runs Ray"
        )

    def check_room(self) -> None:
        """Give up where not one worker process came up in the time allowed."""
        newest = max((actor.asked_for for actor in self.actors), default=time.monotonic())
        in_time = time.monotonic() - newest < self.patience.place
        if in_time or any(actor.place for actor in self.actors):
            return
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        needs = self._needs()
        raise ClusterError(
            f"no worker could be started within {self.patience.place:.0f} s: each needs "
            f"{_counted(needs)} on one machine; the cluster has "
            + ", ".join(
                f"{_counted({name: total.get(name, 0)})} ({free.get(name, 0):g} free)"
                for name in needs
            )
        )

    def may_retry(self, job: Job, actor: Actor) -> bool:
        """Whether an actor may try what has killed others: elsewhere, if there is an elsewhere."""
        if actor.node not in job.nodes:
            return True
        return all(other.node in job.nodes for other in self.actors if other.ready)

    def release_idle(self, wanted: int) -> None:
        """Let go of actors that have nothing to do, so that no more than `wanted` stay.

        Their CPUs and GPUs are free for others at once, and a cluster that grows and shrinks by
        itself may shrink. Those that the cluster has no room for go first; of one that may just be
        coming up, the process is ended as soon as it is there.
        """
        idle = sorted((a for a in self.actors if not a.jobs), key=lambda a: a.ready)
        for actor in idle[: max(0, len(self.actors) - wanted)]:
            self.actors.remove(actor)
            self.on_event(WorkerReleased(actor.place))
            if actor.ready:
                self.leaving[actor.handle.close.remote()] = actor
            elif actor.arrives:
                self.unwanted[self._arrival_of(actor)] = actor
            else:
                ray.kill(actor.handle)
        for ref, actor in list(self.unwanted.items()):
            if not actor.arrives:
                del self.unwanted[ref]
                ray.kill(actor.handle)

    def close(self) -> None:
        """Let every idle worker close itself, in a bounded time; the others are late copies."""
        idle = [actor for actor in self.actors if actor.ready and not actor.jobs]
        closing = [*self.leaving, *(actor.handle.close.remote() for actor in idle)]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)

    def kill(self) -> None:
        """End all actors, whatever they do; their CPUs become free.

        At once, but for those that may just be coming up: these are waited for, some seconds at
        most. Actors without a process go first, or they would come up where others have gone.
        """
        placed = [*(a for a in self.actors if a.place is not None), *self.leaving.values()]
        coming = {
            ref: actor
            for ref, actor in (self.arriving | self.unwanted).items()
            if actor.place is None
        }
        if ray.is_initialized():  # else the session ended first, and its workers with it
            arrived: list[Any] = []
            try:
                refs = [ref for ref, actor in coming.items() if actor.arrives]
                room = describe().places(self._needs()) - len(placed) if refs else 0
                if (count := min(len(refs), room)) > 0:
                    arrived, _ = ray.wait(refs, num_returns=count, timeout=_ARRIVAL_SECONDS)
            finally:
                pending = [actor for ref, actor in coming.items() if ref not in arrived]
                for actor in (*pending, *(coming[ref] for ref in arrived), *placed):
                    ray.kill(actor.handle)
        for calls in (self.arriving, self.starting, self.asking, self.leaving, self.unwanted):
            calls.clear()

    def _needs(self) -> dict[str, float]:
        """What each actor takes of its machine."""
        return {
            "CPU": self.options["num_cpus"],
            "GPU": self.options["num_gpus"],
            **self.options["resources"],
        }

    def _arrival_of(self, actor: Actor) -> Any:
        """The call for its place, which is no longer waited for as such."""
        ref = next(ref for ref, other in self.arriving.items() if other is actor)
        del self.arriving[ref]
        return ref


def _counted(amounts: Mapping[str, float]) -> str:
    """Amounts of resources in words: "2 CPUs, 1 GPUs and 1 of accelerator"."""
    words = [
        f"{amount:g} {name}s" if name in ("CPU", "GPU") else f"{amount:g} of {name}"
        for name, amount in amounts.items()
    ]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
