"""The films that can be read: the containers, and what can be relied on in each; the codecs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kind of container."""

    says: str
    """What it is called in messages."""
    has_slots: bool = False
    """No times are written: pictures lie in slots of equal length, in the order of decoding, and
    the k-th one that is shown belongs to the k-th slot (AVI)."""
    may_have_seams: bool = False
    """It may be put together of recordings, each with a clock of its own (transport streams)."""
    order_is_read: bool = False
    """Where times are missing or contradict each other, the codec is asked in which order pictures
    are shown. Others hold times that rise, or are kept free of that cost: see `clock`."""
    is_bare: bool = False
    """Coded pictures and nothing else. A rate that FFmpeg states is its own: the codec's counts."""
    is_counted: bool = False
    """Its times are the numbers of its pictures, and no rate is written anywhere."""
    length_is_guess: bool = False
    """FFmpeg works it out of a bit rate, which many films do not keep to."""
    is_searched: bool = False
    """Nothing says where pictures lie: to find a place, FFmpeg reads all that is before it. So it
    is in Matroska where cues are missing, see `cues`."""
    states_length: bool = False
    """Its header says how long it is, so that one that is cut off is recognised."""


SOURCES = {
    "mov,mp4,m4a,3gp,3g2,mj2": Source(says="mp4 or mov", states_length=True),
    "matroska,webm": Source(says="mkv or webm", states_length=True),
    "avi": Source(says="avi", has_slots=True, order_is_read=True, states_length=True),
    "mpegts": Source(says="mpeg-ts", may_have_seams=True, order_is_read=True),
    "mpeg": Source(says="mpg or vob", may_have_seams=True, order_is_read=True),
    "flv": Source(says="flv", order_is_read=True, is_searched=True, states_length=True),
    "asf": Source(says="wmv or asf", order_is_read=True, states_length=True),
    "ogg": Source(says="ogv", order_is_read=True),
    "mxf": Source(says="mxf", order_is_read=True),
    "gif": Source(says="gif"),
    "apng": Source(says="animated png"),
    "webp": Source(says="animated webp"),
    "yuv4mpegpipe": Source(says="y4m"),
    "image2": Source(says="numbered pictures", is_counted=True),
    "ivf": Source(says="ivf", is_searched=True),
    "dv": Source(says="raw dv"),
    "mjpeg": Source(says="bare motion jpeg", is_counted=True, is_searched=True),
    "jpeg_pipe": Source(says="bare motion jpeg", is_counted=True, is_searched=True),
    "mpegvideo": Source(
        says="bare mpeg-1 or mpeg-2",
        has_slots=True,
        order_is_read=True,
        is_bare=True,
        length_is_guess=True,
    ),
    "h264": Source(says="bare h264", order_is_read=True, is_bare=True),
    "hevc": Source(says="bare hevc", order_is_read=True, is_bare=True),
}
"""By FFmpeg's name of the demuxer; animated WebP, which FFmpeg does not read, by ours."""

FORMATS = ",".join(name for name in SOURCES if name not in {"webp", "image2"})
"""What FFmpeg may take a file for: no playlist, no list of other files, no device."""

DECODERS = {
    **{"h264": "h264", "hevc": "hevc", "vp8": "vp8", "vp9": "vp9", "av1": "libdav1d"},
    **{"mpeg1video": "mpeg1video", "mpeg2video": "mpeg2video", "mpeg4": "mpeg4"},
    **{"h263": "h263", "flv1": "flv", "theora": "theora"},
    **{"wmv1": "wmv1", "wmv2": "wmv2", "wmv3": "wmv3", "vc1": "vc1", "msmpeg4v3": "msmpeg4"},
    **{"mjpeg": "mjpeg", "prores": "prores", "dnxhd": "dnxhd", "dvvideo": "dvvideo"},
    **{"v210": "v210", "r210": "r210"},
    **{"ffv1": "ffv1", "huffyuv": "huffyuv", "ffvhuff": "ffvhuff", "utvideo": "utvideo"},
    **{"magicyuv": "magicyuv", "qtrle": "qtrle"},
    **{"rawvideo": "rawvideo", "msvideo1": "msvideo1", "cinepak": "cinepak"},
    **{"png": "png", "apng": "apng", "gif": "gif"},
    **{"bmp": "bmp", "tiff": "tiff", "webp": "webp"},
}
"""The codecs that are supported, and the decoder of each that takes raw packets."""

SHOWN_AS_DECODED = {
    *(
        "vp8",
        "vp9",
        "libvpx",
        "libvpx-vp9",
        "libdav1d",
        "h263",
        "flv",
        "wmv1",
        "wmv2",
        "msmpeg4",
        "theora",
    ),
    *("mjpeg", "prores", "dnxhd", "dvvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "magicyuv"),
    *("qtrle", "v210", "r210"),
    *("rawvideo", "msvideo1", "cinepak", "png", "apng", "gif", "bmp", "tiff", "webp"),
}
"""Decoders of codecs without B frames: each packet is one picture, shown in the order of decoding
(VP9's and AV1's hidden pictures share a packet with a shown one)."""


def source_of(container: str) -> Source:
    """What is known of a container, by the name that `Film.container` has."""
    return SOURCES.get(container, Source(says=container))
