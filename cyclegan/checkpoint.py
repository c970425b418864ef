"""Files of weights: written whole or not at all, and read as data, never as code.

A generator is a safetensors file whose metadata holds its configuration as JSON under
`generator`; a training's checkpoint is one `torch.save` of tensors and plain values.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from cyclegan.atomic import write_atomically
from cyclegan.config import GeneratorConfig, generator_to_json


class WeightsError(ValueError):
    """A file of weights cannot be used; the text names it and says why and what to do."""


def save_generator(
    network: nn.Module,
    config: GeneratorConfig,
    path: Path,
    *,
    dtype: torch.dtype = torch.float32,
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a generator as safetensors; same weights, same bytes."""
    blob = generator_file(network, config, dtype=dtype, metadata=metadata)
    write_atomically(path, lambda part: part.write_bytes(blob))


def generator_file(
    network: nn.Module,
    config: GeneratorConfig,
    *,
    dtype: torch.dtype = torch.float32,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """What `save_generator` writes."""
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None)
        for name, tensor in network.state_dict().items()
    }
    about = {**(metadata or {}), "generator": generator_to_json(config)}
    return to_safetensors(tensors, about)


def to_safetensors(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """A file of safetensors; same content, same bytes.

    Its header is sorted: the library writes metadata in any order.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    blob = save(contiguous, metadata)
    content, data = split_safetensors(blob)
    header = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


def split_safetensors(blob: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a file of safetensors, and its data.

    A file is the header's length in 8 bytes, the header as JSON padded to 8 bytes, the data.
    """
    end = 8 + int.from_bytes(blob[:8], "little")
    return json.loads(blob[8:end]), blob[end:]


def save_checkpoint(state: dict[str, object], path: Path) -> None:
    """Write a training's state; the one before is replaced only when the new one is whole.

    Raises:
        OSError: no such folder, no permission, no room.
    """

    def write(part: Path) -> None:
        try:
            with part.open("wb") as file:
                torch.save(state, file)
        except RuntimeError as error:  # torch's, while it gives up on what an OSError stopped
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise

    write_atomically(path, write)


def load_checkpoint(path: Path) -> dict[str, object]:
    """Read what `save_checkpoint` wrote, refusing anything but tensors and plain values.

    Raises:
        WeightsError: the file is missing, damaged, or not a checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as exc:
        raise WeightsError(f"{path} is not there: train without --resume first") from exc
    except Exception as exc:  # a damaged pickle can raise anything
        reason = str(exc).partition("\n")[0][:120] or type(exc).__name__
        raise WeightsError(f"{path} is not a readable checkpoint ({reason})") from exc
    if not isinstance(state, dict) or "step" not in state:
        raise WeightsError(f"{path} is not the checkpoint of a training")
    return state
