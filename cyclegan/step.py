"""One training step of a CycleGAN: generators, then discriminators, then the averages.

Names: a and b are images of the two domains, (N, C, H, W) in [-1, 1]; fake_b = g_ab(a) and
cycled_a = g_ba(fake_b); d_b judges domain B.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.utils.checkpoint import checkpoint

from cyclegan import losses, neighbours
from cyclegan.ema import Ema
from cyclegan.losses import Scores
from cyclegan.perceptual import perceptual_distance
from cyclegan.pool import ImagePool
from cyclegan.train_config import LossWeights


@dataclass(slots=True, kw_only=True)
class Networks:
    """The four networks, bare or wrapped for DDP."""

    g_ab: nn.Module
    g_ba: nn.Module
    d_a: nn.Module
    d_b: nn.Module

    def generators(self) -> Iterator[nn.Parameter]:
        """The parameters of both generators."""
        yield from self.g_ab.parameters()
        yield from self.g_ba.parameters()

    def discriminators(self) -> Iterator[nn.Parameter]:
        """The parameters of both discriminators."""
        yield from self.d_a.parameters()
        yield from self.d_b.parameters()

    def all(self) -> tuple[nn.Module, ...]:
        """The four."""
        return self.g_ab, self.g_ba, self.d_a, self.d_b


@dataclass(slots=True, kw_only=True)
class Learner:
    """All that a step changes besides the networks."""

    optimizer_g: Optimizer
    optimizer_d: Optimizer
    scaler_g: GradScaler
    scaler_d: GradScaler
    pool_a: ImagePool
    pool_b: ImagePool
    ema_ab: Ema
    ema_ba: Ema


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLosses:
    """The losses of one step, before weighting, as scalar tensors on the training device."""

    adversarial_ab: Tensor
    adversarial_ba: Tensor
    cycle_a: Tensor
    cycle_b: Tensor
    identity_a: Tensor
    identity_b: Tensor
    stability_ab: Tensor
    stability_ba: Tensor
    perceptual_ab: Tensor
    perceptual_ba: Tensor
    discriminator_a: Tensor
    discriminator_b: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class StepImages:
    """What went through the generators, each (N, C, H, W), about [-1, 1], without gradients."""

    a: Tensor
    b: Tensor
    fake_a: Tensor
    fake_b: Tensor
    cycled_a: Tensor
    cycled_b: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScores:
    """What the discriminators said, as raw scores; of fakes that came out of the pools."""

    real_a: Scores
    real_b: Scores
    fake_a: Scores
    fake_b: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step saw; this worker's part of it."""

    losses: StepLosses
    images: StepImages
    scores: StepScores | None
    """None where the generators' part was skipped: then there is nothing to judge."""
    skipped: bool
    """A gradient was not a finite number, and its weights were left as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """What may differ from step to step."""

    weights: LossWeights
    dtype: torch.dtype
    """What convolutions compute in: autocast when it is not float32."""
    instance_noise: float = 0.0
    """Standard deviation of noise added to all that discriminators see (Sonderby et al. 2017)."""


def train_step(
    networks: Networks,
    learner: Learner,
    a: Tensor,
    b: Tensor,
    *,
    settings: StepSettings,
    steps: int,
) -> StepResult:
    """Change all weights once for one batch of each domain; `steps` were taken before.

    A non-finite gradient changes nothing: of the generators, then neither do the
    discriminators, which would learn from what no longer are pictures. DDP averages gradients
    before they are looked at, so all workers skip the same steps.
    """
    autocast = torch.autocast(
        a.device.type, settings.dtype, enabled=settings.dtype != torch.float32
    )

    statistics = saved_buffers(*networks.all())

    # Generators, against discriminators that hold still.
    for parameter in networks.discriminators():
        parameter.requires_grad_(False)
    learner.optimizer_g.zero_grad(set_to_none=True)
    with autocast:
        total, images, parts = _generator_losses(networks, a, b, settings)
    learner.scaler_g.scale(total).backward()  # type: ignore[no-untyped-call]
    moved = update(learner.optimizer_g, learner.scaler_g)
    for parameter in networks.discriminators():
        parameter.requires_grad_(True)
    if not moved:
        put_back(statistics)
        nothing = a.new_full((), torch.nan)
        step_losses = StepLosses(**parts, discriminator_a=nothing, discriminator_b=nothing)
        return StepResult(losses=step_losses, images=images, scores=None, skipped=True)

    # Discriminators, on what the generators drew now or a while ago.
    learner.optimizer_d.zero_grad(set_to_none=True)
    old_a = learner.pool_a.exchange(images.fake_a.float())
    old_b = learner.pool_b.exchange(images.fake_b.float())
    with autocast:
        scores = StepScores(
            real_a=networks.d_a(_noisy(a, settings)),
            fake_a=networks.d_a(_noisy(old_a, settings)),
            real_b=networks.d_b(_noisy(b, settings)),
            fake_b=networks.d_b(_noisy(old_b, settings)),
        )
        mode = settings.weights.gan_mode
        loss_a = losses.discriminator_loss(scores.real_a, scores.fake_a, mode=mode)
        loss_b = losses.discriminator_loss(scores.real_b, scores.fake_b, mode=mode)
    learner.scaler_d.scale(loss_a + loss_b).backward()  # type: ignore[no-untyped-call]
    judged = update(learner.optimizer_d, learner.scaler_d)

    if not judged:
        put_back(statistics)

    # Averages.
    learner.ema_ab.update(bare(networks.g_ab), steps=steps)
    learner.ema_ba.update(bare(networks.g_ba), steps=steps)

    return StepResult(
        losses=StepLosses(
            **parts, discriminator_a=loss_a.detach(), discriminator_b=loss_b.detach()
        ),
        images=images,
        scores=scores,
        skipped=not judged,
    )


def bare(network: nn.Module) -> nn.Module:
    """The network itself, out of what DDP wraps it in."""
    if isinstance(network, DistributedDataParallel):
        return bare(network.module)
    return network.network if isinstance(network, Checkpointed) else network


class Checkpointed(nn.Module):
    """A network whose inner activations are computed again in the backward pass, not kept."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """As the network's."""
        out: Tensor = checkpoint(self.network, x, use_reentrant=False)
        return out


def update(optimizer: Optimizer, scaler: GradScaler) -> bool:
    """Take the optimiser's step, unless a gradient is not finite; whether it was taken."""
    scaler.unscale_(optimizer)
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]
    norm = nn.utils.get_total_norm([each for each in gradients if each is not None])
    finite = bool(norm.isfinite())
    if finite:
        scaler.step(optimizer)
    scaler.update()
    return finite


def saved_buffers(*networks: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """What forward passes change in networks, and copies: batch norm's statistics, spectral norm's
    vectors; else there are none.
    """
    return [(each, each.clone()) for network in networks for each in network.buffers()]


@torch.no_grad()
def put_back(statistics: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Forget what a forward pass of no use has made of the networks' buffers."""
    for now, before in statistics:
        now.copy_(before)


def _noisy(images: Tensor, settings: StepSettings) -> Tensor:
    if settings.instance_noise == 0:
        return images
    return images + settings.instance_noise * torch.randn_like(images)


def _generator_losses(
    networks: Networks, a: Tensor, b: Tensor, settings: StepSettings
) -> tuple[Tensor, StepImages, dict[str, Tensor]]:
    """The weighted sum to minimise, what was drawn, and the parts by their names.

    The discriminators are called bare: their gradients are not wanted here, and DDP would wait
    for them.
    """
    weights = settings.weights
    fake_b, fake_a = networks.g_ab(a), networks.g_ba(b)
    cycled_a, cycled_b = networks.g_ba(fake_b), networks.g_ab(fake_a)
    judged_b = bare(networks.d_b)(_noisy(fake_b, settings))
    judged_a = bare(networks.d_a)(_noisy(fake_a, settings))
    parts = {
        "adversarial_ab": losses.generator_loss(judged_b, mode=weights.gan_mode),
        "adversarial_ba": losses.generator_loss(judged_a, mode=weights.gan_mode),
        "cycle_a": losses.cycle_loss(a, cycled_a),
        "cycle_b": losses.cycle_loss(b, cycled_b),
        "identity_a": a.new_zeros(()),
        "identity_b": b.new_zeros(()),
        "stability_ab": a.new_zeros(()),
        "stability_ba": b.new_zeros(()),
        "perceptual_ab": a.new_zeros(()),
        "perceptual_ba": b.new_zeros(()),
    }
    if weights.identity > 0:
        parts["identity_a"] = losses.identity_loss(a, networks.g_ba(a))
        parts["identity_b"] = losses.identity_loss(b, networks.g_ab(b))
    if weights.stability > 0:
        levels = weights.stability_noise
        parts["stability_ab"] = neighbours.unsteadiness(networks.g_ab, a, fake_b, levels=levels)
        parts["stability_ba"] = neighbours.unsteadiness(networks.g_ba, b, fake_a, levels=levels)
    if weights.perceptual > 0:
        parts["perceptual_ab"] = perceptual_distance(a, fake_b)
        parts["perceptual_ba"] = perceptual_distance(b, fake_a)
    total = (
        parts["adversarial_ab"]
        + parts["adversarial_ba"]
        + weights.cycle * (parts["cycle_a"] + parts["cycle_b"])
        + weights.cycle * weights.identity * (parts["identity_a"] + parts["identity_b"])
        + weights.stability * (parts["stability_ab"] + parts["stability_ba"])
        + weights.perceptual * (parts["perceptual_ab"] + parts["perceptual_ba"])
    )
    drawn = StepImages(
        a=a,
        b=b,
        fake_a=fake_a.detach(),
        fake_b=fake_b.detach(),
        cycled_a=cycled_a.detach(),
        cycled_b=cycled_b.detach(),
    )
    return total, drawn, {name: part.detach() for name, part in parts.items()}
