"""Who writes steps back, and threads that are not Python's; all others stay as they were."""

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from breadboard.app.priority import BEHIND, Yielding

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the process's")


def niceness(thread: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, thread)


@contextmanager
def foreign() -> Iterator[int]:
    """Run a thread that Python does not know of, as a library would, and give its number."""
    number, found, done = ctypes.c_int(), threading.Event(), threading.Event()
    libc = ctypes.CDLL(None)
    entry = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)

    def work(_: object) -> None:
        number.value = libc.gettid()
        found.set()
        done.wait(60)

    keep, thread = entry(work), ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(thread), None, keep, None) == 0
    assert found.wait(60)
    try:
        yield number.value
    finally:
        done.set()
        libc.pthread_join(thread, None)


def in_a_thread(work: "Yielding") -> int:
    """Give ``work`` its turn in a thread of its own; return how nice that was then."""
    found: list[int] = []

    def run() -> None:
        work.turn()
        found.append(niceness(threading.get_native_id()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_who_takes_turns_steps_back_and_nobody_else_of_pythons() -> None:
    stop, main = threading.Event(), threading.get_native_id()
    other = threading.Thread(target=stop.wait, daemon=True)
    other.start()
    try:
        before = niceness(main)
        assert in_a_thread(Yielding()) == min(before + BEHIND, 19)
        assert other.native_id is not None
        assert [niceness(main), niceness(other.native_id)] == [before, before]
    finally:
        stop.set()
        other.join()


def test_a_librarys_threads_step_back_also_one_that_began_later() -> None:
    yielding, usual = Yielding(), niceness(threading.get_native_id())
    nice = min(usual + BEHIND, 19)
    with foreign() as first:
        in_a_thread(yielding)
        assert niceness(first) == nice
        with foreign() as second:
            assert niceness(second) == usual
            in_a_thread(yielding)
            assert niceness(second) == nice


def test_where_a_sandbox_minds_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", refuses)
    assert in_a_thread(Yielding()) == niceness(threading.get_native_id())


def test_a_thread_of_pythons_that_has_not_said_its_number_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    yielding, begun = Yielding(), threading.Thread()
    everybody = threading.enumerate()
    with foreign() as thread:
        monkeypatch.setattr(threading, "enumerate", lambda: [*everybody, begun])
        in_a_thread(yielding)
        usual = niceness(threading.get_native_id())
        assert niceness(thread) == usual, "it could have been that one"
        monkeypatch.undo()
        in_a_thread(yielding)
        assert niceness(thread) == min(usual + BEHIND, 19)
