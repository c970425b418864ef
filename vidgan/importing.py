"""`vidgan models import`: a copy of a generator, kept under a name."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from cyclegan.atomic import write_atomically
from cyclegan.checkpoint import generator_file
from cyclegan.config import generator_to_json
from cyclegan.direction import Direction
from cyclegan.milder import with_milder_change
from cyclegan.networks import FastGenerator
from cyclegan.weights import LoadedGenerator
from vidgan.card import write_card
from vidgan.errors import ModelError
from vidgan.models import Model, free_place
from vidgan.named import Named, read_weights
from vidgan.options import check_change, check_steady
from vidgan.plain_pictures import plainness_of


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
    change: float = 1.0,
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
    that is in the pictures of the folder `data` (see `vidgan.plain_pictures`); `change` is how
    much of its change it makes from then on (`cyclegan.milder`). Neither commands nor figures of
    the card are then of these weights.

    Raises:
        SettingsError: a name that is not letters, digits, '.', '_' and '-', a steadiness,
            `norm_eps` or `change` out of range, or one of `norm_eps` and `data` without the other.
        InputError: the pictures of `data` cannot be read.
        ModelError: not a generator, of another architecture than those it is averaged with, the
            name is taken, or weights that fp16 cannot hold.
    """
    check_steady(steady)
    check_change(change)
    plainness = plainness_of(norm_eps, data)
    target = free_place(name, overwrite=overwrite)
    named = read_weights(source, direction)
    generator, card = named.generator, named.card
    if averaged_with:
        _average(generator, [read_weights(path, direction) for path in averaged_with])
        summary = summary or f"the mean of {', '.join(map(str, (source, *averaged_with)))}"
        card = replace(card, commands=(), figures=())
    card = replace(
        card,
        name=name,
        summary=summary or card.summary or f"imported from {source.name}",
        size=card.size if size is None else size,
        steady=card.steady if steady is None else steady,
    )
    if plainness is not None:
        generator = plainness.given_to(generator, source, card.size)
    if change != 1:
        generator = _milder(generator, source, change)
    if plainness is not None or change != 1:
        card = replace(card, commands=(), figures=())
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


def _milder(loaded: LoadedGenerator, source: Path, change: float) -> LoadedGenerator:
    if not isinstance(loaded.network, FastGenerator):
        raise ModelError(f"{source}: --change is for fast generators; leave it out")
    made = with_milder_change(loaded.network, change)
    return replace(loaded, network=made, config=made.config)


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
