"""`vidgan doctor`."""

import json
from pathlib import Path

import click

from vidgan.cli.errors import one_line_errors
from vidgan.cli.options import FILE


@click.command()
@click.argument("run", type=FILE, metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(run: Path, *, as_json: bool) -> None:
    """Say what is wrong with a training, finished or running, why, and what to change."""
    with one_line_errors():
        from vidgan.doctor import diagnose  # noqa: PLC0415 - brings in torch

        found = diagnose(run)
        click.echo(json.dumps(found.to_json()) if as_json else "\n".join(found.lines()))
