"""What a change is against, what is quoted and in which hours: the same in every row, however it is asked for."""

import asyncio
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

import patient
from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.engine.latest import Latest
from breadboard.engine.sessions import Sessions
from breadboard.model.decimals import ABSENT, parse_price
from breadboard.model.kinds import EventKind, Flag, StatusCode, Uncounted
from breadboard.model.listing import MarketHours, QuoteType
from unit.api.market import Market, services

NEW_YORK = ZoneInfo("America/New_York")
WHAT = ("price", "change", "change_percent", "change_from", "quote_type", "market_hours")


class Stocks(Market):
    """A market in which the venue MASSIVE keeps New York's hours."""

    def __init__(self) -> None:
        super().__init__()
        self.latest = Latest(Sessions(lambda which: "XNYS" * (self.instruments[which].venue == "MASSIVE")))

    def print_(self, day: int, hour: int, minute: int, price: str, code: int = 0, **more: int) -> dict[str, int]:
        """Return a trade of that moment of November 2021 in New York."""
        when = int(datetime(2021, 11, day, hour, minute, tzinfo=NEW_YORK).timestamp()) * 10**9
        row = self.trade(price, symbol="AAPL", venue="MASSIVE", code=code)
        return row | {"ts_event": when, "ts_recv": when} | more

    def listing(self, what: QuoteType, hours: MarketHours, close: str | None) -> dict[str, int]:
        """Return what Yahoo says of an index."""
        said = {"sequence": int(what), "trade_id": int(hours), "price": ABSENT if close is None else parse_price(close)}
        row = self.trade("1", symbol="^GSPC", venue="YAHOO")
        return row | {"kind": int(EventKind.STATUS), "code": int(StatusCode.LISTING), "size": ABSENT} | said


def everywhere(market: Market, name: str) -> dict[str, Any]:
    """Return what one instrument's row says of its change, having asked in every way there is."""

    async def told(address: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for form in (msgspec.json, msgspec.msgpack):
            spoken = None if form is msgspec.json else [Subprotocol("msgpack")]
            async with connect(address.replace("http", "ws") + "/ws/realtime", subprotocols=spoken) as socket:
                question = {"op": "sub", "symbols": [name], "channels": ["quote"], "hz": 30}
                await socket.send(form.encode(question))
                subscribed, snapshot = [form.decode(await socket.recv()) for _ in range(2)]
                assert (subscribed["type"], snapshot["type"]) == ("subscribed", "snapshot")
                rows += snapshot["data"]
        return rows

    with running(create_app(services(market))) as address, patient.Client(base_url=address) as client:
        stock = client.get(f"/api/v1/stocks/{name}").json()
        (listed,) = client.get("/api/v1/stocks", params={"symbols": name}).json()["data"]
        rows = asyncio.run(told(address))
    assert len(rows) == 2
    for row in rows:
        assert row == {field: stock[field] for field in row} == {field: listed[field] for field in row}
        assert row.keys() >= {*WHAT}
    return {field: rows[0][field] for field in WHAT}


def said(*values: str | None) -> dict[str, str | None]:
    return dict(zip(WHAT, values, strict=True))


@pytest.fixture
def market() -> Stocks:
    return Stocks()


def test_a_stocks_change_is_against_the_close_before_and_says_so(market: Stocks) -> None:
    outside = int(Uncounted.DAY_PRICES)
    market.apply(market.print_(23, 15, 59, "160.00"))
    assert everywhere(market, "AAPL") == said("160.00", "0.00", "0.00", "day_open", None, "regular")
    market.apply(market.print_(24, 8, 0, "161.50", outside))
    assert everywhere(market, "AAPL") == said("161.50", "1.50", "0.9375", "previous_close", None, "pre")
    market.apply(market.print_(24, 9, 30, "158.40"), market.print_(24, 15, 59, "159.20"))
    assert everywhere(market, "AAPL") == said("159.20", "-0.80", "-0.50", "previous_close", None, "regular")
    market.apply(market.print_(24, 18, 0, "159.995", outside))
    assert everywhere(market, "AAPL") == said("159.995", "0.795", "0.4994", "previous_close", None, "post")
    market.apply(market.print_(26, 12, 59, "157.00"), market.print_(26, 16, 59, "157.25", outside))
    assert everywhere(market, "AAPL") == said("157.25", "0.25", "0.1592", "previous_close", None, "post")
    market.apply(market.print_(26, 17, 0, "157.25", outside))  # the half day's extended hours are over
    assert everywhere(market, "AAPL")["market_hours"] == "closed"


def test_the_day_of_a_stock_keeps_its_own_change_beside_its_open(market: Stocks) -> None:
    market.apply(market.print_(23, 15, 59, "160"), market.print_(24, 9, 30, "158"), market.print_(24, 10, 0, "159.58"))
    with running(create_app(services(market))) as address, patient.Client(base_url=address) as client:
        stock = client.get("/api/v1/stocks/AAPL").json()
    assert (stock["change"], stock["change_percent"], stock["change_from"]) == ("-0.42", "-0.2625", "previous_close")
    day = {name: stock["day"][name] for name in ("open", "change", "change_percent")}
    assert day == {"open": "158.00", "change": "1.58", "change_percent": "1.00"}


def test_who_never_closes_is_against_the_open_of_the_utc_day(market: Stocks) -> None:
    market.apply(market.trade("100"), market.trade("101"))
    assert everywhere(market, "BTCUSDT") == said("101.00", "1.00", "1.00", "day_open", "cryptocurrency", "24/7")


def test_what_was_sent_on_subscribing_has_a_change_only_where_a_close_is_known(market: Stocks) -> None:
    market.apply(market.print_(24, 15, 0, "160", flags=int(Flag.LAST_KNOWN)))
    assert everywhere(market, "AAPL") == said("160.00", None, None, None, None, "regular")
    market.apply(market.print_(26, 9, 0, "161", flags=int(Flag.LAST_KNOWN)))
    assert everywhere(market, "AAPL") == said("161.00", "1.00", "0.625", "previous_close", None, "pre")


def test_the_venues_own_words_are_told(market: Stocks) -> None:
    index = market.trade("4701.46", symbol="^GSPC", venue="YAHOO")
    market.apply(market.listing(QuoteType.INDEX, MarketHours.REGULAR, "4690.70"), index)
    assert everywhere(market, "^GSPC") == said("4701.46", "10.76", "0.2294", "previous_close", "index", "regular")
    market.apply(market.listing(QuoteType.INDEX, MarketHours.OVERNIGHT, None), index)
    assert everywhere(market, "^GSPC") == said("4701.46", "0.00", "0.00", "day_open", "index", "overnight")
