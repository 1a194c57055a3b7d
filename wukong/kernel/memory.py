"""What a process does with memory that it no longer needs: glibc keeps much of it. Elsewhere nothing happens.

Without this a server stays larger by several times the largest document that it has ever read or put away.
"""

import ctypes
from contextlib import suppress
from typing import Final

_MMAP_THRESHOLD: Final = -3  # names of mallopt(3)
_ARENA_MAX: Final = -8
_LARGE: Final = 128 * 1024
_ARENAS: Final = 2


def give_back_large() -> None:
    """Let large blocks go back to the system as soon as they are free. Call it early, before there are threads.

    glibc begins so, but for blocks of a size that was freed once it changes its mind.
    """
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Give back all that is free, in the middle of the heaps too. Takes about a millisecond for 100 MB."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
