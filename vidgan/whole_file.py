"""Small files, on this machine or elsewhere, that are there whole or not at all."""

from cyclegan.atomic import write_atomically
from vidgan.places import Place, Remote
from vidgan.transport import write_all


def write_whole(path: Place, data: bytes) -> None:
    """Make or replace a file.

    Raises:
        OSError: no room, no permission.
        RemoteError: the server does not take it.
    """
    if isinstance(path, Remote):
        write_all(path, data)
    else:
        write_atomically(path, lambda part: part.write_bytes(data))
