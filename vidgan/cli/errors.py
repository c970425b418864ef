"""Named errors and interrupts as one line on standard error and an exit status."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from vidgan.cli.signals import stop_status
from vidgan.errors import SettingsError, VidganError, said_by_system
from vidgan.lines import one_line


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
        _fail(said_by_system(error), status=1)
    except KeyboardInterrupt:
        _fail("; ".join(filter(None, ("interrupted", go_on()))), status=stop_status())


def say_error(error: object) -> None:
    """One line on standard error."""
    click.echo(f"vidgan: {one_line(error)}", err=True)


def _fail(message: str, *, status: int) -> None:
    say_error(message)
    sys.exit(status)
