"""The client's questions and answers: against our own server, and against a fake for what that does not do yet."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.client import (
    Ambiguous,
    AsyncClient,
    BadQuestion,
    Busy,
    Client,
    Instant,
    MissingPackage,
    NotAllowed,
    NotFound,
    Outdated,
    ServerDefect,
    Stock,
    Trade,
    Unreachable,
    Unreadable,
    asking,
    frames,
)
from breadboard.client.asking import Kind
from breadboard.clock import ManualClock
from breadboard.errors import UsageError
from unit.api.market import Market, MemoryStore, services
from unit.client.fake import Fake, serving

START = 1_700_000_000_000_000_000


def stored(count: int, symbol: str = "BTCUSDT") -> pa.Table:
    """Return so many stored trades, a nanosecond apart."""
    return pa.table(
        {
            "venue": ["BINANCE"] * count,
            "symbol": [symbol] * count,
            "ts_event": pa.array([None] * count, pa.timestamp("ns", "UTC")),
            "ts_recv": pa.array(range(START, START + count), pa.timestamp("ns", "UTC")),
            "sequence": pa.array([None] * count, pa.int64()),
            "trade_id": pa.array(range(count), pa.int64()),
            "price": pa.array([Decimal("67000.100000001")] * count, pa.decimal128(18, 9)),
            "size": pa.array([Decimal("0.00000001")] * count, pa.decimal128(38, 18)),
            "side": ["buy"] * count,
            "uncounted": ["high_low"] * count,
            "flags": pa.array([6] * count, pa.uint16()),
            "provenance": ["synthetic"] * count,
            "offset": pa.array(range(count), pa.int64()),
            "index": pa.array([0] * count, pa.uint16()),
        }
    )


@pytest.fixture
def client() -> Iterator[Client]:
    market = Market(ManualClock())
    market.apply(
        market.quote("100.5", "100.7"),
        market.trade("100.65", "0.25"),
        market.trade("9", venue="BYBIT", symbol="BTCUSDT"),
    )

    def book(venue: str, _symbol: str, _depth: int, /, *, wait: bool = True) -> dict[str, Any] | None:
        del wait
        found = {"state": "live", "sequence": 7, "bids": [["100.5", "1"]], "asks": [["100.7", "2"]]}
        return found if venue == "BINANCE" else None

    store = MemoryStore({"trades": stored(25)})
    house = services(market, store, book=book)
    with running(create_app(house)) as address, Client(address) as client:
        yield client


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake()) as fake:
        yield fake


def test_prices_are_exact_decimals_and_times_instants(client: Client) -> None:
    stock = client.stock("BTCUSDT.BINANCE")
    assert (stock.price, stock.bid, stock.ask_size) == (Decimal("100.65"), Decimal("100.50"), Decimal(2))
    assert stock.quote is not None
    assert stock.quote.spread == Decimal("0.20")
    assert stock.book is not None
    assert stock.book.bids[0].price == Decimal("100.5")
    assert isinstance(stock.ts_recv, Instant)
    assert client.book("BTCUSDT.BINANCE").asks == ((Decimal("100.7"), Decimal(2)),)
    found = client.stocks(["BTCUSDT.BINANCE", "NOPE"])
    assert ([stock.id for stock in found.data], found.unknown) == (["BTCUSDT.BINANCE"], ["NOPE"])
    assert len(client.stocks().data) == 2


def test_of_rows_a_part_is_read_and_the_rest_stepped_over(client: Client) -> None:
    found = client.stocks("BTCUSDT.BINANCE", columns=["state", "price"])
    (row,) = found.data
    assert isinstance(row, Stock)
    told = {name: value for name, value in row.as_dict().items() if value is not None}
    assert told == {"state": "live", "price": Decimal("100.65")}
    broken = {"id": "A.B", "state": "live", "price": "much", "trade": 7}
    with serving(Fake({"GET /stocks": (200, {"data": [broken], "unknown": ["X"]})})) as fake:
        with Client(fake.address) as asks:
            part = asks.stocks(columns="id,state")
            assert [(one.id, one.state) for one in part.data] == [("A.B", "live")]
            assert part.data[0].price is None
            assert part.unknown == ["X"]
            with pytest.raises(Unreadable):
                asks.stocks()
            with pytest.raises(UsageError, match="Stock has no 'colour'") as refused:
                asks.stocks(columns="id,colour")
            assert refused.value.hint.startswith("columns='id,symbol,")

        async def asked() -> str:
            async with AsyncClient(fake.address) as asks:
                return (await asks.stocks(columns="state")).data[0].state

        assert asyncio.run(asked()) == "live"


def test_a_refusal_carries_the_sentence_and_the_hint_of_the_server(client: Client) -> None:
    with pytest.raises(NotFound) as missing:
        client.stock("NOPE")
    assert missing.value.ids == ()
    assert missing.value.sentence == "no instrument 'NOPE' has been seen"
    assert missing.value.hint == "GET /api/v1/stocks names what is seen now"
    with pytest.raises(Ambiguous) as several:
        client.stock("BTCUSDT")
    assert several.value.ids == ("BTCUSDT.BINANCE", "BTCUSDT.BYBIT")
    with pytest.raises(BadQuestion, match="drop"):
        client.sql("drop table trades")


def test_a_symbol_is_one_part_of_a_path_whatever_is_in_it(client: Client) -> None:
    for name in ("../status", "a/b", "a?b=c", "a#b", "ü"):
        with pytest.raises(NotFound, match="no instrument"):
            client.stock(name)


@pytest.mark.parametrize("page", [1, 7, 25, 10_000])
def test_history_goes_through_all_pages(client: Client, page: int) -> None:
    history = client.history("BTCUSDT.BINANCE", "trades", page=page)
    trades = history.rows()
    assert [trade.trade_id for trade in trades] == list(range(25))
    assert {(trade.price, trade.size) for trade in trades} == {(Decimal("67000.100000001"), Decimal("0.00000001"))}
    assert {(trade.uncounted, trade.flags) for trade in trades} == {("high_low", 6)}
    assert trades[3].ts_recv == START + 3
    assert (history.rows_read, history.requests) == (25, -(-25 // page))
    assert [trade.trade_id for trade in history] == list(range(25))


def test_history_becomes_tables_without_losing_a_digit(client: Client) -> None:
    history = client.history("BTCUSDT.BINANCE", "trades", page=10)
    table = history.arrow()
    assert (table.num_rows, history.rows_read, history.requests) == (25, 25, 3)
    assert table["price"][0].as_py() == Decimal("67000.100000001")
    frame = history.polars()
    assert (frame.height, frame["price"][24]) == (25, Decimal("67000.100000001"))
    pandas = history.pandas()
    assert (len(pandas), pandas["price"].iloc[24]) == (25, Decimal("67000.100000001"))
    assert pandas["ts_recv"].iloc[1].value == START + 1


def test_history_of_some_columns_has_no_others_and_its_rows_say_none(client: Client) -> None:
    history = client.history("BTCUSDT.BINANCE", "trades", columns=["trade_id", "side"], page=10)
    first, *_, last = history.rows()
    assert isinstance(first, Trade)
    assert (first.ts_recv, first.trade_id, first.side) == (START, 0, "buy")
    assert (last.trade_id, history.requests) == (24, 3)
    told = first.as_dict()
    assert (told["price"], told["size"], told["venue"]) == (None, None, None)
    assert history.arrow().column_names == ["ts_recv", "offset", "index", "trade_id", "side"]
    with pytest.raises(BadQuestion, match="'prise'"):
        client.history("BTCUSDT.BINANCE", "trades", columns="prise").rows()


@pytest.mark.parametrize(("kind", "interval"), [("bars", "1h"), ("books", "10s"), ("trades", None), ("quotes", None)])
def test_an_interval_is_asked_for_where_it_is_named_and_only_then(fake: Fake, kind: Kind, interval: str | None) -> None:
    fake.answers = {"GET /history": (200, {"data": [], "next": None})}
    with Client(fake.address) as client:
        assert client.history("BTCUSDT", kind).rows() == []
        assert "interval" not in fake.asked[-1][2]  # the house keeps books at an interval of its own
        client.history("BTCUSDT", kind, interval=interval).rows()
        assert fake.asked[-1][2].get("interval") == interval


def test_history_is_bounded_by_times_of_any_form(client: Client) -> None:
    for start in (START + 20, Instant(START + 20), str(START + 20)):
        assert len(client.history("BTCUSDT.BINANCE", "trades", start=start).rows()) == 5
    for begin, count in ((date(2023, 11, 14), 25), (date(2023, 11, 15), 0)):
        assert len(client.history("BTCUSDT.BINANCE", "trades", start=begin).rows()) == count
    day = datetime.fromtimestamp(START // 10**9, UTC) + timedelta(seconds=1)
    assert client.history("BTCUSDT.BINANCE", "trades", start=day).rows() == []
    with pytest.raises(BadQuestion, match="yesterday"):
        client.history("BTCUSDT.BINANCE", "trades", start="yesterday").rows()


def test_sql_answers_with_columns_and_rows_or_a_table(client: Client) -> None:
    answer = client.sql("select price, trade_id from trades order by trade_id limit 2")
    assert answer.data == [{"price": "67000.100000001", "trade_id": 0}, {"price": "67000.100000001", "trade_id": 1}]
    assert [column["name"] for column in answer.columns] == ["price", "trade_id"]
    assert client.sql_arrow("select price from trades").num_rows == 25


def test_the_asynchronous_client_answers_as_the_other_does(client: Client) -> None:
    async def ask() -> None:
        async with AsyncClient(client.address) as twin:
            assert await twin.stock("BTCUSDT.BINANCE") == client.stock("BTCUSDT.BINANCE")
            history = twin.history("BTCUSDT.BINANCE", "trades", page=10)
            assert [row async for row in history] == client.history("BTCUSDT.BINANCE", "trades").rows()
            assert (await history.arrow()).equals(client.history("BTCUSDT.BINANCE", "trades").arrow())
            assert (await history.polars()).height == len(await history.pandas()) == 25
            with pytest.raises(NotFound, match="NOPE"):
                await twin.stock("NOPE")

    asyncio.run(ask())


def test_both_clients_have_the_same_questions() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)


def test_watchlists_and_rules_are_kept_read_and_forgotten(fake: Fake) -> None:
    fake.answers = {
        "GET /watchlists": (200, {"data": [{"name": "a/b", "symbols": ["X.Y"], "changed": START}]}),
        "PUT /watchlists/a/b": (200, {}),
        "DELETE /watchlists/a/b": (204, b""),
        "GET /rules": (
            200,
            {"data": [{"name": "up", "number": 1, "version": "v", "sentence": "Tell me.", "rule": {}}]},
        ),
        "PUT /rules/up": (200, {}),
        "POST /rules/test": (200, {"sentence": "Tell me.", "fires": 37, "days": 30, "first": None, "last": None}),
    }
    with Client(fake.address) as client:
        (watchlist,) = client.watchlists()
        assert (watchlist.name, watchlist.symbols, watchlist.changed) == ("a/b", ("X.Y",), START)
        client.put_watchlist("a/b", ["X.Y"])
        client.delete_watchlist("a/b")
        assert client.rules()[0].sentence == "Tell me."
        client.put_rule("up", {"kind": "rise"})
        assert client.test_rule({"kind": "rise"}, start=5).fires == 37
    assert ("PUT", "/watchlists/a/b", {}, {"symbols": ["X.Y"]}) in fake.asked
    assert ("PUT", "/rules/up", {}, {"rule": {"kind": "rise"}}) in fake.asked
    assert ("POST", "/rules/test", {}, {"rule": {"kind": "rise"}, "start": "5"}) in fake.asked


def test_what_is_new_says_that_nothing_may_have_its_name(fake: Fake) -> None:
    there = (412, {"detail": "there is a watchlist 'mine'", "hint": "give yours another name"})
    fake.answers = {"PUT /watchlists/mine": [(200, {}), there], "PUT /rules/up": [(200, {}), there]}

    async def other() -> None:
        async with AsyncClient(fake.address) as client:
            with pytest.raises(Outdated, match="there is a watchlist 'mine'"):
                await client.put_watchlist("mine", ["X.Y"], new=True)
            with pytest.raises(Outdated):
                await client.put_rule("up", {"kind": "rise"}, new=True)

    with Client(fake.address) as client:
        client.put_watchlist("mine", ["X.Y"], new=True)
        client.put_rule("up", {"kind": "rise"}, new=True)
    asyncio.run(other())
    assert [headers["if-none-match"] for headers in fake.headers] == ["*"] * 4
    assert not any("if-match" in headers for headers in fake.headers)
    assert asking.put_rule("up", {}, None, new=False).safe
    assert not asking.put_rule("up", {}, None, new=True).safe, "after its own change it is not new"


def test_what_the_server_says_of_rules_and_keys_is_told(fake: Fake) -> None:
    fake.answers = {
        "GET /rules": (200, {"data": [{"name": "up", "from": "configuration", "enabled": False}]}),
        "GET /keys": (200, {"data": [{"id": "1", "revoked": "2026-11-27T16:50:04.652558831Z", "holds": False}]}),
        "POST /rules/test": (
            200,
            {"fires": 3, "days": 1, "by_symbol": {"X.Y": 3}, "held": 2, "retracted": 1, "note": "none"},
        ),
    }
    with Client(fake.address) as client:
        (rule,), (key,) = client.rules(), client.keys()
        trial = client.test_rule({"kind": "rise"}, start=START, end=Instant(START + 1))
    assert (rule.source, rule.enabled) == ("configuration", False)
    assert (str(key.revoked), key.holds) == ("2026-11-27T16:50:04.652558831Z", False)
    assert (trial.days, trial.by_symbol, trial.held, trial.retracted) == (1, {"X.Y": 3}, 2, 1)
    assert trial.note == "none"
    times = {"start": "2023-11-14T22:13:20.000000000Z", "end": "2023-11-14T22:13:20.000000001Z"}
    assert ("POST", "/rules/test", {}, {"rule": {"kind": "rise"}, **times}) in fake.asked


def test_a_kind_that_there_is_not_is_refused_by_the_server_with_those_that_there_are(client: Client) -> None:
    with pytest.raises(BadQuestion, match=r"kind: Input should be 'bars', 'trades'"):
        client.history("BTCUSDT", "ticks").rows()  # type: ignore[arg-type]  # as who does not check types


def test_a_busy_server_is_asked_again_and_then_told_of(fake: Fake) -> None:
    busy = (503, {"detail": "too much to do", "hint": "wait"}, {"Retry-After": "0"})
    fake.answers = {"GET /feeds": [busy, (200, {"data": [{"feed": "binance-0"}]})], "GET /lag": busy}
    with Client(fake.address) as client:
        assert [feed.feed for feed in client.feeds()] == ["binance-0"]
        with pytest.raises(Busy, match="too much to do") as told:
            client.lag()
    assert told.value.transient
    assert [path for _, path, _, _ in fake.asked] == ["/feeds"] * 2 + ["/lag"] * 3


def test_a_long_wait_is_left_to_the_caller(fake: Fake) -> None:
    fake.answers = {"GET /lag": (429, {"detail": "slowly"}, {"Retry-After": "60"})}
    with Client(fake.address) as client, pytest.raises(Busy) as told:
        client.lag()
    assert (told.value.retry_after_s, len(fake.asked)) == (60.0, 1)


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (401, {"detail": "no key"}, NotAllowed, "no key"),
        (500, b"<html>", ServerDefect, "the server answered with status 500"),
        (502, b"\xff", Busy, "the server answered with status 502"),
        (422, [1], BadQuestion, "the server answered with status 422"),
        (200, b"[]", Unreadable, "the answer is not as this client knows it"),
        (200, {"data": [{"feed": 7}]}, Unreadable, "feed"),
    ],
)
def test_every_bad_answer_is_one_error_with_a_sentence(
    fake: Fake,
    status: int,
    body: object,
    kind: type[Exception],
    sentence: str,
) -> None:
    fake.answers = {"GET /feeds": (status, body)}
    with Client(fake.address) as client, pytest.raises(kind, match=sentence):
        client.feeds()


def test_nobody_at_the_address_is_said_in_a_sentence() -> None:
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 does not answer"),
    ):
        client.sql("select 1")


def test_the_key_is_sent_and_never_shown(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("BREADBOARD_KEY", "bb_secret-of-the-environment")
    fake.answers = {"GET /feeds": (403, {"detail": "another scope"})}
    for given, sent in ((None, "bb_secret-of-the-environment"), ("bb_secret-given", "bb_secret-given")):
        with Client(fake.address, given) as client, pytest.raises(NotAllowed) as refusal:
            client.feeds()
        assert fake.headers[-1]["authorization"] == f"Bearer {sent}"
        shown = [repr(client), str(vars(client)), repr(refusal.value), caplog.text, *capsys.readouterr()]
        assert not any("secret" in text for text in shown)


@pytest.mark.parametrize("address", ["ftp://x", "127.0.0.1:8080", "http://", "http://me:secret@host"])
def test_what_is_no_address_is_refused_and_its_password_not_shown(address: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a server") as refusal:
        Client(address)
    assert "secret" not in refusal.value.sentence


def test_a_proxy_of_the_environment_is_none_for_this_machine(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    fake.answers = {"GET /feeds": (200, {"data": []})}
    with Client(fake.address) as client:
        assert client.feeds() == []


def test_a_proxy_of_the_environment_never_sees_what_a_visitor_has_lent_a_page(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", fake.address)
    monkeypatch.setenv("NO_PROXY", "")
    fake.answers = {"GET /feeds": (200, {"data": []})}
    away = "http://127.0.0.2:9"  # no name of this machine, and nobody there
    with Client(away) as anybody:
        assert anybody.feeds() == [], "who has lent nothing goes by the proxy"
    assert len(fake.headers) == 1
    with Client(away, cookies="a=b") as page, pytest.raises(Unreachable):
        page.feeds()
    assert len(fake.headers) == 1


def test_a_package_that_is_not_there_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingPackage) as told:
        frames.polars(pa.table({"a": [1]}))
    assert (told.value.sentence, told.value.hint) == ("polars is not installed", "pip install 'breadboard[notebook]'")


def test_importing_the_client_loads_nothing_of_the_server_and_nothing_heavy() -> None:
    program = "import sys, breadboard.client; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numba", "chdb", "numpy", "pyarrow", "pandas", "polars", "sqlalchemy", "fastapi", "uvicorn", "websockets"}
    assert heavy.isdisjoint(loaded)
    ours = {name.split(".")[1] for name in loaded if name.startswith("breadboard.")}
    assert ours == {"client", "environment", "errors"}


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("1970-01-01 00:00:01.1234567899", 1_123_456_789),
    ],
)
def test_an_instant_keeps_every_nanosecond(text: str, ns: int) -> None:
    assert Instant.of(text) == ns
    assert Instant.of(str(Instant(ns))) == ns


def test_an_instant_of_a_datetime_heeds_its_zone() -> None:
    assert Instant.of(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert Instant.of(datetime(1970, 1, 1)) == 0  # noqa: DTZ001 - one without a zone is UTC
    assert Instant.of(date(1970, 1, 2)) == 86_400 * 10**9
    assert str(Instant(1)) == "1970-01-01T00:00:00.000000001Z"


NARROWED: dict[str, dict[str, str]] = {
    "alerts": {"rule": "up"},
    "gaps": {"reason": "restart"},
    "features": {"name": "vwap", "interval": "1m"},
    "anomalies": {"kind": "burst", "severity": "high"},
    "opportunities": {"kind": "cross", "state": "open"},
}
"""What lists can be asked for besides symbol, venue and time."""


@pytest.mark.parametrize("table", NARROWED)
def test_lists_are_narrowed_as_the_server_can(fake: Fake, table: str) -> None:
    fake.answers = {f"GET /{table}": (200, {"data": [], "next": None})}
    asked = {"venue": "BINANCE", "start": 5, "end": None, **NARROWED[table]}

    async def same() -> None:
        async with AsyncClient(fake.address) as client:
            assert [row async for row in getattr(client, table)("BTCUSDT", **asked)] == []

    with Client(fake.address) as client:
        assert getattr(client, table)("BTCUSDT", **asked).rows() == []
        with pytest.raises(TypeError, match="strat"):
            getattr(client, table)("BTCUSDT", strat=5)
    asyncio.run(same())
    wanted = {"symbol": "BTCUSDT", "venue": "BINANCE", "start": "5", "limit": "10000", **NARROWED[table]}
    assert fake.asked == [("GET", f"/{table}", wanted, None)] * 2


def test_a_moment_is_asked_of_one_venue_and_so_many_levels(fake: Fake) -> None:
    fake.answers = {"GET /asof": (200, {"id": "BTCUSDT.BINANCE"})}

    async def same() -> None:
        async with AsyncClient(fake.address) as client:
            await client.asof("BTCUSDT", 5, venue="BINANCE", depth=3)

    with Client(fake.address) as client:
        client.asof("BTCUSDT", 5, venue="BINANCE", depth=3)
    asyncio.run(same())
    wanted = {"symbol": "BTCUSDT", "ts": "5", "venue": "BINANCE", "depth": "3"}
    assert fake.asked == [("GET", "/asof", wanted, None)] * 2
