"""Bars: event time, watermarks, late trades, and what is known to be missing."""

import random
from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine.bar_kernel import BELIEVED
from breadboard.engine.bar_slots import RINGS
from breadboard.engine.bars import Bars
from breadboard.engine.found import FOUND
from breadboard.engine.state import unpack
from breadboard.model.bars import INTERVALS
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import BarState, EventKind, Flag, GapReason, StatusCode, Uncounted
from breadboard.model.tape import Tape
from tapes import SECOND, T0, tape, trade

PROVISIONAL, FINAL, CORRECTED = BarState.PROVISIONAL, BarState.FINAL, BarState.CORRECTED
Rows = list[dict[str, Any]]


def bars(lateness_ms: int = 2000, idle_s: float = 5.0) -> Bars:
    return Bars(lateness_ms, idle_s)


def concluded(stage: Bars, rows: Rows | Tape, interval: int = 1) -> list[tuple[int, int, int, int]]:
    """Return ``(seconds since T0, trades, state, offset)`` of the versions concluded of one interval."""
    out = stage.on_tape(rows if isinstance(rows, Tape) else tape(rows))
    kept = [] if out is None else [bar for bar in out if bar["interval"] == interval]
    return [
        (int(bar["ts_open"] - T0) // SECOND, int(bar["trades"]), int(bar["state"]), int(bar["offset"])) for bar in kept
    ]


def quote(when: int, **more: int) -> dict[str, Any]:
    return {"kind": EventKind.QUOTE, "ts_event": T0 + when, "ts_recv": T0 + when} | more


def clock(when: int) -> dict[str, Any]:
    return {"kind": EventKind.CLOCK, "ts_recv": T0 + when, "instrument": -1}


def test_a_bar_is_final_when_the_watermark_enters_the_second_it_ends_at() -> None:
    rows = [trade(1, 100), trade(2, SECOND - 1), trade(3, SECOND), quote(3 * SECOND - 1), quote(3 * SECOND)]
    assert concluded(bars(), rows) == [(0, 2, FINAL, 4)]


def test_any_row_of_the_source_moves_the_watermark_and_other_sources_do_not() -> None:
    rows = [trade(1, 0), quote(9 * SECOND, source=1, instrument=1), quote(3 * SECOND, instrument=2)]
    assert concluded(bars(), rows) == [(0, 1, FINAL, 2)]


def test_open_high_low_close_volume_and_notional() -> None:
    stage = bars()
    stage.on_tape(tape([trade(1, 0, 10, 2), trade(2, 5, 14), trade(3, 6, 9), trade(4, 7, 11) | {"size": 25_000_000}]))
    bar = stage.open_bars()[0]
    whole = 10**9
    assert [int(bar[name]) // whole for name in ("open", "high", "low", "close")] == [10, 14, 9, 11]
    assert (bar["volume_whole"], bar["volume_fraction"]) == (4, 25 * 10**16)
    assert bar["notional"] == pytest.approx(20 + 14 + 9 + 2.75)
    assert (bar["state"], bar["interval"], bar["ts_open"]) == (PROVISIONAL, 1, T0)


def test_a_print_without_a_size_moves_prices_and_no_volume() -> None:
    stage = bars()
    rows = [trade(1, 0, 10, 2), trade(2, 5, 14) | {"size": ABSENT}, trade(3, 6, 9) | {"size": ABSENT}]
    stage.on_tape(tape(rows))
    bar = stage.open_bars()[0]
    assert [int(bar[name]) // 10**9 for name in ("open", "high", "low", "close")] == [10, 14, 9, 9]
    assert (bar["volume_whole"], bar["volume_fraction"], bar["notional"], bar["trades"]) == (2, 0, 20.0, 3)


def test_a_print_that_counts_for_volume_alone_moves_no_price_and_makes_no_bar() -> None:
    stage = bars()
    only = {"code": int(Uncounted.PRICES)}
    stage.on_tape(tape([trade(1, 0, 99, 2) | only, trade(2, 5, 14), trade(3, 6, 1, 3) | only]))
    bar = stage.open_bars()[0]
    assert [int(bar[name]) // 10**9 for name in ("open", "high", "low", "close")] == [14, 14, 14, 14]
    assert (bar["volume_whole"], bar["notional"], bar["trades"]) == (6, 198 + 14 + 3, 3)
    alone = bars()
    assert alone.on_tape(tape([trade(1, 0, 99, 2) | only, trade(2, 10 * SECOND, 99, 2) | only])) is None
    assert len(alone.open_bars()) == 0


JOINS = {"flags": Flag.VOLUME_ONLY, "code": Uncounted.PRICES.everywhere | Uncounted.JOINS}
LATER = 200 * SECOND
"""When everything is over, also what might still have been joined."""


def volumes(*rows: dict[str, Any]) -> list[tuple[int, ...]]:
    """Return second, volume, trades and state of each version told of a second, wherever there is a restart."""
    told = []
    for restart in range(len(rows) + 1):
        subject, out = bars(0), []
        for at, row in enumerate(rows):
            if at == restart:
                state = subject.snapshot()
                subject = bars(0)
                subject.restore(state)
            found = subject.on_tape(tape([row], first=at))
            out += [] if found is None else list(found)
        told.append(
            [
                (int(bar["ts_open"] - T0) // SECOND, *(int(bar[name]) for name in ("volume_whole", "trades", "state")))
                for bar in out
                if bar["interval"] == 1
            ]
        )
    assert all(each == told[0] for each in told)
    return told[0]


def test_volume_of_a_second_in_which_nothing_moves_a_price_joins_the_bar_before_where_the_venue_has_it_so() -> None:
    odd, does = trade(2, 3 * SECOND, 500, 7), {"code": Uncounted.JOINS}
    first, last, done = trade(1, 0, 100, 10) | does, trade(3, 9 * SECOND, 101, 5), quote(LATER)
    assert volumes(first, odd | JOINS, last, done) == [(0, 17, 2, FINAL), (9, 5, 1, FINAL)]
    plain = JOINS | {"code": Uncounted.PRICES.everywhere}
    assert volumes(trade(1, 0, 100, 10), odd | plain, last, done) == [(0, 10, 1, FINAL), (9, 5, 1, FINAL)]
    assert volumes(odd | JOINS, last, done) == [(9, 5, 1, FINAL)], "there is none before"
    far = trade(1, -70 * SECOND, 100, 10) | does
    assert volumes(far, odd | JOINS, last, done) == [(-70, 10, 1, FINAL), (9, 5, 1, FINAL)], "not so far back"
    many = [trade(number, number * SECOND, 500, 1) | JOINS for number in range(2, 9)]
    assert volumes(first, *many, last, done) == [(0, 17, 8, FINAL), (9, 5, 1, FINAL)]


def test_volume_that_comes_late_joins_the_bar_before_its_time_and_no_price_later_has_it_twice() -> None:
    first, last, done = trade(1, 0, 100, 10) | {"code": Uncounted.JOINS}, trade(3, 9 * SECOND, 101, 5), quote(LATER)
    late, priced = trade(2, 3 * SECOND, 500, 7) | JOINS, trade(4, 3 * SECOND, 99, 2)
    over = quote(10 * SECOND)
    assert volumes(first, last, over, late, done) == [(0, 10, 1, FINAL), (0, 17, 2, CORRECTED), (9, 5, 1, FINAL)]
    assert volumes(first, last, over, late, priced, done) == [
        (0, 10, 1, FINAL),
        (0, 17, 2, CORRECTED),
        (3, 2, 1, CORRECTED),
        (9, 5, 1, FINAL),
    ]


def test_a_print_counts_for_what_its_conditions_let_it() -> None:
    stage = bars()
    rows = [
        trade(1, 0, 20, code=Uncounted.OPEN_CLOSE),  # a derivatively priced one: high and low, and volume
        trade(2, 1, 14),
        trade(3, 2, 12, 7, code=Uncounted.VOLUME),  # a corrected close: prices alone
        trade(4, 3, 99, code=Uncounted.PRICES),
    ]
    stage.on_tape(tape(rows))
    bar = stage.open_bars()[0]
    assert [int(bar[name]) // 10**9 for name in ("open", "high", "low", "close")] == [14, 20, 12, 12]
    assert (bar["volume_whole"], bar["notional"], bar["trades"]) == (3, 20 + 14 + 99, 4)
    without_an_open = bars()
    without_an_open.on_tape(tape(rows[:1]))
    assert len(without_an_open.open_bars()) == 0


def test_open_and_close_go_by_event_time_and_trade_id_and_not_by_arrival() -> None:
    rows = [trade(3, 20, 12), trade(1, 10, 10), trade(4, 20, 13), trade(2, 10, 11)]
    stage = bars()
    stage.on_tape(tape(rows))
    bar = stage.open_bars()[0]
    assert (bar["open"], bar["close"]) == (10 * 10**9, 13 * 10**9)


def test_a_late_trade_rewrites_a_final_bar_at_once() -> None:
    rows = [trade(1, 0), trade(2, 5 * SECOND), trade(3, 1, 777), trade(4, 2 * SECOND)]
    assert concluded(bars(), rows) == [(0, 1, FINAL, 1), (0, 2, CORRECTED, 2), (2, 1, CORRECTED, 3)]


def test_a_trade_older_than_the_ring_is_counted_and_changes_nothing() -> None:
    stage = bars()
    assert concluded(stage, [trade(1, 0), trade(2, 64 * SECOND), trade(3, 0)]) == [(0, 1, FINAL, 1)]
    assert stage.counters()["too_late"] == 1


def test_a_bar_pushed_out_of_the_ring_by_a_long_lateness_is_concluded_first() -> None:
    stage = bars(lateness_ms=1_000_000)
    assert concluded(stage, [trade(1, 0), trade(2, 64 * SECOND)]) == [(0, 1, FINAL, 1)]
    assert len([bar for bar in stage.open_bars() if bar["interval"] == 1]) == 1


def test_a_bar_further_back_than_its_ring_is_long_is_concluded_like_others() -> None:
    for path in ((10, 79, 300, 500), (5, 10, 74, 300, 2000)):
        subject = bars(lateness_ms=90_000)
        told = concluded(subject, [trade(number, when * SECOND) for number, when in enumerate(path)])
        assert sorted((when, state) for when, _, state, _ in told) == [(when, FINAL) for when in path[:-1]]
        assert [int(bar["ts_open"] - T0) // SECOND for bar in subject.open_bars() if bar["interval"] == 1] == [path[-1]]


@pytest.mark.parametrize("behind", [30, 70, 200, 5000])
def test_two_sources_far_apart_in_time_leave_no_bar_open(behind: int) -> None:
    now = 10_000 * SECOND
    rows = [
        trade(1, now, source=1),
        trade(2, now - behind * SECOND, source=2),
        trade(3, now + 1, source=1),
        trade(4, now + 2 * SECOND, source=1),
        trade(5, now + 500 * SECOND, source=1),
        *(clock(now + (500 + step) * SECOND) for step in range(1, 600, 2)),
    ]
    subject = bars(lateness_ms=0)
    told = [when for when, _, state, _ in concluded(subject, rows) if state == FINAL]
    assert sorted(told) == sorted([10_000 - behind, 10_000, 10_002, 10_500])
    assert [bar for bar in subject.open_bars() if bar["interval"] == 1] == []


def test_a_silent_source_is_carried_on_by_our_clock() -> None:
    rows = [trade(1, 0), clock(5 * SECOND), clock(6 * SECOND - 1), clock(6 * SECOND)]
    assert concluded(bars(), rows) == [(0, 1, FINAL, 3)]


def test_the_idle_rule_reads_our_clock_by_the_distance_the_source_keeps_from_it() -> None:
    late = 900 * SECOND
    rows = [trade(1, 0) | {"ts_recv": T0 + late}, clock(late + 5 * SECOND + 1), clock(late + 6 * SECOND)]
    assert concluded(bars(), rows) == [(0, 1, FINAL, 2)]
    slow = [trade(1, 0) | {"ts_recv": T0 - 2 * SECOND}, clock(3 * SECOND + 1), clock(4 * SECOND)]
    assert concluded(bars(), slow) == [(0, 1, FINAL, 2)]


def test_a_speaking_source_is_not_carried_on_by_our_clock() -> None:
    rows = [trade(1, 0), {"kind": EventKind.STATUS, "ts_recv": T0 + 5 * SECOND, "code": 3}, clock(6 * SECOND)]
    assert concluded(bars(), rows) == []


def test_duplicates_and_last_known_trades_are_in_no_bar() -> None:
    stage = bars()
    stage.on_tape(tape([trade(1, 0, flags=Flag.DUPLICATE), trade(2, 0, flags=Flag.LAST_KNOWN)]))
    assert len(stage.open_bars()) == 0


def test_aggregated_trades_count_only_where_there_are_no_others() -> None:
    stage = bars()
    agg = Flag.AGGREGATED
    stage.on_tape(tape([trade(1, 0, flags=agg), trade(1, 0, instrument=1), trade(1, 1, instrument=1, flags=agg)]))
    assert [int(bar["trades"]) for bar in stage.open_bars() if bar["interval"] == 1] == [1, 1]


def test_a_time_beyond_belief_moves_no_watermark_and_is_counted() -> None:
    stage = bars()
    assert (
        concluded(stage, [trade(1, 0), trade(2, 0) | {"ts_event": 2**62}, trade(3, 0) | {"ts_event": -(2**63)}]) == []
    )
    assert stage.counters() == {"too_late": 0, "implausible": 1, "untimed": 1, "unmatched": 0}
    assert stage.watermark(0) == T0 - 2 * SECOND


def completeness(stage: Bars, rows: Rows, gaps: list[tuple[int, Gap]] | None = None) -> list[float]:
    out = stage.on_tape(tape(rows, gaps or []))
    assert out is not None
    return [round(float(bar["completeness"]), 4) for bar in out if bar["interval"] == 1]


def test_time_before_the_source_was_first_seen_is_missing() -> None:
    assert completeness(bars(), [trade(1, 250_000_000), quote(3 * SECOND)]) == [0.75]


def test_a_gap_of_the_source_or_the_symbol_is_missing_and_overlaps_count_once() -> None:
    ms = 1_000_000
    wide = Gap(0, GapReason.DISCONNECT, T0 + 100 * ms, T0 + 300 * ms)
    own = Gap(0, GapReason.DISCONNECT, T0 + 200 * ms, T0 + 500 * ms, symbol="A")
    book = Gap(0, GapReason.DISCONNECT, T0, T0 + 900 * ms, channel="book")
    kind = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "ts_recv": T0 + 600 * ms}
    rows = [trade(1, 0), trade(1, 0, instrument=1), kind | {"instrument": -1}, kind, kind | {"instrument": -1}]
    gaps = [(2, wide), (3, own), (4, book)]
    assert completeness(bars(), [*rows, quote(3 * SECOND)], gaps) == [0.6, 0.8]


def test_a_gap_on_a_slow_receive_clock_is_moved_to_event_time() -> None:
    slow, ms = -1270_000_000, 1_000_000
    gap = Gap(0, GapReason.DISCONNECT, T0 + slow + 200 * ms, T0 + slow + 600 * ms)
    row = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1}
    rows = [trade(1, 0) | {"ts_recv": T0 + slow}, row, quote(3 * SECOND)]
    assert completeness(bars(), rows, [(1, gap)]) == [0.6]


def test_a_feed_that_is_down_is_missing_until_it_is_up() -> None:
    ms = 1_000_000
    wide = {"kind": EventKind.STATUS, "instrument": -1}
    down = wide | {"code": StatusCode.FEED_DOWN, "ts_recv": T0 + 500 * ms}
    up = wide | {"code": StatusCode.FEED_UP, "ts_recv": T0 + 1500 * ms}
    rows = [trade(1, 0), down, up, trade(2, 1900 * ms), quote(4 * SECOND)]
    assert completeness(bars(), rows) == [0.5, 0.5]
    assert completeness(bars(), [trade(1, 0), down, clock(20 * SECOND)]) == [0.5]


def test_a_hole_in_the_trades_is_missing_from_its_instrument_only() -> None:
    ms = 1_000_000
    stage = bars()
    rows = [trade(1, 0), trade(1, 0, instrument=1), trade(9, 300 * ms), quote(3 * SECOND)]
    stage.expect(np.array([(2, 0, 0, 0, GapReason.TRADE_ID, 0, T0, T0 + 300 * ms, 2, 8)], FOUND))
    assert completeness(stage, rows) == [0.7, 1.0]


def test_every_interval_of_the_model_is_kept() -> None:
    stage = bars()
    stage.on_tape(tape([trade(1, 0)]))
    assert stage.open_bars()["interval"].tolist() == sorted(INTERVALS.values())


def random_trades(random_: random.Random, count: int) -> Rows:
    rows, now = [], 0
    for number in range(count):
        now += random_.choice((0, 1, 100_000_000, 700_000_000, 3 * SECOND, 40 * SECOND))
        late = random_.choice((0, 0, 0, 300_000_000, 2 * SECOND, 8 * SECOND))
        row = trade(number, max(0, now - late), random_.randint(1, 50), instrument=random_.randrange(3))
        size = (random_.randint(1, 10**9), random_.choice((-8, -3, 0, -18)))
        code = random_.choice((0, 0, 0, *range(8)))
        rows.append(row | {"ts_recv": T0 + now, "size": size[0], "size_exp": size[1], "code": code})
    return rows


def recomputed(rows: Rows) -> dict[tuple[int, int, int], tuple[int, int, int, int, Fraction, int]]:
    """Return the bars of all trades at once, with exact rational volumes."""
    groups: dict[tuple[int, int, int], Rows] = defaultdict(list)
    for row in rows:
        for seconds in INTERVALS.values():
            length = seconds * SECOND
            groups[row["instrument"], seconds, row["ts_event"] // length * length].append(row)
    out = {}
    for key, members in groups.items():
        counted = [row for row in members if row["code"] & Uncounted.ALL != Uncounted.ALL]
        ordered = sorted(counted, key=lambda row: (row["ts_event"], row["trade_id"]))
        ends, extremes, filled = (
            [row for row in ordered if not row["code"] & what]
            for what in (Uncounted.OPEN_CLOSE, Uncounted.HIGH_LOW, Uncounted.VOLUME)
        )
        if not ends or not extremes:
            continue
        prices = [row["price"] for row in extremes]
        volume = sum((Fraction(row["size"]) * Fraction(10) ** row["size_exp"] for row in filled), Fraction(0))
        out[key] = (ends[0]["price"], max(prices), min(prices), ends[-1]["price"], volume, len(ordered))
    return out


def versions(out: list[NDArray[np.void]]) -> dict[tuple[int, int, int], list[np.void]]:
    found: dict[tuple[int, int, int], list[np.void]] = defaultdict(list)
    for bar in (bar for part in out for bar in part):
        found[int(bar["instrument"]), int(bar["interval"]), int(bar["ts_open"])].append(bar)
    return found


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_last_version_of_every_bar_is_what_a_computation_from_scratch_gives(seed: int) -> None:
    random_ = random.Random(seed)
    rows = random_trades(random_, 120)
    stage, out, begin = bars(), [], 0
    while begin < len(rows):
        end = begin + random_.randint(1, 30)
        part = stage.on_tape(tape(rows[begin:end], first=begin))
        out += [] if part is None else [part]
        begin = end
    assert stage.counters() == {"too_late": 0, "implausible": 0, "untimed": 0, "unmatched": 0}
    found = versions([*out, stage.open_bars()])
    final = {
        key: (
            *(int(bars_[-1][name]) for name in ("open", "high", "low", "close")),
            int(bars_[-1]["volume_whole"]) + Fraction(int(bars_[-1]["volume_fraction"]), 10**18),
            int(bars_[-1]["trades"]),
        )
        for key, bars_ in found.items()
    }
    assert final == recomputed(rows)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_bar_is_concluded_once_in_time_and_after_that_only_corrected(seed: int) -> None:
    rows = random_trades(random.Random(seed), 120)
    stage = bars()
    out = stage.on_tape(tape(rows))
    newest = np.maximum.accumulate([row["ts_event"] for row in rows])
    second = (newest - 2 * SECOND) // SECOND
    for (_, seconds, ts_open), told in versions([] if out is None else [out]).items():
        close = ts_open // SECOND + seconds
        due = int(np.searchsorted(second, close))
        states = [int(bar["state"]) for bar in told]
        offsets = [int(bar["offset"]) for bar in told]
        assert offsets == sorted(offsets)
        assert set(states[1:]) <= {CORRECTED}
        assert offsets[0] == due if states[0] == FINAL else offsets[0] >= due
    for bar in stage.open_bars():
        assert second[-1] < int(bar["ts_open"]) // SECOND + int(bar["interval"])


def test_one_time_far_ahead_closes_nothing_and_is_in_no_bar() -> None:
    hour = 3600 * SECOND
    stage = bars()
    rows = [trade(1, 0), trade(2, hour) | {"ts_recv": T0 + 1}, trade(3, 2), trade(4, SECOND), quote(3 * SECOND)]
    assert concluded(stage, rows) == [(0, 2, FINAL, 4)]
    assert stage.counters() == {"too_late": 0, "implausible": 1, "untimed": 0, "unmatched": 0}
    assert stage.watermark(0) == T0 + SECOND


def test_times_that_stay_ahead_are_believed_because_our_clock_was_set_back() -> None:
    stage, back = bars(), 3600 * SECOND
    rows = [trade(1, 0)] + [trade(at, at * SECOND) | {"ts_recv": T0 + at * SECOND - back} for at in range(2, 30)]
    stage.on_tape(tape(rows))
    assert stage.counters()["implausible"] == BELIEVED - 1
    assert stage.watermark(0) == T0 + 27 * SECOND


@pytest.mark.parametrize("flags", [Flag.WITHDRAWN, Flag.LATE_PRINT, Flag.WITHDRAWN | Flag.LATE_PRINT, Flag.HISTORY])
def test_a_source_that_begins_with_a_row_about_an_hour_ago_loses_none_of_those_after_it(flags: Flag) -> None:
    stage = bars()
    rows = [trade(1, -3600 * SECOND, flags=int(flags)) | {"ts_recv": T0}, clock(1) | {"size": 1}]
    rows += [trade(at, at * SECOND) for at in range(2, 22)]
    stage.on_tape(tape(rows))
    assert stage.counters()["implausible"] == 0
    (minute,) = [bar for bar in stage.open_bars() if bar["interval"] == 60]
    assert minute["trades"] == 20
    far = [trade(30, 3600 * SECOND) | {"ts_recv": T0 + 22 * SECOND}]
    stage.on_tape(tape(far))
    assert stage.counters()["implausible"] == 1, "the rows after it say what to believe"


def test_a_correction_ahead_of_its_source_is_a_mistake_as_well() -> None:
    stage = bars()
    stage.on_tape(tape([trade(1, 0), trade(2, 3600 * SECOND, flags=int(Flag.WITHDRAWN)) | {"ts_recv": T0 + 1}]))
    assert stage.counters()["implausible"] == 1
    assert stage.watermark(0) == T0 - 2 * SECOND


def test_a_source_that_begins_with_a_correction_was_not_heard_before_it() -> None:
    stage = bars()
    stage.on_tape(tape([trade(1, -3600 * SECOND, flags=int(Flag.WITHDRAWN)) | {"ts_recv": T0}, trade(2, SECOND)]))
    (minute,) = [bar for bar in stage.open_bars() if bar["interval"] == 60]
    assert minute["completeness"] == pytest.approx(1 - 20 / 60)


def test_a_backlog_read_late_makes_the_fresh_events_after_it_no_mistake() -> None:
    stage, late = bars(), 600 * SECOND
    rows = [trade(1, 0), trade(2, SECOND) | {"ts_recv": T0 + late}, trade(3, late)]
    stage.on_tape(tape(rows))
    assert stage.counters()["implausible"] == 0
    assert stage.watermark(0) == T0 + late - 2 * SECOND


@pytest.mark.parametrize("step", [3600 * SECOND, -3600 * SECOND])
def test_our_clock_being_set_carries_no_source_on_and_costs_no_trade(step: int) -> None:
    stage = bars()
    rows = [trade(1, 0), clock(SECOND + step) | {"size": step}, trade(2, SECOND) | {"ts_recv": T0 + SECOND + step}]
    rows += [clock(2 * SECOND + step), trade(3, 2 * SECOND) | {"ts_recv": T0 + 2 * SECOND + step}]
    assert concluded(stage, rows) == []
    assert stage.watermark(0) == T0
    assert stage.counters() == {"too_late": 0, "implausible": 0, "untimed": 0, "unmatched": 0}
    assert concluded(stage, [clock(8 * SECOND + step)]) == [(at, 1, FINAL, 0) for at in range(3)]


def test_between_a_restart_and_the_next_connection_everything_may_be_missing() -> None:
    stage = bars()
    restart = Gap(0, GapReason.RESTART, T0 + SECOND, T0 + 2 * SECOND)
    rows = [
        trade(1, 0),
        {"kind": EventKind.GAP, "code": GapReason.RESTART, "instrument": -1, "ts_recv": T0 + 2 * SECOND},
        {"kind": EventKind.STATUS, "code": StatusCode.FEED_UP, "instrument": -1, "ts_recv": T0 + 9 * SECOND},
        trade(2, 9 * SECOND),
    ]
    stage.on_tape(tape(rows, [(1, restart)]))
    (minute,) = (bar for bar in stage.open_bars() if bar["interval"] == 60)
    assert minute["completeness"] == pytest.approx(1 - (20 + 8) / 60)  # the first 20 s were before we listened


def open_places(stage: Bars) -> list[tuple[int, int, int]]:
    """Return ``(instrument, interval, number)`` of every provisional bar of a state, wherever in its ring it lies."""
    slots = unpack(stage.snapshot())["slots"]
    found = np.argwhere(slots["state"] == PROVISIONAL).tolist()
    interval = np.repeat(list(INTERVALS.values()), RINGS)
    return sorted((which, int(interval[place]), int(slots["number"][which, place])) for which, place in found)


def open_numbers(stage: Bars) -> list[tuple[int, int, int]]:
    """Return the same of what ``open_bars`` tells, as it tells it."""
    return [
        (int(bar["instrument"]), int(bar["interval"]), int(bar["ts_open"]) // (int(bar["interval"]) * SECOND))
        for bar in stage.open_bars()
    ]


@settings(max_examples=100, deadline=None)
@given(trades=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.integers(0, 2)), max_size=40))
def test_open_bars_are_all_that_are_open_in_order(trades: list[tuple[int, int, int]]) -> None:
    stage = bars()
    for number, (second, source, instrument) in enumerate(trades):
        row = trade(number, second * SECOND) | {"source": source, "instrument": instrument}
        stage.on_tape(tape([row], first=number))
        assert open_numbers(stage) == open_places(stage)


def test_a_bar_that_its_ring_reaches_no_more_is_still_open() -> None:
    """Two sources, a minute apart: the later one pushes a bar out of the ring that is not the oldest."""
    stage = bars()
    stage.on_tape(tape([trade(1, 0), trade(2, SECOND), trade(3, 65 * SECOND) | {"source": 1}]))
    seconds = [number - T0 // SECOND for _, interval, number in open_numbers(stage) if interval == 1]
    assert seconds == [0, 65]
