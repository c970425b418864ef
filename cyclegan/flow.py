"""Optical flow: where each pixel of one frame is in another.

Shapes: frames are uint8 (H, W, 3) RGB, flows float32 (H, W, 2): pixels to the right and down.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Field = NDArray[np.float32]

LEAST_SIDE = 32
"""Pixels: of smaller frames no flow is taken; DIS searches with patches of 8."""

_INSTALL = "pip install opencv-python-headless"


class FlowError(ValueError):
    """No optical flow is to be had; the text says what to install."""


@dataclass(frozen=True, slots=True)
class Flows:
    """Of two frames: from the first to the second, and back."""

    forward: Field
    backward: Field


class Flow(Protocol):
    """A way to find out how things moved; figures of different ones do not compare."""

    name: str

    def __call__(self, first: Pixels, second: Pixels) -> Flows:
        """Both flows of two frames of the same size, `LEAST_SIDE` or more each way."""
        ...


def open_flow(raft: Path | None = None, *, device: torch.device) -> Flow:
    """The flow to measure with: DIS, or RAFT with the weights in a file.

    Raises:
        FlowError: DIS is wanted, and OpenCV is not installed.
        WeightsError: the file does not hold RAFT's weights.
    """
    if raft is not None:
        from cyclegan.raft import Raft  # noqa: PLC0415 - brings in torchvision

        return Raft(raft, device=device)
    if find_spec("cv2") is None:
        raise FlowError(f"no optical flow is installed: {_INSTALL}")
    return Dis()


class Dis:
    """Dense inverse search (Kroeger et al. 2016), OpenCV's with its "medium" settings, of luma.

    Needs no weights, and gives the same flow for any number of threads. Patches are compared by
    their deviation from their own mean, so that a film's own changes of light are no motion.
    """

    name = "DIS (medium)"

    def __init__(self) -> None:
        import cv2  # noqa: PLC0415 - an extra

        self._cv = cv2
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def __call__(self, first: Pixels, second: Pixels) -> Flows:
        """As `Flow`."""
        before, after = self._luma(first), self._luma(second)
        return Flows(self._between(before, after), self._between(after, before))

    def _luma(self, frame: Pixels) -> Pixels:
        return np.asarray(self._cv.cvtColor(frame, self._cv.COLOR_RGB2GRAY), np.uint8)

    def _between(self, first: Pixels, second: Pixels) -> Field:
        """`calc` takes the flow it is given for a start, and writes into it: each its own."""
        found = self._dis.calc(first, second, np.zeros((*first.shape, 2), np.float32))
        return np.asarray(found, np.float32)
