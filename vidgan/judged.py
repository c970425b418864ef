"""Which generators `vidgan eval` judges, and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch

from cyclegan.networks import Generator
from cyclegan.translator import resolve_device
from vidgan.errors import ModelError, SettingsError
from vidgan.inputs import VIDEO_SUFFIXES
from vidgan.models import (
    Card,
    Direction,
    card_inside,
    find_model,
    list_models,
    read_model,
    run_size,
    weights_file,
)
from vidgan.numbered import is_pattern
from vidgan.options import check_steady
from vidgan.places import Remote, as_place

_WEIGHTS = {".safetensors", ".pth", ".pt", ".ckpt"}
_DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


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
    found = _find(source, direction)
    loaded = {name: read_model(file) for name, file in found.files.items()}
    insides = (card_inside(generator.metadata) for generator in loaded.values())
    card = found.card or next((card for card in insides if card), None)
    return Judged(
        label=found.label,
        generators={name: generator.network for name, generator in loaded.items()},
        size=(found.size or (card.size if card else 0)) if size is None else size,
        steady=(card.steady if card else 0.0) if steady is None else steady,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a word means, and what is known of it outside its files."""

    label: str
    files: Mapping[Direction, Path]
    size: int = 0
    card: Card | None = None


def _find(source: str, direction: Direction | None) -> _Found:
    """A file, a run, or else a model of that name."""
    path = Path(source)
    if path.is_file():
        return _Found(label=path.stem, files={direction or "a2b": path})
    is_run = any((path / f"{name}.safetensors").exists() for name in _DIRECTIONS)
    is_name = any(model.card.name == source for model in list_models())
    if is_run or (path.exists() and not is_name):
        wanted = (direction,) if direction else _DIRECTIONS
        there = [name for name in wanted if (path / f"{name}.safetensors").exists()]
        files = {name: weights_file(path, name) for name in there or wanted}
        return _Found(label=str(path), files=files, size=run_size(path))
    if not is_name and path.name != source:
        raise ModelError(f"{source}: no such file or run; give a generator's weights, or a name")
    model = find_model(source)
    return _Found(
        label=source,
        files={direction or "a2b": model.path},
        size=model.card.size,
        card=model.card,
    )


def chosen_device(name: str) -> torch.device:
    """The device to judge on.

    Raises:
        SettingsError: there is no such device.
    """
    try:
        return resolve_device(name)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
