"""The closes of an exchange's sessions, from its prints: what a later price is compared with.

The close of a session is its last print by event time, from the opening until the closing auction has been printed,
that its venue lets count for the day's close. A session is known by the moment of its end, which stays the same
whatever years a calendar knows. Where something may be missing after the last print, the close is not known.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard import calendars
from breadboard.engine.kept_trades import SAME_NS
from breadboard.engine.stretches import after
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.kernels import Record, kernel
from breadboard.model.listing import MarketHours

EDGE: Final = np.dtype(
    [
        ("begin", np.int64),
        ("hours", np.int64),  # MarketHours from then on
        ("ended", np.int64),  # the end of the last session that is over; ABSENT for none
        ("session", np.int64),  # the end of the session whose close a print may be; ABSENT for none
        ("before", np.int64),  # the end of the one before that: with its close such a print is compared
    ]
)
SPAN: Final = np.dtype(
    [
        ("first", np.int64),
        ("last", np.int64),
        ("begin", np.int64),
        ("end", np.int64),
        ("hours", np.int64),
        ("ended", np.int64),
        ("session", np.int64),
        ("before", np.int64),
    ]
)
"""Per instrument: where its calendar's edges begin and end in the table, none where it has no calendar; and the stretch
between two edges that was looked up last, because most moments are in that of the one before."""
CLOSE: Final = np.dtype(
    [
        ("price", np.int64),  # of the newest session that had prints; ABSENT: not known
        ("when", np.int64),  # event time of that print
        ("heard", np.int64),  # our time of it
        ("trade", np.int64),  # its number; ABSENT where its venue numbers none
        ("session", np.int64),
        ("earlier", np.int64),  # the same of the session before it that had prints
        ("earlier_when", np.int64),
        ("earlier_heard", np.int64),
        ("earlier_trade", np.int64),
        ("earlier_session", np.int64),
        ("ended", np.int64),  # the session whose close the last trade is compared with
        ("source", np.int64),  # of the last trade: books of an instrument may come from another, whose gaps hide none
        ("told", np.int64),  # the close that the venue itself compares with; ABSENT where it says none
        ("told_hours", np.int64),  # MarketHours, where the venue says them
        ("raw", np.int64),  # 1: it has had trades that were not AGGREGATED
        ("open_when", np.int64),  # event time of the print that opened the day so far
        ("open_trade", np.int64),  # its number
    ]
)
"""Per instrument; ABSENT where nothing is known."""


def unknown(count: int) -> NDArray[np.void]:
    """Return ``CLOSE`` records of instruments about which nothing is known."""
    closes = np.zeros(count, CLOSE)
    for name in CLOSE.names or ():
        closes[name] = ABSENT
    closes["told_hours"], closes["raw"] = MarketHours.UNKNOWN, 0
    return closes


def always_open(count: int) -> NDArray[np.void]:
    """Return ``SPAN`` records of instruments without a calendar: all time is one stretch, and no session ends."""
    spans = np.zeros(count, SPAN)
    spans["begin"], spans["end"] = ABSENT, INT64_MAX
    spans["ended"] = spans["session"] = spans["before"] = ABSENT
    return spans


@cache
def edges(calendar: str) -> NDArray[np.void]:
    """Return ``EDGE`` rows of all sessions of a calendar, in order. Of other years nothing is said."""
    opens, closes = calendars.sessions(calendar)
    before = np.concatenate(([ABSENT], closes[:-1]))
    none = np.full(len(opens), ABSENT)
    steps = (
        (opens - calendars.BEFORE_NS, MarketHours.PRE, before, none, none),
        (opens, MarketHours.REGULAR, before, closes, before),
        (closes, MarketHours.POST, closes, closes, before),
        (closes + calendars.AUCTION_NS, MarketHours.POST, closes, none, none),
        (closes + calendars.AFTER_NS, MarketHours.CLOSED, closes, none, none),
    )
    table = np.zeros((len(opens), len(steps)), EDGE)
    for place, columns in enumerate(steps):
        for name, column in zip(EDGE.names or (), columns, strict=True):
            table[name][:, place] = column
    day = 24 * 3_600_000_000_000
    last = (int(closes[-1]) + day, int(MarketHours.UNKNOWN), ABSENT, ABSENT, ABSENT)
    return np.append(table.reshape(-1), np.array([last], EDGE))


@kernel
def turn(span: Record, when: int, table: NDArray[np.void]) -> None:
    """Let an instrument's span be the stretch in which a moment lies."""
    if span.begin <= when < span.end:
        return
    low = after(table, span.first, span.last, when)
    span.hours, span.ended, span.session, span.before = 0, ABSENT, ABSENT, ABSENT
    span.begin, span.end = ABSENT, INT64_MAX
    if low > span.first:
        its = table[low - 1]
        span.begin, span.hours, span.ended = its.begin, its.hours, its.ended
        span.session, span.before = its.session, its.before
    if low < span.last:
        span.end = table[low].begin


@kernel
def settle(close: Record, session: int, price: int, when: int, heard: int, trade: int) -> None:
    """Take a print that may be the close of a session (ABSENT: of none)."""
    if session == ABSENT:
        return
    if session > close.session:
        close.earlier, close.earlier_when, close.earlier_session = close.price, close.when, close.session
        close.earlier_heard, close.earlier_trade = close.heard, close.trade
        close.price, close.when, close.session = price, when, session
        close.heard, close.trade = heard, trade
    elif session == close.session and when >= close.when:
        close.price, close.when = price, when
        close.heard, close.trade = heard, trade
    elif session == close.earlier_session and when >= close.earlier_when:
        close.earlier, close.earlier_when = price, when
        close.earlier_heard, close.earlier_trade = heard, trade


@kernel
def take_back(close: Record, price: int, when: int, trade: int) -> None:
    """Take a print back: a close that was its price is not known any more."""
    if price == close.price and is_taken(when, trade, close.when, close.trade):
        close.price = ABSENT
    if price == close.earlier and is_taken(when, trade, close.earlier_when, close.earlier_trade):
        close.earlier = ABSENT


@kernel
def is_taken(when: int, trade: int, other: int, number: int) -> bool:
    """Return whether a print of ``other`` time and ``number`` is the one of this price that is taken back.

    Of several at one time it is the one with its number, where both have one.
    """
    return abs(when - other) < SAME_NS and (trade == number or ABSENT in (trade, number))


@kernel
def compared_with(close: Record) -> int:
    """Return the close that the last trade is compared with: the venue's own word first; ABSENT where not known."""
    known: int = close.told
    if known == ABSENT and close.ended != ABSENT:
        if close.session == close.ended:
            known = close.price
        elif close.earlier_session == close.ended:
            known = close.earlier
    return known
