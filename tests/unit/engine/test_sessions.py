"""Days and sessions of an exchange: where its days begin, over every turn of the clock; half days; vendors' stamps."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard import calendars, feeds
from breadboard.engine.bars import Bars
from breadboard.engine.sessions import Sessions, day_begin, day_number, midnights
from breadboard.model.bars import BAR, DAY_S, Session
from breadboard.model.kinds import BarState, Flag, Uncounted
from tapes import SECOND, T0, tape, trade

NEW_YORK = ZoneInfo("America/New_York")
DAYS = midnights("America/New_York")
NONE = np.zeros(0, np.int64)
HOUR = 3600 * SECOND


def ns(*when: int, zone: ZoneInfo = NEW_YORK) -> int:
    return int(datetime(*when, tzinfo=zone).timestamp()) * SECOND  # type: ignore[misc, arg-type] # year, month, …


def stage() -> Bars:
    return Bars(2000, 5.0, sessions=Sessions(lambda which: "XNYS" if which == 0 else ""))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("hour", [4, 18, 19, 23])
def test_a_history_has_whole_days_where_its_exchange_is_however_late_its_first_print(which: int, hour: int) -> None:
    row = trade(1, ns(2026, 11, 2, hour, 30) - T0, flags=int(Flag.HISTORY)) | {"ts_recv": ns(2026, 11, 20)}
    bars = stage()
    bars.on_tape(tape([row | {"instrument": which}]))
    (day,) = [bar for bar in bars.open_bars() if bar["interval"] == DAY_S]
    assert day["completeness"] == 1


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, ns(2099, 6, 1) // SECOND))
def test_the_day_of_a_moment_is_the_date_in_new_york(at: int) -> None:
    there = datetime.fromtimestamp(at, UTC).astimezone(NEW_YORK).date()
    number = day_number(at * SECOND, DAYS)
    if there.year >= 1970 and number > 0:
        assert number == (there - date(1970, 1, 1)).days
        assert day_begin(number, DAYS) <= at * SECOND < day_begin(number + 1, DAYS)
    assert day_number(at * SECOND, NONE) == at // DAY_S


def test_days_have_23_and_25_hours_on_every_turn_of_the_clock_from_2007_to_2037() -> None:
    lengths = {}
    for year in range(2007, 2038):
        for number in range((date(year, 1, 1) - date(1970, 1, 1)).days, (date(year + 1, 1, 1) - date(1970, 1, 1)).days):
            hours = (day_begin(number + 1, DAYS) - day_begin(number, DAYS)) // HOUR
            if hours != 24:
                lengths[date(1970, 1, 1) + timedelta(days=number)] = hours
    assert len(lengths) == 2 * 31
    assert all(day.weekday() == 6 and hours == (23 if day.month == 3 else 25) for day, hours in lengths.items())


@pytest.mark.parametrize("when", [-(2**62), -1, 0, 2**62])
def test_a_time_beyond_the_table_has_utcs_day(when: int) -> None:
    assert day_number(when, DAYS) == when // (DAY_S * SECOND)


def test_a_bar_of_a_day_that_turns_the_clock_closes_at_its_end() -> None:
    bars = stage()
    last = ns(2021, 3, 14, 23, 59, 59)
    rows = [trade(1, 0), trade(2, 0), trade(3, 0), trade(4, 0)]
    for row, when in zip(rows, (ns(2021, 3, 14, 1), last, last + SECOND, last + 3 * SECOND), strict=True):
        row |= {"ts_event": when, "ts_recv": when}
    out = bars.on_tape(tape(rows))
    assert out is not None
    (day,) = (bar for bar in out if bar["interval"] == DAY_S)
    assert (int(day["trades"]), int(day["offset"]), int(day["state"])) == (2, 3, BarState.FINAL)
    assert (int(day["ts_open"]), int(day["ts_close"])) == (ns(2021, 3, 14), ns(2021, 3, 15))
    assert day["ts_close"] - day["ts_open"] == 23 * HOUR


def test_an_instrument_around_the_clock_keeps_utcs_days_and_no_session() -> None:
    bars = stage()
    when = ns(2021, 3, 10, 22)
    bars.on_tape(tape([trade(1, 0, instrument=1) | {"ts_event": when, "ts_recv": when}]))
    (day,) = (bar for bar in bars.open_bars() if bar["interval"] == DAY_S)
    assert (int(day["ts_open"]), int(day["session"])) == (ns(2021, 3, 11, zone=ZoneInfo("UTC")), Session.NONE)


def test_the_day_has_the_prices_of_its_session_and_the_volume_of_all() -> None:
    bars = stage()
    rows = []
    for hour, price, code in (
        (8, 90, Uncounted.DAY_PRICES),
        (10, 100, 0),
        (15, 101, 0),
        (19, 120, Uncounted.DAY_PRICES),
    ):
        when = ns(2021, 3, 10, hour)
        rows += [trade(hour, 0, price, 7, code=code, instrument=0) | {"ts_event": when, "ts_recv": when}]
        rows += [trade(hour, 0, price, 7, code=code, instrument=1) | {"ts_event": when, "ts_recv": when}]
    bars.on_tape(tape(rows))
    days = {int(bar["instrument"]): bar for bar in bars.open_bars() if bar["interval"] == DAY_S}
    told = {
        which: [int(bar[name]) // 10**9 for name in ("open", "high", "low", "close")] for which, bar in days.items()
    }
    assert told == {0: [100, 101, 100, 101], 1: [120, 120, 120, 120]}, "UTC's day ends before 19:00, and has no session"
    assert int(days[0]["volume_whole"]) == 28


@pytest.mark.parametrize(
    ("begin", "seconds", "session"),
    [
        (ns(2021, 3, 10, 3, 59), 60, Session.CLOSED),
        (ns(2021, 3, 10, 4), 60, Session.PRE),
        (ns(2021, 3, 10, 9), 3600, Session.MIXED),
        (ns(2021, 3, 10, 9, 30), 300, Session.REGULAR),
        (ns(2021, 3, 10, 15, 59), 60, Session.REGULAR),
        (ns(2021, 3, 10, 16), 60, Session.POST),
        (ns(2021, 3, 10, 20), 60, Session.CLOSED),
        (ns(2021, 11, 26, 12, 59), 60, Session.REGULAR),  # the day after Thanksgiving ends at 13:00
        (ns(2021, 11, 26, 13), 60, Session.POST),
        (ns(2021, 11, 26, 17), 60, Session.CLOSED),
        (ns(2021, 11, 25, 12), 60, Session.CLOSED),
        (ns(2021, 3, 13, 12), 60, Session.CLOSED),  # a Saturday
        (ns(1985, 3, 13, 12), 60, Session.NONE),  # before the years that the calendar knows
        (ns(2021, 3, 10), DAY_S, Session.REGULAR),
    ],
)
def test_a_bar_says_in_which_session_it_lies(begin: int, seconds: int, session: Session) -> None:
    bars = np.zeros(2, BAR)
    bars["interval"], bars["ts_open"], bars["ts_close"] = seconds, begin, begin + seconds * SECOND
    bars["instrument"] = 0, 1
    sessions = Sessions(lambda which: "XNYS" if which == 0 else "")
    sessions.zone(0)
    sessions.mark(bars)
    assert bars["session"].tolist() == [session, Session.NONE]


def test_the_sessions_are_the_phases_told_apart() -> None:
    names = (calendars.CLOSED, *calendars.SESSIONS)
    moments = np.arange(ns(2021, 11, 20), ns(2021, 11, 30), 600 * SECOND)
    for moment, found in zip(moments.tolist(), calendars.session_at("XNYS", moments).tolist(), strict=True):
        word = {"pre": calendars.EXTENDED, "post": calendars.EXTENDED}.get(names[found], names[found])
        assert calendars.phase("XNYS", moment) == word


@pytest.mark.parametrize("stamp", [ns(2021, 3, 10), ns(2021, 3, 10, 9, 30), ns(2021, 3, 10, 23, 59)])
def test_a_vendors_day_begins_at_midnight_wherever_in_it_the_vendor_stamps_it(stamp: int) -> None:
    bars = np.zeros(3, BAR)
    bars["interval"], bars["instrument"], bars["ts_open"] = (DAY_S, DAY_S, 60), (0, 1, 0), stamp
    before = bars.copy()
    Sessions(lambda which: "XNYS" if which == 0 else "").align(bars)
    assert (int(bars[0]["ts_open"]), int(bars[0]["ts_close"])) == (ns(2021, 3, 10), ns(2021, 3, 11))
    assert bars[1:].tobytes() == before[1:].tobytes()


@pytest.mark.parametrize(
    ("venue", "symbol", "calendar"),
    [
        *(("iqfeed", name, "XNYS") for name in ("AAPL", "BRK.B", "NEPT", "F")),
        *(("iqfeed", name, "") for name in ("@ES#", "EURUSD.FXCM", "DJIA.XO", "AAPL2120C130")),
        *(("yahoo", name, "XNYS") for name in ("AAPL", "BRK-B")),
        *(("yahoo", name, "") for name in ("BTC-USD", "EURUSD=X", "^GSPC", "VOD.L", "ES=F")),
        *((venue, "AAPL", "XNYS") for venue in ("massive", "massive-delayed", "lean", "lobster")),
        ("binance", "BTCUSDT", ""),
    ],
)
def test_whose_days_the_bars_of_a_symbol_keep(venue: str, symbol: str, calendar: str) -> None:
    assert feeds.by_name(venue).capabilities.calendar_of(symbol) == calendar
