"""The encoders on offer, what can be set on them, and how they are made to give the same bytes.

Constant quality only: a rate control that looks back would make a chunk depend on the others.

Processor time per frame of one thread, in ms (EPYC, 48 frames of a highway), and kbit/s:

| encoder    | setting      | 256x256   | 1280x720   |
|------------|--------------|-----------|------------|
| libx264    | superfast    | 0.9, 497  | 14.9, 4623 |
| libx264    | **veryfast** | 1.4, 264  | 24.7, 2687 |
| libx264    | faster       | 2.6, 278  | 41.9, 3077 |
| libx264    | medium       | 3.9, 278  | 70.2, 3031 |
| libx265    | ultrafast    | 2.6, 159  | 33.1, 785  |
| libx265    | **superfast**| 5.6, 159  | 48.3, 878  |
| libx265    | medium       | 7.8, 187  | 108, 1203  |
| libsvtav1  | 10           | 3.0, 184  | 13.7, 899  |
| libsvtav1  | **9**        | 4.6, 179  | 23.7, 939  |
| libsvtav1  | 8            | 7.1, 157  | 43.8, 929  |
| libvpx-vp9 | **6**        | 2.9, 205  | 20.2, 1240 |
| libvpx-vp9 | 5            | 12.0, 167 | 112, 1034  |

The defaults (bold) leave the cores to the network. SVT-AV1 itself warns of artifacts from 10 on.
"""

import os
from dataclasses import dataclass
from fractions import Fraction

from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from vidgan.errors import SettingsError
from vidgan.media.containers import container_for
from vidgan.media.samples import bits_of
from vidgan.media.types import EncoderSettings, VideoStream
from vidgan.places import Place

_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow"),
)
_PIXELS_PER_THREAD = 640 * 360
_MAX_THREADS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """What may be set on one encoder."""

    name: str
    crf: int
    crf_range: tuple[int, int]
    preset: str
    presets: tuple[str, ...]
    odd_pixel_format: str
    """What keeps the size of a picture whose width or height is odd."""
    bits: int = 10
    """Of a sample at most."""


ENCODERS = {
    encoder.name: encoder
    for encoder in (
        Encoder(
            name="libx264",
            crf=19,
            crf_range=(0, 51),
            preset="veryfast",
            presets=_X26_PRESETS,
            odd_pixel_format="yuv444p",
        ),
        Encoder(
            name="libx265",
            crf=22,
            crf_range=(0, 51),
            preset="superfast",
            presets=_X26_PRESETS,
            odd_pixel_format="yuv444p",
        ),
        Encoder(
            name="libsvtav1",
            crf=30,
            crf_range=(1, 63),
            preset="9",
            presets=tuple(str(speed) for speed in range(14)),
            odd_pixel_format="yuv420p",
        ),
        Encoder(
            name="libvpx-vp9",
            crf=31,
            crf_range=(0, 63),
            preset="6",
            presets=tuple(str(speed) for speed in range(9)),
            odd_pixel_format="yuv420p",
            bits=8,
        ),
    )
}


def encoder_settings(
    output: Place,
    *,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    bits: int = 8,
) -> EncoderSettings:
    """Settings for `output` with nothing left open: what is None becomes the default.

    `bits` are those of the pictures' samples.

    Raises:
        OutputError: an ending that cannot be written.
        SettingsError: an unknown codec, one that the container does not hold, a CRF out of range,
            an unknown preset.
    """
    container = container_for(output)
    name = codec or (container.deep_encoder if bits > 8 else container.encoders[0])
    encoder = ENCODERS.get(name)
    if encoder is None:
        raise SettingsError(f"--codec {name}: unknown; choose one of {', '.join(ENCODERS)}")
    check_codec(name, output)
    return EncoderSettings(
        codec=name, crf=_checked_crf(encoder, crf), preset=_checked_preset(encoder, preset)
    )


def check_codec(codec: str, output: Place) -> None:
    """Refuse a codec that the container of `output` does not hold.

    Raises:
        SettingsError: it does not.
    """
    held = container_for(output).encoders
    if codec not in held:
        raise SettingsError(
            f"--codec {codec}: a {output.suffix} file does not hold it; "
            f"choose {' or '.join(held)}, or write .mkv"
        )


def _checked_crf(encoder: Encoder, crf: int | None) -> int:
    low, high = encoder.crf_range
    if crf is not None and not low <= crf <= high:
        raise SettingsError(
            f"--crf {crf}: {encoder.name} takes {low} (best) to {high} (smallest), "
            f"{encoder.crf} by default"
        )
    return encoder.crf if crf is None else crf


def _checked_preset(encoder: Encoder, preset: str | None) -> str:
    if preset is not None and preset not in encoder.presets:
        known = ", ".join(encoder.presets)
        raise SettingsError(f"--preset {preset}: {encoder.name} knows {known}")
    return preset or encoder.preset


def output_pixel_format(video: VideoStream, settings: EncoderSettings) -> str:
    """4:2:0, which every player shows; 4:4:4 where H.264 and HEVC cannot keep an odd size.

    Of 8 bits, or of 10 where the pictures have more than 8 and the encoder takes them.
    """
    encoder = ENCODERS[settings.codec]
    is_odd = video.width % 2 or video.height % 2
    kind = encoder.odd_pixel_format if is_odd else "yuv420p"
    return f"{kind}10le" if video.bits > 8 and encoder.bits > 8 else kind


def said_of_depth(video: VideoStream, settings: EncoderSettings) -> list[str]:
    """What becomes of more than 8 bits, where somebody should know it."""
    bits = bits_of(output_pixel_format(video, settings))
    if video.bits <= 8:
        return []
    if bits == 8:
        return [
            f"{video.bits} bits become 8: {settings.codec} takes no more; libx265 and libsvtav1 do"
        ]
    said = [f"{video.bits} bits become {bits}"] if video.bits > bits else []
    if settings.codec == "libx264":
        said.append("H.264 of 10 bits (High 10) plays in few players; libx265's in nearly all")
    return said


def configure(context: VideoCodecContext, video: VideoStream, settings: EncoderSettings) -> None:
    """Set an encoder that is not open yet; the same for every chunk and for the joined stream."""
    context.width, context.height = video.width, video.height
    context.pix_fmt = output_pixel_format(video, settings)
    # Before the first frame: otherwise variable frame rates fail.
    context.time_base = video.time_base
    context.framerate = _rate(video)
    if video.sample_aspect_ratio is not None:
        context.sample_aspect_ratio = video.sample_aspect_ratio
    color = video.color
    context.colorspace, context.color_primaries = color.matrix, color.primaries
    context.color_trc, context.color_range = color.transfer, 2 if color.full_range else 1
    context.bit_rate = 0
    context.flags |= Flags.global_header.value
    context.thread_count = _threads(video, settings)
    context.options = _options(video, settings)


def _rate(video: VideoStream) -> Fraction:
    """Only a hint to the encoder, the times rule; SVT-AV1 accepts 1 to 240 frames/s."""
    return min(max(video.average_rate or Fraction(25), Fraction(1)), Fraction(240))


def _threads(video: VideoStream, settings: EncoderSettings) -> int:
    """A function of the picture alone: the number of threads changes the bytes.

    One per 640x360 pixels keeps an encoder of large pictures from holding up a fast GPU.
    """
    if settings.codec == "libx265":
        return 1  # see _options
    return min(max(1, video.width * video.height // _PIXELS_PER_THREAD), _MAX_THREADS)


def _options(video: VideoStream, settings: EncoderSettings) -> dict[str, str]:
    encoder = ENCODERS[settings.codec]
    crf = str(encoder.crf if settings.crf is None else settings.crf)
    preset = settings.preset or encoder.preset
    if encoder.name == "libx264":
        # Its AVX-512 code for macroblock trees gives other bytes from run to run where the width
        # is no multiple of 256; this option makes it use the exact code, for 1 % of its time.
        return {"crf": crf, "preset": preset, "x264-params": "cpu-independent=1"}
    if encoder.name == "libx265":
        # A pool would turn wavefronts on where there are cores for it, and the info text names
        # the processor: without both the bytes are the same on every machine.
        params = "pools=none:frame-threads=1:open-gop=0:info=0:log-level=error"
        return {"crf": crf, "preset": preset, "x265-params": params}
    if encoder.name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only: it writes to stderr on its own
        return {"crf": crf, "preset": preset, "svtav1-params": f"lp={_threads(video, settings)}"}
    deadline = "good" if int(preset) <= 5 else "realtime"
    return {"crf": crf, "cpu-used": preset, "deadline": deadline, "row-mt": "0"}
