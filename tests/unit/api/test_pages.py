"""What surrounds the rows of a page: what is known, what may be missing, what may be kept, and how much one may ask."""

from typing import Any

import pytest

import outputs_made as made
from breadboard.api.instants import iso
from breadboard.api.listings import LISTINGS
from breadboard.client import Instant
from unit.api.stored import LATER, ROWS, Stored, house

__all__ = ["house"]

AT = f"fromUnixTimestamp64Nano({made.START}, 'UTC')"
CONCLUDED = {
    "features": ("name, value, interval, ts_open", "'vwap', {n}, '1m', {at}"),
    "anomalies": ("kind, severity, value", "'burst', 'low', {n}"),
    "alerts": ("alert_id, rule, kind, state, message", "'id{n}', 'fast =rise', 'rise', 'fired', 'rose {n}'"),
    "opportunities": ("id, name, kind, state, net", "'id{n}', 'a > b', 'cross_venue', 'opened', {n}"),
    "depth_snapshots": ("interval, state, bid_prices, bid_sizes", "'1s', 'live', [{n}.5], [1]"),
}


@pytest.fixture(scope="module")
def concluded(house: Stored) -> Stored:
    """Conclusions of which many have the same time and place in the journal: seven in all, of three instruments."""
    for table, (columns, values) in CONCLUDED.items():
        rows = []
        for number in range(7):
            symbol = made.SYMBOLS[number % 3]
            told = values.format(n=number, at=AT)
            rows.append(f"('BINANCE', '{symbol}', {AT}, {AT}, 5, {number // 3}, 'synthetic', {told})")
        house.insert(table, f"venue, symbol, ts_event, ts_recv, offset, `index`, provenance, {columns}", *rows)
    return house


@pytest.mark.parametrize("kind", ["features", "anomalies", "alerts", "opportunities"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_every_conclusion_is_on_exactly_one_page_also_where_places_are_shared(
    concluded: Stored, kind: str, limit: int
) -> None:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        body = concluded.get(f"{kind}?limit={limit}{cursor}").json()
        rows += body["data"]
        assert len(rows) <= 7
        if body["next"] is None:
            break
        cursor = f"&cursor={body['next']}"
    names = {(row["symbol"], row["index"]) for row in rows}
    assert (len(rows), len(names)) == (7, 7)
    assert set(rows[0]) == set(LISTINGS[kind].columns)


def test_a_conclusion_is_chosen_by_symbol_time_and_its_own_words(concluded: Stored) -> None:
    def count(query: str) -> int:
        return int(concluded.get(query).json()["count"])

    assert count("features?symbol=BTCUSDT.BINANCE&name=vwap&interval=1m") == 3
    assert count("features?name=twap") == 0
    assert count("anomalies?kind=burst&severity=low&venue=binance") == 7
    assert count("alerts?rule=fast%20%3Drise&symbol=ETHUSDT") == 2
    assert count("opportunities?kind=cross_venue&state=closed") == 0
    assert count(f"opportunities?start={made.START}&end={made.START + 1}") == 7
    assert count(f"opportunities?start={made.START + 1}") == 0


def test_books_are_rows_of_history_with_their_levels(concluded: Stored) -> None:
    body = concluded.get("history?symbol=BTCUSDT&kind=books&interval=1s").json()
    assert [row["bid_prices"] for row in body["data"]] == [["0.5"], ["3.5"], ["6.5"]]
    assert body["data"][0]["ask_sizes"] == []
    assert concluded.get("history?symbol=BTCUSDT&kind=books&interval=1h").json()["count"] == 0


def test_an_answer_says_how_far_the_store_has_come_and_what_may_be_missing(house: Stored) -> None:
    body = house.get("history?symbol=BTCUSDT&kind=trades&limit=2").json()
    assert body["complete_through"] == {"offset": ROWS, "ts_engine": iso(LATER)}
    assert {(gap["symbol"], gap["reason"], gap["ts_from"]) for gap in body["gaps"]} == {
        ("", "disconnect", iso(made.START))
    }
    later = house.get(f"history?symbol=BTCUSDT&kind=trades&limit=2&start={made.START + 10}").json()
    assert later["gaps"] == []
    answer = house.get("history?symbol=BTCUSDT&kind=trades&limit=2&format=csv")
    assert (answer.headers["x-complete-through"], answer.headers["x-gaps"]) == (str(ROWS), str(len(body["gaps"])))


def test_gaps_of_a_symbol_are_those_of_its_whole_source_too_and_may_be_longer_than_what_is_asked(house: Stored) -> None:
    house.market.apply(house.market.trade("1", symbol="BTCUSDT"))  # so that it is known where it is traded
    columns = "venue, symbol, ts_recv, offset, `index`, reason, state, ts_from, ts_to"
    day = 86_400 * 10**9
    begin, end = (f"fromUnixTimestamp64Nano({made.START + day * days}, 'UTC')" for days in (10, 12))
    for venue, symbol in (("BINANCE", "BTCUSDT"), ("BINANCE", "ETHUSDT"), ("BINANCE", ""), ("OKX", "")):
        house.insert("gaps", columns, f"('{venue}', '{symbol}', {end}, 9, 0, 'restart', 'open', {begin}, {end})")
    inside = f"start={made.START + 11 * day}&end={made.START + 11 * day + 1}"
    told = house.get(f"gaps?symbol=BTCUSDT&reason=restart&{inside}").json()["data"]
    assert sorted((row["venue"], row["symbol"]) for row in told) == [("BINANCE", ""), ("BINANCE", "BTCUSDT")]
    assert house.get(f"gaps?{inside}").json()["count"] == 4
    assert house.get("gaps?reason=checksum").json()["count"] == 0


def test_the_past_may_be_kept_the_present_is_asked_again_and_live_answers_are_never_stored(house: Stored) -> None:
    over = house.get(f"history?symbol=BTCUSDT&kind=trades&end={made.START + 10**9}")
    going_on = house.get("history?symbol=BTCUSDT&kind=trades&limit=5000")
    assert over.headers["cache-control"] == "private, max-age=60"
    assert going_on.headers["cache-control"] == "private, no-cache"
    assert house.get("stocks").headers["cache-control"] == "no-store"
    tag = over.headers["etag"]
    again = house.get(
        f"history?symbol=BTCUSDT&kind=trades&end={made.START + 10**9}", **{"If-None-Match": f'"x", {tag}'}
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = house.get(f"history?symbol=BTCUSDT&kind=trades&end={made.START + 10**8}", **{"If-None-Match": tag})
    assert other.status_code == 200
    assert other.headers["etag"] != tag


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
def test_a_file_that_has_got_a_next_page_is_another_and_304_says_where_it_is(house: Stored, form: str) -> None:
    page = f"history?symbol=BTCUSDT&kind=trades&start={made.START + 1}&limit=2&format={form}"
    rows = house.get(page.replace(form, "json")).json()["data"]
    end = Instant.of(rows[-1]["ts_recv"]) + 1
    last = house.get(f"{page}&end={end}")
    full = house.get(page, **{"If-None-Match": last.headers["etag"]})
    assert "x-next-cursor" not in last.headers
    assert full.status_code == 200, "the same rows, and more behind them"
    assert form == "arrow" or full.content == last.content
    again = house.get(page, **{"If-None-Match": full.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("x-next-cursor", "x-gaps", "x-complete-through"):
        assert again.headers[name] == full.headers[name]
    assert "content-disposition" not in again.headers


@pytest.mark.parametrize(
    ("query", "told", "hint"),
    [
        ("history?symbol=BTCUSDT&adjusted=true", "adjusted=true: splits and dividends are not kept", "leave adjusted"),
        ("history?symbol=BTCUSDT&kind=trades&start=0&end=1970-02-01", None, None),
        (
            "history?symbol=BTCUSDT&kind=trades&start=0&end=1970-02-01T00:00:00.000000001",
            "start, end: more than 31 days of",
            "end=1970-02-01T00:00:00.000000000Z, and the next range after it",
        ),
        ("history?symbol=BTCUSDT&kind=quotes&interval=1m", "interval: quotes have none", "kind=quotes"),
        ("history?symbl=BTCUSDT", "symbl: there is no such parameter here", "known: symbol, venue, start, end"),
        ("gaps?symbl=BTCUSDT", "symbl: there is no such parameter here", "known: symbol, venue, start, end"),
        ("history?kind=bars", "symbol: Field required", "GET /openapi.json"),
        ("gaps?start=99999999999999999999", "'99999999999999999999' is no time", "start=2026"),
        (
            "gaps?start=1795785120",
            "1795785120 ns since 1970 are 1970-01-01T00:00:01.795785120Z",
            "start=2026-11-27T13:12:00.000000000Z or, in ns since 1970, start=1795785120000000000",
        ),
        (
            "gaps?start=2026-11-02&end=2026-11-01",
            "start=2026-11-02T00:00:00.000000000Z is after end=2026-11-01T00:00:00.000000000Z",
            "start=2026-11-01T00:00:00.000000000Z&end=2026-11-02T00:00:00.000000000Z",
        ),
        ("history?symbol=BTCUSDT&start=1&end=0", "1 ns since 1970", "start=2026"),
        ("history?symbol=BTCUSDT&start=2026-11-02&end=0", "start=2026-11-02T", "start=1970-01-01T00"),
        ("history?symbol=BTCUSDT&start=2026-11-02&end=2026-11-02", None, None),
        (
            "gaps?start=2026-11-02T00:00:00+01:00",
            "'2026-11-02T00:00:00 01:00' is no time",
            "a + in an address is %2B: 2026-11-02T00:00:00%2B01:00",
        ),
        ("gaps?start=9999-01-01", "'9999-01-01' is no time", "start=2026"),
        ("asof?symbol=BTCUSDT&ts=soon", "'soon' is no time", "start=2026"),
        ("features?name=vwa", "name: Input should be", "GET /openapi.json"),
        ("history?symbol=BTC%20USDT", "symbol: String should match pattern", "GET /openapi.json"),
        ("history?symbol=BTCUSDT&cursor=WyJiYXJzIiwxLFsxXV0", "the cursor is none of ours", "leave cursor out"),
    ],
)
def test_what_cannot_be_answered_truthfully_is_refused_with_a_hint(
    house: Stored, query: str, told: str | None, hint: str | None
) -> None:
    answer = house.get(query)
    if told is None or hint is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(told)
    assert answer.json()["hint"].startswith(hint)
