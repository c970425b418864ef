"""The encoders on offer: what may be set on each, and what is not.

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

from dataclasses import dataclass

from vidgan.media.types import Color

_X26_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """FFmpeg's names of the pixel formats that an encoder is given."""

    even: str
    """For players: 4:2:0 where it is a codec for them."""
    odd: str
    """What keeps the size of a picture whose width or height is odd."""
    deep: str
    """For more than 8 bits."""
    deep_odd: str
    deeper: str = ""
    """For more than 10 bits, of any size, where it is a codec to keep them for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """What may be set on one encoder."""

    name: str
    formats: Formats
    crf: int | None = None
    """The usual one; None where nothing is to be chosen."""
    crf_range: tuple[int, int] = (0, 0)
    without_crf: str = ""
    """Why there is none, and what to choose instead."""
    preset: str | None = None
    presets: tuple[str, ...] = ()
    alpha: str = ""
    """The pixel format in which transparent pictures stay so; empty where they cannot."""
    deep_alpha: str = ""
    """For more than 8 bits; there is one where `alpha` is."""
    is_hardware: bool = False
    """It opens only where a driver and a GPU have it."""
    looks_back: bool = True
    """Not every picture stands for itself: keyframes are apart."""
    future: int = 0
    """How many pictures it is shown after the end of a chunk (see `vidgan.media.future`)."""
    marked_lines: int | None = None
    """It can say that pictures are interlaced, whole as they are, whose height is a multiple."""
    has_full_range: bool = True
    """It can say that black is 0."""
    color: Color | None = None
    """What its files mean by definition, whatever the film is in."""


_PLAYERS = Formats(even="yuv420p", odd="yuv444p", deep="yuv420p10le", deep_odd="yuv444p10le")
_AV1 = Formats(even="yuv420p", odd="yuv420p", deep="yuv420p10le", deep_odd="yuv420p10le")
_VP9 = Formats(even="yuv420p", odd="yuv420p", deep="yuv420p", deep_odd="yuv420p")
_WHOLE = Formats(
    even="yuv444p",
    odd="yuv444p",
    deep="yuv444p10le",
    deep_odd="yuv444p10le",
    deeper="yuv444p12le",
)
_EDITORS = Formats(
    even="yuv422p10le", odd="yuv422p10le", deep="yuv422p10le", deep_odd="yuv422p10le"
)
_PNG = Formats(even="rgb24", odd="rgb24", deep="rgb48be", deep_odd="rgb48be")
_JPEG = Formats(even="yuv444p", odd="yuv444p", deep="yuv444p", deep_odd="yuv444p")
_NVIDIA = Formats(even="yuv420p", odd="yuv444p", deep="p010le", deep_odd="yuv444p16le")
_NVIDIA_H264 = Formats(even="yuv420p", odd="yuv444p", deep="yuv420p", deep_odd="yuv444p")
_NVIDIA_AV1 = Formats(even="yuv420p", odd="yuv420p", deep="p010le", deep_odd="p010le")
_NVIDIA_PRESETS = tuple(f"p{speed}" for speed in range(1, 8))

_SRGB = Color(matrix=0, primaries=1, transfer=13, full_range=True)
_JFIF = Color(matrix=6, primaries=1, transfer=13, full_range=True)

ENCODERS = {
    encoder.name: encoder
    for encoder in (
        Encoder(
            name="libx264",
            formats=_PLAYERS,
            crf=19,
            crf_range=(0, 51),
            preset="veryfast",
            presets=_X26_PRESETS,
            future=4,
            marked_lines=4,
        ),
        Encoder(
            name="libx265",
            formats=_PLAYERS,
            crf=22,
            crf_range=(0, 51),
            preset="superfast",
            presets=_X26_PRESETS,
            future=6,
        ),
        Encoder(
            name="libsvtav1",
            formats=_AV1,
            crf=30,
            crf_range=(1, 63),
            preset="9",
            presets=tuple(str(speed) for speed in range(14)),
        ),
        Encoder(
            name="libvpx-vp9",
            formats=_VP9,
            crf=31,
            crf_range=(0, 63),
            preset="6",
            presets=tuple(str(speed) for speed in range(9)),
            alpha="yuva420p",
            deep_alpha="yuva420p",
        ),
        Encoder(
            name="prores_ks",
            formats=_EDITORS,
            without_crf="ProRes has none; --preset proxy, lt, standard or hq says how good",
            preset="hq",
            presets=("proxy", "lt", "standard", "hq"),
            alpha="yuva444p10le",
            deep_alpha="yuva444p10le",
            looks_back=False,
            has_full_range=False,
            marked_lines=1,
        ),
        Encoder(
            name="ffv1",
            formats=_WHOLE,
            without_crf="FFV1 has none, since it loses nothing",
            alpha="yuva444p",
            deep_alpha="yuva444p10le",
            looks_back=False,
        ),
        Encoder(
            name="h264_nvenc",
            formats=_NVIDIA_H264,
            crf=23,
            crf_range=(1, 51),
            preset="p5",
            presets=_NVIDIA_PRESETS,
            is_hardware=True,
        ),
        Encoder(
            name="hevc_nvenc",
            formats=_NVIDIA,
            crf=26,
            crf_range=(1, 51),
            preset="p5",
            presets=_NVIDIA_PRESETS,
            is_hardware=True,
        ),
        Encoder(
            name="av1_nvenc",
            formats=_NVIDIA_AV1,
            crf=30,
            crf_range=(1, 51),
            preset="p5",
            presets=_NVIDIA_PRESETS,
            is_hardware=True,
        ),
        Encoder(
            name="png",
            formats=_PNG,
            without_crf="pictures of .png and .gif lose nothing of what they can hold",
            alpha="rgba",
            deep_alpha="rgba64be",
            looks_back=False,
            color=_SRGB,
        ),
        Encoder(
            name="mjpeg",
            formats=_JPEG,
            without_crf="pictures are written as good as JPEG can; .png loses nothing",
            looks_back=False,
            color=_JFIF,
        ),
    )
}
