"""A graph of FFmpeg's with one filter, for pictures of one size and format."""

from fractions import Fraction

from av.filter import Graph
from av.video.format import VideoFormat

_TICK = Fraction(1, 1000)
"""PyAV keeps each frame's own tick; the graph's is read by nobody."""


def one_filter(
    width: int, height: int, pixel_format: str, name: str, arguments: str = "", *, threads: int = 0
) -> Graph:
    """Pushed pictures of that size and format can be pulled, filtered; 0 threads are FFmpeg's own
    choice.
    """
    graph = Graph()
    graph.threads = threads
    source = graph.add_buffer(
        width=width, height=height, format=VideoFormat(pixel_format), time_base=_TICK
    )
    made = graph.add(name, arguments) if arguments else graph.add(name)
    graph.link_nodes(source, made, graph.add("buffersink")).configure()
    return graph
