from hypothesis import given
from hypothesis import strategies as st

from breadboard.capture.appender import Appender
from breadboard.clock import ManualClock
from breadboard.model.kinds import GapReason, RecordKind
from capture_fakes import MemoryJournal

SECOND = 1_000_000_000


def put(appender: Appender, clock: ManualClock, frame: bytes, source: int = 0) -> None:
    clock.advance(1000)
    appender.append(RecordKind.DATA, source, 3, [frame], [clock.wall()], clock.mono())


def test_what_the_disk_refused_is_written_late_in_order_behind_a_gap() -> None:
    clock, journal = ManualClock(), MemoryJournal()
    appender = Appender(journal, clock)
    put(appender, clock, b"a")
    good = clock.wall()
    appender.tick()
    appender.tick()
    put(appender, clock, b"b")
    journal.refuse = True
    put(appender, clock, b"c")
    put(appender, clock, b"d")
    assert appender.refusing
    journal.refuse = False
    put(appender, clock, b"e")
    assert journal.frames() == [b"a", b"b"]
    appender.tick()
    assert journal.frames() == [b"a", b"b", b"c", b"d", b"e"]
    assert journal.kinds() == [RecordKind.DATA, RecordKind.DATA, RecordKind.GAP, *[RecordKind.DATA] * 3]
    (gap,) = journal.gaps()
    assert (gap.reason, gap.ts_from, gap.ts_to) == (GapReason.STORAGE, good, clock.wall())
    assert journal.records[2].epoch == 3
    assert appender.frames_lost == 0


def test_a_gap_over_which_our_clock_was_set_back_begins_before_it_ends() -> None:
    clock, journal = ManualClock(), MemoryJournal()
    appender = Appender(journal, clock)
    put(appender, clock, b"a")
    good = clock.wall()
    appender.tick()
    appender.tick()
    journal.refuse = True
    put(appender, clock, b"b")
    clock.step(-3 * 3600 * SECOND)
    journal.refuse = False
    appender.tick()
    (gap,) = journal.gaps()
    assert (gap.ts_from, gap.ts_to) == (clock.wall(), good)


def test_what_exceeds_the_memory_is_counted_and_told() -> None:
    clock, journal = ManualClock(), MemoryJournal(refuse=True)
    appender = Appender(journal, clock, limit=100)
    for n in range(5):
        put(appender, clock, bytes([n]) * 40)
    journal.refuse = False
    appender.tick()
    assert journal.frames() == [b"\0" * 40, b"\1" * 40]
    assert appender.frames_lost == 3
    assert "3 frames lost" in journal.gaps()[0].detail


def test_a_record_that_no_journal_can_hold_does_not_stop_the_others() -> None:
    clock, journal = ManualClock(), MemoryJournal(refuse=True, transient=False)
    appender = Appender(journal, clock)
    put(appender, clock, b"impossible")
    journal.refuse = False
    put(appender, clock, b"next")
    appender.tick()
    assert journal.frames() == [b"next"]
    assert journal.kinds()[0] == RecordKind.GAP
    assert appender.frames_lost == 1


def test_clock_records_that_waited_need_no_gap() -> None:
    clock, journal = ManualClock(), MemoryJournal(refuse=True)
    appender = Appender(journal, clock)
    appender.append(RecordKind.CLOCK, 0xFFFF, 0, [b"{}"], [clock.wall()], clock.mono())
    journal.refuse = False
    appender.tick()
    assert journal.kinds(None) == [RecordKind.CLOCK]


@given(st.lists(st.sampled_from(["frame", "refuse", "allow", "tick"]), max_size=60))
def test_every_frame_is_in_the_journal_in_order_or_counted_and_a_gap_stands_before_what_was_late(
    acts: list[str],
) -> None:
    clock, journal = ManualClock(), MemoryJournal()
    appender = Appender(journal, clock, limit=5)
    frames: list[bytes] = []
    refused = False
    for act in acts:
        clock.advance(SECOND)
        if act == "frame":
            frames.append(b"%d" % (len(frames) % 10))
            refused = refused or journal.refuse
            put(appender, clock, frames[-1])
        elif act == "tick":
            appender.tick()
        else:
            journal.refuse = act == "refuse"
    journal.refuse = False
    appender.tick()
    written = journal.frames()
    assert len(written) + appender.frames_lost == len(frames)
    remaining = iter(frames)
    assert all(frame in remaining for frame in written)
    assert bool(journal.gaps()) == refused
