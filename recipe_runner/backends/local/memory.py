"""Gives memory that nothing uses any more back to the system, where the C library keeps it.

A training step takes and frees tensors of many sizes between weights that stay, which leaves holes
in glibc's heap that it never gives back by itself: after some hundred steps they were most of what
a server held. `malloc_trim` returns the pages of the holes
(https://man7.org/linux/man-pages/man3/malloc_trim.3.html).
"""

from __future__ import annotations

import ctypes
from functools import cache


def give_back() -> None:
    """Return unused pages of the heap; takes some milliseconds, without the interpreter's lock.

    Does nothing where the C library has no such call.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    library = ctypes.CDLL(None)
    return getattr(library, "malloc_trim", None)
