"""How much of a generator's speed a conversion keeps, and how it compares with today's way.

    python bench/convert.py [--pair NAME | --weights FILE] [--json FILE]

Everything is measured in one run, the contestants taking turns round by round; the table shows
medians. Each conversion is set against the generator just before and just after it.

- *bare*: forward passes of the generator on a ready (1, 3, 256, 256) tensor in this process, in the
  precision that a conversion uses, for several arrangements of lanes and threads; "threads' best"
  is the fastest of those in one process, the network called as anyone would call it. Beside them:
  a process for each core, and the network recorded as a graph, as translators run it.
- *translator*: uint8 frame to uint8 frame, in the lanes that a worker has: what padding, rounding
  and Python cost.
- *end to end*: a 480-frame film of 256x256 with sound, by `vidgan.conversion`, Ray being up.
  "whole" is the call as a user waits for it, with the seconds that workers need to start;
  "warm" counts from the moment the first worker is ready to the end, the join and its check
  included: what a long film comes to.
- *one core, alone*: what decoding and encoding cost a frame, on the cores that
  the generator needs too.
- *today*: see bench/today.py; the same resnet_9blocks weights on both sides, on a shorter film.

All of it for the frame's own size, and again for the size in the model's card if that is smaller.
The machine must be idle; a run takes about 20 minutes on two cores.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import NotRequired, TypedDict

from bare import (
    ARRANGEMENTS,
    LANES,
    RECORDED,
    Arrangement,
    bare_rates,
    rate_in_threads,
    translate_call,
)
from clips import make_film
from cyclegan.precision import cpu_bf16_pays
from ours import Timing, stage_costs, timed_conversion
from setting import Chosen, add_model_options, chosen_model, machine, print_machine, print_table
from today import convert_as_today, save_public_weights

SIDE = 256
TARGET = 0.90
TARGET_TODAY = 2.0
WORKERS = (1, 2)
TODAY = "resnet_9blocks: vidgan / today's way"
RIVALS = {LANES: "threads' best", RECORDED: "threads' best, recorded"}
"""The fastest arrangements of one process: a lane on each core."""
ONE_LANE = Arrangement(lanes=1, threads=1)


class Ratios(TypedDict):
    """Of one comparison; `alone`: what the generators by themselves would allow."""

    whole: float
    warm: float
    target: float
    alone: NotRequired[float]


def main() -> None:
    args = _arguments()
    chosen = chosen_model(args)
    facts = machine()
    print_machine(facts)
    results: dict[str, object] = {"machine": facts, "model": chosen.name, "frames": args.frames}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        film = folder / "film.mp4"
        make_film(film, frames=args.frames, width=SIDE, height=SIDE)
        costs = _median_costs([stage_costs(film, folder / "x.mp4") for _ in range(args.rounds)])
        print_table("one core, alone: ms a frame", [(k, f"{v:.2f}") for k, v in costs.items()])
        results["stages_ms"] = costs
        ratios: dict[str, Ratios] = {}
        for size in [args.size] if args.native_only else _sizes(args.size, chosen):
            measured, found = _measure(film, chosen, size, args)
            results[f"size_{size}"] = measured
            ratios |= {f"{name}, --size {size}": ratio for name, ratio in found.items()}
        if args.frames_slow:
            results["today"], ratios[TODAY] = _measure_today(folder, args)
    results["ratios"] = ratios
    _print_ratios(ratios)
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed of a conversion; see the module's text.")
    add_model_options(parser)
    parser.add_argument("--size", type=int, default=0, help="short side, 0 is native")
    parser.add_argument("--frames", type=int, default=480, help="of the film")
    parser.add_argument("--frames-slow", type=int, default=48, help="for today's way; 0 skips it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rounds-slow", type=int, default=2, help="for today's way")
    parser.add_argument("--native-only", action="store_true", help="skip the size of the card")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each bare measurement")
    parser.add_argument("--json", type=Path, help="write all measurements here")
    return parser.parse_args()


def _sizes(size: int, chosen: Chosen) -> list[int]:
    """The size asked for, and the card's where a frame would be seen smaller."""
    return [size, chosen.size] if 0 < chosen.size < (size or SIDE) else [size]


def _median_costs(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {stage: median(costs[stage] for costs in rounds) for stage in rounds[0]}


def _measure(
    film: Path, chosen: Chosen, size: int, args: argparse.Namespace
) -> tuple[dict[str, object], dict[str, Ratios]]:
    """Bare, translator and end to end, in turns: all measurements, and the ratios."""
    seen = min(size, SIDE) or SIDE
    bare: dict[Arrangement, list[float]] = {each: [] for each in ARRANGEMENTS}
    translator: dict[Arrangement, list[float]] = {ONE_LANE: [], LANES: []}
    whole: dict[int, list[Timing]] = {workers: [] for workers in WORKERS}
    rivals: dict[Arrangement, dict[int, list[float]]] = {
        each: {workers: [] for workers in WORKERS} for each in RIVALS
    }
    call = translate_call(chosen.path, SIDE, size)
    with bare_rates(chosen.path, seen) as measure_bare:
        for _ in range(args.rounds):
            for arrangement, rates in bare.items():
                rates.append(measure_bare(arrangement, args.seconds))
            for arrangement, rates in translator.items():
                rates.append(rate_in_threads(call, arrangement, args.seconds))
            for workers, timings in whole.items():
                output = film.with_name("converted.mp4")
                before = [measure_bare(each, args.seconds) for each in RIVALS]
                timing = timed_conversion(film, output, chosen.path, workers=workers, size=size)
                timings.append(timing)
                for each, earlier in zip(RIVALS, before, strict=True):
                    rate = (earlier + measure_bare(each, args.seconds)) / 2
                    rivals[each][workers].append(rate)
    _print_speeds(chosen, seen, bare, translator, whole)
    measured: dict[str, object] = {
        "bare": {each.name: rates for each, rates in bare.items()},
        "translator": {each.name: rates for each, rates in translator.items()},
        "end_to_end": {n: [asdict(timing) for timing in timings] for n, timings in whole.items()},
    }
    return measured, _ratios(rivals, whole)


def _ratios(
    rivals: dict[Arrangement, dict[int, list[float]]], whole: dict[int, list[Timing]]
) -> dict[str, Ratios]:
    """End to end by bare, pair by pair: this machine's speed drifts by a tenth within minutes."""
    return {
        f"{workers} worker{'s' * (workers > 1)} / {RIVALS[arrangement]}": Ratios(
            whole=median(t.rate / r for t, r in zip(timings, rates[workers], strict=True)),
            warm=median(t.warm_rate / r for t, r in zip(timings, rates[workers], strict=True)),
            target=TARGET,
        )
        for arrangement, rates in rivals.items()
        for workers, timings in whole.items()
    }


def _warm(timings: Iterable[Timing]) -> float:
    return median(timing.warm_rate for timing in timings)


def _whole(timings: Iterable[Timing]) -> float:
    return median(timing.rate for timing in timings)


def _print_speeds(
    chosen: Chosen,
    seen: int,
    bare: dict[Arrangement, list[float]],
    translator: dict[Arrangement, list[float]],
    whole: dict[int, list[Timing]],
) -> None:
    rows = [(f"bare, {each.name}", f"{median(rates):.2f}") for each, rates in bare.items()]
    rows += [
        (f"translator, {each.name}", f"{median(rates):.2f}") for each, rates in translator.items()
    ]
    print_table(f"{chosen.name}, seeing {seen}x{seen}: frames/s", rows)
    times: list[tuple[str, ...]] = [("", "whole f/s", "warm f/s", "start s", "work s", "join s")]
    for workers, timings in whole.items():
        parts = [
            median(getattr(timing, part) for timing in timings)
            for part in ("starting", "working", "joining")
        ]
        speeds = [f"{_whole(timings):.2f}", f"{_warm(timings):.2f}"]
        times.append((f"workers={workers}", *speeds, *(f"{part:.2f}" for part in parts)))
    print_table(f"end to end, seeing {seen}x{seen}", times)


def _measure_today(folder: Path, args: argparse.Namespace) -> tuple[dict[str, object], Ratios]:
    """Today's way and ours with the same weights, in turns: all measurements, and the ratios."""
    film, weights = folder / "short.mp4", folder / "latest_net_G_A.pth"
    make_film(film, frames=args.frames_slow, width=SIDE, height=SIDE)
    save_public_weights(weights)
    today: list[dict[str, float]] = []
    ours: list[Timing] = []
    bare: list[float] = []
    with bare_rates(weights, SIDE) as measure_bare:
        for _ in range(args.rounds_slow):
            with tempfile.TemporaryDirectory(dir=folder) as work:
                today.append(convert_as_today(film, weights, Path(work)))
            ours.append(timed_conversion(film, folder / "ours.mp4", weights))
            bare.append(measure_bare(LANES, 2 * args.seconds))
    steps = _median_costs(today)
    theirs = args.frames_slow / median(sum(times.values()) for times in today)
    theirs_bare = args.frames_slow / steps["generator"]
    speeds = {
        "today": theirs,
        "today, its generator alone": theirs_bare,
        "vidgan, whole": _whole(ours),
        "vidgan, warm": _warm(ours),
        "vidgan, its generator alone": median(bare),
    }
    _print_today(steps, ours, speeds)
    ratios = Ratios(
        whole=_whole(ours) / theirs,
        warm=_warm(ours) / theirs,
        target=TARGET_TODAY,
        alone=median(bare) / theirs_bare,
    )
    return {"today": today, "ours": [asdict(each) for each in ours], "speeds": speeds}, ratios


def _print_today(
    steps: dict[str, float],
    ours: list[Timing],
    speeds: dict[str, float],
) -> None:
    frames = ours[0].frames
    print_table(
        f"resnet_9blocks, {frames} frames: frames/s", [(k, f"{v:.3f}") for k, v in speeds.items()]
    )
    rows = [(f"today: {step}", f"{1000 * t / frames:.2f}") for step, t in steps.items()]
    for part in ("starting", "working", "joining"):
        spent = median(getattr(timing, part) for timing in ours)
        rows.append((f"vidgan: {part}", f"{1000 * spent / frames:.2f}"))
    print_table("where the time goes: ms a frame", rows)


def _print_ratios(ratios: dict[str, Ratios]) -> None:
    rows: list[tuple[str, ...]] = [("", "whole", "warm", "target", "generators alone")]
    for name, ratio in ratios.items():
        alone = f"{ratio['alone']:.3f}" if "alone" in ratio else ""
        numbers = (f"{ratio['whole']:.3f}", f"{ratio['warm']:.3f}", f"{ratio['target']:.2f}")
        rows.append((name, *numbers, alone))
    print_table("ratios", rows)
    print("\nwhole: with the start of the workers, Ray being up; warm: from the first worker on.")
    if not cpu_bf16_pays():
        print("The target against today's way is for CPUs on which bf16 pays; on this it does not.")


if __name__ == "__main__":
    main()
