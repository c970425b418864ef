"""EfficientNet-Lite0 to learn through: read once on each device, for all that looks through it."""

from functools import cache

import torch

from cyclegan.features import find_efficientnet
from cyclegan.features.efficientnet import EfficientNet


@torch.compiler.disable  # type: ignore[untyped-decorator]  # it reads a file
@cache
@torch.inference_mode(mode=False)  # whoever comes first, others learn through it
def shared_efficientnet(device: torch.device) -> EfficientNet:
    """The network on a device: tensors that nothing changes, in this process for good (13 MB).

    Raises:
        FeaturesError: it is not installed.
        WeightsError: its file is damaged.
    """
    return EfficientNet(find_efficientnet(), device=device)
