"""A dense convolution as the nearest depthwise and pointwise ones, and networks made of them.

A kernel (outputs, inputs, 3, 3) is a matrix for each input, or for each output: the matrix of
rank 1 nearest to it (Eckart and Young 1936) is one 3x3 kernel times a factor for each of the
others. A student that begins so is near its teacher before it has learnt anything.
"""

from dataclasses import replace

import torch
from torch import Tensor

from cyclegan.config import FastConfig, GeneratorConfig
from cyclegan.networks import Generator


def is_near(student: GeneratorConfig, teacher: GeneratorConfig) -> bool:
    """Whether the one is the other with its convolutions made separable."""
    if not (isinstance(student, FastConfig) and isinstance(teacher, FastConfig)):
        return False
    return not teacher.separable and student == replace(teacher, separable=True)


@torch.no_grad()
def begin_near(student: Generator, teacher: Generator) -> bool:
    """Give a separable student its teacher's layers: the same where both have them, or the nearest.

    False, and nothing is done, where the two differ in more than that.
    """
    if not is_near(student.config, teacher.config):
        return False
    mine = student.state_dict()
    for name, theirs in teacher.state_dict().items():
        layer, _, kind = name.rpartition(".")
        if name in mine:
            parts = {name: theirs}
        elif layer.startswith("blocks."):
            depthwise, pointwise = f"{layer}.0.weight", f"{layer}.1"
            parts = {f"{pointwise}.bias": theirs}
            if kind == "weight":
                kernels, factors = _nearest(theirs.transpose(0, 1))
                parts = {depthwise: kernels, f"{pointwise}.weight": factors.transpose(0, 1)}
        else:
            parts = {f"{layer}.depthwise.bias": theirs}
            if kind == "weight":
                kernels, factors = _nearest(theirs)
                parts = {f"{layer}.depthwise.weight": kernels, f"{layer}.pointwise.weight": factors}
        for part, value in parts.items():
            mine[part].copy_(value)
    return True


def _nearest(kernels: Tensor) -> tuple[Tensor, Tensor]:
    """(A, B, 3, 3) -> for each of A a kernel (A, 1, 3, 3), and the factors (A, B, 1, 1) of B."""
    across, strength, along = torch.linalg.svd(kernels.flatten(2), full_matrices=False)
    root = strength[:, :1].sqrt()
    shape = (len(kernels), 1, *kernels.shape[2:])
    return (root * along[:, 0]).reshape(shape), (root * across[:, :, 0])[:, :, None, None]
