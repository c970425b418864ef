"""`vidgan models` and its subcommands."""

import json
from pathlib import Path
from typing import Any

import click

from vidgan.cli.errors import one_line_errors
from vidgan.cli.options import DIRECTION, FILE


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, show, import, export and fetch models."""
    if context.invoked_subcommand is None:
        context.invoke(models_list)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def models_list(*, as_json: bool) -> None:
    """All models by name."""
    with one_line_errors():
        from vidgan.models import list_models  # noqa: PLC0415

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
    """A model's card: data, training, commands, figures, pictures, limits."""
    with one_line_errors():
        from vidgan.models import find_model  # noqa: PLC0415

        for key, value in find_model(name).to_json().items():
            for line in _lines(key, value):
                click.echo(line)


def _lines(fact: str, value: object) -> list[str]:
    """A fact of a card as shown: of lists a line each, but names of held-out pictures on one."""
    if not isinstance(value, list | tuple):
        return [f"{fact}: {value}"]
    if fact.startswith("held_out"):
        return [f"{fact}: {len(value)}: {', '.join(value)}" if value else f"{fact}:"]
    return [f"{fact}:", *(f"  {line}" for line in value)]


@models.command("import")
@click.argument("sources", type=FILE, nargs=-1, required=True, metavar="FILE|RUN...")
@click.option("--name", required=True, help="What --pair will call it.")
@click.option(
    "--direction",
    type=DIRECTION,
    default="a2b",
    show_default=True,
    help="Which generator of a run.",
)
@click.option("--size", type=click.IntRange(min=0), help="Short side at which it sees frames.")
@click.option(
    "--steady",
    type=float,
    metavar="X",
    help="How much frames lean on those before, unless convert is told otherwise.  [default: 0]",
)
@click.option(
    "--norm-eps",
    type=float,
    metavar="X",
    help="Have a fast generator divide by more than a picture's own variances: by X of those usual "
    "in --data, seen at --size, besides. 1 keeps plain pictures plain.",
)
@click.option(
    "--data", type=FILE, metavar="DIR", help="A folder of pictures such as it translates."
)
@click.option(
    "--change",
    type=float,
    default=1.0,
    show_default=True,
    metavar="X",
    help="Have a fast generator make X of its change: films are calmer with less.",
)
@click.option("--half", is_flag=True, help="Keep weights in fp16: half the size.")
@click.option("--overwrite", is_flag=True, help="Replace a model of this name.")
def models_import(sources: tuple[Path, ...], **options: Any) -> None:
    """Keep a generator under a name: any public CycleGAN .pth, our safetensors, or a run.

    Several, of one training or of those that began with one another, become their average, seen
    and steadied as the first is.
    """
    with one_line_errors():
        from vidgan.importing import import_model  # noqa: PLC0415

        first, *others = sources
        model = import_model(first, averaged_with=others, **options)
        click.echo(f"{model.card.name}: kept as {model.path}")


@models.command("export")
@click.argument("source", metavar="NAME|RUN|FILE")
@click.argument("target", type=FILE, metavar="TARGET")
@click.option(
    "--direction",
    type=DIRECTION,
    default="a2b",
    show_default=True,
    help="Which generator of a run.",
)
def models_export(source: str, target: Path, **options: Any) -> None:
    """Copy a generator to a file: .safetensors, .pth (public CycleGAN code), .onnx or .pt2.

    .onnx needs an extra: pip install 'vidgan[export]'. .pt2 is for torch.export.load. Both take
    any batch, height and width, and are compared with the generator before they are named.
    """
    with one_line_errors():
        from vidgan.export import export_model  # noqa: PLC0415 - brings in torch

        checked = export_model(source, target, **options)
        click.echo(f"{target}: written; {checked}")


@models.command("pull")
@click.argument("name")
@click.option("--from", "url", required=True, metavar="URL", help="An https:// or file:// address.")
def models_pull(name: str, url: str) -> None:
    """Download a generator, check it, and keep it under a name."""
    with one_line_errors():
        from vidgan.download import pull_model  # noqa: PLC0415

        model = pull_model(name, url)
        click.echo(f"{model.card.name}: kept as {model.path}")
