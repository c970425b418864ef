"""What NAME|RUN|FILE means on the command line: a generator's file, and its card."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidgan.errors import ModelError
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

if TYPE_CHECKING:
    from cyclegan.weights import LoadedGenerator


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A generator that was named, read."""

    path: Path
    generator: "LoadedGenerator"
    card: Card


def read_named(source: str, direction: Direction = "a2b") -> Named:
    """The generator that `source` means: a model by name, a file, or a run's in `direction`.

    A folder that is a run, and a file, come before a model of the same name.

    Raises:
        SettingsError: no model of that name.
        ModelError: no generator is there.
    """
    path = Path(source)
    is_run = (path / f"{direction}.safetensors").exists()
    is_name = any(model.card.name == source for model in list_models())
    if path.is_file() or is_run or (path.exists() and not is_name):
        file = weights_file(path, direction)
        generator = read_model(file)
        return Named(path=file, generator=generator, card=_card(path, file, generator))
    if not is_name and path.name != source:
        raise ModelError(f"{source}: no such file or run; give a generator's weights, or a name")
    model = find_model(source)
    return Named(path=model.path, generator=read_model(model.path), card=model.card)


def _card(path: Path, file: Path, generator: "LoadedGenerator") -> Card:
    """What is known of a generator that is not kept under a name."""
    name = f"{path.resolve().name}.{file.stem}" if path.is_dir() else file.stem
    inside = card_inside(generator.metadata) or Card(name=name, summary="")
    return replace(inside, name=name, size=inside.size or (run_size(path) if path.is_dir() else 0))
