"""A training as one frozen value: with the data it decides every weight."""

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from cyclegan.config import (
    LEAST_SIDE_OF_FEATURES,
    DiscriminatorConfig,
    FastConfig,
    GanMode,
    GeneratorConfig,
    generator_from_json,
    generator_to_json,
    require,
)
from cyclegan.data import Preprocess
from cyclegan.direction import DIRECTIONS, Direction
from cyclegan.precision import Precision

GuardMode = Literal["off", "warn", "act"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """What the generators are asked for; `identity` is relative to `cycle`, as in the paper."""

    gan_mode: GanMode = "lsgan"
    cycle: float = 10.0
    identity: float = 0.5
    stability: float = 0.0
    """Of what a small movement and noise change; 0 costs nothing (see `neighbours`)."""
    stability_noise: float = 4.0
    """Standard deviation of that noise, in levels of 8 bits."""
    perceptual: float = 0.0
    """Of what a trained network no longer sees in a translation; 0 costs nothing (see
    `perceptual`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all trainings have in common.

    Progress counts in images, those of all workers together: of two domains, pairs of one picture
    of each. The defaults are the paper's (Zhu et al. 2017, §7.1-7.2) but for the small
    generator and the average.
    """

    images: int = 200_000
    batch: int = 1
    """Images in one step of one worker."""
    workers: int = 1
    lr_g: float = 2e-4
    lr_d: float = 2e-4
    flat_share: float = 0.5
    """The share of the images at full rate; the rest goes linearly to zero."""
    preprocess: Preprocess = field(default_factory=Preprocess)
    ema_decay: float = 0.999
    generator: GeneratorConfig = field(default_factory=FastConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    precision: Precision = "auto"
    channels_last: bool = True
    seed: int = 0
    start: str = ""
    """The SHA-256 of the networks that it begins with (see `cyclegan.start`); empty: new ones."""

    def __post_init__(self) -> None:
        require(self.images >= 1, f"images must be 1 or more, not {self.images}")
        require(self.batch >= 1, f"batch must be 1 or more, not {self.batch}")
        require(self.workers >= 1, f"workers must be 1 or more, not {self.workers}")
        require(0 <= self.ema_decay < 1, f"ema_decay must be in [0, 1), not {self.ema_decay}")
        require(0 <= self.flat_share <= 1, f"flat_share must be in 0..1, not {self.flat_share}")
        crop = self.preprocess.crop
        for multiple in (self.generator_of(way).multiple for way in DIRECTIONS):
            require(crop % multiple == 0, f"crop ({crop}) must be a multiple of {multiple}")
        least = self.discriminator.least_side
        require(
            crop >= least, f"crop ({crop}) must be {least} pixels or more for the discriminator"
        )
        require(0 <= self.seed < 2**31, f"seed must be from 0 to 2147483647, not {self.seed}")

    @property
    def images_per_step(self) -> int:
        """Images that one step of all workers takes."""
        return self.batch * self.workers

    @property
    def steps(self) -> int:
        """How many steps it takes; every step is a whole one."""
        return -(-self.images // self.images_per_step)

    def generator_of(self, direction: Direction) -> GeneratorConfig:
        """The architecture of what comes out for a direction."""
        return self.generator


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(Plan):
    """The training of a CycleGAN, whole."""

    loss: LossWeights = field(default_factory=LossWeights)
    generator_back: GeneratorConfig | None = None
    """The generator from B to A, where a training begins with two that are not built alike; None:
    as the one from A to B."""
    pool: int = 50
    """Images in each worker's pool of each domain; 0 switches it off."""
    checkpointing: bool = False
    """Compute a generator's inner activations again when they are needed, instead of keeping
    them (Chen et al. 2016): a fraction of the memory for about a third more time."""
    compile: bool = False
    """Let torch.compile build the networks; on a CPU this takes a C++ compiler."""
    guard: GuardMode = "warn"

    def __post_init__(self) -> None:
        Plan.__post_init__(self)
        require(self.pool >= 0, f"pool must be 0 or more, not {self.pool}")
        crop, least = self.preprocess.crop, LEAST_SIDE_OF_FEATURES
        require(
            self.loss.perceptual == 0 or crop >= least,
            f"crop ({crop}) must be {least} pixels or more for the perceptual loss",
        )

    def generator_of(self, direction: Direction) -> GeneratorConfig:
        """The architecture of the generator in a direction."""
        return (direction == "b2a" and self.generator_back) or self.generator


AnyPlan = TypeVar("AnyPlan", bound=Plan)


def lr_scale(images_seen: int, config: Plan) -> float:
    """The factor on both rates for the step that starts after `images_seen` images.

    Flat, then linear; the last step still learns (the reference's last epoch runs at rate zero).
    """
    flat = config.flat_share * config.images
    if images_seen <= flat:
        return 1.0
    return (config.images - images_seen) / (config.images - flat)


def config_to_json(config: Plan) -> str:
    """The configuration as it stands in a run's folder; `config_from_json` reads it."""
    raw = {name: value for name, value in asdict(config).items() if value is not None}
    for name, each in _generators(config).items():
        raw[name] = json.loads(generator_to_json(each))
    return json.dumps(raw, indent=2, sort_keys=True) + "\n"


def _generators(config: Plan) -> dict[str, GeneratorConfig]:
    """The fields of it that say an architecture."""
    values = ((spec.name, getattr(config, spec.name)) for spec in fields(config))
    return {name: value for name, value in values if isinstance(value, GeneratorConfig)}


def config_from_json(text: str) -> TrainConfig:
    """Read what `config_to_json` wrote of a CycleGAN's training.

    Raises:
        ValueError: it is not the configuration of one, or one of another version.
    """
    return plan_from_json(text, TrainConfig)


def plan_from_json(text: str, kind: type[AnyPlan]) -> AnyPlan:
    """Read what `config_to_json` wrote of a training of this kind.

    Raises:
        ValueError: it is not the configuration of such a training, or one of another version.
    """
    try:
        raw: dict[str, Any] = json.loads(text)
        types: dict[str, Any] = get_type_hints(kind)
        inner = [name for name, cls in types.items() if is_dataclass(cls)]
        nested: dict[str, Any] = {name: types[name](**raw.pop(name)) for name in inner}
        for name in (name for name, cls in types.items() if cls == GeneratorConfig):
            nested[name] = generator_from_json(json.dumps(raw.pop(name)))
        for name in (name for name, cls in types.items() if cls == GeneratorConfig | None):
            value = raw.pop(name, None)
            nested[name] = None if value is None else generator_from_json(json.dumps(value))
        return kind(**nested, **raw)
    except (AttributeError, KeyError, TypeError, RecursionError) as exc:
        raise ValueError(f"not the configuration of a training ({exc})") from exc
