"""A small film for every row of the media contract, and everything that films are written as."""

from fractions import Fraction

from tests.vidgan.films.beside import attached, bitmaps, data, in_another, timecode
from tests.vidgan.films.kit import BT709, DEEP, GOP, Make, plain
from tests.vidgan.films.looks import (
    alpha,
    captions,
    colours,
    cropped,
    hdr,
    mxf,
    odd,
    old,
    shapes,
    sizes,
    vob,
)
from tests.vidgan.films.timing import (
    bare_stream,
    cut_off,
    early,
    late,
    mended,
    numbered,
    packed_pictures,
    seam,
    trimmed,
    variable,
    webp,
    wrapping,
)
from vidgan.media.containers import CONTAINERS, SEQUENCES
from vidgan.media.encoder_table import ENCODERS
from vidgan.media.types import Color

BT2020 = Color(matrix=9, primaries=9, transfer=14, full_range=False)
_PHONE = {
    "com.apple.quicktime.location.ISO6709": "+47.1234+008.5678+410/",
    "creation_time": "2024-05-06T07:08:09.000000Z",
    "title": "A walk",
}
_COVER = plain("cover.mp4", cover=True)

FILMS: dict[str, Make] = {
    "mp4": plain("a.m4v", rate=240),
    "mov": plain("a.mov", rate=Fraction(120_000, 1001)),
    "3gp": plain("a.3gp"),
    "mkv": plain("a.mkv", open_gop=True),
    "webm": plain("a.webm", codec="libvpx-vp9"),
    "avi": plain("a.avi"),
    "mpeg-ts": wrapping,
    "mpeg-ps": vob,
    "flv": plain("a.flv", bframes=0),
    "asf": plain("a.wmv", codec="wmv2", codec_options=GOP),
    "mxf": mxf,
    "ogv": plain("a.ogv", codec="libvpx", codec_options=GOP),
    "gif": plain("a.gif", codec="gif", pixel_format="rgb8", rate=25),
    "apng": plain("a.apng", codec="apng", pixel_format="rgb24", rate=25),
    "webp": webp,
    "y4m": plain("a.y4m", codec="wrapped_avframe"),
    "numbered": numbered,
    "raw-kinds": plain("a.ivf", codec="libvpx"),
    "bare": bare_stream,
    "h264": plain("a.mp4"),
    "hevc": plain("hevc.mp4", codec="libx265"),
    "av1": plain("av1.mp4", codec="libsvtav1"),
    "vp": plain("vp8.mkv", codec="libvpx", codec_options=GOP),
    "mpeg-1-2": plain("mpeg2.ts", codec="mpeg2video", open_gop=True),
    "mpeg-4": plain("mpeg4.mp4", codec="mpeg4"),
    "packed": packed_pictures,
    "jpeg": plain("jpeg.mov", codec="mjpeg", pixel_format="yuvj422p"),
    "editing": plain("prores.mov", codec="prores_ks", pixel_format="yuv422p10le"),
    "lossless": plain("ffv1.mkv", codec="ffv1", codec_options=GOP),
    "old": old,
    "steady": plain("a.mp4", rate=Fraction(24_000, 1001)),
    "variable": variable,
    "late": late,
    "early": early,
    "trimmed": trimmed,
    "mended": mended,
    "seam": seam,
    "cut-off": cut_off,
    "exact": plain("a.mp4", rate=Fraction(60_000, 1001)),
    "to-1-ms": plain("a.mkv", rate=Fraction(60_000, 1001)),
    "turned": plain("turned.mov", rotation=90),
    "mirrored": plain("mirrored.mkv", mirrored=True, rotation=270),
    "pixel-shape": plain("shape.mp4", sample_aspect_ratio=Fraction(16, 11)),
    "cropped": cropped,
    "odd": odd,
    "chroma": plain("chroma.mp4", pixel_format="yuv422p"),
    "grey": plain("grey.mkv", codec="ffv1", pixel_format="gray"),
    "rgb": plain("rgb.avi", codec="rawvideo", pixel_format="bgr24"),
    "alpha": alpha,
    "interlaced": plain("fields.mp4", interlaced=True),
    "sizes": sizes,
    "shapes": shapes,
    "colours": colours,
    "side-data": captions,
    "bt601": plain("a.mp4", color=Color(matrix=5, primaries=5, transfer=6, full_range=False)),
    "bt709": plain("a.mp4", color=BT709),
    "bt2020": plain("wide.mp4", color=BT2020, **DEEP),
    "guessed": plain("a.mp4"),
    "full": plain("full.mp4", pixel_format="yuvj420p"),
    "deep": plain("deep.mp4", color=BT709, **DEEP),
    "hdr": hdr,
    "sound": plain("sound.mp4", audio=True),
    "sound-coded": plain("sound.avi", "becomes aac", codec="mpeg4", audio="pcm_s16le"),
    "lines": plain("lines.mkv", subtitles=True),
    "lines-coded": in_another(plain("lines.mkv", subtitles=True), ".mp4", "becomes mov_text"),
    "lines-left": bitmaps(".mp4"),
    "attached": attached(".mkv"),
    "attached-left": attached(".mp4"),
    "chapters": plain("chapters.mp4", chapters=True),
    "tags": plain("tags.mp4", metadata=_PHONE),
    "place": plain(
        "place.mov", metadata=_PHONE, container_options={"movflags": "use_metadata_tags"}
    ),
    "cover": _COVER,
    "cover-left": in_another(_COVER, ".mov", "holds none of its kind"),
    "timecode": timecode,
    "data-left": data,
    "second-picture": plain("two.mkv", "video stream 1 is left out", video_tracks=2),
}
"""By the id of the row."""

WRITTEN = [
    (ending, codec)
    for ending, kind in {**CONTAINERS, **SEQUENCES}.items()
    for codec in kind.encoders
    if not ENCODERS[codec].is_hardware
]
"""Every ending and every codec that a film can be written as, but for those of hardware."""
