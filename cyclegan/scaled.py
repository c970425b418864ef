"""The pictures of a domain scaled for training, as many as fit kept in memory."""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from cyclegan.photographs import DataError, UnreadableError, read_image
from cyclegan.survey import MOST_UNREADABLE

_log = logging.getLogger(__name__)


class Room:
    """Bytes of memory that several domains share. Another process gets as many of its own."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._left = size
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Whether there was still room for so many bytes, which are now taken."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def __reduce__(self) -> tuple[Any, ...]:
        return Room, (self.size,)


class ScaledPictures:
    """Picture i of a domain as uint8 (3, H, W), scaled; the same whether it was kept or not.

    For a picture that turns out to be broken the next one is taken, with a warning in the log.
    Several threads may ask at once.
    """

    def __init__(
        self, paths: Sequence[Path], scale: Callable[[Tensor], Tensor], room: Room
    ) -> None:
        self.paths = tuple(paths)
        self._scale = scale
        self._room = room
        self._kept: dict[int, Tensor] = {}
        self._broken: dict[Path, UnreadableError] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> Tensor:
        """Picture `place`, counted from 0.

        Raises:
            DataError: it is broken, as are too many others; or the system does not give the file.
        """
        kept = self._kept.get(place)
        if kept is None:
            kept = self._read(place)
            if self._room.take(kept.nbytes):
                self._kept[place] = kept
        return kept

    def _read(self, place: int) -> Tensor:
        for step in range(len(self)):
            path = self.paths[(place + step) % len(self)]
            if path not in self._broken:
                try:
                    return self._scale(read_image(path))
                except UnreadableError as error:
                    self._pass_over(path, error)
        raise DataError(f"none of the {len(self)} pictures of a domain can be read")

    def _pass_over(self, path: Path, error: UnreadableError) -> None:
        self._broken[path] = error
        if len(self._broken) * MOST_UNREADABLE > len(self):
            raise error
        _log.warning("%s; another picture is taken in its place", error)

    def __reduce__(self) -> tuple[Any, ...]:
        return ScaledPictures, (self.paths, self._scale, self._room)
