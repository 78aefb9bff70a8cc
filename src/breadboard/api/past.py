"""One instrument as it was known at a moment: best bid and offer, last trade, the newest book that was kept."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import msgspec

from breadboard.api.holes import Holes
from breadboard.api.instants import instant, instant_sql, iso
from breadboard.api.paging import CONCLUDED, Wanted, conditions
from breadboard.api.problems import Problem
from breadboard.api.reach import Reach
from breadboard.model.kinds import Flag
from breadboard.ports import Store
from breadboard.store import standing
from breadboard.store.newest import AHEAD_NS, BY_TIME
from breadboard.store.rows import OPENS_OR_CLOSES

T = TypeVar("T")
_NEAR_NS: Final = 86_400 * 1_000_000_000
"""How far back is looked at first: of each day the store keeps files of their own, and most are not opened for this."""
_TAKEN_BACK: Final = f"bitAnd(flags, {int(Flag.WITHDRAWN)}) != 0"
_PARTS: Final = {
    "trade": (
        "trades",
        ("trade_id", "price", "size", "side"),
        f"NOT ({_TAKEN_BACK}) AND {OPENS_OR_CLOSES}",
    ),
    "quote": (
        "quotes",
        ("bid_price", "bid_size", "ask_price", "ask_size"),
        f"bitAnd(flags, {int(Flag.INELIGIBLE)}) = 0",
    ),
    "book": (
        "depth_snapshots",
        ("interval", "state", "ts_recv_book", "offset_book", "bid_prices", "bid_sizes", "ask_prices", "ask_sizes"),
        "",
    ),
}
"""What is told of a moment: of each part its table, the columns that are its own, and what holds of rows that say what
an instrument is worth, as of those that the latest prices are of."""
_PLACE: Final = ("ts_event", "ts_recv", "sequence", "provenance", "offset", "index")


class Ask(Protocol):
    """Runs a blocking question beside the event loop."""

    def __call__(self, function: Callable[[], T]) -> Awaitable[T]:
        """Return what it returns."""
        ...


def lost(store: Store, wanted: Wanted, moment: int) -> dict[str, int]:
    """Return of how many of the wanted bars that had begun by a moment the store has nothing that was known by then.

    Of those that are ``replaced`` there are only later versions. Of those ``undated``, of which there are any in stores
    of before alone, it is not known when the versions were concluded, and they were stored later.
    """
    where = conditions(wanted)
    where.add(f"ts_open < {instant_sql('ts')}", ts=moment)
    found = store.query(
        "SELECT count() AS missing, countIf(old) AS undated FROM (SELECT max(isNull(ts_recv)) AS old FROM bar_versions "  # noqa: S608 - our words
        f"WHERE {where} GROUP BY venue, symbol, interval, ts_open HAVING min({CONCLUDED}) > {instant_sql('ts')})",
        where.params,
    )
    missing, undated = (int(found[name][0].as_py()) for name in ("missing", "undated"))
    return {"replaced": missing - undated} | ({"undated": undated} if undated else {})


def venue_of(store: Store, symbol: str) -> str:
    """Return the one venue at which the store knows a symbol. Raises Problem 404 for none, 409 for several."""
    found = store.query("SELECT DISTINCT venue FROM instruments WHERE symbol = {symbol:String}", {"symbol": symbol})
    venues = sorted(found["venue"].to_pylist()) if found.num_rows else []
    if len(venues) == 1:
        return str(venues[0])
    if not venues:
        raise Problem(404, f"nothing of {symbol!r} is stored", hint="GET /api/v1/stocks names what is seen now")
    ids = [f"{symbol}.{venue}" for venue in venues]
    raise Problem(409, f"{symbol!r} is traded on {len(ids)} venues", hint=f"GET /api/v1/asof?symbol={ids[0]}", ids=ids)


async def asof(
    ask: Ask, store: Store, holes: Holes, reach: Reach, symbol: str, venue: str, moment: int, depth: int
) -> dict[str, Any]:
    """Return what was known of an instrument at ``moment`` (ns UTC, our clock at receipt), with the age of each part.

    ``ask`` runs what blocks. Raises Problem 404 where nothing of it had been received by then.
    """
    parts = await _parts(ask, store, reach, symbol, venue, moment)
    if not parts:
        raise Problem(
            404,
            f"nothing of {symbol}.{venue} is stored that had been received by {iso(moment)}: "
            "ticks expire after [store] tick_days",
            hint=f"GET /api/v1/history?symbol={symbol}.{venue}&kind=trades&limit=1   # when it begins",
        )
    trade, quote, book = (parts.get(name) for name in _PARTS)
    if book is not None:
        for side in ("bid", "ask"):
            levels = zip(book.pop(f"{side}_prices"), book.pop(f"{side}_sizes"), strict=True)
            book[f"{side}s"] = [list(level) for level in levels][:depth]
    oldest = moment - max(part["age_ns"] for part in parts.values())
    return {
        "id": f"{symbol}.{venue}",
        "symbol": symbol,
        "venue": venue,
        "ts": iso(moment),
        **_best(quote, book),
        "price": trade["price"] if trade else None,
        "quote": quote,
        "trade": trade,
        "book": book,
        "gaps": await ask(lambda: holes.within(symbol, (venue,), oldest, moment, reach)),
    }


def _best(quote: dict[str, Any] | None, book: dict[str, Any] | None) -> dict[str, Any]:
    """Return the best bid and offer, of the quote or, where it is newer or there is none, of the book."""
    if quote is None and book is None:
        return {"bid": None, "bid_size": None, "ask": None, "ask_size": None, "from": None, "age_ns": None}
    if quote is not None and (book is None or quote["offset"] >= _changed(book) or book["state"] != "live"):
        sides = {f"{side}{of}": quote[f"{side}_{name}"] for side in ("bid", "ask") for of, name in _OF}
        return {**sides, "from": "quote", "age_ns": quote["age_ns"]}
    assert book is not None
    sides = {}
    for side in ("bid", "ask"):
        best = book[f"{side}s"][0] if book[f"{side}s"] else (None, None)
        sides[side], sides[f"{side}_size"] = best
    return {**sides, "from": "book", "age_ns": book["age_ns"]}


_OF: Final = (("", "price"), ("_size", "size"))


def _changed(book: dict[str, Any]) -> int:
    """Return the offset of the event that a book was last changed by: quotes may have come between it and its row.

    Where the store has the row from before that was kept, it is the row's own: the book is no newer than that.
    """
    offset: int = book["offset"] if book["offset_book"] is None else book["offset_book"]
    return offset


async def _parts(
    ask: Ask, store: Store, reach: Reach, symbol: str, venue: str, moment: int
) -> dict[str, dict[str, Any]]:
    """Return the newest row of each part by then, with its age. All are asked for at the same time."""
    names = [name for name, (table, *_) in _PARTS.items() if reach.hole or table in reach.tables]
    found = await asyncio.gather(
        *(ask(partial(_newest, store, *_PARTS[name], symbol, venue, moment)) for name in names)
    )
    return {name: row for name, row in zip(names, found, strict=True) if row is not None}


def _newest(
    store: Store, table: str, columns: tuple[str, ...], good: str, symbol: str, venue: str, moment: int
) -> dict[str, Any] | None:
    """Return the newest ``good`` row of a table by then, with its age; None where there is none."""
    if table == "depth_snapshots" and not _any(store, table):
        return None
    told = ", ".join(f"`{name}`" for name in (*columns, *_PLACE))
    for begin in (moment - _NEAR_NS, None):
        params: dict[str, Any] = {"symbol": symbol, "venue": venue, "ts": moment}
        if begin is not None:
            params["begin"] = begin
        if table == "trades":
            row = _newest_trade(store, told, good, params)
        else:
            sql = f"SELECT {told} FROM {table} {_within(params)} WHERE {good or 'true'} {_LAST} LIMIT 1"  # noqa: S608 - our words
            row = next(_rows(store, sql, params), None)
        if row:
            # A book is as old as its last change, and not as the row that passed the boundary after it.
            return row | {"age_ns": moment - instant(row.get("ts_recv_book") or row["ts_recv"])}
    return None


def _within(params: dict[str, Any]) -> str:
    """Return SQL for what was received of an instrument by then, and after ``begin`` where that is given."""
    within = f"PREWHERE venue = {{venue:String}} AND symbol = {{symbol:String}} AND ts_recv <= {instant_sql('ts')}"
    return within + (f" AND ts_recv > {instant_sql('begin')}" if "begin" in params else "")


def _rows(store: Store, sql: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from map(msgspec.json.decode, store.lines(sql, params, few=True).splitlines())


def _any(store: Store, table: str) -> bool:
    """Tell whether a table has rows: from its parts' heads, in a third of the time that looking into it would take."""
    return bool(store.query(f"SELECT count() AS found FROM {table}")["found"][0].as_py())  # noqa: S608 - our words


_LAST: Final = "ORDER BY ts_recv DESC, offset DESC, `index` DESC"
_FEW: Final = 16
"""Newest trades among which the last by time is looked for: they lie together, and cost what one does."""


def _newest_trade(store: Store, told: str, good: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the ``good`` trade that is the newest by time, of those received by then and not taken back.

    Only where something was taken back just before, or all that came last happened long before, others are looked at.
    Nothing is returned where what was received before ``begin`` may have a newer one.
    """
    told = f"{told}, flags"
    either = f"WHERE ({good}) OR ({_TAKEN_BACK}) {_LAST} LIMIT {_FEW}"
    few = list(_rows(store, f"SELECT {told} FROM trades {_within(params)} {either}", params))  # noqa: S608 - our words
    if not few:
        return None
    last = max(few, key=lambda one: (_when(one), one["offset"], one["index"]))
    row: dict[str, Any] | None = last
    if any(one["flags"] & Flag.WITHDRAWN for one in few):
        row = _standing_trade(store, told, good, params)
    elif (at := _when(last)) < instant(last["ts_recv"]) - AHEAD_NS:  # what came before it cannot be newer than it came
        since = max(params.get("begin", 0), at - AHEAD_NS - 1)
        row = _standing_trade(store, told, good, params | {"begin": since})
    if not row or not standing.is_newest(_when(row), params.get("begin")):
        return None
    del row["flags"]
    return row


def _when(trade: dict[str, Any]) -> int:
    """Return ``newest.WHEN`` of a row: reckoned here, since each further column costs the store more than this does."""
    received = instant(trade["ts_recv"])
    return received if trade["ts_event"] is None else min(instant(trade["ts_event"]), received + AHEAD_NS)


def _standing_trade(store: Store, told: str, good: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the newest ``good`` trade by time that was received after ``begin``, and that nobody has taken back."""
    within = _within(params)
    gone = standing.taken(store.query(standing.named(within, "true"), params).to_pylist())
    left = f"({good}){standing.without(gone)}"
    return next(_rows(store, f"SELECT {told} FROM trades {within} WHERE {left} {BY_TIME} LIMIT 1", params), None)  # noqa: S608 - our words
