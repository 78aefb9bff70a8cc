"""A reader that waits is woken by the writer, in this process and in another, and never sleeps on news."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from breadboard.journal import Reader, Writer, wake
from breadboard.model.kinds import RecordKind

T0 = 1_700_000_000_000_000_000
LONG_S = 20.0
"""Nothing here takes so long, unless somebody was not woken."""


def append(writer: Writer) -> None:
    writer.sync(writer.append(RecordKind.DATA, 1, 1, [b"x"], [T0], 0))


def test_a_reader_sleeps_until_something_is_durable(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    reader = Reader.open(tmp_path)
    assert reader.read(10) is None
    for _ in range(20):
        appending = threading.Timer(0.01, append, (writer,))
        appending.start()
        began = time.monotonic()
        while (frames := reader.read(10)) is None:
            reader.wait(LONG_S)
        assert len(frames) == 1
        assert time.monotonic() - began < LONG_S / 2
        appending.join()
    writer.close()


def test_a_reader_of_another_process_is_woken(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    script = (
        "from pathlib import Path; from breadboard.journal import Reader\n"
        f"reader = Reader.open(Path({str(tmp_path)!r})); reader.read(1)\n"
        f"print('waiting', flush=True); reader.wait({LONG_S})\n"
        "print(len(reader.read(1)), flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "waiting\n"
        time.sleep(0.1)
        began = time.monotonic()
        append(writer)
        assert other.stdout.readline() == "1\n"
        assert time.monotonic() - began < LONG_S / 2
    writer.close()


def test_what_is_there_already_is_not_waited_for(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    reader = Reader.open(tmp_path)
    assert reader.read(1) is None
    append(writer)
    began = time.monotonic()
    reader.wait(LONG_S)
    assert time.monotonic() - began < LONG_S / 2
    writer.close()


def test_a_wait_ends_when_its_time_is_up_and_costs_nothing_meanwhile(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path)
    reader = Reader.open(tmp_path)
    assert reader.read(1) is None
    began, spent = time.monotonic(), time.thread_time()
    while (left := 0.3 - (time.monotonic() - began)) > 0:
        reader.wait(left)
    assert 0.3 <= time.monotonic() - began < LONG_S / 2
    assert time.thread_time() - spent < 0.05
    writer.close()


def test_a_reader_without_a_writer_looks_now_and_then(tmp_path: Path) -> None:
    reader = Reader.open(tmp_path)
    began = time.monotonic()
    reader.wait(LONG_S)
    assert time.monotonic() - began < LONG_S / 2


def test_where_nobody_can_wake_a_waiter_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "_waiting", None)
    monkeypatch.setattr(wake, "_waking", None)
    test_a_reader_sleeps_until_something_is_durable(tmp_path)


@pytest.mark.parametrize("number", [wake._CALL, 9_999])
def test_nobody_spins_on_a_word_that_makes_no_sense_or_a_kernel_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(wake, "_CALL", number)
    writer = Writer.open(tmp_path)
    reader = Reader.open(tmp_path)
    assert reader.read(1) is None
    writer._head._words[0] = -1
    waits, began = 0, time.monotonic()
    while time.monotonic() - began < 0.2:
        reader.wait(0.05)
        waits += 1
    assert waits < 400
    writer._head._words[0] = 0
    writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has futexes")
def test_linux_wakes() -> None:
    known = os.uname().machine in ("x86_64", "aarch64")
    assert (wake._waiting is not None) == known
