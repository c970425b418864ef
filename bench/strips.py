"""The same pictures under several generators, a row each, as one picture for the documents.

    python bench/strips.py OUT.jpg --picture FILM@SECONDS ... --row 'LABEL=WEIGHTS:SIZE' ...

The first row is the pictures as they are. A picture is a frame of a film, or a photograph without
@SECONDS; it is cut to the same shape. Each row's generator sees them at SIZE, in fp32.
"""

import argparse
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from cyclegan.translator import Translator
from vidgan.named import read_named

Pixels = NDArray[np.uint8]
LABEL_HEIGHT = 18
"""Pixels above each row."""
SIZE = (640, 480)
"""Of a picture as it is translated; it is shrunk afterwards."""


def main() -> None:
    args = _arguments()
    size = (args.width, args.width * 3 // 4)
    pictures = [_picture(word) for word in args.picture]
    rows = [("as filmed", pictures)]
    for word in args.row:
        label, _, named = word.partition("=")
        source, _, seen = named.rpartition(":")
        generator = read_named(source).generator.network
        translate = Translator(generator, precision="fp32", size=int(seen))
        rows.append((label, [translate(picture[None])[0] for picture in pictures]))
    sheet = Image.new(
        "RGB", (size[0] * len(pictures), (size[1] + LABEL_HEIGHT) * len(rows)), "white"
    )
    draw = ImageDraw.Draw(sheet)
    for number, (label, shown) in enumerate(rows):
        top = number * (size[1] + LABEL_HEIGHT)
        draw.text((2, top + 2), label, fill="black", font=ImageFont.load_default(13))
        for column, picture in enumerate(shown):
            sheet.paste(
                Image.fromarray(picture).resize(size), (column * size[0], top + LABEL_HEIGHT)
            )
    sheet.save(args.out, quality=85)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Generators one below the other; see the text.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--picture", action="append", required=True, metavar="FILM@SECONDS")
    parser.add_argument("--row", action="append", required=True, metavar="LABEL=WEIGHTS:SIZE")
    parser.add_argument("--width", type=int, default=180, help="pixels of one picture")
    return parser.parse_args()


def _picture(word: str) -> Pixels:
    path, _, seconds = word.rpartition("@")
    image = _frame(path, float(seconds)) if path else Image.open(word)
    fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), SIZE)
    return np.asarray(fitted)


def _frame(path: str, seconds: float) -> Image.Image:
    with av.open(path) as film:
        for frame in film.decode(video=0):
            if frame.time is not None and frame.time >= seconds:
                return Image.fromarray(frame.to_ndarray(format="rgb24"))
    raise SystemExit(f"{path} ends before {seconds} s")


if __name__ == "__main__":
    main()
