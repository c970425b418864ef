"""Files of weights: written whole or not at all, and read as data, never as code.

A generator is a safetensors file whose metadata holds its configuration as JSON under
`generator`; a training's checkpoint is one `torch.save` of tensors and plain values.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from cyclegan.config import GeneratorConfig, generator_to_json


class WeightsError(ValueError):
    """A file of weights cannot be used; the text names it and says why and what to do."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, make it durable, then rename it.

    Whoever looks at `path` sees the old file or the new one, never a part; if `write` fails, the
    old one stays and the temporary file goes.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def save_generator(
    network: nn.Module,
    config: GeneratorConfig,
    path: Path,
    *,
    dtype: torch.dtype = torch.float32,
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a generator as safetensors; same weights, same bytes."""
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None)
        for name, tensor in network.state_dict().items()
    }
    about = {**(metadata or {}), "generator": generator_to_json(config)}
    blob = to_safetensors(tensors, about)
    write_atomically(path, lambda part: part.write_bytes(blob))


def to_safetensors(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """A file of safetensors; same content, same bytes.

    Its header is sorted: the library writes metadata in any order. A file is the header's length
    in 8 bytes, the header as JSON padded to 8 bytes, the data.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    blob = save(contiguous, metadata)
    end = 8 + int.from_bytes(blob[:8], "little")
    header = json.dumps(json.loads(blob[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + blob[end:]


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
