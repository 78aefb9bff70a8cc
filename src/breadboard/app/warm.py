"""Compiles every kernel once; the machine code is cached beside the sources."""

import time
from collections.abc import Callable

from breadboard import feeds, journal
from breadboard.engine import warming


def run(say: Callable[[str], None]) -> float:
    """Compile room by room, telling which, and return the seconds it took."""
    started = time.perf_counter()
    for room, warm in (
        ("journal", journal.warm),
        ("feeds", feeds.warm),
        ("engine", warming.warm),
    ):
        say(room)
        warm()
    return time.perf_counter() - started
