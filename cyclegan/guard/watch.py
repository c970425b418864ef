"""The guard of a training: looks now and then, tells what it finds, and steps in if it may."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cyclegan.guard.detectors import AT_ONCE, symptoms
from cyclegan.guard.evidence import Seen, look
from cyclegan.guard.journal import Journal, event_of
from cyclegan.guard.memory import Course, Looks, Tries, course_from_plain, tries_from_plain
from cyclegan.guard.remedies import REMEDIES, Change, remedy_for
from cyclegan.guard.rivals import not_finite
from cyclegan.guard.values import Kind, Look, Symptom
from cyclegan.guard.window import Window
from cyclegan.run import Intervention
from cyclegan.state import State, TrainingError, TrainState
from cyclegan.step import StepResult
from cyclegan.train_config import LossWeights, TrainConfig
from cyclegan.training import MOST_SKIPPED, Progress

MOST_TOLD = 3
"""Findings in the report of a guard that gives up."""

STUCK = MOST_SKIPPED - 5
"""Skipped steps in a row after which something is said, before the training ends of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardSettings:
    """How a guard goes about it, in steps of the training or looks."""

    every: int = 50
    """Steps from look to look."""
    window: int = 8
    """Looks that are judged together."""
    try_every: int = 4
    """Looks from one trial of the way back to the next: it takes eight passes of a generator."""
    tries: int = 4
    """Interventions, before it gives up."""
    save_every: int = 1000
    """Steps after which a guard that acts wants a healthy state saved."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    symptom: Symptom
    change: Change
    step: int
    images: int


class TrainingGuard:
    """Watches one training, in its first worker. Of `warn` and `act`, only `act` changes weights.

    What it does depends on the training's steps alone, and its random numbers are its own.
    """

    def __init__(
        self, config: TrainConfig, journal: Journal, *, settings: GuardSettings | None = None
    ) -> None:
        self._config, self._journal = config, journal
        self._settings = settings or GuardSettings()
        self._course = self._new_course()
        self._tries = Tries()
        self._attempt: _Attempt | None = None
        self._wants_save = False

    def look(self, progress: Progress[StepResult], state: TrainState) -> Intervention | None:
        """After each step; what to do, if anything.

        Raises:
            TrainingError: all tries are used up.
        """
        course = self._course
        self._wants_save = False
        course.in_a_row = course.in_a_row + 1 if progress.result.skipped else 0
        course.is_due |= progress.step % self._settings.every == 0
        if course.in_a_row == STUCK:
            stuck = not_finite(STUCK, STUCK, in_a_row=STUCK)
            return self._weigh([(stuck, AT_ONCE)] if stuck else [], progress, state)
        if not course.is_due or progress.result.skipped:
            return None
        course.looks.add(self._measure(progress, state))
        window = Window(
            looks=list(course.looks), config=self._config, adjustments=state.adjustments
        )
        return self._weigh(symptoms(window), progress, state)

    @property
    def is_healthy(self) -> bool:
        """Whether it has looked well, and seen nothing that it would have to mend."""
        course = self._course
        return course.looks.is_full and not course.in_a_row and not course.streaks.any_of(REMEDIES)

    @property
    def wants_save(self) -> bool:
        """Whether this is a state to come back to."""
        return self._wants_save

    def state_dict(self) -> State:
        """Looks, findings, tries and events, as plain values."""
        return {
            "course": self._course.to_plain(),
            "tries": self._tries.to_plain(),
            "events": self._journal.to_plain(),
        }

    def load_state_dict(self, state: State) -> None:
        """Go on where `state_dict` was taken; anew after a part that nobody watched."""
        try:
            self._course = course_from_plain(state["course"], most=self._settings.window)
            self._tries = tries_from_plain(state["tries"])
            self._journal.from_plain(state["events"])
        except (KeyError, TypeError, ValueError):
            self._course, self._tries = self._new_course(), Tries()
            self._journal.from_plain([])

    def went_back(self, state: TrainState) -> None:
        """Look afresh from there, and say so."""
        lasting = self._course.streaks.without(REMEDIES)
        self._course = self._new_course(step=state.step, skipped=state.skipped)
        self._course.streaks = lasting
        if (attempt := self._attempt) is None:
            return
        self._attempt = None
        where = f"back to step {state.step}" if state.step else "back to the start"
        done = f"{where}, {attempt.change.words} (try {len(self._tries)})"
        self._journal.say(
            event_of(
                attempt.symptom, "acted", step=attempt.step, images=attempt.images, remedy=done
            )
        )

    def _new_course(self, *, step: int = 0, skipped: int = 0) -> Course:
        looks = Looks(self._settings.window)
        return Course(looks=looks, step=step, skipped=skipped, saved_at=step)

    def _measure(self, progress: Progress[StepResult], state: TrainState) -> Look:
        course, result = self._course, progress.result
        assert result.scores is not None, "only a skipped step has none"
        averages = state.learner.ema_ab.network, state.learner.ema_ba.network
        seen = look(
            Seen(
                images=result.images,
                losses=result.losses,
                scores=result.scores,
                weights=self._weights(state),
            ),
            step=progress.step,
            steps=progress.step - course.step,
            skipped=progress.skipped - course.skipped,
            ways=averages if course.count % self._settings.try_every == 0 else None,
        )
        course.step, course.skipped = progress.step, progress.skipped
        course.count += 1
        course.is_due = False
        return seen

    def _weights(self, state: TrainState) -> LossWeights:
        loss = self._config.loss
        return replace(loss, cycle=state.adjustments.cycle_weight(loss.cycle))

    def _weigh(
        self,
        found: Sequence[tuple[Symptom, int]],
        progress: Progress[StepResult],
        state: TrainState,
    ) -> Intervention | None:
        course = self._course
        new, passed = course.streaks.hear(found)
        step, images = progress.step, progress.images
        for symptom in new:
            self._journal.say(event_of(symptom, "found", step=step, images=images))
        for symptom in passed:
            self._journal.say(event_of(symptom, "passed", step=step, images=images))
        if self._config.guard != "act":
            return None
        urgent = [
            symptom
            for symptom, _ in found
            if symptom.kind in REMEDIES
            and course.streaks.is_raised(symptom)
            and not symptom.is_fading
        ]
        if urgent:
            return self._intervene(min(urgent, key=_gravity), progress, state)
        if self.is_healthy and progress.step - course.saved_at >= self._settings.save_every:
            self._wants_save, course.saved_at = True, progress.step
        return None

    def _intervene(
        self, symptom: Symptom, progress: Progress[StepResult], state: TrainState
    ) -> Intervention:
        step, images = progress.step, progress.images
        if len(self._tries) == self._settings.tries:
            words = f"gave up after {len(self._tries)} tries"
            self._journal.say(event_of(symptom, "gave up", step=step, images=images, remedy=words))
            raise TrainingError(self._report(symptom, step))
        before = self._tries.kinds.count(symptom.kind)
        change = remedy_for(symptom.kind, before, self._config, state.adjustments)
        self._tries.kinds.append(symptom.kind)
        self._tries.changes.append(change.words)
        self._attempt = _Attempt(symptom, change, step, images)
        return Intervention(adjustments=change.adjustments)

    def _report(self, symptom: Symptom, step: int) -> str:
        others = [each for each in self._course.streaks.raised() if each.title != symptom.title]
        shown = [symptom, *sorted(others, key=_gravity)[: MOST_TOLD - 1]]
        findings = "; ".join(f"{each.title}: {each.evidence}" for each in shown)
        remedies = "; ".join(dict.fromkeys(each.remedy for each in shown))
        return (
            f"{self._journal.file.parent}: the guard gives up at step {step} after "
            f"{len(self._tries)} tries ({', '.join(self._tries.changes)}). {findings}. "
            f"Train anew in another --out: {remedies}"
        )


def _gravity(symptom: Symptom) -> int:
    return list(Kind).index(symptom.kind)
