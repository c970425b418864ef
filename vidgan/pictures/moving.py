"""Pictures that move: what the heads of WebP and PNG files say of it, without decoding them."""

import struct
from pathlib import Path

_ANIMATED_WEBP = 0b10
_HEAD = 21
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS_LOOKED_AT = 100


def is_animation(path: Path) -> bool:
    """Whether a WebP or PNG file says that it moves; False of all else, or of what is not there."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":  # RFC 9649
                return len(head) == _HEAD and bool(head[20] & _ANIMATED_WEBP)
            if head[:8] != _PNG:
                return False
            file.seek(8)
            for _ in range(_CHUNKS_LOOKED_AT):
                size, kind = struct.unpack(">I4s", file.read(8))
                if kind in {b"acTL", b"IDAT"}:
                    return bool(kind == b"acTL")
                file.seek(size + 4, 1)
    except (OSError, ValueError, struct.error):
        pass
    return False


def is_animated_webp(path: Path) -> bool:
    """Of the two, the one that FFmpeg does not read."""
    return is_animation(path) and not _is_png(path)


def _is_png(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == _PNG
