"""`vidgan eval`."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vidgan.cli.errors import one_line_errors, say_error
from vidgan.cli.options import (
    DEVICE,
    DIRECTION,
    FILE,
    PLACE,
    family,
    part_options,
    rate_option,
    steady_option,
)
from vidgan.places import Place

judging_options = family(
    click.option(
        "--features",
        type=click.Choice(["auto", "alexnet", "efficientnet"]),
        default="auto",
        show_default=True,
        help="The network whose features are compared; auto is AlexNet where it is installed.",
    ),
    click.option(
        "--inception",
        type=FILE,
        metavar="FILE",
        help="Compare as published FIDs do; the file is pt_inception-2015-12-05-6726825d.pth.",
    ),
    click.option(
        "--all",
        "every_picture",
        is_flag=True,
        help="Use every picture, not only the held-out ones.",
    ),
)
"""What to judge pictures by."""

_OF_PICTURES = ("a", "b", "features", "inception", "every_picture")
_OF_FILMS = ("start", "end", "every", "rate", "raft", "steady")


@click.command("eval")
@click.argument("sources", nargs=-1, required=True, metavar="RUN|NAME|FILE|OUT...")
@click.option("--a", "a", type=FILE, help="Folder of images of domain A.")
@click.option("--b", "b", type=FILE, help="Folder of images of domain B.")
@click.option(
    "--film",
    "films",
    type=PLACE,
    multiple=True,
    metavar="IN",
    help="Judge a film instead: OUT, or what a model makes of IN. May be given several times.",
)
@click.option(
    "--direction",
    type=DIRECTION,
    help="What is translated into what.  [default: both ways for a run, else a2b]",
)
@click.option(
    "--size",
    type=click.IntRange(min=0),
    metavar="N",
    help="Short side at which the generator sees a picture; 0 is native.  [default: the model's]",
)
@steady_option
@judging_options
@part_options
@rate_option
@click.option(
    "--raft",
    type=FILE,
    metavar="FILE",
    help="Find the motion of films by RAFT, with these weights of torchvision's.  [default: DIS]",
)
@click.option("--device", type=DEVICE, default="auto", show_default=True, help="Where to compute.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def evaluate(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    *,
    films: tuple[Place, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Judge a model by pictures of both domains, or translated films by their steadiness.

    \b
    vidgan eval MODEL --a DIR --b DIR    how near MODEL brings one domain to the other: KID and
                                         FID before and after, the share of the gap between the
                                         domains that is closed, and how far outputs are from
                                         their inputs (LPIPS, edges)
    vidgan eval --film IN OUT            whether OUT is as steady as IN: warping error beside
                                         the input's own, and flicker of its brightness
    vidgan eval MODEL --film IN          the same of what MODEL makes of IN

    MODEL is a run's folder, a model's name or a generator's file.
    """
    _refuse(context, _OF_PICTURES if films else _OF_FILMS, films=bool(films))
    if films:
        _judge_films(films, sources, as_json=as_json, **_without(options, _OF_PICTURES))
    else:
        _judge_pictures(sources, as_json=as_json, **_without(options, _OF_FILMS))


def _judge_pictures(
    sources: tuple[str, ...], *, a: Path | None, b: Path | None, as_json: bool, **options: Any
) -> None:
    if len(sources) > 1:
        raise click.UsageError(f"one model at a time, not {', '.join(sources)}")
    if a is None or b is None:
        raise click.UsageError(
            "give pictures of both domains with --a DIR and --b DIR, or a film with --film IN"
        )
    with one_line_errors():
        from vidgan import evaluation  # noqa: PLC0415 - brings in torch

        done = evaluation.evaluate(sources[0], a, b, evaluation.EvaluationOptions(**options))
        click.echo(json.dumps(done.to_json()) if as_json else "\n".join(done.lines()))


def _judge_films(
    films: tuple[Place, ...], sources: tuple[str, ...], *, as_json: bool, **options: Any
) -> None:
    with one_line_errors():
        from vidgan import film_evaluation  # noqa: PLC0415 - brings in torch

        done = film_evaluation.evaluate_films(
            films, sources, film_evaluation.FilmOptions(**options)
        )
        for failure in done.failures:
            say_error(failure)
        if done.scores:
            click.echo(json.dumps(done.to_json()) if as_json else "\n".join(done.lines()))
    if done.failures:
        sys.exit(1)


def _refuse(context: click.Context, names: tuple[str, ...], *, films: bool) -> None:
    """Options that were given, and have no meaning for what is judged."""
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and given is not ParameterSource.DEFAULT:
            what = "pictures, not for films" if films else "films: add --film IN"
            raise click.UsageError(f"{parameter.opts[0]} is for {what}")


def _without(options: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """`part` is what `part_options` makes of three of them."""
    left_out = {*names, *(("part",) if "start" in names else ())}
    return {name: value for name, value in options.items() if name not in left_out}
