"""Which generator is meant on the command line, and its card: a name, a run's folder, a file.

Every command finds generators here, so that all of them see a model at the same size.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cyclegan.direction import DIRECTIONS, Direction
from vidgan.card import Card, card_inside
from vidgan.errors import ModelError
from vidgan.models import (
    find_model,
    list_models,
    read_model,
    run_size,
    weights_file,
)

if TYPE_CHECKING:
    from cyclegan.weights import LoadedGenerator


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A generator that was named, read."""

    path: Path
    generator: "LoadedGenerator"
    card: Card
    """What is known of it. Its name is what to call it: the model's, or the file's or run's own."""


def read_pair(name: str) -> Named:
    """The model that is kept under this name.

    Raises:
        SettingsError: there is none.
        ModelError: its file cannot be used.
    """
    model = find_model(name)
    return Named(path=model.path, generator=read_model(model.path), card=model.card)


def read_weights(path: Path, direction: Direction = "a2b") -> Named:
    """The generator in a file, or a run's in `direction`.

    A card inside the file is the card, as an exported model has one; a size that it leaves open is
    that of the run's training.

    Raises:
        ModelError: no generator is there.
    """
    file = weights_file(path, direction)
    is_run = path.is_dir()
    generator = read_model(file)
    name = f"{path.resolve().name}.{file.stem}" if is_run else file.stem
    inside = card_inside(generator.metadata) or Card(name=name, summary="")
    size = inside.size or (run_size(path) if is_run else 0)
    return Named(path=file, generator=generator, card=replace(inside, name=name, size=size))


def read_named(source: str, direction: Direction = "a2b") -> Named:
    """The generator that a word means: a file's, a run's in `direction`, or a model by name.

    A folder that is a run, and a file, come before a model of the same name.

    Raises:
        SettingsError: no model of that name.
        ModelError: no generator is there.
    """
    path = Path(source)
    if not means_a_model(source):
        return read_weights(path, direction)
    if path.name != source and not _is_name(source):
        raise ModelError(f"{source}: no such file or run; give a generator's weights, or a name")
    return read_pair(source)


def means_a_model(source: str) -> bool:
    """Whether `read_named` takes a word for a model's name: nothing there is a file or a run."""
    path = Path(source)
    is_there = path.is_file() or directions_of(path) or (path.exists() and not _is_name(source))
    return not is_there


def _is_name(source: str) -> bool:
    return any(model.card.name == source for model in list_models())


def directions_of(folder: Path) -> list[Direction]:
    """The directions that a run has generators for; none where it is not a run's folder."""
    return [way for way in DIRECTIONS if (folder / f"{way}.safetensors").exists()]
