"""`vidgan eval`."""

import json
from pathlib import Path
from typing import Any

import click

from vidgan.cli.errors import one_line_errors
from vidgan.cli.options import DEVICE, DIRECTION, FILE, family

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
        "--all", "every", is_flag=True, help="Use every picture, not only the held-out ones."
    ),
)
"""What to judge by."""


@click.command("eval")
@click.argument("source", metavar="RUN|NAME|FILE")
@click.option("--a", "a", type=FILE, required=True, help="Folder of images of domain A.")
@click.option("--b", "b", type=FILE, required=True, help="Folder of images of domain B.")
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
@judging_options
@click.option("--device", type=DEVICE, default="auto", show_default=True, help="Where to compute.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def evaluate(source: str, a: Path, b: Path, *, as_json: bool, **options: Any) -> None:
    """Judge a run or a model: how near it brings one domain to the other, and what it keeps.

    Prints KID and FID before and after, the share of the gap between the domains that is closed,
    and how far outputs are from their inputs (LPIPS, edges).
    """
    with one_line_errors():
        from vidgan import evaluation  # noqa: PLC0415 - brings in torch

        done = evaluation.evaluate(source, a, b, evaluation.EvaluationOptions(**options))
        click.echo(json.dumps(done.to_json()) if as_json else "\n".join(done.lines()))
