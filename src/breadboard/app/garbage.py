"""What the garbage collector need not look at."""

import gc


def set_aside() -> None:
    """Free what is garbage, and never again look at what is there now: it lives as long as the process.

    Loaded modules are some hundred thousand objects. A full collection that looks at them stops every thread for more
    than 50 ms, and comes when it likes; of what is made afterwards, there is little.
    """
    gc.collect()
    gc.freeze()
