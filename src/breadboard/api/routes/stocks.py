"""``/api/v1/stocks``: instruments as they are now. The name is the documented one; any instrument is meant."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.export import json_text
from breadboard.api.live import LiveMarket
from breadboard.api.near import unseen
from breadboard.api.pool import StorePool
from breadboard.api.problems import Problem
from breadboard.api.questions import InPath
from breadboard.api.services import Busy, Services
from breadboard.api.stock_rows import StockRows

FEW: Final = 50
"""Instruments whose rows are made at once; of more, beside the event loop."""


def router(services: Services, pool: StorePool) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1/stocks", tags=["stocks"])
    rows, everything = StockRows(services.live), StockRows(services.live)  # nobody waits for who reads all of them

    @routes.get("", summary="Every instrument as it is now, or those named", responses=documents.STOCKS)
    async def many(
        symbols: Annotated[str | None, Query(max_length=4096, description="BTCUSDT,BTC-USD.COINBASE")] = None,
    ) -> Response:
        live = services.live
        if symbols is None:
            ids, end = list(range(len(live))), _end([])
        else:
            names = [name for part in symbols.split(",") if (name := part.strip())]
            ids = list(dict.fromkeys(index for name in names for index in live.find(name)))
            end = _end([name for name in names if not live.find(name)])
        if len(ids) > FEW:  # the event loop would stand still for them
            body = await run_in_threadpool(everything.body, ids, _BEGIN, end)
        else:
            body = rows.body(ids, _BEGIN, end)
        return Response(body, media_type="application/json")

    @routes.get("/{symbol:path}", summary="One instrument, with the top of its book", responses=documents.STOCK)
    async def one(symbol: InPath) -> Response:
        index = await resolved(services.live, pool, symbol)
        instrument = services.live.instrument(index)
        try:  # to ask another thread takes longer than all else here
            book = services.book(instrument.venue, instrument.symbol, 1, wait=False)
        except Busy:
            book = await run_in_threadpool(services.book, instrument.venue, instrument.symbol, 1)
        row = rows.body([index])[:-1]
        return Response(b'%b,"book":%b}' % (row, json_text(book)), media_type="application/json")

    return routes


_BEGIN: Final = b'{"data":['


def _end(unknown: list[str]) -> bytes:
    return b'],"unknown":%b}' % json_text(unknown)


async def resolved(live: LiveMarket, pool: StorePool, name: str) -> int:
    """Return what ``resolve`` does; a name never seen is compared with all others beside the event loop."""
    return resolve(live, name) if live.find(name) else await pool.run(lambda: resolve(live, name))


def resolve(live: LiveMarket, name: str) -> int:
    """Return the dense id of ``BTCUSDT.BINANCE`` or of a symbol that one venue has.

    Raises Problem 404 with the ``ids`` most like it for a name never seen, 409 with the ``ids`` to choose from for one
    that several venues have. Blocks where the name was never seen.
    """
    found = live.find(name)
    if not found:
        raise unseen(live, name)
    if len(found) > 1:
        ids = [live.instrument(index).id for index in found]
        raise Problem(409, f"{name!r} is traded on {len(ids)} venues", hint=f"GET /api/v1/stocks/{ids[0]}", ids=ids)
    return found[0]
