"""A worker's side of a group: who it is, and its line to the driver."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
import torch
import torch.distributed as dist

ASK_SECONDS = 0.5
"""How often a worker looks whether it should stop."""
COMPLAINT_SECONDS = 5.0
"""How long a worker keeps an error to itself that may be the echo of another one's death. Until
then Ray has noticed the death, and names that one."""


class Member:
    """A worker's line to the driver."""

    def __init__(self, group: Any) -> None:
        self._group = group
        self._posted: Any = None
        self._asked: Any = None
        self._asked_at = 0.0
        self._stop = False

    @property
    def device(self) -> torch.device:
        """Where this worker computes."""
        from ray.train.torch import get_device  # noqa: PLC0415 - 1 s, which the driver saves

        device: torch.device = get_device()
        return device

    def post(self, message: object) -> None:
        """Tell the driver; does not wait."""
        self._posted = self._group.post.remote(message)

    def flush(self) -> None:
        """Wait until the driver can hear all that was posted."""
        if self._posted is not None:
            ray.get(self._posted)

    def should_stop(self) -> bool:
        """Whether the driver has asked for an end; does not wait, and so may be a little late."""
        now = time.monotonic()
        if self._asked is None and now - self._asked_at >= ASK_SECONDS:
            self._asked, self._asked_at = self._group.is_stopped.remote(), now
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            self._stop = ray.get(self._asked)
            self._asked = None
        return self._stop


Work = Callable[[Member, Any], None]


@dataclass(frozen=True, slots=True)
class Started:
    """What every worker says first."""


def live(config: dict[str, Any]) -> None:
    """A worker's whole life; `config` has `work`, `argument` and `group`."""
    context = ray.get_runtime_context()
    cpus: float = context.get_assigned_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
    torch.set_num_threads(max(1, int(cpus)))
    member = Member(config["group"])
    member.post(Started())
    try:
        config["work"](member, config["argument"])
    except RuntimeError:  # torch's, among them "connection closed by peer"
        if dist.is_initialized() and dist.get_world_size() > 1:
            time.sleep(COMPLAINT_SECONDS)
        raise
    member.flush()
