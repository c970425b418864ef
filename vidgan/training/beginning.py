"""`--start-from`: the networks that a training begins with, a CycleGAN's or a student's."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from cyclegan.atomic import write_atomically
from cyclegan.checkpoint import WeightsError, load_checkpoint
from cyclegan.config import (
    GENERATORS,
    FastConfig,
    GeneratorConfig,
    IdentityConfig,
    generator_to_json,
)
from cyclegan.direction import DIRECTIONS, Direction
from cyclegan.discriminators import new_discriminator
from cyclegan.run_folder import RunFolder
from cyclegan.start import digest_of, start_to_bytes
from cyclegan.student import STUDENT, StudentConfig
from cyclegan.train_config import AnyPlan, TrainConfig
from cyclegan.weights import LoadedGenerator
from vidgan.errors import ModelError, SettingsError
from vidgan.named import means_a_model, read_named, read_weights
from vidgan.training.launch import named_errors
from vidgan.training.settings import flag_of

Weights = Mapping[str, Tensor]

OWN = frozenset({"input_share", "norm_eps"})
"""Options that each of two generators answers for itself, unless they are said."""
STUDENT_ARCHITECTURE = frozenset({"filters", "blocks", "separable", "norm_eps"})
"""The options of `vidgan distill` that say what a student is built like."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The networks that a new run begins with; empty where those are new, too."""

    content: bytes = b""
    generator_back: GeneratorConfig | None = None
    """The architecture of the one from B to A; None where it is new, or there is none."""

    @property
    def digest(self) -> str:
        """What the run's configuration says of it."""
        return digest_of(self.content) if self.content else ""

    def keep(self, folder: RunFolder) -> None:
        """Write them into the run's folder: where they are from may be gone when they are wanted.

        Raises:
            OSError: no room, no permission.
        """
        if self.content:
            write_atomically(folder.start, lambda part: part.write_bytes(self.content))


def absolute(sources: Sequence[str]) -> tuple[str, ...]:
    """The same words, of files and folders from wherever they are said again."""
    return tuple(word if means_a_model(word) else str(Path(word).absolute()) for word in sources)


def architecture_of(sources: Sequence[str]) -> dict[str, Any]:
    """What the options of `vidgan train` say of the first generator that a training begins with;
    nothing of what they cannot say, and where `read_beginning` has something to say.

    Raises:
        SettingsError, ModelError: as `read_beginning`.
    """
    match sources:
        case [run] if Path(run).is_dir():
            config = read_weights(Path(run), "a2b").generator.config
        case [forth, _]:
            config = read_named(forth, "a2b").generator.config
        case _:
            return {}
    if isinstance(config, IdentityConfig):
        return {}
    of_fast: dict[str, Any] = {}
    if isinstance(config, FastConfig):
        of_fast = {name: getattr(config, name) for name in OWN}
    for name, network in GENERATORS.items():
        alike = type(network) is type(config)
        if alike and config == replace(network, filters=config.filters, **of_fast):
            return {"generator": name, "generator_filters": config.filters, **of_fast}
    return {}


def student_architecture_of(source: str | None, direction: Direction) -> dict[str, Any]:
    """The same of the options of a student, for `read_student_beginning`."""
    config = read_named(source, direction).generator.config if source is not None else None
    if not isinstance(config, FastConfig):
        return {}
    return {name: getattr(config, name) for name in STUDENT_ARCHITECTURE}


def read_beginning(
    sources: Sequence[str], config: TrainConfig, given: Set[str] = frozenset()
) -> Beginning:
    """Of one source, a run: its averaged generators, and its discriminators where the new run's are
    built alike. Of two: generators from A to B and from B to A, by name, run or file.

    They are built as `config` says; but in what is `OWN` to each, unless the user has `given` it,
    the second may differ.

    Raises:
        SettingsError: other numbers of them, or generators of another architecture.
        ModelError: no generator is there, or what is there cannot be used.
    """
    match sources:
        case []:
            return Beginning()
        case [run]:
            folder = Path(run)
            if not folder.is_dir():
                raise SettingsError(_wrong_number(run))
            forth, back = (str(folder / f"{way}.safetensors") for way in DIRECTIONS)
            a2b, b2a = (read_weights(folder, way).generator for way in DIRECTIONS)
            judges = _discriminators(RunFolder(folder), config)
        case [forth, back]:
            a2b, b2a = read_named(forth, "a2b").generator, read_named(back, "b2a").generator
            judges = {}
        case [first, *_]:
            raise SettingsError(_wrong_number(first))
    wanted_back = _with_own(config.generator, b2a.config, OWN - given)
    generators = {
        "g_ab": _fitting(forth, a2b, config.generator),
        "g_ba": _fitting(back, b2a, wanted_back),
    }
    return Beginning(start_to_bytes(generators | judges), wanted_back)


def _with_own(wanted: GeneratorConfig, found: GeneratorConfig, own: Set[str]) -> GeneratorConfig:
    if not isinstance(wanted, FastConfig) or not isinstance(found, FastConfig):
        return wanted
    return replace(wanted, **{name: getattr(found, name) for name in own})


def read_student_beginning(source: str | None, config: StudentConfig, out: Path) -> Beginning:
    """Of a generator, by name, run or file: the student that is to be trained in `out`.

    Raises:
        SettingsError: a generator of another architecture, or in the folder that the run writes.
        ModelError: no generator is there, or what is there cannot be used.
    """
    if source is None:
        return Beginning()
    named = read_named(source, config.direction)
    if named.path.resolve().parent == out.resolve():
        raise SettingsError(f"--out {out}: holds what --start-from names; choose another --out")
    options = (
        "--filters, --blocks, --separable and --norm-eps, and a teacher that adds as much of its "
        "input"
    )
    weights = _fitting(source, named.generator, config.generator, options=options)
    return Beginning(start_to_bytes({STUDENT: weights}))


def check_resumed(config: TrainConfig, given: Set[str], out: Path) -> None:
    """Refuse what is `given` of two generators of which the second began with something else.

    Raises:
        SettingsError: there is such an option.
    """
    forth, back = config.generator, config.generator_of("b2a")
    for name in sorted(OWN & given):
        was = getattr(back, name, None)
        if was != getattr(forth, name, None):
            raise SettingsError(
                f"{flag_of(name)}: {out} was begun with {was} from B to A; leave it out "
                "to resume, or choose another --out"
            )


def with_beginning(config: AnyPlan, beginning: Beginning | None, out: Path) -> AnyPlan:
    """With what the run in `out` begins with, or, where there is no `beginning`, began with.

    Raises:
        ModelError: no run is there, or one of another kind.
    """
    back: GeneratorConfig | None
    if beginning is None:
        with named_errors():
            began = RunFolder(out).read_plan(type(config))
        start, back = began.start, began.generator_of("b2a")
    else:
        start, back = beginning.digest, beginning.generator_back
    config = replace(config, start=start)
    if isinstance(config, TrainConfig) and back not in (None, config.generator):
        config = replace(config, generator_back=back)
    return config


def _wrong_number(source: str) -> str:
    return (
        f"--start-from {source}: give one run, or two generators, the one from A to B first, "
        "as in --start-from summer2winter --start-from winter2summer"
    )


def _fitting(
    source: str,
    generator: LoadedGenerator,
    wanted: GeneratorConfig,
    *,
    options: str = "--generator, --generator-filters, --input-share and --norm-eps",
) -> Weights:
    if generator.config != wanted:
        raise SettingsError(
            f"--start-from {source}: it is {generator_to_json(generator.config)}, but {options} "
            f"ask for {generator_to_json(wanted)}"
        )
    return generator.network.state_dict()


def _discriminators(folder: RunFolder, config: TrainConfig) -> dict[str, Weights]:
    """None where a folder has only generators, such as RUN/best, or other discriminators."""
    if not folder.checkpoint.exists():
        return {}
    try:
        if folder.read_config().discriminator != config.discriminator:
            return {}
        state = load_checkpoint(folder.checkpoint)
        return {name: _usable(state[name], config) for name in ("d_a", "d_b")}
    except (WeightsError, KeyError, TypeError, AttributeError, RuntimeError, ValueError) as exc:
        reason = str(exc).partition("\n")[0]
        raise ModelError(
            f"{folder.checkpoint}: its discriminators cannot be used ({reason}): begin with its "
            "generators alone, giving both files with --start-from"
        ) from exc


def _usable(weights: Any, config: TrainConfig) -> Weights:
    network = new_discriminator(config.discriminator, seed=config.seed)
    network.load_state_dict(weights)
    loaded: Weights = network.state_dict()
    if not all(bool(tensor.isfinite().all()) for tensor in loaded.values()):
        raise ValueError("weights are not finite numbers")
    return loaded
