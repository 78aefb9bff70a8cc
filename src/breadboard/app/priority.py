"""Who goes first inside a process when there are more threads than processors."""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

BEHIND: Final = 10
"""How much nicer than the process: a tenth of its share while both want a processor, all of it otherwise."""
_NICEST: Final = 19
_THREADS: Final = Path("/proc/self/task")


class Yielding:
    """Has the thread that calls ``turn``, and all threads that are not Python's, step back behind the rest (Linux).

    Those are an embedded store's, which merge, insert and answer, and those of other libraries. The store's begin
    whenever it likes, out of whichever thread asks it, and take over that one's standing; so they are looked for again
    each turn. They are nice and not of the idle class: beside a program that takes all processors the store would
    fall behind then, and the engine has to wait for it. Elsewhere, and where a sandbox minds, nothing happens.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def turn(self) -> None:
        """Look who is there. Takes a few microseconds for each thread, and some more for each new one."""
        if sys.platform != "linux":
            return
        with suppress(OSError):
            before = _pythons()
            there = {int(name) for name in os.listdir(_THREADS)}  # noqa: PTH208 - names only
            known = before | _pythons()  # who has just begun, and who is just ending
            if None in known:
                return  # one that has begun, and has not yet said which it is: next time
            nice = min(_NICEST, os.getpriority(os.PRIO_PROCESS, os.getpid()) + BEHIND)
            for thread in (there - self._seen - known) | ({threading.get_native_id()} - self._seen):
                with suppress(ProcessLookupError):  # it has ended
                    os.setpriority(os.PRIO_PROCESS, thread, nice)
            self._seen = there


def _pythons() -> set[int | None]:
    return {thread.native_id for thread in threading.enumerate()}
