import sys
import time

import pytest

from breadboard.capture.appender import Appender
from breadboard.capture.clockwatch import CLOCK_SOURCE, ClockWatch, catch_up
from breadboard.clock import SINCE_BOOT, ManualClock, SystemClock
from breadboard.model.kinds import RecordKind
from capture_fakes import MemoryJournal


def watched() -> tuple[ManualClock, MemoryJournal, ClockWatch]:
    clock, journal = ManualClock(), MemoryJournal()
    watch = ClockWatch(clock, Appender(journal, clock))
    watch.tick()
    return clock, journal, watch


def test_a_clock_record_is_written_once_a_second() -> None:
    clock, journal, watch = watched()
    for _ in range(35):
        clock.advance(100_000_000)
        watch.tick()
    assert [c["mono"] for c in journal.clocks()] == [0, 1_000_000_000, 2_000_000_000, 3_000_000_000]
    assert journal.clocks()[1] == {"wall": 1_700_000_001_000_000_000, "mono": 1_000_000_000, "step_ns": 0}
    assert {(r.kind, r.source, r.epoch) for r in journal.records} == {(RecordKind.CLOCK, CLOCK_SOURCE, 0)}


@pytest.mark.parametrize("step", [5_000_001, -5_000_001, 3_600_000_000_000, -86_400_000_000_000])
def test_a_step_is_recorded_at_once_and_once(step: int) -> None:
    clock, journal, watch = watched()
    clock.advance(10_000_000)
    clock.step(step)
    watch.check(clock.wall(), clock.mono())
    watch.check(clock.wall(), clock.mono())
    assert [c["step_ns"] for c in journal.clocks()] == [0, step]
    assert watch.steps == 1


def test_a_slow_correction_is_no_step() -> None:
    clock, journal, watch = watched()
    for _ in range(100):
        clock.advance(1_000_000_000)
        clock.step(500_000)
        watch.tick()
    assert watch.steps == 0
    assert len(journal.clocks()) == 101


def test_a_reader_that_was_preempted_between_two_stamps_is_no_step() -> None:
    clock, journal, watch = watched()
    wall = clock.wall()
    clock.advance(20_000_000)
    watch.check(wall, clock.mono())
    assert watch.steps == 0
    assert len(journal.clocks()) == 1


def test_our_durations_go_on_while_the_machine_sleeps() -> None:
    before = time.clock_gettime_ns(SINCE_BOOT)
    assert before <= SystemClock.mono() <= time.clock_gettime_ns(SINCE_BOOT)
    if sys.platform == "linux":
        assert SINCE_BOOT == time.CLOCK_BOOTTIME
    else:
        assert SINCE_BOOT == time.CLOCK_MONOTONIC


def test_an_hour_in_which_the_machine_slept_is_no_step() -> None:
    clock, journal, watch = watched()
    clock.advance(3_600_000_000_000)
    watch.check(clock.wall(), clock.mono())
    watch.tick()
    assert [c["step_ns"] for c in journal.clocks()] == [0, 0]
    assert journal.clocks()[1]["wall"] - journal.clocks()[0]["wall"] == 3_600_000_000_000


@pytest.mark.parametrize(("behind", "step"), [(7_200_000_000_000, -7_200_000_000_000), (5_000_000, 0), (-60, 0)])
def test_a_clock_that_is_behind_the_journal_was_set_back(behind: int, step: int) -> None:
    clock, journal = ManualClock(), MemoryJournal()
    assert catch_up(journal, clock, clock.wall() + behind) == step
    assert [c["step_ns"] for c in journal.clocks()] == ([step] if step else [])
    assert {(r.kind, r.source) for r in journal.records} <= {(RecordKind.CLOCK, CLOCK_SOURCE)}


def test_a_journal_without_a_record_says_nothing_of_our_clock() -> None:
    clock, journal = ManualClock(), MemoryJournal()
    assert catch_up(journal, clock, 0) == 0
    assert not journal.records
