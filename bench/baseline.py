"""What a translation has to beat: each picture in the colours of a random one of the other domain.

    python bench/baseline.py --a summer/ --b snow/

Mean and spread of red, green and blue are set to those of the other picture; nothing is learnt. The
held-out pictures and the figures are those of `vidgan eval`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from cyclegan.direction import Direction
from cyclegan.features import open_alexnet, open_features
from cyclegan.folders import is_held_out, list_images
from cyclegan.judge import Judge, read_pictures
from cyclegan.translator import Frames
from vidgan.evaluation import SIDE


class ColorTransfer:
    """Draws one picture of `palette`, uint8 (N, H, W, 3), for each that it is given."""

    def __init__(self, palette: Frames, *, seed: int) -> None:
        self._palette = palette
        self._random = np.random.default_rng(seed)

    def __call__(self, frames: Frames) -> Frames:
        """Uint8 (n, H, W, 3), the same out."""
        return np.stack([self._recolored(frame.astype(np.float64)) for frame in frames])

    def _recolored(self, frame: "np.typing.NDArray[np.float64]") -> Frames:
        other = self._palette[self._random.integers(len(self._palette))].astype(np.float64)
        standard = (frame - frame.mean((0, 1))) / np.maximum(frame.std((0, 1)), 1e-6)
        levels = standard * other.std((0, 1)) + other.mean((0, 1))
        done: Frames = levels.round().clip(0, 255).astype(np.uint8)
        return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--a", type=Path, required=True)
    parser.add_argument("--b", type=Path, required=True)
    parser.add_argument("--features", default="auto", choices=["auto", "alexnet", "efficientnet"])
    args = parser.parse_args()
    device = torch.device("cpu")
    a, b = (
        read_pictures([path for path in list_images(folder) if is_held_out(path)], SIDE)
        for folder in (args.a, args.b)
    )
    network = open_features(args.features, device=device)
    judge = Judge(a, b, network=network, alexnet=open_alexnet(device=device))
    print(f"{network.name}, {len(a)} and {len(b)} pictures")
    directions: tuple[tuple[Direction, torch.Tensor], ...] = (("a2b", b), ("b2a", a))
    for direction, target in directions:
        for seed in range(3):
            palette = target.permute(0, 2, 3, 1).numpy()
            score = judge.score(ColorTransfer(palette, seed=seed), direction)
            gap = score.gap_closed
            share = "-" if gap is None else f"{gap.value:.2f} ({gap.low:.2f} to {gap.high:.2f})"
            lpips = "-" if score.lpips is None else f"{score.lpips.value:.2f}"
            print(
                f"{direction} seed {seed}: gap closed {share}, KID {score.kid.value:.4f}, "
                f"FID {score.fid:.1f}, LPIPS {lpips}, edges kept {score.edges.value:.2f}"
            )


if __name__ == "__main__":
    main()
