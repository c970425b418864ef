"""The command line: each command parses, makes one library call, and shows what came of it.

Exit status: 0 all done; 1 something failed; 2 wrong usage; 130 interrupted; 143 terminated.
"""

import sys

from vidgan.cli.signals import hear_signals, stop_status


def main() -> None:
    """Run the command line; an interrupt is an exit status, not a traceback, from here on."""
    try:
        hear_signals()
        from vidgan.cli.commands import cli  # noqa: PLC0415 - takes most of the time of --help

        cli(prog_name="vidgan")
    except KeyboardInterrupt:  # before any command has begun
        print("vidgan: interrupted", file=sys.stderr)
        sys.exit(stop_status())
