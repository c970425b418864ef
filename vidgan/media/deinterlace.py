"""Whole pictures out of fields: two half pictures, taken one after the other, woven into one.

FFmpeg's bwdif in its mode send_frame: as many pictures out as in. It looks at the picture before
and the one after; a chunk that brings both (`ChunkReader`) gives what one pass over the film does.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from av.video.frame import VideoFrame

from vidgan.media.filters import one_filter
from vidgan.media.types import Deinterlace, Fields, Film, VideoStream

_NARROWEST, _LOWEST = 3, 4
"""Pixels of a plane: bwdif takes no smaller ones."""
_PARITY = {"top first": "tff", "bottom first": "bff"}


def is_deinterlaced(video: VideoStream, wish: Deinterlace) -> bool:
    """Whether pictures of a film are made anew from others beside them."""
    return wish == "on" or (wish == "auto" and video.fields != "progressive")


def said_of_fields(film: Film, wish: Deinterlace, after: VideoStream) -> Iterator[str]:
    """What becomes of the fields of a film, whose output has pictures as described `after`."""
    if film.video.fields == "progressive" or after.first_field != "unknown":
        return
    if wish == "off":
        yield (
            f"{film.path} is interlaced: its fields stay in the picture, and the output is marked "
            "as progressive; players that make pictures whole have to be told to"
        )
    else:
        yield f"{film.path} is interlaced: without --deinterlace off its pictures are made whole"


class FieldMark:
    """Marks pictures as interlaced: PyAV cannot, FFmpeg's filter for that can."""

    def __init__(self, video: VideoStream, pixel_format: str) -> None:
        field = "tff" if video.first_field == "top" else "bff"
        kind = video.width, video.height, pixel_format
        self._graph = one_filter(*kind, "setfield", field, threads=1)

    def mark(self, picture: VideoFrame) -> VideoFrame:
        """The same picture, that says so."""
        self._graph.vpush(picture)
        marked = self._graph.vpull()
        marked.pts, marked.time_base = picture.pts, picture.time_base
        return marked


def deinterlaced(
    frames: Iterable[VideoFrame], fields: Fields, wish: Deinterlace
) -> Iterator[VideoFrame]:
    """The same pictures at the same times, in order; those made of fields are made whole.

    With "auto" those that say that they are interlaced, or all where the film as a whole is; also
    where it begins in the middle of a film that had none before. With "on" all, with "off" none.
    Those too small for the filter are left as they are.
    """
    if wish == "off":
        yield from frames
        return
    parity = _PARITY.get(fields, "auto")
    only_flagged = wish == "auto" and fields not in _PARITY
    before: VideoFrame | None = None
    weaver: _Weaver | None = None
    for frame in frames:
        if _is_tiny(frame):
            if weaver is not None:
                yield from weaver.push(None)
            weaver = before = None
            yield frame
            continue
        if weaver is None and only_flagged and not frame.interlaced_frame:
            yield frame
            before = frame
            continue
        if weaver is None or weaver.kind != _kind(frame):
            if weaver is not None:
                yield from weaver.push(None)
                before = None
            weaver = _Weaver(frame, parity=parity, only_flagged=only_flagged)
            if before is not None and _kind(before) == weaver.kind:
                weaver.show(before)
        yield from weaver.push(frame)
    if weaver is not None:
        yield from weaver.push(None)


def _is_tiny(frame: VideoFrame) -> bool:
    width = min(frame.width, frame.format.chroma_width(frame.width))
    height = min(frame.height, frame.format.chroma_height(frame.height))
    return width < _NARROWEST or height < _LOWEST


def _kind(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


class _Weaver:
    """A filter for frames of one size and format."""

    def __init__(self, like: VideoFrame, *, parity: str, only_flagged: bool) -> None:
        self.kind = _kind(like)
        which = "interlaced" if only_flagged else "all"
        how = f"mode=send_frame:parity={parity}:deint={which}"
        self._graph = one_filter(*self.kind, "bwdif", how)
        self._times: deque[tuple[int | None, bool]] = deque()

    def show(self, frame: VideoFrame) -> None:
        """A picture before the first that is wanted."""
        self._times.append((frame.pts, False))
        self._graph.vpush(frame)

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Take a picture, or the end; give those that are done, each under its own time."""
        if frame is not None:
            self._times.append((frame.pts, True))
        self._graph.vpush(frame)
        while self._times:
            try:
                made = self._graph.vpull()
            except (BlockingIOError, EOFError):
                return
            made.pts, wanted = self._times.popleft()
            if wanted:
                yield made
