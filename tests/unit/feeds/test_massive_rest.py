"""Massive's REST interface: every recorded answer in exact values, and what is asked when and with which key."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.massive_calls import (
    MARKET_NOW,
    Bucket,
    Call,
    Failure,
    aggregates,
    conditions,
    dividends,
    exchanges,
    grouped_daily,
    judge,
    next_page,
    previous_close,
    quotes,
    splits,
    trades,
)
from breadboard.feeds.massive_reference import (
    ConditionRules,
    read_conditions,
    read_dividends,
    read_exchanges,
    read_market_now,
    read_market_upcoming,
    read_splits,
)
from breadboard.feeds.massive_rest import read_aggregates, read_quotes, read_trades
from breadboard.feeds.reading import Refused
from breadboard.model.decimals import ABSENT, price_text, size_decimal
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind, StatusCode, Uncounted
from breadboard.ports import Decoded
from breadboard.recordings import history_massive
from feed_samples import document
from recordings import recording

MOCKS = "massive/rest_mocks/"
AGGS = "v2/aggs/ticker/AAPL/range/1/day/2005-04-01/2005-04-04.json"
NEXT_QUOTES = (
    "v3/quotes/AAPL&cursor=YXA9MTkyODgxNjYmYXM9JmxpbWl0PTEwJm9yZGVyPWRlc2Mmc29ydD10aW1lc3RhbXAmdGltZXN0YW1wLmx0ZT0yMDIy"
    "LTA1LTEwVDE0JTNBMTElM0ExMi42OTA2NjExODla.json"
)


def body(path: str) -> bytes:
    return recording(MOCKS + path).read_bytes()


def digits(path: str) -> Any:  # noqa: ANN401 - any JSON value
    """The same answer by another road: Python's own parser, decimals for floats."""
    return json.loads(body(path), parse_float=Decimal)


def decoded(tag: str, raw: bytes, status: int = 200) -> Decoded:
    frames = Frames.of([document(tag, raw, status)], [1], kind=RecordKind.DOCUMENT)
    return FEEDS["massive"].decoder(Instruments()).decode(frames)


@pytest.mark.parametrize("path", [AGGS, "v2/aggs/ticker/AAPL/range/1/day/2005-04-02/2005-04-04.json"])
def test_recorded_aggregates(path: str) -> None:
    page = read_aggregates(body(path))
    assert (page.status, page.request_id) == ("OK", "12afda77aab3b1936c5fb6ef4241ae42")
    assert page.head == {"ticker": "AAPL", "adjusted": True}
    first, second = page.results
    assert (first.symbol, first.ts) == ("AAPL", 1_112_331_600_000_000_000)
    assert (first.open, first.high, first.low, first.close) == (
        *(1_503_200_000, 1_506_400_000),
        *(1_448_900_000, 1_460_400_000),
    )
    assert (size_decimal(first.volume, first.volume_exp), first.vwap, first.trades) == (
        Decimal(642_646_396),
        "1.469",
        82_132,
    )
    assert (second.ts, second.trades, second.otc) == (1_112_587_200_000_000_000, 65_543, False)


@pytest.mark.parametrize(
    ("path", "symbol"),
    [
        ("v2/aggs/ticker/AAPL/prev.json", "AAPL"),
        ("v2/aggs/grouped/locale/us/market/stocks/2005-04-04&adjusted=true.json", "GIK"),
        (AGGS, "AAPL"),
    ],
)
def test_every_digit_of_recorded_bars(path: str, symbol: str) -> None:
    for mine, theirs in zip(read_aggregates(body(path)).results, digits(path)["results"], strict=True):
        assert mine.symbol == symbol
        for name, key in (("open", "o"), ("high", "h"), ("low", "l"), ("close", "c")):
            assert Decimal(price_text(getattr(mine, name))) == theirs[key]
        assert size_decimal(mine.volume, mine.volume_exp) == theirs["v"]
        assert (mine.vwap, mine.trades, mine.ts) == (str(theirs["vw"]), theirs["n"], theirs["t"] * 1_000_000)


def test_recorded_trades() -> None:
    first, second = read_trades(body("v3/trades/AAPL&limit=2.json"), "AAPL").results
    assert (first.kind, first.symbol, first.flags) == (EventKind.TRADE, "AAPL", Flag.HISTORY | Flag.LATE_PRINT)
    assert (first.price, second.price) == (156_430_000_000, 157_430_000_000)
    assert (first.trade_id, first.sequence, size_decimal(first.size, first.size_exp)) == (
        183_276,
        7_179_341,
        Decimal(10),
    )
    assert first.ts_event == 1_651_181_822_461_979_400
    assert first.notes == {
        "conditions": [12, 37],
        "exchange": "ARCX",
        "tape": "C",
        "id": "183276",
        "trf": 3,
        "trf_ts": 1_651_181_557_090_806_500,
        "participant_ts": 1_651_181_822_461_636_600,
        "correction": 1,
    }
    assert second.notes["exchange"] == "XNAS"


@pytest.mark.parametrize("path", ["v3/quotes/AAPL.json", NEXT_QUOTES])
def test_every_digit_of_recorded_quotes(path: str) -> None:
    page = read_quotes(body(path), "AAPL")
    assert len(page.results) == 10
    for mine, theirs in zip(page.results, digits(path)["results"], strict=True):
        assert Decimal(price_text(mine.price)) == theirs["bid_price"]
        assert Decimal(price_text(mine.ask_price)) == theirs["ask_price"]
        assert size_decimal(mine.size, mine.size_exp) == theirs["bid_size"]
        assert size_decimal(mine.ask_size, mine.ask_size_exp) == theirs["ask_size"]
        assert (mine.ts_event, mine.sequence) == (theirs["sip_timestamp"], theirs["sequence_number"])
        assert mine.notes["participant_ts"] == theirs["participant_timestamp"]
        assert mine.notes["tape"] == "C"
    one = page.results[0]
    assert one.notes["bid_exchange"] == {15: "IEXG", 19: "BATS"}[digits(path)["results"][0]["bid_exchange"]]


def test_the_next_page_is_asked_for_at_its_own_address_with_the_key_in_a_header() -> None:
    page = read_quotes(body("v3/quotes/AAPL.json"), "AAPL")
    assert page.next_url is not None
    fetch = next_page("quotes:AAPL", page.next_url, "secret")
    assert (fetch.url, dict(fetch.headers)) == (page.next_url, {"Authorization": "Bearer secret"})
    assert "secret" not in repr(fetch)
    assert read_quotes(body(NEXT_QUOTES), "AAPL").next_url is None


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v3/quotes/AAPL?cursor=1",
        "http://api.massive.com/v3/quotes/AAPL",
        "https://api.massive.com.evil.example/",
        "https://api.massive.com:8443/v3",
        "https://user@api.massive.com/v3",
        "//api.massive.com/v3",
    ],
)
def test_the_key_goes_to_no_other_host(url: str) -> None:
    with pytest.raises(Refused):
        next_page("quotes:AAPL", url, "secret")


def test_recorded_splits() -> None:
    found = read_splits(body("v3/reference/splits.json")).results
    assert [(s.symbol, s.date, s.from_shares, s.to_shares) for s in found] == [
        (s["ticker"], s["execution_date"], str(s["split_from"]), str(s["split_to"]))
        for s in digits("v3/reference/splits.json")["results"]
    ]
    assert (found[0].symbol, found[0].to_shares, len(found)) == ("GOOGL", "20", 10)


def test_recorded_dividends() -> None:
    found = read_dividends(body("v3/reference/dividends.json")).results
    theirs = digits("v3/reference/dividends.json")["results"]
    for mine, other in zip(found, theirs, strict=True):
        assert (mine.symbol, mine.kind, mine.ex_date) == (
            other["ticker"],
            other["dividend_type"],
            other["ex_dividend_date"],
        )
        assert (mine.declared, mine.pay_date, mine.record_date) == (
            *(other["declaration_date"], other["pay_date"]),
            other["record_date"],
        )
        assert (Decimal(price_text(mine.cash)), mine.frequency) == (other["cash_amount"], other["frequency"])
    assert (found[0].cash, found[0].currency) == (593_750_000, None)


def test_recorded_exchanges() -> None:
    found = read_exchanges(body("v3/reference/exchanges.json")).results
    theirs = digits("v3/reference/exchanges.json")["results"]
    assert [(e.id, e.type, e.name, e.mic, e.operating_mic, e.participant, e.acronym) for e in found] == [
        tuple(e.get(k) for k in ("id", "type", "name", "mic", "operating_mic", "participant_id", "acronym"))
        for e in theirs
    ]


def test_our_table_of_exchanges_is_the_recorded_one() -> None:
    from breadboard.feeds.massive_events import EXCHANGES

    recorded = {e.id: e.mic for e in read_exchanges(body("v3/reference/exchanges.json")).results}
    own_names = {4: "FINRA", 5: "UTP", 13: "CTA"}
    assert {number: own_names.get(number, mic) for number, mic in recorded.items()} == EXCHANGES


def rules() -> ConditionRules:
    return read_conditions(body("v3/reference/conditions&asset_class=stocks.json"))[0]


@pytest.mark.parametrize(
    ("ids", "uncounted"),
    [
        ([2], Uncounted.PRICES),
        ([7], Uncounted.PRICES),
        ([5], Uncounted.OPEN_CLOSE),
        ([10], Uncounted.OPEN_CLOSE),
        *(([number], Uncounted(0)) for number in (1, 3, 4, 8, 9)),
        ([], Uncounted(0)),
        ([9, 5], Uncounted.OPEN_CLOSE),
        ([5, 2], Uncounted.PRICES),
        ([9999], Uncounted(0)),
    ],
)
def test_conditions_say_what_a_print_does_to_bars(ids: list[int], uncounted: Uncounted) -> None:
    assert rules().table().uncounted(frozenset(ids)) == uncounted.everywhere


FORM_T = {"id": 12, "name": "Form T", "data_types": ["trade"], "sip_mapping": {"CTA": "T", "UTP": "T"}} | {
    "update_rules": {"consolidated": {"updates_high_low": False, "updates_open_close": False, "updates_volume": True}}
}


def live(number: int, conditions: list[int], ts_ms: int) -> bytes:
    event = {"ev": "T", "sym": "AAPL", "x": 11, "i": str(number), "p": 150.5, "s": 10, "c": conditions}
    return json.dumps([event | {"t": ts_ms, "q": number}]).encode()


NOON, EVENING = 1_651_161_600_000, 1_651_181_822_461
"""Of 28 April 2022 in New York."""


def test_the_table_that_the_journal_holds_decides_for_live_and_fetched_trades_from_its_place_on() -> None:
    decoder = FEEDS["massive"].decoder(Instruments())
    table = document("conditions", body("v3/reference/conditions&asset_class=stocks.json"))
    fetched = json.loads(body("v3/trades/AAPL&limit=2.json"))
    fetched["results"] = fetched["results"][:1]
    fetched["results"][0] |= {"conditions": [2], "correction": 0, "id": "77", "sequence_number": 9}
    raw = [live(1, [2], NOON), table, live(2, [2, 3], NOON), live(3, [5], NOON), live(4, [3], NOON)]
    frames = Frames.of([*raw, document("trades:AAPL", json.dumps(fetched).encode())], range(1, 7), kind=RecordKind.DATA)
    frames.kind[[1, 5]] = RecordKind.DOCUMENT
    found = decoder.decode(frames)
    assert (found.control, found.quarantined) == (1, ())
    prices, ends = Uncounted.PRICES.everywhere, Uncounted.OPEN_CLOSE.everywhere
    assert found.tape.code.tolist() == [0, prices, ends, 0, prices]
    flags = [0, Flag.VOLUME_ONLY, 0, 0, Flag.VOLUME_ONLY | Flag.HISTORY]
    assert found.tape.flags.tolist() == flags
    again = FEEDS["massive"].decoder(Instruments())
    again.restore(decoder.snapshot())
    assert again.snapshot() == decoder.snapshot()
    later = again.decode(Frames.of([live(5, [2], NOON)], [9], kind=RecordKind.DATA))
    assert later.tape.code.tolist() == [prices]


def test_form_t_moves_prices_outside_regular_hours_and_nowhere_else_and_never_the_days() -> None:
    decoder = FEEDS["massive"].decoder(Instruments())
    page = json.loads(body("v3/reference/conditions&asset_class=stocks.json"))
    page["results"].append(FORM_T)
    raw = [document("conditions", json.dumps(page).encode())]
    raw += [live(1, [12], NOON), live(2, [12], EVENING), live(3, [12, 2], EVENING)]
    frames = Frames.of(raw, range(1, 5), kind=RecordKind.DATA)
    frames.kind[0] = RecordKind.DOCUMENT
    prices = Uncounted.PRICES.everywhere
    assert decoder.decode(frames).tape.code.tolist() == [prices, Uncounted.DAY_PRICES, prices]


def test_recorded_conditions_have_their_names() -> None:
    found, page = read_conditions(body("v3/reference/conditions&asset_class=stocks.json"))
    assert page.results == tuple(range(1, 11))
    assert (found.names[2], found.names[10]) == ("Average Price Trade", "Derivatively Priced")


def test_recorded_market_status() -> None:
    now = read_market_now(body("v1/marketstatus/now.json"))
    assert (now.market, now.early_hours, now.after_hours) == ("extended-hours", False, True)
    assert now.ts_server == 1_651_178_888_000_000_000
    assert now.exchanges == dict.fromkeys(("nyse", "nasdaq", "otc"), "extended-hours")
    assert now.currencies == {"fx": "open", "crypto": "open"}
    days = read_market_upcoming(body("v1/marketstatus/upcoming.json"))
    assert len(days) == 14
    assert (days[0].exchange, days[0].name, days[0].date, days[0].status) == (
        *("NYSE", "Memorial Day"),
        *("2022-05-30", "closed"),
    )
    assert (days[0].ts_open, days[0].ts_close) == (ABSENT, ABSENT)
    early = next(day for day in days if day.status == "early-close")
    assert (early.ts_open, early.ts_close) == (1_669_386_600_000_000_000, 1_669_399_200_000_000_000)


@pytest.mark.parametrize(
    ("call", "url"),
    [
        (
            aggregates("BRK.B", 5, "minute", "2024-01-02", "2024-01-03", adjusted=False),
            "/v2/aggs/ticker/BRK.B/range/5/minute/2024-01-02/2024-01-03?adjusted=false&sort=asc&limit=50000",
        ),
        (
            trades("A/B", 1, 2, 9),
            "/v3/trades/A%2FB?timestamp.gte=1&timestamp.lte=2&order=asc&sort=timestamp&limit=9",
        ),
        (quotes("AAPL", 1, 2), "/v3/quotes/AAPL?timestamp.gte=1&timestamp.lte=2&order=asc&sort=timestamp&limit=50000"),
        (
            grouped_daily("2024-01-02"),
            "/v2/aggs/grouped/locale/us/market/stocks/2024-01-02?adjusted=true&include_otc=false",
        ),
        (previous_close("AAPL"), "/v2/aggs/ticker/AAPL/prev?adjusted=true"),
        (splits("AAPL"), "/v3/reference/splits?ticker=AAPL&limit=1000"),
        (dividends("AAPL"), "/v3/reference/dividends?ticker=AAPL&limit=1000"),
        (conditions(), "/v3/reference/conditions?asset_class=stocks&limit=1000"),
        (exchanges(), "/v3/reference/exchanges?asset_class=stocks"),
        (MARKET_NOW, "/v1/marketstatus/now"),
    ],
)
def test_calls_are_spelled_as_documented_and_hold_no_key(call: Call, url: str) -> None:
    fetch = call.fetch("tag", "secret", "http://127.0.0.1:1/")
    assert (fetch.url, fetch.tag, dict(fetch.headers)) == (
        f"http://127.0.0.1:1{url}",
        "tag",
        {"Authorization": "Bearer secret"},
    )
    assert "secret" not in repr(fetch)


def test_a_timespan_that_there_is_not_is_refused() -> None:
    with pytest.raises(Refused, match="fortnight"):
        aggregates("AAPL", 1, "fortnight", "2024-01-02", "2024-01-03")


NOT_ENTITLED = b'{"status":"NOT_AUTHORIZED","request_id":"x","message":"You are not entitled to this data."}'


@pytest.mark.parametrize(
    ("status", "raw", "failure", "again"),
    [
        (400, b'{"status":"ERROR","error":"API Key was not provided"}', Failure.NO_KEY, False),
        (400, b'{"status":"ERROR","error":"bad date"}', Failure.BAD_REQUEST, False),
        (401, b'{"status":"ERROR","error":"Unknown API Key"}', Failure.NO_KEY, False),
        (403, NOT_ENTITLED, Failure.NOT_ENTITLED, False),
        (404, b'{"status":"NOT_FOUND"}', Failure.NOT_FOUND, False),
        (410, b"", Failure.RETIRED, False),
        (429, b"Too Many Requests", Failure.TOO_FAST, True),
        *((status, b"<html>", Failure.BUSY, True) for status in (0, 413, 499, 500, 502, 503, 504)),
        (418, b"\xff\xfe", Failure.OTHER, False),
    ],
)
def test_refusals_say_why_and_whether_to_ask_again(status: int, raw: bytes, failure: Failure, again: bool) -> None:
    refusal = judge(status, raw, 1)
    assert refusal is not None
    assert (refusal.failure, refusal.again_in_s is not None) == (failure, again)
    fourth = judge(status, raw, 4)
    assert fourth is not None
    assert fourth.again_in_s is None


def test_a_venue_that_names_a_wait_gets_it_and_an_answer_is_no_refusal() -> None:
    assert judge(200, b"{}", 1) is None
    refusal = judge(429, b"", 1, retry_after_s=90.0)
    assert refusal is not None
    assert refusal.again_in_s == 90.0
    refusal = judge(403, NOT_ENTITLED, 1)
    assert refusal is not None
    assert refusal.message == "You are not entitled to this data."


@given(steps=st.lists(st.floats(0, 40, allow_nan=False), min_size=1, max_size=60))
def test_no_minute_ever_sees_more_than_five_calls(steps: list[float]) -> None:
    bucket, now, made = Bucket(), 0.0, list[float]()
    for step in steps:
        now += step
        bucket, wait_s = bucket.take(now)
        assert wait_s >= 0.0
        made.append(now + wait_s)
    for early, late in zip(made, made[5:], strict=False):
        assert late - early >= 60.0 - 1e-6
    assert made == sorted(made)


def test_calls_within_the_plan_do_not_wait() -> None:
    bucket = Bucket()
    for place in range(5):
        bucket, wait_s = bucket.take(float(place))
        assert wait_s == 0.0
    _, wait_s = bucket.take(5.0)
    assert wait_s == 55.0
    _, wait_s = bucket.take(60.0)
    assert wait_s == 0.0


def test_a_document_of_aggregates_gives_the_vendors_bars() -> None:
    found = decoded("aggs:AAPL:86400", body(AGGS))
    assert (found.data, len(found.tape), len(found.bars)) == (1, 0, 2)
    assert found.bars["interval"].tolist() == [86_400, 86_400]
    assert found.bars["volume_whole"].tolist() == [642_646_396, 578_172_308]
    assert decoded("aggs:AAPL:", body(AGGS)).bars["interval"].tolist() == [86_400, 86_400]  # Friday to Monday


@pytest.mark.parametrize(
    ("stamps", "seconds"),
    [([0, 60, 180], 60), ([0, 2, 1], 1), ([0, 3600], 3600), ([0, 82_800, 169_200], 86_400), ([0, 604_800], 604_800)],
)
def test_the_length_of_bars_is_told_by_their_distance(stamps: list[int], seconds: int) -> None:
    results = [{"t": 1_700_000_000_000 + 1000 * s, "v": 1, **dict.fromkeys("ohlc", 2)} for s in stamps]
    found = decoded("aggs:AAPL:", json.dumps({"results": results}).encode())
    assert set(found.bars["interval"].tolist()) == {seconds}
    one = decoded("aggs:AAPL:", json.dumps({"results": results[:1]}).encode())
    assert "name the seconds" in one.quarantined[0][1]


BAR = {"v": 1, **dict.fromkeys("ohlc", 2)}
TRADE = {"price": 2, "size": 1, "sip_timestamp": 1_700_000_000_000_000_000}
QUOTE = {"bid_price": 2, "bid_size": 1, "sip_timestamp": 1_700_000_000_000_000_000}


@pytest.mark.parametrize(
    ("tag", "good", "bad", "reason"),
    [
        (
            "aggs:AAPL:60",
            BAR | {"t": 1_700_000_000_000},
            BAR | {"t": 1_700_000_060_000, "l": 0},
            "an impossible price: 0",
        ),
        ("aggs:AAPL:", BAR | {"t": 1_700_000_000_000}, BAR | {"t": "soon"}, ""),
        ("trades:AAPL", TRADE, TRADE | {"size": 0}, "a trade of size 0"),
        ("trades:AAPL", TRADE, 7, ""),
        ("quotes:AAPL", QUOTE, QUOTE | {"bid_price": -1}, "an impossible price: -1"),
    ],
)
def test_one_result_that_cannot_be_understood_costs_itself_alone(tag: str, good: Any, bad: Any, reason: str) -> None:  # noqa: ANN401 - any JSON
    results = [good | ({"t": good["t"] + 60_000 * place} if "t" in good else {}) for place in range(4)]
    results.insert(2, bad)
    found = decoded(tag, json.dumps({"results": results}).encode())
    assert len(found.tape) + len(found.bars) == 4
    assert set(found.bars["interval"].tolist()) <= {60}
    assert found.quarantined[0][1].startswith(f"result 2: {reason}")
    assert (found.data, len(found.quarantined), found.notes) == (0, 1, {})
    alone = decoded(tag, json.dumps({"results": [bad, bad]}).encode())
    assert (len(alone.tape), len(alone.bars)) == (0, 0)
    assert alone.quarantined[0][1].startswith(f"result 0: {reason}")


def test_bars_do_not_tell_their_length_where_too_many_are_left_out() -> None:
    results = [BAR | {"t": 1_700_000_000_000 + 60_000 * place} for place in range(3)]
    results[1] |= {"l": 0}
    found = decoded("aggs:AAPL:", json.dumps({"results": results}).encode())
    assert (len(found.bars), found.quarantined[0][1]) == (0, "result 1: an impossible price: 0")
    assert decoded("aggs:AAPL:60", json.dumps({"results": results}).encode()).bars["interval"].tolist() == [60, 60]


def test_documents_of_trades_and_quotes_are_events_and_known_trades_are_duplicates() -> None:
    raw = body("v3/trades/AAPL&limit=2.json")
    found = decoded("trades:AAPL", raw)
    assert found.tape.ts_event.tolist() == [1_651_181_822_461_979_400] * 2
    assert found.tape.flags.tolist() == [Flag.HISTORY | Flag.LATE_PRINT] * 2  # the same id on two exchanges: two trades
    decoder = FEEDS["massive"].decoder(Instruments())
    live = (
        b'[{"ev":"T","sym":"AAPL","x":11,"i":"183276","z":3,"p":156.43,"s":10,"c":[12,37],"t":1651181822461,'
        b'"q":7179341,"trfi":3,"trft":1651181557090}]'
    )
    assert decoder.decode(Frames.of([live], [1], kind=RecordKind.DATA)).tape.flags.tolist() == [0]
    again = decoder.decode(Frames.of([document("trades:AAPL", raw)], [2], kind=RecordKind.DOCUMENT)).tape.flags.tolist()
    late = Flag.HISTORY | Flag.LATE_PRINT
    assert again == [late | Flag.DUPLICATE, late]
    assert set(decoded("quotes:AAPL", body("v3/quotes/AAPL.json")).tape.kind.tolist()) == {EventKind.QUOTE}


@pytest.mark.parametrize(
    ("correction", "said"),
    [
        (0, Flag(0)),
        (1, Flag.LATE_PRINT),
        *((print_itself, Flag.WITHDRAWN) for print_itself in (7, 8)),
        *((follows, Flag.WITHDRAWN | Flag.LATE_PRINT) for follows in (10, 11, 12)),
    ],
)
def test_cancelled_prints_are_withdrawn(correction: int, said: Flag) -> None:
    raw = body("v3/trades/AAPL&limit=2.json").replace(b'"correction": 1', b'"correction": %d' % correction)
    events = read_trades(raw, "AAPL").results
    assert [event.flags for event in events] == [Flag.HISTORY | said] * 2


def test_corrected_figures_are_put_in_once_and_the_wrong_ones_taken_back() -> None:
    raw = body("v3/trades/AAPL&limit=2.json")
    wrong = raw.replace(b'"correction": 1', b'"correction": 12').replace(b"156.43", b"99.5").replace(b"157.43", b"98")
    told = wrong.replace(b'"correction": 12', b'"correction": 0')
    documents = [document("trades:AAPL", each) for each in (told, raw, raw, wrong)]
    frames = Frames.of(documents, [1] * 4, kind=RecordKind.DOCUMENT)
    flags = FEEDS["massive"].decoder(Instruments()).decode(frames).tape.flags.tolist()
    late = Flag.HISTORY | Flag.LATE_PRINT
    each = (Flag.HISTORY, late, late | Flag.DUPLICATE, late | Flag.WITHDRAWN)
    assert flags == [flag for flag in each for _ in range(2)]


def test_a_refused_document_is_a_status_of_its_symbol() -> None:
    found = decoded("trades:AAPL", NOT_ENTITLED, 403)
    assert (found.control, found.tape.code.tolist()) == (1, [StatusCode.VENUE_ERROR])


def test_a_saved_answer_is_imported_plain_zipped_or_gzipped_without_a_changed_digit(tmp_path: Path) -> None:
    raw = body(AGGS)
    (tmp_path / "plain.json").write_bytes(raw)
    (tmp_path / "packed.json.gz").write_bytes(gzip.compress(raw))
    with ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("aapl.json", raw)
    expected = decoded("aggs:AAPL:86400", raw).bars
    for name in ("plain.json", "packed.json.gz", "packed.zip"):
        (found,) = history_massive.read_aggregates(tmp_path / name, "AAPL", 86_400)
        tag, part = found
        assert tag == "aggs:AAPL:86400"
        assert decoded(tag, part).bars.tobytes() == expected.tobytes()


def test_a_long_answer_is_cut_into_documents_and_a_file_of_pages_is_read(tmp_path: Path) -> None:
    results = ",".join(
        f'{{"o":1.10,"h":2,"l":1,"c":2,"v":{n + 1}.50,"t":{1_700_000_000_000 + n * 60_000}}}' for n in range(5001)
    )
    page = f'{{"ticker":"AAPL","results":[{results}],"status":"OK"}}\n'
    path = tmp_path / "pages.jsonl"
    path.write_text(page + '{"status":"OK","resultsCount":0}\n')
    parts = list(history_massive.read_aggregates(path, "AAPL"))
    assert len(parts) == 2
    bars = [bar for tag, part in parts for bar in decoded(tag, part).bars]
    assert len(bars) == 5001
    assert {int(bar["interval"]) for bar in bars} == {60}
    assert (int(bars[5000]["volume_whole"]), int(bars[5000]["volume_fraction"])) == (5001, 5 * 10**17)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"o,h,l,c\n1,2,3,4\n", "is not an answer"),
        (b'{"ticker":"MSFT","results":[{}]}', "holds bars of MSFT"),
        (b'{"status":"NOT_AUTHORIZED"}', "is a refusal"),
        (b"PK\x03\x04broken", "is damaged"),
        (b"\x1f\x8bbroken", "is damaged"),
    ],
)
def test_another_file_is_a_usage_error(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        list(history_massive.read_aggregates(path, "AAPL"))
    with pytest.raises(UsageError, match="no file"):
        list(history_massive.read_aggregates(tmp_path / "nowhere", "AAPL"))
