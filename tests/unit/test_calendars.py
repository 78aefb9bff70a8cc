"""When markets are open; the expected hours are the exchange's own, in New York time."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from breadboard.calendars import CLOSED, EXTENDED, REGULAR, phase


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2025-07-01T03:59:59", CLOSED),
        ("2025-07-01T04:00:00", EXTENDED),
        ("2025-07-01T09:29:59", EXTENDED),
        ("2025-07-01T09:30:00", REGULAR),
        ("2025-07-01T15:59:59", REGULAR),
        ("2025-07-01T16:00:00", EXTENDED),
        ("2025-07-01T19:59:59", EXTENDED),
        ("2025-07-01T20:00:00", CLOSED),
        ("2025-07-03T12:59:59", REGULAR),
        ("2025-07-03T13:00:00", EXTENDED),
        ("2025-07-03T16:59:59", EXTENDED),
        ("2025-07-03T17:00:00", CLOSED),
        ("2025-07-04T12:00:00", CLOSED),
        ("2025-07-05T12:00:00", CLOSED),
        ("2025-01-02T09:30:00", REGULAR),
        ("2025-03-10T09:29:59", EXTENDED),
        ("2025-03-10T09:30:00", REGULAR),
        ("2025-11-03T04:00:00", EXTENDED),
        ("2025-11-03T03:59:59", CLOSED),
        pytest.param("1999-07-05T12:00:00", CLOSED, id="more than twenty years ago"),
        ("1989-07-01T03:00:00", REGULAR),
        ("2099-07-01T03:00:00", REGULAR),
    ],
)
def test_the_hours_of_new_york_with_holidays_early_closes_and_the_change_of_the_clocks(
    moment: str, expected: str
) -> None:
    assert phase("XNYS", at(moment)) == expected


def test_a_market_without_a_calendar_is_always_open_and_loads_nothing() -> None:
    assert phase("", at("2025-07-05T03:00:00")) == REGULAR
