"""Translations judged against real pictures, whose features are taken once and kept.

One `Judge` serves a whole training: each later judgement pays for the translated pictures alone.
Shapes: S x S pixels; pictures of domain A and of B need not be equally many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tvf

from cyclegan.direction import Direction
from cyclegan.features import FeatureNetwork
from cyclegan.features.alexnet import AlexNet
from cyclegan.metrics import (
    RESAMPLES,
    Estimate,
    bootstrap_counts,
    estimate,
    fid,
    gap_closed_estimate,
    kid,
    kid_resampled,
    mean_estimate,
)
from cyclegan.photographs import read_image
from cyclegan.structure import edge_similarity
from cyclegan.translator import Frames

Heard = Callable[[int], object]

_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one direction of translation has come to, over all pictures of its source domain."""

    kid_before: Estimate
    """KID of the two domains as they are."""
    kid: Estimate
    """KID of the translated pictures and the real ones of the domain they should belong to."""
    gap_closed: Estimate | None
    """1 - kid / kid_before; None where the domains themselves cannot be told apart."""
    fid_before: float
    fid: float
    lpips: Estimate | None
    """Mean perceptual distance of output and input; None without AlexNet."""
    edges: Estimate
    """Mean `edge_similarity` of output and input."""


class Judge:
    """Real pictures of two domains, uint8 (M, 3, S, S) and (N, 3, S, S), and what is known of them.

    `alexnet` measures LPIPS. Same pictures, same `seed`, same figures.

    Raises:
        ValueError: fewer than two pictures in a domain.
    """

    def __init__(
        self,
        a: Tensor,
        b: Tensor,
        *,
        network: FeatureNetwork,
        alexnet: AlexNet | None = None,
        seed: int = 0,
        resamples: int = RESAMPLES,
        heard: Heard = int,
    ) -> None:
        self._network, self._alexnet = network, alexnet
        self._images = (a, b)
        self._features = (self._see(a, heard), self._see(b, heard))
        self._counts = tuple(
            bootstrap_counts(len(images), seed=seed + place, resamples=resamples)
            for place, images in enumerate(self._images)
        )
        self._before_resampled = kid_resampled(*self._features, *self._counts)
        self._before = estimate(kid(*self._features), self._before_resampled)
        self._fid_before = fid(*self._features)

    def score(
        self, translate: Callable[[Frames], Frames], direction: Direction, *, heard: Heard = int
    ) -> Score:
        """Judge a translation of one domain into the other.

        `translate` is given uint8 (n, S, S, 3) and gives the same shape back, as `Translator`
        does; `heard` is told how many pictures more are done.
        """
        source, target = (0, 1) if direction == "a2b" else (1, 0)
        images = self._images[source]
        parts = [self._compare(part, translate, heard) for part in torch.split(images, _BATCH)]
        features, edges, distances = (torch.cat(columns) for columns in zip(*parts, strict=True))
        real, counts = self._features[target], self._counts[source]
        after = kid(features, real)
        resampled = kid_resampled(features, real, counts, self._counts[target])
        return Score(
            kid_before=self._before,
            kid=estimate(after, resampled),
            gap_closed=gap_closed_estimate(self._before, after, self._before_resampled, resampled),
            fid_before=self._fid_before,
            fid=fid(features, real),
            lpips=None if self._alexnet is None else mean_estimate(distances, counts),
            edges=mean_estimate(edges, counts),
        )

    @torch.inference_mode()
    def _compare(
        self, images: Tensor, translate: Callable[[Frames], Frames], heard: Heard
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of a few pictures' translations: features (n, D), edges kept (n,), LPIPS (n,) or (0,)."""
        out = translate(images.permute(0, 2, 3, 1).contiguous().numpy())
        made = torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()
        distances = torch.empty(0)
        if self._alexnet is not None:
            distances = self._alexnet.lpips(images, made).cpu()
        heard(len(images))
        return self._network(made).cpu(), edge_similarity(images, made), distances

    @torch.inference_mode()
    def _see(self, images: Tensor, heard: Heard) -> Tensor:
        """Features of real pictures: (pictures, D), on the CPU."""
        seen: list[Tensor] = []
        for part in torch.split(images, _BATCH):
            seen.append(self._network(part).cpu())
            heard(len(part))
        return torch.cat(seen)


def read_pictures(paths: Sequence[Path], side: int, *, heard: Heard = int) -> Tensor:
    """Pictures as uint8 (N, 3, side, side): the short side scaled, the middle square cut out.

    Raises:
        DataError: one of them cannot be read.
    """
    images = torch.empty(len(paths), 3, side, side, dtype=torch.uint8)
    for place, path in enumerate(paths):
        scaled = tvf.resize(read_image(path), [side], antialias=True)
        images[place] = tvf.center_crop(scaled, [side, side])
        heard(1)
    return images
