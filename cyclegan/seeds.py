"""Seeds for generators of random numbers that must not run alike."""

import zlib


def mixed(*parts: object) -> int:
    """One well-mixed seed of 32 bits out of several numbers and words.

    More bits would be lost: torch's generator on a CPU (a Mersenne twister) takes only so many.
    """
    return zlib.crc32(repr(parts).encode())
