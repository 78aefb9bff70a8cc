import msgspec
import pytest

from breadboard.capture.appender import Appender
from breadboard.capture.recorder import Recorder
from breadboard.capture.status import Counters
from breadboard.capture.wire import Batch
from breadboard.clock import ManualClock
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from capture_fakes import MemoryJournal

SECOND = 1_000_000_000
DATA, GAP, EPOCH, DOCUMENT = RecordKind.DATA, RecordKind.GAP, RecordKind.EPOCH, RecordKind.DOCUMENT


def recorder(epoch: int = 0, last_ts: int | None = None) -> tuple[Recorder, MemoryJournal, ManualClock]:
    clock, journal = ManualClock(), MemoryJournal()
    made = Recorder(
        Appender(journal, clock), clock, Counters(0, "BINANCE", 1), 0, "BINANCE", "ws://x", ["BTCUSDT"], epoch, last_ts
    )
    return made, journal, clock


def data(made: Recorder, clock: ManualClock, *frames: bytes) -> int:
    clock.advance(SECOND)
    made.data(Batch(list(frames), [clock.wall()] * len(frames), clock.mono()))
    return clock.wall()


def test_the_first_connection_ever_begins_without_a_gap() -> None:
    made, journal, clock = recorder()
    made.restarted()
    made.opened(Provenance.SYNTHETIC)
    assert journal.records == []
    data(made, clock, b"1", b"2")
    assert journal.kinds() == [EPOCH, DATA]
    (epoch,) = journal.epochs()
    assert (epoch.epoch, epoch.open, epoch.provenance, epoch.wanted) == (1, True, Provenance.SYNTHETIC, ("BTCUSDT",))


def test_secrets_in_an_address_are_not_journaled() -> None:
    clock, journal = ManualClock(), MemoryJournal()
    url = "wss://me:hunter2@h:9/ws?token=SESAME&streams=a"
    made = Recorder(Appender(journal, clock), clock, Counters(0, "X", 1), 0, "X", url, ["A"], 0, None)
    made.opened(Provenance.LIVE)
    data(made, clock, b"1")
    (epoch,) = journal.epochs()
    assert epoch.url == "wss://h:9/ws?streams=a"


def test_after_an_outage_the_gap_comes_before_anything_else_and_ends_at_the_first_byte() -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    last = data(made, clock, b"1")
    clock.advance(SECOND)
    made.closed("connection lost")
    made.opened(Provenance.LIVE)
    first = data(made, clock, b"2")
    assert journal.kinds() == [EPOCH, DATA, EPOCH, GAP, EPOCH, DATA]
    (gap,) = journal.gaps()
    assert (gap.reason, gap.ts_from, gap.ts_to, gap.detail) == (GapReason.DISCONNECT, last, first, "connection lost")
    assert [(e.epoch, e.open) for e in journal.epochs()] == [(1, True), (1, False), (2, True)]
    assert [r.epoch for r in journal.records] == [1, 1, 1, 2, 2, 2]


def test_a_document_and_a_pong_begin_a_connection_like_data() -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    data(made, clock, b"1")
    made.closed("x")
    made.opened(Provenance.LIVE)
    made.document(DocumentHead("depth:BTCUSDT", "http://x", 200), b'{"a":\n1}')
    assert journal.kinds()[3:] == [GAP, EPOCH, DOCUMENT]
    head, _, body = journal.frames(DOCUMENT)[0].partition(b"\n")
    assert msgspec.json.decode(head) == {"tag": "depth:BTCUSDT", "url": "http://x", "status": 200}
    assert body == b'{"a":\n1}'
    made.closed("y")
    made.opened(Provenance.LIVE)
    made.alive()
    assert journal.kinds()[6:] == [EPOCH, GAP, EPOCH]


def test_a_connection_that_said_nothing_leaves_adjacent_gaps() -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    data(made, clock, b"1")
    made.closed("x")
    made.opened(Provenance.LIVE)
    clock.advance(SECOND)
    made.closed("mute")
    made.opened(Provenance.LIVE)
    data(made, clock, b"2")
    one, two = journal.gaps()
    assert one.ts_to == two.ts_from
    assert two.detail == "mute"


@pytest.mark.parametrize(("after", "outlived"), [(0, False), (4, False), (6, True)])
def test_the_gap_of_a_connection_that_did_not_outlive_a_sleep_begins_before_it(after: int, outlived: bool) -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    before = data(made, clock, b"1")
    clock.advance(3600 * SECOND)
    made.slept(clock.mono() + SECOND)
    lain = data(made, clock, b"had been waiting in the kernel")
    last = lain
    for _ in range(after):
        last = data(made, clock, b"and more")
    made.closed("half-open")
    made.opened(Provenance.LIVE)
    first = data(made, clock, b"2")
    (gap,) = journal.gaps()
    assert (gap.ts_from, gap.ts_to) == (last if outlived else before, first)
    made.closed("again")
    made.opened(Provenance.LIVE)
    data(made, clock, b"3")
    assert journal.gaps()[1].ts_from == first


def test_a_sleep_between_two_connections_changes_nothing() -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    last = data(made, clock, b"1")
    made.closed("x")
    clock.advance(3600 * SECOND)
    made.slept(clock.mono())
    made.opened(Provenance.LIVE)
    first = data(made, clock, b"2")
    assert [(gap.ts_from, gap.ts_to) for gap in journal.gaps()] == [(last, first)]


def test_a_restart_is_told_at_once_and_the_time_until_the_first_byte_too() -> None:
    made, journal, clock = recorder(epoch=41, last_ts=1_600_000_000_000_000_000)
    made.restarted()
    started = clock.wall()
    made.opened(Provenance.LIVE)
    first = data(made, clock, b"1")
    assert journal.kinds() == [GAP, GAP, EPOCH, DATA]
    restart, waiting = journal.gaps()
    assert (restart.reason, restart.ts_from, restart.ts_to) == (GapReason.RESTART, 1_600_000_000_000_000_000, started)
    assert (waiting.reason, waiting.ts_from, waiting.ts_to) == (GapReason.DISCONNECT, started, first)
    assert journal.epochs()[0].epoch == 42


def test_broken_bytes_are_kept_and_their_gap_told() -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    last = data(made, clock, b"1")
    clock.advance(SECOND)
    made.quarantine(b"head", "too long")
    assert journal.kinds() == [EPOCH, DATA, RecordKind.QUARANTINE, GAP]
    assert journal.frames(RecordKind.QUARANTINE) == [b"head"]
    gap = journal.gaps()[0]
    assert (gap.reason, gap.ts_from, gap.detail) == (GapReason.QUARANTINE, last, "too long")


def test_the_end_is_recorded_once() -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    data(made, clock, b"1")
    made.closed("a")
    made.closed("b")
    assert [(e.open, e.reason) for e in journal.epochs()] == [(True, ""), (False, "a")]


def test_a_gap_runs_forward_also_when_our_clock_was_set_back_in_it() -> None:
    made, journal, clock = recorder()
    made.opened(Provenance.LIVE)
    last = data(made, clock, b"1")
    made.closed("x")
    clock.step(-3600 * SECOND)
    made.opened(Provenance.LIVE)
    first = data(made, clock, b"2")
    assert [(gap.ts_from, gap.ts_to) for gap in journal.gaps()] == [(first, last)]
