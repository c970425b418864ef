"""A generator that divides by more than a picture's own variance, so that plain ones stay plain.

Instance norm makes the little contrast of a plain picture as strong as that of any other: a car
that leaves, and the empty ground changes by itself. An `eps` beside which that variance is small
bounds it. What eps means depends on the layers' scale, which is free where a norm follows: so each
channel's variance over usual pictures is folded into its weights and becomes 1, and an eps of 1 is
as much again. Pictures with those variances are translated as before.

With v a channel's usual variance, e the old and E the new eps, a channel's weights are scaled by
s = sqrt(E / (E v + (1 + E) e)), for which s / sqrt(s^2 v + E) is 1 / sqrt(v + e) but for the factor
1 / sqrt(1 + E), the same for all channels, which the layers that read them make up for.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from cyclegan.networks import FastGenerator, InstanceNorm, ResnetBlock, SeparableDoubling


@torch.no_grad()
def with_norm_eps(network: FastGenerator, pictures: Iterable[Tensor], eps: float) -> FastGenerator:
    """For inference: the same on average of `pictures`, float (N, 3, H, W) in [-1, 1]; less on what
    has less contrast.

    Raises:
        ValueError: no picture, or `eps` is out of range (`config.NORM_EPS`).
    """
    config = replace(network.config, norm_eps=eps)
    usual = _usual_variances(network, pictures)
    made = FastGenerator(config)
    made.load_state_dict(network.state_dict())
    scale = math.sqrt(1 + eps)
    normalised = _normalised(made)
    for number, (conv, variance) in enumerate(zip(normalised, usual, strict=True)):
        old = network.config.norm_eps
        factor = (eps / (eps * variance + (1 + eps) * old)).sqrt()
        conv.weight.mul_((factor * (scale if number else 1.0))[:, None, None, None])
        if conv.bias is not None:
            conv.bias.mul_(factor)
    first = made.up[0]
    assert isinstance(first, nn.Conv2d | SeparableDoubling)
    reader = first.pointwise if isinstance(first, SeparableDoubling) else first
    reader.weight.mul_(scale)
    return made.eval().requires_grad_(False)


def _usual_variances(network: FastGenerator, pictures: Iterable[Tensor]) -> list[Tensor]:
    """Of what each norm is given, in order: each channel's variance in a picture, on average."""
    found: dict[nn.Module, list[Tensor]] = {}

    def note(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        found.setdefault(norm, []).append(given[0].float().var((2, 3), correction=0))

    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        for picture in pictures:
            network(picture)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ValueError("no picture to see variances in")
    return [torch.cat(found[norm]).mean(0) for norm in norms]


def _normalised(network: FastGenerator) -> list[nn.Conv2d]:
    """The layers behind which a norm stands, in the order of the norms."""
    convolutions: list[nn.Conv2d] = []
    for part in (network.stem, *network.down, *network.blocks):
        layers = part.conv_block if isinstance(part, ResnetBlock) else part
        assert isinstance(layers, nn.Sequential)
        for before, layer in pairwise(layers):
            if isinstance(layer, InstanceNorm):
                last = before[-1] if isinstance(before, nn.Sequential) else before
                assert isinstance(last, nn.Conv2d)
                convolutions.append(last)
    return convolutions
