"""A generator that changes less of a picture, in the direction in which it changes it."""

from dataclasses import replace

import torch

from cyclegan.networks import FastGenerator

_PICTURE = 1.1
"""tanh(1.1 x) is x to within 0.03 for two thirds of all levels, and 0.2 less at black and white."""


@torch.no_grad()
def with_milder_change(network: FastGenerator, share: float) -> FastGenerator:
    """For inference: before its tanh, `share` of what it answers, and the picture for the rest.

    Calmer on films and nearer to the picture, as less is added to it; it closes less of the gap.

    Raises:
        ValueError: `share` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, not {share}")
    old = network.config.input_share
    config = replace(network.config, input_share=share * old + (1 - share) * _PICTURE)
    made = FastGenerator(config)
    made.load_state_dict(network.state_dict())
    made.head.weight.mul_(share)
    if made.head.bias is not None:
        made.head.bias.mul_(share)
    return made.eval().requires_grad_(False)
