"""Films encoded in chunks, as the workers would, ready to be joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from vidgan.media.encode import ChunkEncoder
from vidgan.media.encoders import encoder_settings
from vidgan.media.header import Target
from vidgan.media.join import JoinReport, join
from vidgan.media.probe import probe
from vidgan.media.seen import read_levels
from vidgan.media.types import (
    EncodedChunk,
    EncoderSettings,
    Film,
    Packet,
    RgbFrame,
    VideoStream,
)


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A film, its frames' times, and the chunks made of it."""

    film: Film
    settings: EncoderSettings
    times: list[int]
    chunks: list[EncodedChunk]

    def join(self, output: Path, *, overwrite: bool = False) -> JoinReport:
        return join(
            self.target(output),
            lambda: iter(self.chunks),
            expected=self.times,
            overwrite=overwrite,
        )

    def target(self, output: Path) -> Target:
        return Target(film=self.film, settings=self.settings, output=output)


def read_frames(film: Film) -> list[RgbFrame]:
    with av.open(str(film.path)) as container:
        return [
            RgbFrame(pts=frame.pts, rgb=read_levels(frame, film.video))
            for frame in container.decode(container.streams.video[0])
            if frame.pts is not None
        ]


def encode(
    video: VideoStream, settings: EncoderSettings, frames: Sequence[RgbFrame]
) -> tuple[Packet, ...]:
    encoder = ChunkEncoder(video, settings)
    packets = [packet for frame in frames for packet in encoder.encode(frame)]
    return (*packets, *encoder.finish())


@pytest.fixture(scope="session")
def encode_frames() -> Callable[..., tuple[Packet, ...]]:
    """`encode_frames(video, settings, frames)`: the packets of one chunk."""
    return encode


@pytest.fixture(scope="session")
def encode_film() -> Callable[..., Encoded]:
    """`encode_film(path, ending, codec=None)`: the film in three chunks, for such an output."""

    def make(path: Path, ending: str = ".mp4", *, codec: str | None = None) -> Encoded:
        film = probe(path)
        output = Path("out" + ending)
        settings = encoder_settings(output, codec=codec, bits=film.video.bits)
        shown = Target(film=film, settings=settings, output=output).shown
        frames = read_frames(film)
        size = -(-len(frames) // 3)
        parts = [frames[start : start + size] for start in range(0, len(frames), size)]
        chunks = [
            EncodedChunk(index=index, packets=encode(shown, settings, part), lost=())
            for index, part in enumerate(parts)
        ]
        times = [frame.pts for frame in frames]
        return Encoded(film=film, settings=settings, times=times, chunks=chunks)

    return make
