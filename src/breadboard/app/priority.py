"""Who goes first inside a process when there are more threads than processors."""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

BEHIND: int = 10
"""How much nicer than the rest: a tenth of its share while both want a processor, all of it otherwise."""

T = TypeVar("T")


def step_back() -> None:
    """Let this thread, and threads that it begins from now on, go behind the others of the process (Linux).

    There the niceness is a thread's own, and elsewhere the whole process's: then nothing happens.
    """
    if hasattr(os, "sched_setaffinity"):  # the mark of Linux
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BEHIND)


def behind(work: Callable[[], T]) -> T:
    """Do ``work`` in a thread that has stepped back, so that what it begins for its own ends stays there."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        step_back()
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for us
            failure.append(error)

    thread = threading.Thread(target=run, name="behind")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
