"""A folder of results, kept for one conversion at a time; what a crash left in it is swept."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vidgan.errors import OutputError
from vidgan.inputs import Piece
from vidgan.ledger import Ledger, ledger_of
from vidgan.places import Place, Remote
from vidgan.report_file import NAME
from vidgan.transport import make_folder

_PART = re.compile(r"(.+)\.\d+\.part")
"""What `cyclegan.checkpoint.write_atomically` calls a file that is not whole yet."""


@contextmanager
def held_folder(folder: Place, pieces: Sequence[Piece]) -> Iterator[None]:
    """Keep other conversions out of a folder, which is made where it is not there.

    Two that wrote the same films would each fail some of the other's, and the report of one would
    be lost. Where nobody else is at work, what is half-written is left from a crash.

    Raises:
        OutputError: another conversion is writing into it, or it cannot be made.
        RemoteError: its server does not answer, or refuses.
    """
    make_results_folder(folder)
    with Ledger(ledger_of(folder / NAME)):
        if isinstance(folder, Path):
            _sweep([folder / NAME, *(p.output for p in pieces if isinstance(p.output, Path))])
        yield


def make_results_folder(folder: Place) -> None:
    """Make a folder for results, and those above it.

    Raises:
        OutputError: it cannot be made.
        RemoteError: its server does not answer, or refuses.
    """
    if isinstance(folder, Remote):
        make_folder(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror})") from error


def _sweep(outputs: Sequence[Path]) -> None:
    """Remove what a driver that was killed left of these, in one look at each folder."""
    wanted = set(outputs)
    for folder in {output.parent for output in outputs}:
        with suppress(OSError):
            for path in folder.glob("*.part"):
                name = _PART.fullmatch(path.name)
                if name is not None and folder / name[1] in wanted:
                    path.unlink(missing_ok=True)
