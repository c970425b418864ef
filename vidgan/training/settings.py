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

from cyclegan.checkpoint import write_atomically
from cyclegan.config import GENERATORS, DiscriminatorConfig, GanMode, require
from cyclegan.data import Preprocess
from cyclegan.train_config import LossWeights, TrainConfig
from vidgan.errors import ModelError, SettingsError

LOAD_TO_CROP = 286 / 256
FREE = frozenset({"device", "threads", "address", "checkpoint_minutes", "keep", "samples"})
"""Options that may differ from one part of a run to the next: none of them decides weights."""
DATA = frozenset({"a", "b", "data", "frames", "upscale"})
"""Options that say what to train on; all others that are not free are the configuration's."""

Options = dict[str, Any]


def options_to_resume(out: Path, options: Mapping[str, Any], given: Set[str]) -> Options:
    """The options that the run at `out` began with, and those of now that may differ.

    `given` are those that the user named; where they decide weights they must be the same.

    Raises:
        ModelError: there is no run, or it cannot be read.
        SettingsError: an option that was given differs.
    """
    file = out / "options.json"
    try:
        began: Options = json.loads(file.read_text())
        began = {name: began[name] for name in options if name not in FREE}
    except FileNotFoundError as exc:
        raise ModelError(f"{out} holds no run: train without --resume first") from exc
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise ModelError(f"{file} cannot be used ({exc}): train anew in another --out") from exc
    for name in began:
        now = _plain(options[name])
        if name in given and now != began[name]:
            flag = "--" + name.replace("_", "-")
            raise SettingsError(
                f"{flag} {now}: {out} was begun with {began[name]}; leave it out to resume, or "
                "choose another --out"
            )
    return {name: began.get(name, value) for name, value in options.items()}


def save_options(out: Path, options: Mapping[str, Any]) -> None:
    """Write down what `options_to_resume` reads."""
    kept = {name: _plain(value) for name, value in options.items() if name not in FREE}
    text = json.dumps(kept, indent=2, sort_keys=True) + "\n"
    write_atomically(out / "options.json", lambda part: part.write_text(text))


def _plain(value: object) -> object:
    return str(value.absolute()) if isinstance(value, Path) else value


def train_config(
    *,
    workers: int,
    generator: str,
    discriminator_filters: int,
    crop: int,
    load: int | None,
    flip: bool,
    gan_mode: GanMode,
    lambda_cycle: float,
    lambda_identity: float,
    generator_filters: int | None,
    **plain: Any,
) -> TrainConfig:
    """The configuration that the options of `vidgan train` mean.

    Raises:
        ValueError: an unknown generator, or a number out of range.
    """
    for option, rate in (("--lr-g", plain["lr_g"]), ("--lr-d", plain["lr_d"])):
        require(0 < rate < math.inf, f"{option} {rate}: must be more than 0, such as 2e-4")
    for option, weight in (
        ("--lambda-cycle", lambda_cycle),
        ("--lambda-identity", lambda_identity),
    ):
        require(0 <= weight < math.inf, f"{option} {weight}: must be 0 or more")
    if generator not in GENERATORS:
        raise ValueError(f"--generator {generator}: unknown; known are {', '.join(GENERATORS)}")
    network = GENERATORS[generator]
    return TrainConfig(
        workers=workers,
        preprocess=Preprocess(load=load or round(crop * LOAD_TO_CROP), crop=crop, flip=flip),
        loss=LossWeights(gan_mode=gan_mode, cycle=lambda_cycle, identity=lambda_identity),
        generator=replace(network, filters=generator_filters) if generator_filters else network,
        discriminator=DiscriminatorConfig(filters=discriminator_filters),
        **plain,
    )
