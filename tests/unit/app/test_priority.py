"""Threads that step back, and those they begin, go behind the others; the process itself stays where it was."""

import os
import sys
import threading

import pytest

from breadboard.app.priority import BEHIND, behind, step_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the process's")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_what_is_done_behind_goes_behind_with_all_that_it_begins() -> None:
    before = niceness()
    found: list[int] = []

    def work() -> str:
        child = threading.Thread(target=lambda: found.append(niceness()))
        child.start()
        child.join()
        found.append(niceness())
        return "done"

    assert behind(work) == "done"
    assert found == [BEHIND, BEHIND]
    assert niceness() == before


def test_what_breaks_behind_breaks_here() -> None:
    def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        behind(work)


def test_a_thread_that_has_stepped_back_stays_there() -> None:
    found: list[int] = []

    def work() -> None:
        step_back()
        found.append(niceness())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [BEHIND]
