"""Animated WebP as a film that FFmpeg reads: the same pictures at the same times, losslessly.

A conversion opens a film some eight times. It is rewritten once, to a file without a name, which is
kept for as long as it is read or is among the last ones. MagicYUV takes a fifth of FFV1's time, for
half as many bytes again; QuickTime holds it, and how long each picture is shown.
"""

import errno
import io
import os
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from vidgan.errors import InputError
from vidgan.pictures.animation import webp_pictures
from vidgan.seeking import Seekable

MOST_BYTES = 1 << 33
"""Of a rewritten film. It takes half of what is free, at most."""
_KEPT = 2
"""Films: the one that is being finished while the next one is probed."""
_MILLISECOND = Fraction(1, 1000)
_TICKS = {"video_track_timescale": "1000"}
_FORMAT = "gbrap"


class _Rewritten:
    """A film in QuickTime, which many may read; it is gone when nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        """Rewrite it.

        Raises:
            InputError: the animation is damaged or too large, or there is no room for it.
        """
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is gone
        self._reading = threading.Lock()
        weakref.finalize(self, self._file.close)
        try:
            with av.open(self._file, "w", format="mov", options=_TICKS) as container:
                _write(container, path, self._file)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            raise InputError(_no_room(path)) from error
        self.size = self._file.seek(0, io.SEEK_END)

    def read(self, at: int, size: int) -> bytes:
        """Bytes from a place on; of several readers each has its own."""
        with self._reading:
            self._file.seek(at)
            return self._file.read(size)


class _View(Seekable):
    """One reader's place in such a film."""

    def __init__(self, film: _Rewritten) -> None:
        super().__init__()
        self.size = film.size
        self._film = film

    def take(self, place: int, size: int) -> bytes:
        """From the file."""
        return self._film.read(place, size)


_films: "OrderedDict[tuple[object, ...], _Rewritten]" = OrderedDict()
_looking = threading.Lock()


@contextmanager
def as_film(path: Path) -> Iterator[Seekable]:
    """The rewritten film; the same one for a file that has not changed meanwhile.

    Raises:
        InputError: the animation is damaged or too large, or there is no room for it.
    """
    with _View(_rewritten(path)) as view:
        yield view


def _rewritten(path: Path) -> _Rewritten:
    found = path.stat()
    key = path.absolute(), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
    with _looking:
        film = _films.get(key)
        if film is None:
            film = _films[key] = _Rewritten(path)
        _films.move_to_end(key)
        while len(_films) > _KEPT:
            _films.popitem(last=False)
        return film


def _write(container: OutputContainer, path: Path, file: IO[bytes]) -> None:
    room = min(MOST_BYTES, shutil.disk_usage(tempfile.gettempdir()).free // 2)
    stream: VideoStream | None = None
    now = 0
    for shown_for, picture in webp_pictures(path):
        if os.fstat(file.fileno()).st_size > room:
            raise InputError(_no_room(path))
        stream = stream or _open(container, picture.shape[1], picture.shape[0])
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba")
        frame = frame.reformat(format=_FORMAT)
        frame.pts, frame.time_base = now, _MILLISECOND
        now += shown_for
        for packet in stream.encode(frame):
            packet.duration = shown_for
            container.mux(packet)
    for packet in stream.encode(None) if stream is not None else []:
        container.mux(packet)


def _no_room(path: Path) -> str:
    return (
        f"{path} has to be unpacked, and would take more than {MOST_BYTES >> 30} GiB or half of "
        f"what is free in {tempfile.gettempdir()}; scale it down, cut it into parts or free space"
    )


def _open(container: OutputContainer, width: int, height: int) -> VideoStream:
    """Each picture a keyframe, so that work on them can be divided."""
    stream = container.add_stream("magicyuv", options={"threads": "1"})
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, _FORMAT
    stream.codec_context.time_base = stream.time_base = _MILLISECOND
    return stream
