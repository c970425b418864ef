"""Films whose pictures are of special sizes, shapes or colours, or say more than pictures."""

from fractions import Fraction
from typing import Any

import av
import numpy as np

from tests.vidgan.films.broken import bare, moved, retimed
from tests.vidgan.films.crops import with_pixel_crop
from tests.vidgan.films.kit import BT709, DEEP, GOP, Kit, Sample, plain
from vidgan.media.types import Color, Treatment

HLG = Color(matrix=9, primaries=9, transfer=18, full_range=False)
_DNXHR = {"profile": "dnxhr_hq"}
_LEAST = (352, 288)
"""Of DNxHR, and of MPEG-2 in files of DVDs."""
_H263 = ((128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152))


def cropped(kit: Kit) -> Sample:
    path = kit.copy(kit.film("cropped.mkv", color=BT709))
    return Sample(path=with_pixel_crop(path, left=0, right=0, top=0, bottom=16))


def alpha(kit: Kit) -> Sample:
    """Clear in the lower half."""
    path, (width, height) = kit.folder / "clear.mov", kit.size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "rgba"
        for number in range(kit.frames):
            opacity = np.full((height, width, 1), 255, np.uint8)
            opacity[height // 2 :] = 0
            rgba = np.dstack([kit.draw(number, kit.size), opacity])
            frame = av.VideoFrame.from_ndarray(rgba, "rgba")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Sample(path=path, says="transparent parts lie over black, or over --background")


def _joined(kit: Kit, says: str, *, first: dict[str, Any] | None = None, **second: Any) -> Sample:
    """A transport stream whose halves have these options."""
    before = kit.film("a.ts", rate=25, **(first or {}))
    after = kit.film("b.ts", rate=25, **second)
    path, later = kit.folder / "joined.ts", 1 + kit.frames // 25
    path.write_bytes(before.read_bytes() + moved(after, kit.folder / "c.ts", later).read_bytes())
    times = [second + Fraction(i, 25) for second in (0, later) for i in range(kit.frames)]
    numbers = [*range(kit.frames), *range(kit.frames)]
    return Sample(path=path, times=times, numbers=numbers, says=says)


def sizes(kit: Kit) -> Sample:
    (width, height), other = kit.size, (kit.size[0] * 2 // 3 * 2, kit.size[1] * 3 // 2)
    said = f"({width}x{height}, {other[0]}x{other[1]}); all fit the first"
    return _joined(kit, said, size=other)


def shapes(kit: Kit) -> Sample:
    said = "change their shape (1:1, 4:3); all are shown"
    return _joined(kit, said, sample_aspect_ratio=Fraction(4, 3))


def colours(kit: Kit) -> Sample:
    """BT.601, which the second half is not."""
    first = Color(matrix=6, primaries=6, transfer=6, full_range=False)
    said = "its pictures change their colours (BT.709, read as such)"
    return _joined(kit, said, color=BT709, first={"color": first})


def odd(kit: Kit) -> Sample:
    size = (kit.size[0] + 1, kit.size[1] + 1)
    return plain("odd.mp4", "is an odd size", size=size, pixel_format="yuv444p")(kit)


def vob(kit: Kit) -> Sample:
    size = kit.large_enough(_LEAST)
    return plain("a.vob", codec="mpeg2video", size=size)(kit)


def mxf(kit: Kit) -> Sample:
    coded: dict[str, Any] = {"codec": "dnxhd", "pixel_format": "yuv422p", "codec_options": _DNXHR}
    return plain("a.mxf", size=kit.large_enough(_LEAST), rate=25, **coded)(kit)


def old(kit: Kit) -> Sample:
    size = kit.large_enough(*_H263)
    return plain("h263.3gp", codec="h263", size=size, codec_options=GOP)(kit)


def captions(kit: Kit) -> Sample:
    """A message of SEI with two letters of CEA-608 before each picture."""
    words = bytes.fromhex("b5 0031 47413934 03 41 ff fc c8c9 ff")
    message = b"\x00\x00\x01\x06\x04" + bytes([len(words)]) + words + b"\x80"
    stream = bare(kit.film("a.ts", rate=25, bframes=0), kit.folder / "plain.h264")
    path = kit.folder / "captions.h264"
    data = stream.read_bytes()
    for picture in (b"\x00\x00\x01\x65", b"\x00\x00\x01\x41"):
        data = data.replace(picture, message + picture)
    path.write_bytes(data)
    path = retimed(path, kit.folder / "captions.mkv", [40 * i for i in range(kit.frames)])
    times = [Fraction(i, 25) for i in range(kit.frames)]
    return Sample(path=path, times=times, says="went with the old pictures: closed captions")


def hdr(kit: Kit) -> Sample:
    return Sample(path=kit.film("hlg.mp4", color=HLG, **DEEP), treatment=Treatment(tonemap=True))
