"""What a price is compared with: closes over days, half days and gaps, and the venue's own word for them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from breadboard import calendars
from breadboard.engine.closes import edges
from breadboard.engine.latest import Latest
from breadboard.engine.sessions import Sessions
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode, Uncounted
from breadboard.model.listing import MarketHours, QuoteType
from tapes import SECOND, cut, tape

NEW_YORK = ZoneInfo("America/New_York")
PRE, REGULAR, POST, CLOSED = MarketHours.PRE, MarketHours.REGULAR, MarketHours.POST, MarketHours.CLOSED
OUTSIDE = int(Uncounted.DAY_PRICES)
"""What a venue says of a print before the opening or after the close."""
MINUTE = 60 * SECOND


def at(day: int, *clock: int) -> int:
    """Return a moment of November 2021 in New York, ns UTC. The 24th is a Wednesday, the 26th a half day."""
    return int(datetime(2021, 11, day, *clock, tzinfo=NEW_YORK).timestamp()) * SECOND  # type: ignore[misc,arg-type]  # hour, minute, second


def stage() -> Latest:
    """Return a stage in which instrument 0 and 2 keep New York's hours and 1 none."""
    return Latest(Sessions(lambda which: "" if which == 1 else "XNYS"))


def print_(when: int, price: int, code: int = 0, **more: int) -> dict[str, int]:
    row = {"kind": EventKind.TRADE, "ts_event": when, "ts_recv": when, "price": price * 10**9, "size": 10**8}
    return {**row, "code": code, **more}


def quote(when: int) -> dict[str, int]:
    return {"kind": EventKind.QUOTE, "ts_event": when, "ts_recv": when, "price": 5, "size": 6}


def listing(close: int | None, hours: MarketHours, what: QuoteType = QuoteType.EQUITY, **more: int) -> dict[str, int]:
    said = {"sequence": what, "trade_id": hours, "price": ABSENT if close is None else close * 10**9}
    return {"kind": EventKind.STATUS, "code": StatusCode.LISTING, **said, **more}


def hole(begin: int, end: int, **more: int) -> tuple[dict[str, int], Gap]:
    gap = Gap(0, GapReason.DISCONNECT, begin, end)
    return {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "ts_recv": end, **more}, gap


def told(latest: Latest, which: int = 0) -> tuple[int | None, MarketHours]:
    """Return the close that an instrument's price is compared with, in whole units, and its hours."""
    record = latest.records[which]
    close = int(record["previous_close"])
    return None if close == ABSENT else close // 10**9, MarketHours(int(record["market_hours"]))


STREAM: list[tuple[dict[str, int], int | None, MarketHours]] = [
    (print_(at(23, 15, 59), 95), None, REGULAR),  # the first day: nothing is known of the one before
    (print_(at(23, 16, 0, 2), 96), None, POST),  # the closing auction is of the session, and is its close
    (print_(at(23, 16, 10), 97), 96, POST),  # from now on there is a close
    (print_(at(24, 4, 0), 90, OUTSIDE), 96, PRE),
    (print_(at(24, 9, 29, 59), 91, OUTSIDE), 96, PRE),
    (print_(at(24, 9, 30), 100), 96, REGULAR),
    (print_(at(24, 15, 59, 59), 101), 96, REGULAR),
    (print_(at(24, 15, 59, 59), 500, int(Uncounted.DAY_OPEN_CLOSE)), 96, REGULAR),  # its price is not the day's
    (print_(at(24, 16, 0, 1), 102), 96, POST),  # the auction: compared with the day before, as the session is
    (print_(at(24, 16, 0, 1), 110, OUTSIDE), 102, POST),  # after hours: with the session that has ended
    (print_(at(24, 19, 59, 59), 111, OUTSIDE), 102, POST),
    (quote(at(24, 20, 0)), 102, CLOSED),
    (print_(at(25, 12, 0), 112, OUTSIDE), 102, CLOSED),  # Thanksgiving has no session
    (print_(at(26, 9, 0), 113, OUTSIDE), 102, PRE),
    (print_(at(26, 9, 30), 120), 102, REGULAR),
    (print_(at(26, 12, 59, 59), 121), 102, REGULAR),
    (print_(at(26, 13, 0, 1), 122), 102, POST),  # a half day ends at 13:00
    (print_(at(26, 13, 30), 130, OUTSIDE), 122, POST),
    (quote(at(26, 17, 0)), 122, CLOSED),
    (print_(at(29, 9, 30), 140), 122, REGULAR),  # the Monday after
]


def test_a_price_is_compared_with_the_last_session_that_ended_over_days_and_half_days() -> None:
    latest = stage()
    for number, (row, close, hours) in enumerate(STREAM):
        latest.on_tape(tape([row], first=number))
        assert told(latest) == (close, hours), row


@pytest.mark.parametrize("size", [1, 3, 7])
def test_neither_batches_nor_restarts_leave_a_trace(size: int) -> None:
    rows = [row for row, _, _ in STREAM] + [print_(at(29, 9, 31), 7, instrument=1), listing(5, POST, instrument=2)]
    down, gap = hole(at(26, 12, 0), at(26, 12, 10))
    rows.insert(15, down)
    whole = tape(rows, [(15, gap)])
    at_once = stage()
    at_once.on_tape(whole)
    state = at_once.snapshot()
    by_parts = stage()
    for part in cut(whole, range(size, len(rows), size)):
        again = stage()
        again.restore(by_parts.snapshot())
        by_parts = again
        by_parts.on_tape(part)
    assert by_parts.snapshot() == state
    assert by_parts.records.tobytes() == at_once.records.tobytes()


def test_who_trades_around_the_clock_has_no_close_and_no_hours() -> None:
    latest = stage()
    latest.on_tape(tape([print_(at(day, 12), day, instrument=1) for day in (23, 24, 26)]))
    assert told(latest, 1) == (None, MarketHours.UNKNOWN)
    assert int(latest.records[1]["open"]) == 26 * 10**9


def test_a_late_print_of_a_session_corrects_its_close_and_one_from_before_does_not() -> None:
    latest = stage()
    latest.on_tape(tape([print_(at(24, 15, 59), 101), print_(at(26, 10), 120)]))
    assert told(latest) == (101, REGULAR)
    latest.on_tape(tape([print_(at(24, 15, 58), 99) | {"ts_recv": at(26, 10)}]))
    assert told(latest)[0] == 101
    latest.on_tape(tape([print_(at(24, 16, 0, 3), 103) | {"ts_recv": at(26, 10)}]))
    assert told(latest)[0] == 103
    assert int(latest.records[0]["price"]) == 120 * 10**9


@pytest.mark.parametrize("later", [at(24, 18), at(26, 10)])
def test_a_close_that_is_taken_back_is_not_known_until_another_print(later: int) -> None:
    latest = stage()
    code = OUTSIDE if later == at(24, 18) else 0
    latest.on_tape(tape([print_(at(24, 15, 58), 100), print_(at(24, 15, 59), 101), print_(later, 120, code)]))
    assert told(latest)[0] == 101
    latest.on_tape(tape([print_(at(24, 15, 59), 101, flags=int(Flag.WITHDRAWN | Flag.DUPLICATE))]))
    latest.on_tape(tape([print_(at(24, 15, 58), 100, flags=int(Flag.WITHDRAWN)), print_(later + MINUTE, 121, code)]))
    assert told(latest)[0] == 101, "it was taken back before, and the other is not the close"
    latest.on_tape(tape([print_(at(24, 15, 59), 101, flags=int(Flag.WITHDRAWN)), print_(later + MINUTE, 121, code)]))
    assert told(latest)[0] is None
    latest.on_tape(tape([print_(at(24, 16, 0, 1), 102)]))
    assert told(latest)[0] == 102


@pytest.mark.parametrize("later", [at(24, 18), at(26, 10)])
def test_a_close_that_is_taken_back_is_not_told_until_the_next_trade_either(later: int) -> None:
    latest = stage()
    latest.on_tape(tape([print_(at(24, 15, 59), 101), print_(later, 120, OUTSIDE if later == at(24, 18) else 0)]))
    latest.on_tape(tape([print_(at(24, 15, 59), 101, flags=int(Flag.WITHDRAWN))], first=2))
    assert told(latest)[0] is None


@pytest.mark.parametrize(
    ("numbers", "gone", "close"),
    [((7, 8), 7, 101), ((7, 8), 8, None), ((ABSENT, ABSENT), ABSENT, None), ((7, 8), ABSENT, None)],
)
def test_of_two_equal_prints_the_one_that_is_taken_back_is_known_by_its_number(
    numbers: tuple[int, int], gone: int, close: int | None
) -> None:
    rows = [print_(at(24, 16, 0, 1), 101, trade_id=number) for number in numbers]
    later = print_(at(26, 10), 120)
    back = print_(at(24, 16, 0, 1), 101, trade_id=gone, flags=int(Flag.WITHDRAWN))
    for stream in ([*rows, back, later], [*rows, later, back]):
        latest = stage()
        latest.on_tape(tape(stream))
        assert told(latest)[0] == close


def test_a_close_whose_stamp_was_streamed_coarser_is_found() -> None:
    latest, gone = stage(), int(Flag.WITHDRAWN)
    latest.on_tape(tape([print_(at(24, 15, 59), 101, trade_id=7), print_(at(26, 10), 120)]))
    latest.on_tape(tape([print_(at(24, 15, 59) + 999_999, 101, trade_id=7, flags=gone)]))
    assert told(latest)[0] is None


def test_prints_that_come_in_another_order_have_the_same_close() -> None:
    latest = stage()
    latest.on_tape(tape([print_(at(24, 16, 0, 1), 102), print_(at(24, 15, 59), 101), print_(at(24, 18), 110, OUTSIDE)]))
    assert told(latest) == (102, POST)


def test_a_session_of_which_nothing_was_heard_is_not_passed_over() -> None:
    latest = stage()
    latest.on_tape(tape([print_(at(23, 15, 59), 95), print_(at(26, 9, 30), 120)]))
    assert told(latest) == (None, REGULAR), "the 24th had a session, and its close is not known"


def test_what_the_venue_told_on_subscribing_is_the_close_though_we_did_not_hear_it_trade() -> None:
    latest = stage()
    held = print_(at(24, 15, 59, 58), 101, flags=int(Flag.LAST_KNOWN)) | {"ts_recv": at(26, 9)}
    latest.on_tape(tape([held, print_(at(26, 9, 1), 105, OUTSIDE)]))
    assert told(latest) == (101, PRE)


@pytest.mark.parametrize(
    ("flag", "when", "code", "close"),
    [
        (Flag.LAST_KNOWN, at(24, 15, 59, 58), 0, 105),
        (Flag.LAST_KNOWN, at(24, 16), 0, 101),  # the auction, or a Form T: nobody says
        (Flag.LAST_KNOWN | Flag.DELAYED, at(24, 16, 2), 0, 101),
        (Flag.LAST_KNOWN, at(24, 16, 2), int(Uncounted.HIGH_LOW), 105),  # what it counts for is said
        (Flag.LATE_PRINT, at(24, 15, 59, 58), 0, 105),
        (Flag.LATE_PRINT, at(24, 16, 2), 0, 101),
        (Flag.LATE_PRINT | Flag.HISTORY, at(24, 16, 2), 0, 105),  # which comes with its conditions
        (Flag(0), at(24, 16, 2), 0, 105),
    ],
)
def test_a_print_of_which_nobody_says_what_it_counts_for_is_no_close_after_the_sessions_end(
    flag: Flag, when: int, code: int, close: int
) -> None:
    latest = stage()
    rows = [print_(at(24, 15, 59), 101), print_(when, 105, code, flags=int(flag), ts_recv=at(24, 16, 10))]
    latest.on_tape(tape([*rows, print_(at(24, 16, 20), 121, OUTSIDE)]))
    assert told(latest) == (close, POST)


@pytest.mark.parametrize(
    ("begin", "end", "after", "close"),
    [
        (at(24, 15, 50), at(26, 8), None, None),  # the end of the session is missing
        (at(24, 15, 50), at(24, 15, 55), None, None),  # prints may be missing, and none came later
        (at(24, 15, 50), at(24, 15, 55), at(24, 15, 56), 105),  # one came
        (at(24, 16, 2), at(24, 16, 3), None, None),  # the closing auction may be missing
        (at(24, 16, 5), at(26, 8), None, 101),  # the night may be missing, the close is not
        (at(23, 12), at(24, 9), None, 101),  # before the prints of the session
    ],
)
def test_a_close_that_a_gap_may_hide_is_not_known(begin: int, end: int, after: int | None, close: int | None) -> None:
    down, gap = hole(begin, end)
    prints = [print_(at(24, 15, 49), 101), print_(at(26, 9, 30), 120)] + ([print_(after, 105)] if after else [])
    rows = sorted([down, *prints], key=lambda row: row["ts_recv"])
    latest = stage()
    latest.on_tape(tape(rows, [(rows.index(down), gap)]))
    assert told(latest) == (close, REGULAR)


def test_a_gap_of_a_delayed_feed_hides_what_happened_before_it() -> None:
    """A feed that is a quarter of an hour late, and away from 16:10 to 16:30, has not told how the session ended."""
    late = 15 * MINUTE
    down, gap = hole(at(24, 16, 10), at(24, 16, 30))
    rows = [print_(at(24, 15, 54), 101), down, print_(at(24, 16, 16), 103, OUTSIDE)]
    for row in rows[::2]:
        row["ts_recv"] += late
    latest = stage()
    latest.on_tape(tape(rows, [(1, gap)]))
    assert told(latest) == (None, POST)


@pytest.mark.parametrize(
    ("gap", "row", "close"),
    [
        (Gap(0, GapReason.SEQUENCE, at(24, 15, 50), at(24, 18)), {"code": GapReason.SEQUENCE}, 101),  # of books alone
        (Gap(0, GapReason.DISCONNECT, at(24, 15, 50), at(24, 18), channel="book"), {}, 101),
        (Gap(0, GapReason.DISCONNECT, at(24, 15, 50), at(24, 18), channel="trade"), {}, None),
        (Gap(7, GapReason.DISCONNECT, at(24, 15, 50), at(24, 18)), {"source": 7}, 101),  # of another source
        (Gap(0xFFFF, GapReason.RESTART, at(24, 15), at(24, 18)), {"source": 0xFFFF, "code": GapReason.RESTART}, None),
        (Gap(0, GapReason.DISCONNECT, at(24, 15), at(24, 18), symbol="X"), {"instrument": 2}, 101),  # of another symbol
        (Gap(0, GapReason.DISCONNECT, at(24, 15), at(24, 18), symbol="Y"), {"instrument": 0}, None),
    ],
)
def test_a_gap_is_of_what_it_says(gap: Gap, row: dict[str, Any], close: int | None) -> None:
    down, _ = hole(at(24, 15, 50), at(24, 18), **row)
    latest = stage()
    latest.on_tape(tape([print_(at(24, 15, 49), 101), down, print_(at(26, 9, 30), 120)], [(1, gap)]))
    assert told(latest) == (close, REGULAR)


def book(when: int, **more: int) -> dict[str, int]:
    return {"kind": EventKind.BOOK_DELTA, "ts_event": when, "ts_recv": when, "price": 5, "size": 6, **more}


@pytest.mark.parametrize(("lost", "close"), [(0, None), (1, 101)])
def test_a_gap_of_books_that_come_from_another_source_hides_no_print(lost: int, close: int | None) -> None:
    """IQFeed's trades are of Level 1 and its books of Level 2: two sources of one instrument."""
    down, _ = hole(at(24, 15, 50), at(24, 16, 30), source=lost)
    gap = Gap(lost, GapReason.DISCONNECT, at(24, 15, 50), at(24, 16, 30))
    latest = stage()
    rows = [print_(at(24, 15, 49), 101), book(at(24, 15, 51), source=1), down, print_(at(26, 9, 30), 120)]
    latest.on_tape(tape(rows, [(2, gap)]))
    assert told(latest) == (close, REGULAR)


def test_a_gap_over_the_close_is_told_at_once_and_spares_the_venues_own_word() -> None:
    down, gap = hole(at(24, 15, 50), at(24, 16, 30))
    rows = [print_(at(24, 15, 49), 101), print_(at(24, 16, 20), 105, OUTSIDE)]
    said = [row | {"instrument": 2} for row in rows] + [listing(103, POST, instrument=2)]
    latest = stage()
    latest.on_tape(tape([*rows, *said]))
    assert (told(latest), told(latest, 2)) == ((101, POST), (103, POST))
    latest.on_tape(tape([down], [(0, gap)], first=len(rows) + len(said)))
    assert (told(latest), told(latest, 2)) == ((None, POST), (103, POST))


@pytest.mark.parametrize(
    ("lag", "begin", "end", "close"),
    [
        (0, at(24, 10), at(24, 10, 5), 101),
        (0, at(24, 10), at(24, 15, 59), 101),  # the print was the first after it
        (0, at(24, 10), at(24, 15, 59, 1), None),
        (15 * MINUTE, at(24, 16), at(24, 16, 5), 101),  # heard at 16:14
        (15 * MINUTE, at(24, 16), at(24, 16, 15), None),
    ],
)
def test_a_gap_told_late_hides_no_close_that_was_heard_after_it(
    lag: int, begin: int, end: int, close: int | None
) -> None:
    down, gap = hole(begin, end)
    rows = [print_(at(24, 15, 59), 101, ts_recv=at(24, 15, 59) + lag)]
    rows += [down | {"ts_recv": at(24, 17)}, print_(at(24, 18), 120, OUTSIDE, ts_recv=at(24, 18) + lag)]
    latest = stage()
    latest.on_tape(tape(rows, [(1, gap)]))
    assert told(latest) == (close, POST)


def test_a_gap_told_a_session_late_hides_the_close_that_it_is_over() -> None:
    down, gap = hole(at(24, 15, 50), at(26, 9))
    latest = stage()
    latest.on_tape(tape([print_(at(24, 15, 49), 101), print_(at(26, 9, 30), 120)]))
    latest.on_tape(tape([down | {"ts_recv": at(26, 9, 31)}], [(0, gap)], first=2))
    assert told(latest) == (None, REGULAR)
    latest.on_tape(tape([print_(at(29, 9, 30), 140)], first=3))
    assert told(latest) == (120, REGULAR), "which was heard after the gap"


def test_the_venues_own_close_and_hours_go_first_until_it_says_otherwise() -> None:
    latest = stage()
    rows = [
        print_(at(23, 15, 59), 95),
        listing(94, MarketHours.OVERNIGHT, QuoteType.ETF),
        print_(at(24, 2), 96, OUTSIDE),
    ]
    latest.on_tape(tape(rows))
    assert told(latest) == (94, MarketHours.OVERNIGHT)
    assert QuoteType(int(latest.records[0]["quote_type"])) == QuoteType.ETF
    latest.on_tape(tape([listing(None, MarketHours.UNKNOWN, QuoteType.ETF), print_(at(24, 8), 97, OUTSIDE)]))
    assert told(latest) == (95, PRE), "of what it says no longer, our own are told"


def test_a_venue_may_say_it_of_what_has_no_calendar() -> None:
    latest = stage()
    latest.on_tape(tape([listing(40, REGULAR, QuoteType.INDEX, instrument=1), print_(at(24, 2), 41, instrument=1)]))
    assert told(latest, 1) == (40, REGULAR)
    assert int(latest.records[1]["quote_type"]) == QuoteType.INDEX


def test_outside_the_years_of_the_calendar_nothing_is_said() -> None:
    latest = stage()
    for year in (1985, 2120):
        when = int(datetime(year, 3, 13, 15, tzinfo=UTC).timestamp()) * SECOND
        latest.on_tape(tape([print_(when, 5)]))
        assert told(latest) == (None, MarketHours.UNKNOWN)


def test_hours_are_those_that_bars_have() -> None:
    table = edges("XNYS")
    moments = np.arange(at(20, 0), at(30, 0), 10 * MINUTE)
    found = table["hours"][np.searchsorted(table["begin"], moments, side="right") - 1]
    words = np.array([CLOSED, PRE, REGULAR, POST])
    assert (found == words[calendars.session_at("XNYS", moments)]).all()
