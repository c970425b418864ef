"""`vidgan probe`."""

import json
from fractions import Fraction

import click

from vidgan.cli.errors import one_line_errors
from vidgan.cli.options import PLACE, rate_option
from vidgan.inputs import is_photograph
from vidgan.places import Place


@click.command()
@click.argument("source", type=PLACE, metavar="INPUT")
@rate_option
@click.option("--full", is_flag=True, help="Read the film to its end, however long that takes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def probe(source: Place, *, rate: Fraction | None, full: bool, as_json: bool) -> None:
    """Say what is in a film or photograph, and what a conversion would do with it."""
    with one_line_errors():
        if is_photograph(source):
            _probe_photograph(source, as_json=as_json)
        else:
            _probe_film(source, rate, full=full, as_json=as_json)


def _probe_film(source: Place, rate: Fraction | None, *, full: bool, as_json: bool) -> None:
    from vidgan.description import (  # noqa: PLC0415 - brings in av
        describe,
        film_to_json,
        film_to_lines,
    )
    from vidgan.media.probe import probe as probe_film  # noqa: PLC0415

    found = describe(probe_film(source, rate=rate), full=full)
    if as_json:
        click.echo(json.dumps(film_to_json(found)))
    else:
        click.echo("\n".join(film_to_lines(found)))


def _probe_photograph(source: Place, *, as_json: bool) -> None:
    from vidgan.description import photograph_to_json, photograph_to_lines  # noqa: PLC0415

    if as_json:
        click.echo(json.dumps(photograph_to_json(source)))
    else:
        click.echo("\n".join(photograph_to_lines(source)))
