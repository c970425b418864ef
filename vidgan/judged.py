"""Which generators `vidgan eval` judges, and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from cyclegan.direction import Direction
from cyclegan.networks import Generator
from cyclegan.translator import resolve_device
from vidgan.errors import SettingsError
from vidgan.inputs import VIDEO_SUFFIXES
from vidgan.named import directions_of, read_named
from vidgan.numbered import is_pattern
from vidgan.options import check_steady
from vidgan.places import Remote, as_place

_WEIGHTS = {".safetensors", ".pth", ".pt", ".ckpt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Generators by direction, and what to call them."""

    label: str
    generators: Mapping[Direction, Generator]
    size: int
    """The short side, in pixels, at which they see pictures; 0 is the pictures' own."""
    steady: float
    """How much frames lean on those before."""


def choose_generators(
    source: str,
    *,
    direction: Direction | None = None,
    size: int | None = None,
    steady: float | None = None,
) -> Judged:
    """The generators that `source` means: a run's two, a model's by name, or a file's.

    A size or steadiness that is None is their card's; a run's two have one between them.

    Raises:
        SettingsError: a size or steadiness out of range, or no model of that name.
        ModelError: weights cannot be used.
    """
    if size is not None and size < 0:
        raise SettingsError(f"--size {size}: must be 0 or more")
    check_steady(steady)
    path = Path(source)
    ways = [direction] if direction else (directions_of(path) or ["a2b"])
    found = {way: read_named(source, way) for way in ways}
    card = found[ways[0]].card
    return Judged(
        label=str(path) if path.is_dir() else card.name,
        generators={way: named.generator.network for way, named in found.items()},
        size=card.size if size is None else size,
        steady=card.steady if steady is None else steady,
    )


def means_model(word: str) -> bool:
    """Whether a word that may mean a film or a model means a model, as far as its name tells.

    A run, weights by their ending, a name on offer; and what is no file and has no film's ending.
    """
    place = as_place(word)
    if isinstance(place, Remote) or is_pattern(place):
        return False
    suffix = place.suffix.lower()
    if place.is_file():
        return suffix in _WEIGHTS
    return place.is_dir() or suffix not in VIDEO_SUFFIXES


def chosen_device(name: str) -> torch.device:
    """The device to judge on.

    Raises:
        SettingsError: there is no such device.
    """
    try:
        return resolve_device(name)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
