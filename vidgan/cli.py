"""The command line: each command parses, makes one library call, and shows what came of it.

Exit status: 0 all done; 1 something failed; 2 wrong usage; 130 interrupted.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from vidgan import __version__
from vidgan.errors import SettingsError, VidganError

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
DIRECTION = click.Choice(["a2b", "b2a"])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidgan")
def cli() -> None:
    """Translate films and photographs from one domain to another."""


def main() -> None:
    """Run the command line; an interrupt is an exit status, not a traceback."""
    cli(prog_name="vidgan")


@contextmanager
def one_line_errors(*, go_on: Callable[[], str] = str) -> Iterator[None]:
    """Turn named errors into one line on standard error and the right exit status.

    `go_on` says, after an interrupt, how to go on.
    """
    try:
        yield
    except SettingsError as error:
        _fail(str(error), status=2)
    except VidganError as error:
        _fail(str(error), status=1)
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # of the system's, such as a name too long or too many open files
        where = f"{error.filename}: " if error.filename else ""
        _fail(
            f"{where}{error.strerror or error}; check names, permissions and the room on the disk",
            status=1,
        )
    except KeyboardInterrupt:
        _fail("; ".join(filter(None, ("interrupted", go_on()))), status=130)


def _fail(message: str, *, status: int) -> None:
    click.echo(f"vidgan: {' '.join(message.split())}", err=True)
    sys.exit(status)


def model_options(command: F) -> F:
    """Which generator."""
    options = [
        click.option("--pair", metavar="NAME", help="A model by name; `vidgan models` lists them."),
        click.option(
            "--weights", type=FILE, metavar="FILE|RUN", help="A generator's weights, or a run."
        ),
        click.option(
            "--direction",
            type=DIRECTION,
            help="Which generator of a run.  [default: a2b]",
        ),
    ]
    return _apply(command, options)


def machine_options(command: F) -> F:
    """What to run on."""
    options = [
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="Ray actors.  [default: one for each GPU; without any, as few as fill all cores]",
        ),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "cuda"]),
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
    ]
    return _apply(command, options)


def encoder_options(command: F) -> F:
    """How films are compressed."""
    options = [
        click.option(
            "--codec", metavar="NAME", help="Encoder of films.  [default: by the output's ending]"
        ),
        click.option("--crf", type=int, metavar="N", help="Quality; lower is better and larger."),
        click.option("--preset", metavar="NAME", help="The encoder's speed."),
    ]
    return _apply(command, options)


def _apply(command: F, options: Sequence[Callable[[F], F]]) -> F:
    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@click.argument("inputs", nargs=-1, required=True, type=FILE, metavar="INPUT...")
@click.option("-o", "--output", type=FILE, help="A file for one input, else a folder.")
@model_options
@machine_options
@click.option(
    "--size",
    type=click.IntRange(min=0),
    metavar="N",
    help="Short side at which the generator sees a frame; 0 is native.  [default: the model's]",
)
@encoder_options
@click.option(
    "--chunk-frames",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    metavar="N",
    help="Frames in one piece of work.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--no-resume", is_flag=True, help="Do not use what an earlier try has finished.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when done.")
@click.option("--quiet", is_flag=True, help="No progress bar, no summary.")
def convert(
    inputs: tuple[Path, ...],
    output: Path | None,
    *,
    no_resume: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Translate films, photographs, or folders of them.

    Without -o, clip.mp4 becomes clip.NAME.mp4 beside it.
    """
    with one_line_errors(go_on=lambda: "run the same command again to go on from here"):
        from vidgan.conversion import convert_all  # noqa: PLC0415 - brings in torch, Ray
        from vidgan.options import Options  # noqa: PLC0415
        from vidgan.progress import Bar, Silent  # noqa: PLC0415

        report = convert_all(
            inputs,
            output,
            Options(resume=not no_resume, **options),
            Silent() if quiet else Bar(),
        )
        for warning in report.warnings:
            click.echo(f"warning: {warning}", err=True)
        for failure in report.failures:
            click.echo(f"vidgan: {' '.join(str(failure).split())}", err=True)
        if as_json:
            click.echo(json.dumps(report.to_json()))
        elif not quiet:
            for line in report.lines():
                click.echo(line, err=True)
    if report.failures:
        sys.exit(1)


@cli.command()
@click.argument("source", type=FILE, metavar="INPUT")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def probe(source: Path, *, as_json: bool) -> None:
    """Say what is in a film, and what a conversion would do with it."""
    with one_line_errors():
        from vidgan.description import film_to_json, film_to_lines  # noqa: PLC0415 - brings in av
        from vidgan.media.probe import probe as probe_film  # noqa: PLC0415

        film = probe_film(source)
        if as_json:
            click.echo(json.dumps(film_to_json(film)))
        else:
            click.echo("\n".join(film_to_lines(film)))


@cli.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, show, import, export and fetch models."""
    if context.invoked_subcommand is None:
        context.invoke(models_list)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def models_list(*, as_json: bool) -> None:
    """All models by name."""
    from vidgan.models import list_models  # noqa: PLC0415

    with one_line_errors():
        found = list_models()
        if as_json:
            click.echo(json.dumps([model.to_json() for model in found]))
            return
        width = max((len(model.card.name) for model in found), default=0)
        for model in found:
            click.echo(f"{model.card.name:<{width}}  {model.card.summary}")


@models.command("show")
@click.argument("name")
def models_show(name: str) -> None:
    """A model's card: data, training, what it looks like, limits."""
    from vidgan.models import find_model  # noqa: PLC0415

    with one_line_errors():
        for key, value in find_model(name).to_json().items():
            click.echo(f"{key}: {value}")


@models.command("import")
@click.argument("source", type=FILE, metavar="FILE|RUN")
@click.option("--name", required=True, help="What --pair will call it.")
@click.option(
    "--direction",
    type=DIRECTION,
    default="a2b",
    show_default=True,
    help="Which generator of a run.",
)
@click.option("--size", type=click.IntRange(min=0), help="Short side at which it sees frames.")
@click.option("--overwrite", is_flag=True, help="Replace a model of this name.")
def models_import(source: Path, **options: Any) -> None:
    """Keep a generator under a name: any public CycleGAN .pth, our safetensors, or a run."""
    from vidgan.models import import_model  # noqa: PLC0415

    with one_line_errors():
        model = import_model(source, **options)
        click.echo(f"{model.card.name}: kept as {model.path}")


@models.command("export")
@click.argument("name")
@click.argument("target", type=FILE, metavar="FILE")
def models_export(name: str, target: Path) -> None:
    """Copy a model to a file: .safetensors, or .pth for the public CycleGAN code."""
    from vidgan.models import export_model  # noqa: PLC0415

    with one_line_errors():
        export_model(name, target)
        click.echo(f"{target}: written")


@models.command("pull")
@click.argument("name")
@click.option("--from", "url", required=True, metavar="URL", help="An https:// or file:// address.")
def models_pull(name: str, url: str) -> None:
    """Download a generator, check it, and keep it under a name."""
    from vidgan.download import pull_model  # noqa: PLC0415

    with one_line_errors():
        model = pull_model(name, url)
        click.echo(f"{model.card.name}: kept as {model.path}")


@cli.command()
@click.option("--a", "a", type=FILE, required=True, help="Folder of images of domain A.")
@click.option("--b", "b", type=FILE, required=True, help="Folder of images of domain B.")
@click.option("--out", type=FILE, required=True, metavar="RUN", help="Folder to keep the run in.")
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=200_000,
    show_default=True,
    help="Pairs of images to train on.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Pairs of images in one step.",
)
@click.option(
    "--load",
    type=click.IntRange(min=1),
    help="Short side to which images are scaled.  [default: 1.12 of --crop]",
)
@click.option(
    "--crop",
    type=click.IntRange(min=4),
    default=256,
    show_default=True,
    help="Side of the square that is cut out of an image.",
)
@click.option(
    "--generator",
    default="fast",
    show_default=True,
    metavar="NAME",
    help="Architecture: fast, resnet_6blocks, resnet_9blocks, unet_128, unet_256.",
)
@click.option(
    "--discriminator-filters",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Width of the discriminators.",
)
@click.option(
    "--lr-g",
    type=float,
    default=2e-4,
    show_default=True,
    help="The generators' learning rate.",
)
@click.option(
    "--lr-d",
    type=float,
    default=2e-4,
    show_default=True,
    help="The discriminators' learning rate.",
)
@click.option(
    "--lambda-cycle",
    type=float,
    default=10.0,
    show_default=True,
    help="Weight of the cycle loss; less of it allows bolder changes.",
)
@click.option(
    "--lambda-identity",
    type=float,
    default=0.5,
    show_default=True,
    help="Weight of the identity loss, as a share of --lambda-cycle.",
)
@click.option(
    "--gan-mode",
    type=click.Choice(["lsgan", "vanilla", "hinge"]),
    default="lsgan",
    show_default=True,
    help="The adversarial loss.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Same seed, same images, same weights.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Torch's threads.  [default: all cores]"
)
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def train(a: Path, b: Path, out: Path, **options: Any) -> None:
    """Train a pair of generators on two folders of images, in this process."""

    def go_on() -> str:
        kept = (out / "checkpoint.pt").exists()
        return "run the same command with --resume to go on from here" if kept else ""

    with one_line_errors(go_on=go_on):
        from vidgan.train import train_pair  # noqa: PLC0415 - brings in torch

        for line in train_pair(a, b, out, **options):
            click.echo(line)
