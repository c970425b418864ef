"""`vidgan distill`, and its options by family."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vidgan.cli.errors import one_line_errors
from vidgan.cli.options import COUNT, DIRECTION, FILE, family
from vidgan.cli.train import discriminator_options, process_options, stability_options

lesson_options = family(
    click.option("--teacher", metavar="NAME|RUN|FILE", help="The generator to learn from."),
    click.option(
        "--direction", type=DIRECTION, help="Which generator of a run teaches.  [default: a2b]"
    ),
    click.option(
        "--data",
        type=FILE,
        metavar="SRC",
        help="Pictures or films that the teacher translates: a folder or a film.",
    ),
    click.option(
        "--targets",
        type=FILE,
        metavar="SRC",
        help="Real pictures or films of the domain that it translates to, for the student to "
        "surpass it.  [default: only what the teacher makes]",
    ),
    click.option(
        "--frames",
        type=COUNT,
        default=1000,
        show_default=True,
        metavar="N",
        help="Frames taken out of all films of a domain together.",
    ),
    click.option("--upscale", is_flag=True, help="Scale up pictures that are smaller than --crop."),
    click.option(
        "--images", type=COUNT, default=100_000, show_default=True, help="Images to train on."
    ),
    click.option(
        "--batch",
        type=COUNT,
        default=1,
        show_default=True,
        help="Images in one step of one worker.",
    ),
    click.option(
        "--load",
        type=COUNT,
        help="Short side to which images are scaled.  [default: as the teacher, or 1.12 of --crop]",
    ),
    click.option(
        "--crop",
        type=click.IntRange(min=4),
        help="Side of the square that is cut out of an image.  [default: by --load, else 256]",
    ),
    click.option(
        "--flip/--no-flip", default=True, show_default=True, help="Mirror half of the images."
    ),
)
"""Who teaches, and on what."""

student_options = family(
    click.option(
        "--filters",
        type=COUNT,
        default=16,
        help="Width of the student.  [default: that of --start-from, or 16]",
    ),
    click.option(
        "--blocks",
        type=COUNT,
        default=6,
        help="Residual blocks of the student.  [default: those of --start-from, or 6]",
    ),
    click.option(
        "--separable",
        is_flag=True,
        help="Have the student's convolutions be separable ones: up to 2.5 times as fast on CPUs.  "
        "[default: as --start-from]",
    ),
    click.option(
        "--norm-eps",
        type=float,
        metavar="X",
        help="What the student adds to each variance it divides by, as its weights are scaled (1 "
        "is much, unless --start-from was imported so).  [default: as --start-from, or as a fast "
        "teacher]",
    ),
    click.option(
        "--start-from",
        metavar="NAME|RUN|FILE",
        help="Begin with this generator.  [default: layers near the teacher's, or new ones]",
    ),
    discriminator_options,
    click.option(
        "--lr",
        type=float,
        default=2e-4,
        show_default=True,
        help="Learning rate of student and discriminator.",
    ),
    click.option(
        "--lambda-output",
        type=float,
        default=10.0,
        show_default=True,
        help="Weight of the difference from the teacher's picture.",
    ),
    click.option(
        "--lambda-feature",
        type=float,
        default=1.0,
        show_default=True,
        help="Weight of the difference from the teacher's features.",
    ),
    click.option(
        "--lambda-adversarial",
        type=float,
        default=1.0,
        show_default=True,
        help="Weight of the discriminator's word; 0 does without one.",
    ),
    stability_options,
    click.option(
        "--gan-mode",
        type=click.Choice(["lsgan", "vanilla", "hinge"]),
        default="lsgan",
        show_default=True,
        help="The adversarial loss.",
    ),
    click.option(
        "--flat-share",
        type=click.FloatRange(0, 1),
        default=0.5,
        show_default=True,
        help="Share of the images at full rate; then it falls to zero.",
    ),
    click.option(
        "--ema-decay",
        type=float,
        default=0.999,
        show_default=True,
        help="Of the average of the weights, which is what comes out.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        default="auto",
        show_default=True,
        help="What networks compute in; weights are fp32.",
    ),
)
"""What learns, and how."""


@click.command()
@click.option("--out", type=FILE, required=True, metavar="RUN", help="Folder to keep the run in.")
@lesson_options
@student_options
@process_options
@click.option(
    "--resume", is_flag=True, help="Go on from the run's last checkpoint, with its own options."
)
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def distill(
    context: click.Context,
    /,
    out: Path,
    *,
    resume: bool,
    dry_run: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a small generator to do what a big one does, one direction.

    RUN/a2b.safetensors (or b2a) is the student: `vidgan convert FILM --weights RUN`.
    """

    def go_on() -> str:
        kept = (out / "checkpoint.pt").exists()
        return f"`vidgan distill --out {out} --resume` goes on from here" if kept else ""

    with one_line_errors(go_on=go_on):
        from vidgan.training.students import train_student  # noqa: PLC0415 - brings in torch

        given = {
            name
            for name in options
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        }
        for line in train_student(
            out, options=options, given=given, resume=resume, dry_run=dry_run, quiet=quiet
        ):
            click.echo(line)
