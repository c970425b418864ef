"""Sample pictures of a training: fixed inputs, their translations, and those translated back.

Shapes: N pictures of S x S pixels, the training's own crops.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as tvf

from cyclegan.atomic import write_atomically
from cyclegan.data import DataError, Preprocess, read_image, to_signed

Pixels = NDArray[np.uint8]

ROWS = 4
"""Pictures of each domain."""
COLUMNS = 3
"""Of a panel: the input, its translation, and that translated back."""
GAP = 2
"""Pixels between pictures."""
MIDDLE = 12
"""Pixels between the two panels."""

_PAPER = 255


@dataclass(frozen=True, slots=True)
class SampleInputs:
    """What is translated again and again: float (N, 3, S, S) in [-1, 1] of each domain."""

    a: Tensor
    b: Tensor


def read_inputs(a: Sequence[Path], b: Sequence[Path], preprocess: Preprocess) -> SampleInputs:
    """The middle crops of a few pictures from all over both lists, equally many of each.

    What cannot be read is passed over.

    Raises:
        DataError: nothing in a list can be read.
    """
    crops_a, crops_b = (list(_middle_crops(paths, preprocess)) for paths in (a, b))
    count = min(len(crops_a), len(crops_b))
    return SampleInputs(torch.stack(crops_a[:count]), torch.stack(crops_b[:count]))


def _middle_crops(paths: Sequence[Path], preprocess: Preprocess) -> Iterator[Tensor]:
    read, problem = 0, DataError("there are no pictures to draw samples of")
    for path in spread(paths):
        try:
            scaled = preprocess.scale(read_image(path))
        except DataError as error:
            problem = error
            continue
        yield to_signed(tvf.center_crop(scaled, [preprocess.crop, preprocess.crop]))
        read += 1
        if read == ROWS:
            return
    if read == 0:
        raise problem


def spread(paths: Sequence[Path]) -> Iterator[Path]:
    """All of them, each far from those shortly before (van der Corput's order).

    Neighbours in a list are often neighbours in the world: frames of one film, one walk.
    """
    bits = max(1, (len(paths) - 1).bit_length())
    for number in range(1 << bits):
        place = int(f"{number:0{bits}b}"[::-1], 2)
        if place < len(paths):
            yield paths[place]


def draw_samples(g_ab: nn.Module, g_ba: nn.Module, inputs: SampleInputs) -> Pixels:
    """A row for each pair of inputs, uint8 (H, W, 3): a panel from A to B and back, one from B.

    The generators run in eval mode and are left as they were; no random number is drawn.
    """
    device = next(g_ab.parameters()).device
    with _evaluating(g_ab), _evaluating(g_ba), torch.inference_mode():
        panels = (
            _panel(_there_and_back(there, back, pictures.to(device)))
            for there, back, pictures in ((g_ab, g_ba, inputs.a), (g_ba, g_ab, inputs.b))
        )
        left, right = panels
    return np.hstack([left, np.full((len(left), MIDDLE, 3), _PAPER, np.uint8), right])


def split_panels(pixels: Pixels) -> tuple[Pixels, Pixels]:
    """The two panels of what `draw_samples` gave."""
    width = (pixels.shape[1] - MIDDLE) // 2
    return pixels[:, :width], pixels[:, -width:]


def save_png(pixels: Pixels, path: Path) -> None:
    """Write a picture; its folder is made if need be.

    Raises:
        OSError: no room, no permission.
    """

    def write(part: Path) -> None:
        # At this level a grid takes half the time of the default's, and no more room.
        Image.fromarray(pixels).save(part, format="PNG", compress_level=1)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, write)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode within the block; each module is left in the mode it had."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _there_and_back(there: nn.Module, back: nn.Module, pictures: Tensor) -> Tensor:
    """Inputs, translations and cycles: float (N, 3 columns, 3, S, S).

    One picture at a time, so that this never takes more memory than the training itself.
    """
    rows = []
    for picture in torch.split(pictures, 1):
        translated = there(picture)
        rows.append(torch.cat([picture, translated, back(translated)]).float())
    return torch.stack(rows)


def _panel(rows: Tensor) -> Pixels:
    """Float (N, 3 columns, 3, S, S) in [-1, 1] -> uint8 (H, W, 3); what is not finite is black."""
    levels = rows.add(1).mul(127.5).nan_to_num(0, 255, 0).round().clamp(0, 255).to(torch.uint8)
    count, columns, _, side, _ = levels.shape
    step = side + GAP
    panel = np.full((count * step - GAP, columns * step - GAP, 3), _PAPER, np.uint8)
    for row, pictures in enumerate(levels.permute(0, 1, 3, 4, 2).cpu().numpy()):
        for column, picture in enumerate(pictures):
            top, left = row * step, column * step
            panel[top : top + side, left : left + side] = picture
    return panel
