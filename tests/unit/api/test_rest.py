"""The REST resources, asked of a real server."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

import patient
from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.api.services import Busy
from breadboard.clock import ManualClock
from breadboard.errors import StoreError
from breadboard.model.kinds import Flag
from unit.api.market import Market, MemoryStore, services

if TYPE_CHECKING:
    import httpx


class House:
    """A market, a store and a client of the API over both."""

    def __init__(self) -> None:
        self.market = Market(ManualClock())
        self.store = MemoryStore()
        self.services = services(self.market, self.store, book=self.book)
        self.busy = False
        self.client: httpx.Client

    def book(self, venue: str, _symbol: str, _depth: int, /, *, wait: bool = True) -> dict[str, Any] | None:
        """Return the one book there is; ``busy`` like an engine that moves."""
        if self.busy and not wait:
            raise Busy
        book = {"state": "live", "sequence": 7, "bids": [["100.5", "1"]], "asks": [["100.7", "2"]]}
        return book if venue == "BINANCE" else None


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    with running(create_app(house.services)) as address, patient.Client(base_url=address) as house.client:
        yield house


def test_a_book_that_the_engine_is_moving_is_waited_for(house: House) -> None:
    house.market.apply(house.market.quote("100.5", "100.7", symbol="BTCUSDT"))
    before = house.client.get("/api/v1/stocks/BTCUSDT").json()["book"]
    house.busy = True
    assert house.client.get("/api/v1/stocks/BTCUSDT").json()["book"] == before
    assert before["bids"] == [["100.5", "1"]]


@pytest.mark.parametrize("name", ["BTC/USD", "BTC%2FUSD", "BTC%2FUSD.BINANCE"])
def test_a_symbol_with_a_slash_is_found_whether_it_is_escaped_or_not(house: House, name: str) -> None:
    house.market.apply(house.market.quote("100.5", "100.7", symbol="BTC/USD"))
    assert house.client.get(f"/api/v1/stocks/{name}").json()["id"] == "BTC/USD.BINANCE"
    assert house.client.get(f"/api/v1/book/{name}").json()["symbol"] == "BTC/USD"


def test_one_stock_has_quote_trade_day_book_and_age(house: House) -> None:
    market = house.market
    market.apply(market.quote("100.5", "100.7"), market.trade("100.6", "0.25"), market.trade("100.65", "0.75"))
    stock = house.client.get("/api/v1/stocks/btcusdt").json()
    assert stock["id"] == "BTCUSDT.BINANCE"
    assert (stock["price"], stock["change"], stock["change_percent"]) == ("100.65", "0.05", "0.0497")
    assert stock["quote"]["spread"] == "0.20"
    assert stock["day"] | {"date": None} == {
        "date": None,
        "open": "100.60",
        "high": "100.65",
        "low": "100.60",
        "volume": "1",
        "trades": 2,
        "change": "0.05",
        "change_percent": "0.0497",
    }
    assert stock["book"]["bids"] == [["100.5", "1"]]
    assert (stock["provenance"], stock["state"], stock["age_ms"]) == ("synthetic", "live", 0)


def test_a_symbol_on_two_venues_is_ambiguous_and_the_answer_names_both(house: House) -> None:
    market = house.market
    market.apply(market.trade("1"), market.trade("2", venue="BINANCE_USDM"))
    answer = house.client.get("/api/v1/stocks/BTCUSDT")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["ids"] == ["BTCUSDT.BINANCE", "BTCUSDT.BINANCE_USDM"]
    assert answer.json()["hint"] == "GET /api/v1/stocks/BTCUSDT.BINANCE"
    assert house.client.get("/api/v1/stocks/BTCUSDT.BINANCE_USDM").json()["price"] == "2.00"


def test_of_an_instrument_without_a_row_nobody_says_that_it_is_live(house: House) -> None:
    market = house.market
    market.instruments.intern("YAHOO", "AAPL")  # as an import of a vendor's bars does
    market.apply(market.trade("1", flags=0))

    def told() -> dict[str, str]:
        listed = house.client.get("/api/v1/stocks").json()["data"]
        alone = [house.client.get(f"/api/v1/stocks/{row['id']}").json() for row in listed]
        assert [row["provenance"] for row in alone] == [row["provenance"] for row in listed]
        return {row["id"]: row["provenance"] for row in listed}

    assert told() == {"AAPL.YAHOO": "", "BTCUSDT.BINANCE": "live"}
    market.apply(market.trade("2", symbol="AAPL", venue="YAHOO", flags=int(Flag.HISTORY)))
    assert told() == {"AAPL.YAHOO": "history", "BTCUSDT.BINANCE": "live"}


def test_many_stocks_are_listed_or_chosen_and_unknown_names_are_told(house: House) -> None:
    market = house.market
    market.apply(market.trade("1"), market.trade("2", symbol="ETHUSDT"), market.trade("3", venue="OKX"))
    everything = house.client.get("/api/v1/stocks").json()
    assert [stock["id"] for stock in everything["data"]] == ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE", "BTCUSDT.OKX"]
    some = house.client.get("/api/v1/stocks?symbols=ethusdt,BTCUSDT,nope").json()
    assert [stock["id"] for stock in some["data"]] == ["ETHUSDT.BINANCE", "BTCUSDT.BINANCE", "BTCUSDT.OKX"]
    assert some["unknown"] == ["nope"]


def test_what_is_not_there_is_a_problem_with_a_hint(house: House) -> None:
    house.market.apply(house.market.trade("1", venue="COINBASE"))
    for path in ("/api/v1/stocks/NOPE", "/api/v1/book/NOPE", "/api/v1/book/BTCUSDT", "/nowhere"):
        answer = house.client.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["hint"].startswith("GET /"), path


def test_a_name_never_seen_is_told_with_those_like_it(house: House) -> None:
    house.market.apply(house.market.trade("1"), house.market.trade("3", venue="OKX"))
    for path in ("stocks/BTCUSD.BINANCE", "book/BTCUSD.BINANCE"):
        answer = house.client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["ids"]) == (404, ["BTCUSDT.BINANCE", "BTCUSDT.OKX"]), path
        assert answer.json()["hint"] == "GET /api/v1/stocks/BTCUSDT.BINANCE"


def test_a_wrong_parameter_is_named(house: House) -> None:
    answer = house.client.get("/api/v1/book/BTCUSDT?depth=0")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("depth: ")


def test_the_book_is_served_by_id(house: House) -> None:
    house.market.apply(house.market.trade("1"))
    book = house.client.get("/api/v1/book/BTCUSDT.BINANCE?depth=1").json()
    assert (book["id"], book["state"], book["asks"]) == ("BTCUSDT.BINANCE", "live", [["100.7", "2"]])


def test_ready_needs_a_tick_and_a_store_that_answers(house: House) -> None:
    assert house.client.get("/health").json() == {"status": "ok"}
    answer = house.client.get("/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["no trade or quote has been processed yet"])
    house.market.apply(house.market.trade("1"))
    assert house.client.get("/ready").status_code == 200
    house.store.failing = StoreError("the store at chdb:///x is closed", transient=True)
    answer = house.client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the store does not answer: the store at chdb:///x is closed"]


def test_status_lag_and_metrics_tell_what_is_known(house: House) -> None:
    house.market.apply(house.market.trade("1"))
    status = house.client.get("/api/v1/status").json()
    assert (status["ready"], status["instruments"], status["position"], status["reasons"]) == (True, 1, 1, [])
    assert status["feeds"][0]["venue"] == "BINANCE"
    assert house.client.get("/api/v1/lag").json() == {"data": [], "total": []}
    metrics = house.client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "breadboard_ws_clients 0.0" in metrics.text


def test_a_histogram_counts_each_lag_once_between_its_bounds(house: House) -> None:
    lag = house.services.lag
    lag.add("BINANCE", "binance-0", "network", "live", np.array([-5, 490_000, 700_000, 1_500_000, 200_000_000_000]))
    lag.add("BINANCE", "binance-0", "store", "live", np.array([1]))
    lag.add("KRAKEN", "kraken-0", "network", "live", np.array([30_000_000]))
    answer = house.client.get("/api/v1/lag/histogram?hop=network&feed=binance-0").json()
    (found,) = answer["data"]
    told = {bound: count for bound, count in zip([*answer["bounds_ms"], None], found["counts"], strict=True) if count}
    assert told == {0.0: 1, 0.5: 1, 1.0: 1, 2.0: 1, None: 1}
    assert (found["venue"], found["hop"], found["provenance"]) == ("BINANCE", "network", "live")
    both = house.client.get("/api/v1/lag/histogram?hop=network").json()["data"]
    assert [each["feed"] for each in both] == ["binance-0", "kraken-0"]
    assert house.client.get("/api/v1/lag/histogram?hop=network&feed=none").json()["data"] == []
    assert house.client.get("/api/v1/lag/histogram?hop=teleport").status_code == 422
    assert house.client.get("/api/v1/lag/histogram").status_code == 422


def test_a_stale_feed_is_a_reason_in_the_status(house: House) -> None:
    house.market.apply(house.market.trade("1"))
    clock = house.market.live._clock
    assert isinstance(clock, ManualClock)
    clock.advance(60 * 10**9)
    assert house.client.get("/api/v1/status").json()["reasons"] == ["binance-0 is stale"]


def test_a_refused_question_is_a_400_with_the_stores_own_sentence(house: House) -> None:
    answer = house.client.post("/api/v1/sql", json={"query": "DROP TABLE trades"})
    assert answer.status_code == 400
    assert (answer.json()["detail"], answer.json()["hint"]) == ("DROP is not a question", "breadboard sql 'select 1'")
    assert house.client.post("/api/v1/sql", json={"query": "select 1", "drop": 1}).status_code == 422
    assert (
        house.client.post("/api/v1/sql", content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    )


def test_a_failing_store_is_a_503_and_a_defect_shows_nothing_of_its_inside(house: House) -> None:
    house.store.failing = StoreError("the store is busy", transient=True)
    answer = house.client.get("/api/v1/history?symbol=BTCUSDT")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "busy" not in answer.text, "what the store says may hold a path, an address or a statement"
    house.store.failing = None
    house.market.apply(house.market.trade("1"))
    del house.store.tables["bar_versions"]
    answer = house.client.get("/api/v1/history?symbol=BTCUSDT")  # the table is not there, which is a defect
    assert answer.status_code == 500
    assert "polars" not in answer.text
    assert "Traceback" not in answer.text


def test_every_path_is_described_and_no_page_asks_another_server_for_anything(house: House) -> None:
    paths = house.client.get("/openapi.json").json()["paths"]
    assert {"/api/v1/stocks/{symbol}", "/api/v1/history", "/api/v1/sql", "/ready"} <= set(paths)
    page = house.client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "https://" not in page.text
    assert " src=" not in page.text
    assert "/api/v1/history" in page.text


def test_without_pages_the_way_leads_to_the_terminal(house: House) -> None:
    answer = house.client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/live/")


def test_a_row_that_was_written_before_is_written_anew_when_its_instrument_changes_and_its_age_always(
    house: House,
) -> None:
    market = house.market
    market.apply(market.trade("1"), market.trade("2", symbol="ETHUSDT"))

    def told() -> list[tuple[str, str, int]]:
        rows = house.client.get("/api/v1/stocks").json()["data"]
        return [(row["symbol"], row["price"], row["age_ms"]) for row in rows]

    assert told() == [("BTCUSDT", "1.00", 0), ("ETHUSDT", "2.00", 0)]
    clock = house.market.live._clock
    assert isinstance(clock, ManualClock)
    clock.advance(5_000_000)
    market.apply(market.trade("3", symbol="ETHUSDT"))
    assert told() == [("BTCUSDT", "1.00", 5), ("ETHUSDT", "3.00", 0)]
    one = house.client.get("/api/v1/stocks/BTCUSDT").json()
    one.pop("book")
    assert house.client.get("/api/v1/stocks?symbols=BTCUSDT").json()["data"] == [one]


class Front:
    """Pages at ``/`` that answer whatever they are asked."""

    def life(self) -> AbstractAsyncContextManager[None]:
        """Return nothing that has to be begun or ended."""
        return nullcontext()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say that it was asked."""
        await PlainTextResponse("a page")(scope, receive, send)


@pytest.mark.parametrize("front", [None, Front()], ids=["alone", "with pages"])
def test_a_path_that_is_there_for_other_methods_names_them_and_one_that_is_not_is_named_whole(
    front: Front | None,
) -> None:
    app = create_app(replace(services(Market(ManualClock())), front=front))
    with running(app) as address, patient.Client(base_url=address) as client:
        for method, path, allowed in (
            ("POST", "/api/v1/stocks", "GET, HEAD"),
            ("DELETE", "/api/v1/history", "GET, HEAD"),
            ("GET", "/api/v1/sql", "POST"),
            ("PUT", "/health", "GET, HEAD"),
            ("POST", "/live/nothing.js", "GET, HEAD"),
            ("OPTIONS", "/api/v1/history", "GET, HEAD"),
            ("OPTIONS", "/api/v1/sql", "POST"),
        ):
            answer = client.request(method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed), path
            assert answer.json()["detail"] == f"'{path}' is not for {method}"
            assert answer.json()["hint"] == f"{allowed.partition(',')[0]} {path}"
        answer = client.post("/api/v1/nothing")
        assert (answer.status_code, answer.json()["detail"]) == (404, "there is nothing at '/api/v1/nothing'")
        for path in ("/api/v1/stocks", "/health", "/metrics", "/docs", "/openapi.json", "/api/v1/nothing"):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.headers["content-type"]) == (got.status_code, got.headers["content-type"])
            assert (int(head.headers["content-length"]) > 0, head.content) == (True, b"")


def test_a_parameter_that_is_given_twice_is_refused_and_not_passed_over(house: House) -> None:
    for path, name, times in (
        ("history?symbol=BTCUSDT&symbol=ETHUSDT", "symbol", 2),
        ("history?symbol=BTCUSDT&limit=1&limit=1", "limit", 2),
        ("stocks?symbols=BTCUSDT&symbols=ETHUSDT&symbols=", "symbols", 3),
        ("gaps?reas%6Fn=restart&reason=restart", "reason", 2),
    ):
        answer = house.client.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), path
        assert answer.json()["detail"] == f"{name}: given {times} times"
        assert answer.json()["hint"] == "one request for each; /api/v1/stocks takes symbols=a,b"
        assert house.client.head(f"/api/v1/{path}").status_code == 422
    assert house.client.get("/api/v1/stocks?symbols=BTCUSDT,BTCUSDT&").status_code == 200
    assert house.client.get("/api/v1/gaps?&&").status_code == 200


def test_a_parameter_that_a_route_does_not_take_is_refused_and_not_passed_over(house: House) -> None:
    for method, path, name, hint in (
        ("GET", "stocks?symbol=BTCUSDT", "symbol", "known: symbols"),
        ("GET", "stocks/BTCUSDT.BINANCE?depth=1", "depth", "it takes none"),
        ("GET", "book/BTCUSDT.BINANCE?dept=2", "dept", "known: depth"),
        ("GET", "audit?deeep=true", "deeep", "known: deep"),
        ("GET", "lag/histogram?hop=total&hoop=x", "hoop", "known: hop, feed"),
        ("GET", "gaps?raison=restart", "raison", "known: reason, symbol, venue, start, end, limit, cursor, format"),
        ("POST", "sql?nope=1", "nope", "it takes none"),
        *(("GET", f"{path}?x=1", "x", "it takes none") for path in ("status", "feeds", "lag")),
        ("GET", "status?x", "x", "it takes none"),
        ("GET", "status?%3C%2Fb%3E=", "</b>", "it takes none"),
    ):
        body = {"query": "select 1"} if method == "POST" else None
        answer = house.client.request(method, f"/api/v1/{path}", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), path
        assert (answer.json()["detail"], answer.json()["hint"]) == (f"{name}: there is no such parameter here", hint)
    assert house.client.get("/api/v1/nothing?x=1").status_code == 404, "what is not there takes no parameter either"
    for path in ("health?x=1", "docs?x=1", "live/?x=1"):  # of a prober or a browser: no questions
        assert house.client.get(f"/{path}").status_code != 422


def test_a_socket_that_is_asked_for_as_a_page_says_how_it_is_opened(house: House) -> None:
    answer = house.client.get("/ws/realtime?ticket=secret")
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
    begin = f"python -m websockets ws://127.0.0.1:{house.client.base_url.port}/ws/realtime   # and then "
    words = answer.json()["hint"].removeprefix(begin)
    assert "secret" not in answer.text
    assert msgspec.json.decode(words)["op"] == "sub"
