"""What an output shows: its pictures, their numbers, their times."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Read = Callable[..., int]
Picture = NDArray[np.uint8]


def numbers(path: Path, read_number: Read) -> list[int]:
    with av.open(str(path)) as container:
        return [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def seconds(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [Fraction(f.pts or 0) * (f.time_base or 0) for f in container.decode(video=0)]


def pictures(path: Path) -> list[Picture]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]  # type: ignore[misc]
