"""The end of a map: who is late with what, when others have nothing left to do.

A slow machine holds whatever it was given last, while all others are idle. So an idle actor may do
it as well, where that promises to be sooner; the first result counts (MapReduce's backup tasks:
Dean and Ghemawat, OSDI 2004, section 3.6).
"""

from cluster.crew import Actor, Crew, Job

_GAIN = 1.2
"""How many times longer the late one must be expected to take than the copy."""


def latest_job(crew: Crew, idle: Actor) -> Job | None:
    """The item that will be done last, if an idle actor would probably be done with it before."""
    rate = idle.pace.mean or crew.pace.mean
    if rate is None:
        return None
    now = crew.listening.now()
    late = [
        (seconds, job)
        for actor in crew.actors
        for seconds, job in _expected(actor, crew, now)
        if job.copies == 1 and not job.done and not job.deaths and seconds > _GAIN * rate * job.cost
    ]
    return max(late, key=lambda pair: pair[0])[1] if late else None


def _expected(actor: Actor, crew: Crew, now: float) -> list[tuple[float, Job]]:
    """Seconds until each job of an actor should be done.

    One that is overdue is expected to take as long again as it is late already.
    """
    rate = actor.pace.mean or crew.pace.mean or 0.0
    jobs = []
    total = 0.0
    for job in actor.jobs:
        total += rate * job.cost
        jobs.append((abs(total - (now - actor.began)), job))
    return jobs
