"""`vidgan doctor`: what is wrong with a training, finished or not, by the files it has written."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tvf

from cyclegan.checkpoint import WeightsError
from cyclegan.data import DataError, Preprocess, read_image, to_signed
from cyclegan.folders import list_files
from cyclegan.guard.detectors import told_by_settings, unimplied
from cyclegan.guard.generators import examine
from cyclegan.guard.journal import Event
from cyclegan.guard.logged import logged
from cyclegan.guard.values import Symptom
from cyclegan.photographs import IMAGE_SUFFIXES
from cyclegan.run_folder import RunFolder
from cyclegan.samples import spread
from cyclegan.student import StudentConfig
from cyclegan.train_config import TrainConfig
from cyclegan.translator import resolve_device
from cyclegan.weights import load_generator
from vidgan.diagnosis import Diagnosis, Finding, finding_of_event, finding_of_symptom
from vidgan.errors import ModelError
from vidgan.training.lines import Line, latest_course, read_lines

PICTURES = 6
"""Of each domain, on which generators are tried."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """What came of trying the generators."""

    symptoms: tuple[Symptom, ...]
    said: str
    """What was tried, or why nothing was."""
    was_done: bool


def diagnose(run: Path) -> Diagnosis:
    """Look at a run's settings, log, guard's journal and generators; changes nothing.

    Raises:
        ModelError: `run` is not the folder of a CycleGAN's training.
    """
    folder = RunFolder(run)
    config = _config(folder)
    log = latest_course(read_lines(folder.log))
    events = [event for line in read_lines(folder.guard) if (event := _event(line)) is not None]
    tried = _try_generators(folder, config)
    found = [
        *(finding_of_symptom(each, "generators") for each in unimplied(tried.symptoms)),
        *(finding_of_symptom(each, "log") for each in unimplied(logged(log, config))),
        *(finding_of_symptom(each, "settings") for each in told_by_settings(config)),
        *(finding_of_event(each) for each in still_open(events)),
    ]
    return Diagnosis(
        run=str(run),
        step=max([line["step"] for line in log[-1:]], default=0),
        steps=config.steps,
        guard=config.guard,
        findings=_once(found),
        events=events,
        looked_at=tuple(_looked_at(log, events, config, tried)),
        not_looked_at=() if tried.was_done else (f"generators: {tried.said}",),
    )


def still_open(events: Sequence[Event]) -> list[Event]:
    """Findings of a guard that have neither passed nor been left behind by going back."""
    found: dict[str, Event] = {}
    for event in events:
        match event.status:
            case "found" | "gave up":
                found[event.title] = event
            case "passed":
                found.pop(event.title, None)
            case "acted":  # what lasts is told anew from there
                found.clear()
    return list(found.values())


def _config(folder: RunFolder) -> TrainConfig:
    if not folder.config.is_file():
        raise ModelError(f"{folder.path}: not the folder of a training (config.json is not in it)")
    try:
        return folder.read_config()
    except WeightsError as exc:
        if _is_students(folder):
            raise ModelError(
                f"{folder.path}: the training of a student, which has no cycle and no guard; "
                "a doctor looks at what `vidgan train` made"
            ) from exc
        raise ModelError(str(exc)) from exc


def _is_students(folder: RunFolder) -> bool:
    try:
        folder.read_plan(StudentConfig)
    except WeightsError:
        return False
    return True


def _event(line: Line) -> Event | None:
    try:
        return Event(**line)
    except TypeError:
        return None


def _once(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Each finding once, by the source that comes first."""
    titles: dict[str, Finding] = {}
    for finding in found:
        titles.setdefault(finding.title, finding)
    return tuple(titles.values())


def _looked_at(
    log: Sequence[Line], events: Sequence[Event], config: TrainConfig, tried: _Trial
) -> Iterator[str]:
    yield "settings"
    yield f"log ({len(log)} lines)"
    if config.guard != "off":
        yield f"what the guard said ({len(events)} events)"
    if tried.was_done:
        yield tried.said


def _try_generators(folder: RunFolder, config: TrainConfig) -> _Trial:
    try:
        ab, ba = (load_generator(folder.path / f"{name}.safetensors") for name in ("a2b", "b2a"))
        a, b = (_crops(folder, name, config.preprocess) for name in ("a", "b"))
    except (WeightsError, DataError, OSError) as error:
        return _Trial((), str(error), was_done=False)
    device = resolve_device("auto")
    ways = ab.to(device), ba.to(device)
    symptoms = tuple(examine(a.to(device), b.to(device), ways, config))
    count = min(len(a), len(b))
    return _Trial(symptoms, f"both generators on {count} pictures of each domain", was_done=True)


def _crops(folder: RunFolder, domain: str, preprocess: Preprocess) -> Tensor:
    """Middle crops of a few pictures of a domain, (N, 3, crop, crop) in [-1, 1]."""
    crops: list[Tensor] = []
    for path in spread(_pictures(folder, domain)):
        try:
            scaled = preprocess.scale(read_image(path))
        except DataError:
            continue
        crops.append(to_signed(tvf.center_crop(scaled, [preprocess.crop, preprocess.crop])))
        if len(crops) == PICTURES:
            return torch.stack(crops)
    raise DataError(f"fewer than {PICTURES} pictures of domain {domain.upper()} are there to try")


def _pictures(folder: RunFolder, domain: str) -> list[Path]:
    """Those that the run's options name, else the frames that were taken of its films."""
    public = f"train{domain.upper()}"
    options = _options(folder)
    told = (options.get(domain), options.get("data"))
    sources = [Path(source) for source in told if isinstance(source, str)]
    for source in (*sources, folder.path / "frames" / domain):
        inside = source / public if (source / public).is_dir() else source
        if inside.is_dir() and (found := list_files(inside, IMAGE_SUFFIXES)):
            return found
    raise DataError(f"no pictures of domain {domain.upper()} are where the run found them")


def _options(folder: RunFolder) -> dict[str, Any]:
    try:
        options = json.loads((folder.path / "options.json").read_text())
    except (OSError, ValueError):
        return {}
    return options if isinstance(options, dict) else {}
