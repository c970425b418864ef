"""All commands under one name, `vidgan`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from vidgan import __version__
from vidgan.cli.convert import convert
from vidgan.cli.distill import distill
from vidgan.cli.doctor import doctor
from vidgan.cli.errors import say_error
from vidgan.cli.evaluate import evaluate
from vidgan.cli.models import models
from vidgan.cli.probe import probe
from vidgan.cli.submit import submit
from vidgan.cli.train import train


class _OneLineUsage(click.Group):
    """Says what is wrong with a command line in one line, as all other errors are said."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click's."""
        with _usage_in_one_line():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's; a command's own options are parsed in here."""
        with _usage_in_one_line():
            return super().invoke(ctx)


@contextmanager
def _usage_in_one_line() -> Iterator[None]:
    try:
        yield
    except NoArgsIsHelpError:  # the name alone: its help is shown
        raise
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "vidgan"
        said = error.format_message().rstrip(".")
        say_error(f"{said}; `{command} --help` says what can be given")
        sys.exit(2)


@click.group(cls=_OneLineUsage, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidgan")
def cli() -> None:
    """Translate films and photographs from one domain to another."""


for command in (convert, distill, doctor, evaluate, models, probe, submit, train):
    cli.add_command(command)
