"""Animated WebP as a film that FFmpeg reads: the same pictures at the same times, losslessly."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from vidgan.pictures.animation import webp_pictures

_MILLISECOND = Fraction(1, 1000)


@contextmanager
def as_matroska(path: Path) -> Iterator[BinaryIO]:
    """A file without a name, which is gone when the block ends.

    Raises:
        InputError: the animation is damaged.
    """
    with tempfile.TemporaryFile() as file:
        with av.open(file, "w", format="matroska") as container:
            _write(container, path)
        file.seek(0)
        yield file


def _write(container: OutputContainer, path: Path) -> None:
    stream: VideoStream | None = None
    now = 0
    for shown_for, picture in webp_pictures(path):
        stream = stream or _open(container, picture.shape[1], picture.shape[0])
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba")
        frame = frame.reformat(format="bgra")
        frame.pts, frame.time_base = now, _MILLISECOND
        now += shown_for
        for packet in stream.encode(frame):
            packet.duration = shown_for
            container.mux(packet)
    for packet in stream.encode(None) if stream is not None else []:
        container.mux(packet)


def _open(container: OutputContainer, width: int, height: int) -> VideoStream:
    """Each picture a keyframe, so that work on them can be divided."""
    stream = container.add_stream("ffv1", options={"g": "1", "level": "3", "threads": "1"})
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "bgra"
    stream.codec_context.time_base = stream.time_base = _MILLISECOND
    return stream
