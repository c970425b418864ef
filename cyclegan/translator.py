"""Frames through a generator: levels in, levels of the same size and depth out, whatever the size.

Shapes: N frames, H x W pixels, channels last as video has them; h x w what the generator sees.
"""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cyclegan.dtypes import resolve_dtype
from cyclegan.memory import is_of_memory
from cyclegan.networks import Generator
from cyclegan.phased import phased
from cyclegan.precision import Precision
from cyclegan.resampling import added, shrunk
from cyclegan.steady import Link, Row
from cyclegan.traced import traced
from cyclegan.turns import Turns
from cyclegan.view import PLAIN, View

Frames = NDArray[np.uint8]
Depth = TypeVar("Depth", bound=np.uint8 | np.uint16)
Steady = Callable[[Tensor, Tensor], Tensor]
"""What frames are to a generator, (N, 3, h, w) in levels of 8 bits, and the changes to them ->
those changes, steadied."""

LEAST_SIDE = 8
"""Pixels: the convolutions at a quarter of the size reflect one pixel, and need two for it."""
_DEEP = 257
"""Levels of 16 bits in one of 8: 65535 = 257 * 255."""


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """The device that a name means: "auto" is CUDA where there is one, else the CPU.

    Raises:
        ValueError: CUDA is asked for and there is none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    resolved = torch.device(device)
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device is available here: choose --device cpu or auto")
    return resolved


class Translator:
    """A generator ready to translate frames.

    `size` is the short side, in pixels, at which the generator sees a frame; 0 is the frame's own.
    Networks trained on small pictures change large ones little and slowly, so a larger frame is
    scaled down for the generator, and the *change* it makes (output minus input) is scaled up and
    added to the full frame, whose own detail stays.

    The network always runs on batches of exactly `batch` frames (short ones are filled up and
    cut), so that what becomes of a frame does not depend on its neighbours. Where memory does not
    suffice, `batch` is halved for good, and at last calls wait for each other; on CUDA, whose
    kernels depend on the batch, a frame may then differ by a level. Calls are safe from several
    threads at once; torch's own threads are the caller's to set.

    Raises:
        ValueError: a setting out of range, or a device or precision that is not to be had.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        size: int = 0,
        batch: int | None = None,
        steady: float = 0.0,
    ) -> None:
        if size < 0:
            raise ValueError(f"size must be 0 (native) or a number of pixels, not {size}")
        if not 0 <= steady < 1:
            raise ValueError(f"steady must be from 0 to less than 1, not {steady}")
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(precision, self.device)
        self.size = size
        self.steady = steady
        self.batch = batch or (8 if self.device.type == "cuda" else 1)
        self.multiple = generator.config.multiple
        self._turns = Turns()
        on_cpu = self.device.type == "cpu"
        own = copy.deepcopy(generator)
        network = (
            (phased(own.to("cpu", torch.float32)) if on_cpu else own)
            .eval()
            .requires_grad_(False)
            .to(self.device, self.dtype)
            .to(memory_format=torch.channels_last)
        )
        # On CUDA one thread launches kernels ahead of the device: Python is not in the way.
        self._forward: Callable[[Tensor], Tensor] = (
            traced(network, self._least_image()) if on_cpu else network
        )

    def __call__(
        self, frames: NDArray[Depth], view: View = PLAIN, *, link: Link | None = None
    ) -> NDArray[Depth]:
        """Translate RGB frames (N, H, W, 3): uint8 in [0, 255], or uint16 in [0, 65535].

        The same shape and depth come back. Of 16 bits the generator sees fractions of its levels,
        and its change is added to them before anything is rounded, so that a gradient stays
        smooth; bfloat16 knows half a level of 8 bits at black and at white, and finer ones between.
        `view` is how the generator sees them, where that is not as they are.

        With a `link` the frames follow those that the link before it was given for, in whichever
        order the calls come, and are steadied; without one each is by itself.

        Raises:
            ValueError: neither uint8 nor uint16 (N, H, W, 3), or a frame without pixels.
            RuntimeError, MemoryError: not even one frame alone finds memory.
        """
        if frames.dtype not in (np.uint8, np.uint16) or frames.ndim != 4 or frames.shape[3] != 3:
            raise ValueError(
                f"expected uint8 or uint16 (N, H, W, 3), got {frames.dtype} {frames.shape}"
            )
        if 0 in frames.shape[1:3]:
            raise ValueError(f"frames have no pixels: {frames.shape}")
        out = np.empty_like(frames, order="C")
        row = None if link is None else self._row(link, len(frames))
        with torch.inference_mode(), row or nullcontext():
            start = 0
            while start < len(frames):
                batch = self.batch
                part = slice(start, start + batch)
                steady = None if row is None else partial(row.steadied, start)
                if self._fits(frames[part], out[part], batch, view, steady):
                    start += batch
        return out

    def _row(self, link: Link, frames: int) -> Row:
        return Row(link, frames=frames, strength=self.steady, away=self._turns.away)

    def _fits(
        self,
        frames: NDArray[Depth],
        out: NDArray[Depth],
        batch: int,
        view: View,
        steady: Steady | None,
    ) -> bool:
        """Translate into `out`; False where memory did not suffice, and less is asked of it now."""
        with self._turns.turn() as alone:
            try:
                out[:] = self._translate(frames, batch, view, steady)
            except (RuntimeError, MemoryError) as error:
                if not is_of_memory(error) or (alone and batch == 1):
                    raise
            else:
                return True
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if batch == 1:
            self._turns.one_at_a_time()
        self.batch = min(self.batch, max(1, batch // 2))
        return False

    def _translate(
        self, frames: NDArray[Depth], batch: int, view: View, steady: Steady | None
    ) -> NDArray[Depth]:
        # A copy of what is read-only, as Pillow's arrays are: torch warns of it.
        whole = np.require(frames, requirements=("C", "W"))
        full = _filled(torch.from_numpy(whole).to(self.device), batch)
        translate = self._translate_levels if full.dtype == torch.uint8 else self._translate_deep
        made = translate(full, view, steady)
        levels: NDArray[Depth] = made[: len(frames)].cpu().numpy()
        return levels

    def _translate_levels(self, full: Tensor, view: View, steady: Steady | None) -> Tensor:
        """Uint8 (N, H, W, 3) -> the same."""
        height, width = full.shape[1:3]
        h, w = self._seen_size(height, width)
        # (N, H, W, 3) seen as (N, 3, H, W) is channels_last already: no copy.
        planes = full.permute(0, 3, 1, 2)
        if (h, w) == (height, width):
            out = view.stored(self._generate(view.upright(planes)).add_(1).mul_(127.5))
            if steady is not None:
                seen = planes.float()
                out = steady(seen, out - seen).add_(seen)
            return out.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        # On CUDA the antialiasing kernel takes floats alone.
        source = planes if self.device.type == "cpu" else planes.float()
        small = F.interpolate(source, (h, w), mode="bilinear", antialias=True)
        answer = self._generate(view.upright(small)).add_(1).mul_(127.5)
        change = view.stored(answer) - small
        return added(full, change if steady is None else steady(small.float(), change))

    def _translate_deep(self, full: Tensor, view: View, steady: Steady | None) -> Tensor:
        """Uint16 (N, H, W, 3) -> the same."""
        height, width = full.shape[1:3]
        h, w = self._seen_size(height, width)
        is_native = (h, w) == (height, width)
        small = full.permute(0, 3, 1, 2).float() if is_native else shrunk(full, h, w)
        seen = view.recolored(view.upright(small))
        # Rounded to the network's type only now: levels from 128 on have no fractions in bfloat16.
        signed = (seen / (_DEEP * 127.5) - 1).to(self.dtype)
        answer = self._apply(signed).sub_(signed.float()).mul_(_DEEP * 127.5)
        change = view.stored(view.own(answer))
        if steady is not None:
            change = steady(small / _DEEP, change)
        if is_native:
            made = small.add_(change).round_().clamp_(0, _DEEP * 255)
            return made.to(torch.uint16).permute(0, 2, 3, 1)
        return added(full, change)

    def _least_image(self) -> Tensor:
        """Float (batch, 3, h, w) in the network's format, of the smallest size it takes."""
        side = -(-LEAST_SIDE // self.multiple) * self.multiple
        image = torch.zeros(self.batch, 3, side, side, device=self.device, dtype=self.dtype)
        return image.contiguous(memory_format=torch.channels_last)

    def _seen_size(self, height: int, width: int) -> tuple[int, int]:
        short = min(height, width)
        if self.size == 0 or short <= self.size:
            return height, width
        scale = self.size / short
        return max(1, round(height * scale)), max(1, round(width * scale))

    def _generate(self, image: Tensor) -> Tensor:
        """Levels (N, 3, h, w) in [0, 255] -> float32 in [-1, 1] of the same size."""
        return self._apply(image.to(self.dtype) / 127.5 - 1)

    def _apply(self, signed: Tensor) -> Tensor:
        """(N, 3, h, w) in [-1, 1], of the network's type -> float32 of the same size."""
        h, w = signed.shape[2:]
        padded = pad_to_multiple(signed, self.multiple)
        out = self._forward(padded.contiguous(memory_format=torch.channels_last))
        return out[:, :, :h, :w].float()


def _filled(frames: Tensor, batch: int) -> Tensor:
    """As many as a batch has, the last one again and again."""
    missing = batch - len(frames)
    return frames if missing <= 0 else torch.cat([frames, frames[-1:].expand(missing, -1, -1, -1)])


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Reflect (N, C, H, W) at its right and lower border up to the next multiples.

    Sides become at least `LEAST_SIDE`. Where the border is wider than the picture the reflection
    goes back and forth, as in `numpy.pad(mode="reflect")`.
    """
    height, width = image.shape[2:]
    down, right = (max(LEAST_SIDE, side + -side % multiple) - side for side in (height, width))
    if down == right == 0:
        return image
    if down < height and right < width:
        return F.pad(image, (0, right, 0, down), mode="reflect")
    rows = _reflected(height, height + down, image.device)
    columns = _reflected(width, width + right, image.device)
    return image.index_select(2, rows).index_select(3, columns)


def _reflected(length: int, padded: int, device: torch.device) -> Tensor:
    """Indices 0..length-1 going on as length-2, length-3 .. 0, 1 .. up to `padded` of them."""
    if length == 1:
        return torch.zeros(padded, dtype=torch.long, device=device)
    period = 2 * (length - 1)
    place = torch.arange(padded, device=device) % period
    return torch.minimum(place, period - place)
