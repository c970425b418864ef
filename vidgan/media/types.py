"""The values that pass between the media stages: small, frozen, picklable, checked when built."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vidgan.places import Place

Depth = TypeVar("Depth", bound=np.uint8 | np.uint16)
Levels = NDArray[np.uint8 | np.uint16]
"""Full-range RGB of 8 bits in [0, 255], or of 16 bits in [0, 65535]."""

Compare = Literal["side", "wipe", "stack"]
Deinterlace = Literal["auto", "on", "off"]
Fields = Literal["progressive", "flagged", "top first", "bottom first"]
"""How pictures are made of fields: not at all; those that say so themselves; or all of them, though
none says so, with this one the earlier."""
FirstField = Literal["top", "bottom", "unknown"]


USUAL_GOP = 250
"""Frames from one keyframe to the next at which encoders put one even where nothing asks for it.

Chunks as long cost no keyframe that one encode of the whole film would not have. Of 120 frames,
they make a film 2 % larger where all moves, and by half where next to nothing does.
"""
LONGEST_CHUNK = USUAL_GOP * 3 // 2 - 1
"""Frames of a chunk that nobody asked to be shorter: what is left at a film's end goes along, and a
GOP as long is not cut."""
USUAL_RATE = Fraction(25)
"""Pictures a second, where a film does not say how many it shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One compressed packet, free of its container; times are ticks of the stream's time base."""

    data: bytes
    pts: int
    dts: int | None
    duration: int
    is_keyframe: bool
    is_discard: bool = False
    """The decoder needs it, the viewer never sees it (before the start of an edit list)."""
    alpha: bytes = b""
    """Of VP8 and VP9, which know no alpha: a picture whose luma is this one's, beside it in
    Matroska, after eight bytes that say what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Packets that decode alone, and the presentation times of the frames this chunk must deliver.

    `packets` are in decode order and may hold more than the owned frames: leading packets of the
    next keyframe (open GOPs), preroll from the start of a long GOP.
    """

    index: int
    packets: tuple[Packet, ...]
    owned: tuple[int, ...]
    fallback: Packet | None = None
    """The keyframe before this chunk, for a decoder to begin with if the chunk's own is damaged."""

    def __post_init__(self) -> None:
        if any(a >= b for a, b in zip(self.owned, self.owned[1:], strict=False)):
            raise ValueError(f"owned presentation times must strictly increase: {self.owned}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Color:
    """How the samples of a stream mean light: code points of ITU-T H.273, as FFmpeg numbers them.

    2 is "unspecified". `full_range` is True for 0..255 luma (JPEG), False for 16..235 (MPEG).
    """

    matrix: int
    primaries: int
    transfer: int
    full_range: bool


class Stating(NamedTuple):
    """What one picture itself says of its colours: H.273's code points, FFmpeg's AVColorRange."""

    matrix: int
    primaries: int
    transfer: int
    range: int


class Change(NamedTuple):
    """In what a picture is unlike the film's first one, in words, and what becomes of it."""

    what: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a container shows of larger stored pictures, in pixels: where it begins there."""

    left: int
    top: int
    stored_width: int
    stored_height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """What a container says of a codec's packets beside its extradata; old codecs need it."""

    width: int
    height: int
    pixel_format: str | None
    tag: str
    """Four characters; empty where there are none."""
    bits_per_sample: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStream:
    """All that a worker needs to decode the pictures of one stream and encode them again."""

    index: int
    codec: str
    extradata: bytes
    width: int
    height: int
    pixel_format: str
    time_base: Fraction
    average_rate: Fraction | None
    """Pictures a second, as the container says; None where it does not: see `rate`."""
    sample_aspect_ratio: Fraction | None
    rotation: int
    """Degrees, one of 0, 90, 180, 270: turn the stored picture *counter-clockwise* by it to see it
    upright (what `av.VideoFrame.rotation` reports, modulo 360)."""
    color: Color
    """As the stream says; what it leaves unspecified is filled in by the usual guess."""
    first_stating: Stating | None = None
    """What its first picture says; later ones that say something else are read as they say."""
    guessed: tuple[str, ...] = ()
    """The fields of `color` that are such guesses."""
    bits: int = 8
    """Of a sample."""
    peak: int = 0
    """Of an HDR film: its brightest light in nits, as it says; 0 where it does not."""
    coded: Coded | None = None
    packed: bool = False
    """Packets may hold two frames (MPEG-4 as DivX packed it); `ChunkReader` takes them apart."""
    mirrored: bool = False
    """To be flipped left to right as well, after it has been turned."""
    says_siting: bool = True
    """Its frames say where chroma lies, or it is centred; else it's taken for left (`siting`)."""
    fields: Fields = "progressive"
    first_field: FirstField = "unknown"
    """Of pictures that say that they are interlaced, the one that is shown first; "unknown" where
    nothing says it, and of all that is not to be written as interlaced."""
    alpha: bool = False
    """Its pictures are transparent in places."""
    cut: Cut | None = None
    """`width` and `height` are those of what is shown."""
    unscaled: tuple[int, int] | None = None
    """Width and height before pixels were made square; None where they stay as they are."""

    @property
    def rate(self) -> Fraction:
        """Pictures a second, as the container says, or the usual ones."""
        return self.average_rate or USUAL_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherStream:
    """A stream that goes along with the picture."""

    index: int
    kind: str
    """audio, subtitle, data, attachment or cover."""
    codec: str
    """FFmpeg's name; "timecode" of data that say the time of day, "unknown" without a decoder."""
    language: str | None
    title: str | None
    layout: str | None = None
    """Of the channels of sound, FFmpeg's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What `probe` found in one file that can be converted."""

    path: Place
    container: str
    """FFmpeg's name of the demuxer, for example "mov,mp4,m4a,3gp,3g2,mj2"."""
    video: VideoStream
    others: tuple[OtherStream, ...]
    frames_declared: int
    """What the container's index says, or a tag, which may be wrong; 0 where neither does. See
    `frames_promised`, and `count_film` for how many there are."""
    duration: Fraction | None
    """Seconds, as the container says."""
    says_layout: bool = False
    """It says, as mkv and webm can, how the pictures for two eyes lie in one."""
    chapters: int
    metadata: dict[str, str]
    warnings: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    """In what pictures that were looked at are unlike the first; `warnings` say so."""

    @property
    def frames_expected(self) -> int:
        """As the container says, or by its length and rate; 0 where it says nothing of either."""
        return self.frames_declared or int((self.duration or 0) * self.video.rate)

    @property
    def frames_promised(self) -> int:
        """What an index of every frame says, by which losses can be told; 0 where there is none.

        The mp4 family has one, and animated PNG a count. Matroska has a tag alone, which stays what
        it was when a film is cut by `-c copy`; AVI counts empty slots as well.
        """
        has_index = self.container.startswith("mov") or self.container == "apng"
        return self.frames_declared if has_index else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RgbFrame:
    """A decoded picture and its presentation time: (H, W, 3) full-range RGB.

    Of a film of 8 bits it is uint8 in [0, 255], else uint16 in [0, 65535].
    """

    pts: int
    rgb: Levels
    alpha: NDArray[np.uint8] | None = None
    """(H, W): 0 where nothing of it is seen, 255 where all is; None where it is opaque, or lies
    over a background already."""
    changes: tuple[Change, ...] = ()
    """In what it is unlike the film's first."""

    def __post_init__(self) -> None:
        known = self.rgb.dtype in (np.uint8, np.uint16)
        if not known or self.rgb.ndim != 3 or self.rgb.shape[2] != 3:
            raise ValueError(
                f"expected uint8 or uint16 (H, W, 3), got {self.rgb.dtype} {self.rgb.shape}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What else is done to the pictures of a film than translating and encoding them."""

    compare: Compare | None = None
    """The original and the translation in one picture: side by side, one above the other, or the
    left half of one beside the right half of the other."""
    deinterlace: Deinterlace = "auto"
    """Pictures made of two fields become whole ones: those that are, all, or none."""
    background: tuple[int, int, int] | None = None
    """What shows through transparent pictures: RGB of 0 to 255. Without it they stay transparent
    where the output can hold that, and elsewhere lie over black."""
    tonemap: bool = False
    """HDR becomes SDR; without it, it is refused."""


UNTREATED = Treatment()
BLACK = 0, 0, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """How the output is compressed. `None` means the default of the codec."""

    codec: str
    """FFmpeg's name of the encoder: libx264, libx265, libsvtav1, libvpx-vp9."""
    crf: int | None = None
    preset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedChunk:
    """The packets a worker made of one chunk, in decode order, and what it could not decode."""

    index: int
    packets: tuple[Packet, ...]
    lost: tuple[int, ...]
    """Owned presentation times for which the decoder gave no frame."""
    changes: tuple[Change, ...] = ()
    """In what its pictures are unlike the film's first, each once."""
