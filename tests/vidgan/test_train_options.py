"""The options of `vidgan train`: the paper's by default, each into the configuration it is for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Command = Callable[..., Any]

BARE = ("train", "--a", "dark", "--b", "bright", "--out", "run", "--dry-run")
DEFAULTS: dict[str, Any] = {
    "batch": 1,
    "channels_last": True,
    "checkpointing": False,
    "compile": False,
    "discriminator": {
        "kind": "patch",
        "channels": 3,
        "filters": 64,
        "layers": 3,
        "norm": "instance",
        "scales": 1,
    },
    "ema_decay": 0.999,
    "flat_share": 0.5,
    "generator": {
        **{"blocks": 6, "channels": 3, "filters": 16, "input_share": 0.5},
        "norm_eps": 1e-5,
        **{"kind": "fast", "separable": False},
    },
    "guard": "warn",
    "images": 200_000,
    "loss": {
        "cycle": 10.0,
        "gan_mode": "lsgan",
        "identity": 0.5,
        "stability": 0.0,
        "stability_noise": 4.0,
        "perceptual": 0.0,
    },
    "lr_d": 2e-4,
    "lr_g": 2e-4,
    "pool": 50,
    "precision": "auto",
    "preprocess": {"crop": 256, "flip": True, "load": 286},
    "seed": 0,
    "start": "",
    "workers": 1,
}
"""The paper's (Zhu et al. 2017, §7), but for the generator and the average of the weights."""

RESNET = {"blocks": 9, "channels": 3, "dropout": False, "kind": "resnet", "norm": "instance"}
CHANGED: dict[str, tuple[list[str], dict[str, Any]]] = {
    "images": (["--images", "7"], {"images": 7}),
    "batch": (["--batch", "3"], {"batch": 3}),
    "load": (["--load", "300"], {"preprocess": {"crop": 256, "flip": True, "load": 300}}),
    "crop": (["--crop", "128"], {"preprocess": {"crop": 128, "flip": True, "load": 143}}),
    "flip": (["--no-flip"], {"preprocess": {"crop": 256, "flip": False, "load": 286}}),
    "generator": (["--generator", "resnet_9blocks"], {"generator": RESNET | {"filters": 64}}),
    "generator_filters": (
        ["--generator-filters", "8"],
        {"generator": {**DEFAULTS["generator"], "filters": 8}},
    ),
    "input_share": (
        ["--input-share", "0"],
        {"generator": {**DEFAULTS["generator"], "input_share": 0.0}},
    ),
    "norm_eps": (
        ["--norm-eps", "0.5"],
        {"generator": {**DEFAULTS["generator"], "norm_eps": 0.5}},
    ),
    "discriminator": (
        ["--discriminator", "projected"],
        {"discriminator": {**DEFAULTS["discriminator"], "kind": "projected"}},
    ),
    "discriminator_filters": (
        ["--discriminator-filters", "32"],
        {"discriminator": {**DEFAULTS["discriminator"], "filters": 32}},
    ),
    "discriminator_norm": (
        ["--discriminator-norm", "spectral"],
        {"discriminator": {**DEFAULTS["discriminator"], "norm": "spectral"}},
    ),
    "discriminator_layers": (
        ["--discriminator-layers", "2"],
        {"discriminator": {**DEFAULTS["discriminator"], "layers": 2}},
    ),
    "discriminator_scales": (
        ["--discriminator-scales", "2"],
        {"discriminator": {**DEFAULTS["discriminator"], "scales": 2}},
    ),
    "lr_g": (["--lr-g", "1e-3"], {"lr_g": 1e-3}),
    "lr_d": (["--lr-d", "1e-4"], {"lr_d": 1e-4}),
    "lambda_cycle": (["--lambda-cycle", "5"], {"loss": {**DEFAULTS["loss"], "cycle": 5.0}}),
    "lambda_identity": (
        ["--lambda-identity", "0"],
        {"loss": {**DEFAULTS["loss"], "identity": 0.0}},
    ),
    "lambda_stability": (
        ["--lambda-stability", "3"],
        {"loss": {**DEFAULTS["loss"], "stability": 3.0}},
    ),
    "stability_noise": (
        ["--stability-noise", "2"],
        {"loss": {**DEFAULTS["loss"], "stability_noise": 2.0}},
    ),
    "lambda_perceptual": (
        ["--lambda-perceptual", "2"],
        {"loss": {**DEFAULTS["loss"], "perceptual": 2.0}},
    ),
    "gan_mode": (["--gan-mode", "vanilla"], {"loss": {**DEFAULTS["loss"], "gan_mode": "vanilla"}}),
    "flat_share": (["--flat-share", "0.25"], {"flat_share": 0.25}),
    "pool": (["--pool", "0"], {"pool": 0}),
    "ema_decay": (["--ema-decay", "0.9"], {"ema_decay": 0.9}),
    "guard": (["--guard", "act"], {"guard": "act"}),
    "precision": (["--precision", "bf16"], {"precision": "bf16"}),
    "channels_last": (["--no-channels-last"], {"channels_last": False}),
    "checkpointing": (["--checkpointing"], {"checkpointing": True}),
    "compile": (["--compile"], {"compile": True}),
    "seed": (["--seed", "4"], {"seed": 4}),
    "workers": (["--workers", "2"], {"workers": 2}),
}
"""An option of each kind set to another value, and all that is then other in the configuration."""


def test_bare_defaults_are_the_papers(vidgan_command: Command) -> None:
    assert json.loads(vidgan_command(*BARE).out) == DEFAULTS


@pytest.mark.parametrize("name", CHANGED)
def test_an_option_reaches_the_configuration_and_changes_no_other(
    vidgan_command: Command, name: str
) -> None:
    options, other = CHANGED[name]
    assert json.loads(vidgan_command(*BARE, *options).out) == DEFAULTS | other


def test_every_option_that_decides_weights_is_among_those_above() -> None:
    from vidgan.cli.train import train as command
    from vidgan.training.settings import DATA, FREE

    about_the_command = {"out", "resume", "dry_run", "quiet"}
    names = {each.name for each in command.params if each.name is not None}
    assert names - DATA - FREE - about_the_command == CHANGED.keys()
