"""`vidgan eval --film`: whether translated films are as steady as the films they were made from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, repeat
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cyclegan.checkpoint import WeightsError
from cyclegan.direction import Direction
from cyclegan.flow import LEAST_SIDE, Flow, FlowError, open_flow
from cyclegan.stability import FilmJudge, judged_size
from cyclegan.steady import links
from cyclegan.translator import Translator
from vidgan.errors import InputError, ModelError, SettingsError, VidganError
from vidgan.film_match import Match, match_frames, match_itself
from vidgan.film_scores import FilmEvaluation, FilmScore
from vidgan.inputs import Failure
from vidgan.judged import Judged, choose_generators, chosen_device, means_model
from vidgan.media.frames import read_frames
from vidgan.media.part import WHOLE, Part
from vidgan.media.probe import probe
from vidgan.media.types import Film, Levels
from vidgan.numbered import is_pattern
from vidgan.places import Place, as_place
from vidgan.stages import prefetch
from vidgan.wiped import WipeWatch

_AHEAD = 4
"""Frames that are decoded, or translated, while others are compared."""

Moment = tuple[int, Levels, Levels]
"""A frame's number in its film, the frame, and its translation: (H, W, 3), upright."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmOptions:
    """What `vidgan eval --film` can be told; None leaves a choice to the model."""

    direction: Direction | None = None
    size: int | None = None
    steady: float | None = None
    part: Part = WHOLE
    """Of the films; of their translations all is judged."""
    rate: Fraction | None = None
    """Of numbered pictures, a second."""
    raft: Path | None = None
    """Weights of RAFT, by which motion is found then."""
    device: str = "auto"
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """A film, and what was made of it or what is to translate it."""

    film: Place
    made: Place | None = None
    translator: Translator | None = None


def evaluate_films(
    films: Sequence[Place], others: Sequence[str], options: FilmOptions
) -> FilmEvaluation:
    """Judge translations of films: `others` are those, one for each film, or one model.

    A model translates the films here and now, as a conversion would, but in fp32 and without the
    losses of an encoder. A film that cannot be judged does not keep others from it.

    Raises:
        SettingsError: neither, or an option that is out of range or has no meaning here.
        ModelError: weights cannot be used, or no optical flow is installed.
    """
    tasks, chosen = _tasks(films, others, options)
    flow = _flow(options)
    scores: list[FilmScore] = []
    failures: list[Failure] = []
    for task in tasks:
        try:
            scores.append(_evaluate(task, flow, options))
        except VidganError as error:
            failures.append(Failure(source=task.film, output=task.made, error=error))
    return FilmEvaluation(
        model=chosen.label if chosen else None,
        size=chosen.size if chosen else None,
        steady=chosen.steady if chosen else None,
        flow=flow.name,
        scores=tuple(scores),
        failures=tuple(failures),
    )


def _tasks(
    films: Sequence[Place], others: Sequence[str], options: FilmOptions
) -> tuple[list[_Task], Judged | None]:
    """What to judge, and the model where it is one's work."""
    if len(others) == 1 and means_model(others[0]):
        chosen = choose_generators(
            others[0],
            direction=options.direction or "a2b",
            size=options.size,
            steady=options.steady,
        )
        (generator,) = chosen.generators.values()
        translator = Translator(
            generator,
            device=chosen_device(options.device),
            precision="fp32",
            size=chosen.size,
            steady=chosen.steady,
        )
        return [_Task(film=film, translator=translator) for film in films], chosen
    if len(others) != len(films):
        raise SettingsError(
            f"{len(films)} films with --film and {len(others)} translations: give each its own, "
            "as in --film IN OUT --film IN OUT; or one model"
        )
    if (options.direction, options.size, options.steady) != (None, None, None):
        raise SettingsError(
            "--direction, --size and --steady are for a model: vidgan eval MODEL --film IN"
        )
    pairs = zip(films, others, strict=True)
    return [_Task(film=film, made=as_place(made)) for film, made in pairs], None


def _flow(options: FilmOptions) -> Flow:
    try:
        return open_flow(options.raft, device=chosen_device(options.device))
    except (FlowError, WeightsError) as exc:
        raise ModelError(str(exc)) from exc


def _evaluate(task: _Task, flow: Flow, options: FilmOptions) -> FilmScore:
    film = _probe(task.film, options)
    size = _upright_size(film)
    if min(judged_size(*size)) < LEAST_SIDE:
        raise InputError(
            f"{task.film} is {size[0]}x{size[1]}: too small to see motion in; give a film of "
            f"{LEAST_SIDE} pixels or more each way"
        )
    if task.made is not None:
        made = _probe(task.made, options)
        _check_sizes(film, made)
        match = match_frames(film, made, options.part)
        moments = _both(film, made, match)
    else:
        assert task.translator is not None
        match = match_itself(film, options.part)
        moments = _translated(film, match, task.translator)
    judge = FilmJudge(flow)
    with prefetch(moments, depth=_AHEAD) as ahead:
        frames = _watch(ahead, judge, match, task, options)
    try:
        stability = judge.score()
    except ValueError as exc:
        raise InputError(f"{task.film}: {exc}; give a longer part of it") from exc
    return FilmScore(
        film=task.film,
        made=task.made,
        width=size[0],
        height=size[1],
        frames=frames,
        missing=len(match.seconds) - frames,
        stability=stability,
    )


def _watch(
    moments: Iterable[Moment], judge: FilmJudge, match: Match, task: _Task, options: FilmOptions
) -> int:
    """Show the judge all frames; gives how many there were."""
    watch = None if task.made is None else WipeWatch()
    frames, last = 0, -1
    with tqdm(total=len(match.before), unit="frame", disable=options.quiet) as bar:
        for number, before, after in moments:
            if watch is not None:
                watch.see(before, after)
                if watch.is_settled and watch.is_wiped:
                    break
            judge.see(match.seconds[number], before, after, follows=number == last + 1)
            frames, last = frames + 1, number
            bar.update()
    if watch is not None and watch.is_wiped:
        raise InputError(
            f"{task.made}: its left half is that of {task.film}, as --compare wipe makes it; "
            "convert without --compare"
        )
    return frames


def _probe(place: Place, options: FilmOptions) -> Film:
    return probe(place, rate=options.rate if is_pattern(place) else None)


def _upright_size(film: Film) -> tuple[int, int]:
    """Width and height as it is seen."""
    width, height = film.video.width, film.video.height
    return (height, width) if film.video.rotation % 180 else (width, height)


def _check_sizes(film: Film, made: Film) -> None:
    (width, height), size = _upright_size(film), _upright_size(made)
    if size == (width, height):
        return
    is_both = size in ((2 * width, height), (width, 2 * height))
    remedy = (
        "it shows both films, as --compare makes it; convert without --compare"
        if is_both
        else "give the film that was made from it, at its size"
    )
    raise InputError(
        f"{made.path} is {size[0]}x{size[1]} and {film.path} {width}x{height}: {remedy}"
    )


def _both(film: Film, made: Film, match: Match) -> Iterator[Moment]:
    """Frames that are in both, and can be decoded in both."""
    waiting: dict[int, Levels] = {}
    translations = read_frames(made, match.after)
    for pts, before in read_frames(film, match.before):
        number = match.before[pts]
        for there, after in translations:
            waiting[match.after[there]] = after
            if match.after[there] >= number:
                break
        if number in waiting:
            yield number, before, waiting[number]
        waiting = {later: frame for later, frame in waiting.items() if later > number}


def _translated(film: Film, match: Match, translator: Translator) -> Iterator[Moment]:
    frames = read_frames(film, match.before)
    row = links() if translator.steady else repeat(None)
    while batch := list(islice(frames, translator.batch)):
        pictures = np.stack([picture for _, picture in batch])
        for (pts, before), after in zip(batch, translator(pictures, link=next(row)), strict=True):
            yield match.before[pts], before, after
