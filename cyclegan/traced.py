"""What torch computes in many steps as one call into it, without Python between them."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

Forward = TypeVar("Forward", bound=Callable[..., Any])


def traced(forward: Forward, *examples: Tensor) -> Forward:
    """Record what a network, or a function of tensors, does with `examples` as a graph.

    Of several threads that run a network layer by layer, one at a time may be in Python, and each
    layer asks for its turn. A recorded graph runs outside of Python from end to end: for two lanes
    of our small generator that was 1.2 times the frames, for one lane 1.1 (docs/performance.md).
    It computes the very same bits. A network must be in eval mode. What Python decides by the
    examples is decided for good: all of `cyclegan.networks` take any size nevertheless, a function
    that asks for one only that of its examples.

    torch.jit is deprecated; what is to replace it either runs layer by layer in Python (the graphs
    of `torch.export`) or needs a C++ compiler on every machine (Inductor). Where a torch comes
    without it, the function itself is returned: slower, with the same results.
    """
    trace = getattr(torch.jit, "trace", None)
    if trace is None:
        return forward
    with warnings.catch_warnings(), torch.inference_mode():
        # Of its deprecation, and of the sanity checks of sizes that the graph leaves out.
        warnings.simplefilter("ignore")
        return cast("Forward", trace(forward, examples, check_trace=False))
