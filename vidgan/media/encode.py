"""RGB pictures of one chunk in, compressed packets out."""

from typing import Any

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from vidgan.errors import SettingsError
from vidgan.media.background import put_alpha, read_alpha, scaled_alpha
from vidgan.media.color import from_rgb
from vidgan.media.deinterlace import FieldMark
from vidgan.media.encoder_table import ENCODERS
from vidgan.media.encoders import configure, output_pixel_format
from vidgan.media.future import Sender
from vidgan.media.types import EncoderSettings, Packet, RgbFrame, VideoStream


class ChunkEncoder:
    """Encodes the frames of one chunk by themselves: a keyframe first, no look back, closed GOPs.

    The packets depend on the frames, the stream and the settings, never on the machine; they
    carry no headers of their own, those are in the stream that `join` opens with the same
    settings. Presentation times are kept exactly; decode times are the join's business.
    """

    def __init__(self, video: VideoStream, settings: EncoderSettings) -> None:
        """Open the encoder.

        Raises:
            SettingsError: the encoder refuses the size or the settings.
        """
        self._video = video
        self._pixel_format = output_pixel_format(video, settings)
        self._sender = Sender(_open(video, settings), future=ENCODERS[settings.codec].future)
        is_marked = video.first_field != "unknown"
        self._fields = FieldMark(video, self._pixel_format) if is_marked else None
        self._last_pts: int | None = None

    def encode(self, frame: RgbFrame) -> list[Packet]:
        """Take one frame, later than the one before; give the packets that are ready by now."""
        video = self._video
        width, height = video.unscaled or (video.width, video.height)
        if frame.rgb.shape != (height, width, 3):
            expected = (height, width, 3)
            raise ValueError(f"expected a frame of shape {expected}, got {frame.rgb.shape}")
        if self._last_pts is not None and frame.pts <= self._last_pts:
            raise ValueError(f"presentation times must increase: {self._last_pts}, {frame.pts}")
        self._last_pts = frame.pts
        picture = from_rgb(
            frame.rgb,
            pts=frame.pts,
            time_base=video.time_base,
            color=video.color,
            pixel_format=self._pixel_format,
            size=(video.width, video.height) if video.unscaled else None,
        )
        if frame.alpha is not None:
            put_alpha(picture, scaled_alpha(frame.alpha, (video.width, video.height)))
        if self._fields is not None:
            picture = self._fields.mark(picture)
        return [_plain(packet) for packet in self._sender.send(picture)]

    def finish(self) -> list[Packet]:
        """The packets that the encoder still holds; it takes no frames after that."""
        return [_plain(packet) for packet in self._sender.finish()]


def _open(video: VideoStream, settings: EncoderSettings) -> VideoCodecContext:
    context = av.CodecContext.create(settings.codec, "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, video, settings)
    try:
        context.open()
    except FFmpegError as error:
        raise SettingsError(refusal(error, video, settings)) from error
    return context


def refusal(error: FFmpegError, video: VideoStream, settings: EncoderSettings) -> str:
    """One line on why an encoder did not open."""
    if ENCODERS[settings.codec].is_hardware:
        return (
            f"--codec {settings.codec}: no hardware opens it for {video.width}x{video.height} "
            f"pictures here ({error.strerror}); it has to on this machine and on every worker; "
            "choose a codec of software, such as libx264"
        )
    return (
        f"--codec {settings.codec}: it cannot encode {video.width}x{video.height} pictures "
        f"({error.strerror}); choose another codec"
    )


def _plain(packet: "av.Packet[Any]") -> Packet:
    assert packet.pts is not None
    return Packet(
        data=bytes(packet),
        pts=packet.pts,
        dts=None,  # x265's, of a chunk of one or two frames, is memory that it never wrote
        duration=packet.duration or 0,
        is_keyframe=packet.is_keyframe,
        alpha=read_alpha(packet),
    )
