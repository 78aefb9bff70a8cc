"""What answers look like, for the OpenAPI document: rows from the tables they come from, the rest as JSON Schema."""

import re
from typing import Any, Final

from breadboard.api import export, problems
from breadboard.api.listings import LISTINGS, Listing
from breadboard.api.wire import FIELDS, ROUND_THE_CLOCK
from breadboard.model.listing import DAY_OPEN, MARKET_HOURS, PREVIOUS_CLOSE, QUOTE_TYPES
from breadboard.store.schema import TABLES

Schema = dict[str, Any]
Responses = dict[int | str, Schema]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"type": "boolean"}
_ANY: Final[Schema] = {}
DECIMAL: Final[Schema] = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "Every digit"}
STAMP: Final[Schema] = {"type": "string", "format": "date-time", "description": "UTC, to the nanosecond"}
NS: Final[Schema] = {"type": "integer", "description": "Nanoseconds since 1970, UTC"}


def optional(schema: Schema) -> Schema:
    """Return a schema that also allows null: what was not said is null, never 0."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(optional_names: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    """Return the schema of an object with these members and no others; those named may be left out."""
    required = [name for name in properties if name not in optional_names]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def many(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def column_schema(sql_type: str) -> Schema:
    """Return the schema of a cell of a column of this SQL type."""
    if inner := re.fullmatch(r"Nullable\((.*)\)", sql_type):
        return optional(column_schema(inner[1]))
    if inner := re.fullmatch(r"Array\((.*)\)", sql_type):
        return many(column_schema(inner[1]))
    for begin, schema in (
        ("Decimal", DECIMAL),
        ("DateTime64", STAMP),
        ("Float", optional({"type": "number"})),
        ("Int", {"type": "integer"}),
        ("UInt", {"type": "integer"}),
    ):
        if sql_type.startswith(begin):
            return schema
    return _TEXT


def row_schema(listing: Listing, *, whole: bool) -> Schema:
    """Return the schema of a row of a listing; where it need not be ``whole``, of those columns that were asked for."""
    table = TABLES[listing.table]
    types = {column.name: column.type for column in table.columns}
    columns = {name: column_schema(types[name]) for name in listing.columns}
    return record(() if whole else listing.columns, **columns)


COMPLETE_THROUGH: Final = record(offset=_COUNT, ts_engine=optional(STAMP)) | {
    "description": "Every journal offset before this is in the answer: all that had been taken by ts_engine"
}
_LEVELS: Final = many({"type": "array", "items": DECIMAL, "minItems": 2, "maxItems": 2})
_GAPS: Final = many(
    record(venue=_TEXT, symbol=_TEXT, channel=_TEXT, reason=_TEXT, state=_TEXT, ts_from=STAMP, ts_to=STAMP)
) | {"description": "Where something of what was asked for may be missing; at most the first hundred"}
PROBLEM: Final[Schema] = {
    "type": "object",
    "properties": {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT, "hint": _TEXT},
    "required": ["type", "title", "status", "detail", "hint"],
}


def document(schema: Schema, description: str, media_type: str = "application/json") -> Schema:
    """Return a documented answer."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


PROBLEMS: Final[Responses] = {
    status: document(PROBLEM, description, problems.CONTENT_TYPE)
    for status, description in {
        400: "Not a read-only question, or not HTTP as we take it",
        401: "A key is needed, or this one does not hold",
        403: "Not for this client",
        404: "Never seen; ``ids`` are those most like it",
        409: "Ambiguous; ``ids`` are what there is to choose from",
        413: "The body is too long",
        414: "The address is too long",
        415: "A body is application/json",
        422: "A parameter that makes no sense",
        429: "Too much of this client is under way; see Retry-After",
        500: "A defect of ours",
        503: "The store is busy or away; see Retry-After",
        504: "It took too long",
    }.items()
}
"""What any operation may answer instead."""
OUTDATED: Final[Responses] = {
    412: document(PROBLEM, "Not as If-Match or If-None-Match has it; nothing was changed", problems.CONTENT_TYPE)
}

_UNCHANGED: Final[Responses] = {304: {"description": "The rows are those that If-None-Match names"}}
_FILES: Final = {
    export.MEDIA_TYPES[form].partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for form in ("csv", "arrow", "parquet")
}


def listed(*kinds: str, whole: bool = True) -> Responses:
    """Return the answers of an operation that pages through rows of these kinds, ``whole`` or by column."""
    rows = [row_schema(LISTINGS[kind], whole=whole) for kind in kinds]
    schema = record(
        ("gaps", "replaced", "undated"),
        data=many(rows[0] if len(rows) == 1 else {"anyOf": rows}),
        next=optional(_TEXT),
        count=_COUNT,
        gaps=_GAPS,
        replaced=_COUNT | {"description": "Bars of which only versions later than ``asof`` are there"},
        undated=_COUNT | {"description": "Bars of which it is not known when their versions were concluded"},
        complete_through=COMPLETE_THROUGH,
    )
    content = {"application/json": {"schema": schema}, **_FILES}
    return {200: {"description": "A page of rows, oldest first", "content": content}, **_UNCHANGED}


_PART: Final = {
    "ts_event": optional(STAMP),
    "ts_recv": STAMP,
    "sequence": optional({"type": "integer"}),
    "provenance": _TEXT,
    "offset": _COUNT,
    "index": _COUNT,
    "age_ns": _COUNT,
}
_QUOTE: Final = {name: optional(DECIMAL) for name in ("bid_price", "bid_size", "ask_price", "ask_size")}
MOMENT: Final[Responses] = {
    200: document(
        record(
            id=_TEXT,
            symbol=_TEXT,
            venue=_TEXT,
            ts=STAMP,
            bid=optional(DECIMAL),
            bid_size=optional(DECIMAL),
            ask=optional(DECIMAL),
            ask_size=optional(DECIMAL),
            **{"from": optional({"enum": ["quote", "book"]})},
            age_ns=optional(_COUNT),
            price=optional(DECIMAL),
            quote=optional(record(**_QUOTE, **_PART)),
            trade=optional(
                record(
                    trade_id=optional({"type": "integer"}),
                    price=DECIMAL,
                    size=optional(DECIMAL),
                    side=_TEXT,
                    **_PART,
                )
            ),
            book=optional(
                record(
                    interval=_TEXT,
                    state=_TEXT,
                    ts_recv_book=optional(STAMP),
                    offset_book=optional(_COUNT),
                    bids=_LEVELS,
                    asks=_LEVELS,
                    **_PART,
                )
            ),
            gaps=_GAPS,
            complete_through=COMPLETE_THROUGH,
        ),
        "What had been received by then",
    ),
    **_UNCHANGED,
}

_FEED: Final = record(
    feed=_TEXT,
    source=_COUNT,
    venue=optional(_TEXT),
    state={"enum": ["live", "stale", "down"]},
    age_ms=_COUNT,
    rows=_COUNT,
    gaps=_COUNT,
    provenance=_TEXT,
    aside=_TEXT,
    delayed=_FLAG,
    conflated=_FLAG,
)
FEEDS: Final[Responses] = {200: document(record(data=many(_FEED)), "Every feed, by its number")}

_WORDS: Final = {
    "quote_type": QUOTE_TYPES[1:],
    "market_hours": (*MARKET_HOURS[1:], ROUND_THE_CLOCK),
    "change_from": (PREVIOUS_CLOSE, DAY_OPEN),
}
_FIELD_TYPES: Final[dict[str, Schema]] = {
    **{name: optional({"enum": [*words]}) for name, words in _WORDS.items()},
    "side": optional(_TEXT),
    **dict.fromkeys(("id", "symbol", "exchange", "provenance"), _TEXT),
    **{
        name: optional(DECIMAL)
        for name in ("price", "change", "change_percent", "bid", "bid_size", "ask", "ask_size", "volume")
    },
    **{name: optional({"type": "integer"}) for name in ("time", "trades", "ts_event", "ts_recv", "ts_engine")},
    **dict.fromkeys(("delayed", "conflated"), _FLAG),
    "price_hint": _COUNT,
    "lag_ms": optional({"type": "number"}),
}
_TRADE: Final = record(
    price=optional(DECIMAL),
    size=optional(DECIMAL),
    side=optional(_TEXT),
    trade_id=optional({"type": "integer"}),
    ts_event=optional(NS),
    ts_recv=optional(NS),
)
_TOP: Final = record(
    **{name: optional(DECIMAL) for name in ("bid", "bid_size", "ask", "ask_size", "spread")},
    ts_event=optional(NS),
    ts_recv=optional(NS),
)
_DAY: Final = record(
    date={"type": "string", "format": "date"},
    **{name: optional(DECIMAL) for name in ("open", "high", "low", "volume", "change", "change_percent")},
    trades=optional(_COUNT),
)
_STOCK: Final = {
    **{name: _FIELD_TYPES[name] for name in sorted(FIELDS)},
    "venue": _TEXT,
    "feed": optional(_TEXT),
    "state": {"enum": ["live", "stale", "down"]},
    "age_ms": optional(_COUNT),
    "trade": optional(_TRADE),
    "quote": optional(_TOP),
    "day": optional(_DAY),
}
_BOOK: Final[Schema] = {
    "type": "object",
    "properties": {"state": _TEXT, "sequence": optional({"type": "integer"}), "bids": _LEVELS, "asks": _LEVELS},
    "required": ["state", "bids", "asks"],
}
STOCKS: Final[Responses] = {
    200: document(record(data=many(record(**_STOCK)), unknown=many(_TEXT)), "Instruments as they are now")
}
STOCK: Final[Responses] = {200: document(record(**_STOCK, book=optional(_BOOK)), "One instrument as it is now")}
BOOK: Final[Responses] = {
    200: document(
        _BOOK | {"properties": {**_BOOK["properties"], "id": _TEXT, "symbol": _TEXT, "venue": _TEXT}},
        "Bids and asks, best first",
    )
}

SQL: Final[Responses] = {
    200: {
        "description": "Rows in the form asked for",
        "content": {
            "application/json": {
                "schema": record(
                    columns=many(record(name=_TEXT, type=_TEXT)), data=many({"type": "object"}), count=_COUNT
                )
            },
            **_FILES,
        },
    }
}

_LAG: Final = {"type": "object", "properties": {"venue": _TEXT, "hop": _TEXT}, "required": ["venue", "hop"]}
LAG: Final[Responses] = {200: document(record(data=many(_LAG), total=many(_LAG)), "The last window, and since start")}
_HISTOGRAM: Final = record(venue=_TEXT, feed=_TEXT, hop=_TEXT, provenance=_TEXT, counts=many(_COUNT))
HISTOGRAM: Final[Responses] = {
    200: document(
        record(bounds_ms=many({"type": "number"}), data=many(_HISTOGRAM)), "Counts up to each bound, and above"
    )
}
READY: Final[Responses] = {
    status: document(record(ready=_FLAG, reasons=many(_TEXT)), description)
    for status, description in {200: "Ready", 503: "Not yet: why"}.items()
}
HEALTH: Final[Responses] = {200: document(record(status=_TEXT), "This process is alive")}
METRICS: Final[Responses] = {200: document(_TEXT, "Prometheus text", "text/plain")}
STATUS: Final[Responses] = {
    200: document(
        {
            "type": "object",
            "properties": {
                "ready": _FLAG,
                "instruments": _COUNT,
                "position": _COUNT,
                "gaps": _COUNT,
                "feeds": many(_FEED),
                "reasons": many(_TEXT),
            },
            "required": ["ready", "instruments", "position", "gaps", "feeds", "reasons"],
        },
        "How the house is",
    )
}
AUDIT: Final[Responses] = {
    200: document(
        {
            "type": "object",
            "properties": {
                "ok": _FLAG,
                "findings": many(_TEXT),
                "batches": _COUNT | {"description": "Writes whose rows were counted"},
                "aside": _COUNT | {"description": "Writes so old that ticks of them expire: not counted"},
                "note": _TEXT | {"description": "Why nothing was compared, where nothing was"},
            },
            "required": ["ok", "findings"],
        },
        "Whether the store holds all that was written",
    )
}
