"""A film at a URL, read in blocks by HTTP ranges or their like; nothing is downloaded whole."""

import io
from typing import TYPE_CHECKING, Any

from vidgan.connection import NO_RANGES, filesystem, told
from vidgan.errors import RemoteError

if TYPE_CHECKING:
    from vidgan.places import Remote

BLOCK = 4 * 2**20
"""Bytes of one request."""
BLOCKS = 8
"""Blocks kept of a file that is open: sound and pictures may lie far apart."""


class Reader(io.RawIOBase):
    """A file at a URL, read in blocks as they are asked for, for FFmpeg.

    FFmpeg takes a failed read for the end of a file, and PyAV shows a second one on the screen. So
    a failure is the end of the file, kept in `error`: whoever opened it must look there before
    believing in that end.
    """

    def __init__(self, remote: "Remote") -> None:
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
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read on elsewhere; nothing is fetched for that."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer at the end of the file, or after a failure."""
        if self.error is not None:
            return b""
        left = max(0, self.size - self._at)
        wanted = left if size < 0 else min(size, left)
        try:
            with told(self._remote):
                self._file.seek(self._at)
                data: bytes = self._file.read(wanted)
            if len(data) != wanted:
                raise RemoteError(
                    f"{self._remote}: the server sent less than it had promised; try again"
                )
        except RemoteError as error:
            self.error = error
            return b""
        self._at += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """The same into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let go of the blocks."""
        if not self.closed:
            self._file.close()
        super().close()
