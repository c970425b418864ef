"""How long a film is by its own header, where FFmpeg does not pass that on.

Of an AVI or an ASF whose size is not what its header says FFmpeg guesses the length anew, from what
is there: right for playing, but nothing tells any more that an end is missing.
"""

import struct
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vidgan.media.opening import first_bytes
from vidgan.media.sources import source_of
from vidgan.places import Place

_ASF_HEADER = 30
"""Bytes of the header object before the objects in it."""
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 1
_PNG_SIGNATURE = 8


def stated_seconds(place: Place, container: InputContainer, video: VideoStream) -> Fraction | None:
    """Seconds; None where nothing says."""
    name = container.format.name
    if not container.duration or source_of(name).length_is_guess:
        length = None
    else:
        length = Fraction(container.duration, av.time_base)
    match name:
        case "avi" if video.frames and video.time_base:
            return max(length or Fraction(0), video.frames * video.time_base)  # strh.dwLength
        case "asf" if length is None:
            return _of_asf(first_bytes(place))
    return length


def stated_frames(place: Place, container: InputContainer) -> int:
    """Of an animated PNG, by its acTL chunk (PNG, third edition, 11.3.6.1); 0 of all else."""
    if container.format.name != "apng":
        return 0
    data, offset = first_bytes(place), _PNG_SIGNATURE
    while offset + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        if kind == b"acTL":
            return int(struct.unpack_from(">I", data, offset + 8)[0])
        offset += 12 + size
    return 0


def _of_asf(data: bytes) -> Fraction | None:
    """The file properties object (Advanced Systems Format, revision 01.20.05, 3.2)."""
    offset = _ASF_HEADER
    while offset + 104 <= len(data):
        name, size = struct.unpack_from("<16sQ", data, offset)
        if name == _ASF_FILE_PROPERTIES:
            ticks, _, preroll, flags = struct.unpack_from("<QQQI", data, offset + 64)
            length = Fraction(ticks, 10**7) - Fraction(preroll, 10**3)
            return length if length > 0 and not flags & _ASF_BROADCAST else None
        offset += max(size, 24)
    return None
