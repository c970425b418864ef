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
    Direction,
    card_inside,
    find_model,
    list_models,
    read_model,
    run_size,
    weights_file,
)
from vidgan.numbered import is_pattern
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


def choose_generators(
    source: str, *, direction: Direction | None = None, size: int | None = None
) -> Judged:
    """The generators that `source` means: a run's two, a model's by name, or a file's.

    Raises:
        SettingsError: a size below 0, or no model of that name.
        ModelError: weights cannot be used.
    """
    if size is not None and size < 0:
        raise SettingsError(f"--size {size}: must be 0 or more")
    label, files, own = _find(source, direction)
    loaded = {name: read_model(file) for name, file in files.items()}
    if size is None:
        inside = (card_inside(generator.metadata) for generator in loaded.values())
        size = own or next((card.size for card in inside if card), 0)
    generators = {name: generator.network for name, generator in loaded.items()}
    return Judged(label=label, generators=generators, size=size)


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


def _find(source: str, direction: Direction | None) -> tuple[str, dict[Direction, Path], int]:
    """Label, files and size: of a file, of a run, or else of a model of that name."""
    path = Path(source)
    if path.is_file():
        return path.stem, {direction or "a2b": path}, 0
    is_run = any((path / f"{name}.safetensors").exists() for name in _DIRECTIONS)
    is_name = any(model.card.name == source for model in list_models())
    if is_run or (path.exists() and not is_name):
        wanted = (direction,) if direction else _DIRECTIONS
        there = [name for name in wanted if (path / f"{name}.safetensors").exists()]
        files = {name: weights_file(path, name) for name in there or wanted}
        return str(path), files, run_size(path)
    if not is_name and path.name != source:
        raise ModelError(f"{source}: no such file or run; give a generator's weights, or a name")
    model = find_model(source)
    return source, {direction or "a2b": model.path}, model.card.size


def chosen_device(name: str) -> torch.device:
    """The device to judge on.

    Raises:
        SettingsError: there is no such device.
    """
    try:
        return resolve_device(name)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
