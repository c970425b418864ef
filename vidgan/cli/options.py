"""Options that belong together, each family one decorator; and kinds of values that recur."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
COUNT = click.IntRange(min=1)
DIRECTION = click.Choice(["a2b", "b2a"])
DEVICE = click.Choice(["auto", "cpu", "cuda"])


def family(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """One decorator for several options, which help shows in this order."""

    def apply(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


model_options = family(
    click.option("--pair", metavar="NAME", help="A model by name; `vidgan models` lists them."),
    click.option(
        "--weights", type=FILE, metavar="FILE|RUN", help="A generator's weights, or a run."
    ),
    click.option(
        "--direction",
        type=DIRECTION,
        help="Which generator of a run.  [default: a2b]",
    ),
)
"""Which generator."""

machine_options = family(
    click.option(
        "--workers",
        type=COUNT,
        metavar="N",
        help="Ray actors.  [default: one for each GPU; without any, as few as fill all cores]",
    ),
    click.option(
        "--device",
        type=DEVICE,
        default="auto",
        show_default=True,
        help="Where generators run.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        default="auto",
        show_default=True,
        help="What generators compute in.",
    ),
    click.option(
        "--address",
        metavar="RAY",
        help="A Ray cluster's HOST:PORT.  [default: RAY_ADDRESS, else this machine alone]",
    ),
)
"""What to run on."""

encoder_options = family(
    click.option(
        "--codec", metavar="NAME", help="Encoder of films.  [default: by the output's ending]"
    ),
    click.option("--crf", type=int, metavar="N", help="Quality; lower is better and larger."),
    click.option("--preset", metavar="NAME", help="The encoder's speed."),
)
"""How films are compressed."""
