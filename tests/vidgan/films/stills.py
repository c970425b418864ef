"""Films that are made of pictures: numbered files, and animated WebP."""

from pathlib import Path

from PIL import Image

from tests.vidgan.films.pictures import Draw, draw


def write_numbered(
    folder: Path,
    pattern: str,
    numbers: range,
    size: tuple[int, int] = (96, 64),
    draw: Draw = draw,
) -> Path:
    """Numbered pictures, the first of them showing 0; gives back their pattern."""
    for shown, number in enumerate(numbers):
        Image.fromarray(draw(shown, size)).save(folder / (pattern % number), quality=95)
    return folder / pattern


def write_webp(
    path: Path, milliseconds: list[int], size: tuple[int, int] = (96, 64), draw: Draw = draw
) -> Path:
    """A lossless animation with a picture for each of these durations."""
    first, *rest = (Image.fromarray(draw(i, size)) for i in range(len(milliseconds)))
    first.save(path, save_all=True, append_images=rest, duration=milliseconds, lossless=True)
    return path
