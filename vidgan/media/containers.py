"""The files that can be written: what each container is called, and which video it holds."""

from dataclasses import dataclass

from vidgan.errors import OutputError
from vidgan.places import Place

ALL_ENCODERS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9")


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
    writes_aspect_ratio: tuple[str, ...] = ALL_ENCODERS
    """Encoders whose sample aspect ratio survives. VP9 and AV1 have no room for it in their
    stream, and FFmpeg's Matroska muxer takes it from a field that PyAV cannot set."""

    @property
    def is_mp4(self) -> bool:
        """Whether it is of the QuickTime family: edit lists, any time base, faststart."""
        return self.format in {"mp4", "mov"}


_MP4 = Container(format="mp4", encoders=ALL_ENCODERS)
_SELF_DESCRIBING = ("libx264", "libx265")

CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container(format="mov", encoders=("libx264", "libx265")),
    ".mkv": Container(
        format="matroska",
        encoders=ALL_ENCODERS,
        holds_attachments=True,
        writes_aspect_ratio=_SELF_DESCRIBING,
    ),
    ".webm": Container(
        format="webm",
        encoders=("libvpx-vp9", "libsvtav1"),
        deep_encoder="libsvtav1",
        writes_aspect_ratio=_SELF_DESCRIBING,
    ),
}


def container_for(output: Place) -> Container:
    """The container that the ending of `output` names.

    Raises:
        OutputError: an ending that is not one of `CONTAINERS`.
    """
    container = CONTAINERS.get(output.suffix.lower())
    if container is None:
        known = ", ".join(CONTAINERS)
        ending = output.suffix or "a name without an ending"
        raise OutputError(f"{output}: cannot write {ending}; name the output {known}")
    return container
