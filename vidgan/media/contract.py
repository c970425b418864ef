"""The media contract: what goes in, and what comes out of it. docs/media.md is its text for people.

A row is one property of films; a film touches several. Each has a film in the tests, which shows
that every frame comes out at its time, and what else the row says. What is refused comes after,
with the words it is refused with.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vidgan.media.containers import container_for
from vidgan.media.glance import Glance
from vidgan.media.samples import is_grey, is_rgb
from vidgan.media.streams import TIMECODE, Copy, Leave, Plan, Transcode, plan_stream
from vidgan.media.tone import is_hdr
from vidgan.media.types import Film
from vidgan.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A film that has been looked at, and what it would be written as."""

    film: Film
    glance: Glance
    output: Place
    """Of the default name."""

    @property
    def said(self) -> tuple[str, ...]:
        """All warnings so far."""
        return (*self.film.warnings, *self.glance.count.warnings)

    def plans(self, kind: str) -> list[Plan]:
        """What becomes of the streams of a kind."""
        container = container_for(self.output)
        return [plan_stream(other, container) for other in self.film.others if other.kind == kind]


Test = Callable[[Found], bool]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the contract."""

    id: str
    goes_in: str
    comes_out: str
    applies: Test


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is not converted."""

    id: str
    goes_in: str
    words: str
    """Part of the line that says so."""


def rows_of(found: Found) -> list[Row]:
    """The rows that a film touches, in the order of the contract."""
    return [row for row in ROWS if row.applies(found)]


def _in(*containers: str) -> Test:
    return lambda found: found.film.container in containers


def _named(container: str, *endings: str) -> Test:
    return lambda found: (
        found.film.container.startswith(container) and found.film.path.suffix.lower() in endings
    )


def _but_named(container: str, *endings: str) -> Test:
    named = _named(container, *endings)
    return lambda found: found.film.container.startswith(container) and not named(found)


def _coded(*decoders: str) -> Test:
    return lambda found: found.film.video.codec in decoders


def _written(*formats: str) -> Test:
    return lambda found: container_for(found.output).format in formats


def _warned(words: str) -> Test:
    return lambda found: any(words in line for line in found.said)


def _pixels(*parts: str) -> Test:
    return lambda found: any(part in found.film.video.pixel_format for part in parts)


def _matrix(*numbers: int) -> Test:
    return lambda found: found.film.video.color.matrix in numbers


def _planned(kind: str, plan: type[Copy | Transcode | Leave]) -> Test:
    return lambda found: any(isinstance(made, plan) for made in found.plans(kind))


def _tagged(*names: str) -> Test:
    return lambda found: any(
        key.lower().rpartition("quicktime.")[2].startswith(names) for key in found.film.metadata
    )


def _is_odd(found: Found) -> bool:
    video = found.film.video
    return bool(video.width % 2 or video.height % 2)


def _has_timecode(found: Found) -> bool:
    return any(other.codec == TIMECODE for other in found.film.others)


def _leaves_data(found: Found) -> bool:
    return any(other.kind == "data" and other.codec != TIMECODE for other in found.film.others)


def _is_old(found: Found) -> bool:
    old = {"h263", "flv", "wmv1", "wmv2", "wmv3", "vc1", "msmpeg4", "theora", "cinepak"}
    return found.film.video.codec in old


_CONTAINERS = (
    Row("mp4", "mp4, m4v", "the same", _but_named("mov", ".mov", ".3gp", ".3g2")),
    Row("mov", "mov", "mov", _named("mov", ".mov")),
    Row("3gp", "3gp, 3g2", "mp4", _named("mov", ".3gp", ".3g2")),
    Row("mkv", "mkv", "mkv", _but_named("matroska", ".webm")),
    Row("webm", "webm", "webm, of VP9 and Opus", _named("matroska", ".webm")),
    Row("avi", "avi, which writes no times", "mp4, in the order of show, a slot each", _in("avi")),
    Row("mpeg-ts", "ts, m2ts, mts; the clock may wrap", "mp4, from 0 on", _in("mpegts")),
    Row("mpeg-ps", "mpg, mpeg, vob", "mp4, from 0 on", _in("mpeg")),
    Row("flv", "flv", "mp4", _in("flv")),
    Row("asf", "wmv, asf", "mp4", _in("asf")),
    Row("mxf", "mxf", "mp4", _in("mxf")),
    Row("ogv", "ogv", "mp4", _in("ogg")),
    Row("gif", "gif", "gif, to 1/100 s, of 256 colours", _in("gif")),
    Row("apng", "animated png", "mp4", _in("apng")),
    Row("webp", "animated webp", "mp4", _in("webp")),
    Row("y4m", "y4m", "mp4", _in("yuv4mpegpipe")),
    Row(
        "numbered",
        "numbered pictures, frame_%04d.png",
        "mp4, at --rate or 25 a second, which is said",
        _in("image2"),
    ),
    Row("raw-kinds", "raw dv, ivf", "mp4", _in("dv", "ivf")),
    Row(
        "bare",
        "bare h264, hevc, mpeg-1, mpeg-2, jpeg, without times",
        "mp4, at --rate, or its own, or 25 a second, which is said",
        _in("h264", "hevc", "mpegvideo", "mjpeg", "jpeg_pipe"),
    ),
)

_CODECS = (
    Row("h264", "H.264", "the output's codec, by default H.264", _coded("h264")),
    Row("hevc", "HEVC", "the output's codec", _coded("hevc")),
    Row("av1", "AV1; its film grain is drawn", "the output's codec", _coded("libdav1d")),
    Row("vp", "VP8, VP9", "the output's codec", _coded("vp8", "vp9", "libvpx", "libvpx-vp9")),
    Row("mpeg-1-2", "MPEG-1, MPEG-2", "the output's codec", _coded("mpeg1video", "mpeg2video")),
    Row("mpeg-4", "MPEG-4 part 2", "the output's codec", _coded("mpeg4")),
    Row(
        "packed",
        "MPEG-4 with packed B frames (DivX)",
        "each picture apart, in its slot",
        lambda found: found.film.video.packed,
    ),
    Row("jpeg", "Motion JPEG", "the output's codec", _coded("mjpeg")),
    Row("editing", "ProRes, DNxHD, DV", "the output's codec", _coded("prores", "dnxhd", "dvvideo")),
    Row(
        "lossless",
        "FFV1, HuffYUV, Ut Video, MagicYUV, PNG, QuickTime Animation, raw",
        "the output's codec",
        _coded(
            *("ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv"),
            *("png", "qtrle", "rawvideo", "v210", "r210"),
        ),
    ),
    Row("old", "H.263, FLV1, WMV, MS-MPEG-4, Cinepak", "the output's codec", _is_old),
)

_TIME = (
    Row(
        "steady",
        "pictures shown equally long, at any rate",
        "each at its time",
        lambda found: found.glance.is_steady,
    ),
    Row(
        "variable",
        "a rate that varies, freezes, gaps",
        "each at its time",
        lambda found: not found.glance.is_steady,
    ),
    Row(
        "late",
        "pictures that start after 0",
        "the same start",
        lambda found: (found.glance.start or 0) > 0,
    ),
    Row(
        "early",
        "times below 0",
        "in step from 0 on, which is said",
        lambda found: (found.glance.start or 0) < 0,
    ),
    Row(
        "trimmed",
        "pictures that an edit list hides",
        "those that are shown",
        lambda found: found.glance.is_trimmed,
    ),
    Row(
        "mended",
        "times that are missing, repeat or go back",
        "put between their neighbours, which is said",
        _warned("had no time, or"),
    ),
    Row(
        "seam",
        "recordings put together, each with its clock",
        "one that goes on, with the sound, which is said",
        _warned("its clock starts anew"),
    ),
    Row(
        "cut-off",
        "a film that ends before its header says",
        "what there is; how much is missing is said",
        _warned("cut off at"),
    ),
    Row("exact", "an output in mp4, m4v, mov", "times to the tick", _written("mp4", "mov")),
    Row("to-1-ms", "an output in mkv, webm", "times to 1/1000 s", _written("matroska", "webm")),
)

_PICTURE = (
    Row(
        "turned",
        "turned by 90, 180 or 270 degrees",
        "upright to the generator, and turned as it was",
        lambda found: found.film.video.rotation != 0,
    ),
    Row(
        "mirrored",
        "mirrored",
        "upright to the generator, and mirrored as it was",
        lambda found: found.film.video.mirrored,
    ),
    Row(
        "pixel-shape",
        "pixels that are not square",
        "of the same shape, or made square, which is said",
        lambda found: found.film.video.sample_aspect_ratio not in {None, 1},
    ),
    Row(
        "cropped",
        "pictures that the container crops",
        "what is shown of them",
        lambda found: found.film.video.cut is not None,
    ),
    Row("odd", "an odd width or height", "the same size, in 4:4:4 for H.264 and HEVC", _is_odd),
    Row("chroma", "4:1:1, 4:2:2, 4:4:0, 4:4:4", "4:2:0", _pixels("422", "444", "411", "440")),
    Row("grey", "grey", "4:2:0", lambda found: is_grey(found.film.video.pixel_format)),
    Row(
        "rgb",
        "RGB, palettes",
        "YUV of BT.709, tagged as sRGB",
        lambda found: is_rgb(found.film.video.pixel_format),
    ),
    Row(
        "alpha",
        "transparent parts",
        "kept in webm, gif, png, by ffv1, prores_ks; else over --background or black; said",
        lambda found: found.film.video.alpha,
    ),
    Row(
        "interlaced",
        "pictures made of two fields, as flagged or as seen",
        "whole ones, as many, unless --deinterlace off",
        lambda found: found.film.video.fields != "progressive",
    ),
    Row(
        "sizes",
        "pictures that change their size",
        "all of the first one's size, which is said",
        _warned("its pictures change their size"),
    ),
    Row(
        "shapes",
        "pixels that change their shape",
        "all of the first one's shape, which is said",
        _warned("its pixels change their shape"),
    ),
    Row(
        "side-data",
        "captions, timecodes and other data beside pictures",
        "left out, which is said",
        _warned("left out, since it went with the old pictures"),
    ),
)

_COLOUR = (
    Row(
        "colours",
        "colours that change in mid-stream",
        "read as each picture says, written in the first one's, which is said",
        _warned("its pictures change their colours"),
    ),
    Row("bt601", "BT.601, of 525 or 625 lines, FCC, SMPTE 240M", "the same", _matrix(4, 5, 6, 7)),
    Row("bt709", "BT.709", "the same", _matrix(1)),
    Row("bt2020", "BT.2020, SDR or HDR", "the same, of SDR; see hdr", _matrix(9, 10)),
    Row(
        "guessed",
        "colours that are not stated",
        "guessed by the size as players do, which probe says, and tagged",
        lambda found: bool(found.film.video.guessed),
    ),
    Row("full", "full range", "the same", lambda found: found.film.video.color.full_range),
    Row(
        "deep",
        "9 and more bits",
        "10 bits, by default in HEVC, in webm in AV1; said of more",
        lambda found: found.film.video.bits > 8,
    ),
    Row(
        "hdr",
        "PQ, HLG",
        "SDR in BT.709, with --tonemap",
        lambda found: is_hdr(found.film.video.color),
    ),
)

_BESIDE = (
    Row("sound", "sound that the output holds", "copied", _planned("audio", Copy)),
    Row(
        "sound-coded",
        "sound that it does not hold",
        "AAC, in webm Opus, in mov and mkv lossless of lossless; said",
        _planned("audio", Transcode),
    ),
    Row("lines", "subtitles that the output holds", "copied", _planned("subtitle", Copy)),
    Row(
        "lines-coded",
        "subtitles in text that it does not hold",
        "its own kind of text, which is said",
        _planned("subtitle", Transcode),
    ),
    Row(
        "lines-left",
        "subtitles in pictures that it does not hold",
        "left out, which is said",
        _planned("subtitle", Leave),
    ),
    Row("attached", "files attached in mkv, to mkv", "copied", _planned("attachment", Copy)),
    Row("attached-left", "files attached, to others", "said", _planned("attachment", Leave)),
    Row("chapters", "chapters", "copied", lambda found: found.film.chapters > 0),
    Row(
        "tags",
        "title, creation time, comments",
        "copied; named where the output has no name for one",
        _tagged("title", "creat", "comment"),
    ),
    Row("place", "the place of filming, as phones write it", "copied", _tagged("location")),
    Row("cover", "a cover, in mp4 and mkv", "copied", _planned("cover", Copy)),
    Row("cover-left", "a cover, in mov, webm", "left out, which is said", _planned("cover", Leave)),
    Row("timecode", "a timecode track", "the same time of day", _has_timecode),
    Row("data-left", "other data tracks", "left out, which is said", _leaves_data),
    Row(
        "second-picture",
        "a second video track",
        "left out, which is said",
        _warned("is left out; stream"),
    ),
)

ROWS = (*_CONTAINERS, *_CODECS, *_TIME, *_PICTURE, *_COLOUR, *_BESIDE)

REFUSALS = (
    Refusal("no-film", "what is no film, playlists among them", "is not a video that can be read"),
    Refusal("empty", "an empty file", "is empty (0 bytes)"),
    Refusal("no-index", "an mp4 cut off before its index", "its index (moov atom) is missing"),
    Refusal("no-picture", "sound alone", "has no video stream (it holds audio only)"),
    Refusal("no-codec", "codecs that are not listed", "video is not supported; convert it with"),
    Refusal("damaged", "a film without one sound packet", "no picture of the video stream can be"),
    Refusal(
        "pixel-format",
        "samples that are no whole numbers",
        "are not supported; convert",
    ),
    Refusal("matrix", "matrices such as YCgCo", "of H.273 is not supported"),
    Refusal("askew", "turned by other angles", "only 0, 90, 180 and 270 are supported"),
    Refusal("hdr-untold", "PQ, HLG without --tonemap", "say --tonemap to get it in SDR"),
    Refusal("dolby-5", "Dolby Vision, profile 5", "Dolby Vision without a picture that others"),
    Refusal("number-missing", "numbered pictures with gaps", "missing; add them or number"),
    Refusal("pattern-empty", "a pattern without pictures", "no picture fits this pattern"),
    Refusal(
        "rate-twice",
        "--rate, for films with times",
        "has times of its own; --rate is for",
    ),
    Refusal("part-empty", "a part without pictures", "no picture of it lies between"),
    Refusal("format-changes", "coding that changes in mp4, mkv", "changes its coding parameters"),
    Refusal("not-written", "an output .avi, .ts and others", "cannot write"),
    Refusal("codec-not-held", "a --codec that it does not hold", "file does not hold it"),
    Refusal("too-small", "pictures too small for a codec", "it cannot encode"),
    Refusal("one-picture", "a picture as output", "a film becomes pictures with numbers"),
    Refusal("map-missing", "a --map of what is not there", "of this kind, counted from 0"),
)
