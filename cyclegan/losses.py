"""The losses of a CycleGAN as pure functions of tensors.

Scores are a discriminator's raw outputs (logits), of any shape; of several scales a tuple, whose
loss is the mean of each one's. Images are in [-1, 1].
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.config import GanMode

Scores = Tensor | tuple[Tensor, ...]


def generator_loss(fake_scores: Scores, *, mode: GanMode) -> Tensor:
    """How far the generator is from being taken for real.

    lsgan: Mao et al. 2017, eq. 2 with a = 0, b = c = 1, without the factor 1/2. vanilla: the
    non-saturating loss of Goodfellow et al. 2014, §3. hinge: Lim and Ye 2017.
    """
    if isinstance(fake_scores, tuple):
        return torch.stack([generator_loss(each, mode=mode) for each in fake_scores]).mean()
    match mode:
        case "lsgan":
            return (fake_scores - 1).square().mean()
        case "vanilla":
            return F.softplus(-fake_scores).mean()
        case "hinge":
            return -fake_scores.mean()


def discriminator_loss(real_scores: Scores, fake_scores: Scores, *, mode: GanMode) -> Tensor:
    """Half the sum of the losses on real and on fake, so that it learns at half the pace (§7.1)."""
    if isinstance(real_scores, tuple):
        pairs = zip(real_scores, fake_scores, strict=True)
        return torch.stack([discriminator_loss(*each, mode=mode) for each in pairs]).mean()
    assert isinstance(fake_scores, Tensor)
    match mode:
        case "lsgan":
            real, fake = (real_scores - 1).square().mean(), fake_scores.square().mean()
        case "vanilla":
            real, fake = F.softplus(-real_scores).mean(), F.softplus(fake_scores).mean()
        case "hinge":
            real, fake = F.relu(1 - real_scores).mean(), F.relu(1 + fake_scores).mean()
    return 0.5 * (real + fake)


def cycle_loss(image: Tensor, reconstruction: Tensor) -> Tensor:
    """Mean absolute difference after there and back (Zhu et al. 2017, eq. 2)."""
    return F.l1_loss(reconstruction, image)


def stability_loss(expected: Tensor, translated: Tensor) -> Tensor:
    """Mean absolute difference of the translation of a picture that was moved and given noise from
    the moved translation of the picture (Zheng et al. 2016, eq. 4, with an affine movement).

    Nothing is learnt through `expected`: the translation of the clean picture leads, and the other
    follows it, so that the term does not pull translations towards what changes least, grey.
    """
    return F.l1_loss(translated.float(), expected.detach())


def identity_loss(image: Tensor, translated: Tensor) -> Tensor:
    """Mean absolute change to a picture that is in the target domain already (§5.2)."""
    return F.l1_loss(translated, image)
