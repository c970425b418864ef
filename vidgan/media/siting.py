"""Where samples of chroma lie among those of luma.

swscale goes by what a frame says of that, and takes chroma for centred where it says nothing, as
pictures do that were RGB. Films have it at the left, above one another's middle where it is halved
downwards, too: that is what H.264 and HEVC mean when they say nothing (H.264, E.2.1,
chroma_sample_loc_type), what players take all others for, and what is written here. Half a pixel
of luma would be lost otherwise, with each conversion. PyAV has no name for what frames say, so
a filter says it.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import av
from av.filter import Graph

from vidgan.media.filters import one_filter
from vidgan.media.picture_order import h264_form_in, units_of

_KEPT = 4
"""Filters of a thread, each for frames of one size and format."""

_NEVER_SAID = {
    *("vp8", "vp9", "prores", "dnxhd", "ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv"),
    *("v210", "rawvideo", "libvpx", "libvpx-vp9"),  # the latter two of VP8 and VP9 with alpha
}
"""Decoders whose frames do not say it."""


def says_siting(decoder: str, container: str, *, pixel_format: str, heads: Sequence[bytes]) -> bool:
    """Whether what decoded frames say of it can be gone by, also where it is nothing: their chroma
    is centred then, as that of JPEG, MPEG-1 and H.263.

    `heads` are the stream's extradata, and its first packet.
    """
    if decoder == "h264":
        return _describes_video(heads)
    if decoder == "hevc":
        return "420" in pixel_format  # of others FFmpeg says nothing
    if decoder == "libdav1d":
        return _is_stated_by_av1c(heads[0])
    return decoder not in _NEVER_SAID or container == "yuv4mpegpipe"  # which says it in its header


def _describes_video(heads: Sequence[bytes]) -> bool:
    """Of H.264 FFmpeg says it where there is usability information, and else nothing."""
    for head in heads:
        try:
            for unit in units_of(head, is_h264=True):
                form = h264_form_in(unit) if unit else None
                if form is not None:
                    return form.describes_video
        except (ValueError, IndexError):  # damaged
            continue
    return True


def _is_stated_by_av1c(extradata: bytes) -> bool:
    """AV1 Codec ISO Media File Format Binding, 2.3.3: two bits, 0 where it is not known."""
    is_record = len(extradata) >= 4 and extradata[0] == 0x81
    return is_record and extradata[2] & 3 != 0


class _Graphs(threading.local):
    def __init__(self) -> None:
        self.built: OrderedDict[tuple[int, int, str], Graph] = OrderedDict()


_graphs = _Graphs()


def sited_left(frame: av.VideoFrame) -> av.VideoFrame:
    """The same picture, which says that its chroma is at the left.

    It shares the memory: FFmpeg's own is counted, but of a frame on numpy's that one must live.
    """
    key = frame.width, frame.height, frame.format.name
    graphs = _graphs.built
    graph = graphs.pop(key, None)  # one that fails does not come back
    if graph is None:
        graph = one_filter(*key, "setparams", "chroma_location=left", threads=1)
    graph.vpush(frame)
    sited = graph.vpull()
    graphs[key] = graph
    while len(graphs) > _KEPT:
        graphs.popitem(last=False)
    return sited
