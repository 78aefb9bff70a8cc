"""How a long-lived process deals with memory."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

_TRIM_THRESHOLD: Final = -1
_TOP_PAD: Final = -2
_MMAP_THRESHOLD: Final = -3
"""Options of glibc's ``mallopt`` (malloc.h)."""
_KEPT_BYTES: Final = 512 << 20


def set_aside() -> None:
    """Free what is garbage, and never again look at what is there now: it lives as long as the process.

    Loaded modules are some hundred thousand objects. A full collection that looks at them stops every thread for more
    than 50 ms, and comes when it likes; of what is made afterwards, there is little.
    """
    gc.collect()
    gc.freeze()


def keep_pages() -> None:
    """Have the allocator keep up to 512 MiB of freed memory for the next batch, instead of giving it back.

    A batch of 65,536 events needs some 20 MB of columns, for a tenth of a second. By default each of them is fetched
    from the system page by page, zeroed, and given back: a tenth of all processor time at a million events a second.
    Without glibc nothing happens.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, 32 << 20)  # the most that it takes
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_TOP_PAD, 64 << 20)
