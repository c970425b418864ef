"""Ten frames over the length of a film, before and after, on one picture: seconds, not hours."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cyclegan.translator import Translator, resolve_device
from vidgan.choice import choose_model
from vidgan.errors import InputError, OutputError, SettingsError, VidganError, said_by_system
from vidgan.inputs import Failure, Piece, plan
from vidgan.media.probe import probe
from vidgan.media.sample import Spot, choose_frames, take_frames
from vidgan.media.types import Film, Treatment
from vidgan.options import Options
from vidgan.places import Place
from vidgan.whole_file import write_whole

FRAMES = 10
COLUMNS = 5
CELL = 320
"""Pixels: the longer side of each picture on the sheet."""
_TEXT = 18
_GAP = 6
_PAPER = (24, 24, 24)
_INK = (230, 230, 230)

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Previews:
    """The sheets that were made, and what is wrong with the other inputs."""

    sheets: tuple[Place, ...]
    failures: tuple[Failure, ...]


def preview(inputs: Sequence[Place], output: Place | None, options: Options) -> Previews:
    """Write a contact sheet for each film: each frame above what the generator makes of it.

    `clip.mp4` gives `clip.LABEL.preview.png` beside where its conversion would go, or `output`
    where that ends in .png. Done in this process, without Ray: the frames are few.

    Raises:
        VidganError: nothing can be shown at all: a wrong setting, an unknown pair, no such device.
    """
    choice = choose_model(options)
    is_sheet = output is not None and output.suffix.lower() == ".png"
    pieces, failures = plan(inputs, output, choice.label)
    films = [piece for piece in pieces if not piece.is_image]
    if pieces and not films:
        raise SettingsError("--preview shows films; photographs are converted in no time")
    if is_sheet and len(films) > 1:
        raise SettingsError(f"{output}: a sheet shows one film; give a folder with -o")
    try:
        device = resolve_device(options.device)
    except ValueError as error:
        raise SettingsError(f"--device {options.device}: {error}") from error
    translator = Translator(
        choice.generator.network, device=device, precision=options.precision, size=choice.size
    )
    sheets: list[Place] = []
    for piece in films:
        sheet = piece.output if is_sheet else _beside(piece.output)
        try:
            _write(piece, sheet, translator, options)
            sheets.append(sheet)
        except VidganError as error:
            failures.append(Failure(source=piece.source, output=sheet, error=error))
    return Previews(sheets=tuple(sheets), failures=tuple(failures))


def _beside(output: Place) -> Place:
    return output.with_name(f"{output.stem}.preview.png")


def _write(piece: Piece, sheet: Place, translator: Translator, options: Options) -> None:
    if sheet.exists() and not options.overwrite:
        raise OutputError(f"{sheet} exists already; choose another with -o, or add --overwrite")
    film = probe(piece.source, rate=options.rate)
    cells = list(_cells(film, translator, options.treatment))
    if not cells:
        raise InputError(f"{piece.source}: none of its frames can be decoded; the file is damaged")
    data = io.BytesIO()
    _sheet(cells).save(data, "PNG")
    try:
        if piece.folder is not None and isinstance(sheet, Path):
            sheet.parent.mkdir(parents=True, exist_ok=True)
        write_whole(sheet, data.getvalue())
    except OSError as error:
        raise OutputError(said_by_system(error, sheet)) from error


def _cells(film: Film, translator: Translator, treatment: Treatment) -> Iterator[Image.Image]:
    """One for each frame: when it is shown, the frame, and its translation."""
    shares = [(2 * number + 1) / (2 * FRAMES) for number in range(FRAMES)]
    for spot, frame in take_frames(film, choose_frames(film, shares), treatment):
        upright = np.ascontiguousarray(frame)
        yield _cell(_moment(film, spot), (upright, translator(upright[None])[0]))


def _moment(film: Film, spot: Spot) -> str:
    seconds = float(spot.pts * film.video.time_base)
    hours, rest = divmod(max(0.0, seconds), 3600)
    return f"{int(hours)}:{int(rest // 60):02}:{rest % 60:05.2f}"


def _cell(words: str, pictures: Sequence[Pixels]) -> Image.Image:
    small = [Image.fromarray(picture) for picture in pictures]
    for picture in small:
        picture.thumbnail((CELL, CELL))
    width, height = small[0].size
    cell = Image.new("RGB", (width, _TEXT + _GAP + len(small) * (height + _GAP)), _PAPER)
    font = ImageFont.load_default(size=_TEXT - 4)
    ImageDraw.Draw(cell).text((2, 1), words, fill=_INK, font=font)
    for number, picture in enumerate(small):
        cell.paste(picture, (0, _TEXT + number * (height + _GAP)))
    return cell


def _sheet(cells: Sequence[Image.Image]) -> Image.Image:
    width, height = cells[0].size
    columns, rows = min(COLUMNS, len(cells)), -(-len(cells) // COLUMNS)
    size = _GAP + columns * (width + _GAP), _GAP + rows * (height + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    for number, cell in enumerate(cells):
        row, column = divmod(number, COLUMNS)
        sheet.paste(cell, (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)))
    return sheet
