"""What a container says of a stream beside its packets, in the words of FFmpeg's own description.

PyAV gives no access to it but by that text, in which it stands on lines of their own.
"""

import re
import threading
from dataclasses import replace
from typing import Any, cast

import av
from av.container import InputContainer

from vidgan.media.types import Cut, Film

_STREAM = re.compile(r" {2}Stream #\d+:(\d+)\b")
_LINE = re.compile(r" {6}(\S[^:]*\S): (.*)")
"""Metadata, in which anybody may write anything, has its names padded with spaces."""
_CROPPING = re.compile(r"(\d{1,6})/(\d{1,6})/(\d{1,6})/(\d{1,6})\s*")
_messages = threading.Lock()
STEREO = "the layout of a stereoscopic film"
STEREO_TAG = "stereo_mode"
"""By which Matroska, and its muxer, say it."""
_TITLES = {
    "DOVI configuration record": "Dolby Vision",
    "Spherical Mapping": "the projection of a spherical film",
    "Stereo 3D": STEREO,
}


def side_data_of(container: InputContainer, index: int) -> dict[str, str]:
    """Titles and texts of the side data of a stream."""
    facts: dict[str, str] = {}
    current = -1
    in_side_data = False
    for line in _description(container).splitlines():
        if stream := _STREAM.match(line):
            current, in_side_data = int(stream[1]), False
        elif not line.startswith(" " * 6):
            in_side_data = line.strip() == "Side data:"
        elif current == index and in_side_data and (found := _LINE.fullmatch(line)):
            facts[found[1]] = found[2]
    return facts


def _description(container: InputContainer) -> str:
    """FFmpeg hands it out as messages, which PyAV keeps silent otherwise.

    The level of messages is the process's, so one thread at a time changes it; what others say
    meanwhile comes out afterwards, as far as it would have without that.
    """
    with _messages:
        before = av.logging.get_level()
        with av.logging.Capture(local=False) as of_others:
            av.logging.set_level(av.logging.INFO)
            try:
                text = str(cast("Any", container).dumps_format())  # which its stub lacks
            finally:
                av.logging.set_level(before)
        for level, name, message in of_others:
            if before is not None and level <= before:
                av.logging.log(level, name, message)
    return text


def with_stream_facts(film: Film, container: InputContainer) -> Film:
    """The same film, cut as its container says; what else that says of its pictures is a warning.

    ISO/IEC 14496-12, 12.1.4 (clap), and Matroska's PixelCrop elements.
    """
    facts = side_data_of(container, film.video.index)
    if STEREO_TAG in container.streams[film.video.index].metadata:
        film = replace(film, says_layout=True)
        facts.pop("Stereo 3D", None)
    left_out = tuple(
        f"{film.path}: left out, since it went with the old pictures: {name}"
        for title, name in _TITLES.items()
        if title in facts
    )
    cropping = _CROPPING.fullmatch(facts.get("Frame Cropping", ""))
    film = replace(film, warnings=(*film.warnings, *left_out))
    return film if cropping is None else _cropped(film, *map(int, cropping.groups()))


def _cropped(film: Film, left: int, right: int, top: int, bottom: int) -> Film:
    video = film.video
    width, height = video.width - left - right, video.height - top - bottom
    if min(width, height) < 1 or (width, height) == (video.width, video.height):
        return film
    cut = Cut(left=left, top=top, stored_width=video.width, stored_height=video.height)
    return replace(film, video=replace(video, width=width, height=height, cut=cut))
