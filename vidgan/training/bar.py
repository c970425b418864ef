"""The training's progress on the screen: images seen, with the losses beside them."""

import sys
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from vidgan.training.job import Job, Told

SHOWN = ("adversarial_ab", "adversarial_ba", "cycle_a", "cycle_b", "discriminator_b")


class TrainingBar:
    """Counts images; what an earlier try has done is not counted as speed."""

    def __init__(self, job: Job, *, quiet: bool) -> None:
        self._per_step = job.config.images_per_step
        self._bar = tqdm(total=job.config.images, unit="image", disable=quiet, desc="training")
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

    def show(self, told: Told) -> None:
        """Move on."""
        if self._is_first and told.step > 1:
            self._bar.n = self._bar.initial = max(0, told.images - self._per_step)
        self._is_first = False
        facts = {name: f"{told.losses[name]:.2f}" for name in SHOWN}
        facts["data"] = f"{100 * told.waiting:.0f}%"
        if told.skipped:
            facts["skipped"] = str(told.skipped)
        self._bar.set_postfix(facts, refresh=False)
        self._bar.update(told.images - self._bar.n)

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._bar.write(f"warning: {text}", file=sys.stderr)


class FramesBar:
    """Counts frames looked at while they are taken out of films; nothing is shown without films."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bars: dict[str, tqdm[NoReturn]] = {}

    def __enter__(self) -> "FramesBar":
        return self

    def __exit__(self, *exc_info: object) -> None:
        for bar in self._bars.values():
            bar.close()

    def show(self, domain: str, done: int, total: int) -> None:
        """Move a domain's bar on."""
        if domain not in self._bars:
            self._bars[domain] = tqdm(
                total=total, unit="frame", disable=self._quiet, desc=f"frames of {domain}"
            )
        bar = self._bars[domain]
        bar.total = total
        bar.update(done - bar.n)

    def say(self, text: str) -> None:
        """A line of its own."""
        tqdm.write(f"warning: {text}", file=sys.stderr)
