"""A small film for every row of the media contract, and one for everything that is refused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, cycle, islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.vidgan.films.broken import bare, moved, packed, retimed
from tests.vidgan.films.crops import with_pixel_crop
from tests.vidgan.films.described_twice import with_second_description
from tests.vidgan.films.pictures import Draw, draw
from tests.vidgan.films.stills import write_numbered, write_webp
from tests.vidgan.films.tracks import with_packets
from vidgan.media.containers import CONTAINERS, SEQUENCES
from vidgan.media.encoder_table import ENCODERS
from vidgan.media.part import WHOLE, Part
from vidgan.media.types import UNTREATED, Color, Treatment

FRAMES = 12
SIZE = (96, 64)
GOP = {"g": "6"}
BT709 = Color(matrix=1, primaries=1, transfer=1, full_range=False)
BT2020 = Color(matrix=9, primaries=9, transfer=14, full_range=False)
HLG = Color(matrix=9, primaries=9, transfer=18, full_range=False)
PQ = Color(matrix=9, primaries=9, transfer=16, full_range=False)
_DEEP: dict[str, Any] = {"codec": "libx265", "pixel_format": "yuv420p10le"}
_DNXHR = {"profile": "dnxhr_hq"}
_LEAST = (352, 288)
"""Of DNxHR, and of MPEG-2 in files of DVDs."""
_H263 = ((128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152))
_PGS = [
    (100, bytes.fromhex("16000b 0060 0040 10 0000 80 00 00 00") + bytes.fromhex("800000")),
    (300, bytes.fromhex("16000b 0060 0040 10 0001 00 00 00 00") + bytes.fromhex("800000")),
]


@dataclass(frozen=True, kw_only=True)
class Kit:
    """What films are made with; a bench asks for longer, larger and livelier ones."""

    make_film: Callable[..., Path]
    folder: Path
    frames: int = FRAMES
    size: tuple[int, int] = SIZE
    gop: int = 6
    """Of codecs that `codec_options` knows."""
    draw: Draw = draw

    def film(self, name: str, **options: Any) -> Path:
        """Without sound, unless otherwise said."""
        usual = {"frames": self.frames, "size": self.size, "gop": self.gop, "draw": self.draw}
        return self.make_film(name, **(usual | {"audio": False} | options))

    def large_enough(self, *sizes: tuple[int, int]) -> tuple[int, int]:
        """The first of these that is not smaller."""
        fitting = (size for size in sizes if size[0] >= self.size[0] and size[1] >= self.size[1])
        return next(fitting, self.size)

    def copy(self, film: Path, name: str | None = None) -> Path:
        """One that may be changed."""
        path = self.folder / (name or film.name)
        path.write_bytes(film.read_bytes())
        return path


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A film, and what comes out of it; times and numbers by default are of `FRAMES` frames."""

    path: Path
    times: Sequence[Fraction] = tuple(Fraction(i, 24) for i in range(FRAMES))
    """Of its frames, in seconds."""
    numbers: Sequence[int] = tuple(range(FRAMES))
    """What they show."""
    treatment: Treatment = UNTREATED
    rate: Fraction | None = None
    part: Part = WHOLE
    says: str = ""
    """Part of a warning."""
    ending: str | None = None
    """Of the output; None for that of the default name."""
    codec: str | None = None
    maps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A film of `FilmSpec`'s options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    treatment: Treatment = UNTREATED

    def __call__(self, kit: Kit) -> Sample:
        path = kit.film(self.name, **self.options)
        rate = Fraction(self.options.get("rate", 24))
        times = tuple(Fraction(i) / rate for i in range(kit.frames))
        return Sample(path=path, times=times, says=self.says, treatment=self.treatment)


Make = Callable[[Kit], Sample]


def _plain(name: str, says: str = "", **options: Any) -> Plain:
    return Plain(name=name, options=options, says=says)


def _webp(kit: Kit) -> Sample:
    lengths = [*islice(cycle([40, 50, 60, 40, 300, 10]), kit.frames)]
    times = [Fraction(ms, 1000) for ms in (0, *accumulate(lengths[:-1]))]
    path = write_webp(kit.folder / "a.webp", lengths, kit.size, kit.draw)
    return Sample(path=path, times=times)


def _numbered(kit: Kit) -> Sample:
    numbers = range(7, 7 + kit.frames)
    path = write_numbered(kit.folder, "f_%03d.png", numbers, kit.size, kit.draw)
    times = [i * Fraction(1001, 24000) for i in range(kit.frames)]
    return Sample(path=path, times=times, rate=Fraction(24000, 1001))


def _bare(kit: Kit) -> Sample:
    source = kit.film("a.ts", rate=25)
    times = [Fraction(i, 25) for i in range(kit.frames)]
    path = bare(source, kit.folder / "a.h264")
    return Sample(path=path, times=times, says="it holds no times; its pictures are shown at 25")


def _wrapping(kit: Kit) -> Sample:
    """A clock of 33 bits at 90 kHz, which starts anew among the pictures."""
    path = moved(kit.film("a.ts"), kit.folder / "b.ts", 2**33 / 90_000 - 0.3)
    with av.open(str(path), options={"correct_ts_overflow": "0"}) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert min(times) < kit.frames / 24 * 90_000 < max(times)
    return Sample(path=path)


def _packed(kit: Kit) -> Sample:
    source = kit.film("a.avi", codec="mpeg4", bframes=1)
    return Sample(path=packed(source, kit.folder / "divx.avi"))


def _variable(kit: Kit) -> Sample:
    """With freezes of seconds, and pictures 1 ms apart."""
    lengths = cycle([40, 50, 10, 400, 10, 1490, 33, 33, 34, 6900, 1])
    milliseconds = [0, *islice(accumulate(lengths), kit.frames - 1)]
    times = [Fraction(ms, 1000) for ms in milliseconds]
    return Sample(path=kit.film("v.mp4", pts=milliseconds), times=times)


def _late(kit: Kit) -> Sample:
    ticks = [100_007 + 3750 * i for i in range(kit.frames)]
    options = {"pts": ticks, "time_base": Fraction(1, 90_000)}
    path = kit.film("late.mp4", container_options={"movie_timescale": "90000"}, **options)
    return Sample(path=path, times=[Fraction(tick, 90_000) for tick in ticks])


def _early(kit: Kit) -> Sample:
    """ASF's times are counted from 3.1 s before 0."""
    source = kit.film("a.wmv", codec="wmv2", codec_options=GOP)
    path = kit.folder / "early.wmv"
    as_they_are = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as old, av.open(str(path), "w", options=as_they_are) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = 40 * number - 200
            new.mux(packet)
    times = [Fraction(40 * i, 1000) for i in range(kit.frames)]
    return Sample(path=path, times=times, says="starts before zero: all of it was moved by 0.200 s")


def _trimmed(kit: Kit) -> Sample:
    """The pictures' edit list says that they begin three of them later."""
    path = kit.copy(kit.film("a.mp4"))
    data = bytearray(path.read_bytes())
    at = data.index(b"elst")
    data[at + 16 : at + 20] = (1024 + 3 * 512).to_bytes(4, "big")
    path.write_bytes(data)
    shown = range(3, kit.frames)
    return Sample(path=path, times=[Fraction(i - 3, 24) for i in shown], numbers=shown)


def _mended(kit: Kit) -> Sample:
    times = [40 * i for i in range(kit.frames)]
    wrong = times.copy()
    wrong[8] = wrong[7]
    path = retimed(kit.film("a.mp4", bframes=0), kit.folder / "twice.mkv", wrong)
    said = "1 picture had no time, or one that repeats or goes back"
    return Sample(path=path, times=[Fraction(ms, 1000) for ms in times], says=said)


def _seam(kit: Kit) -> Sample:
    source = kit.film("a.ts", rate=25)
    halves = [moved(source, kit.folder / f"{hour}.ts", 3600 * hour) for hour in (9, 2)]
    path = kit.folder / "both.ts"
    path.write_bytes(b"".join(half.read_bytes() for half in halves))
    times = [Fraction(i, 25) for i in range(2 * kit.frames)]
    numbers = [*range(kit.frames), *range(kit.frames)]
    return Sample(path=path, times=times, numbers=numbers, says="its clock starts anew at")


def _cut_off(kit: Kit) -> Sample:
    whole = kit.film("cut.mkv", frames=max(100, 2 * kit.frames)).read_bytes()
    path = kit.folder / "cut.mkv"
    path.write_bytes(whole[: len(whole) // 2])
    with av.open(str(path)) as container:
        there = sum(1 for packet in container.demux(video=0) if packet.size)
    times = [Fraction(i, 24) for i in range(there)]
    return Sample(path=path, times=times, numbers=range(there), says="is cut off at")


def _cropped(kit: Kit) -> Sample:
    path = kit.copy(kit.film("cropped.mkv", color=BT709))
    return Sample(path=with_pixel_crop(path, left=0, right=0, top=0, bottom=16))


def _alpha(kit: Kit) -> Sample:
    """Clear in the lower half."""
    path, (width, height) = kit.folder / "clear.mov", kit.size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "rgba"
        for number in range(kit.frames):
            alpha = np.full((height, width, 1), 255, np.uint8)
            alpha[height // 2 :] = 0
            rgba = np.dstack([kit.draw(number, kit.size), alpha])
            frame = av.VideoFrame.from_ndarray(rgba, "rgba")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Sample(path=path, says="transparent parts lie over black, or over --background")


def _joined(kit: Kit, says: str, **options: Any) -> Sample:
    """A transport stream whose second half has these options."""
    first, second = kit.film("a.ts", rate=25), kit.film("b.ts", rate=25, **options)
    path, later = kit.folder / "joined.ts", 1 + kit.frames // 25
    path.write_bytes(first.read_bytes() + moved(second, kit.folder / "c.ts", later).read_bytes())
    times = [second + Fraction(i, 25) for second in (0, later) for i in range(kit.frames)]
    numbers = [*range(kit.frames), *range(kit.frames)]
    return Sample(path=path, times=times, numbers=numbers, says=says)


def _sizes(kit: Kit) -> Sample:
    (width, height), other = kit.size, (kit.size[0] * 2 // 3 * 2, kit.size[1] * 3 // 2)
    said = f"({width}x{height}, {other[0]}x{other[1]}); all fit the first"
    return _joined(kit, said, size=other)


def _shapes(kit: Kit) -> Sample:
    said = "change their shape (1:1, 4:3); all are shown"
    return _joined(kit, said, sample_aspect_ratio=Fraction(4, 3))


def _odd(kit: Kit) -> Sample:
    size = (kit.size[0] + 1, kit.size[1] + 1)
    return _plain("odd.mp4", "is an odd size", size=size, pixel_format="yuv444p")(kit)


def _vob(kit: Kit) -> Sample:
    size = kit.large_enough(_LEAST)
    return _plain("a.vob", codec="mpeg2video", size=size)(kit)


def _mxf(kit: Kit) -> Sample:
    coded: dict[str, Any] = {"codec": "dnxhd", "pixel_format": "yuv422p", "codec_options": _DNXHR}
    return _plain("a.mxf", size=kit.large_enough(_LEAST), rate=25, **coded)(kit)


def _old(kit: Kit) -> Sample:
    size = kit.large_enough(*_H263)
    return _plain("h263.3gp", codec="h263", size=size, codec_options=GOP)(kit)


def _captions(kit: Kit) -> Sample:
    """A message of SEI with two letters of CEA-608 before each picture."""
    words = bytes.fromhex("b5 0031 47413934 03 41 ff fc c8c9 ff")
    message = b"\x00\x00\x01\x06\x04" + bytes([len(words)]) + words + b"\x80"
    plain = bare(kit.film("a.ts", rate=25, bframes=0), kit.folder / "plain.h264")
    path = kit.folder / "captions.h264"
    data = plain.read_bytes()
    for picture in (b"\x00\x00\x01\x65", b"\x00\x00\x01\x41"):
        data = data.replace(picture, message + picture)
    path.write_bytes(data)
    path = retimed(path, kit.folder / "captions.mkv", [40 * i for i in range(kit.frames)])
    times = [Fraction(i, 25) for i in range(kit.frames)]
    return Sample(path=path, times=times, says="went with the old pictures: closed captions")


def _hdr(kit: Kit) -> Sample:
    return Sample(path=kit.film("hlg.mp4", color=HLG, **_DEEP), treatment=Treatment(tonemap=True))


def _bitmaps(ending: str) -> Make:
    def make(kit: Kit) -> Sample:
        source = kit.film("film.mkv")
        path = with_packets(source, kit.folder / "pgs.mkv", "hdmv_pgs_subtitle", _PGS)
        said = f"is left out: {ending} holds no hdmv_pgs_subtitle" if ending != ".mkv" else ""
        return Sample(path=path, ending=ending, says=said)

    return make


def _attached(ending: str) -> Make:
    def make(kit: Kit) -> Sample:
        path = kit.folder / "font.mkv"
        with av.open(str(kit.film("film.mkv"))) as film, av.open(str(path), "w") as out:
            stream = out.add_stream_from_template(film.streams.video[0], opaque=True)
            out.add_attachment("face.ttf", "font/ttf", b"not really a font")
            for packet in (p for p in film.demux(video=0) if p.size):
                packet.stream = stream
                out.mux(packet)
        return Sample(path=path, ending=ending, says="holds none" if ending != ".mkv" else "")

    return make


def _in_another(made: Plain, ending: str, says: str) -> Make:
    """Not of the default name."""

    def make(kit: Kit) -> Sample:
        sample = made(kit)
        return Sample(path=sample.path, times=sample.times, ending=ending, says=says)

    return make


def _timecode(kit: Kit) -> Sample:
    path = kit.folder / "timecode.mov"
    with av.open(str(kit.film("film.mov"))) as film, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(film.streams.video[0], opaque=True)
        stream.metadata["timecode"] = "01:02:03:22"
        for packet in (p for p in film.demux(video=0) if p.size):
            packet.stream = stream
            out.mux(packet)
    return Sample(path=path)


def _data(kit: Kit) -> Sample:
    path = with_packets(kit.film("a.ts", rate=25), kit.folder / "data.ts", "klv", [(40, b"x" * 32)])
    times = [Fraction(i, 25) for i in range(kit.frames)]
    return Sample(path=path, times=times, says="data 1 is left out")


_PHONE = {
    "com.apple.quicktime.location.ISO6709": "+47.1234+008.5678+410/",
    "creation_time": "2024-05-06T07:08:09.000000Z",
    "title": "A walk",
}
_COVER = _plain("cover.mp4", cover=True)

FILMS: dict[str, Make] = {
    "mp4": _plain("a.m4v", rate=240),
    "mov": _plain("a.mov", rate=Fraction(120_000, 1001)),
    "3gp": _plain("a.3gp"),
    "mkv": _plain("a.mkv", open_gop=True),
    "webm": _plain("a.webm", codec="libvpx-vp9"),
    "avi": _plain("a.avi"),
    "mpeg-ts": _wrapping,
    "mpeg-ps": _vob,
    "flv": _plain("a.flv", bframes=0),
    "asf": _plain("a.wmv", codec="wmv2", codec_options=GOP),
    "mxf": _mxf,
    "ogv": _plain("a.ogv", codec="libvpx", codec_options=GOP),
    "gif": _plain("a.gif", codec="gif", pixel_format="rgb8", rate=25),
    "apng": _plain("a.apng", codec="apng", pixel_format="rgb24", rate=25),
    "webp": _webp,
    "y4m": _plain("a.y4m", codec="wrapped_avframe"),
    "numbered": _numbered,
    "raw-kinds": _plain("a.ivf", codec="libvpx"),
    "bare": _bare,
    "h264": _plain("a.mp4"),
    "hevc": _plain("hevc.mp4", codec="libx265"),
    "av1": _plain("av1.mp4", codec="libsvtav1"),
    "vp": _plain("vp8.mkv", codec="libvpx", codec_options=GOP),
    "mpeg-1-2": _plain("mpeg2.ts", codec="mpeg2video", open_gop=True),
    "mpeg-4": _plain("mpeg4.mp4", codec="mpeg4"),
    "packed": _packed,
    "jpeg": _plain("jpeg.mov", codec="mjpeg", pixel_format="yuvj422p"),
    "editing": _plain("prores.mov", codec="prores_ks", pixel_format="yuv422p10le"),
    "lossless": _plain("ffv1.mkv", codec="ffv1", codec_options=GOP),
    "old": _old,
    "steady": _plain("a.mp4", rate=Fraction(24_000, 1001)),
    "variable": _variable,
    "late": _late,
    "early": _early,
    "trimmed": _trimmed,
    "mended": _mended,
    "seam": _seam,
    "cut-off": _cut_off,
    "exact": _plain("a.mp4", rate=Fraction(60_000, 1001)),
    "to-1-ms": _plain("a.mkv", rate=Fraction(60_000, 1001)),
    "turned": _plain("turned.mov", rotation=90),
    "mirrored": _plain("mirrored.mkv", mirrored=True, rotation=270),
    "pixel-shape": _plain("shape.mp4", sample_aspect_ratio=Fraction(16, 11)),
    "cropped": _cropped,
    "odd": _odd,
    "chroma": _plain("chroma.mp4", pixel_format="yuv422p"),
    "grey": _plain("grey.mkv", codec="ffv1", pixel_format="gray"),
    "rgb": _plain("rgb.avi", codec="rawvideo", pixel_format="bgr24"),
    "alpha": _alpha,
    "interlaced": _plain("fields.mp4", interlaced=True),
    "sizes": _sizes,
    "shapes": _shapes,
    "side-data": _captions,
    "bt601": _plain("a.mp4", color=Color(matrix=5, primaries=5, transfer=6, full_range=False)),
    "bt709": _plain("a.mp4", color=BT709),
    "bt2020": _plain("wide.mp4", color=BT2020, **_DEEP),
    "guessed": _plain("a.mp4"),
    "full": _plain("full.mp4", pixel_format="yuvj420p"),
    "deep": _plain("deep.mp4", color=BT709, **_DEEP),
    "hdr": _hdr,
    "sound": _plain("sound.mp4", audio=True),
    "sound-coded": _plain("sound.avi", "becomes aac", codec="mpeg4", audio="pcm_s16le"),
    "lines": _plain("lines.mkv", subtitles=True),
    "lines-coded": _in_another(_plain("lines.mkv", subtitles=True), ".mp4", "becomes mov_text"),
    "lines-left": _bitmaps(".mp4"),
    "attached": _attached(".mkv"),
    "attached-left": _attached(".mp4"),
    "chapters": _plain("chapters.mp4", chapters=True),
    "tags": _plain("tags.mp4", metadata=_PHONE),
    "place": _plain(
        "place.mov", metadata=_PHONE, container_options={"movflags": "use_metadata_tags"}
    ),
    "cover": _COVER,
    "cover-left": _in_another(_COVER, ".mov", "holds none of its kind"),
    "timecode": _timecode,
    "data-left": _data,
    "second-picture": _plain("two.mkv", "video stream 1 is left out", video_tracks=2),
}
"""By the id of the row."""


def _file(name: str, data: bytes) -> Make:
    def make(kit: Kit) -> Sample:
        path = kit.folder / name
        path.write_bytes(data)
        return Sample(path=path)

    return make


def _without_index(kit: Kit) -> Sample:
    whole = kit.film("a.mp4").read_bytes()
    return _file("cut.mp4", whole[: whole.index(b"moov") - 4])(kit)


def _noise(kit: Kit) -> Sample:
    """Headers are sound, but no packet is."""
    source = kit.film("noise.mkv")
    path = kit.copy(source)
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    with av.open(str(source)) as container:
        for packet in (p for p in container.demux(video=0) if p.size):
            at = data.index(bytes(packet))
            data[at : at + packet.size] = rng.bytes(packet.size)
    path.write_bytes(data)
    return Sample(path=path)


def _dolby_5(kit: Kit) -> Sample:
    """As its own players know it: by four letters."""
    path = kit.copy(kit.film("dolby.mp4", **_DEEP))
    path.write_bytes(path.read_bytes().replace(b"hev1", b"dvhe"))
    return Sample(path=path)


def _with_gaps(kit: Kit) -> Sample:
    path = write_numbered(kit.folder, "f%02d.png", range(3, 12), SIZE)
    (kit.folder / "f05.png").unlink()
    return Sample(path=path)


def _described_twice(kit: Kit) -> Sample:
    first, second = kit.film("a.mp4"), kit.film("b.mp4", size=(128, 96))
    return Sample(path=with_second_description(first, second, kit.folder / "joined.mp4", first=6))


_YCGCO = Color(matrix=8, primaries=1, transfer=1, full_range=False)

REFUSED: dict[str, Make] = {
    "no-film": _file("list.mp4", b"#EXTM3U\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n"),
    "empty": _file("empty.mp4", b""),
    "no-index": _without_index,
    "no-picture": _plain("song.mp4", video_tracks=0, audio=True),
    "no-codec": _plain("rare.mkv", codec="snow"),
    "damaged": _noise,
    "pixel-format": _plain(
        "float.mkv",
        codec="ffv1",
        pixel_format="gbrpf32le",
        codec_options={"level": "4", "strict": "-2"},
    ),
    "matrix": _plain("ycgco.mp4", tagged_as=_YCGCO),
    "askew": _plain("askew.mp4", rotation=30),
    "hdr-untold": _plain("pq.mp4", color=PQ, **_DEEP),
    "dolby-5": _dolby_5,
    "number-missing": _with_gaps,
    "pattern-empty": lambda kit: Sample(path=kit.folder / "g%02d.png"),
    "rate-twice": lambda kit: Sample(path=kit.film("a.mp4"), rate=Fraction(24)),
    "part-empty": lambda kit: Sample(path=kit.film("a.mp4"), part=Part(start=Fraction(60))),
    "format-changes": _described_twice,
    "not-written": lambda kit: Sample(path=kit.film("a.mp4"), ending=".avi"),
    "codec-not-held": lambda kit: Sample(path=kit.film("a.mp4"), ending=".webm", codec="libx264"),
    "too-small": lambda kit: Sample(path=kit.film("a.mp4", size=(2, 2)), codec="libsvtav1"),
    "one-picture": lambda kit: Sample(path=kit.film("a.mp4"), ending=".png"),
    "map-missing": lambda kit: Sample(path=kit.film("a.mp4"), maps=("audio:1",)),
}
"""By the id of the refusal."""

WRITTEN = [
    (ending, codec)
    for ending, kind in {**CONTAINERS, **SEQUENCES}.items()
    for codec in kind.encoders
    if not ENCODERS[codec].is_hardware
]
"""Every ending and every codec that a film can be written as, but for those of hardware."""
