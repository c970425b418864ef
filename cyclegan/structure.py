"""Whether a translation keeps what is where: the edges of its input and of its output compared."""

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)
_SMOOTHING = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""A binomial filter: grain that a translation adds or takes is no edge."""


def edge_similarity(x: Tensor, y: Tensor) -> Tensor:
    """How alike the edges of pictures are, pair by pair: (N, 3, H, W) twice -> float64 (N,).

    The correlation of the two maps of edge strength (Sobel, of smoothed luma): 1 is the same
    edges in the same places, in whatever contrast, colours or polarity; 0 is nothing in common. A
    picture without any edges has none in common with anything.

    Raises:
        ValueError: shapes that differ, or pictures of fewer than 3 pixels a side.
    """
    if x.shape != y.shape or x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < 3:
        raise ValueError(
            f"expected two batches (N, 3, H, W) of one shape, not {x.shape} and {y.shape}"
        )
    first, second = (_edge_strength(images).flatten(1) for images in (x, y))
    first, second = (edges - edges.mean(1, keepdim=True) for edges in (first, second))
    scale = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(scale > 1e-9, (first * second).sum(1) / scale.clamp_min(1e-9), 0.0)


def _edge_strength(images: Tensor) -> Tensor:
    """(N, 3, H, W) of any type -> float64 (N, 1, H, W): the length of the luma's gradient."""
    weights = torch.tensor(_LUMA, dtype=torch.float64, device=images.device)
    luma = (images.double() * weights[:, None, None]).sum(1, keepdim=True)
    smooth = torch.tensor(_SMOOTHING, dtype=torch.float64, device=images.device)
    luma = _filter(_filter(luma, smooth[None, :]), smooth[:, None])
    slope = torch.tensor([[-1.0, 0.0, 1.0]], dtype=torch.float64, device=images.device)
    across = torch.tensor([[1.0], [2.0], [1.0]], dtype=torch.float64, device=images.device)
    horizontal = _filter(_filter(luma, slope), across)
    vertical = _filter(_filter(luma, slope.T), across.T)
    return torch.hypot(horizontal, vertical)


def _filter(images: Tensor, kernel: Tensor) -> Tensor:
    """Correlate (N, 1, H, W) with a small (h, w); borders are repeated."""
    down, right = kernel.shape[0] // 2, kernel.shape[1] // 2
    padded = F.pad(images, (right, right, down, down), mode="replicate")
    return F.conv2d(padded, kernel[None, None])
