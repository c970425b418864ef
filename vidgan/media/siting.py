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
from fractions import Fraction

import av
from av.filter import Graph

_KEPT = 4
"""Filters of a thread, each for frames of one size and format."""
_TICK = Fraction(1, 1000)

_NEVER_SAID = {
    *("vp8", "vp9", "prores", "dnxhd", "ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv"),
    *("v210", "rawvideo"),
}
"""Decoders whose frames do not say it."""


class _Graphs(threading.local):
    def __init__(self) -> None:
        self.built: OrderedDict[tuple[int, int, str], Graph] = OrderedDict()


_graphs = _Graphs()


def says_siting(decoder: str, container: str, *, pixel_format: str, extradata: bytes) -> bool:
    """Whether what decoded frames say of it can be gone by, also where it is nothing: their chroma
    is centred then, as that of JPEG, MPEG-1 and H.263.
    """
    if decoder == "hevc":
        return "420" in pixel_format  # of others FFmpeg says nothing
    if decoder == "libdav1d":
        return _is_stated_by_av1c(extradata)
    return decoder not in _NEVER_SAID or container == "yuv4mpegpipe"  # which says it in its header


def _is_stated_by_av1c(extradata: bytes) -> bool:
    """AV1 Codec ISO Media File Format Binding, 2.3.3: two bits, 0 where it is not known."""
    is_record = len(extradata) >= 4 and extradata[0] == 0x81
    return is_record and extradata[2] & 3 != 0


def sited_left(frame: av.VideoFrame) -> av.VideoFrame:
    """The same picture, on the same memory as long as that frame lives, saying that its chroma is
    at the left.
    """
    key = frame.width, frame.height, frame.format.name
    graphs = _graphs.built
    graph = graphs.get(key)
    if graph is None:
        graph = graphs[key] = _build(*key)
    graphs.move_to_end(key)
    while len(graphs) > _KEPT:
        graphs.popitem(last=False)
    graph.vpush(frame)
    return graph.vpull()


def _build(width: int, height: int, pixel_format: str) -> Graph:
    graph = Graph()
    format_ = av.VideoFormat(pixel_format)
    source = graph.add_buffer(width=width, height=height, format=format_, time_base=_TICK)
    stated = graph.add("setparams", "chroma_location=left")
    sink = graph.add("buffersink")
    source.link_to(stated)
    stated.link_to(sink)
    graph.configure()
    return graph
