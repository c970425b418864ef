"""Telling the ways apart in which a call to an actor fails, and saying them in one line."""

import re
from typing import Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from cluster.errors import ClusterError

LOSSES = (RayActorError, ObjectLostError, OutOfMemoryError, WorkerCrashedError)
"""The worker, its machine or its result is gone: worth another attempt elsewhere."""
_CAUSES = re.compile(r" (Some common causes include|There are some potential root causes).*")
_LONGEST = 300


def value_of(ref: Any) -> Any:
    """Get a result; raise one of LOSSES, or what the worker raised, or ClusterError."""
    try:
        return ray.get(ref)
    except RayTaskError as error:
        raise original(error) from error
    except LOSSES:
        raise
    except RayError as error:
        raise ClusterError(f"Ray failed: {reason_of(error)}") from error


def never_began(error: Exception) -> bool:
    """The worker could not even be made: what it runs cannot be imported where it is."""
    return getattr(error, "actor_init_failed", False)


def original(error: RayTaskError) -> BaseException:
    """Return what the worker raised, as it was: Ray wraps it in a type of its own."""
    return error.cause if isinstance(error.cause, BaseException) else error


def reason_of(error: Exception) -> str:
    """Return the one telling line of the many that Ray writes about a death."""
    if isinstance(error, ActorUnavailableError):
        return "the worker, or its machine, does not answer any more"
    if never_began(error):  # a traceback: the last line says what
        return last_line(error)
    text = _CAUSES.sub("", " ".join(_lines(error)))
    if (detail := re.search(r"Worker exit detail: (.*)", text)) is not None:
        text = f"the process was killed or crashed ({detail[1]})"
    return text[:_LONGEST]


def last_line(error: BaseException) -> str:
    """The last line of what an error says, or else its type's name."""
    lines = _lines(error)
    return lines[-1][:_LONGEST] if lines else type(error).__name__


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()]
