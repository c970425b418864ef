"""`vidgan submit`."""

import os
import re
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidgan.cli.errors import one_line_errors, say_error
from vidgan.cli.options import FILE
from vidgan.errors import VidganError

if TYPE_CHECKING:
    from cluster.jobs import Job, JobService

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_POLL_SECONDS = 0.5
_STOP_SECONDS = 60.0
"""How long a job may take to stop: twice what it is given before it is killed."""
_STOPPED = 143
"""The exit status of a job that was stopped: as after SIGTERM, which is what it got."""
_NOT_FOUND = 127
"""What a shell exits with that cannot find a program."""


def _check_name(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """Names become part of addresses and of file names on the cluster."""
    if name is not None and not _NAME.fullmatch(name):
        raise click.BadParameter(
            f"{name!r}: letters, digits, dots, dashes and underlines, 100 at most"
        )
    return name


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--] COMMAND...")
@click.option(
    "--address",
    metavar="URL",
    help="The dashboard of a Ray cluster.  [default: RAY_API_SERVER_ADDRESS, RAY_ADDRESS, "
    "http://127.0.0.1:8265]",
)
@click.option(
    "--id",
    "name",
    metavar="NAME",
    callback=_check_name,
    help="What to call the job; without a command, the job that is meant.  [default: made up]",
)
@click.option("--follow", is_flag=True, help="Show what it writes, and exit as it does.")
@click.option("--status", "look", is_flag=True, help="Say how the job --id stands.")
@click.option("--stop", is_flag=True, help="Stop the job --id, and wait until it has.")
@click.option(
    "--working-dir",
    type=FILE,
    metavar="DIR",
    help="A folder to send along, 100 MiB at most: the command runs in a copy, which is deleted "
    "some time later.  [default: this folder, where the head node has it]",
)
@click.pass_context
def submit(
    context: click.Context,
    words: tuple[str, ...],
    *,
    address: str | None,
    name: str | None,
    follow: bool,
    look: bool,
    stop: bool,
    working_dir: Path | None,
) -> None:
    """Run a command of vidgan's as a job of a Ray cluster.

    The job runs on the cluster's head node, and goes on without this machine: paths are the head
    node's. `vidgan submit --follow -- convert film.mp4 --pair day2night` shows what it writes
    and ends as it ends. About a job that is there: `--id NAME` with one of --follow, --status
    and --stop. A job that was stopped goes on where it was when its command is submitted again.
    """
    if words:
        if look or stop:
            raise click.UsageError("--status and --stop are about a job: give no command")
        _check_command(context, words)
    elif name is None:
        raise click.UsageError("give a command after --, or a job by --id")
    elif [follow, look, stop].count(True) != 1:
        raise click.UsageError("without a command, give one of --follow, --status and --stop")
    with one_line_errors():
        from cluster.errors import ClusterError  # noqa: PLC0415
        from cluster.jobs import JobService  # noqa: PLC0415 - brings in Ray

        try:
            service = JobService(address)
            named = ["--address", service.address] if address else []  # without its password
            again = shlex.join(["vidgan", "submit", *named])
            if words:
                name = _hand_in(service, words, name, working_dir, again)
            assert name is not None
            if stop:
                _stop(service, name)
            elif look:
                job = service.look(name)
                click.echo(f"{name}: {_describe(job)}")
            elif follow:
                sys.exit(_follow(service, name, again))
        except ClusterError as error:
            raise VidganError(str(error)) from error


def _check_command(context: click.Context, words: tuple[str, ...]) -> None:
    """A command that vidgan does not have, or not so, is refused here rather than by its job."""
    commands = context.find_root().command
    assert isinstance(commands, click.Group)
    with commands.make_context("vidgan", list(words)) as parsed:
        name, command, rest = commands.resolve_command(parsed, list(words))
        if command is None or command is context.command:
            raise click.UsageError("a job cannot submit jobs")
        command.make_context(name, rest, parent=parsed).close()


def _hand_in(
    service: "JobService",
    words: tuple[str, ...],
    name: str | None,
    working_dir: Path | None,
    again: str,
) -> str:
    """The job's name alone goes to standard output, where a script finds it."""
    if working_dir is not None and not working_dir.is_dir():
        raise VidganError(f"{working_dir}: no such folder to send along")
    name = service.submit(
        ("vidgan", *words), name=name, folder=Path(os.getcwd()), upload=working_dir
    )
    click.echo(name)
    click.echo(
        f"to follow, ask or stop: {again} --id {name} --follow | --status | --stop", err=True
    )
    return name


def _follow(service: "JobService", name: str, again: str) -> int:
    """Show a job's log; returns its exit status."""
    try:
        for text in service.follow(name):
            click.echo(text, nl=False)
    except KeyboardInterrupt:
        say_error(
            f"no longer following {name}, which goes on; to follow again or to stop it: "
            f"{again} --id {name} --follow | --stop"
        )
        raise
    job = service.look(name)
    if job.status != "succeeded":
        say_error(f"{name}: {_describe(job)}")
    return _exit_status(job)


def _stop(service: "JobService", name: str) -> None:
    was = service.look(name)
    if was.ended:
        click.echo(f"{name}: had ended before: {_describe(was)}")
        return
    service.stop(name)
    job = _wait_until_ended(service, name)
    click.echo(f"{name}: {_describe(job)}")


def _wait_until_ended(service: "JobService", name: str) -> "Job":
    """A service that does not answer once may do so the next time."""
    from cluster.errors import ClusterError  # noqa: PLC0415

    deadline = time.monotonic() + _STOP_SECONDS
    while True:
        reason = "it is still running"
        try:
            if (job := service.look(name)).ended:
                return job
        except ClusterError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise VidganError(
                f"{name} was told to stop, but is not known to have ended after "
                f"{_STOP_SECONDS:.0f} s ({reason}); ask later by --status"
            )
        time.sleep(_POLL_SECONDS)


def _describe(job: "Job") -> str:
    match job.status:
        case "failed" if job.exit_status == _NOT_FOUND:
            return (
                "failed: the cluster's head node has no vidgan, neither beside the Python that "
                "runs Ray nor on its PATH; install it there"
            )
        case "failed" if job.exit_status is None:
            return f"failed before it began: {job.reason}"
        case "failed":
            return f"failed with exit status {job.exit_status}"
        case "stopped":
            return "stopped; submit the same command again to go on from here"
        case other:
            return other


def _exit_status(job: "Job") -> int:
    if job.status == "stopped":
        return _STOPPED
    return 1 if job.exit_status is None else job.exit_status
