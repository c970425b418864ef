"""`vidgan eval`: how near a generator brings the pictures of one domain to another."""

from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from cyclegan.checkpoint import WeightsError
from cyclegan.direction import Direction
from cyclegan.features import (
    FeatureName,
    FeatureNetwork,
    FeaturesError,
    open_alexnet,
    open_features,
)
from cyclegan.features.alexnet import AlexNet
from cyclegan.folders import evenly, is_held_out, list_images
from cyclegan.judge import Heard, Judge, read_pictures
from cyclegan.photographs import DataError
from cyclegan.translator import Translator
from vidgan.errors import InputError, ModelError
from vidgan.judged import choose_generators, chosen_device
from vidgan.scores import Evaluation, Pictures

SIDE = 256
"""Pixels: of the squares in which pictures are judged, so that figures of all models compare."""

FEWEST = 10
"""Pictures of a domain; of fewer, the intervals say nothing."""

MOST = 2048
"""Pictures of a domain; of more, an even choice is taken. They are held in memory: 400 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What `vidgan eval` can be told; None leaves a choice to the model."""

    direction: Direction | None = None
    size: int | None = None
    every_picture: bool = False
    """Use all pictures, not only those that a training on these folders holds out."""
    features: FeatureName = "auto"
    inception: Path | None = None
    device: str = "auto"
    quiet: bool = False


def evaluate(source: str, a: Path, b: Path, options: EvaluationOptions) -> Evaluation:
    """Judge the generators that `source` means: a run's two, a model's by name, or a file's.

    Raises:
        SettingsError: an option out of range, or no model of that name.
        InputError: a folder of images cannot be used.
        ModelError: weights cannot be used, or no feature network is installed.
    """
    chosen = choose_generators(source, direction=options.direction, size=options.size)
    device = chosen_device(options.device)
    network, alexnet = _networks(options, device)
    domains = {"a": _pictures(a, options), "b": _pictures(b, options)}
    steps = 2 * sum(len(domain.paths) for domain in domains.values())
    steps += sum(len(domains[name[0]].paths) for name in chosen.generators)
    with tqdm(total=steps, unit="picture", disable=options.quiet) as bar:
        judge = Judge(
            _read(domains["a"], bar.update),
            _read(domains["b"], bar.update),
            network=network,
            alexnet=alexnet,
            heard=bar.update,
        )
        scores = {
            name: judge.score(
                Translator(generator, device=device, precision="fp32", size=chosen.size),
                name,
                heard=bar.update,
            )
            for name, generator in chosen.generators.items()
        }
    return Evaluation(
        model=chosen.label,
        features=network.name,
        side=SIDE,
        size=chosen.size,
        every=options.every_picture,
        domains=domains,
        scores=scores,
    )


def _networks(
    options: EvaluationOptions, device: torch.device
) -> tuple[FeatureNetwork, AlexNet | None]:
    """The feature network, and AlexNet for LPIPS where it is installed."""
    try:
        network = open_features(options.features, inception=options.inception, device=device)
        return network, network if isinstance(network, AlexNet) else open_alexnet(device=device)
    except (FeaturesError, WeightsError) as exc:
        raise ModelError(str(exc)) from exc


def _pictures(folder: Path, options: EvaluationOptions) -> Pictures:
    try:
        found = list_images(folder)
    except DataError as exc:
        raise InputError(str(exc)) from exc
    usable = found if options.every_picture else [path for path in found if is_held_out(path)]
    if len(usable) < FEWEST:
        held_out = "" if options.every_picture else " held out from training"
        remedy = "" if options.every_picture else ", or add --all if none of them was trained on"
        raise InputError(
            f"{folder} holds {len(usable)} pictures{held_out}, and {FEWEST} are needed: "
            f"give a folder with more{remedy}"
        )
    return Pictures(folder=folder, paths=evenly(usable, MOST), found=len(found))


def _read(domain: Pictures, heard: Heard) -> torch.Tensor:
    try:
        return read_pictures(domain.paths, SIDE, heard=heard)
    except DataError as exc:
        raise InputError(str(exc)) from exc
