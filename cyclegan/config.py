"""What a network is made of, as small frozen values that a weights file can carry as JSON."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

Norm = Literal["instance", "batch"]
DiscriminatorNorm = Literal["instance", "batch", "spectral"]
DiscriminatorKind = Literal["patch", "projected", "both"]
GanMode = Literal["lsgan", "vanilla", "hinge"]

LEAST_SIDE_OF_FEATURES = 64
"""Pixels of a picture whose features are learnt through: two on the coarsest of four scales."""

NORM_EPS = 1e-8, 1e4
"""From where to where float32 can tell what is added to a variance, and what is not, apart."""


def require(condition: bool, message: str) -> None:
    """Raise ValueError with `message` unless `condition` holds."""
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResnetConfig:
    """The residual generator of Johnson et al. 2016 as CycleGAN uses it (Zhu et al. 2017, §7.2).

    `blocks` is 6 or 9 in the paper, any positive number here; `filters` is the width of the first
    layer (64 in the paper).
    """

    blocks: int = 9
    filters: int = 64
    norm: Norm = "instance"
    dropout: bool = False
    channels: int = 3

    def __post_init__(self) -> None:
        require(self.blocks >= 0, f"blocks must be 0 or more, not {self.blocks}")
        require(self.filters >= 1, f"filters must be 1 or more, not {self.filters}")

    @property
    def multiple(self) -> int:
        """Input sides must be multiples of this."""
        return 4


@dataclass(frozen=True, slots=True, kw_only=True)
class UnetConfig:
    """The U-Net generator of pix2pix (Isola et al. 2017, §6.1).

    `downs` 8 is what the public code calls unet_256, 7 is unet_128.
    """

    downs: int = 8
    filters: int = 64
    norm: Norm = "instance"
    dropout: bool = False
    channels: int = 3

    def __post_init__(self) -> None:
        require(self.downs >= 5, f"downs must be 5 or more, not {self.downs}")
        require(self.filters >= 1, f"filters must be 1 or more, not {self.filters}")

    @property
    def multiple(self) -> int:
        """Input sides must be multiples of this."""
        return int(2**self.downs)


@dataclass(frozen=True, slots=True, kw_only=True)
class FastConfig:
    """Our small generator for machines without an accelerator: see `networks.FastGenerator`.

    With `separable` the convolutions inside it are depthwise and pointwise ones (Howard et al.
    2017, §3.1). `norm_eps` is added to each variance that it divides by.
    """

    blocks: int = 6
    filters: int = 16
    input_share: float = 0.5
    separable: bool = False
    norm_eps: float = 1e-5
    channels: int = 3

    def __post_init__(self) -> None:
        require(self.blocks >= 0, f"blocks must be 0 or more, not {self.blocks}")
        require(self.filters >= 1, f"filters must be 1 or more, not {self.filters}")
        least, most = NORM_EPS
        is_one = least <= self.norm_eps <= most
        require(is_one, f"norm_eps must be from {least} to {most}, not {self.norm_eps}")

    @property
    def multiple(self) -> int:
        """Input sides must be multiples of this."""
        return 4


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityConfig:
    """No network at all: what goes in comes out. To see what a conversion itself does to a film."""

    channels: int = 3

    @property
    def multiple(self) -> int:
        """Input sides must be multiples of this."""
        return 1


TrainableConfig = ResnetConfig | UnetConfig | FastConfig
GeneratorConfig = TrainableConfig | IdentityConfig

_KINDS: dict[str, type[GeneratorConfig]] = {
    "resnet": ResnetConfig,
    "unet": UnetConfig,
    "fast": FastConfig,
    "identity": IdentityConfig,
}

GENERATORS: dict[str, TrainableConfig] = {
    "fast": FastConfig(),
    "fast_separable": FastConfig(separable=True),
    "resnet_6blocks": ResnetConfig(blocks=6),
    "resnet_9blocks": ResnetConfig(blocks=9),
    "unet_128": UnetConfig(downs=7),
    "unet_256": UnetConfig(downs=8),
}
"""The generators that `--generator NAME` offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminatorConfig:
    """The PatchGAN (Isola et al. 2017, §6.1.2), on one scale or more; or heads on a trained
    network's features (`projected`, Sauer et al. 2021); or both.

    `filters` is 64 in the paper. `layers` normalised convolutions, all but the last of stride 2,
    follow the first: 3 judge 70x70 patches, 2 judge 34x34, 4 judge 142x142. Of `scales` the
    first sees the picture, each further one half the side of the one before (Wang et al. 2018,
    §3.2). The norm "spectral" bounds the weights instead of what comes out (Miyato et al. 2018);
    heads on features always have it.
    """

    kind: DiscriminatorKind = "patch"
    filters: int = 64
    norm: DiscriminatorNorm = "instance"
    channels: int = 3
    layers: int = 3
    scales: int = 1

    def __post_init__(self) -> None:
        require(self.filters >= 1, f"filters must be 1 or more, not {self.filters}")
        require(1 <= self.layers <= 5, f"layers must be from 1 to 5, not {self.layers}")
        require(1 <= self.scales <= 4, f"scales must be from 1 to 4, not {self.scales}")

    @property
    def least_side(self) -> int:
        """Pixels; of less, the coarsest one makes a single pixel before its last convolution,
        which has no variance to normalise by.
        """
        patch = int(3 * 2 ** (self.layers + self.scales - 1))
        features = LEAST_SIDE_OF_FEATURES
        return {"patch": patch, "projected": features, "both": max(patch, features)}[self.kind]


def generator_to_json(config: GeneratorConfig) -> str:
    """Write a generator's configuration as one line of JSON; `generator_from_json` reads it."""
    kind = next(name for name, cls in _KINDS.items() if type(config) is cls)
    return json.dumps({"kind": kind, **asdict(config)}, sort_keys=True)


def generator_from_json(text: str) -> GeneratorConfig:
    """Read what `generator_to_json` wrote.

    Raises:
        ValueError: not JSON, an unknown kind, unknown fields, or values of the wrong type.
    """
    try:
        raw = json.loads(text)
    except RecursionError as exc:
        raise ValueError("JSON nested too deeply") from exc
    require(isinstance(raw, dict), f"expected a JSON object, got {text[:80]!r}")
    kind = raw.pop("kind", None)
    known = isinstance(kind, str) and kind in _KINDS
    require(known, f"unknown kind of generator {kind!r}; known: {', '.join(_KINDS)}")
    cls = _KINDS[kind]
    types = {field.name: field.type for field in fields(cls)}
    require(raw.keys() <= types.keys(), f"unknown fields: {sorted(raw.keys() - types.keys())}")
    for name, value in raw.items():
        _check_field(name, value, types[name])
    return cls(**raw)


def _check_field(name: str, value: object, annotation: object) -> None:
    """A weights file is input like any other: refuse what the dataclass would swallow."""
    if annotation is Norm:
        require(value in ("instance", "batch"), f"norm must be instance or batch, not {value!r}")
    elif annotation is bool:
        require(isinstance(value, bool), f"{name} must be true or false, not {value!r}")
    elif annotation is int:
        ok = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 4096
        require(ok, f"{name} must be a whole number from 0 to 4096, not {value!r}")
    else:
        ok = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e6
        require(ok, f"{name} must be a number, not {value!r}")
