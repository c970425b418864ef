"""The models on offer: those of the package, and those a user has imported by name.

A model is two files side by side: NAME.safetensors, the generator, and NAME.json, its card, with
the generator's SHA-256 when it was checked and kept: as long as it has that, nobody need load torch
to check it again. The package's own are in vidgan/weights, the user's in $VIDGAN_HOME/models (by
default $XDG_DATA_HOME/vidgan/models, that is ~/.local/share/vidgan/models).
"""

import difflib
import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cyclegan.direction import Direction
from vidgan.card import Card, read_card
from vidgan.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from cyclegan.weights import LoadedGenerator

PACKAGE_MODELS = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A generator's file and its card."""

    path: Path
    card: Card
    bundled: bool
    sha256: str = ""
    """Of the file that was checked when it was kept, in hexadecimal; empty where it is not known,
    as of models that others put there."""

    def to_json(self) -> dict[str, object]:
        """The card, with the paths of its pictures, and where the model is."""
        origin = "package" if self.bundled else "user"
        pictures = [str(self.path.with_name(name)) for name in self.card.pictures]
        about = {"sha256": self.sha256, "origin": origin, "path": str(self.path)}
        return {**asdict(self.card), "pictures": pictures, **about}

    def checked_file(self) -> bytes | None:
        """The generator's file, where it still is what was checked when it was kept."""
        try:
            file = self.path.read_bytes() if self.sha256 else b""
        except OSError:
            return None
        return file if hashlib.sha256(file).hexdigest() == self.sha256 else None


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


def _models_in(folder: Path, *, bundled: bool) -> list[Model]:
    return [_model_at(path, bundled=bundled) for path in sorted(folder.glob("*.safetensors"))]


def _model_at(path: Path, *, bundled: bool) -> Model:
    """A card that is missing or damaged does not make its model useless."""
    card, sha256 = read_card(path.with_suffix(".json"))
    card = card or Card(name="", summary="(no readable card)")
    return Model(path=path, card=replace(card, name=path.stem), bundled=bundled, sha256=sha256)
