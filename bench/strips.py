"""The same pictures under several generators, a row each, as one picture for the documents.

    python bench/strips.py OUT.jpg --picture FILM@SECONDS ... --row 'LABEL=MODEL[:SIZE]' ...

The first row is the pictures as they are. A picture is a frame of a film, or a photograph without
@SECONDS; all are cut to the same shape. Each row's generator, a model's name or a file, sees them
at SIZE, else at its card's, in fp32. With --as-converted frames lean on those before as the card
says, as `vidgan convert` makes them, and there are no labels.
"""

import argparse
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from cyclegan.steady import links
from cyclegan.translator import Translator
from cyclegan.warming import warm_up
from vidgan.named import read_named

Pixels = NDArray[np.uint8]
_WARM_UP = warm_up(0.95)
"""Frames before a film's picture, for models that are steadied; enough for any that ships."""
LABEL_HEIGHT = 18
"""Pixels above each row."""
TRANSLATED_WIDTH = 640
"""Of a picture as it is translated; it is shrunk afterwards."""


def main() -> None:
    args = _arguments()
    width, height = args.cell
    label_height = 0 if args.as_converted else LABEL_HEIGHT
    size = TRANSLATED_WIDTH, round(TRANSLATED_WIDTH * height / width / 2) * 2
    pictures = [_frames(word, size) for word in args.picture]
    rows = [("as filmed", [frames[-1] for frames in pictures])]
    for word in args.row:
        label, _, named = word.partition("=")
        rows.append((label, _translated(named, pictures, as_converted=args.as_converted)))
    sheet = Image.new("RGB", (width * len(pictures), (height + label_height) * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (label, shown) in enumerate(rows):
        top = number * (height + label_height)
        if label_height:
            draw.text((2, top + 2), label, fill="black", font=ImageFont.load_default(13))
        for column, picture in enumerate(shown):
            cell = Image.fromarray(picture).resize((width, height))
            sheet.paste(cell, (column * width, top + label_height))
    sheet.save(args.out, quality=85)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Generators one below the other; see the text.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--picture", action="append", required=True, metavar="FILM@SECONDS")
    parser.add_argument("--row", action="append", required=True, metavar="LABEL=MODEL[:SIZE]")
    parser.add_argument(
        "--cell", type=_size, default=(180, 135), metavar="WxH", help="of a picture"
    )
    parser.add_argument("--as-converted", action="store_true", help="steadied, without labels")
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _translated(named: str, pictures: list[Pixels], *, as_converted: bool) -> list[Pixels]:
    source, _, seen = named.rpartition(":")
    model = read_named(source or named)
    translate = Translator(
        model.generator.network,
        precision="fp32",
        size=int(seen) if source else model.card.size,
        steady=model.card.steady if as_converted else 0.0,
    )
    if not as_converted:
        return [translate(frames[-1:])[0] for frames in pictures]
    return [translate(frames, link=next(links()))[-1] for frames in pictures]


def _frames(word: str, size: tuple[int, int]) -> Pixels:
    """A photograph, or a frame of a film after those before it, (N, H, W, 3)."""
    path, _, seconds = word.rpartition("@")
    images = _film(path, float(seconds)) if path else [Image.open(word)]
    fitted = [ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), size) for image in images]
    return np.stack([np.asarray(image) for image in fitted])


def _film(path: str, seconds: float) -> list[Image.Image]:
    frames: list[Image.Image] = []
    with av.open(path) as film:
        for frame in film.decode(video=0):
            frames = [*frames[-_WARM_UP:], Image.fromarray(frame.to_ndarray(format="rgb24"))]
            if frame.time is not None and frame.time >= seconds:
                return frames
    raise SystemExit(f"{path} ends before {seconds} s")


if __name__ == "__main__":
    main()
