"""What a translation owes its picture: a trained network sees the same things in both.

The feature reconstruction loss of Johnson et al. 2016 ("Perceptual Losses for Real-Time Style
Transfer", §3.2), between what goes into a generator and what comes out. It asks to keep what is in
a picture more than its colours; the cycle's loss asks for what can be undone, pixel by pixel. The
network is the EfficientNet-Lite0 of projected discriminators, which nothing changes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.features.efficientnet import EfficientNet
from cyclegan.features.shared import shared_efficientnet


def perceptual_distance(images: Tensor, translated: Tensor) -> Tensor:
    """How far what the network sees in `translated` is from what it sees in `images`, a scalar.

    Both (N, 3, H, W), about [-1, 1], H and W `LEAST_SIDE_OF_FEATURES` or more. Features of each
    place are scaled to unit length, as LPIPS does (Zhang et al. 2018, eq. 1), so that each place
    and each scale has the same say; then it is their squared distance, in the mean over places and
    the four scales: 0 where they are the same, 2 where they have nothing in common. Float32 under
    autocast, too. Nothing is learnt through `images`.

    Raises:
        FeaturesError: EfficientNet-Lite0 is not installed.
        WeightsError: its file is damaged.
    """
    network: EfficientNet = shared_efficientnet(images.device)
    with torch.no_grad():
        expected = network.pyramid(images)
    pairs = zip(expected, network.pyramid(translated), strict=True)
    scales = [
        (F.normalize(found) - F.normalize(wanted)).square().sum(1).mean() for wanted, found in pairs
    ]
    return torch.stack(scales).mean()
