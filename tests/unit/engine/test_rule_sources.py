"""Rules and connections: an instrument may have its trades, its quotes and its book by three of them."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.bars import BAR
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from breadboard.model.rules import Rule, RuleKind, RuleSet
from tapes import SECOND, T0, cut, tape, trade

TRADES, QUOTES, BOOK = range(4, 7)
GAP, HALT = Rule(name="gap", kind="gap"), Rule(name="halt", kind="halt")
RISE = Rule(name="rise", kind="rise", threshold=5.0, window="1m")
Row = dict[str, Any]


def said(source: int, when: int = 0, **more: int) -> Row:
    """Return a row of what a connection brings."""
    if source == TRADES:
        return trade(when, when, 100, source=source) | more
    kind = EventKind.QUOTE if source == QUOTES else EventKind.BOOK_DELTA
    return {"kind": kind, "price": 10**11, "ask_price": 10**11 + 1, "source": source, "ts_recv": T0 + when} | more


def whole(kind: EventKind, code: int, source: int, when: int) -> Row:
    """Return a row of a whole source."""
    return {"kind": kind, "code": code, "instrument": -1, "source": source, "ts_recv": T0 + when}


def stage(*rules: Rule) -> Rules:
    instruments = Instruments()
    instruments.intern("IQFEED", "S0")
    return Rules(instruments, lambda _: "", {}, RuleSet(rules))


def told(subject: Rules, rows: list[Row], restarted_at: int | None = None) -> list[tuple[int, ...]]:
    """Return offset, kind, source and ``gapped`` of the alerts, here or with a restart from a checkpoint."""
    found: list[tuple[int, ...]] = []
    for part in cut(tape(rows), [] if restarted_at is None else [restarted_at]):
        out = subject.on_tape(part, np.zeros(0, HOLE), np.zeros(0, BAR), {})
        if out is not None:
            found += [tuple(int(a[name]) for name in ("offset", "kind", "source", "gapped")) for a in out]
        before, subject = subject, stage()
        subject.restore(before.snapshot())
    return found


@pytest.mark.parametrize("order", list(permutations((TRADES, QUOTES, BOOK))), ids=str)
def test_the_loss_of_a_connection_is_told_whichever_brought_the_last_row(order: tuple[int, ...]) -> None:
    for lost in (TRADES, QUOTES, BOOK):
        gone = [
            whole(EventKind.STATUS, StatusCode.FEED_DOWN, lost, SECOND),
            whole(EventKind.GAP, GapReason.DISCONNECT, lost, 2 * SECOND),
        ]
        rows = [*map(said, order), *gone]
        for restarted_at in (None, 3):
            assert told(stage(GAP), rows, restarted_at) == [(4, RuleKind.GAP, lost, 1)]
    other = whole(EventKind.GAP, GapReason.DISCONNECT, 9, SECOND)
    assert told(stage(GAP), [*map(said, order), other]) == []


@pytest.mark.parametrize("last", [TRADES, QUOTES, BOOK])
def test_a_book_told_order_by_order_goes_with_its_connection(last: int) -> None:
    order = {"kind": EventKind.ORDER, "source": BOOK, "ts_recv": T0}
    gap = whole(EventKind.GAP, GapReason.DISCONNECT, BOOK, SECOND)
    rows = [order, said(TRADES), said(QUOTES), order if last == BOOK else said(last), gap]
    assert told(stage(GAP), rows) == [(4, RuleKind.GAP, BOOK, 1)]


def test_a_history_does_not_hide_by_which_connection_the_live_book_comes() -> None:
    history = {"flags": int(Flag.HISTORY)}
    past = [said(each) | history | {"source": 9} for each in (TRADES, QUOTES, BOOK)]
    for lost in (TRADES, QUOTES, BOOK):
        gap = whole(EventKind.GAP, GapReason.DISCONNECT, lost, SECOND)
        rows = [said(TRADES), said(QUOTES), said(BOOK), *past, gap]
        assert told(stage(GAP), rows) == [(6, RuleKind.GAP, lost, 1)]


@pytest.mark.parametrize("last", [TRADES, QUOTES, BOOK])
def test_a_halt_of_a_whole_source_is_of_all_that_it_tells_of(last: int) -> None:
    for source in (TRADES, QUOTES, BOOK):
        halt = whole(EventKind.STATUS, StatusCode.HALTED, source, SECOND)
        rows = [said(TRADES), said(QUOTES), said(BOOK), said(last), halt]
        assert told(stage(HALT), rows) == [(4, RuleKind.HALT, source, 0)]


@pytest.mark.parametrize("last", [TRADES, QUOTES, BOOK])
@pytest.mark.parametrize("how", [(EventKind.STATUS, StatusCode.FEED_DOWN), (EventKind.GAP, GapReason.DISCONNECT)])
def test_trades_may_be_missing_where_the_connection_that_brings_them_was_away(
    last: int, how: tuple[EventKind, int]
) -> None:
    for lost in (TRADES, QUOTES, BOOK):
        rows = [said(TRADES), said(QUOTES), said(BOOK), said(last), whole(*how, lost, SECOND)]
        rows.append(trade(9, 2 * SECOND, 110, source=TRADES))
        assert told(stage(RISE), rows) == [(5, RuleKind.RISE, TRADES, int(lost == TRADES))]
    # Before the first trade nobody knows by which they come.
    untraded = [said(BOOK), whole(*how, BOOK, 1), trade(1, 2, 100, source=TRADES), trade(2, 3, 110, source=TRADES)]
    assert told(stage(RISE), untraded) == [(3, RuleKind.RISE, TRADES, 1)]
