"""The command line: each command parses, makes one library call, and shows what came of it.

Exit status: 0 all done; 1 something failed; 2 wrong usage; 130 interrupted.
"""


def main() -> None:
    """Run the command line; an interrupt is an exit status, not a traceback."""
    from vidgan.cli.commands import cli  # noqa: PLC0415 - naming the package loads no click

    cli(prog_name="vidgan")
