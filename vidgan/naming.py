"""An output gets its name when it is whole: here by a rename, elsewhere by an upload."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

from cluster.scratch import swept_folder
from vidgan.places import Place, Remote
from vidgan.upload import upload


@contextmanager
def part_of(output: Place) -> Iterator[Path]:
    """Where to write an output until it is whole: beside it, or among temporary files.

    Muxers go back to write an index, which no server lets them do. What processes that were killed
    have left among temporary files goes with the next one.
    """
    if isinstance(output, Remote):
        with swept_folder("vidgan-", gettempdir()) as folder:
            yield Path(folder) / "part"
    else:
        yield output.with_name(output.name + ".vidgan.part")  # nobody else's name


def give_name(
    part: Path,
    output: Place,
    *,
    confirm: Callable[[], object],
    go_on: Callable[[], object] = lambda: None,
) -> None:
    """Let a file that is whole become the output.

    `confirm` is called before anybody else sees it, where that is long after the call; `go_on`
    again and again until then. What either raises stops it.

    Raises:
        OSError: it cannot be renamed.
        RemoteError: the server does not take it; nothing is there then.
    """
    if isinstance(output, Remote):
        upload(part, output, confirm=confirm, go_on=go_on)
    else:
        part.replace(output)
        sync(output.absolute().parent)


def sync(path: Path) -> None:
    """Bring a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
