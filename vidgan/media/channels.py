"""Channels of sound as an encoder takes them: each is still heard, and what changes is said."""

import re
from dataclasses import dataclass
from fractions import Fraction

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.error import FFmpegError
from av.filter import Graph

_MPEG = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1")
_VORBIS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
LAYOUTS = {
    "aac": _MPEG,  # others players may not know; FFmpeg says 7.1 as the standard says 7.1(wide)
    "alac": (*_MPEG, "6.1(back)"),
    "flac": (
        *_VORBIS,
        *("2.1", "3.0(back)", "4.0", "quad(side)", "3.1", "5.0(side)", "4.1", "5.1(side)"),
        *("6.0", "6.0(front)", "hexagonal", "6.1(back)", "6.1(front)", "7.0", "7.0(front)"),
        *("7.1(wide)", "7.1(wide-side)", "octagonal", "5.1.2", "5.1.2(back)"),
    ),
    "libopus": _VORBIS,
}
"""Those that an encoder takes; of one number of channels the first is what they usually are."""
_USUAL = {7: "6.1", 8: "7.1"}
"""Where an encoder has none of as many."""
_UNSTATED = re.compile(r"\d+ channels")
_LIKE = {"BL": "SL", "BR": "SR", "SL": "BL", "SR": "BR", "DL": "FL", "DR": "FR"}
"""Channels that FFmpeg puts in the place of others which the source does not have."""
_PLAIN = 2
"""As many channels are mono or stereo, whether or not somebody says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Layouts, by FFmpeg's names, on the way from a source to an encoder."""

    stated: str
    """By the source; "3 channels" where it says no more."""
    taken: str
    """What these are taken for."""
    becomes: str
    """What the encoder gets."""

    @property
    def said(self) -> str | None:
        """What changes, in words; None where each channel stays what it is."""
        count = AudioLayout(self.taken).nb_channels
        mixed = _mixed(self.taken, self.becomes)
        added = AudioLayout(self.becomes).nb_channels - count
        becomes = f"become {self.becomes}" if mixed or added else ""
        if self.stated != self.taken and count > _PLAIN:
            taken = f"of no stated layout, are taken for {self.taken}"
            return f"its {self.stated}, {taken}" + f" and {becomes}" * bool(becomes)
        silent = len(mixed) and _unheard(self.taken, self.becomes)
        lost = f", in which {silent} of them {'is' if silent == 1 else 'are'} not heard"
        said = f"its {self.taken.removesuffix(' channels')} channels {becomes}"
        return (said + lost * bool(silent)) if becomes else None


def channels_for(encoder: str, stated: str) -> Channels:
    """How an encoder gets channels of a layout; as it is where it takes that."""
    layouts = LAYOUTS[encoder]
    count = AudioLayout(stated).nb_channels
    taken = stated
    if _UNSTATED.fullmatch(stated):
        own = [name for name in layouts if AudioLayout(name).nb_channels == count]
        taken = own[0] if own else _USUAL.get(count, stated)
    becomes = taken if taken in layouts else min(layouts, key=lambda name: _cost(taken, name))
    return Channels(stated=stated, taken=taken, becomes=becomes)


def _cost(taken: str, becomes: str) -> tuple[bool, int, int]:
    """Worst is to mix the bass, of which FFmpeg lets nothing be heard then; then to mix others."""
    mixed = _mixed(taken, becomes)
    held = AudioLayout(taken).nb_channels - len(mixed)
    silent = AudioLayout(becomes).nb_channels - held
    return "LFE" in mixed, len(mixed), silent if held else -silent


def _mixed(taken: str, becomes: str) -> set[str]:
    """The channels that do not get a place of their own."""
    source, target = _names(taken), _names(becomes)
    free = {name for name, like in _LIKE.items() if like in target and like not in source}
    if "BC" in target:  # to which FFmpeg prefers to mix them
        free -= {"BL", "BR"}
    return source - target - free


def _names(layout: str) -> set[str]:
    """Of its channels; they are numbered where nothing is known of them."""
    channels = AudioLayout(layout).channels
    return {f"{c.name}{n}" if c.name == "NONE" else c.name for n, c in enumerate(channels)}


def _unheard(taken: str, becomes: str) -> int:
    """How many channels FFmpeg's mixing leaves out, as it does with most of those overhead."""
    count = AudioLayout(taken).nb_channels
    silent = 0
    for number in range(count):
        frame = AudioFrame(format="s16", layout=taken, samples=1)
        sample = bytes(2 * number) + b"\0\x40" + bytes(2 * (count - number - 1))
        frame.planes[0].update(sample)
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        try:
            graph = _graph(frame, taken, ("s16", becomes, 48_000))
            graph.push(frame)
            heard = _pull(graph)
        except FFmpegError:
            return 0  # nothing of it can be converted, which is said elsewhere
        silent += not any(piece.to_ndarray().any() for piece in heard)
    return silent


class Converter:
    """Sound as it is decoded in, sound that an encoder takes out; of one form."""

    def __init__(self, target: AudioCodecContext) -> None:
        self._encoder = target.name
        # PyAV crashes where it looks into frames of eight planes, and takes them apart by itself.
        self._form = target.format.packed.name, target.layout.name, target.rate
        self._graph: Graph | None = None

    def convert(self, frame: AudioFrame | None) -> list[AudioFrame]:
        """What is ready once this frame is there; all the rest where there is none.

        Raises:
            FFmpegError: it cannot be converted.
        """
        if self._graph is None:
            if frame is None:
                return []
            taken = channels_for(self._encoder, frame.layout.name).taken
            self._graph = _graph(frame, taken, self._form)
        self._graph.push(frame)
        return _pull(self._graph)


def _graph(frame: AudioFrame, taken: str, form: tuple[str, str, int]) -> Graph:
    """From frames like this, with channels that are taken for a layout, to others."""
    graph = Graph()
    times = {} if frame.time_base is None else {"time_base": str(frame.time_base)}
    source = graph.add(
        "abuffer",
        sample_rate=str(frame.sample_rate),
        sample_fmt=frame.format.name,
        channel_layout=taken,
        **times,
    )
    sample_format, layout, rate = form
    wanted = graph.add(
        "aformat", sample_fmts=sample_format, channel_layouts=layout, sample_rates=str(rate)
    )
    sink = graph.add("abuffersink")
    source.link_to(wanted)
    wanted.link_to(sink)
    graph.configure()
    return graph


def _pull(graph: Graph) -> list[AudioFrame]:
    pieces: list[AudioFrame] = []
    while True:
        try:
            piece = graph.pull()
        except (BlockingIOError, EOFError):
            return pieces
        assert isinstance(piece, AudioFrame)
        pieces.append(piece)
