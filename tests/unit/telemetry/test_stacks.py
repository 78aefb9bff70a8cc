"""A process that hangs, told on request and ended, in processes of their own."""

import os
import signal
import subprocess
import sys
import time

import pytest

from breadboard.telemetry.stacks import IS_WATCHED

HANGING = """
import asyncio, threading, time
from breadboard.telemetry import stacks

def held_up():
    threading.Event().wait()

async def main():
    watchdog = stacks.Watchdog(hangs_s=3.0)
    watchdog.watch(asyncio.get_running_loop())
    await asyncio.sleep(4.0)  # longer than it may hang
    print("fine so far", flush=True)
    {then}

asyncio.run(main())
"""


def ended(then: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HANGING.format(then=then)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


needs_a_clock = pytest.mark.skipif(not IS_WATCHED, reason="this Python waits by a clock that may be set")


@needs_a_clock
def test_a_loop_that_stands_still_ends_the_process_and_the_log_says_where() -> None:
    found = ended("held_up()")
    assert (found.returncode, found.stdout) == (1, "fine so far\n")
    assert "in held_up" in found.stderr


@needs_a_clock
def test_an_interpreter_that_is_held_for_ever_ends_the_process() -> None:
    found = ended("import ctypes; ctypes.PyDLL(None).pause()")
    assert (found.returncode, found.stdout) == (1, "fine so far\n")
    assert "in main" in found.stderr


def test_nobody_is_watched_after_the_end() -> None:
    found = ended("watchdog.end(); time.sleep(4.0)")
    assert (found.returncode, found.stdout, found.stderr) == (0, "fine so far\n", "")


def test_a_process_that_is_asked_tells_where_it_stands_and_goes_on() -> None:
    words = (
        "import time; from breadboard.telemetry import stacks; stacks.tell_on_request(); print(flush=True)\n"
        "def at_work(): time.sleep(2); print('done')\n"
        "at_work()"
    )
    process = subprocess.Popen([sys.executable, "-c", words], stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGUSR1)
    told, stacks = process.communicate(timeout=60)
    assert (process.returncode, told) == (0, "done\n")
    assert "in at_work" in stacks
