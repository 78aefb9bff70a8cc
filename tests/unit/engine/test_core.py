"""The engine over a made-up venue: routing, control records, faults, restarts, digests."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.errors import BreadboardError
from breadboard.model.bars import INTERVALS
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, Provenance, RecordKind, SequenceRule, StatusCode
from breadboard.model.outputs import Outputs
from plainfeed import Record, epoch, feeds, journal, row
from tapes import SECOND, T0

DATA, CLOCK, EPOCH, GAP = RecordKind.DATA, RecordKind.CLOCK, RecordKind.EPOCH, RecordKind.GAP
TRADE, QUOTE = EventKind.TRADE, EventKind.QUOTE
PRICE = 10**9


def engine(*venues: str, **changes: str) -> Engine:
    return Engine(feeds(*venues, **changes), EngineConfig())


def trade(symbol: str, trade_id: int, when: int = 0, price: int = 100) -> dict[str, Any]:
    return row(symbol, TRADE, when, trade_id=trade_id, price=price * PRICE, size=10**8, side=1)


def gaps(outputs: Outputs) -> list[tuple[int, int, GapReason]]:
    return [(offset, instrument, gap.reason) for offset, instrument, gap in outputs.gaps]


UP: Record = (EPOCH, 0, epoch())


def test_frames_become_events_of_their_venue_with_the_place_and_time_of_their_frame() -> None:
    out = engine().process(journal([UP, (DATA, 0, trade("A", 1)), (DATA, 0, trade("B", 9))], first=40))
    assert (out.first, out.end) == (40, 43)
    assert out.tape.kind.tolist() == [EventKind.STATUS, TRADE, TRADE]
    assert out.tape.offset.tolist() == [40, 41, 42]
    assert out.tape.instrument.tolist() == [-1, 0, 1]
    assert out.ts_journal.tolist() == [T0 + at * 1_000_000 + 7 for at in (40, 41, 42)]


def test_epochs_become_feed_up_and_feed_down_of_their_source() -> None:
    out = engine().process(journal([(EPOCH, 3, epoch(3)), (EPOCH, 3, epoch(3, up=False, reason="closed"))]))
    assert out.tape.code.tolist() == [StatusCode.FEED_UP, StatusCode.FEED_DOWN]
    assert out.tape.source.tolist() == [3, 3]
    assert out.tape.flags.tolist() == [Flag.FEED_WIDE] * 2
    assert out.tape.instrument.tolist() == [-1, -1]


def test_adopted_epochs_do_what_their_records_would_have_done() -> None:
    subject = engine()
    subject.adopt([epoch(provenance=Provenance.SYNTHETIC)])
    out = subject.process(journal([(DATA, 0, trade("A", 1))]))
    assert out.tape.flags.tolist() == [Flag.SYNTHETIC]


@pytest.mark.parametrize(
    ("provenance", "completeness", "flags"),
    [
        (Provenance.LIVE, "full", 0),
        (Provenance.REPLAY, "full", Flag.REPLAYED),
        (Provenance.SYNTHETIC, "delayed", Flag.SYNTHETIC | Flag.DELAYED),
        (Provenance.LIVE, "conflated", Flag.CONFLATED),
    ],
)
def test_rows_say_what_they_are_from_the_handshake_of_their_source(
    provenance: Provenance, completeness: str, flags: int
) -> None:
    records: list[Record] = [(EPOCH, 0, epoch(provenance=provenance)), (DATA, 0, trade("A", 1))]
    out = engine(completeness=completeness).process(journal(records))
    assert out.tape.flags.tolist() == [flags | Flag.FEED_WIDE, flags]


def test_a_source_may_change_its_provenance_in_the_middle_of_a_batch() -> None:
    again: Record = (EPOCH, 0, epoch(provenance=Provenance.REPLAY))
    out = engine().process(journal([UP, (DATA, 0, trade("A", 1)), again, (DATA, 0, trade("A", 2))]))
    assert out.tape.flags.tolist()[1::2] == [0, Flag.REPLAYED]


def test_instruments_get_their_ids_in_journal_order_over_all_venues() -> None:
    ups: list[Record] = [(EPOCH, 0, epoch(0, "X")), (EPOCH, 1, epoch(1, "Y"))]
    data: list[Record] = [(DATA, at % 2, trade(symbol, 1)) for at, symbol in enumerate("abcdac")]
    subject = engine("X", "Y")
    out = subject.process(journal([*ups, *data]))
    assert [each.id for each in subject.instruments] == ["a.X", "b.Y", "c.X", "d.Y", "c.Y"]
    assert out.tape.instrument.tolist()[2:] == [0, 1, 2, 3, 0, 4]


def test_a_gap_record_is_a_row_and_an_output_of_its_symbol_or_of_the_whole_source() -> None:
    wide = Gap(0, GapReason.DISCONNECT, T0, T0 + 5)
    narrow = Gap(0, GapReason.SEQUENCE, T0, T0 + 5, symbol="B")
    damage = Gap(0xFFFF, GapReason.DAMAGE, T0, T0 + 5)
    records: list[Record] = [UP, (DATA, 0, trade("A", 1)), (GAP, 0, wide), (GAP, 0, narrow), (GAP, 0xFFFF, damage)]
    subject = engine()
    out = subject.process(journal(records))
    assert out.gaps == ((2, -1, wide), (3, 1, narrow), (4, -1, damage))
    assert out.tape.kind.tolist()[2:] == [EventKind.GAP] * 3
    assert out.tape.flags.tolist()[2:] == [Flag.FEED_WIDE, 0, Flag.FEED_WIDE]
    assert out.tape.code.tolist()[2:] == [GapReason.DISCONNECT, GapReason.SEQUENCE, GapReason.DAMAGE]
    assert out.tape.instrument.tolist()[2:] == [-1, 1, -1]
    assert subject.instruments[1].sequence_rule == SequenceRule.OVERLAP


def test_clock_records_are_rows() -> None:
    out = engine().process(journal([(CLOCK, 0, b"{}")]))
    assert (out.tape.kind.tolist(), out.tape.ts_recv.tolist()) == ([EventKind.CLOCK], [T0])


def test_what_cannot_be_read_is_quarantined_and_told_and_the_rest_goes_on() -> None:
    records: list[Record] = [
        UP,
        (DATA, 0, b"\xff\x00 rubbish"),
        (DATA, 9, trade("A", 1)),
        (EPOCH, 5, epoch(5, "NOWHERE")),
        (DATA, 5, b"x"),
        (RecordKind.QUARANTINE, 0, b"y" * 9),
        (EPOCH, 0, b"not json"),
        (GAP, 0, b"[]"),
        (GAP, 0, {"source": 70_000, "reason": 1, "ts_from": 1, "ts_to": 2}),
        (DATA, 0, b"hello"),
        (DATA, 0, b"news"),
        (DATA, 0, trade("A", 1)),
    ]
    subject = engine()
    out = subject.process(journal(records))
    told = {offset: gap.detail for offset, _, gap in out.gaps}
    assert told == {
        1: "not a row",
        2: "no connection is known of this source",
        4: "no decoder for venue NOWHERE: there is no venue 'NOWHERE'",
        5: "quarantined at capture: oversized or truncated",
        6: "not an epoch record",
        7: "not a gap record",
        8: "not a gap record",
    }
    assert {gap.reason for _, _, gap in out.gaps} == {GapReason.QUARANTINE}
    told_of = subject.summary()
    assert (told_of["frames"], told_of["data"], told_of["control"], told_of["quarantined"]) == (10, 2, 1, 7)
    assert told_of["ignored"] == {"news": 1}
    assert told_of["events"]["trade"] == 1


def test_a_decoder_with_a_bug_loses_the_frame_that_trips_it_and_no_other() -> None:
    records: list[Record] = [UP, *((DATA, 0, trade("AB"[at % 2], 1 + at // 2)) for at in range(8))]
    records[4:4] = [(DATA, 0, b"boom")]
    subject = engine()
    out = subject.process(journal(records))
    assert out.tape.offset.tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert gaps(out) == [(4, -1, GapReason.QUARANTINE)]
    assert out.gaps[0][2].detail == "the decoder failed: ZeroDivisionError('planted')"
    single = engine()
    for at in range(len(records)):
        single.process(journal(records[at : at + 1], first=at))
    assert single.digest() == subject.digest()
    assert single.snapshot() == subject.snapshot()
    assert subject._router._lanes["PLAIN"].decoder.snapshot() == b"8"
    assert single.summary() == subject.summary()


def test_holes_the_stages_find_are_outputs_at_the_row_that_showed_them() -> None:
    book = {"sequence_first": 20, "sequence": 21}
    records: list[Record] = [
        UP,
        (DATA, 0, trade("A", 1)),
        (DATA, 0, trade("A", 4)),
        (DATA, 0, row("A", EventKind.BOOK_SNAPSHOT, sequence=10)),
        (DATA, 0, row("A", EventKind.BOOK_DELTA, **book)),
        (DATA, 0, trade("A", 2)),
        (DATA, 0, trade("A", 4)),
    ]
    subject = engine()
    out = subject.process(journal(records))
    told = [
        (offset, gap.reason, gap.sequence_from, gap.sequence_to, gap.channel, gap.state) for offset, _, gap in out.gaps
    ]
    assert told == [
        (2, GapReason.TRADE_ID, 2, 3, "trade", "open"),
        (4, GapReason.SEQUENCE, 11, 19, "book", "open"),
        (5, GapReason.TRADE_ID, 2, 2, "trade", "refilled"),
    ]
    assert {gap.symbol for _, _, gap in out.gaps} == {"A"}
    assert out.tape.flags.tolist()[-1] == Flag.DUPLICATE
    summary = subject.summary()
    assert (summary["events"]["trade"], summary["duplicates"]) == (3, 1)
    assert (summary["gaps"], summary["refilled"]) == (2, 1)
    assert summary["books"]["A.PLAIN"]["state"] == "stale"
    assert summary["books"]["A.PLAIN"]["bid"] is None


def test_frames_that_come_a_second_time_are_passed_over() -> None:
    frames = journal([UP, (DATA, 0, trade("A", 1)), (DATA, 0, trade("A", 2))])
    once, twice = engine(), engine()
    once.process(frames)
    twice.process(frames.take(slice(0, 2)))
    out = twice.process(frames)
    assert out.tape.offset.tolist() == [2]
    assert twice.digest() == once.digest()
    again = twice.process(frames)
    assert (again.first, again.end, len(again.tape)) == (3, 3, 0)


def test_the_summary_of_a_book_has_exact_digits() -> None:
    levels = {
        "kind": 4,
        "sequence": 7,
        "levels": [[1, 61685_990_000_000, 100_870_000], [2, 61686 * PRICE, 229_327_000]],
    }
    subject = engine()
    subject.process(journal([UP, (DATA, 0, {"symbol": "A", **levels})]))
    assert subject.summary()["books"] == {
        "A.PLAIN": {
            "bid": "61685.99",
            "ask": "61686.00",
            "bid_size": "1.0087",
            "ask_size": "2.29327",
            "levels": [1, 1],
            "sequence": 7,
            "state": "live",
        }
    }


def test_bars_come_out_when_they_are_final_and_open_ones_are_counted() -> None:
    subject = engine()
    out = subject.process(journal([UP, (DATA, 0, trade("A", 1)), (DATA, 0, trade("A", 2, 3 * SECOND))]))
    assert [(int(bar["interval"]), int(bar["offset"])) for bar in out.bars] == [(1, 2)]
    assert subject.summary()["bars"] == 1 + len(INTERVALS)


def test_a_damaged_state_is_refused_with_a_hint() -> None:
    state = bytearray(engine().snapshot())
    state[-1] ^= 1
    with pytest.raises(BreadboardError) as caught:
        engine().restore(bytes(state))
    assert "checkpoint" in caught.value.hint


def anything(random_: random.Random, count: int) -> Frames:
    """Return a journal in which two venues and three sources do everything they can."""
    records: list[Record] = [(EPOCH, 0, epoch(0, "X")), (EPOCH, 1, epoch(1, "Y")), (EPOCH, 2, epoch(2, "X"))]
    now, ids, numbers = 0, dict.fromkeys("abcd", 5), dict.fromkeys("abcd", 5)
    for _ in range(count):
        now += random_.choice((0, 1_000_000, 400_000_000, 5 * SECOND))
        source, symbol = random_.randrange(3), random_.choice("abcd")
        levels = [[random_.randint(1, 2), random_.randint(1, 30), random_.randint(0, 2)] for _ in range(4)]
        match random_.randrange(12):
            case 0 | 1 | 2 | 3:
                ids[symbol] += random_.choice((1, 1, 1, 0, 2))
                body: Any = trade(symbol, ids[symbol], now, random_.randint(1, 9))
            case 4 | 5 | 6:
                first = numbers[symbol] + random_.choice((1, 1, 1, 1, 2))
                numbers[symbol] = first + 1
                body = row(symbol, EventKind.BOOK_DELTA, now, sequence_first=first, sequence=first + 1, levels=levels)
            case 7:
                body = row(symbol, EventKind.BOOK_SNAPSHOT, sequence=numbers[symbol], levels=levels)
            case 8:
                body = row(symbol, QUOTE, now, price=5, size=6, ask_price=7, ask_size=8)
            case 9:
                body = random_.choice((b"boom", b"hello", b"news", b"rubbish"))
            case 10:
                gap = Gap(source, GapReason.DISCONNECT, T0 + now, T0 + now + SECOND, random_.choice((None, symbol)))
                records.append((GAP, source, gap))
                continue
            case _:
                up = epoch(source, "XYX"[source], up=random_.random() < 0.5)
                either: list[Record] = [(CLOCK, 0, b"{}"), (EPOCH, source, up)]
                records.append(random_.choice(either))
                continue
        records.append((DATA, source, body))
    return journal(records)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_digest_and_state_do_not_depend_on_batch_sizes_or_restarts(seed: int) -> None:
    random_ = random.Random(seed)
    frames = anything(random_, 120)
    whole = engine("X", "Y")
    whole.process(frames)
    state, digest, summary = whole.snapshot(), whole.digest(), whole.summary()
    for size in (1, 7):
        subject = engine("X", "Y")
        for begin in range(0, len(frames), size):
            subject.process(frames.take(slice(begin, begin + size)))
        assert (subject.digest(), subject.snapshot()) == (digest, state)
    subject, begin = engine("X", "Y"), 0
    while begin < len(frames):
        end = begin + random_.randint(1, 50)
        subject.process(frames.take(slice(begin, end)))
        kept, subject = subject.snapshot(), engine("X", "Y")
        subject.restore(kept)
        assert subject.snapshot() == kept
        begin = end
    assert (subject.digest(), subject.snapshot(), subject.summary()) == (digest, state, summary)


@pytest.mark.parametrize("other", [trade("A", 1, 0, 101), trade("A", 2), trade("A", 1, 1), trade("B", 1)])
def test_the_digest_tells_any_value_apart(other: dict[str, Any]) -> None:
    def digest(body: dict[str, Any]) -> str:
        subject = engine()
        subject.process(journal([UP, (DATA, 0, body)]))
        return subject.digest()

    assert digest(trade("A", 1)) == digest(trade("A", 1))
    assert digest(other) != digest(trade("A", 1))


def test_a_clock_record_says_on_the_tape_by_how_much_our_clock_was_set() -> None:
    bodies = [b'{"wall":1,"mono":2,"step_ns":-3600}', b'{"wall":1,"mono":2,"step_ns":0}', b"{}", b"not a clock"]
    out = engine().process(journal([(CLOCK, 0xFFFF, body) for body in bodies]))
    assert out.tape.kind.tolist() == [EventKind.CLOCK] * 4
    assert out.tape.size.tolist() == [-3600] + [ABSENT] * 3
