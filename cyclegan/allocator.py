"""Keeping freed memory: what a generator's activations need again for the next frame."""

import ctypes

# Of glibc's <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGEST_KEPT = 32 << 20  # bytes; glibc takes no more on 64-bit machines
_NEVER_TRIM = 1 << 30


def keep_freed_memory() -> bool:
    """Let this process keep the blocks it frees, instead of giving each back to the system.

    By default glibc maps blocks of some MB anew for each use, and the system clears them page by
    page: 5,000 page faults a frame of 256x256 in our small generator, a fifth of its time on a
    CPU. All threads then share one heap: those that glibc gives to threads end at 64 MB, and what
    one lane frees another could not use. The process then stays as large as its largest moment.
    True where it took effect; other C libraries have no such switch.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    kept: int = mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    never_trimmed: int = mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM)
    shared: int = mallopt(_M_ARENA_MAX, 1)
    return kept == never_trimmed == shared == 1
