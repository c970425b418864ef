"""One training step of a CycleGAN: generators, then discriminators, then the averages.

Names: a and b are images of the two domains, (N, C, H, W) in [-1, 1]; fake_b = g_ab(a) and
cycled_a = g_ba(fake_b); d_b judges domain B.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cyclegan import losses
from cyclegan.config import GanMode
from cyclegan.ema import Ema
from cyclegan.pool import ImagePool


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """What the generators are asked for; `identity` is relative to `cycle`, as in the paper."""

    gan_mode: GanMode = "lsgan"
    cycle: float = 10.0
    identity: float = 0.5


@dataclass(slots=True, kw_only=True)
class Networks:
    """The four networks, and what belongs to each."""

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


@dataclass(slots=True, kw_only=True)
class Learner:
    """All that a step changes besides the networks."""

    optimizer_g: Optimizer
    optimizer_d: Optimizer
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
    discriminator_a: Tensor
    discriminator_b: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fakes:
    a: Tensor
    b: Tensor


def train_step(
    networks: Networks,
    learner: Learner,
    a: Tensor,
    b: Tensor,
    *,
    weights: LossWeights,
    dtype: torch.dtype,
    steps: int,
) -> StepLosses:
    """Change all weights once for one batch of each domain.

    `dtype` is what convolutions compute in (autocast when it is not float32); `steps` counts the
    steps taken before this one.
    """
    autocast = torch.autocast(a.device.type, dtype, enabled=dtype != torch.float32)

    # Generators, against discriminators that hold still.
    for parameter in networks.discriminators():
        parameter.requires_grad_(False)
    learner.optimizer_g.zero_grad(set_to_none=True)
    with autocast:
        total, fakes, parts = _generator_losses(networks, a, b, weights)
    total.backward()  # type: ignore[no-untyped-call]
    learner.optimizer_g.step()
    for parameter in networks.discriminators():
        parameter.requires_grad_(True)

    # Discriminators, on what the generators drew now or a while ago.
    learner.optimizer_d.zero_grad(set_to_none=True)
    old_a, old_b = learner.pool_a.exchange(fakes.a), learner.pool_b.exchange(fakes.b)
    with autocast:
        loss_d_a = _discriminator_loss(networks.d_a, a, old_a, weights.gan_mode)
        loss_d_b = _discriminator_loss(networks.d_b, b, old_b, weights.gan_mode)
    (loss_d_a + loss_d_b).backward()  # type: ignore[no-untyped-call]
    learner.optimizer_d.step()

    # Averages.
    learner.ema_ab.update(networks.g_ab, steps=steps)
    learner.ema_ba.update(networks.g_ba, steps=steps)

    return StepLosses(
        **{name: loss.detach() for name, loss in parts.items()},
        discriminator_a=loss_d_a.detach(),
        discriminator_b=loss_d_b.detach(),
    )


def _generator_losses(
    networks: Networks, a: Tensor, b: Tensor, weights: LossWeights
) -> tuple[Tensor, _Fakes, dict[str, Tensor]]:
    fake_b, fake_a = networks.g_ab(a), networks.g_ba(b)
    parts = {
        "adversarial_ab": losses.generator_loss(networks.d_b(fake_b), mode=weights.gan_mode),
        "adversarial_ba": losses.generator_loss(networks.d_a(fake_a), mode=weights.gan_mode),
        "cycle_a": losses.cycle_loss(a, networks.g_ba(fake_b)),
        "cycle_b": losses.cycle_loss(b, networks.g_ab(fake_a)),
        "identity_a": a.new_zeros(()),
        "identity_b": b.new_zeros(()),
    }
    if weights.identity > 0:
        parts["identity_a"] = losses.identity_loss(a, networks.g_ba(a))
        parts["identity_b"] = losses.identity_loss(b, networks.g_ab(b))
    total = (
        parts["adversarial_ab"]
        + parts["adversarial_ba"]
        + weights.cycle * (parts["cycle_a"] + parts["cycle_b"])
        + weights.cycle * weights.identity * (parts["identity_a"] + parts["identity_b"])
    )
    return total, _Fakes(a=fake_a.detach().float(), b=fake_b.detach().float()), parts


def _discriminator_loss(
    discriminator: nn.Module, real: Tensor, fake: Tensor, mode: GanMode
) -> Tensor:
    return losses.discriminator_loss(discriminator(real), discriminator(fake), mode=mode)
