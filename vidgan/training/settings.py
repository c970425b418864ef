"""What a training is asked for, and what it was asked for when it began.

RUN/options.json holds the options of the command that began it, so that `--resume` needs no other
option than the run itself.
"""

import json
import math
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from cyclegan.atomic import write_atomically
from cyclegan.config import (
    GENERATORS,
    DiscriminatorConfig,
    DiscriminatorKind,
    DiscriminatorNorm,
    FastConfig,
    GanMode,
    TrainableConfig,
    require,
)
from cyclegan.data import Preprocess
from cyclegan.features import find_efficientnet
from cyclegan.milder import PICTURE_SHARE
from cyclegan.train_config import LossWeights, TrainConfig
from vidgan.errors import ModelError, SettingsError
from vidgan.options import check_norm_eps

LOAD_TO_CROP = 286 / 256
FREE = frozenset({"device", "threads", "address", "checkpoint_minutes", "keep", "samples"})
"""Options that may be given anew to a resumed run; those that are not stay what they were."""
DATA = frozenset({"a", "b", "data", "frames", "upscale", "start_from"})
"""Options that say what to train on, and what with; all others that are not free are the
configuration's."""

Options = dict[str, Any]


def options_to_resume(out: Path, options: Mapping[str, Any], given: Set[str]) -> Options:
    """The options that the run at `out` began with, and of those that may differ what is given.

    `given` are those that the user named; where they decide weights they must be the same. A run
    that was begun before there was an option goes on with what that is by default.
    `alone` is added: whether the run began in a process without a cluster.

    Raises:
        ModelError: there is no run, or it cannot be read.
        SettingsError: an option that was given differs.
    """
    file = out / "options.json"
    try:
        written: Options = json.loads(file.read_text())
        began = {name: written[name] for name in options if name in written}
        require(bool(began), "it holds no options")
    except FileNotFoundError as exc:
        raise ModelError(f"{out} holds no run: train without --resume first") from exc
    except (OSError, ValueError, TypeError) as exc:
        raise ModelError(f"{file} cannot be used ({exc}): train anew in another --out") from exc
    for name in sorted((options.keys() & given) - began.keys() - FREE):
        raise SettingsError(
            f"{flag_of(name)}: {out} was begun before there was this option; leave it out to "
            "resume, or choose another --out"
        )
    resumed = dict(options)
    for name, was in began.items():
        now = _plain(options[name])
        if name not in given:
            resumed[name] = was
        elif name not in FREE and now != was and not _is_one_worker(name, now, was):
            raise SettingsError(
                f"{flag_of(name)} {_said(now)}: {out} was begun with {_said(was)}; leave "
                "it out to resume, or choose another --out"
            )
    return resumed | {"alone": resumed["workers"] is None}


def flag_of(name: str) -> str:
    """How an option is said on the command line."""
    return "--" + name.replace("_", "-")


def _said(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _is_one_worker(name: str, now: object, was: object) -> bool:
    """A single worker does what a process without a cluster does."""
    return name == "workers" and {now, was} == {None, 1}


def save_options(out: Path, options: Mapping[str, Any]) -> None:
    """Write down what `options_to_resume` reads."""
    kept = {name: _plain(options[name]) for name in options.keys() - {"alone"}}
    text = json.dumps(kept, indent=2, sort_keys=True) + "\n"
    write_atomically(out / "options.json", lambda part: part.write_text(text))


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value.absolute()) if isinstance(value, Path) else value


def train_config(
    *,
    workers: int,
    generator: str,
    discriminator: DiscriminatorKind,
    discriminator_filters: int,
    discriminator_norm: DiscriminatorNorm,
    discriminator_layers: int,
    discriminator_scales: int,
    crop: int,
    load: int | None,
    flip: bool,
    gan_mode: GanMode,
    lambda_cycle: float,
    lambda_identity: float,
    lambda_stability: float,
    stability_noise: float,
    lambda_perceptual: float,
    generator_filters: int | None,
    input_share: float | None,
    norm_eps: float | None,
    **plain: Any,
) -> TrainConfig:
    """The configuration that the options of `vidgan train` mean.

    Raises:
        ValueError: an unknown generator, one without an option, a number out of range, or a
            network that discriminators or losses need and that is not installed.
    """
    for option, rate in (("--lr-g", plain["lr_g"]), ("--lr-d", plain["lr_d"])):
        require(0 < rate < math.inf, f"{option} {rate}: must be more than 0, such as 2e-4")
    for option, weight in (
        ("--lambda-cycle", lambda_cycle),
        ("--lambda-identity", lambda_identity),
        ("--lambda-stability", lambda_stability),
        ("--stability-noise", stability_noise),
        ("--lambda-perceptual", lambda_perceptual),
    ):
        require(0 <= weight < math.inf, f"{option} {weight}: must be 0 or more")
    if discriminator != "patch" or lambda_perceptual > 0:
        find_efficientnet()
    return TrainConfig(
        workers=workers,
        preprocess=Preprocess(load=load or round(crop * LOAD_TO_CROP), crop=crop, flip=flip),
        loss=LossWeights(
            gan_mode=gan_mode,
            cycle=lambda_cycle,
            identity=lambda_identity,
            stability=lambda_stability,
            stability_noise=stability_noise,
            perceptual=lambda_perceptual,
        ),
        generator=_network(
            generator, filters=generator_filters, input_share=input_share, norm_eps=norm_eps
        ),
        discriminator=DiscriminatorConfig(
            kind=discriminator,
            filters=discriminator_filters,
            norm=discriminator_norm,
            layers=discriminator_layers,
            scales=discriminator_scales,
        ),
        **plain,
    )


def _network(name: str, *, filters: int | None, **of_fast: float | None) -> TrainableConfig:
    """The architecture of that name; None leaves what it has."""
    if name not in GENERATORS:
        raise ValueError(f"--generator {name}: unknown; known are {', '.join(GENERATORS)}")
    network = GENERATORS[name]
    said: dict[str, Any] = {name: x for name, x in of_fast.items() if x is not None}
    share = said.get("input_share", 0.0)
    # The least change of one that was imported with --change leaves it the most of its input.
    most = PICTURE_SHARE
    require(0 <= share <= most, f"--input-share {share}: must be from 0 to {most}")
    check_norm_eps(said.get("norm_eps"))
    for option, value in said.items():
        if not isinstance(network, FastConfig):
            raise ValueError(
                f"{flag_of(option)} {value}: {name} has no such thing; leave it out, or choose "
                "--generator fast or fast_separable"
            )
        network = replace(network, **{option: value})
    return network if filters is None else replace(network, filters=filters)
