"""A frame moved along an optical flow, and where that can be trusted.

Shapes: H x W pixels, channels last; flows are (H, W, 2), pixels to the right and down.
"""

import torch
from torch import Tensor

# Ruder et al. 2016, "Artistic Style Transfer for Videos", equations 5 and 6; squared pixels.
_MEETING = (0.01, 0.5)
_BOUNDARY = (0.01, 0.002)


def sampled(values: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Values (H, W, C) at the places x and y, (h, w) each, between pixels bilinear: (h, w, C).

    Exact at whole pixels. Beyond the frame its edge goes on.
    """
    height, width = values.shape[:2]
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    left, top = x.floor().long(), y.floor().long()
    right, bottom = (left + 1).clamp_max(width - 1), (top + 1).clamp_max(height - 1)
    across, down = (x - left).unsqueeze(-1), (y - top).unsqueeze(-1)
    upper = torch.lerp(_taken(values, left, top), _taken(values, right, top), across)
    lower = torch.lerp(_taken(values, left, bottom), _taken(values, right, bottom), across)
    return torch.lerp(upper, lower, down)


def _taken(values: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The same as `values[y, x]`, in a third of the time."""
    width = values.shape[1]
    rows = values.flatten(0, 1).index_select(0, (y * width + x).flatten())
    return rows.view(*x.shape, -1)


def places(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where a flow (H, W, 2) leads from each pixel: x and y, (H, W) each."""
    height, width = flow.shape[:2]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return x + flow[..., 0], y + flow[..., 1]


def is_visible(backward: Tensor, forward: Tensor) -> Tensor:
    """Which pixels of a frame can be followed to the frame before: bool (H, W).

    `backward` leads there from each pixel, `forward` is the flow back from where that ends. Left
    out are pixels that do not come back to where they were (occluded), those at a boundary of
    motion, where flows are smeared, and those that come from beyond the frame.
    """
    meeting = _squared(forward + backward)
    rate, least = _MEETING
    occluded = meeting > rate * (_squared(forward) + _squared(backward)) + least
    rate, least = _BOUNDARY
    boundary = _steepness(backward) > rate * _squared(backward) + least
    x, y = places(backward)
    height, width = backward.shape[:2]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return inside & ~occluded & ~boundary


def _squared(flow: Tensor) -> Tensor:
    return flow[..., 0].square() + flow[..., 1].square()


def _steepness(flow: Tensor) -> Tensor:
    """The squared gradient of both components: (H, W)."""
    across = torch.diff(flow, dim=1, append=flow[:, -1:])
    down = torch.diff(flow, dim=0, append=flow[-1:])
    return _squared(across) + _squared(down)
