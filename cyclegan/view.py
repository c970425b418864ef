"""How a generator sees frames that lie on their side, or are in other colours than it knows.

It is shown a small picture of each frame, so that is what is turned and recoloured, and the change
that it makes is brought back before it is scaled up: whole frames are left as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Colors:
    """Of frames of 16 bits."""

    seen: Callable[[NDArray[np.uint16]], NDArray[np.uint16]]
    """Frames (N, h, w, 3) of any size -> the same in the generator's colours."""
    back: Tensor
    """(3, 3), by which a change in those is multiplied to become one in the frames' own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """As it is by default, frames are seen as they are."""

    quarters: int = 0
    """By how many right angles frames are turned counter-clockwise."""
    mirrored: bool = False
    """Whether they are then flipped left to right."""
    colors: Colors | None = None

    def upright(self, planes: Tensor) -> Tensor:
        """(N, 3, h, w), or (N, 3, w, h) of an odd number of right angles."""
        turned = torch.rot90(planes, self.quarters, (2, 3)) if self.quarters else planes
        return turned.flip(3) if self.mirrored else turned

    def stored(self, planes: Tensor) -> Tensor:
        """The way back."""
        flipped = planes.flip(3) if self.mirrored else planes
        return torch.rot90(flipped, -self.quarters, (2, 3)) if self.quarters else flipped

    def recolored(self, planes: Tensor) -> Tensor:
        """Float (N, 3, h, w) in levels of 16 bits -> the same, as the generator sees them."""
        if self.colors is None:
            return planes
        levels = planes.round().to(torch.uint16).permute(0, 2, 3, 1).contiguous().cpu()
        seen = torch.from_numpy(self.colors.seen(levels.numpy()))
        return seen.to(planes.device).permute(0, 3, 1, 2).float()

    def own(self, change: Tensor) -> Tensor:
        """A change (N, 3, h, w) in what it sees -> one in the frames' own colours."""
        if self.colors is None:
            return change
        return torch.einsum("ij,njhw->nihw", self.colors.back.to(change), change)


PLAIN = View()
