"""The pictures of the output: those of the source, as they are after their treatment."""

from dataclasses import replace

from vidgan.media.types import Treatment, VideoStream


def shown(video: VideoStream, treatment: Treatment) -> VideoStream:
    """What the encoder is given, and the output's header describes.

    Two pictures in one are put together upright: nothing is left to be turned.
    """
    if treatment.compare is None:
        return video
    width, height = video.width, video.height
    aspect = video.sample_aspect_ratio
    if video.rotation % 180:
        width, height = height, width
        aspect = 1 / aspect if aspect else None
    if treatment.compare == "side":
        width *= 2
    elif treatment.compare == "stack":
        height *= 2
    return replace(video, width=width, height=height, sample_aspect_ratio=aspect, rotation=0)
