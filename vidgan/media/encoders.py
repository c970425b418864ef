"""How encoders are set, and made to give the same bytes; `encoder_table` has what is on offer.

Constant quality only: a rate control that looks back would make a chunk depend on the others.
"""

import os
from fractions import Fraction

from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from vidgan.errors import SettingsError
from vidgan.media.containers import CONTAINERS, Container, container_for
from vidgan.media.encoder_table import ENCODERS, Encoder
from vidgan.media.fitted import keeps_alpha
from vidgan.media.samples import bits_of
from vidgan.media.types import LONGEST_CHUNK, EncoderSettings, VideoStream
from vidgan.places import Place

_PIXELS_PER_THREAD = 640 * 360
_MAX_THREADS = 6
_FIRST_FRAME_BETTER = 2
"""By how much the CRF of a chunk's first frame is lower."""
_TOP_FIRST, _BOTTOM_FIRST = 2, 3
"""FFmpeg's AVFieldOrder."""
_PRORES_PROFILES = {"proxy": "0", "lt": "1", "standard": "2", "hq": "3"}
_PICTURES = ("png", "mjpeg")  # for what is no film: no --codec


def encoder_settings(
    output: Place,
    *,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    bits: int = 8,
    alpha: bool = False,
) -> EncoderSettings:
    """Settings for `output` with nothing left open: what is None becomes the default.

    `bits` are those of the pictures' samples; with `alpha` they are to stay transparent.

    Raises:
        OutputError: an ending that cannot be written.
        SettingsError: an unknown codec, one that the container does not hold, a CRF out of range,
            an unknown preset.
    """
    container = container_for(output)
    name = codec or _usual_encoder(container, bits, alpha=alpha)
    encoder = ENCODERS.get(name)
    if encoder is None:
        known = ", ".join(name for name in ENCODERS if name not in _PICTURES)
        raise SettingsError(f"--codec {name}: unknown; choose one of {known}")
    check_codec(name, output)
    return EncoderSettings(
        codec=name, crf=_checked_crf(encoder, crf), preset=_checked_preset(encoder, preset)
    )


def _usual_encoder(container: Container, bits: int, *, alpha: bool) -> str:
    """More bits count for less than transparent parts."""
    usual, deep = container.encoders[0], container.deep_encoder
    is_for_alpha = alpha and keeps_alpha(container, usual)
    return deep if bits > 8 and not is_for_alpha else usual


def check_codec(codec: str, output: Place) -> None:
    """Refuse a codec that the container of `output` does not hold.

    Raises:
        SettingsError: it does not.
    """
    held = container_for(output).encoders
    if codec in held:
        return
    fitting = [ending for ending, container in CONTAINERS.items() if codec in container.encoders]
    remedy = f"write {' or '.join(fitting)}"
    if not set(held) <= set(_PICTURES):
        remedy = f"choose {' or '.join(held)}, or {remedy}"
    raise SettingsError(f"--codec {codec}: a {output.suffix} file does not hold it; {remedy}")


def _checked_crf(encoder: Encoder, crf: int | None) -> int | None:
    low, high = encoder.crf_range
    if crf is not None and encoder.crf is None:
        raise SettingsError(f"--crf {crf}: {encoder.without_crf}")
    if crf is not None and not low <= crf <= high:
        raise SettingsError(
            f"--crf {crf}: {encoder.name} takes {low} (best) to {high} (smallest), "
            f"{encoder.crf} by default"
        )
    return encoder.crf if crf is None else crf


def _checked_preset(encoder: Encoder, preset: str | None) -> str | None:
    if preset is not None and not encoder.presets:
        raise SettingsError(f"--preset {preset}: {encoder.name} has none; leave it out")
    if preset is not None and preset not in encoder.presets:
        known = ", ".join(encoder.presets)
        raise SettingsError(f"--preset {preset}: {encoder.name} knows {known}")
    return preset or encoder.preset


def output_pixel_format(video: VideoStream, settings: EncoderSettings) -> str:
    """4:2:0 of 8 bits, which every player shows, where the codec is one for players.

    4:4:4 where H.264 and HEVC cannot keep an odd size; 10 bits where the pictures have more than 8
    and the encoder takes them. Of more than 10 only FFV1 keeps 12: HEVC's Main 12 plays nowhere.
    """
    encoder = ENCODERS[settings.codec]
    if video.alpha:
        return encoder.deep_alpha if video.bits > 8 else encoder.alpha
    formats = encoder.formats
    is_odd = video.width % 2 or video.height % 2
    if video.bits > 10 and formats.deeper:
        return formats.deeper
    if video.bits > 8:
        return formats.deep_odd if is_odd else formats.deep
    return formats.odd if is_odd else formats.even


def said_of_format(video: VideoStream, settings: EncoderSettings) -> list[str]:
    """What becomes of more than 8 bits and of odd sizes, where somebody should know it."""
    written = output_pixel_format(video, settings)
    depth = _said_of_depth(video, settings, bits_of(written))
    formats = ENCODERS[settings.codec].formats
    if formats.even == formats.odd or written not in {formats.odd, formats.deep_odd}:
        return depth
    return [
        *depth,
        f"{video.width}x{video.height} is an odd size, for which {settings.codec} needs 4:4:4; "
        "players in hardware do not show that",
    ]


def _said_of_depth(video: VideoStream, settings: EncoderSettings, bits: int) -> list[str]:
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
    if ENCODERS[settings.codec].looks_back:
        # A chunk of 260 would get a second keyframe for its last ten by x264's own 250, and a still
        # film is hardly more than its keyframes.
        context.gop_size = LONGEST_CHUNK
    context.flags |= Flags.global_header.value
    if video.first_field != "unknown":
        context.flags |= Flags.interlaced_dct.value
        context.field_order = _TOP_FIRST if video.first_field == "top" else _BOTTOM_FIRST
    context.thread_count = _threads(video, settings)
    context.options = _options(video, settings)


def _rate(video: VideoStream) -> Fraction:
    """Only a hint to the encoder, the times rule; SVT-AV1 accepts 1 to 240 frames/s."""
    return min(max(video.rate, Fraction(1)), Fraction(240))


def _threads(video: VideoStream, settings: EncoderSettings) -> int:
    """A function of the picture alone: the number of threads changes the bytes.

    One per 640x360 pixels keeps an encoder of large pictures from holding up a fast GPU.
    """
    if settings.codec == "libx265":
        return 1  # see _options
    return min(max(1, video.width * video.height // _PIXELS_PER_THREAD), _MAX_THREADS)


def _options(video: VideoStream, settings: EncoderSettings) -> dict[str, str]:
    encoder = ENCODERS[settings.codec]
    crf = encoder.crf if settings.crf is None else settings.crf
    preset = settings.preset or encoder.preset
    if crf is None or preset is None:
        return _intra_options(encoder.name, preset, alpha=video.alpha)
    if encoder.is_hardware:
        return {"rc": "vbr", "cq": str(crf), "b": "0", "preset": preset}
    if encoder.name == "libx264":
        return {"crf": str(crf), "preset": preset, "x264-params": _x264_params(crf, video)}
    if encoder.name == "libx265":
        # A pool would turn wavefronts on where there are cores for it, and the info text names
        # the processor: without both the bytes are the same on every machine.
        params = "pools=none:frame-threads=1:open-gop=0:info=0:log-level=error"
        return {"crf": str(crf), "preset": preset, "x265-params": params}
    if encoder.name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "0")  # it writes to stderr on its own; refusals say it
        params = f"lp={_threads(video, settings)}"
        return {"crf": str(crf), "preset": preset, "svtav1-params": params}
    deadline = "good" if int(preset) <= 5 else "realtime"
    return {"crf": str(crf), "cpu-used": preset, "deadline": deadline, "row-mt": "0"}


def _x264_params(crf: int, video: VideoStream) -> str:
    """What only x264 itself knows of."""
    # Its AVX-512 code for macroblock trees gives other bytes from run to run where the width is no
    # multiple of 256; this option makes it use the exact code, for 1 % of its time.
    params = "cpu-independent=1"
    if crf > _FIRST_FRAME_BETTER:
        # A keyframe in mid-film is as good as the pictures before it let x264 expect; the first of
        # a chunk starts from the CRF alone, and is up to 2 dB worse at a cut (bench/borders.py).
        params += f":zones=0,0,crf={crf - _FIRST_FRAME_BETTER}"
    if video.first_field == "bottom":  # without it x264 begins at the top
        params += ":bff=1"
    return params


def _intra_options(name: str, preset: str | None, *, alpha: bool) -> dict[str, str]:
    """Of encoders whose pictures all stand for themselves, with nothing to choose but a preset."""
    if name == "prores_ks":
        profile = "4444" if alpha else _PRORES_PROFILES[preset or "hq"]
        return {"profile": profile, "vendor": "apl0"}
    if name == "ffv1":
        return {"level": "3", "g": "1", "slicecrc": "1"}
    if name == "png":  # a third of the time of zlib's usual 6, for files larger by 5 %
        return {"compression_level": "1"}
    if name == "mjpeg":
        return {"qmin": "1", "qmax": "1", "huffman": "optimal"}
    return {}
