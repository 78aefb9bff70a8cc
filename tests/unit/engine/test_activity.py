"""Bars by activity against a plain computation, whatever the batches."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine.activity import ActivityBars, Spec
from breadboard.engine.activity_kernel import MOST_BRICKS
from breadboard.engine.continuity import Continuity
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.errors import UsageError
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from breadboard.model.tape import Tape
from tapes import T0, tape, trade

Rows = list[dict[str, Any]]

WORDS = ("tick:3", "volume:10", "dollar:1000", "imbalance:4", "renko:2")
WHOLE = 10**9


def stage(*words: str) -> ActivityBars:
    return ActivityBars([Spec.of(word) for word in words])


def concluded(subject: ActivityBars, rows: Rows | Tape) -> NDArray[np.void]:
    found = subject.on_tape(rows if isinstance(rows, Tape) else tape(rows))
    assert found is not None
    return found


def prices(bar: np.void) -> tuple[int, ...]:
    return tuple(int(bar[name]) // WHOLE for name in ("open", "high", "low", "close"))


def test_a_tick_bar_holds_so_many_trades() -> None:
    bars = concluded(stage("tick:3"), [trade(n, 10 * n, price, 2) for n, price in enumerate((5, 9, 4, 7, 8, 6, 1))])
    assert [prices(bar) for bar in bars] == [(5, 9, 4, 4), (7, 8, 6, 6)]
    first = bars[0]
    assert (first["number"], first["trades"], first["volume_whole"], first["notional"]) == (1, 3, 6, 36.0)
    assert (first["ts_open"], first["ts_close"], first["offset"], bars[1]["number"]) == (T0, T0 + 20, 2, 2)


def test_a_bar_keeps_no_more_memory_than_its_own() -> None:
    bars = concluded(stage("tick:900"), [trade(n, n, 5, 1) for n in range(1_000)])
    assert len(bars) == 1
    owner = bars
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    assert owner.nbytes == bars.nbytes, "bars wait for the store, and what is wider waits with them"


def test_the_trade_that_fills_a_bar_is_in_it_whole() -> None:
    bars = concluded(
        stage("volume:10"), [trade(1, 0, 5, 4), trade(2, 1, 5, 5), trade(3, 2, 5, 100), trade(4, 3, 5, 10)]
    )
    assert [(int(bar["volume_whole"]), int(bar["trades"])) for bar in bars] == [(109, 3), (10, 1)]
    bars = concluded(stage("dollar:1000"), [trade(1, 0, 100, 9), trade(2, 1, 100, 1), trade(3, 2, 50, 20)])
    assert [(float(bar["notional"]), int(bar["trades"])) for bar in bars] == [(1000.0, 2), (1000.0, 1)]


def test_ten_times_a_tenth_of_a_dollar_is_a_dollar() -> None:
    """And in float64 a little less."""
    bars = concluded(stage("dollar:1"), [trade(n, n, 1) | {"size": 10**7} for n in range(30)])
    assert [int(bar["trades"]) for bar in bars] == [10, 10, 10]


def test_renko_bricks_go_on_or_turn_and_a_jump_makes_several() -> None:
    path = (100, 101, 102, 104, 103, 101, 100, 98, 105)
    bars = concluded(stage("renko:2"), [trade(n, n, price) for n, price in enumerate(path)])
    assert [(int(bar["open"]) // WHOLE, int(bar["close"]) // WHOLE) for bar in bars] == [
        (100, 102),
        (102, 104),
        (102, 100),  # a turn begins from the last brick's other end
        (100, 98),
        (100, 102),
        (102, 104),
    ]
    assert [int(bar["trades"]) for bar in bars] == [3, 1, 3, 1, 1, 0]
    assert [int(bar["volume_whole"]) for bar in bars] == [3, 1, 3, 1, 1, 0]


def test_a_jump_without_measure_is_one_gapped_brick() -> None:
    far = 100 + 2 * (MOST_BRICKS + 5)
    bars = concluded(stage("renko:2"), [trade(1, 0, 100), trade(2, 1, far), trade(3, 2, far + 2)])
    assert [(int(bar["close"]) // WHOLE, int(bar["gapped"])) for bar in bars] == [(far, 1), (far + 2, 0)]


def test_an_imbalance_bar_ends_when_one_side_outweighs_what_was_usual() -> None:
    buys, sells = ({"side": 1}, {"side": 2})
    rows = [trade(n, n, 10) | (buys if n % 2 else sells) for n in range(20)]
    subject = stage("imbalance:4")
    assert subject.on_tape(tape(rows)) is None, "a market in balance"
    bars = concluded(subject, tape([trade(100 + n, n, 10) | buys for n in range(4)], first=20))
    assert [(int(bar["trades"]), int(bar["imbalance"])) for bar in bars] == [(24, 4)]
    told_by_price = [trade(n, n, price) | {"side": 0} for n, price in enumerate((10, 11, 11, 12, 13))]
    (bar,) = concluded(stage("imbalance:4"), told_by_price)
    assert (int(bar["imbalance"]), int(bar["trades"])) == (4, 5), "the tick rule: up, as before, up, up"


@pytest.mark.parametrize("path", [(2, 1, 0, 1, 2, 3), (0, 1), (0, -1), (-1, 0), (1, 0, 0, -1)])
def test_a_price_of_zero_is_a_price(path: tuple[int, ...]) -> None:
    def imbalance(prices: tuple[int, ...]) -> int:
        rows = [trade(n, n, price, side=0) for n, price in enumerate(prices)]
        (bar,) = concluded(stage(f"tick:{len(path)}"), rows)
        return int(bar["imbalance"])

    assert imbalance(path) == imbalance(tuple(price + 10 for price in path))


def test_what_is_in_no_bar_of_time_is_in_none_of_these() -> None:
    left_out = (Flag.DUPLICATE, Flag.LAST_KNOWN, Flag.WITHDRAWN, Flag.INELIGIBLE)
    rows = [trade(n, n, 99) | {"flags": int(flag)} for n, flag in enumerate(left_out)]
    rows += [trade(10, 10, 7, 5) | {"flags": int(Flag.VOLUME_ONLY)}, trade(11, 11, 3), trade(12, 12, 4)]
    (bar,) = concluded(stage("tick:3"), rows)
    assert (prices(bar), int(bar["volume_whole"]), int(bar["trades"])) == ((3, 4, 3, 4), 7, 3)


def test_bars_in_which_trades_may_be_missing_say_so() -> None:
    subject = stage("tick:2")
    gap = Gap(source=0, reason=GapReason.DISCONNECT, ts_from=T0, ts_to=T0 + 1)
    lost = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "ts_recv": T0 + 1}
    book = lost | {"code": GapReason.CHECKSUM}
    down = {"kind": EventKind.STATUS, "code": StatusCode.FEED_DOWN, "instrument": -1, "ts_recv": T0 + 1}
    rows: Rows = [trade(1, 0), trade(2, 1), trade(3, 2), lost, trade(4, 3), book, trade(5, 4), trade(6, 5), down]
    bars = concluded(subject, tape([*rows, trade(7, 6), trade(8, 7)], gaps=[(3, gap)]))
    assert [int(bar["gapped"]) for bar in bars] == [0, 1, 0, 1]


@pytest.mark.parametrize("cuts", [(), (2,), (3,)])
def test_a_gap_of_every_source_is_in_no_bar_of_whom_it_came_before(cuts: tuple[int, ...]) -> None:
    subject, begin, found = stage("tick:2"), 0, []
    gap = {"kind": EventKind.GAP, "code": GapReason.DAMAGE, "instrument": -1, "source": EVERY_SOURCE}
    later = [trade(n, 10 * n, instrument=1) for n in (3, 4)]
    whole = tape([trade(1, 0), gap, *later, trade(5, 90)])
    for end in (*cuts, len(whole)):
        bars = subject.on_tape(whole.take(slice(begin, end)))
        found += [] if bars is None else [(int(bar["instrument"]), int(bar["gapped"])) for bar in bars]
        begin = end
    assert found == [(1, 0), (0, 1)]


def test_of_the_gaps_that_one_frame_tells_of_one_may_hide_trades() -> None:
    lost = {"kind": EventKind.GAP, "code": GapReason.SUBSCRIPTION, "instrument": -1, "offset": 1}
    of_book, of_trades = (
        Gap(source=0, reason=GapReason.SUBSCRIPTION, ts_from=T0, ts_to=T0 + 1, channel=channel)
        for channel in ("book", "trade")
    )
    rows: Rows = [trade(1, 0), lost, lost | {"index": 1}, trade(2, 1, offset=2)]
    (bar,) = concluded(stage("tick:2"), tape(rows, gaps=[(1, of_trades), (1, of_book)]))
    assert int(bar["gapped"]) == 1
    (bar,) = concluded(stage("tick:2"), tape(rows, gaps=[(1, of_book), (1, of_book)]))
    assert int(bar["gapped"]) == 0


def test_a_hole_in_the_trade_numbers_is_in_the_bar_that_was_open() -> None:
    rows = tape([trade(n, at) for at, n in enumerate((1, 2, 50, 51, 52, 53))])
    subject = stage("tick:3")
    subject.expect(Continuity(lambda _: True).on_tape(rows))
    assert [int(bar["gapped"]) for bar in concluded(subject, rows)] == [1, 0]


def test_bars_that_are_asked_for_later_cost_the_others_nothing() -> None:
    subject = stage("tick:4", "volume:9")
    concluded(subject, [trade(n, n) for n in range(7)])
    again = stage("renko:1", "tick:4")
    again.restore(subject.snapshot())
    (bar,) = concluded(again, tape([trade(7, 7)], first=7))
    assert (int(bar["number"]), int(bar["trades"]), int(bar["ts_open"])) == (2, 4, T0 + 4)


def reference(rows: Rows, word: str) -> Iterator[tuple[Any, ...]]:
    """Tick, volume and dollar bars in the plainest way."""
    kind, _, amount = word.partition(":")
    for which in sorted({row["instrument"] for row in rows}):
        bar: Rows = []
        number = 1
        for row in (row for row in rows if row["instrument"] == which):
            bar.append(row)
            volume = sum((Fraction(one["size"]) * Fraction(10) ** one["size_exp"] for one in bar), Fraction(0))
            notional = sum(
                (Fraction(one["price"], WHOLE) * one["size"] * Fraction(10) ** one["size_exp"] for one in bar),
                Fraction(0),
            )
            priced = [one["price"] for one in bar if not one["flags"] & Flag.VOLUME_ONLY]
            fill = {"tick": len(bar), "volume": volume, "dollar": notional}[kind]
            if priced and fill >= Fraction(amount):
                when = [one["ts_event"] for one in bar]
                moved = (priced[0], max(priced), min(priced), priced[-1])
                yield which, number, min(when), max(when), *moved, volume, len(bar)
                bar, number = [], number + 1


TRADES = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(1, 60),
        st.sampled_from([(1, 0), (3 * 10**8, -8), (25 * 10**7, -8), (7, -1), (1, -18)]),
        st.sampled_from([0, 0, 0, int(Flag.VOLUME_ONLY)]),
        st.sampled_from([0, 1, 2]),
    ),
    max_size=60,
)


def made(drawn: list[tuple[int, int, tuple[int, int], int, int]]) -> Rows:
    return [
        # Of any four the last happened first.
        trade(n, n ^ 3, price, instrument=which) | {"size": size, "size_exp": exp, "flags": flags, "side": side}
        for n, (which, price, (size, exp), flags, side) in enumerate(drawn)
    ]


@settings(max_examples=150)
@given(TRADES, st.integers(1, 9), st.sampled_from(WORDS[:3]))
def test_any_trades_in_any_batches_are_the_bars_of_a_plain_computation(
    drawn: list[tuple[int, int, tuple[int, int], int, int]], step: int, word: str
) -> None:
    rows = made(drawn)
    subject = stage(word)
    parts = [subject.on_tape(tape(rows[at : at + step], first=at)) for at in range(0, len(rows), step)]
    bars = [bar for part in parts if part is not None for bar in part]
    found = sorted(
        (
            *(
                int(bar[name])
                for name in ("instrument", "number", "ts_open", "ts_close", "open", "high", "low", "close")
            ),
            int(bar["volume_whole"]) + Fraction(int(bar["volume_fraction"]), 10**18),
            int(bar["trades"]),
        )
        for bar in bars
    )
    assert found == sorted(reference(rows, word))


@settings(max_examples=100)
@given(TRADES, st.integers(1, 9), st.integers(0, 60))
def test_batches_and_a_restore_leave_no_trace(
    drawn: list[tuple[int, int, tuple[int, int], int, int]], step: int, cut: int
) -> None:
    rows = made(drawn)
    whole, parts = stage(*WORDS), []
    at_once = whole.on_tape(tape(rows)) if rows else None
    subject = stage(*WORDS)
    for at in range(0, len(rows), step):
        if at <= cut < at + step:
            state = subject.snapshot()
            subject = stage(*WORDS)
            subject.restore(state)
            assert subject.snapshot() == state
        part = subject.on_tape(tape(rows[at : at + step], first=at))
        parts += [] if part is None else [part]
    assert subject.snapshot() == whole.snapshot()
    assert (np.concatenate(parts).tobytes() if parts else b"") == (b"" if at_once is None else at_once.tobytes())


@pytest.mark.parametrize(
    "word",
    [
        *("tick", "tick:0", "tick:1.5", "tick:-3", "volume:0", "volume:x", "renko:0", "imbalance:2.5", "clock:3"),
        *("tick:\u00b3", "tick:\uff11\uff12", "tick:9999999999999999999"),
    ],
)
def test_a_bar_that_cannot_be_filled_is_a_usage_error(word: str) -> None:
    with pytest.raises(UsageError) as error:
        Spec.of(word)
    assert word in error.value.sentence
    assert "tick:1000" in (error.value.hint or "") or word.partition(":")[0] in (error.value.hint or "")


def test_a_trade_without_an_event_time_is_in_its_bar_by_its_receipt() -> None:
    (bar,) = concluded(stage("tick:1"), [trade(1, 5) | {"ts_event": ABSENT}])
    assert int(bar["ts_open"]) == T0 + 5


def times(bars: NDArray[np.void]) -> list[tuple[int, int]]:
    return [(int(bar["ts_open"]) - T0, int(bar["ts_close"]) - T0) for bar in bars]


def test_a_bar_lasts_from_its_earliest_trade_to_its_latest_in_whatever_order_they_came() -> None:
    rows = [trade(n, when, ts_recv=T0 + 90 + n) for n, when in enumerate((10, 7, 12, 11, 30, 20))]
    assert times(concluded(stage("tick:3"), rows)) == [(7, 12), (11, 30)]
    assert times(concluded(stage("tick:2"), rows)) == [(7, 10), (11, 12), (20, 30)]
    assert times(concluded(stage("tick:1"), rows)) == [(n, n) for n in (10, 7, 12, 11, 30, 20)], "of no bar before"


def test_a_trade_of_which_only_the_receipt_is_known_is_as_late_as_that() -> None:
    rows = [trade(1, 10), trade(2, 5) | {"ts_event": ABSENT}, trade(3, 40) | {"ts_event": ABSENT}]
    assert times(concluded(stage("tick:3"), rows)) == [(5, 40)]
    assert times(concluded(stage("tick:3"), rows[::-1])) == [(5, 40)]


def test_bricks_that_a_trade_makes_follow_each_other_also_if_it_happened_before_others() -> None:
    rows = [trade(n, when, price) for n, (when, price) in enumerate(((9, 100), (20, 101), (15, 106), (30, 108)))]
    bars = concluded(stage("renko:2"), rows)
    assert [int(bar["trades"]) for bar in bars] == [3, 0, 0, 1]
    assert times(bars) == [(9, 20), (20, 20), (20, 20), (30, 30)]
