"""Ray Train, for work that is one function run by several processes that know each other.

The driver starts the workers, hears what they post, and may ask them to stop; the workers are
ranks of torch.distributed (gloo on CPUs, NCCL on GPUs). What they compute is not known here.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.errors import ClusterError
from cluster.session import Session

START_SECONDS = 60.0
"""How long the workers may take to be there, on a cluster that others may be using."""
STOP_SECONDS = 600.0
"""How long they may take to end once they were asked to: a step, which may be a large network's on
a CPU, and a last checkpoint. Who cannot wait presses Ctrl-C again."""
POLL_SECONDS = 0.2
ASK_SECONDS = 0.5
"""How often a worker looks whether it should stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What each worker gets."""

    workers: int
    cpus: float
    gpus: float
    """0 or 1: NCCL wants a GPU for each rank."""


class Member:
    """A worker's line to the driver."""

    def __init__(self, mailbox: Any) -> None:
        self._mailbox = mailbox
        self._posted: Any = None
        self._asked: Any = None
        self._asked_at = 0.0
        self._stop = False

    @property
    def device(self) -> torch.device:
        """Where this worker computes."""
        device: torch.device = get_device()
        return device

    def post(self, message: object) -> None:
        """Tell the driver; does not wait."""
        self._posted = self._mailbox.post.remote(message)

    def flush(self) -> None:
        """Wait until the driver can hear all that was posted."""
        if self._posted is not None:
            ray.get(self._posted)

    def should_stop(self) -> bool:
        """Whether the driver has asked for an end; does not wait, and so may be a little late."""
        now = time.monotonic()
        if self._asked is None and now - self._asked_at >= ASK_SECONDS:
            self._asked, self._asked_at = self._mailbox.is_stopped.remote(), now
        if self._asked is not None and ray.wait([self._asked], timeout=0)[0]:
            self._stop = ray.get(self._asked)
            self._asked = None
        return self._stop


@ray.remote(num_cpus=0)
class _Mailbox:
    def __init__(self) -> None:
        self._messages: list[object] = []
        self._stopped = False

    def post(self, message: object) -> None:
        self._messages.append(message)

    def take(self) -> list[object]:
        messages, self._messages = self._messages, []
        return messages

    def stop(self) -> None:
        self._stopped = True

    def is_stopped(self) -> bool:
        return self._stopped


@dataclass(frozen=True, slots=True)
class _Started:
    """What every worker says first."""


def share_of_each(cluster: Session, *, workers: int | None, device: str) -> Resources:
    """What each of `workers` gets (default: one for each GPU; without any, a single one).

    Raises:
        ClusterError: the cluster has not so much.
    """
    on_gpus = device == "cuda" or (device == "auto" and cluster.gpus > 0)
    if on_gpus:
        count = workers or max(1, cluster.gpus)
        if count > cluster.gpus:
            raise ClusterError(
                f"--workers {count}: the cluster has {cluster.gpus} GPUs, and each worker needs "
                "one; ask for fewer, or choose --device cpu"
            )
        return Resources(workers=count, cpus=max(1, min(8, cluster.cpus // count)), gpus=1)
    count = workers or 1
    if count > cluster.cpus:
        raise ClusterError(
            f"--workers {count}: the cluster has {cluster.cpus} CPUs, and each worker needs one; "
            "ask for fewer"
        )
    cpus = max(1, cluster.cpus // count)
    while cpus > 1 and sum(node // cpus for node in cluster.node_cpus) < count:
        cpus -= 1
    return Resources(workers=count, cpus=cpus, gpus=0)


def run_workers(
    work: Callable[[Member, Any], None],
    argument: object,
    resources: Resources,
    *,
    storage: Path,
    should_stop: Callable[[], bool] = lambda: False,
    max_failures: int = 3,
) -> Iterator[object]:
    """Run `work(member, argument)` in each worker, and yield what they post until all have ended.

    A Ray must be up. A worker that dies, or raises, ends them all, and `work` is begun again in new
    ones, at most `max_failures` times: it must go on from what it has written down. When
    `should_stop` says so, workers are asked to end, and what they post until then is yielded too.
    A caller that stops iterating leaves them to be killed with Ray. `storage` is a folder that
    all machines see; Ray's notes there are removed at the end.

    Raises:
        ClusterError: the workers do not start, do not stop, or have failed too often.
    """
    # Beside the driver: then no other machine's end can take it away.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    mailbox = _Mailbox.options(scheduling_strategy=here).remote()  # type: ignore[attr-defined]
    trainer = TorchTrainer(
        _train,
        train_loop_config={"work": work, "argument": argument, "mailbox": mailbox},
        scaling_config=ScalingConfig(
            num_workers=resources.workers,
            use_gpu=resources.gpus > 0,
            resources_per_worker={
                "CPU": resources.cpus,
                **({"GPU": resources.gpus} if resources.gpus else {}),
            },
        ),
        run_config=RunConfig(
            name=".ray-train",
            storage_path=str(storage.resolve()),
            failure_config=FailureConfig(max_failures=max_failures),
        ),
    )
    run = _Run(trainer, mailbox)
    try:
        yield from run.messages(resources, should_stop)
    finally:
        ray.kill(mailbox)
        shutil.rmtree(storage / ".ray-train", ignore_errors=True)


class _Run:
    """A Ray Train run in a thread of its own, which leaves the main one free to be interrupted."""

    def __init__(self, trainer: "TorchTrainer", mailbox: Any) -> None:
        self._mailbox = mailbox
        self._error: BaseException | None = None
        self._began = time.monotonic()
        self._is_up = False
        self._stop_by: float | None = None
        self._thread = threading.Thread(target=self._fit, args=(trainer,), daemon=True)
        self._thread.start()

    def _fit(self, trainer: "TorchTrainer") -> None:
        try:
            trainer.fit()
        except BaseException as error:  # carried over to the thread that waits
            self._error = error

    def messages(self, resources: Resources, should_stop: Callable[[], bool]) -> Iterator[object]:
        """What workers post, until all have ended."""
        while self._thread.is_alive():
            self._thread.join(POLL_SECONDS)
            yield from self._take()
            if self._stop_by is None and should_stop():
                self._mailbox.stop.remote()
                self._stop_by = time.monotonic() + STOP_SECONDS
            self._check_times(resources)
        yield from self._take()
        if self._error is not None:
            raise ClusterError(f"the training's workers failed: {_reason(self._error)}")

    def _take(self) -> Iterator[object]:
        for message in ray.get(self._mailbox.take.remote()):
            if isinstance(message, _Started):
                self._is_up = True
            else:
                yield message

    def _check_times(self, resources: Resources) -> None:
        now = time.monotonic()
        if not self._is_up and now - self._began > START_SECONDS:
            raise ClusterError(
                f"{resources.workers} workers of {resources.cpus:g} CPUs and {resources.gpus:g} "
                f"GPUs did not start within {START_SECONDS:.0f} s: the cluster is busy; wait, or "
                "ask for fewer --workers"
            )
        if self._stop_by is not None and now > self._stop_by:
            raise ClusterError(
                f"the workers did not stop within {STOP_SECONDS:.0f} s; what they had saved is kept"
            )


def _train(config: dict[str, Any]) -> None:
    """A worker's whole life."""
    context = ray.get_runtime_context()
    cpus: float = context.get_assigned_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
    torch.set_num_threads(max(1, int(cpus)))
    member = Member(config["mailbox"])
    member.post(_Started())
    config["work"](member, config["argument"])
    member.flush()


def _reason(error: BaseException) -> str:
    """What went wrong in the first worker that did, in one line."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    first = next(iter(failures.values()))
    cause = getattr(first, "cause", None) or first
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[-1] if lines else type(cause).__name__
