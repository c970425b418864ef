"""Frames of films as pictures to train on, taken once and kept in a folder of the run.

FOLDER/manifest.json   what was taken, of which films, with which settings
FOLDER/train/*.png     lossless, upright, the short side scaled to what training loads
FOLDER/held-out/*.png

The folder appears whole, by a rename, and is used again as long as films and settings are the same;
where it has to be made anew, the same frames come out.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

from cyclegan.folders import is_held_out
from vidgan.errors import InputError, OutputError
from vidgan.media.probe import probe
from vidgan.media.sample import Spot, choose_frames, film_seconds, take_frames
from vidgan.media.types import Film, VideoStream
from vidgan.places import Place
from vidgan.training.frame_writer import FrameWriter
from vidgan.training.sieve import SHORT_SECONDS, Sieve, Stretch, held_out_stretches

Report = Callable[[int, int], object]
"""Hears of frames looked at so far, and of how many there are."""

_FORMAT = 1  # of the folder; another one is made anew
_MANIFEST = "manifest.json"
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSettings:
    """What decides which frames are taken, and what becomes of them."""

    count: int
    """Frames of all films together; each film gives its share by its length, and one at least."""
    short_side: int
    """Pixels; smaller frames stay as they are."""
    split: bool = True
    """Whether a part is held out; else all is trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """The frames of a domain's films, as image files in the order of the films and their times."""

    train: tuple[Path, ...]
    held_out: tuple[Path, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """A film that can be decoded."""

    number: int
    """Its place among the films."""
    film: Film
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What to take of one film."""

    item: _Item
    count: int
    stretches: tuple[Stretch, ...]
    """Held out."""


def frames_of(
    films: Sequence[Path],
    folder: Path,
    settings: FrameSettings,
    *,
    report: Report = lambda done, total: None,
) -> Frames:
    """The frames of films, taken now or, where `folder` holds them already, earlier.

    Films that cannot be used are left out with a warning. One process at a time may call this.

    Raises:
        InputError: none of the films can be used; the text says why for the first.
        OutputError: the folder cannot be written.
    """
    wanted = _description(films, settings)
    found = _read_folder(folder, wanted)
    if found is not None:
        return found
    part = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        for name in ("train", "held-out"):
            (part / name).mkdir(parents=True)
        content = _take_all(films, part, settings, report)
        (part / _MANIFEST).write_text(json.dumps({**wanted, **content}, indent=1) + "\n")
        os.sync()
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: frames cannot be written ({error.strerror}); make room, or choose another "
            "--out"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    taken = _read_folder(folder, wanted)
    assert taken is not None
    return taken


def _description(films: Sequence[Path], settings: FrameSettings) -> dict[str, object]:
    """By what a folder of frames is known again, wherever the films may have been moved to."""
    stats = [path.stat() for path in films]
    return {
        "format": _FORMAT,
        "settings": asdict(settings),
        "films": [
            {"name": path.name, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
            for path, stat in zip(films, stats, strict=True)
        ],
    }


def _read_folder(folder: Path, wanted: dict[str, object]) -> Frames | None:
    """The frames that lie there; None where they are not whole, or are others than wanted."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        names, warnings = manifest["frames"], manifest["warnings"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if any(manifest.get(key) != value for key, value in wanted.items()):
        return None
    if not all((folder / name).is_file() for name in names):
        return None
    return Frames(
        train=tuple(folder / name for name in names if name.startswith("train/")),
        held_out=tuple(folder / name for name in names if name.startswith("held-out/")),
        warnings=tuple(warnings),
    )


def _take_all(
    films: Sequence[Path], folder: Path, settings: FrameSettings, report: Report
) -> dict[str, list[str]]:
    """Write the frames of all films; gives their names, and warnings."""
    items, warnings = _probe_all(films)
    plans = _plan(items, settings)
    total = sum(plan.count for plan in plans)
    done = 0
    names: list[str] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        writer = FrameWriter(pool, folder, short_side=settings.short_side)
        for plan in plans:
            for taken in _take(plan, writer, names, warnings):
                report(done + taken, total)
            done += plan.count
            report(done, total)
        writer.finish()
    return {"frames": names, "warnings": warnings}


def _probe_all(films: Sequence[Path]) -> tuple[list[_Item], list[str]]:
    """The films that can be decoded, and why others cannot."""
    items: list[_Item] = []
    errors: list[InputError] = []
    for number, path in enumerate(films):
        try:
            film = probe(path)
            items.append(_Item(number=number, film=film, seconds=float(film_seconds(film))))
        except InputError as error:
            errors.append(error)
    if not items:
        raise errors[0]
    return items, [f"{error}; this film is left out" for error in errors]


def _plan(items: Sequence[_Item], settings: FrameSettings) -> list[_Plan]:
    """Each film's share of the frames, and what of it is held out.

    A short film is held out whole or not at all, by the rule for pictures; where that would leave
    all frames on one side, stretches are held out of short films as well.
    """
    total = sum(item.seconds for item in items) or 1.0
    short = [Path(item.film.path.name) for item in items if item.seconds < SHORT_SECONDS]
    by_name = [is_held_out(path) for path in short]
    is_one_sided = len(by_name) == len(items) and len(set(by_name)) == 1
    plans = []
    for item in items:
        stretches: tuple[Stretch, ...] = ()
        if settings.split and (is_one_sided or item.seconds >= SHORT_SECONDS):
            stretches = tuple(held_out_stretches(item.film.path.name, item.seconds))
        elif settings.split and is_held_out(Path(item.film.path.name)):
            stretches = (Stretch(start=0.0, end=math.inf, margin=0.0),)
        count = max(1, round(settings.count * item.seconds / total))
        plans.append(_Plan(item=item, count=count, stretches=stretches))
    return plans


def _take(plan: _Plan, writer: FrameWriter, names: list[str], warnings: list[str]) -> Iterator[int]:
    """Take the frames of one film, as far as it can be decoded; gives how many were looked at."""
    film, path = plan.item.film, plan.item.film.path
    sieve = Sieve()
    given = wanted = 0
    try:
        choice = choose_frames(film, [(i + 0.5) / plan.count for i in range(plan.count)])
        warnings += choice.warnings
        wanted = len(choice.spots)
        for spot, rgb in take_frames(film, choice):
            given += 1
            is_near = any(stretch.is_near(spot.share) for stretch in plan.stretches)
            if not is_near and sieve.passes(rgb):
                names.append(_name(plan, spot))
                writer.write(names[-1], rgb, aspect=_aspect(film.video))
            yield given
    except InputError as error:
        text = str(error)
        named = text if text.startswith(str(path)) else f"{path}: {text}"
        warnings.append(f"{named}; {given} frames of this film are used")
    else:
        warnings += _losses(path, sieve, wanted=wanted, given=given)


def _name(plan: _Plan, spot: Spot) -> str:
    """Below the folder; in the order of the films, and of the frames in each."""
    film = plan.item.film
    side = "held-out" if any(s.holds(spot.share) for s in plan.stretches) else "train"
    stem = _ODD.sub("_", film.path.stem)[:40]
    seconds = float(spot.pts * film.video.time_base)
    return f"{side}/{plan.item.number:04}-{stem}-{seconds:010.3f}s.png"


def _aspect(video: VideoStream) -> Fraction:
    """How many times as wide as high a sample is, in the upright picture."""
    aspect = video.sample_aspect_ratio or Fraction(1)
    return 1 / aspect if video.rotation in (90, 270) else aspect


def _losses(path: Place, sieve: Sieve, *, wanted: int, given: int) -> Iterator[str]:
    if given < wanted:
        yield f"{path}: {wanted - given} of {wanted} frames cannot be decoded; it is damaged"
    if sieve.blank or sieve.repeated:
        yield (
            f"{path}: of {given} frames, {sieve.blank} blank ones and {sieve.repeated} like the "
            "one before are left out"
        )
