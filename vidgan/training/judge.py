"""Judging a training as it goes on, and keeping the best generators of it.

RUN/metrics.jsonl                what each judgement came to, a line for each
RUN/best/a2b.safetensors, ...    the averaged generators whose KID was lowest, each direction's own
RUN/best/metrics.json            what they came to
RUN/best/config.json             the run's settings, so that the folder stands by itself
"""

import contextlib
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch

from cyclegan.atomic import write_atomically
from cyclegan.checkpoint import WeightsError, save_generator
from cyclegan.data import DataError
from cyclegan.direction import DIRECTIONS, Direction
from cyclegan.features import FeatureNetwork, FeaturesError, open_alexnet, open_features
from cyclegan.features.alexnet import AlexNet
from cyclegan.judge import Judge, Score, read_pictures
from cyclegan.networks import Generator
from cyclegan.photographs import UnreadableError
from cyclegan.run_folder import RunFolder
from cyclegan.samples import spread
from cyclegan.state import TrainState
from cyclegan.training import Progress
from cyclegan.translator import Translator
from vidgan.evaluation import FEWEST, SIDE
from vidgan.training.job import Job
from vidgan.training.lines import append_line, cut_lines
from vidgan.training.pace import Course, Pace
from vidgan.training.scores import Entry, read_best
from vidgan.training.warning import Forgiving, Warn

MOST = 100
"""Held-out pictures of each domain that are judged."""

CREDIT = -3.0
"""Seconds: about what judging takes the first time, which waits until it is affordable."""


class BestKeeper:
    """Looks on at a training: judges it now and then, and keeps what was best."""

    def __init__(self, job: Job, warn: Warn, *, credit: float = CREDIT) -> None:
        self._job, self._warn = job, warn
        self._forgiving = Forgiving(warn)
        self._folder = RunFolder(job.out)
        self._metrics, self._place = job.out / "metrics.jsonl", job.out / "best"
        self._pace = Pace(
            every=job.sample_images,
            images_per_step=job.config.images_per_step,
            credit=credit,
        )
        self._course = Course()
        self._has_begun = False
        self._judge: Judge | None = None
        self._features = ""
        self._best: dict[str, Entry] = {}
        self.reason = ""
        """Why nothing is judged; empty where it is."""

    def hear(self, progress: Progress, state: TrainState) -> None:
        """After each step: judge, if it is time."""
        if self._course.restarts(progress):
            with self._forgiving(self._metrics):
                self._begin(progress)
        if self._pace.is_due(progress) and not self.reason:
            with self._pace.spending(), self._forgiving(self._place):
                self._look(progress, state)

    def close(self) -> None:
        """All is written as it comes."""

    def _begin(self, progress: Progress) -> None:
        """Take up what an earlier part of the run left; a new run takes nothing."""
        cut_lines(self._metrics, step=progress.step)
        if self._has_begun:
            return  # the guard went back; what was best before is as good as it was
        self._has_begun = True
        if progress.step == 1 and self._place.exists():
            shutil.rmtree(self._place)
        self._best = read_best(self._place)

    def _look(self, progress: Progress, state: TrainState) -> None:
        try:
            judge = self._judge = self._judge or self._open(state)
            scores = {name: self._score(judge, state, name) for name in DIRECTIONS}
        except _CannotJudge as problem:
            self.reason = str(problem)
        except (FeaturesError, WeightsError, DataError) as problem:
            self._give_up(str(problem))
        except torch.OutOfMemoryError:
            self._give_up("there is no memory left for it beside the training")
        else:
            self._note(progress, state, scores)

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        self._warn(f"KID and FID are not measured, and no best generators are kept: {reason}")

    def _open(self, state: TrainState) -> Judge:
        """Read the held-out pictures and what the network sees in them."""
        job = self._job
        if min(len(job.held_out_a), len(job.held_out_b)) < FEWEST:
            raise _CannotJudge(_TOO_FEW)
        device = next(state.networks.g_ab.parameters()).device
        network = open_features(device=device)
        self._features = network.name
        images_a, images_b = map(_read_some, (job.held_out_a, job.held_out_b))
        return Judge(images_a, images_b, network=network, alexnet=_alexnet(network, device))

    def _score(self, judge: Judge, state: TrainState, direction: Direction) -> Score:
        """One picture at a time through the generator: training needs its memory, too."""
        generator = cast(Generator, state.averages()[direction])
        translator = Translator(
            generator,
            device=next(generator.parameters()).device,
            precision="fp32",
            size=self._job.config.preprocess.load,
            batch=1,
        )
        return judge.score(translator, direction)

    def _note(self, progress: Progress, state: TrainState, scores: dict[Direction, Score]) -> None:
        at = {"step": progress.step, "images": progress.images, "features": self._features}
        entries = {name: _entry(score) for name, score in scores.items()}
        append_line(self._metrics, at | entries)
        for name, entry in entries.items():
            if self._is_better(entry, name):
                self._keep(at | entry, name, state)

    def _is_better(self, entry: Entry, direction: Direction) -> bool:
        """Whether to keep this one; figures of other features do not compare."""
        best = self._best.get(direction, {})
        if best.get("features") != self._features:
            return True
        return bool(entry["kid"] < best.get("kid", math.inf))

    def _keep(self, entry: Entry, direction: Direction, state: TrainState) -> None:
        self._place.mkdir(exist_ok=True)
        save_generator(
            state.averages()[direction],
            self._job.config.generator_of(direction),
            self._place / f"{direction}.safetensors",
        )
        self._best[direction] = entry
        for name, text in (
            ("config.json", self._folder.config.read_text()),
            ("metrics.json", json.dumps(self._best, indent=2, sort_keys=True) + "\n"),
        ):
            _write_text(self._place / name, text)


class _CannotJudge(Exception):
    """There is nothing to judge by, which is no fault of anybody's."""


_TOO_FEW = f"fewer than {FEWEST} pictures of a domain are held out"


def _read_some(paths: Sequence[Path]) -> torch.Tensor:
    """Pictures from all over a list, as `read_pictures` gives them; damaged ones are passed over.

    Raises:
        DataError: the system does not give a file.
    """
    read: list[torch.Tensor] = []
    for path in spread(paths):
        with contextlib.suppress(UnreadableError):
            read.append(read_pictures([path], SIDE))
        if len(read) == MOST:
            break
    if len(read) < FEWEST:
        raise _CannotJudge(_TOO_FEW)
    return torch.cat(read)


def _alexnet(network: FeatureNetwork, device: torch.device) -> AlexNet | None:
    return network if isinstance(network, AlexNet) else open_alexnet(device=device)


def _entry(score: Score) -> Entry:
    figures = {
        "kid": score.kid.value,
        "kid_low": score.kid.low,
        "kid_high": score.kid.high,
        "kid_before": score.kid_before.value,
        "gap_closed": score.gap_closed and score.gap_closed.value,
        "fid": score.fid,
        "fid_before": score.fid_before,
        "lpips": None if score.lpips is None else score.lpips.value,
        "edges": score.edges.value,
    }
    return {name: value and round(value, 6) for name, value in figures.items()}


def _write_text(path: Path, text: str) -> None:
    write_atomically(path, lambda part: part.write_text(text))
