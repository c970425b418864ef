"""Sound into a codec that the container holds: decoded, brought to one form, encoded again.

What a listener hears at a time of the source is heard at the same time of the output, to within
15 ms over any length: the place of every piece of sound comes from its own time, not from a count.
"""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError

from vidgan.media.channels import Converter, channels_for
from vidgan.media.part import Span

_SLACK = Fraction(15, 1000)
"""Seconds by which times may disagree with the samples counted: containers round them."""
_MOST_SILENCE = 3600
"""Seconds of gaps that are filled; after that, times just jump: a damaged one may say a year."""
_WITNESSES = 8
"""Pieces after one that seems late: one of them before it means that its time is damaged."""
_USUAL_RATE = 48_000
_BITS_PER_CHANNEL = {"aac": 96_000, "libopus": 64_000}
_COUPLED = 2
"""Channels of Opus that need no order."""
_DEEP = {"s32", "s32p", "s64", "s64p", "flt", "fltp", "dbl", "dblp"}


def add_sound(container: OutputContainer, template: AudioStream, encoder: str) -> AudioStream:
    """A stream of the output for the sound of a stream of the source, encoded again.

    Raises:
        ValueError: nothing is known of the sound, or it cannot be brought to a form for `encoder`.
    """
    source = cast("AudioCodecContext | None", template.codec_context)
    if source is None or not source.rate or not source.format:
        raise ValueError("the form of the sound is not known")
    stream = container.add_stream(encoder, rate=_rate(encoder, source.rate))
    assert isinstance(stream, AudioStream)
    context = stream.codec_context
    context.layout = channels_for(encoder, source.layout.name).becomes
    context.format = _format(encoder, source)
    context.time_base = stream.time_base = Fraction(1, context.rate)
    if encoder in _BITS_PER_CHANNEL:
        most = 6 * context.rate  # AAC's 6144 bits for 1024 samples
        context.bit_rate = min(_BITS_PER_CHANNEL[encoder], most) * context.layout.nb_channels
    if encoder == "libopus" and context.layout.nb_channels > _COUPLED:
        # Without it FFmpeg puts the channels of 5.0 and 6.1 into each other's places.
        context.options = {"mapping_family": "1"}
    _try_conversion(source, context)
    return stream


def _rate(encoder: str, rate: int) -> int:
    allowed = av.Codec(encoder, "w").audio_rates
    return rate if allowed is None or rate in allowed else _USUAL_RATE


def _format(encoder: str, source: AudioCodecContext) -> str:
    """The sample format, of 16 bits only where the source has no more."""
    formats = [format.name for format in av.Codec(encoder, "w").audio_formats or []]
    deep = [name for name in formats if name in _DEEP]
    shallow = [name for name in formats if name not in _DEEP]
    wanted = deep or shallow if source.format.name in _DEEP else shallow or deep
    return wanted[0]


def _try_conversion(source: AudioCodecContext, target: AudioCodecContext) -> None:
    silence = _silence(1024, source.format.packed.name, source.layout.name, source.rate)
    silence.pts, silence.time_base = 0, Fraction(1, source.rate)
    try:
        Converter(target).convert(silence)
    except FFmpegError as error:
        raise ValueError("the form of the sound cannot be converted") from error


def _silence(samples: int, form: str, layout: str, rate: int) -> AudioFrame:
    """In a form that has its channels packed in one plane."""
    frame = AudioFrame(format=form, layout=layout, samples=samples)
    (plane,) = frame.planes
    plane.update(bytes([128 * (form == "u8")]) * plane.buffer_size)
    frame.sample_rate = rate
    return frame


class Sound:
    """Packets of a stream of the source in, packets of its stream of the output out."""

    def __init__(
        self, source: AudioStream, stream: AudioStream, *, shift: Fraction, span: Span | None
    ) -> None:
        self._decoder = source.codec_context
        self._stream = stream
        self._rate = stream.codec_context.rate
        self._shift = shift
        self._span = span
        self._form: tuple[str, str, int] | None = None
        """What the converter is set up for: format, layout and rate, which may change."""
        self._converter = Converter(stream.codec_context)
        self._fifo = AudioFifo()
        self._begin: int | None = None
        """When the fifo's first sample is heard, in samples; None before there is any sound."""
        self._filled = 0
        """Samples of silence in gaps."""
        self._waiting: deque[AudioFrame] = deque()
        """A piece that seems late, and those after it."""
        self._damaged = 0
        self._mistimed = 0
        self._dropped = 0
        """Samples whose place was taken."""

    def take(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """What is ready once this packet is there, too."""
        for frame in self._decode(packet):
            yield from self._convert(frame)

    def finish(self) -> Iterator["av.Packet[Any]"]:
        """All the rest."""
        for frame in self._decode(None):
            yield from self._convert(frame)
        yield from self._place_all(self._converted(None), are_last=True)
        yield from self._drain(partial=True)
        yield from self._encode(None)

    def warnings(self) -> Iterator[str]:
        """What did not come out as it is in the source."""
        if self._damaged:
            yield f"{self._damaged} of its packets cannot be decoded; silence in their place"
        if self._mistimed:
            yield f"{self._mistimed} of its times cannot be right; that sound follows the last"
        if self._dropped:
            seconds = self._dropped / self._rate
            yield f"{seconds:.2f} s of it is left out: its times say that other sound is heard then"

    def _decode(self, packet: "av.Packet[Any] | None") -> list[AudioFrame]:
        try:
            return self._decoder.decode(packet)
        except FFmpegError:
            self._damaged += 1
            return []

    def _convert(self, frame: AudioFrame) -> Iterator["av.Packet[Any]"]:
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if self._form not in {None, form}:  # as broadcasts change from stereo to 5.1
            yield from self._place_all(self._converted(None))
            self._converter = Converter(self._stream.codec_context)
        self._form = form
        yield from self._place_all(self._converted(frame))

    def _converted(self, frame: AudioFrame | None) -> list[AudioFrame]:
        try:
            return self._converter.convert(frame)
        except (FFmpegError, ValueError):
            self._damaged += 1
            return []

    def _place_all(
        self, pieces: list[AudioFrame], *, are_last: bool = False
    ) -> Iterator["av.Packet[Any]"]:
        """Put them where their times say, those that seem late when it is seen what follows."""
        self._waiting += pieces
        while self._waiting:
            piece, *others = self._waiting
            start = self._start_of(piece)
            is_late = self._begin is None or self._lateness(start) > 0
            mistimed = is_late and any(self._fits_before(start, other) for other in others)
            if is_late and not mistimed and len(others) < _WITNESSES and not are_last:
                return
            self._waiting.popleft()
            self._mistimed += mistimed
            if not mistimed:
                yield from self._place(piece, start)
            elif self._begin is not None:
                yield from self._place(piece, self._begin + self._fifo.samples)
            else:
                self._dropped += piece.samples

    def _fits_before(self, start: int, other: AudioFrame) -> bool:
        """Whether another piece comes between what is there already and this start."""
        if other.pts is None or (earlier := self._start_of(other)) >= start:
            return False
        return self._begin is None or self._lateness(earlier) >= 0

    def _place(self, piece: AudioFrame, start: int) -> Iterator["av.Packet[Any]"]:
        """After silence, or without what is there already."""
        first, last = self._clip(start, start + piece.samples)
        if first >= last:
            return
        if self._begin is None:
            self._begin = first
        late = self._lateness(first)
        if late > 0:
            yield from self._bridge(late)
        elif late < 0:
            self._dropped += min(-late, last - first)
            first -= late
        if first < last:
            self._write(_slice(piece, first - start, last - start))
        yield from self._drain()

    def _start_of(self, piece: AudioFrame) -> int:
        """When it is heard, in samples; without a time of its own, after the one before."""
        if piece.pts is None or piece.time_base is None:
            return (self._begin or 0) + self._fifo.samples
        return round((piece.pts * piece.time_base + self._shift) * self._rate)

    def _clip(self, first: int, last: int) -> tuple[int, int]:
        """What of it lies in the part of the film that is written."""
        if self._span is None:
            return first, last
        begin, end = self._span.first + self._shift, self._span.last + self._shift
        return max(first, round(begin * self._rate)), min(last, round(end * self._rate))

    def _lateness(self, first: int) -> int:
        """Samples by which it begins after the end of the one before; few of them count as none."""
        late = first - (self._begin or 0) - self._fifo.samples
        return late if abs(late) > _SLACK * self._rate else 0

    def _bridge(self, late: int) -> Iterator["av.Packet[Any]"]:
        """Fill a gap; beyond all measure, end the frame that was begun and go on after the gap."""
        assert self._begin is not None
        size = self._stream.codec_context.frame_size
        fills = self._filled + late <= _MOST_SILENCE * self._rate
        wanted = late if fills else min(late, -self._fifo.samples % size)
        for start in range(0, wanted, self._rate):
            self._write(self._silence(min(self._rate, wanted - start)))
            yield from self._drain()
        self._filled += wanted
        if not fills:
            self._begin += late - wanted

    def _silence(self, samples: int) -> AudioFrame:
        context = self._stream.codec_context
        return _silence(samples, context.format.packed.name, context.layout.name, self._rate)

    def _write(self, piece: AudioFrame) -> None:
        piece.pts, piece.time_base = None, Fraction(1, self._rate)
        self._fifo.write(piece)

    def _drain(self, *, partial: bool = False) -> Iterator["av.Packet[Any]"]:
        size = self._stream.codec_context.frame_size
        while (frame := self._fifo.read(size, partial)) is not None:
            assert self._begin is not None
            frame.pts, frame.time_base = self._begin, Fraction(1, self._rate)
            self._begin += frame.samples
            yield from self._encode(frame)

    def _encode(self, frame: AudioFrame | None) -> Iterator["av.Packet[Any]"]:
        for packet in self._stream.encode(frame):
            if packet.dts is None:
                packet.dts = packet.pts
            yield packet


def _slice(piece: AudioFrame, first: int, last: int) -> AudioFrame:
    """Samples of it, from the first to before the last."""
    if first == 0 and last == piece.samples:
        return piece
    step = piece.layout.nb_channels
    rest: Any = np.ascontiguousarray(piece.to_ndarray()[:, first * step : last * step])
    inner = AudioFrame.from_ndarray(rest, piece.format.name, piece.layout.name)
    inner.sample_rate = piece.sample_rate
    return inner
