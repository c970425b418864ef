"""A film as an animated GIF: one palette of 256 colours for all of it, found in a pass before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream as AvVideoStream

from vidgan.media.loops import ENDLESS
from vidgan.media.types import EncodedChunk, Packet
from vidgan.media.verify import round_to_grid

TICK = Fraction(1, 100)
"""GIF counts hundredths of a second."""
_SHORTEST = 2
"""Ticks: viewers show what is shorter for a tenth of a second instead."""
_LOOKED_AT = 200
"""Frames, spread over the film, of which the palette is made."""
_LONGEST = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which frames a GIF shows, and when, in ticks of `TICK` from 0."""

    kept: tuple[int, ...]
    """Places of the frames in the film."""
    ticks: tuple[int, ...]
    last: int
    """How long the last one is shown."""


def plan_ticks(times: Sequence[Fraction], last: Fraction) -> Shown:
    """On the grid of GIF, from times in seconds; frames that come too soon are left out."""
    kept, ticks = [0], [0]
    for place, time in enumerate(times[1:], start=1):
        tick = round_to_grid(time - times[0], TICK)
        if tick - ticks[-1] >= _SHORTEST:
            kept.append(place)
            ticks.append(tick)
    end = round_to_grid(times[-1] + last - times[0], TICK)
    shown = min(max(end - ticks[-1], _SHORTEST), _LONGEST)
    return Shown(kept=tuple(kept), ticks=tuple(ticks), last=shown)


def write_gif(
    chunks: Callable[[], Iterable[EncodedChunk]],
    shown: Shown,
    size: tuple[int, int],
    part: Path,
    go_on: Callable[[], object],
    *,
    alpha: bool = False,
    repeats: int = ENDLESS,
) -> None:
    """Write it, from chunks of PNG pictures, which are read twice; memory does not grow.

    It says how often it `repeats` (see `repeats_of`). With `alpha` one colour of the palette is
    that of what is not seen: less than half opaque. `go_on` is called for each frame; what it
    raises stops the writing.
    """
    pixels = "rgba" if alpha else "rgb24"
    every = -(-len(shown.kept) // _LOOKED_AT)
    palette = _palette(_pictures(chunks(), shown.kept[::every], pixels), size, pixels, go_on)
    options = {"loop": str(repeats), "final_delay": str(shown.last)}
    with av.open(f"file:{part}", "w", format="gif", container_options=options) as container:
        stream = container.add_stream("gif", options={"threads": "1"})
        assert isinstance(stream, AvVideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "pal8"
        stream.time_base = stream.codec_context.time_base = TICK
        coloured = _coloured(_pictures(chunks(), shown.kept, pixels), palette, size, pixels)
        for frame, tick in zip(coloured, shown.ticks, strict=True):
            go_on()
            frame.pts, frame.time_base = tick, TICK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def said_of_gif(frames: int, shown: Shown, *, alpha: bool = False) -> Iterator[str]:
    """What is lost."""
    if alpha:
        yield "gif holds no half-transparent pixels: what is less than half opaque is not seen"
    yield "gif holds 256 colours, and times in hundredths of a second"
    if left := frames - len(shown.kept):
        yield f"{left} of {frames} frames are left out: gif shows at most 50 in a second"


def _pictures(
    chunks: Iterable[EncodedChunk], places: Sequence[int], pixels: str
) -> Iterator[av.VideoFrame]:
    """The frames at these places of the film, rising, in this format of 8 bits."""
    wanted = iter(places)
    place, following = 0, next(wanted, None)
    for chunk in chunks:
        for packet in chunk.packets:
            if place == following:
                yield _picture(packet).reformat(format=pixels)
                following = next(wanted, None)
            place += 1


def _picture(packet: Packet) -> av.VideoFrame:
    decoder = av.CodecContext.create("png", "r")
    assert isinstance(decoder, VideoCodecContext)
    bound: av.Packet[Any] = av.Packet(len(packet.data))
    bound.update(packet.data)
    (frame,) = [*decoder.decode(bound), *decoder.decode(None)]
    return frame


def _palette(
    pictures: Iterable[av.VideoFrame],
    size: tuple[int, int],
    pixels: str,
    go_on: Callable[[], object],
) -> av.VideoFrame:
    graph = Graph()
    source = _buffer(graph, size, pixels)
    maker = graph.add("palettegen", f"stats_mode=full:reserve_transparent={int(pixels == 'rgba')}")
    sink = graph.add("buffersink")
    source.link_to(maker)
    maker.link_to(sink)
    graph.configure()
    for number, picture in enumerate(pictures):
        go_on()
        source.push(_at(picture, number))
    source.push(None)
    palette = sink.pull()
    assert isinstance(palette, av.VideoFrame)
    return palette


def _coloured(
    pictures: Iterable[av.VideoFrame], palette: av.VideoFrame, size: tuple[int, int], pixels: str
) -> Iterator[av.VideoFrame]:
    """Dithered to the palette."""
    graph = Graph()
    source = _buffer(graph, size, pixels)
    colours = _buffer(graph, (palette.width, palette.height), palette.format.name)
    user = graph.add("paletteuse", "dither=sierra2_4a:diff_mode=rectangle")
    sink = graph.add("buffersink")
    source.link_to(user, 0, 0)
    colours.link_to(user, 0, 1)
    user.link_to(sink)
    graph.configure()
    colours.push(_at(palette, 0))
    colours.push(None)
    for number, picture in enumerate(pictures):
        source.push(_at(picture, number))
        yield from _ready(sink)
    source.push(None)
    yield from _ready(sink)


def _ready(sink: Any) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield sink.pull()
        except (BlockingIOError, av.EOFError):
            return


def _buffer(graph: Graph, size: tuple[int, int], pixel_format: str) -> Any:
    width, height = size
    return graph.add_buffer(
        width=width, height=height, format=av.VideoFormat(pixel_format), time_base=TICK
    )


def _at(picture: av.VideoFrame, number: int) -> av.VideoFrame:
    """With a time: filters go by it."""
    picture.pts, picture.time_base = number, TICK
    return picture
