"""The spread by the time of day, asked of a store: which quotes are of the range, and of which hour each is."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import outputs_made as made
from breadboard.client import Instant
from breadboard.dashboard.queries import BarsQuestion, spread_sql
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.tape import Tape
from breadboard.store import guard, rows
from breadboard.store.clickhouse import ClickHouseStore

START, END = datetime(2022, 5, 10, tzinfo=UTC), datetime(2022, 5, 11, tzinfo=UTC)
WHOLE = 10**9

Quote = tuple[str | None, str, Flag, int]
"""When it happened, when it was received, flags, and the ask; the bid is 9,999."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ClickHouseStore]:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as found:
        yield found


def ns(when: str | None) -> int:
    return ABSENT if when is None else int(Instant.of(datetime.fromisoformat(f"2022-{when}:00+00:00")))


def told(store: ClickHouseStore, *quotes: Quote) -> None:
    happened, received, flags, asks = zip(*quotes, strict=True)
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    columns: dict[str, Any] = {
        "kind": [EventKind.QUOTE] * len(quotes),
        "instrument": [0] * len(quotes),
        "offset": range(len(quotes)),
        "ts_event": [*map(ns, happened)],
        "ts_recv": [*map(ns, received)],
        "flags": flags,
        "price": [9_999 * WHOLE] * len(quotes),
        "ask_price": [ask * WHOLE for ask in asks],
    }
    store.write("quotes", rows.quotes(Tape.of(len(quotes), columns), labels), "once")


def asked(zone: str = "UTC") -> str:
    start, end = Instant.of(START), Instant.of(END)
    return guard.check(
        spread_sql([BarsQuestion(made.SYMBOLS[0], "BINANCE", "1m", start, end)], start, end, "hour", zone)
    )


def by_hour(store: ClickHouseStore, zone: str = "UTC") -> dict[int, tuple[float, int]]:
    return {row["at"]: (round(row["spread_bps"], 6), row["quotes"]) for row in store.query(asked(zone)).to_pylist()}


def test_a_quote_that_was_imported_is_of_the_hour_in_which_it_happened(store: ClickHouseStore) -> None:
    told(
        store,
        ("05-10T00:00", "11-28T02:10", Flag.HISTORY, 10_001),
        ("05-10T08:30", "11-28T02:10", Flag.HISTORY | Flag.SYNTHETIC, 10_001),
        ("05-10T08:59", "11-28T02:10", Flag.HISTORY, 10_001),
        ("05-10T23:59", "05-10T23:59", Flag.HISTORY, 10_001),
        ("05-11T00:00", "11-28T02:10", Flag.HISTORY, 10_001),
    )
    assert by_hour(store) == {0: (2.0, 1), 8: (2.0, 2), 23: (2.0, 1)}
    assert by_hour(store, "America/New_York") == {20: (2.0, 1), 4: (2.0, 2), 19: (2.0, 1)}


def test_what_was_imported_within_the_range_is_not_in_it_if_it_happened_before(store: ClickHouseStore) -> None:
    told(
        store, ("05-09T23:59", "05-10T02:10", Flag.HISTORY, 10_001), ("05-10T01:00", "05-10T02:10", Flag.HISTORY, 9_999)
    )
    assert by_hour(store) == {1: (0.0, 1)}


def test_a_quote_that_was_heard_as_it_came_is_of_its_receipt_and_one_without_an_event_time_too(
    store: ClickHouseStore,
) -> None:
    told(
        store,
        (None, "05-10T05:00", Flag(0), 10_001),
        ("05-10T05:59", "05-10T06:00", Flag.DELAYED, 10_001),
        ("05-10T23:59", "05-11T00:00", Flag(0), 10_001),
        ("05-09T23:59", "05-10T00:00", Flag.REPLAYED, 10_001),
        (None, "05-10T12:00", Flag.HISTORY, 10_001),
        (None, "05-11T12:00", Flag.HISTORY, 10_001),
    )
    assert by_hour(store) == {0: (2.0, 1), 5: (2.0, 1), 6: (2.0, 1), 12: (2.0, 1)}


def test_days_outside_the_range_are_not_read_but_for_what_was_fetched_since(store: ClickHouseStore) -> None:
    told(store, *((None, f"05-{day:02}T12:00", Flag(0), 10_001) for day in (7, 8, 9, 10, 12, 13, 14)))
    (estimate,) = store.query(f"EXPLAIN ESTIMATE {asked()}").to_pylist()
    heard, fetched = 1, 4  # the day itself, and for history those behind it, too
    assert (estimate["parts"], estimate["rows"]) == (heard + fetched, heard + fetched)
