"""Ten frames over the length of a film, before and after, on one picture: seconds, not hours."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cyclegan.translator import Translator, resolve_device
from vidgan.choice import choose_model, resolved
from vidgan.errors import InputError, OutputError, SettingsError, VidganError, said_by_system
from vidgan.film_job import chosen_encoder
from vidgan.inputs import Failure, Piece, named_failures, plan
from vidgan.media.header import Target
from vidgan.media.preflight import check_convertible
from vidgan.media.probe import probe
from vidgan.media.spread import spread_frames, take_spread
from vidgan.media.types import Film
from vidgan.numbered import has_number
from vidgan.options import Options
from vidgan.places import Place, Remote
from vidgan.transport import refuse_web
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
    warnings: tuple[str, ...] = ()


def preview(inputs: Sequence[Place], output: Place | None, options: Options) -> Previews:
    """Write a contact sheet for each film: each frame above what the generator makes of it.

    `clip.mp4` gives `clip.LABEL.preview.png` beside where its conversion would go, or `output`
    where that is a .png. Of the part of it that would be converted; what would not be converted
    is not shown. Done in this process, without Ray: the frames are few.

    Raises:
        VidganError: nothing can be shown at all: a wrong setting, an unknown pair, no such device.
    """
    choice = choose_model(options)
    is_sheet = output is not None and _is_picture(output)
    pieces, failures = plan(inputs, None if is_sheet else output, choice.label)
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
        choice.generator().network,
        device=device,
        precision=resolved(options.precision, device.type),
        size=choice.size,
    )
    sheets: list[Place] = []
    warnings: list[str] = []
    for piece in films:
        sheet = output if output is not None and is_sheet else _beside(piece.output)
        try:
            with piece.blamed():
                warnings += _write(piece, sheet, translator, options)
            sheets.append(sheet)
        except VidganError as error:
            failures.append(Failure(source=piece.source, output=sheet, error=error))
    return Previews(
        sheets=tuple(sheets),
        failures=tuple(named_failures(failures, of=len(pieces))),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _is_picture(output: Place) -> bool:
    """Numbered ones are films."""
    return output.suffix.lower() == ".png" and not has_number(output.name)


def _beside(output: Place) -> Place:
    return output.with_name(f"{output.stem}.preview.png")


def _write(piece: Piece, sheet: Place, translator: Translator, options: Options) -> list[str]:
    """Gives what is wrong with the film, and does not stand against converting it."""
    if isinstance(sheet, Remote):
        refuse_web(sheet)
    if sheet.exists() and not options.overwrite:
        raise OutputError(f"{sheet} exists already; choose another with -o, or add --overwrite")
    film = probe(piece.source, rate=options.rate)
    target = Target(
        film=film,
        settings=chosen_encoder(piece, options, film.video),
        output=piece.output,
        treatment=options.treatment,
        part=options.part,
        streams=options.streams,
    )
    check_convertible(target)
    cells, warnings = _cells(film, translator, options)
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
    return [*film.warnings, *warnings]


def _cells(
    film: Film, translator: Translator, options: Options
) -> tuple[list[Image.Image], list[str]]:
    """One for each frame: when it is shown, the frame, and its translation. Then warnings."""
    spread = spread_frames(film, FRAMES, treatment=options.treatment, part=options.part)
    cells = []
    for pts, frame in take_spread(film, spread, options.treatment):
        upright = np.ascontiguousarray(frame)
        cells.append(_cell(_moment(film, pts), (upright, translator(upright[None])[0])))
    warnings = [*spread.warnings]
    if len(cells) < spread.count:
        lost = spread.count - len(cells)
        warnings.append(
            f"{film.path}: {lost} of {spread.count} frames cannot be decoded; the file is damaged"
        )
    return cells, warnings


def _moment(film: Film, pts: int) -> str:
    seconds = float(pts * film.video.time_base)
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
