"""Copies of a generator for others: by the ending of the file's name."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from cyclegan.atomic import write_atomically
from cyclegan.checkpoint import WeightsError, save_checkpoint, save_generator
from cyclegan.config import FastConfig
from cyclegan.direction import Direction
from cyclegan.export import ExportError, export_onnx, export_program
from cyclegan.weights import read_generator
from vidgan.card import METADATA_KEY
from vidgan.errors import ModelError
from vidgan.named import Named, read_named

ENDINGS = ".safetensors, .pth, .onnx or .pt2"


def export_model(source: str, target: Path, *, direction: Direction = "a2b") -> str:
    """Copy a generator to `target`, and say in a few words what was checked.

    .safetensors is our own; .pth the layout of the public CycleGAN code; .onnx for ONNX runtimes;
    .pt2 for `torch.export.load`. But for .pth the card goes inside. The file is read back before it
    has its name.

    Raises:
        SettingsError: no such model.
        ModelError: the target exists, has another ending, cannot be written, or cannot hold the
            generator.
    """
    write = _writer(target)
    if target.exists():
        raise ModelError(f"{target}: exists already; choose another name")
    named = read_named(source, direction)
    try:
        return write(named, target)
    except (ExportError, WeightsError) as exc:
        raise ModelError(f"{target}: {exc}") from exc
    except OSError as exc:
        raise ModelError(f"{target}: cannot be written ({exc.strerror}); choose another") from exc


def _writer(target: Path) -> Callable[[Named, Path], str]:
    match target.suffix:
        case ".safetensors":
            return _as_safetensors
        case ".pth":
            return _as_reference
        case ".onnx":
            return _as_onnx
        case ".pt2":
            return _as_program
    raise ModelError(f"{target}: write to a name that ends in {ENDINGS}")


def _metadata(named: Named) -> dict[str, str]:
    return {METADATA_KEY: named.card.to_text()}


def _as_safetensors(named: Named, target: Path) -> str:
    generator, metadata = named.generator, _metadata(named)

    def save(part: Path) -> None:
        save_generator(generator.network, generator.config, part, metadata=metadata)

    return _read_back(save, named, target)


def _as_reference(named: Named, target: Path) -> str:
    if isinstance(named.generator.config, FastConfig):
        raise ExportError(
            f"the public CycleGAN code does not have the architecture of {named.card.name}; "
            "write to a name that ends in .safetensors, .onnx or .pt2"
        )
    weights = dict(named.generator.network.state_dict())
    return _read_back(partial(save_checkpoint, weights), named, target)


def _as_onnx(named: Named, target: Path) -> str:
    off = export_onnx(named.generator, target, metadata=_metadata(named))
    return f"checked in onnxruntime: within {off:.1e} of the generator (pictures are in -1..1)"


def _as_program(named: Named, target: Path) -> str:
    off = export_program(named.generator, target, metadata=_metadata(named))
    return f"read back and checked: within {off:.1e} of the generator (pictures are in -1..1)"


def _read_back(save: Callable[[Path], object], named: Named, target: Path) -> str:
    """Let a file have its name once it has been read back, every weight as it was."""

    def save_and_read(part: Path) -> None:
        save(part)
        written = read_generator(part).network.state_dict()
        weights = named.generator.network.state_dict()
        if not all(torch.equal(written[name], weights[name]) for name in weights):
            raise ExportError("did not read back as it was written; check the disk")

    write_atomically(target, save_and_read)
    return "read back: the same weights"
