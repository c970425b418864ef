"""The pictures of the output: those of the source, as they are after their treatment."""

from dataclasses import replace

from vidgan.media.seen import color_after
from vidgan.media.types import FirstField, Treatment, VideoStream


def shown(video: VideoStream, treatment: Treatment, *, keeps_turn: bool = True) -> VideoStream:
    """What the encoder is given, and the output's header describes.

    Two pictures in one are put together upright: nothing is left to be turned. The same where the
    container cannot say that a picture is to be turned (`keeps_turn`).
    """
    color = color_after(video.color)
    alpha = stays_transparent(video, treatment)
    keeps_fields = treatment.deinterlace == "off" and treatment.compare is None
    first = _first_field(video) if keeps_fields else "unknown"
    video = replace(
        video, fields="progressive", first_field=first, cut=None, alpha=alpha, color=color
    )
    if treatment.compare is None:
        return video if keeps_turn else _upright(video)
    video = _upright(video)
    if treatment.compare == "side":
        return replace(video, width=2 * video.width)
    if treatment.compare == "stack":
        return replace(video, height=2 * video.height)
    return video


def _first_field(video: VideoStream) -> FirstField:
    """Where an odd number of lines is cut off above, the other field has the first line."""
    if video.cut is None or video.cut.top % 2 == 0:
        return video.first_field
    other: dict[FirstField, FirstField] = {"top": "bottom", "bottom": "top"}
    return other.get(video.first_field, "unknown")


def stays_transparent(video: VideoStream, treatment: Treatment) -> bool:
    """Whether transparent parts are to stay so, where the output can hold that."""
    return video.alpha and treatment.compare is None and treatment.background is None


def _upright(video: VideoStream) -> VideoStream:
    width, height = video.width, video.height
    aspect = video.sample_aspect_ratio
    if video.rotation % 180:
        width, height = height, width
        aspect = 1 / aspect if aspect else None
    return replace(
        video,
        width=width,
        height=height,
        sample_aspect_ratio=aspect,
        rotation=0,
        first_field="unknown",
        mirrored=False,
    )
