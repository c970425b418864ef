"""What FFmpeg reads that is no file of the system: bytes of a known number, from any place on."""

import io
from abc import abstractmethod
from typing import Any


class Seekable(io.RawIOBase):
    """A place in such bytes; what lies there is for those to say who know where it is kept."""

    size: int
    """Bytes."""

    def __init__(self) -> None:
        self.place = 0
        """Where the next read begins."""

    @abstractmethod
    def take(self, place: int, size: int) -> bytes:
        """So many bytes from a place on, all before the end; fewer where they cannot be had."""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self.place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read on elsewhere; nothing is fetched for that."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.size}[whence]
        self.place = max(0, start + offset)
        return self.place

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer at the end, or where they cannot be had."""
        left = max(0, self.size - self.place)
        data = self.take(self.place, left if size < 0 else min(size, left))
        self.place += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """The same into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
