"""A look at a film in a few places: what its header and its first picture do not tell."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import cast

import av
from av.container import InputContainer
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from vidgan.media.cues import finds_places
from vidgan.media.filters import one_filter
from vidgan.media.one_size import size_change, stored_size
from vidgan.media.restated import color_change
from vidgan.media.stream_facts import STEREO
from vidgan.media.types import Change, Fields, Film, FirstField

_PLACES = (Fraction(1, 10), Fraction(9, 20), Fraction(4, 5))
"""Shares of the length: not the very beginning, which is often black, nor the end."""
_FRAMES = 14
"""In each place, where there may be fields; one elsewhere."""
_LINES = frozenset(range(400, 1153)) - {720}
_NARROWEST = 64
_FASTEST = Fraction(31)
"""No interlaced system has fewer or more lines, or 720 of them, or more whole pictures a second.
Small pictures are not judged: those that were taken from one field, or from every other line, look
like fields; nor are those of a few columns, in which too little is seen."""
_NEVER_FIELDS = {
    "dnxhd",  # says of each picture which it is
    *("vp8", "vp9", "libvpx", "libvpx-vp9", "libdav1d"),
    *("gif", "apng", "png", "webp", "theora"),
}
_VOTES = 8
"""Pictures that must look like fields, of at most three times `_FRAMES`."""

_TOP_FIRST, _BOTTOM_FIRST = {2, 5}, {3, 4}
"""Of FFmpeg's AVFieldOrder: by which field is shown first."""
_TOP, _BOTTOM = 2, 3
"""The two that say one thing alone; the others QuickTime's writers state of either order."""

_NAMES = {
    "A53_CC": "closed captions",
    "AFD": "the active format description",
    "DOVI_METADATA": "Dolby Vision",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "FILM_GRAIN_PARAMS": "film grain parameters",
    "S12M_TIMECODE": "the pictures' timecodes",
    "SPHERICAL": "the projection of a spherical film",
    "STEREO3D": STEREO,
}
"""Side data of pictures that goes with the old ones; what is not here describes colours, which are
looked after, or nothing that is seen."""


@dataclass(frozen=True, slots=True)
class _Looks:
    """What the pictures looked at have in common."""

    sizes: tuple[tuple[int, int], ...]
    shapes: tuple[Fraction, ...]
    """Of pixels, as the codec says."""
    colors: tuple[Change, ...]
    side_data: tuple[str, ...]
    flagged: bool
    votes: Counter[str]


def look_around(film: Film, container: InputContainer, stream: AvVideoStream) -> Film:
    """The same film, with what is seen in a few places of it; the container is left anywhere."""
    looks = _look(film, container, stream)
    fields, first = _fields(looks, stream), _first_field(looks, stream)
    film = replace(film, video=replace(film.video, fields=fields, first_field=first))
    resized = (size_change(*size) for size in looks.sizes[1:])
    return replace(
        film,
        warnings=(*film.warnings, *_warnings(film, looks)),
        changes=(*resized, *looks.colors),
    )


def _look(film: Film, container: InputContainer, stream: AvVideoStream) -> _Looks:
    sizes: dict[tuple[int, int], None] = {stored_size(film.video): None}
    shapes: dict[Fraction, None] = {}
    colors: dict[Change, None] = {}
    side_data: dict[str, None] = {}
    votes: Counter[str] = Counter()
    flagged = False
    places = _PLACES if finds_places(film, container) else (None,) * len(_PLACES)
    for share in places:
        frames = list(_frames_at(share, film, container, stream))
        for frame in frames:
            sizes[frame.width, frame.height] = None
            side_data |= dict.fromkeys(_dropped(frame))
            if (change := color_change(frame, film.video)) is not None:
                colors[change] = None
            flagged = flagged or bool(frame.interlaced_frame)
        if frames:  # players take pixels of which nothing is said for square
            shapes[stream.codec_context.sample_aspect_ratio or Fraction(1)] = None
        if len(frames) > 1 and not flagged and len({(f.width, f.height) for f in frames}) == 1:
            votes += _judged(frames)
    seen = tuple(sizes), tuple(shapes), tuple(colors), tuple(side_data)
    return _Looks(*seen, flagged, votes)


def _frames_at(
    share: Fraction | None, film: Film, container: InputContainer, stream: AvVideoStream
) -> Iterator[VideoFrame]:
    """Some pictures in a row; fewer, or none, where damage or the kind of file is in the way.

    Without a share of the length, those that come next.
    """
    start = stream.start_time or 0
    try:
        if share is not None and film.duration is not None:
            place = start + int(share * film.duration / film.video.time_base)
            container.seek(place, stream=stream)
        yield from islice(container.decode(stream), _FRAMES if _may_be_fields(film) else 1)
    except (av.FFmpegError, OSError, ValueError):
        return


def _may_be_fields(film: Film) -> bool:
    video = film.video
    return (
        video.codec not in _NEVER_FIELDS
        and video.height in _LINES
        and video.width >= _NARROWEST
        and video.rate < _FASTEST
    )


def _judged(frames: Iterable[VideoFrame]) -> Counter[str]:
    """What FFmpeg's idet takes each picture for: tff, bff, progressive or undetermined."""
    graph: Graph | None = None
    votes: Counter[str] = Counter()
    for frame in (*frames, None):
        if graph is None:
            assert frame is not None
            graph = one_filter(frame.width, frame.height, frame.format.name, "idet")
        graph.vpush(frame)
        for judged in _pulled(graph):
            votes[str(judged.metadata.get("lavfi.idet.multiple.current_frame"))] += 1
    return votes


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return


def _fields(looks: _Looks, stream: AvVideoStream) -> Fields:
    """Flags count first; pictures without them are judged by their looks."""
    if looks.flagged:
        return "flagged"
    order = int(stream.codec_context.field_order)
    if order in _TOP_FIRST | _BOTTOM_FIRST:
        return "top first" if order in _TOP_FIRST else "bottom first"
    top, bottom = looks.votes["tff"], looks.votes["bff"]
    most, least = max(top, bottom), min(top, bottom)
    if most < _VOTES or most < 4 * least or most < 2 * looks.votes["progressive"]:
        return "progressive"
    return "top first" if top > bottom else "bottom first"


def _first_field(looks: _Looks, stream: AvVideoStream) -> FirstField:
    """Of pictures that are flagged; those of DV always begin at the bottom."""
    if not looks.flagged:
        return "unknown"
    order = int(stream.codec_context.field_order)
    if order == _BOTTOM or stream.codec_context.name == "dvvideo":
        return "bottom"
    return "top" if order == _TOP else "unknown"


def _dropped(frame: VideoFrame) -> Iterator[str]:
    try:
        side_data = cast("SideDataContainer", frame.side_data)
    except ValueError:  # a kind that PyAV does not know
        return
    for kind, name in _NAMES.items():
        if Type[kind] in side_data:
            yield name


def _is_told(name: str, film: Film) -> bool:
    """Already, as the container says it as well; or only where the output cannot say it."""
    is_kept = name == STEREO and film.says_layout
    return is_kept or any(warning.endswith(name) for warning in film.warnings)


def _warnings(film: Film, looks: _Looks) -> Iterator[str]:
    told = [name for name in looks.side_data if not _is_told(name, film)]
    if told:
        yield f"{film.path}: left out, since it went with the old pictures: " + ", ".join(told)
    if len(looks.sizes) > 1:
        sizes = ", ".join(f"{width}x{height}" for width, height in looks.sizes)
        yield f"{film.path}: its pictures change their size ({sizes}); all fit the first"
    for color in looks.colors:
        yield f"{film.path}: its pictures change their colours ({color.what}, {color.told})"
    if len(looks.shapes) > 1:
        shapes = ", ".join(f"{shape.numerator}:{shape.denominator}" for shape in looks.shapes)
        yield f"{film.path}: its pixels change their shape ({shapes}); all are shown in the first"
