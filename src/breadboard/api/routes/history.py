"""``/api/v1/history``, ``/gaps``, ``/alerts``: pages of stored rows, each row on exactly one page."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from breadboard.api import export
from breadboard.api.live import LiveMarket
from breadboard.api.paging import Page, Wanted, page
from breadboard.api.pool import StorePool
from breadboard.api.services import Services

Limit = Annotated[int, Query(ge=1, le=100_000)]
Text = Annotated[str | None, Query(max_length=128)]
Cursor = Annotated[str | None, Query(max_length=128)]


def router(services: Services, pool: StorePool) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["history"])

    async def ask(wanted: Wanted) -> Page:
        return await pool.run(lambda: page(services.store, wanted))

    @routes.get("/history", summary="Bars, trades or quotes of one symbol, oldest first")
    async def history(  # one argument per query parameter
        symbol: Annotated[str, Query(max_length=64)],
        venue: Text = None,
        kind: Literal["bars", "trades", "quotes"] = "bars",
        interval: Literal["1s", "1m", "5m", "1h", "1d"] = "1m",
        start: Text = None,
        end: Text = None,
        limit: Limit = 1000,
        cursor: Cursor = None,
        format: export.Format = "json",  # noqa: A002 - the documented name of the parameter
    ) -> Response:
        symbol, venue = names_of(services.live, symbol, venue)
        wanted = Wanted.of(kind, symbol, venue, interval if kind == "bars" else None, start, end, limit, cursor)
        return _answer(await ask(wanted), format, f"{kind}")

    @routes.get("/gaps", summary="Intervals in which something may be missing, oldest first")
    async def gaps(symbol: Text = None, venue: Text = None, limit: Limit = 1000, cursor: Cursor = None) -> Response:
        return _answer(await ask(Wanted.of("gaps", symbol, venue, None, None, None, limit, cursor)), "json", "gaps")

    @routes.get("/alerts", summary="Alerts, oldest first")
    async def alerts(symbol: Text = None, venue: Text = None, limit: Limit = 1000, cursor: Cursor = None) -> Response:
        return _answer(await ask(Wanted.of("alerts", symbol, venue, None, None, None, limit, cursor)), "json", "alerts")

    return routes


def names_of(live: LiveMarket, symbol: str, venue: str | None) -> tuple[str, str | None]:
    """Return symbol and venue of ``BTCUSDT``, of ``BTCUSDT.BINANCE``, or of the two given apart.

    Both are spelled as the venue does it. A dot may belong to the symbol (``BRK.B``): what has been seen tells, in any
    case of letters.
    """
    found = [live.instrument(index) for index in live.find(f"{symbol}.{venue}" if venue else symbol)]
    if found:
        one = found[0]
        alike = len({each.symbol for each in found}) == 1  # btcusd and BTCUSD may both be there
        named = venue or symbol.upper() == one.id.upper()
        return one.symbol if alike else symbol, one.venue if named else None
    if venue is None and "." in symbol:
        symbol, _, venue = symbol.rpartition(".")
    return symbol, venue.upper() if venue else None


def _answer(found: Page, form: export.Format, name: str) -> Response:
    headers = {"X-Next-Cursor": found.cursor} if found.cursor else {}
    if form == "json":
        tail = export.json_text({"next": found.cursor, "count": found.table.num_rows})
        parts: Any = export.json_document([found.table], tail)
        return StreamingResponse(parts, headers=headers, media_type="application/json")
    headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return StreamingResponse(export.render(found.table, form), headers=headers, media_type=export.MEDIA_TYPES[form])
