"""One step of a student: a small generator that learns to do what a big one, its teacher, does.

Names: x are pictures of the teacher's own domain, (N, C, H, W) in [-1, 1]; taught = teacher(x) and
made = student(x); the discriminator takes the teacher's pictures for real, or real ones of the
domain that it translates to, where there are such: then a student can surpass its teacher. The
three terms are those of GAN compression (Li et al. 2020, §3.1): where there is a teacher, an
unpaired problem becomes a paired one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from cyclegan import losses, neighbours
from cyclegan.config import GanMode, IdentityConfig
from cyclegan.ema import Ema
from cyclegan.networks import (
    FastGenerator,
    Generator,
    IdentityGenerator,
    ResnetGenerator,
    UnetGenerator,
)
from cyclegan.step import bare, put_back, saved_buffers, update

SHARES = (0.0, 1 / 3, 2 / 3, 1.0)
"""Of the residual blocks, after which features are compared (Li et al. 2020 take four such)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentWeights:
    """What a student is asked for."""

    gan_mode: GanMode = "lsgan"
    output: float = 10.0
    """Of the mean absolute difference from the teacher's picture."""
    feature: float = 1.0
    """Of the difference of features, as a share of their power."""
    adversarial: float = 1.0
    """0 does without a discriminator."""
    stability: float = 0.0
    """Of what a small movement and noise change; 0 costs nothing (see `neighbours`)."""
    stability_noise: float = 4.0
    """Standard deviation of that noise, in levels of 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentLosses:
    """The losses of one step, before weighting, as scalar tensors on the training device."""

    output: Tensor
    feature: Tensor
    adversarial: Tensor
    stability: Tensor
    discriminator: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentResult:
    """What a step saw; this worker's part of it."""

    losses: StudentLosses
    x: Tensor
    taught: Tensor
    made: Tensor
    skipped: bool
    """A gradient was not a finite number, and its weights were left as they were."""


class Tapped(nn.Module):
    """A generator that also gives what some of its layers compute, projected or as it is."""

    def __init__(
        self, network: nn.Module, layers: Sequence[nn.Module], projections: Sequence[nn.Module]
    ) -> None:
        super().__init__()
        self.network = network
        self.projections = nn.ModuleList(projections)
        self._heard: list[Tensor] = []
        for layer in layers:
            layer.register_forward_hook(self._hear)

    def _hear(self, layer: nn.Module, inputs: object, output: Tensor) -> None:
        self._heard.append(output)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, C, H, W) -> the network's picture, and features in the order of the layers."""
        self._heard.clear()
        made = self.network(x)
        features, self._heard = self._heard, []
        if self.projections:
            pairs = zip(self.projections, features, strict=True)
            features = [projection(feature) for projection, feature in pairs]
        return made, features


def tapped_student(student: Generator, teacher: Generator) -> Tapped:
    """The student with features as wide as the teacher's: a learned 1x1 convolution after each
    layer that is compared bridges the widths (Li et al. 2020, eq. 3).
    """
    layers = [mine for mine, _ in compared_layers(student, teacher)]
    widths = _stream_width(student), _stream_width(teacher)
    return Tapped(student, layers, [nn.Conv2d(*widths, 1) for _ in layers])


def tapped_teacher(student: Generator, teacher: Generator) -> Tapped:
    """The teacher with its features as they are."""
    return Tapped(teacher, [theirs for _, theirs in compared_layers(student, teacher)], [])


def compared_layers(student: Generator, teacher: Generator) -> list[tuple[nn.Module, nn.Module]]:
    """Layers of both whose features have the same sides, at the same share of the depth.

    These are residual streams at a quarter of the picture's side, which residual and fast
    generators have in common; of a U-Net, whose layers do other things, there are none.
    """
    mine, theirs = _residual_stream(student), _residual_stream(teacher)
    if not (mine and theirs):
        return []
    last = len(mine) - 1, len(theirs) - 1
    places = sorted({(round(share * last[0]), round(share * last[1])) for share in SHARES})
    return [(mine[place], theirs[their_place]) for place, their_place in places]


def _residual_stream(network: Generator) -> list[nn.Module]:
    """The layers after which the stream of the residual blocks can be read, where there is one."""
    match network:
        case ResnetGenerator(model=model):
            return list(model[9 : 10 + network.config.blocks])
        case FastGenerator():
            return [network.down, *network.blocks]
        case UnetGenerator() | IdentityGenerator():
            return []


def _stream_width(network: Generator) -> int:
    """Channels of the stream, where there is one."""
    config = network.config
    return 0 if isinstance(config, IdentityConfig) else 4 * config.filters


@dataclass(slots=True, kw_only=True)
class Lesson:
    """All that a step works with; the teacher alone it does not change."""

    teacher: nn.Module
    student: nn.Module
    discriminator: nn.Module
    optimizer_g: Optimizer
    optimizer_d: Optimizer
    scaler_g: GradScaler
    scaler_d: GradScaler
    ema: Ema
    weights: StudentWeights
    dtype: torch.dtype
    """What convolutions compute in: autocast when it is not float32."""


def distill_step(
    lesson: Lesson, x: Tensor, target: Tensor | None = None, *, steps: int
) -> StudentResult:
    """Change the student and the discriminator once for one batch; `steps` were taken before.

    `target`, (N, C, H, W) in [-1, 1] as `x`, is what the discriminator takes for real; without it
    that is what the teacher makes of `x`. As in `step.train_step`, a gradient that is not finite
    changes nothing.
    """
    weights = lesson.weights
    autocast = torch.autocast(x.device.type, lesson.dtype, enabled=lesson.dtype != torch.float32)
    with torch.no_grad(), autocast:
        taught, shown = lesson.teacher(x)
    taught = taught.float()
    statistics = saved_buffers(lesson.discriminator)

    # The student, against a discriminator that holds still.
    lesson.discriminator.requires_grad_(False)
    lesson.optimizer_g.zero_grad(set_to_none=True)
    with autocast:
        made, features = lesson.student(x)
        output = F.l1_loss(made.float(), taught)
        feature = feature_loss(features, shown) if shown else x.new_zeros(())
        adversarial = x.new_zeros(())
        if weights.adversarial > 0:
            judged = bare(lesson.discriminator)(made)
            adversarial = losses.generator_loss(judged, mode=weights.gan_mode)
        stability = x.new_zeros(())
        if weights.stability > 0:
            stability = neighbours.unsteadiness(
                lambda neighbour: lesson.student(neighbour)[0],
                x,
                made,
                levels=weights.stability_noise,
            )
        total = (
            weights.output * output
            + weights.feature * feature
            + weights.adversarial * adversarial
            + weights.stability * stability
        )
    lesson.scaler_g.scale(total).backward()  # type: ignore[no-untyped-call]
    moved = update(lesson.optimizer_g, lesson.scaler_g)
    lesson.discriminator.requires_grad_(True)
    made = made.detach().float()

    # The discriminator, on what is to be taken for real and on the student's pictures.
    discriminator, judged_well = x.new_zeros(()), True
    if moved and weights.adversarial > 0:
        lesson.optimizer_d.zero_grad(set_to_none=True)
        with autocast:
            real = lesson.discriminator(taught if target is None else target)
            fake = lesson.discriminator(made)
            discriminator = losses.discriminator_loss(real, fake, mode=weights.gan_mode)
        lesson.scaler_d.scale(discriminator).backward()  # type: ignore[no-untyped-call]
        judged_well = update(lesson.optimizer_d, lesson.scaler_d)
    if not (moved and judged_well):
        put_back(statistics)

    # The average.
    if moved:
        tapped = bare(lesson.student)
        assert isinstance(tapped, Tapped)
        lesson.ema.update(tapped.network, steps=steps)

    return StudentResult(
        losses=StudentLosses(
            output=output.detach(),
            feature=feature.detach(),
            adversarial=adversarial.detach(),
            stability=stability.detach(),
            discriminator=discriminator.detach(),
        ),
        x=x,
        taught=taught,
        made=made,
        skipped=not (moved and judged_well),
    )


def feature_loss(features: Sequence[Tensor], shown: Sequence[Tensor]) -> Tensor:
    """Mean squared difference, as a share of the mean square of what the teacher shows.

    The share makes one weight fit teachers whose features are of any scale; 1 is what a student
    has that says nothing at all.
    """
    parts = [
        F.mse_loss(mine.float(), theirs.float()) / theirs.float().square().mean().clamp_min(1e-8)
        for mine, theirs in zip(features, shown, strict=True)
    ]
    return torch.stack(parts).mean()
