"""Arrays out of a pickle without running any of it.

A pickle is a program. This one may build dicts, strings, numbers and numpy arrays of float32 in
memory order; whatever else it asks for is refused. Numpy's own functions are not called either:
stand-ins take down what the pickle says, and an array is made from its bytes after its shape has
been checked.
"""

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyclegan.checkpoint import WeightsError

Array = NDArray[np.float32]
_FLOAT32 = ("f4", "<")


class _Dtype:
    """What a pickle says of an element's type."""

    def __init__(self, code: object = None, *_flags: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


class _Array:
    """What a pickle says of an array: the class, its shape, its element type and its bytes."""

    def __init__(self, *_how: object) -> None:
        self.values: Array | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran_order, data = state
        if type(dtype) is not _Dtype or (dtype.code, dtype.order) != _FLOAT32 or fortran_order:
            raise pickle.UnpicklingError("an array that is not plain float32")
        if type(data) is not bytes or len(data) != 4 * math.prod(shape):
            raise pickle.UnpicklingError("an array whose bytes do not fill its shape")
        self.values = np.frombuffer(data, dtype="<f4").reshape(shape)


_STAND_INS: dict[tuple[str, str], type] = {
    (module, name): stand_in
    for module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
    for name, stand_in in (("_reconstruct", _Array), ("ndarray", _Array), ("dtype", _Dtype))
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> type:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"code ({module}.{name}), which is never run") from None


def read_pickled_arrays(path: Path) -> dict[str, Array]:
    """All arrays of nested dicts, by their keys joined with dots: {"net.conv.kernel": float32}.

    Raises:
        WeightsError: the file is not there, damaged, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
        return dict(_flat(content, ()))
    except OSError as exc:
        raise WeightsError(f"{path} cannot be read ({exc.strerror}): install it again") from exc
    except Exception as exc:  # a damaged pickle can raise anything
        reason = " ".join(str(exc).split())[:120] or type(exc).__name__
        raise WeightsError(f"{path} holds more than arrays ({reason}): install it again") from exc


def _flat(content: object, keys: tuple[str, ...]) -> "list[tuple[str, Array]]":
    if isinstance(content, dict):
        return [pair for key, value in content.items() for pair in _flat(value, (*keys, str(key)))]
    if isinstance(content, _Array) and content.values is not None:
        return [(".".join(keys), content.values)]
    raise pickle.UnpicklingError(f"{type(content).__name__} where an array should be")
