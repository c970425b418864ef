"""CycleGAN models: networks, losses, training, weights files and the translator of frames.

Naming the package loads no torch: who asks for a configuration alone need not wait for it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclegan.translator import Translator
    from cyclegan.weights import load_generator

__all__ = ["Translator", "load_generator"]


def __getattr__(name: str) -> object:
    if name == "Translator":
        from cyclegan.translator import Translator  # noqa: PLC0415 - brings in torch

        return Translator
    if name == "load_generator":
        from cyclegan.weights import load_generator  # noqa: PLC0415

        return load_generator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
