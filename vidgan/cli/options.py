"""Options that belong together, each family one decorator; and kinds of values that recur."""

import functools
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from vidgan.cli.errors import one_line_errors
from vidgan.errors import VidganError
from vidgan.numbered import parse_rate
from vidgan.places import Place, as_place

F = TypeVar("F", bound=Callable[..., Any])


class PlaceType(click.ParamType[Place, Place]):
    """A path of this machine, or a URL."""

    name = "place"

    def convert(
        self, value: str | Place, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        """As click's."""
        try:
            return as_place(value)
        except VidganError as error:
            self.fail(str(error), param, ctx)


class RateType(click.ParamType[Fraction, Fraction]):
    """Pictures a second."""

    name = "rate"

    def convert(
        self, value: str | Fraction, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """As click's."""
        try:
            return parse_rate(str(value))
        except ValueError:
            self.fail(f"{value!r} is no rate: say 25, 23.976 or 24000/1001", param, ctx)


FILE = click.Path(path_type=Path)
PLACE = PlaceType()
"""A path or a URL."""
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


def _parse_resources(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[tuple[str, float], ...]:
    """NAME=AMOUNT, several times."""
    pairs = []
    for text in given:
        name, sign, amount = text.partition("=")
        try:
            pairs.append((name, float(amount) if sign else 1.0))
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not NAME=AMOUNT") from error
        if not name or name in ("CPU", "GPU"):
            raise click.BadParameter(f"{text!r}: CPUs and GPUs have options of their own")
    return tuple(pairs)


cluster_options = family(
    click.option(
        "--cpus-per-worker",
        type=float,
        metavar="N",
        help="What each takes of its machine.  [default: an even share]",
    ),
    click.option(
        "--gpus-per-worker",
        type=float,
        metavar="N",
        help="The same; 0.5 lets two workers share a GPU.",
    ),
    click.option(
        "--resource",
        "resources",
        multiple=True,
        metavar="NAME=N",
        callback=_parse_resources,
        help="The same, of a resource that the cluster has under this name.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=3,
        show_default=True,
        metavar="N",
        help="How often a part is tried again whose worker died.",
    ),
    click.option(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="How long a first free place on the cluster may take.  [default: 60]",
    ),
)
"""What workers take of a cluster, and what happens when they are lost."""


def _parse_color(
    context: click.Context, parameter: click.Parameter, given: str | None
) -> tuple[int, int, int] | None:
    """A name of CSS, or #rrggbb, as Pillow reads them."""
    if given is None:
        return None
    from PIL.ImageColor import getrgb  # noqa: PLC0415 - not for each command

    try:
        red, green, blue = getrgb(given)[:3]
    except ValueError as error:
        raise click.BadParameter(f"{given!r} is no colour: say black, white, #ff8800") from error
    return red, green, blue


_picture_options = family(
    click.option(
        "--compare",
        type=click.Choice(["side", "wipe", "stack"]),
        help="The original and the translation in one picture.",
    ),
    click.option(
        "--deinterlace",
        type=click.Choice(["auto", "on", "off"]),
        default="auto",
        show_default=True,
        help="Make whole pictures of fields: where there are any, everywhere, or not.",
    ),
    click.option(
        "--background",
        metavar="COLOR",
        callback=_parse_color,
        help="What shows through transparent pictures: a name, or #rrggbb. Without it they stay "
        "transparent where the output can hold that, and elsewhere lie over black.",
    ),
    click.option("--tonemap", is_flag=True, help="Make SDR of HDR, which is refused without it."),
)


_stream_options = family(
    click.option("--no-audio", is_flag=True, help="Leave all sound out."),
    click.option(
        "--map",
        "maps",
        multiple=True,
        metavar="KIND[:N]",
        help="Take only these streams beside the picture, such as audio:0 or subtitle; "
        "-KIND leaves some out.",
    ),
)


def stream_options(command: F) -> F:
    """Which streams go along with the picture: the command gets them as `streams`."""

    @functools.wraps(command)
    def run(*arguments: Any, no_audio: bool, maps: tuple[str, ...], **options: Any) -> Any:
        from vidgan.media.streams import Streams  # noqa: PLC0415 - brings in numpy

        try:
            streams = Streams.parse(maps, audio=not no_audio)
        except VidganError as error:
            raise click.UsageError(str(error)) from error
        return command(*arguments, streams=streams, **options)

    return cast("F", _stream_options(run))


steady_option = click.option(
    "--steady",
    type=float,
    metavar="X",
    help="How much frames lean on those before, along what moves, from 0 to less than 1: "
    "against flicker.  [default: the model's]",
)


rate_option = click.option(
    "--rate",
    type=RateType(),
    metavar="N",
    help="Pictures a second of what holds no times: numbered ones, such as frame_%04d.png, and "
    "bare streams.  [default: as the stream says, else 25]",
)


def picture_options(command: F) -> F:
    """What else is done to the pictures of films: the command gets it as `treatment`."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        from vidgan.media.types import Treatment  # noqa: PLC0415 - brings in numpy

        chosen = {field.name: options.pop(field.name) for field in fields(Treatment)}
        return command(*arguments, treatment=Treatment(**chosen), **options)

    return cast("F", _picture_options(run))


def _parse_time(
    context: click.Context, parameter: click.Parameter, given: str | None
) -> Fraction | None:
    from vidgan.media.part import parse_time  # noqa: PLC0415 - brings in numpy

    try:
        return None if given is None else parse_time(given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_part_options = family(
    click.option(
        "--start",
        metavar="TIME",
        callback=_parse_time,
        help="Begin with the frame shown then: seconds, or H:MM:SS.",
    ),
    click.option(
        "--end",
        metavar="TIME",
        callback=_parse_time,
        help="End before the frame shown then.",
    ),
    click.option(
        "--every",
        type=COUNT,
        default=1,
        metavar="N",
        help="Take every N-th frame alone, at its time.",
    ),
)


def part_options(command: F) -> F:
    """Which frames of films: the command gets it as `part`."""

    @functools.wraps(command)
    def run(*arguments: Any, start: Any, end: Any, every: int, **options: Any) -> Any:
        with one_line_errors():
            from vidgan.media.part import Part  # noqa: PLC0415 - brings in numpy

            part = Part(start=start, end=end, every=every)
        return command(*arguments, part=part, **options)

    return cast("F", _part_options(run))


def _refuse_bitrate(context: click.Context, parameter: click.Parameter, given: str | None) -> None:
    """Asked for by habit: better a reason than "no such option"."""
    if given is not None:
        raise click.BadParameter(
            "parts of a film are compressed apart, and none knows what the others took; "
            "give --crf instead, lower for better and larger"
        )


encoder_options = family(
    click.option(
        "--codec", metavar="NAME", help="Encoder of films.  [default: by the output's ending]"
    ),
    click.option("--crf", type=int, metavar="N", help="Quality; lower is better and larger."),
    click.option("--preset", metavar="NAME", help="The encoder's speed."),
    click.option(
        "--bitrate",
        callback=_refuse_bitrate,
        expose_value=False,
        hidden=True,
        help="Refused: no part of a film knows what the others take.",
    ),
)
"""How films are compressed."""
