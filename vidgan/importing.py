"""`vidgan models import`: a copy of a generator, kept under a name."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torchvision.transforms.v2 import functional as tvf

from cyclegan.atomic import write_atomically
from cyclegan.checkpoint import generator_file
from cyclegan.config import generator_to_json
from cyclegan.data import DataError, read_image, to_signed
from cyclegan.direction import Direction
from cyclegan.folders import evenly, is_held_out, list_images
from cyclegan.networks import FastGenerator
from cyclegan.norm_eps import with_norm_eps
from cyclegan.weights import LoadedGenerator
from vidgan.card import write_card
from vidgan.errors import InputError, ModelError, SettingsError
from vidgan.models import Model, free_place
from vidgan.named import Named, read_weights
from vidgan.options import check_steady

SEEN = 100
"""Pictures at most in which variances are seen; of more they hardly differ."""


def import_model(
    source: Path,
    name: str,
    *,
    averaged_with: Sequence[Path] = (),
    direction: Direction = "a2b",
    size: int | None = None,
    steady: float | None = None,
    norm_eps: float | None = None,
    data: Path | None = None,
    summary: str = "",
    half: bool = False,
    overwrite: bool = False,
) -> Model:
    """Keep a generator under a name of its own, so that `--pair NAME` finds it.

    `size` and `steady` are the card's; None is what an exported file says, else of the size what a
    run was trained at (see `run_size`), or 0. `half` keeps weights in fp16: half the bytes, 11 bits
    of each. Generators of one training, or of trainings that began with one another, may be
    `averaged_with` it, weight by weight (Wortsman et al. 2022, "Model soups"); but for its summary,
    and for commands and figures, which it has none of, the card is that of `source`.

    `norm_eps` becomes what a fast generator adds to each variance it divides by, in shares of what
    that is in the pictures of the folder `data`, scaled to its size (see `cyclegan.norm_eps`).

    Raises:
        SettingsError: a name that is not letters, digits, '.', '_' and '-', a steadiness or
            `norm_eps` out of range, or one of `norm_eps` and `data` without the other.
        InputError: the pictures of `data` cannot be read.
        ModelError: not a generator, of another architecture than those it is averaged with, the
            name is taken, or weights that fp16 cannot hold.
    """
    check_steady(steady)
    _check_norm_eps(norm_eps, data)
    target = free_place(name, overwrite=overwrite)
    named = read_weights(source, direction)
    generator, card = named.generator, named.card
    if averaged_with:
        _average(generator, [read_weights(path, direction) for path in averaged_with])
        summary = summary or f"the mean of {', '.join(map(str, (source, *averaged_with)))}"
        card = replace(card, commands=(), figures=())
    if norm_eps is not None:
        size_seen = card.size if size is None else size
        generator = _with_norm_eps(generator, source, norm_eps, data, size_seen)
        card = replace(card, figures=())
    card = replace(
        card,
        name=name,
        summary=summary or card.summary or f"imported from {source.name}",
        size=card.size if size is None else size,
        steady=card.steady if steady is None else steady,
    )
    dtype = torch.float16 if half else torch.float32
    weights = generator.network.state_dict().values()
    if not all(bool(weight.to(dtype).isfinite().all()) for weight in weights):
        raise ModelError(f"{source}: has weights that fp16 cannot hold; import it without --half")
    target.parent.mkdir(parents=True, exist_ok=True)
    file = generator_file(generator.network, generator.config, dtype=dtype)
    write_atomically(target, lambda part: part.write_bytes(file))
    sha256 = hashlib.sha256(file).hexdigest()
    write_card(card, target.with_suffix(".json"), sha256=sha256)
    return Model(path=target, card=card, bundled=False, sha256=sha256)


def _check_norm_eps(norm_eps: float | None, data: Path | None) -> None:
    if norm_eps is not None and not 0 < norm_eps < math.inf:
        raise SettingsError(f"--norm-eps {norm_eps}: must be more than 0, such as 1")
    if (norm_eps is None) != (data is None):
        raise SettingsError(
            "--norm-eps and --data: give both, as what is added is counted in variances of pictures"
        )


def _with_norm_eps(
    loaded: LoadedGenerator, source: Path, norm_eps: float, data: Path | None, size: int
) -> LoadedGenerator:
    if not isinstance(loaded.network, FastGenerator):
        raise ModelError(f"{source}: --norm-eps is for fast generators; leave it and --data out")
    assert data is not None
    try:
        found = list_images(data)
        paths = evenly([path for path in found if not is_held_out(path)] or found, SEEN)
        pictures = (_picture(path, size, loaded.config.multiple) for path in paths)
        network = with_norm_eps(loaded.network, pictures, norm_eps)
    except DataError as exc:
        raise InputError(str(exc)) from exc
    return replace(loaded, network=network, config=network.config)


def _picture(path: Path, size: int, multiple: int) -> torch.Tensor:
    """(1, 3, H, W) in [-1, 1], its short side `size`, or its own with 0, cut to multiples."""
    picture = read_image(path)
    if size:
        picture = tvf.resize(picture, [size], antialias=True)
    height, width = (side - side % multiple for side in picture.shape[1:])
    return to_signed(picture[None, :, :height, :width])


def _average(generator: LoadedGenerator, others: Sequence[Named]) -> None:
    """Give a generator the mean of its own weights and those of others."""
    for other in others:
        if other.generator.config != generator.config:
            own, its = (generator_to_json(g.config) for g in (generator, other.generator))
            raise ModelError(
                f"{other.path}: {its} cannot be averaged with {own}; "
                "give generators of one architecture"
            )
    weights = [each.network.state_dict() for each in (generator, *(o.generator for o in others))]
    mean = {
        name: torch.stack([own[name].double() for own in weights]).mean(0).to(first.dtype)
        for name, first in weights[0].items()
    }
    generator.network.load_state_dict(mean)
