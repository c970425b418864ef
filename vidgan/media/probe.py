"""What is in a file, and whether it can be converted *right*; what cannot is refused here.

Reads the headers and decodes the first frame: some of what matters (pixel format, interlacing,
rotation, colour) is said by the pictures alone.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import DataStream, Disposition, Stream
from av.video.stream import VideoStream as AvVideoStream

from vidgan.errors import InputError
from vidgan.media.background import decoder_with_alpha
from vidgan.media.looks import look_around
from vidgan.media.opening import demux, open_film
from vidgan.media.packets import is_packed_bitstream, not_packed
from vidgan.media.restated import stated_by
from vidgan.media.siting import says_siting
from vidgan.media.sources import DECODERS, source_of
from vidgan.media.stated import read_color
from vidgan.media.stated_length import stated_frames, stated_seconds
from vidgan.media.stream_facts import with_stream_facts
from vidgan.media.streams import KINDS, TIMECODE
from vidgan.media.transparency import with_transparency
from vidgan.media.turn import read_turn
from vidgan.media.types import USUAL_RATE, Coded, Film, OtherStream, VideoStream
from vidgan.pictures.moving import is_animated_webp
from vidgan.places import Place

YUV_FORMATS = {
    *("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p"),
    *("yuv410p", "yuv411p", "yuv440p", "yuvj411p", "yuvj440p", "nv12", "yuyv422", "uyvy422"),
    *("yuva420p", "yuva422p", "yuva444p", "gray", "ya8"),
}
DEEP_FORMATS = {
    f"{kind}{bits}le"
    for bits in (9, 10, 12, 14, 16)
    for kind in (
        *("yuv420p", "yuv422p", "yuv444p", "yuva420p", "yuva422p", "yuva444p"),
        *("gbrp", "gbrap", "gray"),
    )
} | {
    *("yuv440p10le", "yuv440p12le", "gray16be", "ya16le", "ya16be"),
    *("rgb48le", "rgb48be", "rgba64le", "rgba64be"),
}
RGB_FORMATS = {
    *("rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr"),
    *("gbrp", "gbrap", "rgb555le", "rgb565le", "rgb8", "bgr8", "pal8", "monow", "monob"),
}
PIXEL_FORMATS = YUV_FORMATS | DEEP_FORMATS | RGB_FORMATS
"""All that become RGB within two levels of 8 bits, as tests show of each kind and depth."""

_FILE_TAGS = {"major_brand", "minor_version", "compatible_brands", "encoder"}
_PACKETS_TRIED = 300
_FASTEST = 1000
"""Pictures a second that a film may have."""
_COUNT = re.compile("[0-9]{1,15}")  # "²" is a digit as well


def probe(path: Place, *, rate: Fraction | None = None) -> Film:
    """Look at the file and its first frame.

    `rate` is that of pictures which hold no times: numbered ones (`frame_%04d.png`), bare streams.

    Raises:
        InputError: one line that names the file, what stands against converting it, and what to do.
    """
    with open_film(path) as container:
        stream, spares = _pick_video(path, container)
        film = Film(
            path=path,
            container=_kind(path, container),
            video=_describe(path, container, stream),
            others=tuple(_other_streams(container)),
            frames_declared=frames_declared(stream) or stated_frames(path, container),
            duration=stated_seconds(path, container, stream),
            chapters=len(container.chapters()),
            metadata={k: v for k, v in container.metadata.items() if k.lower() not in _FILE_TAGS},
            warnings=tuple(_warnings(stream, spares)),
        )
        film = look_around(with_stream_facts(film, container), container, stream)
    film = with_transparency(film)
    source = source_of(film.container)
    if rate is None:
        return _at_usual_rate(film) if source.is_counted else film
    if not (source.is_counted or source.is_bare):
        raise InputError(
            f"{path} has times of its own; --rate is for numbered pictures and bare streams"
        )
    return _at_rate(film, rate)


def _kind(path: Place, container: InputContainer) -> str:
    """The demuxer's name; FFmpeg reads animated WebP as we have rewritten it."""
    name = container.format.name
    is_webp = name != "image2" and isinstance(path, Path) and is_animated_webp(path)
    return "webp" if is_webp else name


def _at_usual_rate(film: Film) -> Film:
    """Pictures that are but counted, of which somebody may know better."""
    assumed = f"{film.path}: taken for {USUAL_RATE} pictures a second; say another with --rate"
    return replace(_at_rate(film, USUAL_RATE), warnings=(*film.warnings, assumed))


def _at_rate(film: Film, rate: Fraction) -> Film:
    """So many pictures a second, whatever FFmpeg or the codec takes for it."""
    slower = film.video.rate / rate
    video = replace(film.video, time_base=film.video.time_base * slower, average_rate=rate)
    duration = None if film.duration is None else film.duration * slower
    return replace(film, video=video, duration=duration)


def _pick_video(
    path: Place, container: InputContainer
) -> tuple[AvVideoStream, list[AvVideoStream]]:
    """The default video stream (else the first), and the other real ones; no cover pictures."""
    real = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not real:
        raise InputError(
            f"{path} has no video stream ({_contents(container)}); give a file with pictures"
        )
    chosen = next((s for s in real if s.disposition & Disposition.default), real[0])
    return chosen, [stream for stream in real if stream is not chosen]


def _contents(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return f"it holds {', '.join(kinds)} only" if kinds else "it holds no streams at all"


def frames_declared(stream: AvVideoStream) -> int:
    """How many frames the file says it shows; 0 where it does not.

    The index of mp4 lists every frame with edit lists applied; Matroska's lists keyframes alone,
    but mkvmerge leaves a count among the tags, a guess: `ffmpeg -ss -c copy` keeps the old one.
    """
    if stream.frames and len(stream.index_entries) > 1:
        return sum(not entry.is_discard for entry in stream.index_entries)
    if stream.frames:
        return stream.frames
    tag = next((v for k, v in stream.metadata.items() if k.startswith("NUMBER_OF_FRAMES")), "0")
    return int(tag) if _COUNT.fullmatch(tag) else 0


def _describe(path: Place, container: InputContainer, stream: AvVideoStream) -> VideoStream:
    context = cast("av.VideoCodecContext | None", stream.codec_context)
    codec = context.codec.canonical_name if context is not None else "unknown"
    if context is None or codec not in DECODERS:
        raise InputError(
            f"{path}: {codec} video is not supported; convert it with "
            f"`ffmpeg -i IN -c:v libx264 -crf 12 -c:a copy OUT.mkv` first"
        )
    if stream.time_base is None:
        raise InputError(f"{path}: the video stream has no time base; remux it first")
    with_alpha = decoder_with_alpha(codec, stream)
    decoder = with_alpha or DECODERS[codec]
    frame, first_packet = _first_frame(path, container, stream)
    pixel_format = frame.format.name
    _refuse_pixel_format(path, pixel_format)
    stated = read_color(path, context, frame)
    rotation, mirrored = read_turn(path, frame)
    extradata = context.extradata or b""
    return VideoStream(
        index=stream.index,
        codec=decoder,
        extradata=not_packed(extradata),
        width=frame.width,
        height=frame.height,
        pixel_format="yuva420p" if with_alpha else pixel_format,
        time_base=stream.time_base,
        average_rate=_average_rate(stream),
        sample_aspect_ratio=stream.sample_aspect_ratio or None,
        rotation=rotation,
        mirrored=mirrored,
        color=stated.color,
        first_stating=stated_by(frame),
        guessed=stated.guessed,
        bits=stated.bits,
        peak=stated.peak,
        coded=_coded(context, decoder),
        says_siting=says_siting(
            decoder,
            container.format.name,
            pixel_format=pixel_format,
            heads=(extradata, first_packet),
        ),
        packed=codec == "mpeg4" and is_packed_bitstream(extradata + first_packet),
    )


def _average_rate(stream: AvVideoStream) -> Fraction | None:
    """Of raw DV FFmpeg takes the tick for one picture, of bare streams 25 pictures for a second;
    what the codec says is right there.
    """
    average = stream.average_rate or None
    is_tick = average is not None and stream.time_base == 1 / average and average > _FASTEST
    is_bare = source_of(stream.container.format.name).is_bare
    return stream.guessed_rate if is_tick or is_bare else average


def _coded(context: av.VideoCodecContext, decoder: str) -> Coded:
    try:
        tag = context.codec_tag.strip("\0")
    except UnicodeDecodeError:  # in transport streams it is a number
        tag = ""
    return Coded(
        width=context.width,
        height=context.height,
        pixel_format=context.pix_fmt if decoder == "rawvideo" else None,
        tag=tag if len(tag) == 4 else "",
        bits_per_sample=context.bits_per_coded_sample,
    )


def _first_frame(
    path: Place, container: InputContainer, stream: AvVideoStream
) -> tuple[av.VideoFrame, bytes]:
    """The first picture that can be decoded, and the packet that the stream begins with."""
    stream.codec_context.thread_count = 1
    first = b""
    tried = 0
    try:
        for packet in demux(container, [stream]):
            first = first or bytes(packet)
            tried += 1
            frames = _decode(packet)
            if frames:
                return frames[0], first
            if tried >= _PACKETS_TRIED:
                break
    except av.FFmpegError:
        pass
    raise InputError(
        f"{path}: no picture of the video stream can be decoded (tried {tried} packets); "
        f"the file is damaged"
    )


def _decode(packet: "Packet[AvVideoStream]") -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except av.FFmpegError:
        return []


def _refuse_pixel_format(path: Place, pixel_format: str) -> None:
    if pixel_format not in PIXEL_FORMATS:
        raise InputError(
            f"{path}: pictures in {pixel_format} are not supported; convert to 8-bit YUV with "
            f"`ffmpeg -i IN -pix_fmt yuv420p -c:v libx264 -crf 12 -c:a copy OUT.mkv` first"
        )


def _other_streams(container: InputContainer) -> Iterator[OtherStream]:
    for stream in container.streams:
        kind = "cover" if stream.disposition & Disposition.attached_pic else stream.type
        if kind in KINDS and not _is_chapters(stream):
            context = cast("av.CodecContext | None", stream.codec_context)
            says_time = kind == "data" and "timecode" in stream.metadata
            codec = context.codec.canonical_name if context is not None else "unknown"
            yield OtherStream(
                index=stream.index,
                kind=kind,
                codec=TIMECODE if says_time else codec,
                language=stream.language,
                title=stream.metadata.get("title", stream.metadata.get("name")),
                layout=_layout(context),
            )


def _layout(context: "av.CodecContext | None") -> str | None:
    if isinstance(context, AudioCodecContext) and context.layout.nb_channels:
        return context.layout.name
    return None


def _is_chapters(stream: Stream) -> bool:
    """Chapters of mp4 show up as a text track that FFmpeg calls bin_data."""
    return (
        isinstance(stream, DataStream)
        and stream.name == "bin_data"
        and bool(stream.container.chapters())
    )


def _warnings(chosen: AvVideoStream, spares: list[AvVideoStream]) -> Iterator[str]:
    for spare in spares:
        yield f"video stream {spare.index} is left out; stream {chosen.index} is converted"
