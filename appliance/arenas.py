"""glibc's malloc keeps an arena for each thread that allocates, up to eight a core, and what was freed in it.

Measured over 110 to 150 travellers of `benchmarks/day.py`, box and simulation in one process: 303 to 310 MB
with as many arenas as glibc likes, 60 of them freed and kept; 258 to 265 MB with two. The work is Python's,
one thread at a time, so that there is little for more arenas to win.
"""

import ctypes
from typing import Final

ARENAS: Final = 2
_M_ARENA_MAX: Final = -8
"""malloc.h of glibc."""


def few_arenas(most: int = ARENAS) -> bool:
    """Let malloc have so many arenas at most; to be called before any thread is started.

    False where the C library has no such setting.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, most))
    except (OSError, AttributeError):
        return False
