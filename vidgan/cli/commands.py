"""All commands under one name, `vidgan`."""

import click

from vidgan import __version__
from vidgan.cli.convert import convert
from vidgan.cli.distill import distill
from vidgan.cli.evaluate import evaluate
from vidgan.cli.models import models
from vidgan.cli.probe import probe
from vidgan.cli.train import train


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidgan")
def cli() -> None:
    """Translate films and photographs from one domain to another."""


for command in (convert, distill, evaluate, models, probe, train):
    cli.add_command(command)
