"""A training on disk: a folder that holds all it takes to go on, and the generators so far.

RUN/config.json      the training, as `TrainConfig`; a resumed run must ask for the same
RUN/checkpoint.pt    the last whole state
RUN/a2b.safetensors  the averaged generators at that state
RUN/b2a.safetensors
RUN/log.jsonl        one line of losses and speed per interval
"""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import FrameType

import torch

from cyclegan.checkpoint import (
    WeightsError,
    load_checkpoint,
    save_checkpoint,
    save_generator,
    write_atomically,
)
from cyclegan.data import UnpairedImages, is_held_out, list_images
from cyclegan.step import StepLosses
from cyclegan.training import Progress, TrainConfig, TrainState, batches_from, new_state, train


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a training is carried out; none of it changes the weights that come out."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    checkpoint_seconds: float = 300.0
    log_steps: int = 50
    loaders: int = 0
    resume: bool = False


def config_to_json(config: TrainConfig) -> str:
    """The configuration as it stands in a run's folder."""
    return json.dumps(asdict(config), indent=2, sort_keys=True) + "\n"


def training_paths(folder: Path) -> list[Path]:
    """The pictures of a domain that are trained on: all but the held-out ones.

    A folder so small that the rule would leave fewer than two is used whole.
    """
    paths = list_images(folder)
    kept = [path for path in paths if not is_held_out(path)]
    return kept if len(kept) >= 2 else paths


def run_training(
    config: TrainConfig,
    a: Path,
    b: Path,
    out: Path,
    *,
    options: RunOptions,
    report: Callable[[Progress], None] = lambda progress: None,
) -> None:
    """Train on two folders of images and keep everything in `out`.

    Ctrl-C ends it after the step in progress, and any exception of `report` at once, with a last
    checkpoint. A failure within a step, which leaves no whole state, keeps the checkpoint before,
    and so does a training that has diverged.

    Raises:
        DataError: a folder cannot be used.
        WeightsError: `out` holds another run, or `resume` finds none that fits.
        TrainingError: losses or weights are no longer finite.
    """
    dataset = UnpairedImages(
        training_paths(a),
        training_paths(b),
        preprocess=config.preprocess,
        seed=config.seed,
        images=config.images,
    )
    state = _open_run(config, out, options)
    recorder = _Recorder(config, state, out, options, report)
    batches = batches_from(
        dataset, batch=config.batch, start_step=state.step, loaders=options.loaders
    )
    try:
        with _interrupt_held() as check:

            def heard(progress: Progress) -> None:
                recorder(progress)
                check()

            train(config, state, batches, report=heard, device=options.device)
    finally:
        if state.is_whole and state.step > 0:
            recorder.save()


def _open_run(config: TrainConfig, out: Path, options: RunOptions) -> TrainState:
    config_file, checkpoint = out / "config.json", out / "checkpoint.pt"
    text = config_to_json(config)
    state = new_state(config, options.device)
    if options.resume:
        if _is_other(config_file, text):
            raise WeightsError(
                f"{out} was trained with other settings (see {config_file}): "
                "resume with the same ones, or choose another --out"
            )
        _restore(state, checkpoint)
        return state
    if checkpoint.exists():
        raise WeightsError(f"{out} holds a run already: add --resume, or choose another --out")
    if _is_other(config_file, text):
        raise WeightsError(
            f"{config_file} is of a training with other settings: remove it, "
            "or choose another --out"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(config_file, lambda part: part.write_bytes(text.encode()))
    except OSError as exc:
        raise WeightsError(
            f"{out} cannot be written ({exc.strerror}): choose another --out"
        ) from exc
    return state


def _is_other(config_file: Path, text: str) -> bool:
    """Whether a configuration is there, and is another; JSON of ours is ASCII."""
    return config_file.is_file() and config_file.read_bytes() != text.encode()


def _restore(state: TrainState, checkpoint: Path) -> None:
    content = load_checkpoint(checkpoint)
    try:
        state.load_state_dict(content)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as exc:
        raise WeightsError(
            f"{checkpoint} is not of a training with these settings: "
            "resume with the same ones, or choose another --out"
        ) from exc


@contextmanager
def _interrupt_held() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the callable this yields is called, so that it never splits a step.

    A second Ctrl-C does what it always does. Outside the main thread nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield lambda: None
        return
    pressed: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, before)

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hold)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


class _Recorder:
    """Hears each step; logs now and then, saves now and then, and passes the word on."""

    def __init__(
        self,
        config: TrainConfig,
        state: TrainState,
        out: Path,
        options: RunOptions,
        report: Callable[[Progress], None],
    ) -> None:
        self._config, self._state, self._out = config, state, out
        self._options, self._report = options, report
        self._saved_at = self._logged_at = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.step % self._options.log_steps == 0:
            self._log(progress)
        if time.monotonic() - self._saved_at >= self._options.checkpoint_seconds:
            self.save()
        self._report(progress)

    def save(self) -> None:
        """Write the state and both averaged generators.

        Raises:
            TrainingError: they are not finite; the files stay as they were.
        """
        self._state.require_finite()
        learner = self._state.learner
        save_checkpoint(self._state.state_dict(), self._out / "checkpoint.pt")
        for name, ema in (("a2b", learner.ema_ab), ("b2a", learner.ema_ba)):
            save_generator(ema.network, self._config.generator, self._out / f"{name}.safetensors")
        self._saved_at = time.monotonic()

    def _log(self, progress: Progress) -> None:
        now = time.monotonic()
        line = {
            "step": progress.step,
            "images": progress.images,
            "lr_scale": round(progress.lr_scale, 6),
            "seconds_per_step": round((now - self._logged_at) / self._options.log_steps, 4),
            **loss_values(progress.losses),
        }
        self._logged_at = now
        with (self._out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")


def loss_values(losses: StepLosses) -> dict[str, float]:
    """The losses as plain numbers, by name."""
    return {spec.name: round(float(getattr(losses, spec.name)), 5) for spec in fields(losses)}
