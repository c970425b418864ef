"""Telling a lack of memory from other failures."""

import re

_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|STATUS_ALLOC_FAILED")


def is_of_memory(error: Exception) -> bool:
    """CPUs, and some of CUDA's libraries, say it by a plain RuntimeError."""
    return isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)) is not None
