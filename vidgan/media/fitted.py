"""What an output makes of pictures that it cannot hold as they are: square, or of its colours."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from vidgan.media.containers import Container
from vidgan.media.encoder_table import ENCODERS
from vidgan.media.types import Film, Treatment, VideoStream

_P3 = {11, 12}
"""Of H.273's primaries: those of cinemas and of displays."""


def as_encoded(video: VideoStream, kind: Container, codec: str) -> VideoStream:
    """The pictures as they are encoded: of square pixels where the output knows no others.

    Of limited range, or of the colours that a kind of file has by definition, likewise.

    The longer side of a pixel stays, so that no detail is lost.
    """
    video = replace(video, alpha=video.alpha and keeps_alpha(kind, codec))
    lines = ENCODERS[codec].marked_lines
    if lines is None or video.height % lines:
        video = replace(video, first_field="unknown")
    color = ENCODERS[codec].color
    if not ENCODERS[codec].has_full_range:
        video = replace(video, color=replace(video.color, full_range=False))
    if color is not None:
        video = replace(video, color=color)
    if not becomes_square(video, kind, codec):
        return video
    aspect = video.sample_aspect_ratio or Fraction(1)
    width, height = video.width, video.height
    if aspect > 1:
        width = _even(width * aspect)
    else:
        height = _even(height / aspect)
    return replace(
        video,
        width=width,
        height=height,
        sample_aspect_ratio=None,
        unscaled=(video.width, video.height),
    )


def keeps_alpha(kind: Container, codec: str) -> bool:
    """Whether transparent pictures stay so."""
    return bool(ENCODERS[codec].alpha) and codec not in kind.loses_alpha


def becomes_square(video: VideoStream, kind: Container, codec: str) -> bool:
    """Whether pixels that are not square are made so."""
    return video.sample_aspect_ratio not in {None, 1} and codec in kind.loses_aspect_ratio


def said_of_fit(
    before: VideoStream, after: VideoStream, *, ending: str, codec: str
) -> Iterator[str]:
    """What somebody should know of it."""
    if after.unscaled is not None:
        yield (
            f"pixels of shape {before.sample_aspect_ratio} become square: {after.width}x"
            f"{after.height} instead of {before.width}x{before.height}, since {ending} with "
            f"{codec} holds no others; .mp4 does"
        )


def said_of_colors(film: Film, after: VideoStream) -> Iterator[str]:
    """Colours that the generator does not know, and that stay."""
    primaries = film.video.color.primaries
    if primaries in _P3 and after.color.primaries == primaries:
        yield (
            f"{film.path}: its colours of P3 are kept, and seen as if they were BT.709's: a little "
            "paler than they are"
        )


def said_of_alpha(
    before: VideoStream, after: VideoStream, treatment: Treatment, *, ending: str, codec: str
) -> Iterator[str]:
    """Where transparent parts do not stay so, and nobody has said what is to show through them."""
    if not before.alpha or after.alpha or treatment.background is not None:
        return
    if treatment.compare is not None:
        yield "transparent parts lie over black in two pictures put together, or over --background"
        return
    yield (
        f"transparent parts lie over black, or over --background, since {ending} with {codec} "
        "holds none; .webm with libvpx-vp9 does"
    )


def _even(side: Fraction) -> int:
    return max(2, 2 * round(side / 2))
