"""vidgan: films from one domain to another, with CycleGAN generators on Ray.

`vidgan.convert("in.mp4", "out.mp4", pair="summer2winter")` is the command `vidgan convert`. Nothing
heavy is imported before it is used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidgan.conversion import convert

__all__ = ["__version__", "convert"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "convert":
        from vidgan.conversion import convert  # noqa: PLC0415 - brings in Ray

        return convert
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
