"""What the films of the media contract are made with, and what is known of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.vidgan.films.pictures import Draw, draw
from vidgan.media.part import WHOLE, Part
from vidgan.media.types import UNTREATED, Color, Treatment

FRAMES = 12
SIZE = (96, 64)
GOP = {"g": "6"}
BT709 = Color(matrix=1, primaries=1, transfer=1, full_range=False)
DEEP: dict[str, Any] = {"codec": "libx265", "pixel_format": "yuv420p10le"}


@dataclass(frozen=True, kw_only=True)
class Kit:
    """What films are made with; a bench asks for longer, larger and livelier ones."""

    make_film: Callable[..., Path]
    folder: Path
    frames: int = FRAMES
    size: tuple[int, int] = SIZE
    gop: int = 6
    """Of codecs that `codec_options` knows."""
    draw: Draw = draw

    def film(self, name: str, **options: Any) -> Path:
        """Without sound, unless otherwise said."""
        usual = {"frames": self.frames, "size": self.size, "gop": self.gop, "draw": self.draw}
        return self.make_film(name, **(usual | {"audio": False} | options))

    def large_enough(self, *sizes: tuple[int, int]) -> tuple[int, int]:
        """The first of these that is not smaller."""
        fitting = (size for size in sizes if size[0] >= self.size[0] and size[1] >= self.size[1])
        return next(fitting, self.size)

    def copy(self, film: Path, name: str | None = None) -> Path:
        """One that may be changed."""
        path = self.folder / (name or film.name)
        path.write_bytes(film.read_bytes())
        return path


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A film, and what comes out of it; times and numbers by default are of `FRAMES` frames."""

    path: Path
    times: Sequence[Fraction] = tuple(Fraction(i, 24) for i in range(FRAMES))
    """Of its frames, in seconds."""
    numbers: Sequence[int] = tuple(range(FRAMES))
    """What they show."""
    treatment: Treatment = UNTREATED
    rate: Fraction | None = None
    part: Part = WHOLE
    says: str = ""
    """Part of a warning."""
    ending: str | None = None
    """Of the output; None for that of the default name."""
    codec: str | None = None
    maps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A film of `FilmSpec`'s options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    treatment: Treatment = UNTREATED

    def __call__(self, kit: Kit) -> Sample:
        path = kit.film(self.name, **self.options)
        rate = Fraction(self.options.get("rate", 24))
        times = tuple(Fraction(i) / rate for i in range(kit.frames))
        return Sample(path=path, times=times, says=self.says, treatment=self.treatment)


Make = Callable[[Kit], Sample]


def plain(name: str, says: str = "", **options: Any) -> Plain:
    return Plain(name=name, options=options, says=says)
