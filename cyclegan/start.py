"""Networks that a training begins with: those of another one, instead of new ones.

A file of safetensors holds any of them; tensors are named `g_ab.` and so on, or `student.`, then as
in the network.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from cyclegan.checkpoint import WeightsError, to_safetensors

Weights = Mapping[str, Tensor]


def start_to_bytes(networks: Mapping[str, Weights]) -> bytes:
    """The file of networks by name: those in `cyclegan.step.Networks`, or `student.STUDENT`; same
    weights, same bytes.
    """
    return to_safetensors(
        {
            f"{name}.{key}": tensor
            for name, weights in networks.items()
            for key, tensor in weights.items()
        }
    )


def digest_of(start: bytes) -> str:
    """What the configuration of a training says of the file that it begins with."""
    return hashlib.sha256(start).hexdigest()


def read_start(path: Path, digest: str) -> dict[str, dict[str, Tensor]]:
    """The networks of a file, by their names.

    Raises:
        WeightsError: it is missing, unreadable or another one.
    """
    try:
        content = path.read_bytes()
        if digest_of(content) != digest:
            raise WeightsError(
                f"{path} is not what the run began with: train anew in another --out"
            )
        tensors = load(content)
    except (OSError, SafetensorError) as exc:
        raise WeightsError(f"{path} cannot be read ({exc}): train anew in another --out") from exc
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        network, _, key = name.partition(".")
        found.setdefault(network, {})[key] = tensor
    return found
