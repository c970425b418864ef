"""Files of weights: where an installed package keeps its own, and how one is read."""

import importlib.util
import warnings
from pathlib import Path

import torch
from torch import Tensor

from cyclegan.checkpoint import WeightsError


def packaged_file(package: str, inside: str) -> Path | None:
    """A data file of a package, whose code is not run; None where it is not installed."""
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / inside).is_file():
            return path
    return None


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a `torch.save` file, by name; code in it is never run.

    Raises:
        WeightsError: not there, damaged, or not a dict of tensors.
    """
    try:
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as exc:
        raise WeightsError(f"{path} cannot be read ({exc.strerror}): check the path") from exc
    except Exception as exc:  # a damaged pickle can raise anything
        raise WeightsError(f"{path} is not a file of plain weights: get it again") from exc
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"{path} is not a dict of tensors: give a state dict")
    return content
