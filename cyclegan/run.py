"""A run: a training that is written down, watched, stopped and taken up again."""

import contextlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Generic, Protocol

import torch

from cyclegan.checkpoint import WeightsError, load_checkpoint
from cyclegan.data import Crops
from cyclegan.failures import named_failures
from cyclegan.interrupt import interrupt_held
from cyclegan.learning import Learning, R, R_contra, S, S_contra
from cyclegan.memory import is_of_memory
from cyclegan.recorder import Recorder
from cyclegan.run_folder import RunFolder
from cyclegan.state import Adjustments, State, TrainingError, restore
from cyclegan.team import Alone, Team
from cyclegan.train_config import TrainConfig
from cyclegan.training import CycleLearning, Progress, batches_from, learn


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a training is carried out; none of it changes the weights that come out."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    checkpoint_seconds: float = 300.0
    keep_images: int = 0
    """Both generators are kept for good each time so many images were seen; 0: never."""
    log_steps: int = 50
    loader_threads: int = 0
    """Load pictures ahead; 0 loads them when asked."""
    resume: bool = False


class Watcher(Protocol[S_contra, R_contra]):
    """Looks on as rank 0 trains: pictures, charts, metrics. What it raises ends the training."""

    def hear(self, progress: Progress[R_contra], state: S_contra) -> None:
        """After each step."""

    def close(self) -> None:
        """When the training ends, however it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """What to do about a training that fails: go back to the last healthy state and change this."""

    adjustments: Adjustments


class Guard(Protocol[S_contra, R_contra]):
    """Watches for what makes trainings fail; see `cyclegan.guard`."""

    def look(self, progress: Progress[R_contra], state: S_contra) -> Intervention | None:
        """After each step, in rank 0: what to do, if anything.

        Raises:
            TrainingError: it has tried all it knows.
        """

    @property
    def is_healthy(self) -> bool:
        """Whether it sees nothing wrong at present."""

    @property
    def wants_save(self) -> bool:
        """Whether the state of this step should be saved, to come back to."""

    def state_dict(self) -> State:
        """What it must remember over a stop; plain values."""

    def load_state_dict(self, state: State) -> None:
        """Go on where `state_dict` was taken."""

    def went_back(self, state: S_contra) -> None:
        """The training stands at an earlier step again."""


class Unguarded(Generic[S_contra, R_contra]):
    """Nobody watches."""

    is_healthy = True
    wants_save = False

    def look(self, progress: Progress[R_contra], state: S_contra) -> Intervention | None:
        """Nothing to say."""

    def state_dict(self) -> State:
        """Nothing to remember."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing was remembered."""

    def went_back(self, state: S_contra) -> None:
        """Nothing to forget."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the training to stop; its last state is saved."""


class _GoBack(Exception):
    def __init__(self, intervention: Intervention) -> None:
        super().__init__()
        self.intervention = intervention


class _Verdict(IntEnum):
    """What all workers do after a step; rank 0 decides."""

    GO_ON = 0
    SAVE = 1
    STOP = 2
    GO_BACK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners(Generic[S, R]):
    """Who is told, and who is asked, while rank 0 trains."""

    report: Callable[[Progress[R]], None] = lambda progress: None
    """Hears each step; in a single process what it raises ends the training."""
    warn: Callable[[str], None] = lambda warning: None
    """Hears what went wrong without ending the training, in one line."""
    should_stop: Callable[[], bool] = lambda: False
    """Is asked after each step."""
    watchers: Sequence[Watcher[S, R]] = ()
    guard: Guard[S, R] = field(default_factory=Unguarded)


def run_training(
    config: TrainConfig,
    dataset: Crops,
    out: Path,
    *,
    options: RunOptions,
    listeners: Listeners | None = None,
    team: Team | None = None,
) -> None:
    """Train a CycleGAN: `run_learning`, on pictures of two domains.

    Where the configuration names networks to begin with they are in `RunFolder.start`.
    """
    learning = CycleLearning(config, RunFolder(out).start if config.start else None)
    run_learning(learning, dataset, out, options=options, listeners=listeners, team=team)


def run_learning(
    learning: Learning[S, R],
    dataset: Crops,
    out: Path,
    *,
    options: RunOptions,
    listeners: Listeners[S, R] | None = None,
    team: Team | None = None,
) -> None:
    """Train on `dataset` and keep everything in `out`; each worker of a team calls this.

    Rank 0 alone writes, and has listeners. Ctrl-C, or `should_stop`, ends the training after the
    step in progress with a last checkpoint. A failure within a step, which leaves no whole state,
    keeps the checkpoint before, and so does a training that has diverged.

    Raises:
        WeightsError: `out` holds another run, or `resume` finds none that fits.
        TrainingError: losses or weights are no longer finite, the guard has given up, memory
            does not suffice, or the networks cannot be compiled.
        Stopped: it was asked to stop.
    """
    listeners = listeners or Listeners()
    with named_failures(learning.config), ExitStack() as stack:
        run = _Run(
            learning,
            dataset,
            RunFolder(out),
            options=options,
            listeners=listeners,
            team=team or Alone(),
        )
        for watcher in listeners.watchers:
            stack.callback(watcher.close)
        run.open()
        with interrupt_held() as pressed:
            run.train(pressed)


class _Run(Generic[S, R]):
    """One worker's part of a run."""

    def __init__(
        self,
        learning: Learning[S, R],
        dataset: Crops,
        folder: RunFolder,
        *,
        options: RunOptions,
        listeners: Listeners[S, R],
        team: Team,
    ) -> None:
        self._learning, self._config = learning, learning.config
        self._dataset, self._folder = dataset, folder
        self._options, self._listeners, self._team = options, listeners, team
        self._guard = listeners.guard
        self._state = learning.new_state(options.device, rank=team.rank)
        self._recorder = Recorder(
            folder,
            self._config,
            self._state,
            team,
            log_steps=options.log_steps,
            checkpoint_seconds=options.checkpoint_seconds,
            keep_images=options.keep_images,
            warn=listeners.warn,
        )

    def open(self) -> None:
        """Begin a new run, or take up the one that is there."""
        content: State | None = None
        problem: str | None = None
        if self._team.rank == 0:
            try:
                content = self._find()
            except WeightsError as error:
                problem = str(error)
        if problem := self._team.share(problem):
            raise WeightsError(problem)
        if self._team.agree(content is not None):
            self._restore(content, self._folder.checkpoint)
        else:
            self._learning.begin(self._state)
        self._guard.load_state_dict(self._state.guard)
        if self._team.rank == 0:
            self._folder.cut_log(self._state.step)

    def _find(self) -> State | None:
        if self._options.resume:
            return self._folder.state_to_resume(self._config)
        self._folder.begin(self._config)
        return None

    def train(self, pressed: Callable[[], bool]) -> None:
        """To the end of the images, with every detour on which the guard sends it."""
        while True:
            try:
                self._train_on(pressed)
            except _GoBack as back:
                self._go_back(back.intervention)
                continue
            except BaseException as error:
                # If one worker of several fails, no state of all of them can be had.
                in_step = self._team.size == 1 or isinstance(error, Stopped)
                has_failed = isinstance(error, TrainingError)
                if in_step and self._state.is_whole and self._state.step > 0 and not has_failed:
                    # A stop may fall on a step whose state the guard wanted to keep.
                    is_kept = isinstance(error, Stopped) and self._guard.wants_save
                    self._recorder.save(healthy=is_kept)
                raise
            break
        self._recorder.save(healthy=self._guard.is_healthy)

    def _train_on(self, pressed: Callable[[], bool]) -> None:
        def heard(progress: Progress[R]) -> None:
            judged = self._judge(progress, pressed) if self._team.rank == 0 else _Verdict.GO_ON
            self._obey(judged)

        batches = batches_from(
            self._dataset,
            self._config,
            start_step=self._state.step,
            rank=self._team.rank,
            threads=self._options.loader_threads,
        )
        with contextlib.closing(batches):
            learn(
                self._learning,
                self._state,
                batches,
                report=heard,
                device=self._options.device,
                team=self._team,
            )

    def _judge(self, progress: Progress[R], pressed: Callable[[], bool]) -> Intervention | _Verdict:
        """What is to be done after a step; rank 0's word."""
        listeners = self._listeners
        self._recorder.hear(progress)
        for watcher in listeners.watchers:
            watcher.hear(progress, self._state)
        intervention = self._guard.look(progress, self._state)
        self._state.guard = self._guard.state_dict()
        listeners.report(progress)
        if intervention is not None:
            return intervention
        if pressed() or listeners.should_stop():
            return _Verdict.STOP
        is_due = self._recorder.is_due() or self._guard.wants_save
        return _Verdict.SAVE if is_due else _Verdict.GO_ON

    def _obey(self, judged: Intervention | _Verdict) -> None:
        """What rank 0 has judged, done by all."""
        wanted = judged if isinstance(judged, _Verdict) else _Verdict.GO_BACK
        match _Verdict(self._team.agree(wanted)):
            case _Verdict.GO_ON:
                pass
            case _Verdict.SAVE:
                # Those by the clock are not for going back to: it would depend on the machine.
                self._recorder.save(healthy=self._guard.wants_save)
            case _Verdict.STOP:
                raise Stopped
            case _Verdict.GO_BACK:
                intervention = self._team.share(judged)
                assert isinstance(intervention, Intervention)
                raise _GoBack(intervention)

    def _go_back(self, intervention: Intervention) -> None:
        """To the last healthy state, or to the very beginning, with one thing changed."""
        healthy = self._folder.healthy
        content = None
        if self._team.rank == 0 and healthy.exists():
            content = load_checkpoint(healthy)
        if self._team.agree(content is not None):
            self._restore(content, healthy)
        else:
            fresh = self._learning.new_state(self._options.device, rank=self._team.rank)
            self._learning.begin(fresh)
            self._state.load(fresh.shared(), fresh.own())
        self._state.adjustments = intervention.adjustments
        self._guard.went_back(self._state)
        self._state.guard = self._guard.state_dict()
        self._recorder.save(healthy=True)  # or a crash would bring back what was left behind

    def _restore(self, content: State | None, source: Path) -> None:
        try:
            restore(self._state, content, self._team)
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as exc:
            if is_of_memory(exc):
                raise
            raise WeightsError(
                f"{source} is not of a training with these settings: "
                "resume with the same ones, or choose another --out"
            ) from exc
