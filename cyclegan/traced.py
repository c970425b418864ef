"""A network's forward pass as one call into torch, without Python between its layers."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]


def traced(network: nn.Module, example: Tensor) -> Forward:
    """Record what `network` does with `example` (N, C, H, W) as a graph, for any H and W.

    Of several threads that run a network layer by layer, one at a time may be in Python, and each
    layer asks for its turn. A recorded graph runs outside of Python from end to end: for two lanes
    of our small generator that was 1.2 times the frames, for one lane 1.1 (docs/performance.md).
    It computes the very same bits. The network must be in eval mode, and decide nothing by its
    input's values or size: so it is with all of `cyclegan.networks`.

    torch.jit is deprecated; what is to replace it either runs layer by layer in Python (the graphs
    of `torch.export`) or needs a C++ compiler on every machine (Inductor). Where a torch comes
    without it, the network itself is returned: slower, with the same results.
    """
    trace = getattr(torch.jit, "trace", None)
    if trace is None:
        return network
    with warnings.catch_warnings(), torch.inference_mode():
        # Of its deprecation, and of the sanity checks of sizes that the graph leaves out.
        warnings.simplefilter("ignore")
        graph: Forward = trace(network, example, check_trace=False)
    return graph
