"""`vidgan eval`: how near a generator brings the pictures of one domain to another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from tqdm import tqdm

from cyclegan.checkpoint import WeightsError
from cyclegan.features import (
    FeatureName,
    FeatureNetwork,
    FeaturesError,
    open_alexnet,
    open_features,
)
from cyclegan.features.alexnet import AlexNet
from cyclegan.folders import is_held_out, list_images
from cyclegan.judge import Heard, Judge, read_pictures
from cyclegan.networks import Generator
from cyclegan.photographs import DataError
from cyclegan.translator import Translator, resolve_device
from vidgan.errors import InputError, ModelError, SettingsError
from vidgan.models import Direction, find_model, list_models, read_model, run_size, weights_file
from vidgan.scores import Evaluation, Pictures

SIDE = 256
"""Pixels: of the squares in which pictures are judged, so that figures of all models compare."""

FEWEST = 10
"""Pictures of a domain; of fewer, the intervals say nothing."""

MOST = 2048
"""Pictures of a domain; of more, an even choice is taken. They are held in memory: 400 MB."""

_DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What `vidgan eval` can be told; None leaves a choice to the model."""

    direction: Direction | None = None
    size: int | None = None
    every: bool = False
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
    chosen = _choose(source, options)
    device = _device(options)
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
        every=options.every,
        domains=domains,
        scores=scores,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Generators by direction, what to call them, and the short side at which they see pictures."""

    label: str
    generators: Mapping[Direction, Generator]
    size: int


def _choose(source: str, options: EvaluationOptions) -> _Choice:
    if options.size is not None and options.size < 0:
        raise SettingsError(f"--size {options.size}: must be 0 or more")
    label, files, size = _find(source, options.direction)
    generators = {name: read_model(file).network for name, file in files.items()}
    chosen = size if options.size is None else options.size
    return _Choice(label=label, generators=generators, size=chosen)


def _find(source: str, direction: Direction | None) -> tuple[str, dict[Direction, Path], int]:
    """Label, files and size: of a file, of a run, or else of a model of that name."""
    path = Path(source)
    if path.is_file():
        return path.stem, {direction or "a2b": path}, 0
    is_run = any((path / f"{name}.safetensors").exists() for name in _DIRECTIONS)
    is_name = any(model.card.name == source for model in list_models())
    if is_run or (path.exists() and not is_name):
        wanted = (direction,) if direction else _DIRECTIONS
        there = [name for name in wanted if (path / f"{name}.safetensors").exists()]
        files = {name: weights_file(path, name) for name in there or wanted}
        return str(path), files, run_size(path)
    if not is_name and path.name != source:
        raise ModelError(f"{source}: no such file or run; give a generator's weights, or a name")
    model = find_model(source)
    return source, {direction or "a2b": model.path}, model.card.size


def _device(options: EvaluationOptions) -> torch.device:
    try:
        return resolve_device(options.device)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc


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
    usable = found if options.every else [path for path in found if is_held_out(path)]
    if len(usable) < FEWEST:
        held_out = "" if options.every else " held out from training"
        remedy = "" if options.every else ", or add --all if none of them was trained on"
        raise InputError(
            f"{folder} holds {len(usable)} pictures{held_out}, and {FEWEST} are needed: "
            f"give a folder with more{remedy}"
        )
    return Pictures(folder=folder, paths=_evenly(usable), found=len(found))


def _evenly(paths: list[Path]) -> tuple[Path, ...]:
    """`MOST` of them at most, from all over the list."""
    count = min(len(paths), MOST)
    return tuple(paths[place * len(paths) // count] for place in range(count))


def _read(domain: Pictures, heard: Heard) -> torch.Tensor:
    try:
        return read_pictures(domain.paths, SIDE, heard=heard)
    except DataError as exc:
        raise InputError(str(exc)) from exc
