"""`vidgan train`, and its options by family."""

from pathlib import Path
from typing import Any

import click

from vidgan.cli.errors import one_line_errors
from vidgan.cli.options import COUNT, DEVICE, FILE, family

data_options = family(
    click.option("--a", "a", type=FILE, required=True, help="Folder of images of domain A."),
    click.option("--b", "b", type=FILE, required=True, help="Folder of images of domain B."),
    click.option(
        "--out", type=FILE, required=True, metavar="RUN", help="Folder to keep the run in."
    ),
    click.option(
        "--images",
        type=COUNT,
        default=200_000,
        show_default=True,
        help="Pairs of images to train on.",
    ),
    click.option(
        "--batch",
        type=COUNT,
        default=1,
        show_default=True,
        help="Pairs of images in one step.",
    ),
    click.option(
        "--load",
        type=COUNT,
        help="Short side to which images are scaled.  [default: 1.12 of --crop]",
    ),
    click.option(
        "--crop",
        type=click.IntRange(min=4),
        default=256,
        show_default=True,
        help="Side of the square that is cut out of an image.",
    ),
)
"""What to train on, and where to keep what comes of it."""

network_options = family(
    click.option(
        "--generator",
        default="fast",
        show_default=True,
        metavar="NAME",
        help="Architecture: fast, resnet_6blocks, resnet_9blocks, unet_128, unet_256.",
    ),
    click.option(
        "--discriminator-filters",
        type=COUNT,
        default=64,
        show_default=True,
        help="Width of the discriminators.",
    ),
)
"""What is trained."""

loss_options = family(
    click.option(
        "--lr-g",
        type=float,
        default=2e-4,
        show_default=True,
        help="The generators' learning rate.",
    ),
    click.option(
        "--lr-d",
        type=float,
        default=2e-4,
        show_default=True,
        help="The discriminators' learning rate.",
    ),
    click.option(
        "--lambda-cycle",
        type=float,
        default=10.0,
        show_default=True,
        help="Weight of the cycle loss; less of it allows bolder changes.",
    ),
    click.option(
        "--lambda-identity",
        type=float,
        default=0.5,
        show_default=True,
        help="Weight of the identity loss, as a share of --lambda-cycle.",
    ),
    click.option(
        "--gan-mode",
        type=click.Choice(["lsgan", "vanilla", "hinge"]),
        default="lsgan",
        show_default=True,
        help="The adversarial loss.",
    ),
)
"""What is minimised, and how fast."""

process_options = family(
    click.option(
        "--device",
        type=DEVICE,
        default="auto",
        show_default=True,
        help="Where to train.",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Same seed, same images, same weights.",
    ),
    click.option("--threads", type=COUNT, help="Torch's threads.  [default: all cores]"),
    click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint."),
    click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop."),
    click.option("--quiet", is_flag=True, help="No progress bar."),
)
"""How this process goes about it."""


@click.command()
@data_options
@network_options
@loss_options
@process_options
def train(a: Path, b: Path, out: Path, **options: Any) -> None:
    """Train a pair of generators on two folders of images, in this process."""

    def go_on() -> str:
        kept = (out / "checkpoint.pt").exists()
        return "run the same command with --resume to go on from here" if kept else ""

    with one_line_errors(go_on=go_on):
        from vidgan.train import train_pair  # noqa: PLC0415 - brings in torch

        for line in train_pair(a, b, out, **options):
            click.echo(line)
