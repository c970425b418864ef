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
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cyclegan.direction import Direction
from vidgan.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from cyclegan.weights import LoadedGenerator

PACKAGE_MODELS = Path(__file__).parent / "weights"

CARD_KEY = "card"
"""Under which an exported file keeps its card, as JSON, in its metadata."""
_DIGEST_KEY = "sha256"


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
    sha256: str = ""
    """Of the file that was checked when it was kept, in hexadecimal; empty where it is not known,
    as of models that others put there."""

    def to_json(self) -> dict[str, object]:
        """The card, and where the model is."""
        origin = "package" if self.bundled else "user"
        about = {"sha256": self.sha256, "origin": origin, "path": str(self.path)}
        return {**asdict(self.card), **about}

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


def write_card(card: Card, path: Path, *, sha256: str = "") -> None:
    """Write a card as JSON, with the SHA-256 of the file that was checked, if one was."""
    facts = asdict(card) | ({_DIGEST_KEY: sha256} if sha256 else {})
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _models_in(folder: Path, *, bundled: bool) -> list[Model]:
    return [_model_at(path, bundled=bundled) for path in sorted(folder.glob("*.safetensors"))]


def _model_at(path: Path, *, bundled: bool) -> Model:
    """A card that is missing or damaged does not make its model useless."""
    try:
        raw = _parse(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raw = None
    card = _card_of(raw) or Card(name="", summary="(no readable card)")
    return Model(
        path=path, card=replace(card, name=path.stem), bundled=bundled, sha256=_digest_of(raw)
    )


def card_inside(metadata: Mapping[str, str]) -> Card | None:
    """The card that an exported file brings along; None where there is none that can be read."""
    return _card_of(_parse(metadata.get(CARD_KEY, "")))


def _parse(text: str) -> object:
    """What a card's JSON says; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _digest_of(raw: object) -> str:
    digest = raw.get(_DIGEST_KEY) if isinstance(raw, dict) else None
    is_one = isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)
    return str(digest) if is_one else ""


def _card_of(raw: object) -> Card | None:
    if not isinstance(raw, dict):
        return None
    try:
        facts = {"name": ""} | {f.name: raw[f.name] for f in fields(Card) if f.name in raw}
        if all(_is_fact(key, fact) for key, fact in facts.items()):
            return Card(**facts)
    except TypeError:  # no summary
        pass
    return None


def _is_fact(key: str, value: object) -> bool:
    """Whether a card may say so; what it says goes to the screen, where codes would be obeyed."""
    if key == "size":
        return type(value) is int and value >= 0
    if key == "steady":
        return type(value) in (int, float) and 0 <= value < 1  # type: ignore[operator]
    return isinstance(value, str) and value.isprintable()
