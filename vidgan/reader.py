"""A film at a URL, read in blocks by HTTP ranges or their like; nothing is downloaded whole."""

from typing import TYPE_CHECKING

from vidgan.connection import NO_RANGES, filesystem, told
from vidgan.errors import RemoteError
from vidgan.seeking import Seekable

if TYPE_CHECKING:
    from vidgan.places import Remote

BLOCK = 4 * 2**20
"""Bytes of one request."""
BLOCKS = 8
"""Blocks kept of a file that is open: sound and pictures may lie far apart."""


class Reader(Seekable):
    """A file at a URL, read in blocks as they are asked for, for FFmpeg.

    FFmpeg takes a failed read for the end of a file, and PyAV shows a second one on the screen. So
    a failure is the end of the file, kept in `error`: whoever opened it must look there before
    believing in that end.
    """

    def __init__(self, remote: "Remote") -> None:
        super().__init__()
        self.error: RemoteError | None = None
        self._remote = remote
        with told(remote):
            self._file = filesystem(remote).open(
                remote.address,
                "rb",
                block_size=BLOCK,
                cache_type="blockcache",
                cache_options={"maxblocks": BLOCKS},
            )
        size = getattr(self._file, "size", None)
        if size is None:
            raise RemoteError(f"{remote}: {NO_RANGES}")
        self.size = int(size)
        """Bytes."""

    def take(self, place: int, size: int) -> bytes:
        """Nothing after a failure."""
        if self.error is not None:
            return b""
        try:
            with told(self._remote):
                self._file.seek(place)
                data: bytes = self._file.read(size)
            if len(data) != size:
                raise RemoteError(
                    f"{self._remote}: the server sent less than it had promised; try again"
                )
        except RemoteError as error:
            self.error = error
            return b""
        return data

    def close(self) -> None:
        """Let go of the blocks."""
        if not self.closed:
            self._file.close()
        super().close()
