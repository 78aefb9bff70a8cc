"""An instrument whose trades, quotes and book come by different sources: each is believed for what it tells."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from breadboard.config import AnomalyConfig
from breadboard.engine.anomalies import Anomalies
from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.engine.features import Features
from breadboard.model.anomalies import BY_NAME, Anomaly
from breadboard.model.features import FEATURE, Feature
from breadboard.model.kinds import EventKind, SequenceRule, StatusCode
from tapes import SECOND, T0, snapshot, tape, trade

QUOTES, OTHERS = 0, 1
UNIT = 10**9
TENTH = SECOND // 10
BEGIN = 40 * SECOND
"""A whole minute."""

Row = dict[str, Any]


def quote(when: int, bid: int = 100, ask: int = 102, **more: int) -> Row:
    sides = {"price": bid * UNIT, "ask_price": ask * UNIT, "size": 10**8, "ask_size": 10**8}
    return {"kind": EventKind.QUOTE, "ts_event": T0 + when, "ts_recv": T0 + when, "source": QUOTES, **sides, **more}


def book(when: int, price: int = 90) -> Row:
    times = {"ts_event": T0 + when, "ts_recv": T0 + when, "source": OTHERS}
    return {"kind": EventKind.BOOK_DELTA, "levels": [(1, price * UNIT, 10**8)], **times}


def whole_book(when: int) -> Row:
    times = {"ts_event": T0 + when, "ts_recv": T0 + when, "source": OTHERS}
    return snapshot(0, [(1, 99 * UNIT, 10**8), (2, 101 * UNIT, 10**8)], **times)


def status(when: int, source: int, code: StatusCode) -> Row:
    return {"kind": EventKind.STATUS, "code": int(code), "source": source, "instrument": -1, "ts_recv": T0 + when}


def features(rows: list[Row]) -> NDArray[np.void]:
    books, stage = Books(lambda _: SequenceRule.NONE, lambda _: True, deep=True), Features(("mid",), 2000, 5.0)
    market = tape(rows)
    books.on_tape(market)
    stage.expect(books.tops, books.depths)
    found = stage.on_tape(market)
    return np.zeros(0, FEATURE) if found is None else found


def mids(rows: list[Row]) -> list[int]:
    """Return in which seconds after the beginning there was a mid."""
    found = features(rows)
    chosen = (found["interval"] == 1) & (found["feature"] == int(Feature.MID))
    return [int(when - T0 - BEGIN) // SECOND for when in found["ts_open"][chosen]]


@pytest.mark.parametrize("book_speaks_last", [True, False])
def test_quotes_of_a_source_that_is_down_are_no_mid_whoever_spoke_last(book_speaks_last: bool) -> None:
    rows = [whole_book(BEGIN), quote(BEGIN + TENTH), book(BEGIN + 2 * TENTH)]
    rows += [] if book_speaks_last else [quote(BEGIN + 3 * TENTH)]
    rows.append(status(BEGIN + 4 * TENTH, QUOTES, StatusCode.FEED_DOWN))
    assert mids(rows + [book(BEGIN + k * SECOND + 5 * TENTH, 90 - k % 5) for k in range(12)]) == []


@pytest.mark.parametrize("book_speaks_last", [True, False])
def test_a_book_that_is_lost_takes_no_quotes_with_it(book_speaks_last: bool) -> None:
    rows = [whole_book(BEGIN), quote(BEGIN + TENTH), book(BEGIN + 2 * TENTH)]
    rows += [] if book_speaks_last else [quote(BEGIN + 3 * TENTH)]
    rows.append(status(BEGIN + 4 * TENTH, OTHERS, StatusCode.FEED_DOWN))
    assert mids(rows + [quote(BEGIN + k * SECOND + 5 * TENTH) for k in range(1, 12)]) == [*range(9)]


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_windows_end_at_the_rows_at_which_bars_end(seed: int | None) -> None:
    rng = np.random.default_rng(seed)
    rows = [whole_book(BEGIN)]
    for number in range(1, 300):
        when = BEGIN + number * 3 * TENTH
        traded = number % 2 if seed is None else rng.random() < 0.5
        rows.append(trade(number, when, source=QUOTES) if traded else book(when, 90 - number % 5))
    bars = Bars(2000, 5.0).on_tape(tape(rows))
    windows = features(rows)
    assert bars is not None
    ended = {int(bar["ts_open"]): int(bar["offset"]) for bar in bars if bar["interval"] == 1}
    told = {int(row["ts_open"]): int(row["offset"]) for row in windows if row["interval"] == 1}
    assert len(ended) > 70
    assert {when: told[when] for when in ended} == ended


ENDS = [StatusCode.RESUMED, StatusCode.FEED_DOWN, StatusCode.FEED_UP]
"""What ends a halt; before a FEED_UP the line may have been lost without a word, with the process."""


@pytest.mark.parametrize("code", ENDS)
@pytest.mark.parametrize("teller", [QUOTES, OTHERS])
def test_a_halt_ends_where_trading_is_resumed_and_where_it_may_have_been(code: StatusCode, teller: int) -> None:
    halted = status(BEGIN + TENTH, teller, StatusCode.HALTED) | {"instrument": 0}
    ended = status(BEGIN + TENTH, teller, code)
    after = [quote(BEGIN + k * SECOND) for k in range(1, 8)]
    assert mids([quote(BEGIN), halted, ended, *after]) == [1, 2, 3, 4]
    other = ended | {"source": QUOTES + OTHERS - teller}
    assert mids([quote(BEGIN), halted, other, *after]) == ([1, 2, 3, 4] if code == ENDS[0] and teller == OTHERS else [])
    assert mids([quote(BEGIN), halted, *after]) == []


def anomalies(rows: list[Row]) -> list[Anomaly]:
    books = Books(lambda _: SequenceRule.NONE, lambda _: True)
    stage = Anomalies(tuple(BY_NAME), AnomalyConfig(), 2000, 5.0)
    market = tape(rows)
    books.on_tape(market)
    stage.expect(books.tops, None)
    found = stage.on_tape(market)
    return [] if found is None else [Anomaly(int(row["kind"])) for row in found]


@pytest.mark.parametrize("trade_speaks_last", [True, False])
def test_trades_are_held_against_no_quote_of_a_source_that_is_down(trade_speaks_last: bool) -> None:
    def rows(down: list[Row]) -> list[Row]:
        first = [trade(1, BEGIN, 101, source=OTHERS), quote(BEGIN + TENTH)]
        first.append(trade(2, BEGIN + 2 * TENTH, 101, source=OTHERS))
        first += [] if trade_speaks_last else [quote(BEGIN + 3 * TENTH)]
        later = [trade(3 + k, BEGIN + (3 + k) * SECOND, 110 + k, source=OTHERS) for k in range(8)]
        return first + down + later

    assert Anomaly.TRADE_OUTSIDE in anomalies(rows([]))
    assert anomalies(rows([status(BEGIN + 4 * TENTH, QUOTES, StatusCode.FEED_DOWN)])) == []


@pytest.mark.parametrize("code", ENDS)
@pytest.mark.parametrize("teller", [QUOTES, OTHERS])
def test_after_a_halt_and_a_minute_trades_are_judged_again(code: StatusCode, teller: int) -> None:
    def rows(*ends: StatusCode) -> list[Row]:
        halted = status(BEGIN, teller, StatusCode.HALTED) | {"instrument": 0}
        said = [trade(1, BEGIN, 101, source=OTHERS), quote(BEGIN), halted]
        said += [status(BEGIN, teller, each) for each in ends]
        later = [each for k in range(70, 78) for each in (quote(BEGIN + k * SECOND), trade(k, BEGIN + k * SECOND, 110))]
        return [quote(BEGIN), *said, *later, quote(BEGIN + 90 * SECOND)]

    assert Anomaly.TRADE_OUTSIDE in anomalies(rows(code))
    assert anomalies(rows()) == []


def test_a_venue_that_says_it_is_open_while_nothing_was_halted_keeps_nobody_from_being_judged() -> None:
    def rows(*said: Row) -> list[Row]:
        later = [each for k in range(1, 9) for each in (quote(BEGIN + k * SECOND), trade(k, BEGIN + k * SECOND, 110))]
        return [quote(BEGIN), *said, *later, quote(BEGIN + 20 * SECOND)]

    resumed = status(BEGIN, QUOTES, StatusCode.RESUMED)
    assert Anomaly.TRADE_OUTSIDE in anomalies(rows(resumed))
    assert anomalies(rows(resumed | {"instrument": 0})) == []
