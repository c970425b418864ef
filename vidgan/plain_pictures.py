"""Models that leave plain pictures plain: what is usual is seen in a folder of pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torchvision.transforms.v2 import functional as tvf

from cyclegan.config import FastConfig
from cyclegan.data import DataError, read_image, to_signed
from cyclegan.folders import evenly, training_paths
from cyclegan.networks import FastGenerator
from cyclegan.norm_eps import with_norm_eps
from cyclegan.translator import LEAST_SIDE
from cyclegan.weights import LoadedGenerator
from vidgan.errors import InputError, ModelError, SettingsError
from vidgan.options import check_norm_eps

SEEN = 100
"""Pictures at most in which variances are seen; of more they hardly differ."""


@dataclass(frozen=True, slots=True)
class Plainness:
    """What a fast generator is to add to each variance it divides by."""

    norm_eps: float
    """In shares of what that variance is on average in the pictures of `data`."""
    data: Path

    def given_to(self, loaded: LoadedGenerator, source: Path, size: int) -> LoadedGenerator:
        """The generator with it, as it sees pictures at `size`; 0 is their own.

        Raises:
            ModelError: it is no fast generator, or has been given one before.
            InputError: the pictures cannot be read, or are too small.
        """
        network = loaded.network
        if not isinstance(network, FastGenerator):
            raise ModelError(
                f"{source}: --norm-eps is for fast generators; leave it and --data out"
            )
        if network.config.norm_eps != FastConfig().norm_eps:
            raise ModelError(
                f"{source}: has been imported with --norm-eps {network.config.norm_eps:g} already, "
                "and the two would add up; import what that was made of"
            )
        try:
            made = with_norm_eps(
                network, self._pictures(size, network.config.multiple), self.norm_eps
            )
        except DataError as exc:
            raise InputError(str(exc)) from exc
        return replace(loaded, network=made, config=made.config)

    def _pictures(self, size: int, multiple: int) -> Iterator[torch.Tensor]:
        """Float (1, 3, H, W) in [-1, 1], as large as conversions see them, cut to multiples."""
        for path in evenly(training_paths(self.data), SEEN):
            picture = read_image(path)
            if 0 < size < min(picture.shape[1:]):
                picture = tvf.resize(picture, [size], antialias=True)
            if min(picture.shape[1:]) < LEAST_SIDE:
                raise InputError(
                    f"{path}: is seen with a side of {min(picture.shape[1:])} pixels, and "
                    f"{LEAST_SIDE} are needed; give larger pictures, or a larger --size"
                )
            height, width = (side - side % multiple for side in picture.shape[1:])
            yield to_signed(picture[None, :, :height, :width])


def plainness_of(norm_eps: float | None, data: Path | None) -> Plainness | None:
    """What the options say; None where they are not given.

    Raises:
        SettingsError: out of range, or one of them without the other.
    """
    check_norm_eps(norm_eps)
    if norm_eps is None and data is None:
        return None
    if norm_eps is None or data is None:
        raise SettingsError(
            "--norm-eps and --data: give both, as what is added is counted in variances of pictures"
        )
    return Plainness(norm_eps, data)
