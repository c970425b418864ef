"""What an encoder is shown after the last picture of a chunk, so that its end is no worse.

x264 and x265 spend bits on what later pictures are made from. At the end of a chunk they see none,
and the last pictures come out 0.5 to 1 dB worse than in one continuous encode (bench/borders.py).
The real future is in another chunk, not translated yet; but a film that runs backwards moves as
much as one that goes on, so the last pictures are shown once more, backwards, and thrown away. The
last real picture is made one that does not look at any after it.
"""

from collections import deque
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType


class Sender:
    """Sends pictures to an encoder that is open, with `future` of them once more at the end.

    Attributes:
        future: how many at most; none of a chunk of a single picture.
    """

    def __init__(self, context: VideoCodecContext, *, future: int) -> None:
        self.future = future
        self._context = context
        self._recent: deque[av.VideoFrame] = deque(maxlen=future + 1)

    def send(self, picture: av.VideoFrame) -> "list[av.Packet[Any]]":
        """The packets that are ready; where there is a future, each picture waits for the next."""
        if not self.future:
            return self._context.encode(picture)
        packets = self._context.encode(self._recent[-1]) if self._recent else []
        self._recent.append(picture)
        return packets

    def finish(self) -> "list[av.Packet[Any]]":
        """The packets that are still to come, of real pictures alone."""
        if not self._recent:
            return self._context.encode(None)
        last = self._recent.pop()
        end = _pts(last)
        if self._recent:
            last.pict_type = PictureType.P
        packets = self._context.encode(last)
        step = end - _pts(self._recent[-1]) if self._recent else 0
        for number, picture in enumerate(reversed(self._recent), start=1):
            picture.pts = end + number * step
            packets += self._context.encode(picture)
        packets += self._context.encode(None)
        return [packet for packet in packets if _pts(packet) <= end]


def _pts(timed: "av.VideoFrame | av.Packet[Any]") -> int:
    assert timed.pts is not None
    return timed.pts
