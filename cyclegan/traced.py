"""What torch computes in many steps as one call into it, without Python between them."""

import warnings
from collections import Counter
from collections.abc import Callable
from threading import Lock
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


_OFTEN = 100
"""Calls with tensors of one shape before it is recorded: that takes as long as 100 calls win."""
_MOST = 4
"""Shapes that are recorded: torch never frees a graph (of a frame's course: 16 to 30 MB)."""


class Recorded:
    """A function of tensors of equal shapes, recorded for the shapes with which it is called often.

    On a CPU alone, and with the very same results. Calls are safe from several threads; while one
    records, the others go on without.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._calls: Counter[torch.Size] = Counter()
        self._recorded: dict[torch.Size, Callable[..., Any]] = {}
        self._lock = Lock()

    def __call__(self, *tensors: Tensor) -> Any:
        """What the function makes of them."""
        shape = tensors[0].shape
        if tensors[0].device.type == "cpu" and self._is_due(shape):
            self._recorded[shape] = traced(self._function, *map(torch.zeros_like, tensors))
        return self._recorded.get(shape, self._function)(*tensors)

    def _is_due(self, shape: torch.Size) -> bool:
        """Whether this thread is to record it now."""
        with self._lock:
            if shape in self._recorded or len(self._recorded) >= _MOST:
                return False
            self._calls[shape] += 1
            if self._calls[shape] < _OFTEN:
                return False
            self._recorded[shape] = self._function  # until there is a graph
            return True
