"""The models on offer: those of the package, and those a user has imported by name.

A model is two files side by side: NAME.safetensors, the generator, and NAME.json, its card. The
package's own are in vidgan/weights, the user's in $VIDGAN_HOME/models (by default
$XDG_DATA_HOME/vidgan/models, that is ~/.local/share/vidgan/models).
"""

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from vidgan.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from cyclegan.weights import LoadedGenerator

Direction = Literal["a2b", "b2a"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

PACKAGE_MODELS = Path(__file__).parent / "weights"

CARD_KEY = "card"
"""Under which an exported file keeps its card, as JSON, in its metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a user should know of a model before a night of work with it."""

    name: str
    summary: str
    size: int = 0
    """The short side, in pixels, at which it should see a frame; 0 is the frame's own."""
    steady: float = 0.0
    """How much frames of a film should lean on one another, from 0 to less than 1."""
    data: str = ""
    training: str = ""
    looks_like: str = ""
    limits: str = ""
    license: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A generator's file and its card."""

    path: Path
    card: Card
    bundled: bool

    def to_json(self) -> dict[str, object]:
        """The card, and where the model is."""
        origin = "package" if self.bundled else "user"
        return {**asdict(self.card), "origin": origin, "path": str(self.path)}


def user_models() -> Path:
    """The folder of the models a user has imported; it need not be there."""
    if home := os.environ.get("VIDGAN_HOME"):
        return Path(home) / "models"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "vidgan" / "models"


def list_models() -> list[Model]:
    """All models by name; a user's model hides the package's of the same name."""
    models = {model.card.name: model for model in _models_in(PACKAGE_MODELS, bundled=True)}
    models |= {model.card.name: model for model in _models_in(user_models(), bundled=False)}
    return [models[name] for name in sorted(models)]


def find_model(name: str) -> Model:
    """The model called `name`.

    Raises:
        SettingsError: there is none; the text lists those there are, and the closest.
    """
    models = {model.card.name: model for model in list_models()}
    if name in models:
        return models[name]
    close = difflib.get_close_matches(name, models, n=1, cutoff=0.4)
    hint = f"; did you mean {close[0]}?" if close else ""
    known = ", ".join(models) or "none yet, `vidgan models import` adds one"
    raise SettingsError(f"unknown pair {name!r}: known are {known}{hint}")


def weights_file(path: Path, direction: Direction) -> Path:
    """The generator's file that `--weights` means: a file itself, or a run's in `direction`.

    Raises:
        ModelError: nothing there, or a folder that is not a run.
    """
    if not path.exists():
        raise ModelError(f"{path}: no such file or run; give a generator's weights")
    if not path.is_dir():
        return path
    inside = path / f"{direction}.safetensors"
    if not inside.exists():
        other = "b2a" if direction == "a2b" else "a2b"
        if (path / f"{other}.safetensors").exists():
            raise ModelError(f"{path}: holds {other}.safetensors alone; add --direction {other}")
        raise ModelError(f"{path}: not the folder of a training ({inside.name} is not in it)")
    return inside


def run_size(run: Path) -> int:
    """The short side, in pixels, at which a training saw pictures; 0 where that cannot be read.

    What a run keeps on the way (`RUN/every/00012000`) is of the same training.
    """
    inside = (run, *run.resolve().parents[:2])
    settings = next((f for folder in inside if (f := folder / "config.json").is_file()), None)
    if settings is None:
        return 0
    try:
        config = json.loads(settings.read_text(encoding="utf-8"))
        size = config["preprocess"]["load"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return 0
    return size if type(size) is int and size > 0 else 0


def free_place(name: str, *, overwrite: bool = False) -> Path:
    """Where a user's model called `name` is kept.

    Raises:
        SettingsError: a name that is not letters, digits, '.', '_' and '-'.
        ModelError: the name is taken.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise SettingsError(f"--name {name!r}: use letters, digits, '.', '_' and '-' alone")
    target = user_models() / f"{name}.safetensors"
    if target.exists() and not overwrite:
        raise ModelError(
            f"{name}: there is a model of this name already; choose another name, "
            "or import a file with --overwrite"
        )
    return target


def read_model(path: Path) -> "LoadedGenerator":
    """The generator in a file, whatever its layout.

    Raises:
        ModelError: it holds none; the text says what it holds instead.
    """
    from cyclegan.checkpoint import WeightsError  # noqa: PLC0415 - brings in torch
    from cyclegan.weights import read_generator  # noqa: PLC0415

    try:
        return read_generator(path)
    except WeightsError as exc:
        raise ModelError(str(exc)) from exc


def write_card(card: Card, path: Path) -> None:
    """Write a card as JSON."""
    path.write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _models_in(folder: Path, *, bundled: bool) -> list[Model]:
    return [
        Model(path=path, card=_read_card(path.with_suffix(".json"), path.stem), bundled=bundled)
        for path in sorted(folder.glob("*.safetensors"))
    ]


def _read_card(path: Path, name: str) -> Card:
    """A card; one that is missing or damaged does not make its model useless."""
    try:
        card = _parse_card(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        card = None
    return replace(card, name=name) if card else Card(name=name, summary="(no readable card)")


def card_inside(metadata: Mapping[str, str]) -> Card | None:
    """The card that an exported file brings along; None where there is none that can be read."""
    return _parse_card(metadata.get(CARD_KEY, ""))


def _parse_card(text: str) -> Card | None:
    try:
        raw = json.loads(text)
        facts = {"name": ""} | {f.name: raw[f.name] for f in fields(Card) if f.name in raw}
        if all(_is_fact(key, fact) for key, fact in facts.items()):
            return Card(**facts)
    except (ValueError, TypeError, RecursionError):
        pass
    return None


def _is_fact(key: str, value: object) -> bool:
    """Whether a card may say so; what it says goes to the screen, where codes would be obeyed."""
    if key == "size":
        return type(value) is int and value >= 0
    if key == "steady":
        return type(value) in (int, float) and 0 <= value < 1  # type: ignore[operator]
    return isinstance(value, str) and value.isprintable()
