"""Pages of stored rows by keyset: the next page begins after the last row of this one, whatever was stored since."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from breadboard.api.problems import Problem
from breadboard.ports import Store

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS: Final = {
    "bars": ("ts_open", "venue"),
    "trades": ("ts_recv", "offset", "index"),
    "quotes": ("ts_recv", "offset", "index"),
    "gaps": ("ts_recv", "offset", "index"),
    "alerts": ("ts_recv", "offset", "index", "alert_id"),
}
"""What orders the rows of each table and names each of them; the first is the time that ``start`` and ``end`` bound.

Events are ordered by ``ts_recv``, which every event has; a venue may not have said ``ts_event``.
"""
_TEXTS: Final = ("venue", "symbol", "alert_id")
"""Those of them that are text; the others are numbers."""
_COLUMNS: Final = {
    "bars": "venue, symbol, interval, ts_open, ts_close, open, high, low, close, volume, vwap, trades, state, "
    "completeness, provenance",
    "trades": "venue, symbol, ts_event, ts_recv, sequence, trade_id, price, size, side, provenance, offset, index",
    "quotes": "venue, symbol, ts_event, ts_recv, sequence, bid_price, bid_size, ask_price, ask_size, provenance, "
    "offset, index",
    "gaps": "venue, symbol, ts_recv, channel, reason, state, ts_from, ts_to, sequence_from, sequence_to, detail, "
    "offset, index",
    "alerts": "alert_id, rule, rule_version, kind, venue, symbol, ts_event, ts_recv, state, value, threshold, "
    "reference, reference_offset, price, ts_window, gapped, cause, message, provenance, offset, index",
}


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The last row of a page."""

    kind: str
    ts: int
    rest: list[int | str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question for one page. Times are ns UTC, ``start`` inclusive, ``end`` exclusive."""

    kind: str
    symbol: str | None
    venue: str | None
    interval: str | None
    start: int | None
    end: int | None
    limit: int
    after: _Place | None

    @staticmethod
    def of(
        kind: str,
        symbol: str | None,
        venue: str | None,
        interval: str | None,
        start: str | None,
        end: str | None,
        limit: int,
        cursor: str | None,
    ) -> "Wanted":
        """Return the question that query parameters ask. Raises Problem 422 for a time or a cursor that is none."""
        after = None if cursor is None else _read(cursor, kind)
        return Wanted(kind, symbol, venue, interval, _instant(start), _instant(end), limit, after)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and where the next page begins; None where this was the last."""

    table: Any
    """A pyarrow.Table."""
    cursor: str | None


def page(store: Store, wanted: Wanted) -> Page:
    """Ask the store for a page. One row more than wanted is read to know whether there is a next page."""
    sql, params = statement(wanted)
    table = store.query(sql, params)
    if table.num_rows <= wanted.limit:
        return Page(table, None)
    table = table.slice(0, wanted.limit)
    key, *rest = _KEYS[wanted.kind]
    last = table.slice(wanted.limit - 1)
    place = _Place(wanted.kind, _ns(last, key), [last.column(name)[0].as_py() for name in rest])
    return Page(table, urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("="))


def statement(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """Return the SQL of a page and its parameters. Nothing that a client sent is in the text."""
    key, *rest = _KEYS[wanted.kind]
    where, params = [], {"limit": wanted.limit + 1}
    for name in ("symbol", "venue", "interval"):
        if (value := getattr(wanted, name)) is not None:
            where.append(f"{name} = {{{name}:String}}")
            params[name] = value
    for name, sign, value in (("start", ">=", wanted.start), ("end", "<", wanted.end)):
        if value is not None:
            where.append(f"{key} {sign} {_instant_sql(name)}")
            params[name] = value
    if wanted.after is not None:
        where.append(_after(key, rest, wanted.after, params))
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    order = ", ".join(map(_quoted, (key, *rest)))
    columns = ", ".join(_quoted(name.strip()) for name in _COLUMNS[wanted.kind].split(","))
    text = f"SELECT {columns} FROM {wanted.kind}{condition} ORDER BY {order} LIMIT {{limit:UInt32}}"  # noqa: S608 - our words
    return text, params


def _after(key: str, rest: list[str], place: _Place, params: dict[str, Any]) -> str:
    """Return the condition for rows behind ``place``, spelled out, so that the first part can use the table's order."""
    params["at"] = place.ts
    condition = ""
    for number, (name, value) in reversed(list(enumerate(zip(rest, place.rest, strict=True)))):
        params[f"key{number}"] = value
        holder = f"{{key{number}:{'String' if isinstance(value, str) else 'Int64'}}}"
        deeper = f" OR ({_quoted(name)} = {holder} AND {condition})" if condition else ""
        condition = f"({_quoted(name)} > {holder}{deeper})"
    at = _instant_sql("at")
    return f"{key} >= {at} AND ({key} > {at} OR {condition})"


def _instant_sql(name: str) -> str:
    return f"fromUnixTimestamp64Nano({{{name}:Int64}}, 'UTC')"


def _quoted(name: str) -> str:
    return f"`{name}`"


def _read(cursor: str, kind: str) -> _Place:
    try:
        place = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=_Place)
    except (ValueError, msgspec.DecodeError):
        raise Problem(422, "the cursor is none of ours", hint="leave cursor out to begin anew") from None
    types = [str if name in _TEXTS else int for name in _KEYS.get(place.kind, ())[1:]]
    if place.kind != kind or [type(value) for value in place.rest] != types:
        raise Problem(422, f"the cursor belongs to {place.kind!r} and not to {kind!r}", hint="leave cursor out")
    return place


def _instant(text: str | None) -> int | None:
    """Return ns UTC of ISO 8601 text (UTC where it names no zone) or of a whole number of ns."""
    if text is None:
        return None
    if text.lstrip("-").isdecimal() and len(text) <= 19:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        raise Problem(422, f"{text[:40]!r} is no time", hint="start=2026-11-20T09:30:00Z or ns since 1970") from None


def _ns(row: Any, column: str) -> int:  # noqa: ANN401 - a pyarrow.Table
    import pyarrow as pa

    value: int = row.column(column).cast(pa.timestamp("ns", "UTC")).cast(pa.int64())[0].as_py()
    return value
