"""Frames made small for a generator, and its change made large again and added to them.

Scaling is a product of matrices, for rows and for columns apart. They go a band at a time, so that
what a band needs, floats four times the size of its levels, stays in the processor's cache; and
channels stay last, as frames have them. On a 1080p frame that takes a third of what torch's own
kernels took, whole frame by whole frame, and 16 bits take hardly more than 8.

Shapes: N frames, H x W pixels; h x w what the generator sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Mode = Literal["bilinear", "bicubic"]

_BAND = {"bilinear": 4, "bicubic": 32}
"""Rows of the result on a CPU, or columns; a GPU is given all at once."""
_MATRICES = 32


@dataclass(frozen=True, slots=True)
class _Band:
    """`rows` of the result, made `of` those of the source by float weights (rows, of)."""

    rows: slice
    of: slice
    weights: Tensor


def shrunk(full: Tensor, height: int, width: int) -> Tensor:
    """Levels (N, H, W, 3) of 8 or 16 bits -> float (N, 3, height, width), fractions and all.

    Bilinear, antialiased, as torch's `interpolate` has it.
    """
    bands = _bands(full.shape[1], height, "bilinear", full.device)
    low = torch.empty((len(full), height, *full.shape[2:]), device=full.device)
    for lines, made in zip(_lines(full), _lines(low), strict=True):
        for band in bands:
            torch.mm(band.weights, lines[band.of].float(), out=made[band.rows])
    planes = low.permute(0, 3, 1, 2).contiguous()
    return F.interpolate(planes, (height, width), mode="bilinear", antialias=True)


def added(full: Tensor, change: Tensor) -> Tensor:
    """Levels (N, H, W, 3) of 8 or 16 bits, and a float change (N, 3, h, w) in them -> the sum.

    The change is scaled up, bicubic; sums are rounded, and limited to what the levels can be.
    """
    height, width = full.shape[1:3]
    bands = _bands(change.shape[2], height, "bicubic", full.device)
    # Half a level more, since what follows the point is cut off in the end.
    changes = _widened(change.permute(0, 2, 3, 1), width).add_(0.5)
    out = torch.empty_like(full)
    most = torch.iinfo(full.dtype).max
    for lines, moved, made in zip(_lines(full), _lines(changes), _lines(out), strict=True):
        for band in bands:
            sums = torch.addmm(lines[band.rows].float(), band.weights, moved[band.of])
            made[band.rows] = sums.clamp_(0, most)
    return out


def _widened(pictures: Tensor, width: int) -> Tensor:
    """Floats (N, h, w, C) -> (N, h, width, C), bicubic."""
    if pictures.device.type != "cpu":
        planes = pictures.permute(0, 3, 1, 2).contiguous()
        # Its antialiasing kernel has nothing to smooth when scaling up, but is the faster one.
        wide = F.interpolate(planes, (planes.shape[2], width), mode="bicubic", antialias=True)
        return wide.permute(0, 2, 3, 1).contiguous()
    count, height, source, channels = pictures.shape
    out = pictures.new_empty((count, height, width, channels))
    lines, made = pictures.flatten(2).flatten(0, 1), out.flatten(2).flatten(0, 1)
    for band in _bands(source, width, "bicubic", pictures.device, each=channels):
        torch.mm(lines[:, band.of], band.weights.T, out=made[:, band.rows])
    return out


def _lines(pictures: Tensor) -> Iterator[Tensor]:
    """Each of (N, H, W, 3) as (H, W * 3): views."""
    return iter(pictures.flatten(2))


@lru_cache(maxsize=_MATRICES)
def _bands(
    source: int, target: int, mode: Mode, device: torch.device, *, each: int = 1
) -> tuple[_Band, ...]:
    """What scales `source` rows to `target`: torch's own weights, without most of the zeros.

    Or columns of `each` so many channels.
    """
    units = torch.eye(source)[None, None]
    # The antialiasing kernel has nothing to smooth when scaling up.
    weights = F.interpolate(units, (target, source), mode=mode, antialias=True)[0, 0]
    count = _BAND[mode] if device.type == "cpu" else target
    return tuple(
        _band(weights, slice(top, min(top + count, target)), device, each)
        for top in range(0, target, count)
    )


def _band(weights: Tensor, rows: slice, device: torch.device, each: int) -> _Band:
    used = weights[rows].ne(0).any(0).nonzero().flatten()
    of = slice(int(used[0]), int(used[-1]) + 1)
    part = torch.kron(weights[rows, of], torch.eye(each)).contiguous().to(device)
    return _Band(_times(rows, each), _times(of, each), part)


def _times(part: slice, each: int) -> slice:
    return slice(part.start * each, part.stop * each)
