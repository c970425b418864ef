"""The exponential moving average of a network's weights: what ships instead of the last step."""

import copy

import torch
from torch import nn


class Ema:
    """A slow copy of `network`: average = decay * average + (1 - decay) * weights after each step.

    The decay warms up as min(decay, (1 + steps) / (10 + steps)), so that the first random weights
    are soon forgotten (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay must be in [0, 1), not {decay}")
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, *, steps: int) -> None:
        """Take in the weights of `network` after its step number `steps` (from 0)."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        pairs = zip(self.network.parameters(), network.parameters(), strict=True)
        for average, current in pairs:
            average.lerp_(current, 1 - decay)
        buffers = zip(self.network.buffers(), network.buffers(), strict=True)
        for average_buffer, current_buffer in buffers:
            average_buffer.copy_(current_buffer)
