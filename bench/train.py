"""How fast training is: against the public code's step, on two workers, and what watching costs.

    python bench/train.py [--only step|workers|cost] [--json FILE]

- *step*: images/s of the public code's own step (fp32, eager; bench/reference_step.py) and of ours,
  the same resnet_9blocks generators and 64-filter discriminators, 256x256, batch 1, the same
  losses, in turns. On a GPU ours also compiled.
- *workers*: two gloo ranks of one thread against one process of two threads, images/s, the
  `fast` generator at 128x128, batch 2 for each rank and 4 for the one.
- *cost*: a run as `vidgan train` makes it (log, guard, pictures each 1,000 images, judging) against
  the plain loop on the same pictures, from the first step to the last, the `fast` generator at
  128x128, batch 2. What happens once, at a run's end, is shown beside it.

The machine must be idle; on two cores it takes about 20 minutes.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.distributed as dist
from PIL import Image
from torch import Tensor

from cyclegan.allocator import keep_freed_memory
from cyclegan.config import FastConfig, ResnetConfig
from cyclegan.data import Preprocess
from cyclegan.dtypes import resolve_dtype
from cyclegan.loading import choose_loading
from cyclegan.run_folder import RunFolder
from cyclegan.state import new_state
from cyclegan.step import StepResult, StepSettings, train_step
from cyclegan.team import Alone, Distributed, Team
from cyclegan.train_config import TrainConfig
from cyclegan.training import Progress, batches_from, train, wrapped
from reference_step import ReferenceTraining
from setting import machine, print_machine, print_table
from vidgan.training.job import Job, Message, Told
from vidgan.training.work import train_job

LARGE = TrainConfig(generator=ResnetConfig(), preprocess=Preprocess(load=286, crop=256), batch=1)
SMALL = TrainConfig(generator=FastConfig(), preprocess=Preprocess(load=144, crop=128), batch=2)
STEPS_OF_WORKERS = 40


def main() -> None:
    args = _arguments()
    print_machine(machine())
    ratios: dict[str, tuple[float, float]] = {}
    if args.only in (None, "step"):
        ratios |= _compare_steps(args.rounds)
    if args.only in (None, "workers"):
        ratios |= _compare_workers(args.rounds)
    if args.only in (None, "cost"):
        ratios |= _measure_cost(min(2, args.rounds))
    rows = [("", "ratio", "target")]
    rows += [(name, f"{ratio:.3f}", f"{target:.2f}") for name, (ratio, target) in ratios.items()]
    print_table("ratios", rows)
    if args.json:
        args.json.write_text(json.dumps({"machine": machine(), "ratios": ratios}, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed of training; see the module's text.")
    parser.add_argument("--only", choices=["step", "workers", "cost"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _pictures(config: TrainConfig, device: torch.device, *, batch: int) -> Tensor:
    side = config.preprocess.crop
    random = torch.Generator().manual_seed(0)
    return (torch.rand(batch, 3, side, side, generator=random) * 2 - 1).to(device)


def _seconds(call: Callable[[], object], device: torch.device, *, calls: int) -> float:
    """Of one call, when warm."""
    call()
    _settle(device)
    began = time.perf_counter()
    for _ in range(calls):
        call()
    _settle(device)
    return (time.perf_counter() - began) / calls


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _compare_steps(rounds: int) -> dict[str, tuple[float, float]]:
    device = _device()
    on_gpu = device.type == "cuda"
    if not on_gpu:
        keep_freed_memory()  # for both: the comparison is with the reference at its best
    calls = 30 if on_gpu else 2
    reference = ReferenceTraining(device)
    a, b = (_pictures(LARGE, device, batch=1) for _ in "ab")
    contestants = {"ours": _step_of(LARGE, device)}
    if on_gpu:
        contestants["ours, compiled"] = _step_of(replace(LARGE, compile=True), device)
        contestants["ours, fp32"] = _step_of(replace(LARGE, precision="fp32"), device)
    else:
        contestants["ours, fp32"] = _step_of(replace(LARGE, precision="fp32"), device)
    theirs: list[float] = []
    ours: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        theirs.append(_seconds(lambda: reference.step(a, b), device, calls=calls))
        for name, step in contestants.items():
            ours[name].append(_seconds(step, device, calls=calls))
    rows = [("the public code's", f"{1 / median(theirs):.4f}")]
    rows += [(name, f"{1 / median(times):.4f}") for name, times in ours.items()]
    print_table("resnet_9blocks, 256x256, batch 1: images/s", rows)
    target = 5.0 if on_gpu else 2.5
    return {
        f"step: {name} / the public code's": (
            median(t / o for t, o in zip(theirs, times, strict=True)),
            target,
        )
        for name, times in ours.items()
    }


def _step_of(config: TrainConfig, device: torch.device) -> Callable[[], object]:
    state = new_state(config, device)
    networks = wrapped(state.networks, config, Alone())
    dtype = resolve_dtype(config.precision, device, training=True)
    settings = StepSettings(weights=config.loss, dtype=dtype)
    layout = torch.channels_last
    a, b = (_pictures(config, device, batch=config.batch).to(memory_format=layout) for _ in "ab")
    return lambda: train_step(networks, state.learner, a, b, settings=settings, steps=0)


def _compare_workers(rounds: int) -> dict[str, tuple[float, float]]:
    alone: list[float] = []
    together: list[float] = []
    for _ in range(rounds):
        alone.append(_rate_of_ranks(1, threads=2, batch=4))
        together.append(_rate_of_ranks(2, threads=1, batch=2))
    rows = [("one worker, two threads", f"{median(alone):.2f}")]
    rows.append(("two gloo workers, a thread each", f"{median(together):.2f}"))
    print_table("fast, 128x128, four images a step: images/s", rows)
    ratio = median(t / a for t, a in zip(together, alone, strict=True))
    return {"workers: two / one": (ratio, 0.9)}


def _rate_of_ranks(ranks: int, *, threads: int, batch: int) -> float:
    """Images per second of all of them."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = replace(
            SMALL, workers=ranks, batch=batch, images=(STEPS_OF_WORKERS + 5) * ranks * batch
        )
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        processes = [
            context.Process(target=_rank, args=(rank, Path(folder), config, threads, answers))
            for rank in range(ranks)
        ]
        for process in processes:
            process.start()
        seconds: float = max(answers.get(timeout=600) for _ in processes)
        for process in processes:
            process.join()
    return STEPS_OF_WORKERS * ranks * batch / seconds


def _rank(
    rank: int,
    folder: Path,
    config: TrainConfig,
    threads: int,
    answers: "multiprocessing.Queue[float]",
) -> None:
    torch.set_num_threads(threads)
    keep_freed_memory()
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=config.workers
    )
    team: Team = Distributed() if config.workers > 1 else Alone()
    device = torch.device("cpu")
    times: list[float] = []
    train(
        config,
        new_state(config, device, rank=rank),
        _endless(config, device),
        report=lambda progress: times.append(progress.seconds),
        device=device,
        team=team,
    )
    answers.put(sum(times[5:]))
    dist.destroy_process_group()


def _endless(config: TrainConfig, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    a, b = (_pictures(config, device, batch=config.batch) for _ in "ab")
    while True:
        yield a, b


def _measure_cost(rounds: int) -> dict[str, tuple[float, float]]:
    """The plain loop, and a run as `vidgan train` makes it, on the same pictures, in turns."""
    keep_freed_memory()  # for both, as a run does for itself
    ratios: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            job = _job(Path(folder))
            plain = _times_of_loop(job)
            run, ended = _times_of_run(job)
        # Pictures and judging of a training's last step come before that step is told.
        last = max(step for step in run if step < job.config.steps)
        loop, whole = plain[last] - plain[1], run[last] - run[1]
        print(f"steps 1 to {last}: plain loop {loop:.1f} s, run {whole:.1f} s")
        print(f"from there to the run's end, all that it does last: {ended - run[last]:.1f} s")
        ratios.append(whole / loop - 1)
    return {"cost: run / plain loop - 1": (median(ratios), 0.03)}


def _times_of_loop(job: Job) -> dict[int, float]:
    """Step -> the time of its end, seconds."""
    device = _device()
    loading = choose_loading(on_gpu=device.type == "cuda")
    batches = batches_from(
        job.dataset(memory=loading.memory), job.config, start_step=0, threads=loading.threads
    )
    times: dict[int, float] = {}

    def report(progress: Progress[StepResult]) -> None:
        times[progress.step] = time.perf_counter()

    with closing(batches):
        state = new_state(job.config, device)
        train(job.config, state, batches, report=report, device=device)
    return times


def _times_of_run(job: Job) -> tuple[dict[int, float], float]:
    """The same of the steps that a run tells of, and the time of its end."""
    times: dict[int, float] = {}

    def hear(message: Message) -> None:
        if isinstance(message, Told):
            times[message.step] = time.perf_counter()

    train_job(job, _device(), Alone(), tell=hear)
    return times, time.perf_counter()


def _job(folder: Path) -> Job:
    """A training of the small generators on photographs that it makes, with default intervals."""
    random = np.random.default_rng(0)
    for domain, level in (("a", 80), ("b", 170)):
        (folder / domain).mkdir()
        for number in range(60):
            coarse = random.integers(level - 60, level + 60, (9, 9, 3)).astype(np.uint8)
            picture = Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC)
            picture.save(folder / domain / f"{number:03}.jpg", quality=92)
    (folder / "run").mkdir()
    config = replace(SMALL, images=1200)
    RunFolder(folder / "run").begin(config)
    paths = {domain: sorted((folder / domain).iterdir()) for domain in "ab"}
    return Job(
        config=config,
        out=folder / "run",
        train_a=tuple(paths["a"][12:]),
        train_b=tuple(paths["b"][12:]),
        held_out_a=tuple(paths["a"][:12]),
        held_out_b=tuple(paths["b"][:12]),
        resume=True,
        checkpoint_seconds=300.0,
        keep_images=0,
        sample_images=1000,
    )


if __name__ == "__main__":
    main()
