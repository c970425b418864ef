"""The training's progress on the screen: images seen, with the losses beside them."""

import math
import sys
import time
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from vidgan.training.job import AnyJob, Told

SHOWN = (
    *("adversarial_ab", "adversarial_ba", "cycle_a", "cycle_b", "discriminator_b"),
    *("output", "feature", "adversarial", "discriminator"),
)
"""Losses for which there is room: of a CycleGAN, of a student."""


LINE_SECONDS = 30.0
"""Between lines where there is no terminal: a bar redrawn ten times a second fills a log."""

_LINE = (
    "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
)


class TrainingBar:
    """Counts images; what an earlier try has done is not counted as speed.

    A bar on a terminal; elsewhere, in the log of a batch system for one, a line now and then.
    """

    def __init__(self, job: AnyJob, *, quiet: bool) -> None:
        self._per_step = job.config.images_per_step
        is_bar = sys.stderr.isatty() and not quiet
        self._bar = tqdm(total=job.config.images, unit="image", disable=not is_bar, desc="training")
        self._lines = None if is_bar or quiet else _Lines(job.config.images)
        self._is_first = True

    def __enter__(self) -> "TrainingBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.leave = self._bar.n > 0  # one that has not moved only stands above an error
        self._bar.close()
        if self._lines is not None:
            self._lines.close()

    def show(self, told: Told) -> None:
        """Move on."""
        before = max(0, told.images - self._per_step) if self._is_first and told.step > 1 else None
        self._is_first = False
        facts = {name: f"{loss:.2f}" for name, loss in told.losses.items() if name in SHOWN}
        facts["data"] = f"{100 * told.waiting:.0f}%"
        if told.skipped:
            facts["skipped"] = str(told.skipped)
        if before is not None:
            self._bar.n = self._bar.initial = before
        self._bar.set_postfix(facts, refresh=False)
        self._bar.update(told.images - self._bar.n)
        if self._lines is not None:
            self._lines.show(told.images, ", ".join(f"{k}={v}" for k, v in facts.items()), before)

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._bar.write(f"warning: {text}", file=sys.stderr)


class _Lines:
    """The same as a bar, a line at the first word, then now and then, and at the end."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._initial = 0
        self._began = time.monotonic()
        self._said_at = -math.inf
        self._latest = self._said = ""

    def show(self, images: int, facts: str, before: int | None) -> None:
        """`before`: what an earlier try has done, where this is the first word of all."""
        self._initial = self._initial if before is None else before
        now = time.monotonic()
        self._latest = tqdm.format_meter(
            n=images,
            total=self._total,
            elapsed=now - self._began,
            initial=self._initial,
            prefix="training",
            unit="image",
            postfix=facts,
            bar_format=_LINE,
        )
        if now - self._said_at >= LINE_SECONDS:
            self._say(now)

    def close(self) -> None:
        """How far it came."""
        if self._latest != self._said:
            self._say(time.monotonic())

    def _say(self, now: float) -> None:
        sys.stderr.write(f"{self._latest}\n")
        sys.stderr.flush()
        self._said, self._said_at = self._latest, now


class FramesBar:
    """Counts frames looked at while they are taken out of films; nothing is shown without films.

    A bar for each domain on a terminal; elsewhere a line for each, at its end.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stderr.isatty()
        self._bars: dict[str, tqdm[NoReturn]] = {}
        self._done: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> "FramesBar":
        return self

    def __exit__(self, *exc_info: object) -> None:
        for bar in self._bars.values():
            bar.close()
        if not self._is_terminal and not self._quiet:
            for domain, (done, total) in self._done.items():
                sys.stderr.write(f"frames of {domain}: looked at {done:,} of {total:,}\n")

    def show(self, domain: str, done: int, total: int) -> None:
        """Move a domain's bar on."""
        if domain not in self._bars:
            self._bars[domain] = tqdm(
                total=total,
                unit="frame",
                disable=self._quiet or not self._is_terminal,
                desc=f"frames of {domain}",
            )
        bar = self._bars[domain]
        bar.total = total
        bar.update(done - bar.n)
        self._done[domain] = done, total

    def say(self, text: str) -> None:
        """A line of its own."""
        tqdm.write(f"warning: {text}", file=sys.stderr)
