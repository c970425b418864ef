"""`vidgan convert`."""

import json
import sys
from typing import Any

import click

from vidgan.cli.errors import one_line_errors, say_error
from vidgan.cli.options import (
    COUNT,
    PLACE,
    cluster_options,
    encoder_options,
    machine_options,
    model_options,
    part_options,
    picture_options,
    rate_option,
    steady_option,
    stream_options,
)
from vidgan.lines import one_line
from vidgan.places import Place


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=PLACE, metavar="INPUT...")
@click.option("-o", "--output", type=PLACE, help="A file for one input, else a folder.")
@model_options
@machine_options
@cluster_options
@click.option(
    "--size",
    type=click.IntRange(min=0),
    metavar="N",
    help="Short side at which the generator sees a frame; 0 is native.  [default: the model's]",
)
@steady_option
@part_options
@picture_options
@encoder_options
@rate_option
@stream_options
@click.option(
    "--chunk-frames",
    type=COUNT,
    metavar="N",
    help="Frames in one piece of work.  [default: about 250, by the film's keyframes]",
)
@click.option(
    "--preview",
    is_flag=True,
    help="Only a picture of ten frames of each film, before and after; in seconds, without Ray.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--no-resume", is_flag=True, help="Do not use what an earlier try has finished.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object when done.")
@click.option("--quiet", is_flag=True, help="No progress bar, no summary.")
def convert(
    inputs: tuple[Place, ...],
    output: Place | None,
    *,
    preview: bool,
    no_resume: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Translate films, photographs, or folders of them; each a path or a URL.

    Without -o, clip.mp4 becomes clip.NAME.mp4 beside it.
    """
    if preview:
        _preview(inputs, output, as_json=as_json, quiet=quiet, **options)
        return
    with one_line_errors(go_on=lambda: "run the same command again to go on from here"):
        from vidgan.bar import shown_progress  # noqa: PLC0415
        from vidgan.conversion import convert_all  # noqa: PLC0415 - brings in Ray
        from vidgan.options import Options  # noqa: PLC0415

        report = convert_all(
            inputs,
            output,
            Options(resume=not no_resume, **options),
            shown_progress(quiet=quiet),
        )
        for warning in report.warnings:
            click.echo(f"warning: {one_line(warning)}", err=True)
        for failure in report.failures:
            say_error(failure)
        if as_json:
            click.echo(json.dumps(report.to_json()))
        elif not quiet:
            for line in report.lines():
                click.echo(line, err=True)
    if report.failures:
        sys.exit(1)


def _preview(
    inputs: tuple[Place, ...], output: Place | None, *, as_json: bool, quiet: bool, **options: Any
) -> None:
    with one_line_errors():
        from vidgan.options import Options  # noqa: PLC0415
        from vidgan.preview import preview  # noqa: PLC0415 - brings in torch

        made = preview(inputs, output, Options(**options))
        for warning in made.warnings:
            click.echo(f"warning: {one_line(warning)}", err=True)
        for failure in made.failures:
            say_error(failure)
        if as_json:
            click.echo(json.dumps({"sheets": [str(sheet) for sheet in made.sheets]}))
        elif not quiet:
            for sheet in made.sheets:
                click.echo(f"wrote {one_line(sheet)}", err=True)
    if made.failures:
        sys.exit(1)
