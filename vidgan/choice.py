"""Which generator a conversion uses, and how: settled once, in the driver, for all workers."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from cyclegan.precision import NumberFormat, Precision, resolve_precision
from vidgan import __version__
from vidgan.card import Card
from vidgan.crew import Crew
from vidgan.errors import ModelError, SettingsError
from vidgan.models import find_model
from vidgan.named import Named, read_pair, read_weights
from vidgan.options import Options
from vidgan.tasks import Recipe, TranslatorSettings

if TYPE_CHECKING:
    from cyclegan.weights import LoadedGenerator


@dataclass(frozen=True, slots=True)
class Choice:
    """A generator's file, what to call it, the short side at which it sees frames, and how much
    these lean on one another.
    """

    label: str
    weights: bytes
    """Safetensors; known to be a generator."""
    size: int
    steady: float

    def generator(self) -> "LoadedGenerator":
        """The generator, read.

        Raises:
            ModelError: it was kept by another version, which knew more.
        """
        from cyclegan.checkpoint import WeightsError  # noqa: PLC0415 - brings in torch
        from cyclegan.weights import generator_in  # noqa: PLC0415

        try:
            return generator_in(self.weights)
        except WeightsError as exc:
            raise ModelError(f"{self.label}: its file {exc}") from exc

    def recipe(self, crew: Crew, precision: Precision) -> Recipe:
        """What workers need; "auto" is settled here, so that they all compute alike."""
        return Recipe(
            weights=self.weights,
            translator=TranslatorSettings(
                device=crew.device,
                precision=resolved(precision, crew.device),
                size=self.size,
                steady=self.steady,
            ),
            lanes=crew.lanes,
        )

    def purpose(self, options: Options) -> bytes:
        """All that is chosen of what a frame becomes, before it is known what will compute it."""
        asked = (options.device, options.precision, options.chunk_frames)
        seen = (self.size, self.steady)
        facts = (_sha256(self.weights), seen, asked, _versions())
        return repr(facts).encode()


def choose_model(options: Options) -> Choice:
    """Find the generator that the options name, and see that it is one.

    Raises:
        VidganError: an unknown pair, or weights that are not a generator's.
    """
    if options.pair is not None:
        card, weights = _kept(options.pair)
    else:
        assert options.weights is not None
        card, weights = _read(read_weights(options.weights, options.direction or "a2b"))
    return Choice(
        label=card.name,
        weights=weights,
        size=card.size if options.size is None else options.size,
        steady=card.steady if options.steady is None else options.steady,
    )


def _kept(name: str) -> tuple[Card, bytes]:
    """A model's file as it is, where it need not be checked: that takes torch, and seconds."""
    model = find_model(name)
    file = model.checked_file()
    return _read(read_pair(name)) if file is None else (model.card, file)


def _read(named: Named) -> tuple[Card, bytes]:
    """Of any file only the generator goes on its way."""
    from cyclegan.checkpoint import generator_file  # noqa: PLC0415 - brings in torch

    return named.card, generator_file(named.generator.network, named.generator.config)


def digest(recipe: Recipe) -> bytes:
    """Of all that decides what a frame becomes; a chunk made otherwise is not used again."""
    facts = (
        _sha256(recipe.weights),
        recipe.translator,
        _versions(),
    )
    return repr(facts).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _versions() -> tuple[str, ...]:
    return __version__, version("torch"), version("av")


def resolved(precision: Precision, device: str) -> NumberFormat:
    """What "auto" means on a device.

    Raises:
        SettingsError: the device does not compute in this precision.
    """
    try:
        return resolve_precision(precision, device)
    except ValueError as exc:
        raise SettingsError(f"--precision {precision}: {exc}") from exc
