"""Which generator a conversion uses, and how: settled once, in the driver, for all workers."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version

import torch
from safetensors.torch import save

from cyclegan.precision import DTYPES, Precision, resolve_dtype
from cyclegan.weights import LoadedGenerator
from vidgan import __version__
from vidgan.crew import Crew
from vidgan.errors import SettingsError
from vidgan.named import read_pair, read_weights
from vidgan.options import Options
from vidgan.tasks import Recipe, TranslatorSettings


@dataclass(frozen=True, slots=True)
class Choice:
    """A generator, what to call it, the short side at which it sees frames, and how much these
    lean on one another.
    """

    label: str
    generator: LoadedGenerator
    weights: bytes
    size: int
    steady: float

    def recipe(self, crew: Crew, precision: Precision) -> Recipe:
        """What workers need; "auto" is settled here, so that they all compute alike."""
        return Recipe(
            generator=self.generator.config,
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
        facts = (_sha256(self.weights), self.generator.config, seen, asked, _versions())
        return repr(facts).encode()


def choose_model(options: Options) -> Choice:
    """Find and read the generator that the options name.

    Raises:
        VidganError: an unknown pair, or weights that are not a generator's.
    """
    if options.pair is not None:
        named = read_pair(options.pair)
    else:
        assert options.weights is not None
        named = read_weights(options.weights, options.direction or "a2b")
    card = named.card
    return Choice(
        label=card.name,
        generator=named.generator,
        weights=save(named.generator.network.state_dict()),
        size=card.size if options.size is None else options.size,
        steady=card.steady if options.steady is None else options.steady,
    )


def digest(recipe: Recipe) -> bytes:
    """Of all that decides what a frame becomes; a chunk made otherwise is not used again."""
    facts = (
        _sha256(recipe.weights),
        recipe.generator,
        recipe.translator,
        _versions(),
    )
    return repr(facts).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _versions() -> tuple[str, ...]:
    return __version__, version("torch"), version("av")


def resolved(precision: Precision, device: str) -> Precision:
    """What "auto" means on a device.

    Raises:
        SettingsError: the device does not compute in this precision.
    """
    try:
        dtype = resolve_dtype(precision, torch.device(device))
    except ValueError as exc:
        raise SettingsError(f"--precision {precision}: {exc}") from exc
    names: dict[torch.dtype, Precision] = {
        dtype: name  # type: ignore[misc]
        for name, dtype in DTYPES.items()
    }
    return names[dtype]
