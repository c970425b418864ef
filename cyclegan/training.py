"""The training loop: plain, resumable, and without any knowledge of how it was launched."""

import itertools
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from cyclegan.config import (
    DiscriminatorConfig,
    FastConfig,
    GeneratorConfig,
    require,
)
from cyclegan.data import Preprocess, UnpairedImages
from cyclegan.ema import Ema
from cyclegan.networks import PatchDiscriminator, build_generator, init_weights
from cyclegan.pool import ImagePool
from cyclegan.precision import Precision, resolve_dtype
from cyclegan.step import Learner, LossWeights, Networks, StepLosses, train_step

SMALLEST_CROP = 24
"""Pixels; of less, a discriminator makes a single pixel, which has no variance to normalise by."""
CHECK_STEPS = 10
"""How often the losses are looked at: each look waits for the device."""


class TrainingError(ValueError):
    """The training has diverged: losses or weights are no longer finite numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training, whole: with the data it decides every weight.

    Progress counts in images: pairs of one picture of each domain. The defaults are the paper's
    (Zhu et al. 2017, §7.1-7.2) but for the small generator and the average.
    """

    images: int = 200_000
    batch: int = 1
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    flat_share: float = 0.5
    """The share of the images at full rate; the rest goes linearly to zero."""
    loss: LossWeights = field(default_factory=LossWeights)
    preprocess: Preprocess = field(default_factory=Preprocess)
    pool: int = 50
    ema_decay: float = 0.999
    generator: GeneratorConfig = field(default_factory=FastConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    precision: Precision = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.images >= 1, f"images must be 1 or more, not {self.images}")
        require(self.batch >= 1, f"batch must be 1 or more, not {self.batch}")
        require(0 <= self.flat_share <= 1, f"flat_share must be in 0..1, not {self.flat_share}")
        crop, multiple = self.preprocess.crop, self.generator.multiple
        require(crop % multiple == 0, f"crop ({crop}) must be a multiple of {multiple}")
        require(crop >= SMALLEST_CROP, f"crop ({crop}) must be {SMALLEST_CROP} pixels or more")
        require(0 <= self.seed < 2**31, f"seed must be from 0 to 2147483647, not {self.seed}")

    @property
    def steps(self) -> int:
        """How many steps it takes; the last batch may be smaller."""
        return -(-self.images // self.batch)


def lr_scale(images_seen: int, config: TrainConfig) -> float:
    """The factor on both rates for the step that starts after `images_seen` images.

    Flat, then linear; the last step still learns (the reference's last epoch runs at rate zero).
    """
    flat = config.flat_share * config.images
    if images_seen <= flat:
        return 1.0
    return (config.images - images_seen) / (config.images - flat)


class _Stateful(Protocol):
    def load_state_dict(self, state: Any, /) -> Any: ...


@dataclass(slots=True, kw_only=True)
class TrainState:
    """All that changes while training; what a checkpoint holds."""

    networks: Networks
    learner: Learner
    step: int = 0
    is_whole: bool = True
    """False in the middle of a step, when some weights have changed and others not yet."""

    def require_finite(self) -> None:
        """Look at all weights, averages included.

        Raises:
            TrainingError: one of them is infinite or not a number.
        """
        networks = self.networks
        averages = self.learner.ema_ab.network, self.learner.ema_ba.network
        weights = itertools.chain(
            networks.generators(), networks.discriminators(), *(a.parameters() for a in averages)
        )
        _require(all(bool(weight.isfinite().all()) for weight in weights), "weights", self.step)

    def state_dict(self) -> dict[str, object]:
        """Tensors and plain values alone, fit for `torch.load(weights_only=True)`."""
        learner = self.learner
        return {
            "step": self.step,
            "g_ab": self.networks.g_ab.state_dict(),
            "g_ba": self.networks.g_ba.state_dict(),
            "d_a": self.networks.d_a.state_dict(),
            "d_b": self.networks.d_b.state_dict(),
            "optimizer_g": learner.optimizer_g.state_dict(),
            "optimizer_d": learner.optimizer_d.state_dict(),
            "ema_ab": learner.ema_ab.network.state_dict(),
            "ema_ba": learner.ema_ba.network.state_dict(),
            "pool_a": learner.pool_a.state_dict(),
            "pool_b": learner.pool_b.state_dict(),
            "torch_random": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on exactly where `state_dict` was taken."""
        parts: dict[str, _Stateful] = {
            "g_ab": self.networks.g_ab,
            "g_ba": self.networks.g_ba,
            "d_a": self.networks.d_a,
            "d_b": self.networks.d_b,
            "optimizer_g": self.learner.optimizer_g,
            "optimizer_d": self.learner.optimizer_d,
            "ema_ab": self.learner.ema_ab.network,
            "ema_ba": self.learner.ema_ba.network,
            "pool_a": self.learner.pool_a,
            "pool_b": self.learner.pool_b,
        }
        for name, part in parts.items():
            part.load_state_dict(state[name])
        random, step = state["torch_random"], state["step"]
        if not isinstance(random, Tensor) or not isinstance(step, int):
            raise ValueError("not the state of a training")
        torch.set_rng_state(random)
        self.step = step


def new_state(config: TrainConfig, device: torch.device) -> TrainState:
    """Fresh networks with CycleGAN's initial weights, drawn from the configuration's seed."""
    torch.manual_seed(config.seed)
    networks = Networks(
        g_ab=build_generator(config.generator),
        g_ba=build_generator(config.generator),
        d_a=PatchDiscriminator(config.discriminator),
        d_b=PatchDiscriminator(config.discriminator),
    )
    for place, spec in enumerate(fields(networks)):
        network = getattr(networks, spec.name)
        init_weights(network, seed=config.seed * 4 + place)
        network.to(device, memory_format=torch.channels_last)
    learner = Learner(
        optimizer_g=torch.optim.Adam(networks.generators(), config.lr_g, betas=(0.5, 0.999)),
        optimizer_d=torch.optim.Adam(networks.discriminators(), config.lr_d, betas=(0.5, 0.999)),
        pool_a=ImagePool(config.pool, seed=config.seed * 2),
        pool_b=ImagePool(config.pool, seed=config.seed * 2 + 1),
        ema_ab=Ema(networks.g_ab, decay=config.ema_decay),
        ema_ba=Ema(networks.g_ba, decay=config.ema_decay),
    )
    return TrainState(networks=networks, learner=learner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What `report` hears after each step."""

    step: int
    steps: int
    images: int
    lr_scale: float
    losses: StepLosses


def train(
    config: TrainConfig,
    state: TrainState,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    report: Callable[[Progress], None],
    device: torch.device,
) -> None:
    """Train from where `state` stands to the end of the configuration's images.

    `batches` yields (a, b), each (N, 3, crop, crop) float in [-1, 1], and starts at the state's
    own position. `report` is called after each step; what it raises ends the training with the
    state whole, at the end of that step.

    Raises:
        TrainingError: the losses are no longer finite; the state is not whole, and not worth it.
    """
    dtype = resolve_dtype(config.precision, device, training=True)
    for a, b in itertools.islice(batches, config.steps - state.step):
        images_seen = state.step * config.batch
        scale = lr_scale(images_seen, config)
        _set_rate(state.learner.optimizer_g, config.lr_g * scale)
        _set_rate(state.learner.optimizer_d, config.lr_d * scale)
        state.is_whole = False
        step_losses = train_step(
            state.networks,
            state.learner,
            a.to(device, memory_format=torch.channels_last, non_blocking=True),
            b.to(device, memory_format=torch.channels_last, non_blocking=True),
            weights=config.loss,
            dtype=dtype,
            steps=state.step,
        )
        state.step += 1
        if state.step % CHECK_STEPS == 0 or state.step == config.steps:
            _require(_are_finite(step_losses), "losses", state.step)
        state.is_whole = True
        report(
            Progress(
                step=state.step,
                steps=config.steps,
                images=min(state.step * config.batch, config.images),
                lr_scale=scale,
                losses=step_losses,
            )
        )


def _are_finite(losses: StepLosses) -> bool:
    values = torch.stack([getattr(losses, spec.name).float() for spec in fields(losses)])
    return bool(values.isfinite().all())


def _require(is_finite: bool, what: str, step: int) -> None:
    if not is_finite:
        raise TrainingError(
            f"the training has diverged: at step {step} its {what} are not finite numbers; the "
            "last checkpoint, if any, is kept; train anew in another --out with a lower --lr-g "
            "and --lr-d, or with --precision fp32"
        )


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def batches_from(
    dataset: UnpairedImages, *, batch: int, start_step: int, loaders: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of a training from step `start_step` on, in the dataset's own order.

    `loaders` is the number of loader processes; 0 loads in this one.
    """
    rest = Subset(dataset, range(start_step * batch, len(dataset)))
    loader = DataLoader(
        rest,
        batch_size=batch,
        num_workers=loaders,
        worker_init_fn=_ignore_interrupt,
        generator=torch.Generator(),  # else it draws from torch's own, which dropout goes by
    )
    yield from loader


def _ignore_interrupt(worker: int) -> None:
    """Ctrl-C reaches loader processes too; it is the training's own process that must answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
