"""Charts: real answers to the last digit, rows that are left out, and every way to be refused."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds.reading import Meaning, Refused
from breadboard.feeds.yahoo import YAHOO
from breadboard.feeds.yahoo_chart import chart_price, read_chart
from breadboard.model.decimals import price_text, size_text
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, RecordKind, StatusCode
from breadboard.ports import WHOLE_FRAME
from breadboard.recordings.history_yahoo import read as read_file
from feed_samples import document
from recordings import recording

AAPL = "yahoo/chart-AAPL-2020-08-31-to-2020-11-07.json"
WEEKEND = "yahoo/chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"
COIN = "yahoo/chart-BTC-USD-2020-01-01-to-2020-01-03.json"
NVDA = "yahoo/historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"
S = 10**9
OPEN = 1_740_061_800
"""09:30 in New York on 2025-02-20."""


def body(path: str, symbol: str) -> bytes:
    ((tag, found),) = read_file(recording(path), symbol)
    assert tag == f"chart:{symbol}"
    return found


def told(meaning: Meaning, at: int = 0) -> tuple[int, list[str], str]:
    bar = meaning.bars[at]
    prices = [price_text(price) for price in (bar.open, bar.high, bar.low, bar.close)]
    return bar.ts_open // S, prices, size_text(bar.volume, bar.volume_exp)


def test_apple_with_its_split_and_dividend() -> None:
    found = read_chart("AAPL", 200, body(AAPL, "AAPL"))
    assert len(found.bars) == 49
    assert {(bar.symbol, bar.interval_s) for bar in found.bars} == {("AAPL", 86_400)}
    assert told(found) == (1_598_880_600, ["127.58", "131", "126", "129.04"], "225702700")
    assert found.bars[-1].ts_open == 1_604_673_000 * S
    assert found.notes["splits"] == [{"ts": 1_598_880_600 * S, "numerator": "4", "denominator": "1"}]
    assert found.notes["dividends"] == [{"ts": 1_604_673_000 * S, "amount": "0.205"}]
    assert (found.notes["currency"], found.notes["granularity"]) == ("USD", "1d")
    assert "rows" not in found.notes


def test_every_price_of_the_recordings_is_the_float_it_was_told_as() -> None:
    for path, symbol in ((AAPL, "AAPL"), (NVDA, "NVDA"), (COIN, "BTC-USD")):
        raw = body(path, symbol)
        (result,) = json.loads(raw)["chart"]["result"]
        quote = result["indicators"]["quote"][0]
        bars = read_chart(symbol, 200, raw).bars
        for name in ("open", "high", "low", "close"):
            for bar, value in zip(bars, quote[name], strict=True):
                assert np.float32(price_text(getattr(bar, name))) == np.float32(value)
        assert [bar.volume // 10**8 for bar in bars] == quote["volume"]


def test_nvidia_and_a_coin_and_a_weekend() -> None:
    nvda = read_chart("NVDA", 200, body(NVDA, "NVDA"))
    assert len(nvda.bars) == 252
    assert nvda.notes["splits"] == [{"ts": 1_626_787_800 * S, "numerator": "4", "denominator": "1"}]
    coin = read_chart("BTC-USD", 200, body(COIN, "BTC-USD"))
    assert told(coin) == (1_577_836_800, ["7194.892", "7254.3306", "7174.9443", "7200.1743"], "18565664997")
    assert len(coin.bars) == 3
    weekend = read_chart("AAPL", 200, body(WEEKEND, "AAPL"))
    assert weekend.bars == ()
    assert weekend.notes["empty"] is True


def test_a_chart_goes_through_the_decoder_into_bars_and_notes() -> None:
    record = document("chart:AAPL", body(AAPL, "AAPL"))
    instruments = Instruments()
    decoder = YAHOO.decoder(instruments)
    decoded = decoder.decode(Frames.of([record], [1_800_000_000 * S], kind=RecordKind.DOCUMENT, offset=7))
    assert (decoded.data, decoded.control, decoded.quarantined, len(decoded.tape)) == (1, 0, (), 0)
    assert len(decoded.bars) == 49
    assert set(decoded.bars["offset"].tolist()) == {7}
    assert instruments[0].id == "AAPL.YAHOO"
    assert decoded.notes[7, WHOLE_FRAME]["dividends"][0]["amount"] == "0.205"


def chart(
    rows: list[tuple[int, Any]],
    granularity: str = "1m",
    *,
    now: int = OPEN + 86_400,
    **meta: Any,  # noqa: ANN401 - whatever JSON can say
) -> bytes:
    described = {"symbol": "AAPL", "dataGranularity": granularity, "gmtoffset": -18_000, "regularMarketTime": now}
    described |= {"currentTradingPeriod": {"regular": {"start": OPEN, "end": OPEN + 23_400}}} | meta
    columns = ("open", "high", "low", "close")
    quote: dict[str, list[Any]] = {name: [price for _, price in rows] for name in columns}
    quote["volume"] = [100] * len(rows)
    result = {"meta": described, "timestamp": [at for at, _ in rows], "indicators": {"quote": [quote]}}
    return json.dumps({"chart": {"result": [result], "error": None}}).encode()


def starts(raw: bytes, now_s: int = 0) -> tuple[list[int], dict[str, int]]:
    found = read_chart("AAPL", 200, raw, now_s * S)
    return [bar.ts_open // S - OPEN for bar in found.bars], found.notes.get("rows", {})


def test_rows_without_prices_and_of_the_same_time_are_left_out_and_counted() -> None:
    rows = [(OPEN, 1.5), (OPEN + 60, None), (OPEN + 120, 2), (OPEN + 120, 3), (OPEN + 180, 0)]
    assert starts(chart(rows)) == ([0, 120], {"without_prices": 2, "same_time": 1})
    assert read_chart("", 200, chart(rows)).bars[-1].close == 3 * S


def test_a_last_row_outside_the_grid_is_left_out() -> None:
    assert starts(chart([(OPEN, 1), (OPEN + 60, 1), (OPEN + 83, 1)])) == ([0, 60], {"still_growing": 1})
    assert starts(chart([(OPEN, 1), (OPEN + 3600, 1), (OPEN + 5400, 1)], "60m")) == ([0, 3600], {"still_growing": 1})


def test_four_hours_are_bars_and_a_length_that_is_none_says_which_are() -> None:
    found = read_chart("AAPL", 200, chart([(OPEN, 1.5), (OPEN + 14_400, 2)], "4h"), (OPEN + 28_799) * S)
    assert [(bar.ts_open // S - OPEN, bar.interval_s, bar.close) for bar in found.bars] == [(0, 14_400, 1_500_000_000)]
    assert found.notes["rows"] == {"still_growing": 1}
    assert len(read_chart("AAPL", 200, chart([(OPEN, 1.5), (OPEN + 14_400, 2)], "4h"), (OPEN + 28_800) * S).bars) == 2
    with pytest.raises(Refused, match=r"unknown granularity '7m': bars here are of 1m 2m .* 1h 4h 1d 5d 1wk"):
        read_chart("AAPL", 200, chart([(OPEN, 1)], "7m"))


def test_a_last_row_that_is_not_over_when_it_is_received_is_left_out() -> None:
    raw = chart([(OPEN, 1), (OPEN + 60, 1)])
    assert starts(raw, OPEN + 119) == ([0], {"still_growing": 1})
    assert starts(raw, OPEN + 120) == ([0, 60], {})
    days = chart([(OPEN - 86_400, 1), (OPEN, 1)], "1d")
    assert starts(days, OPEN + 23_399) == ([-86_400], {"still_growing": 1})
    assert starts(days, OPEN + 23_400) == ([-86_400, 0], {})


def test_a_daily_row_stamped_with_the_last_trade_is_left_out() -> None:
    now = OPEN + 7200
    assert starts(chart([(OPEN - 86_400, 1), (now, 1)], "1d", now=now))[1] == {"still_growing": 1}
    assert starts(chart([(OPEN, 1), (OPEN + 3600, 1)], "1d"))[1] == {"still_growing": 1}  # the same day twice


def test_a_week_in_which_clocks_go_forward_is_a_whole_one() -> None:
    week = 604_800
    assert starts(chart([(OPEN, 1), (OPEN + week - 3600, 1)], "1wk")) == ([0, week - 3600], {})


def test_rows_outside_the_session_are_kept_only_where_they_were_asked_for() -> None:
    rows = [(OPEN - 60, 1), (OPEN, 1), (OPEN + 23_400, 1)]
    regular = [[{"start": OPEN, "end": OPEN + 23_400}]]
    assert starts(chart(rows, tradingPeriods=regular)) == ([0], {"outside_hours": 2})
    asked = {"pre": [], "regular": regular, "post": []}
    assert starts(chart(rows, tradingPeriods=asked)) == ([-60, 0, 23_400], {"kept_from_extended_hours": 2})


def test_months_are_ignored_by_name() -> None:
    found = read_chart("AAPL", 200, chart([(OPEN, 1)], "1mo"))
    assert (found.ignored, found.bars) == ("chart:1mo", ())


NOT_FOUND = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
TOO_OLD = {"code": "Unprocessable Entity", "description": "1m data not available for startTime=1."}
TOO_EARLY = {"code": "Bad Request", "description": "Data doesn't exist for startDate = 1, endDate = 2"}
CRUMB = {"code": "Unauthorized", "description": "Invalid Crumb"}


def error(trouble: dict[str, str]) -> bytes:
    return json.dumps({"chart": {"result": None, "error": trouble}}).encode()


@pytest.mark.parametrize(
    ("status", "raw", "code", "reason"),
    [
        (404, error(NOT_FOUND), StatusCode.REFUSED, "Not Found: No data found, symbol may be delisted"),
        (200, error(NOT_FOUND), StatusCode.REFUSED, "Not Found: No data found, symbol may be delisted"),
        (422, error(TOO_OLD), StatusCode.VENUE_ERROR, "Unprocessable Entity: 1m data not available for startTime=1."),
        (400, error(TOO_EARLY), StatusCode.VENUE_ERROR, "Bad Request: " + TOO_EARLY["description"]),
        (401, error(CRUMB), StatusCode.NOT_ENTITLED, "Unauthorized: Invalid Crumb"),
        (401, b"", StatusCode.NOT_ENTITLED, "the crumb is not accepted"),
        (429, b"Edge: Too Many Requests", StatusCode.VENUE_ERROR, "rate limited"),
        (200, b"Too Many Requests\r\n", StatusCode.VENUE_ERROR, "rate limited"),
        (200, b"<html>Will be right back</html>", StatusCode.MAINTENANCE, "the venue is down: Will be right back"),
        (503, b"", StatusCode.VENUE_ERROR, "HTTP 503"),
        (0, b"", StatusCode.VENUE_ERROR, "HTTP 0"),
    ],
)
def test_every_refusal_is_a_status_of_the_symbol_in_the_venues_words(
    status: int, raw: bytes, code: StatusCode, reason: str
) -> None:
    found = read_chart("AAPL", status, raw)
    (event,) = found.events
    assert found.control
    assert (event.kind, event.symbol, event.code) == (EventKind.STATUS, "AAPL", code)
    assert event.notes == {"status": status, "reason": reason}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"<html>", "not JSON"),
        (b"{}", "chart"),
        (b'{"chart":{"result":null,"error":null}}', "0 results"),
        (b'{"chart":{"result":[],"error":null}}', "0 results"),
        (chart([(OPEN + 60, 1), (OPEN, 1)]), "a row of"),
        (chart([(OPEN, "1.5")]), "Expected"),
        (chart([(OPEN, 1)]).replace(b'"volume": [100]', b'"volume": []'), "different lengths"),
        (chart([(OPEN, 1)]).replace(b'"volume": [100]', b'"volume": [-1]'), "a volume of -1"),
        (chart([(OPEN, 1)], "7m"), "unknown granularity"),
        (chart([(OPEN, 1)], symbol="MSFT"), "a chart of 'MSFT' for 'AAPL'"),
        (chart([(OPEN, 1)]).replace(b'"quote": [', b'"quote": [{}, '), "2 quotes"),
        (chart([(OPEN, 1)]).replace(b'"open": [1]', b'"open": [NaN]'), "NaN"),
    ],
)
def test_what_is_no_chart_is_refused_by_name(raw: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read_chart("AAPL", 200, raw)


@settings(max_examples=1000, deadline=None)
@given(st.floats(min_value=2.0**-28, max_value=2.0**30, width=32))
def test_a_float32_told_as_a_double_is_the_float32s_shortest_decimal(value: float) -> None:
    assert np.float32(price_text(chart_price(value))) == pytest.approx(np.float32(value), rel=1e-6, abs=5e-10)
    printed = float(f"{value:.16g}")  # the venue writes sixteen digits
    assert chart_price(printed) == chart_price(value)


@given(st.integers(1, 10**9), st.integers(0, 4))
def test_a_decimal_that_is_no_float32_is_what_it_says(digits: int, decimals: int) -> None:
    value = digits / 10**decimals
    found = chart_price(value)
    assert abs(found - digits * 10 ** (9 - decimals)) <= found * 6e-8


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_mutated_charts_are_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(chart([(OPEN, 1.5), (OPEN + 60, 2.5)]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 5))] = data.draw(
            st.sampled_from([b"", b"null", b"-", b"9e9", b"[", b"{}"])
        )
    for status in (200, 404):
        try:
            read_chart("AAPL", status, bytes(raw))
        except ValueError:
            continue
