"""The way people translate a film today, and the public generator they do it with.

Frames are extracted to PNG, each is loaded, goes alone through the fp32 generator of the public
CycleGAN code (NCHW, nn.InstanceNorm2d, torch's default threads), becomes `(x + 1) / 2 * 255`
truncated, is saved as PNG; then the PNGs are encoded with x264. The sound is lost.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn


class Residual(nn.Module):
    """x + two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            *_conv(nn.Conv2d(channels, channels, 3), channels),
            nn.ReflectionPad2d(1),
            *_conv(nn.Conv2d(channels, channels, 3), channels)[:2],
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        out: Tensor = x + self.conv_block(x)
        return out


class PublicGenerator(nn.Module):
    """resnet_9blocks with 64 filters, layer by layer as the public code has it."""

    def __init__(self, blocks: int = 9, filters: int = 64) -> None:
        super().__init__()
        f = filters
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            *_conv(nn.Conv2d(3, f, 7), f),
            *_conv(nn.Conv2d(f, 2 * f, 3, stride=2, padding=1), 2 * f),
            *_conv(nn.Conv2d(2 * f, 4 * f, 3, stride=2, padding=1), 4 * f),
            *(Residual(4 * f) for _ in range(blocks)),
            *_conv(nn.ConvTranspose2d(4 * f, 2 * f, 3, 2, 1, output_padding=1), 2 * f),
            *_conv(nn.ConvTranspose2d(2 * f, f, 3, 2, 1, output_padding=1), f),
            nn.ReflectionPad2d(3),
            nn.Conv2d(f, 3, 7),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> the same."""
        out: Tensor = self.model(x)
        return out


def _conv(conv: nn.Module, channels: int) -> list[nn.Module]:
    return [conv, nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)]


def save_public_weights(path: Path) -> None:
    """Random weights, N(0, 0.02) from a seed, as a bare state dict: `latest_net_G_A.pth`."""
    random = torch.Generator().manual_seed(0)
    state = PublicGenerator().state_dict()
    for name, tensor in state.items():
        tensor.normal_(0.0, 0.02 if name.endswith("weight") else 1e-3, generator=random)
    torch.save(state, path)


class Clock:
    """Seconds spent in each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to a step's."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


def convert_as_today(source: Path, weights: Path, folder: Path) -> dict[str, float]:
    """Translate a film into `folder`; return the seconds of each step, weights loading apart."""
    generator = PublicGenerator().eval()
    generator.load_state_dict(torch.load(weights, weights_only=True))
    clock = Clock()
    with clock.step("extract to PNG"):
        _extract(source, folder)
    for path in sorted(folder.glob("in_*.png")):
        with clock.step("load PNG"):
            image = _load(path)
        with clock.step("generator"), torch.no_grad():
            out = generator(image)
        with clock.step("save PNG"):
            _save(out, path.with_name(path.name.replace("in_", "out_")))
    with clock.step("encode"):
        _encode(folder)
    return clock.seconds


def _extract(source: Path, folder: Path) -> None:
    with av.open(str(source)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            Image.fromarray(frame.to_ndarray(format="rgb24")).save(folder / f"in_{number:06}.png")


def _load(path: Path) -> Tensor:
    """(1, 3, H, W) in [-1, 1]."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), np.float32)
    return torch.from_numpy(pixels / 127.5 - 1).permute(2, 0, 1).unsqueeze(0).contiguous()


def _save(out: Tensor, path: Path) -> None:
    pixels = (out[0].permute(1, 2, 0).numpy() + 1) / 2 * 255
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def _encode(folder: Path) -> None:
    with av.open(str(folder / "out.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        for number, path in enumerate(sorted(folder.glob("out_*.png"))):
            with Image.open(path) as image:
                pixels = np.asarray(image)
            if number == 0:
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
