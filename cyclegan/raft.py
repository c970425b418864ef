"""RAFT (Teed and Deng 2020), torchvision's, with weights that the user brings."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.checkpoint import WeightsError
from cyclegan.features.files import read_state_dict
from cyclegan.flow import Flows, Pixels

LEAST_SIDE = 128
"""Pixels: below, its search over four scales ends in nothing."""

_MULTIPLE = 8
_FILES = "raft_large_C_T_SKHT_V2-ff5fadd5.pth, or another of torchvision's RAFT files"


class Raft:
    """Large or small, as the file's tensors say; float32.

    Raises:
        WeightsError: the file is damaged, or of another network.
    """

    def __init__(self, path: Path, *, device: torch.device) -> None:
        from torchvision.models.optical_flow import (  # noqa: PLC0415 - takes seconds
            raft_large,
            raft_small,
        )

        weights = read_state_dict(path)
        is_large = any(name.startswith("mask_predictor.") for name in weights)
        network = raft_large(weights=None) if is_large else raft_small(weights=None)
        try:
            network.load_state_dict(weights)
        except RuntimeError as exc:
            raise WeightsError(f"{path} does not hold RAFT's weights: give {_FILES}") from exc
        self.name = f"RAFT ({'large' if is_large else 'small'}, {path.stem})"
        self._network = network.eval().requires_grad_(False).to(device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, first: Pixels, second: Pixels) -> Flows:
        """As `Flow`; both ways as one batch."""
        height, width = first.shape[:2]
        before, after = (self._framed(frame) for frame in (first, second))
        found = self._network(torch.cat([before, after]), torch.cat([after, before]))[-1]
        flows = found[..., :height, :width].permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return Flows(flows[0], flows[1])

    def _framed(self, frame: Pixels) -> Tensor:
        """(1, 3, h, w) in [-1, 1], its edge repeated to the right and below."""
        image = torch.from_numpy(frame).permute(2, 0, 1)[None].to(self._device).float()
        sides = [max(LEAST_SIDE, -(-side // _MULTIPLE) * _MULTIPLE) for side in frame.shape[:2]]
        more = [side - had for side, had in zip(sides, frame.shape[:2], strict=True)]
        return F.pad(image / 127.5 - 1, (0, more[1], 0, more[0]), mode="replicate")
