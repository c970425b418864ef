"""`vidgan train`, and its options by family."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vidgan.cli.errors import one_line_errors
from vidgan.cli.options import COUNT, DEVICE, FILE, family

data_options = family(
    click.option(
        "--a", "a", type=FILE, metavar="SRC", help="Pictures or films of domain A: folder or film."
    ),
    click.option("--b", "b", type=FILE, metavar="SRC", help="The same of domain B."),
    click.option(
        "--data", type=FILE, metavar="DIR", help="A folder with trainA and trainB, for both."
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
        help="Pairs of images in one step of one worker.",
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
    click.option(
        "--flip/--no-flip", default=True, show_default=True, help="Mirror half of the images."
    ),
)
"""What to train on."""

discriminator_options = family(
    click.option(
        "--discriminator",
        type=click.Choice(["patch", "projected", "both"]),
        default="patch",
        show_default=True,
        help="What judges: a PatchGAN, heads on EfficientNet's features (pip install "
        "'vidgan[metrics]'), or both.",
    ),
    click.option(
        "--discriminator-filters",
        type=COUNT,
        default=64,
        show_default=True,
        help="Width of the discriminators.",
    ),
)
"""What judges, in every training."""

network_options = family(
    click.option(
        "--generator",
        default="fast",
        metavar="NAME",
        help="Architecture: fast, fast_separable, resnet_6blocks, resnet_9blocks, unet_128, "
        "unet_256.  [default: that of --start-from, or fast]",
    ),
    click.option(
        "--generator-filters",
        type=COUNT,
        help="Width of the generators.  [default: the architecture's]",
    ),
    click.option(
        "--input-share",
        type=float,
        metavar="X",
        help="How much of its input a fast or fast_separable generator adds before its tanh: 0 "
        "draws pictures anew, 1 only changes them.  [default: the architecture's, 0.5]",
    ),
    click.option(
        "--norm-eps",
        type=float,
        metavar="X",
        help="What a fast or fast_separable generator adds to each variance it divides by, as its "
        "weights are scaled (1 is much, unless --start-from was imported so).  [default: that of "
        "--start-from, or 1e-5]",
    ),
    click.option(
        "--start-from",
        multiple=True,
        metavar="SRC",
        help="Begin with the networks of this run; or, given twice, with a generator from A to B "
        "and one from B to A, by name, run or file.  [default: new ones]",
    ),
    discriminator_options,
    click.option(
        "--discriminator-norm",
        type=click.Choice(["instance", "spectral"]),
        default="instance",
        show_default=True,
        help="What discriminators normalise: their pictures' features, or their own weights.",
    ),
    click.option(
        "--discriminator-layers",
        type=click.IntRange(1, 5),
        default=3,
        show_default=True,
        help="Depth of the discriminators: 2, 3, 4 judge patches of 34, 70, 142 pixels.",
    ),
    click.option(
        "--discriminator-scales",
        type=click.IntRange(1, 4),
        default=1,
        show_default=True,
        help="Discriminators of each domain, each on pictures of half the side.",
    ),
)
"""What is trained."""

stability_options = family(
    click.option(
        "--lambda-stability",
        type=float,
        default=0.0,
        show_default=True,
        help="Weight of what a small movement and noise change: less flicker; 0: costs nothing.",
    ),
    click.option(
        "--stability-noise",
        type=float,
        default=4.0,
        show_default=True,
        help="That noise's standard deviation, in levels of 255.",
    ),
)
"""How steady films are to be, of any training."""

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
    stability_options,
    click.option(
        "--lambda-perceptual",
        type=float,
        default=0.0,
        show_default=True,
        help="Weight of what EfficientNet no longer sees in a translation: keeps what is in a "
        "picture (pip install 'vidgan[metrics]'); 0: costs nothing.",
    ),
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
        "--pool",
        type=click.IntRange(min=0),
        default=50,
        show_default=True,
        help="Generated images that each worker keeps to show discriminators again; 0: none.",
    ),
    click.option(
        "--ema-decay",
        type=float,
        default=0.999,
        show_default=True,
        help="Of the average of the weights, which is what comes out.",
    ),
    click.option(
        "--guard",
        type=click.Choice(["warn", "act", "off"]),
        default="warn",
        show_default=True,
        help="What to do when the training fails: say so, or go back and change one thing.",
    ),
)
"""What is minimised, and how fast."""

speed_options = family(
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        default="auto",
        show_default=True,
        help="What networks compute in; weights are fp32.",
    ),
    click.option(
        "--channels-last/--no-channels-last",
        default=True,
        show_default=True,
        help="Memory layout of pictures and weights.",
    ),
    click.option(
        "--checkpointing",
        is_flag=True,
        help="Compute activations again instead of keeping them: less memory, more time.",
    ),
    click.option(
        "--compile", is_flag=True, help="Let torch.compile build the networks; takes a compiler."
    ),
)
"""How networks are computed."""

process_options = family(
    click.option(
        "--workers",
        type=COUNT,
        metavar="N",
        help="Processes that train together on Ray, one for each GPU.  "
        "[default: all GPUs, else this process]",
    ),
    click.option("--device", type=DEVICE, default="auto", show_default=True, help="What to use."),
    click.option(
        "--address",
        metavar="RAY",
        help="A Ray cluster's HOST:PORT.  [default: RAY_ADDRESS, else this machine alone]",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Same seed, same images, same weights.",
    ),
    click.option(
        "--threads", type=COUNT, help="Torch's threads without --workers.  [default: all cores]"
    ),
    click.option(
        "--checkpoint-minutes",
        type=click.FloatRange(min=0),
        default=5.0,
        show_default=True,
        help="How often the state is saved.",
    ),
    click.option(
        "--keep",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help="Keep the generators for good every N images; 0: only the last and the best.",
    ),
)
"""Who trains, and what is kept."""

sample_options = family(
    click.option(
        "--samples",
        type=click.IntRange(min=0),
        default=1000,
        show_default=True,
        metavar="N",
        help="Draw sample pictures every N images; 0: never.",
    ),
)
"""What is drawn."""


@click.command()
@click.option("--out", type=FILE, required=True, metavar="RUN", help="Folder to keep the run in.")
@data_options
@network_options
@loss_options
@speed_options
@process_options
@sample_options
@click.option(
    "--resume", is_flag=True, help="Go on from the run's last checkpoint, with its own options."
)
@click.option("--dry-run", is_flag=True, help="Print the resolved configuration and stop.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def train(
    context: click.Context,
    /,
    out: Path,
    *,
    resume: bool,
    dry_run: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a pair of generators on pictures of two domains."""

    def go_on() -> str:
        kept = (out / "checkpoint.pt").exists()
        return f"`vidgan train --out {out} --resume` goes on from here" if kept else ""

    with one_line_errors(go_on=go_on):
        from vidgan.training.start import train_pair  # noqa: PLC0415 - brings in torch

        given = {
            name
            for name in options
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT
        }
        for line in train_pair(
            out, options=options, given=given, resume=resume, dry_run=dry_run, quiet=quiet
        ):
            click.echo(line)
