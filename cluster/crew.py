"""The actors of one map: started, watched, replaced when they die, closed or killed at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray

from cluster.actor import (
    Event,
    Host,
    Place,
    WorkerLost,
    WorkerStarted,
    WorkerStatus,
)
from cluster.errors import ClusterError, WorkerLostError

_EXPECTED_SECONDS = 15.0
"""An actor asked for less than this ago is likely to come; one asked for earlier may never fit."""
_CLOSE_SECONDS = 10.0
_STATUS_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class Job:
    """One item, held in the object store until its result is there."""

    position: int
    item: Any
    attempts: int = 0


@dataclass(eq=False, slots=True)
class Actor:
    """What the driver knows of one actor."""

    handle: Any
    asked_for: float
    place: Place | None = None
    ready: bool = False
    jobs: list[Job] = field(default_factory=list)

    @property
    def quarantined(self) -> bool:
        """It runs an item that may have killed a worker before, and must run it alone."""
        return any(job.attempts > 1 for job in self.jobs)

    @property
    def expected(self) -> bool:
        """It is not ready, but soon will be."""
        young = time.monotonic() - self.asked_for < _EXPECTED_SECONDS
        return not self.ready and (self.place is not None or young)


@dataclass(eq=False, kw_only=True)
class Crew:
    """Up to `size` actors; those that the cluster has no room for stay asked for."""

    size: int
    options: dict[str, Any]
    """As `ray.remote` takes them."""
    recipe: tuple[Any, ...]
    """What `Host.setup` is given; object references, so that each node fetches them once."""
    max_attempts: int
    schedule_seconds: float
    on_event: Callable[[Event], None]
    actors: list[Actor] = field(default_factory=list)
    arriving: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way for the place of an actor: that its process is up is known by the answer."""
    starting: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way to set an actor up. Both are made at once: no answer waits for the driver."""
    asking: dict[Any, Actor] = field(default_factory=dict)
    """Calls under way for the status of busy actors."""
    asked_at: float = 0.0
    deaths_at_start: int = 0

    def hire(self) -> None:
        """Ask for as many actors as are missing."""
        while len(self.actors) < self.size:
            handle: Any = ray.remote(**self.options)(Host).remote()
            actor = Actor(handle=handle, asked_for=time.monotonic())
            self.actors.append(actor)
            self.arriving[handle.place.remote()] = actor
            self.starting[handle.setup.remote(*self.recipe)] = actor

    def note_place(self, actor: Actor, place: Place) -> None:
        """Note that an actor's process is up."""
        if actor in self.actors:
            actor.place = place

    def note_ready(self, actor: Actor, place: Place) -> None:
        """Note that an actor's worker is set up; it may be known before its place is."""
        if actor not in self.actors:  # struck off while this answer was on its way
            return
        actor.place = place
        actor.ready = True
        self.deaths_at_start = 0
        self.on_event(WorkerStarted(place))

    def calls(self) -> list[Any]:
        """All calls under way that are no items."""
        return [*self.arriving, *self.starting, *self.asking]

    def take(self, ref: Any) -> tuple[Actor, Callable[[Actor, Any], None]]:
        """Strike off a call that has ended: whose it was, and what to do with the answer."""
        for calls, note in (
            (self.arriving, self.note_place),
            (self.starting, self.note_ready),
        ):
            if ref in calls:
                return calls.pop(ref), note
        return self.asking.pop(ref), self.note_status

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

    def note_status(self, actor: Actor, status: Any) -> None:
        """Pass an answer on."""
        assert actor.place is not None
        self.on_event(WorkerStatus(actor.place, status))

    def bury(self, actor: Actor, reason: str) -> None:
        """Strike a dead actor off; called again for the same one, do nothing."""
        if actor not in self.actors:
            return
        self.actors.remove(actor)
        ray.kill(actor.handle)  # where Ray only lost sight of it, two must not do the same work
        self.on_event(WorkerLost(actor.place, reason))
        if actor.ready:
            return
        self.deaths_at_start += 1
        # Each place in the crew has its attempts: one lost machine takes many actors down at once,
        # and Ray may start their successors there once more before it notices.
        if self.deaths_at_start >= self.max_attempts * self.size:
            raise WorkerLostError(
                f"workers died while starting, {self.deaths_at_start} times in a row, "
                f"the last time: {reason}"
            )

    def check_room(self) -> None:
        """Give up where not one worker process came up in the time allowed."""
        newest = max((actor.asked_for for actor in self.actors), default=time.monotonic())
        in_time = time.monotonic() - newest < self.schedule_seconds
        if in_time or any(actor.place for actor in self.actors):
            return
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        raise ClusterError(
            f"no worker could be started within {self.schedule_seconds:.0f} s: each needs "
            f"{self.options['num_cpus']:g} CPUs and {self.options['num_gpus']:g} GPUs on one "
            f"machine; the cluster has {total.get('CPU', 0):g} CPUs ({free.get('CPU', 0):g} free) "
            f"and {total.get('GPU', 0):g} GPUs ({free.get('GPU', 0):g} free)"
        )

    def close(self) -> None:
        """Let every worker close itself, in a bounded time."""
        closing = [actor.handle.close.remote() for actor in self.actors if actor.ready]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)

    def kill(self) -> None:
        """End all actors at once, whatever they do; their CPUs become free."""
        if ray.is_initialized():  # else the session ended first, and its workers with it
            for actor in self.actors:
                ray.kill(actor.handle)
        self.arriving.clear()
        self.starting.clear()
        self.asking.clear()
