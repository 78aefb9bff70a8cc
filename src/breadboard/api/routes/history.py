"""``/api/v1/history`` and ``/api/v1/asof``: what is stored of an instrument, and what was known of it at a moment."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from breadboard.api import documents, past
from breadboard.api.instants import instant
from breadboard.api.live import LiveMarket
from breadboard.api.near import unknown
from breadboard.api.pages import Pages
from breadboard.api.paging import Wanted
from breadboard.api.pool import StorePool
from breadboard.api.questions import HistoryQuestion, MomentQuestion
from breadboard.api.reach import Reach
from breadboard.api.services import Services


def router(services: Services, pages: Pages, pool: StorePool) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["history"])

    async def known(symbol: str, venue: str | None) -> None:
        """Raise Problem 404 for a name that was never seen and is not stored."""
        if not services.live.find(f"{symbol}.{venue}" if venue else symbol):
            wrong = await pool.run(lambda: unknown(services.live, services.store, symbol, venue))
            if wrong is not None:
                raise wrong

    @routes.get(
        "/history",
        summary="Bars, trades, quotes or books of one symbol, oldest first",
        responses=documents.listed("bars", "trades", "quotes", "books", whole=False),
    )
    async def history(request: Request, asked: Annotated[HistoryQuestion, Query()]) -> Response:
        asked = asked.checked()
        symbol, venue = names_of(services.live, asked.symbol, asked.venue)
        await known(symbol, venue)
        wanted = Wanted.of(
            asked.kind,
            symbol=symbol,
            venue=venue,
            start=asked.start,
            end=asked.end,
            limit=asked.limit,
            cursor=asked.cursor,
            only={"interval": "1m" if asked.kind == "bars" and asked.interval is None else asked.interval},
            asof=None if asked.asof is None else instant(asked.asof),
            columns=asked.wanted_columns,
        )
        return await pages.answer(request, wanted, asked.format)

    @routes.get(
        "/asof",
        summary="Best bid and offer, last trade and newest kept book of one instrument, as known at a moment",
        responses=documents.MOMENT,
    )
    async def asof(request: Request, asked: Annotated[MomentQuestion, Query()]) -> Response:
        symbol, venue = only_one(services.live, asked.symbol, asked.venue)
        moment = instant(asked.ts)
        await known(symbol, venue)

        async def make(reach: Reach) -> dict[str, Any]:
            store = services.store
            at = await pool.run(lambda: past.venue_of(store, symbol)) if venue is None else venue
            return await past.asof(pool.run, store, pages.holes, reach, symbol, at, moment, asked.depth)

        return await pages.at(request, ("asof", symbol, venue, moment, asked.depth), moment, make)

    return routes


def names_of(live: LiveMarket, symbol: str, venue: str | None) -> tuple[str, str | None]:
    """Return symbol and venue of ``BTCUSDT``, of ``BTCUSDT.BINANCE``, or of the two given apart, the venue also twice.

    Both are spelled as the venue does it. A dot may belong to the symbol (``BRK.B``): what has been seen tells, in any
    case of letters.
    """
    found = [live.instrument(index) for index in live.find(f"{symbol}.{venue}" if venue else symbol)]
    if found:
        one = found[0]
        alike = len({each.symbol for each in found}) == 1  # btcusd and BTCUSD may both be there
        named = venue or symbol.upper() == one.id.upper()
        return one.symbol if alike else symbol, one.venue if named else None
    if venue is not None and symbol.upper().rpartition(".")[2] == venue.upper() and symbol.rpartition(".")[0]:
        return names_of(live, symbol.rpartition(".")[0], venue)
    if venue is None and "." in symbol:
        symbol, _, venue = symbol.rpartition(".")
    return symbol, venue.upper() if venue else None


def only_one(live: LiveMarket, symbol: str, venue: str | None) -> tuple[str, str | None]:
    """Return symbol and venue as ``names_of``, with the venue also where it is not named and there is but one."""
    found = live.find(symbol) if venue is None else []
    if len(found) == 1:
        one = live.instrument(found[0])
        return one.symbol, one.venue
    return names_of(live, symbol, venue)
