"""Measures what the guard judges by: a few numbers of the pictures and scores of one step."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cyclegan.config import GanMode
from cyclegan.guard.spectrum import spectrum
from cyclegan.guard.values import LEVEL, Direction, Look, Rivals, Surface, Trial
from cyclegan.losses import Scores
from cyclegan.step import StepImages, StepLosses, StepScores
from cyclegan.train_config import LossWeights

PICTURES = 2
"""Of a batch; more would tell little more."""

NOISE = 2.5 * LEVEL
"""Standard deviation of noise that an honest picture bears, a JPEG file's for one."""

_THUMB = 4

Ways = tuple[nn.Module, nn.Module]
"""Generators from A to B and from B to A that may be asked without changing anything: averages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is to look at after a step."""

    images: StepImages
    losses: StepLosses
    scores: StepScores
    weights: LossWeights
    """As they were in this step."""


@torch.no_grad()
def look(seen: Seen, *, step: int, steps: int, skipped: int, ways: Ways | None) -> Look:
    """One look; `ways` is given when the way back shall be tried with noise, too."""
    images = StepImages(
        **{name: getattr(seen.images, name)[:PICTURES].float() for name in StepImages.__slots__}
    )
    a, b = surface(images.a), surface(images.b)
    return Look(
        step=step,
        steps=steps,
        skipped=skipped,
        a=a,
        b=b,
        ab=Direction(
            drawn=surface(images.fake_b),
            correlation=correlation(images.a, images.fake_b),
            cycle_error=relative_error(images.a, images.cycled_a),
            rivals=_rivals_ab(seen),
            trial=ways and trial(images.a, ways, seed=step),
        ),
        ba=Direction(
            drawn=surface(images.fake_a),
            correlation=correlation(images.b, images.fake_a),
            cycle_error=relative_error(images.b, images.cycled_b),
            rivals=_rivals_ba(seen),
            trial=ways and trial(images.b, ways[::-1], seed=step),
        ),
    )


def surface(images: Tensor) -> Surface:
    """Of float (N, 3, H, W)."""
    thumb = F.adaptive_avg_pool2d(images[:1], _THUMB).flatten()
    return Surface(
        low=float(images.min()),
        high=float(images.max()),
        mean=float(images.mean()),
        contrast=float(images.std(dim=(2, 3)).mean()),
        black=float((images < -1 + 2 * LEVEL).float().mean()),
        white=float((images > 1 - 2 * LEVEL).float().mean()),
        spectrum=spectrum(images),
        thumb=tuple(thumb.tolist()),
    )


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's, over the pixels of each channel of each picture, in the mean."""
    one, other = (x - x.mean(dim=(2, 3), keepdim=True) for x in (one, other))
    scale = (one.square().sum((2, 3)) * other.square().sum((2, 3))).sqrt()
    return float(((one * other).sum((2, 3)) / scale.clamp_min(1e-6)).mean())


def relative_error(image: Tensor, reconstruction: Tensor) -> float:
    """Mean absolute error, over that of a plain surface of each channel's mean."""
    plain = (image - image.mean(dim=(2, 3), keepdim=True)).abs().mean()
    return float((reconstruction - image).abs().mean() / plain.clamp_min(LEVEL))


@torch.no_grad()
def trial(source: Tensor, ways: Ways, *, seed: int) -> Trial:
    """There and back, and back again from an output that lost what cannot be seen in it.

    Noise as in Chu et al. 2017; softening takes away what is finer than two pixels, as a
    JPEG file, a film's encoder or a change of size do.
    """
    there, back = ways
    drawn = there(source)
    random = torch.Generator().manual_seed(seed)
    noise = NOISE * torch.randn(drawn.shape, generator=random).to(drawn.device)
    clean, noisy = back(drawn), back(drawn + noise)
    return Trial(
        clean_error=relative_error(source, clean),
        noisy_error=relative_error(source, noisy),
        soft_error=relative_error(source, back(softened(drawn))),
        soft_loss=relative_error(source, softened(source)),
        gain=float((noisy - clean).square().mean().sqrt()) / NOISE,
    )


def softened(images: Tensor) -> Tensor:
    """Under the smallest binomial filter: 1, 2, 1 both ways."""
    channels = images.shape[1]
    weights = torch.tensor([1.0, 2.0, 1.0], device=images.device) / 4
    kernel = torch.outer(weights, weights).expand(channels, 1, 3, 3)
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), kernel, groups=channels)


def _rivals_ab(seen: Seen) -> Rivals:
    losses, scores = seen.losses, seen.scores
    return _rivals(
        (losses.adversarial_ab, losses.cycle_a, losses.identity_b, losses.perceptual_ab),
        losses.discriminator_b,
        (scores.real_b, scores.fake_b),
        seen.weights,
    )


def _rivals_ba(seen: Seen) -> Rivals:
    losses, scores = seen.losses, seen.scores
    return _rivals(
        (losses.adversarial_ba, losses.cycle_b, losses.identity_a, losses.perceptual_ba),
        losses.discriminator_a,
        (scores.real_a, scores.fake_a),
        seen.weights,
    )


def _rivals(
    asked: tuple[Tensor, Tensor, Tensor, Tensor],
    discriminator: Tensor,
    scores: tuple[Scores, Scores],
    weights: LossWeights,
) -> Rivals:
    adversarial, cycle, identity, perceptual = map(float, asked)
    rest = weights.cycle * cycle + weights.cycle * weights.identity * identity
    rest += weights.perceptual * perceptual
    real, fake = scores
    middle = middle_score(weights.gan_mode)
    return Rivals(
        adversarial=adversarial,
        discriminator=float(discriminator),
        real_right=share_of_patches(real, lambda scores: scores > middle),
        fake_right=share_of_patches(fake, lambda scores: scores < middle),
        share=abs(adversarial) / max(abs(adversarial) + rest, 1e-12),
    )


def share_of_patches(scores: Scores, are_right: Callable[[Tensor], Tensor]) -> float:
    """Of those judged; where there are several scales, each counts as much."""
    scales = scores if isinstance(scores, tuple) else (scores,)
    return sum(float(are_right(each).float().mean()) for each in scales) / len(scales)


def middle_score(mode: GanMode) -> float:
    """What a discriminator says of a picture that it cannot tell."""
    return 0.5 if mode == "lsgan" else 0.0
