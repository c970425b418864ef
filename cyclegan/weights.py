"""Reading generators: any public CycleGAN `.pth` and our own safetensors, without any flags.

A file of weights is data from strangers. It is read by what its first bytes say it is, whatever
its name; no code in it runs; and no network is built that its own tensors would not fill.
"""

import os
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from torch import Tensor

from cyclegan.checkpoint import WeightsError, split_safetensors
from cyclegan.config import (
    FastConfig,
    GeneratorConfig,
    IdentityConfig,
    UnetConfig,
    generator_from_json,
)
from cyclegan.networks import Generator
from cyclegan.reference import find_state_dict, fit_state, infer_config, meta_network

_CONFIG_KEY = "generator"
"""Under which `save_generator` keeps the configuration in a file's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedGenerator:
    """A generator read from a file: float32, on the CPU, in eval mode."""

    network: Generator
    config: GeneratorConfig
    metadata: dict[str, str]
    """What the file says besides the configuration; empty for a `.pth`."""


def load_generator(path: str | os.PathLike[str]) -> Generator:
    """The generator in a public CycleGAN `.pth` or in a safetensors file of ours.

    Float32 (N, 3, H, W) in [-1, 1] in, the same out; on the CPU, in eval mode.

    Raises:
        WeightsError: the file is not a generator; the text names it and says what to do.
    """
    return read_generator(path).network


def read_generator(path: str | os.PathLike[str]) -> LoadedGenerator:
    """Like `load_generator`, with the configuration and the metadata beside the network.

    Raises:
        WeightsError: the file is not a generator; the text names it and says what to do.
    """
    try:
        return _read(Path(path))
    except WeightsError as exc:
        raise WeightsError(f"{os.fspath(path)} {exc}") from exc.__cause__


def generator_in(file: bytes) -> LoadedGenerator:
    """The generator in a safetensors file of ours that is in memory, checked like one on a disk.

    Raises:
        WeightsError: it is not a generator; the text goes on where a file's name would stand.
    """
    return _built(*_parse_safetensors(file))


def _read(path: Path) -> LoadedGenerator:
    return _built(*_read_state(path))


def _built(state: Mapping[str, Tensor], metadata: dict[str, str]) -> LoadedGenerator:
    config = _config_of(state, metadata)
    fitted = {name: _usable(name, value) for name, value in fit_state(state, config).items()}
    network = meta_network(config)
    network.load_state_dict(fitted, assign=True)
    return LoadedGenerator(
        network=network.eval().requires_grad_(False), config=config, metadata=metadata
    )


def _config_of(state: Mapping[str, Tensor], metadata: dict[str, str]) -> GeneratorConfig:
    """What the tensors say; the metadata only adds what leaves no mark on them."""
    text = metadata.pop(_CONFIG_KEY, None)
    said = None if text is None else _said(text)
    if isinstance(said, IdentityConfig) and not state:
        return said
    config = infer_config(state)
    if said is None:
        return config
    if isinstance(config, FastConfig) and isinstance(said, FastConfig):
        config = replace(config, input_share=said.input_share, norm_eps=said.norm_eps)
    if isinstance(config, UnetConfig) and isinstance(said, UnetConfig):
        config = replace(config, dropout=said.dropout)
    if config != said:
        raise WeightsError(f"says it is {said} but holds {config}: get the file again")
    return config


def _said(text: str) -> GeneratorConfig:
    try:
        return generator_from_json(text)
    except ValueError as exc:
        raise WeightsError(f"has damaged metadata ({str(exc)[:120]}): get the file again") from exc


def _usable(name: str, tensor: Tensor) -> Tensor:
    """A float32 copy of its own, so that no later change of the file reaches the network."""
    if name.endswith("num_batches_tracked"):
        return tensor.to(torch.long, copy=True)
    if not tensor.is_floating_point():
        raise WeightsError(f"has {name} as {tensor.dtype}: give weights in floating point")
    usable = tensor.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if not usable.isfinite().all():
        raise WeightsError(
            f"has values in {name} that are not finite (the training blew up): "
            "give an earlier checkpoint"
        )
    return usable


def _read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and its metadata, by what its first bytes say it is."""
    head = _first_bytes(path)
    if not head:
        raise WeightsError("is empty: get the file again")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError("is a Git LFS pointer, not the weights: run git lfs pull")
    if head[8:9] == b"{":
        return _read_safetensors(path)
    if head.startswith((b"PK\x03\x04", b"\x80")):
        return _read_pth(path), {}
    if head.lstrip()[:1] == b"<":
        raise WeightsError("is a web page, not weights: download the file itself again")
    raise WeightsError("is not a file of weights: give a .pth or a .safetensors of a generator")


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        found = sorted(p.name for p in path.iterdir() if p.suffix in (".safetensors", ".pth"))
        hint = f"give a file in it, such as {found[0]}" if found else "give a file of weights"
        raise WeightsError(f"is a folder: {hint}")
    try:
        with path.open("rb") as file:
            return file.read(64)
    except FileNotFoundError as exc:
        raise WeightsError("is not there: check the path") from exc
    except OSError as exc:
        raise WeightsError(f"cannot be read ({exc.strerror}): check the path") from exc


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return state, dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, RuntimeError) as exc:
        raise _damaged(exc) from exc


def _parse_safetensors(file: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        state = load(file)  # refuses what is no such file
        return state, split_safetensors(file)[0].get("__metadata__", {})
    except (SafetensorError, LookupError, ValueError, RuntimeError) as exc:
        raise _damaged(exc) from exc


def _read_pth(path: Path) -> dict[str, Tensor]:
    try:
        # Warnings: what matters in them comes as an error too. A handle: torch goes by the names
        # of files, here their content decides.
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise _unpicklable(exc) from exc
    except Exception as exc:  # a damaged pickle can raise anything
        raise _damaged(exc) from exc
    state = find_state_dict(content)
    for name, tensor in state.items():
        if not _is_whole(tensor):
            raise WeightsError(f"has {name} without data of its own: get the file again")
    return state


def _is_whole(tensor: Tensor) -> bool:
    """Whether each element has memory of its own: a pickle may claim a huge tensor of one byte."""
    if tensor.is_meta or tensor.is_nested or tensor.layout != torch.strided:
        return False
    return tensor.untyped_storage().nbytes() >= tensor.numel() * tensor.element_size()


_SAVE_WEIGHTS = "save the generator's weights alone with torch.save(net.state_dict(), FILE)"


def _unpicklable(exc: pickle.UnpicklingError) -> WeightsError:
    """torch raises this for pickles that would run code, and for those of other makers."""
    text = str(exc)
    if "GLOBAL " in text:
        name = text.partition("GLOBAL ")[2].split()[0]
        return WeightsError(f"holds code ({name}), which is never run: {_SAVE_WEIGHTS}")
    if "WeightsUnpickler" in text:
        return WeightsError(f"is a pickle that torch.save did not write: {_SAVE_WEIGHTS}")
    return _damaged(exc)


def _damaged(exc: Exception) -> WeightsError:
    if "TorchScript" in str(exc):
        return WeightsError(f"is TorchScript, which holds code that is never run: {_SAVE_WEIGHTS}")
    reason = " ".join(str(exc).split()).partition(". ")[0][:120] or type(exc).__name__
    return WeightsError(f"is damaged or cut off ({reason}): get the file again")
