"""The files that can be written: what each container is called, and which video it holds."""

from dataclasses import dataclass
from pathlib import Path

from vidgan.errors import OutputError
from vidgan.numbered import has_number
from vidgan.places import Place

_SOFTWARE = ("libx264", "libx265", "libsvtav1", "libvpx-vp9")
_NVIDIA = ("h264_nvenc", "hevc_nvenc", "av1_nvenc")
_MPEG = ("libx264", "libx265", "h264_nvenc", "hevc_nvenc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One kind of output file."""

    format: str
    """FFmpeg's name of the muxer."""
    encoders: tuple[str, ...]
    """The encoders whose streams it holds; the first is the default."""
    deep_encoder: str = "libx265"
    """The default for pictures of more than 8 bits; H.264 of such plays nearly nowhere."""
    holds_attachments: bool = False
    loses_aspect_ratio: tuple[str, ...] = ()
    """Encoders whose sample aspect ratio does not survive. VP9 and AV1 have no room for it in
    their stream, and FFmpeg's Matroska muxer takes it from a field that PyAV cannot set."""
    loses_alpha: tuple[str, ...] = ()
    """Encoders whose alpha it has no room for."""
    keeps_turn: bool = True
    """It can say that pictures are to be turned or mirrored."""

    @property
    def is_film(self) -> bool:
        """Whether the encoded pictures go into it as they are, with sound and all else."""
        return self.format not in {"gif", "image2"}

    @property
    def is_sequence(self) -> bool:
        """Whether it is a folder of numbered pictures."""
        return self.format == "image2"

    @property
    def is_mp4(self) -> bool:
        """Whether it is of the QuickTime family: edit lists, any time base, faststart."""
        return self.format in {"mp4", "mov"}


_MP4 = Container(format="mp4", encoders=(*_SOFTWARE, *_NVIDIA), loses_alpha=("libvpx-vp9",))
_WITHOUT_ASPECT = ("libvpx-vp9", "libsvtav1", "av1_nvenc")
_PNGS = Container(
    format="image2",
    encoders=("png",),
    deep_encoder="png",
    loses_aspect_ratio=("png",),
    keeps_turn=False,
)
_JPEGS = Container(
    format="image2",
    encoders=("mjpeg",),
    deep_encoder="mjpeg",
    loses_aspect_ratio=("mjpeg",),
    keeps_turn=False,
)

CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container(format="mov", encoders=(*_MPEG, "prores_ks")),
    ".mkv": Container(
        format="matroska",
        encoders=(*_SOFTWARE, "ffv1", *_NVIDIA),
        holds_attachments=True,
        loses_aspect_ratio=(*_WITHOUT_ASPECT, "ffv1"),
    ),
    ".webm": Container(
        format="webm",
        encoders=("libvpx-vp9", "libsvtav1", "av1_nvenc"),
        deep_encoder="libsvtav1",
        loses_aspect_ratio=_WITHOUT_ASPECT,
    ),
    ".gif": Container(
        format="gif",
        encoders=("png",),  # of the parts; the palette needs all of them
        deep_encoder="png",
        loses_aspect_ratio=("png",),
        keeps_turn=False,
    ),
}
SEQUENCES = {".png": _PNGS, ".jpg": _JPEGS, ".jpeg": _JPEGS}
"""By the ending of a pattern such as `out/frame_%04d.png`."""


def container_for(output: Place) -> Container:
    """The container that the ending of `output` names.

    Raises:
        OutputError: an ending that is not one of `CONTAINERS`, or that of a picture without the
            pattern of a number.
    """
    ending = output.suffix.lower()
    container = CONTAINERS.get(ending)
    if container is None and ending in SEQUENCES:
        if has_number(output.name):
            return SEQUENCES[ending]
        raise OutputError(
            f"{output}: a film becomes pictures with numbers; name them {output.stem}_%04d{ending} "
            "in a folder of their own"
        )
    if container is None:
        known = ", ".join(CONTAINERS)
        kind = output.suffix or "a name without an ending"
        raise OutputError(
            f"{output}: cannot write {kind}; name the output {known} or FOLDER/%04d.png"
        )
    return container


def whole_of(output: Place) -> Place:
    """What gets its name when it is whole: the file, or the folder of a sequence.

    Raises:
        OutputError: as `container_for`, or the folder has no name that it could be given.
    """
    if not container_for(output).is_sequence:
        return output
    folder = output.absolute().parent if isinstance(output, Path) else output.parent
    if not folder.name:
        raise OutputError(f"{output}: name a new folder for the pictures, as in FOLDER/%04d.png")
    return folder
