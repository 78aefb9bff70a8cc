"""Pages of stored rows by keyset: the next page begins after the last row of this one, whatever was stored since."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

import msgspec

from breadboard.api.instants import instant, instant_sql, ns_of
from breadboard.api.listings import LISTINGS, Listing, Sort
from breadboard.api.problems import Problem
from breadboard.ports import Store

CONCLUDED: Final = "ifNull(ts_recv, ts_store)"
"""When we had received what a version of a bar was concluded from; of one that was stored before this was kept (NULL),
when it was stored, which is no earlier."""
_NEWEST: Final = "ORDER BY ts_open, version DESC LIMIT 1 BY venue, symbol, interval, ts_open"


LONG: Final = 10_000
"""Rows of a page that counts as an export."""


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The last row of a page."""

    kind: str
    ts: int
    rest: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question for one page. Times are ns UTC, ``start`` inclusive, ``end`` exclusive."""

    kind: str
    symbol: str | None = None
    venue: str | None = None
    start: int | None = None
    end: int | None = None
    limit: int = 1000
    after: _Place | None = None
    only: tuple[tuple[str, str], ...] = ()
    """Columns that have to have this text: interval, rule, name and the like."""
    wide: tuple[str, ...] | None = None
    """Venues whose rows of a whole source count as the symbol's, too; None: rows of a symbol are its own alone."""
    asof: int | None = None
    """Only what had been received by then; of a bar, what had been concluded from that."""
    columns: tuple[str, ...] | None = None
    """What is wanted of each row; None: everything. What orders rows and tells their venues apart comes besides."""

    @staticmethod
    def of(
        kind: str,
        *,
        start: str | None = None,
        end: str | None = None,
        cursor: str | None = None,
        only: Mapping[str, str | None] | None = None,
        **more: Any,  # noqa: ANN401 - the other fields as they are
    ) -> "Wanted":
        """Return the question that query parameters ask. Raises Problem 422 for a time or a cursor that is none."""
        return Wanted(
            kind,
            start=None if start is None else instant(start),
            end=None if end is None else instant(end),
            after=None if cursor is None else _read(cursor, kind),
            only=tuple((name, value) for name, value in (only or {}).items() if value is not None),
            **more,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and where the next page begins."""

    rows: Any
    """A pyarrow.Table, or rows in JSON with a comma between them."""
    count: int
    cursor: str | None
    """None where this was the last."""
    until: int | None
    """When its last row was (ns UTC), where another page follows."""


@dataclass(slots=True)
class Conditions:
    """Conditions in our words, and the values that clients sent, apart from them."""

    texts: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    def add(self, text: str, **params: Any) -> None:  # noqa: ANN401 - any value
        """Add a condition and the values it names."""
        self.texts.append(text)
        self.params |= params

    def __str__(self) -> str:
        return " AND ".join(self.texts)


def page(store: Store, wanted: Wanted) -> Page:
    """Ask the store for a page as a pyarrow.Table. One row more is read, to know whether there is a next page."""
    table = store.query(*statement(wanted))

    alike = _alike(wanted)

    def cell(name: str, sort: Sort) -> Any:  # noqa: ANN401 - an int or a str
        at = wanted.limit - 1
        if sort == "time":
            return ns_of(table, name, at)
        return alike[name] if name in alike else table.column(name)[at].as_py()

    return _page(wanted, table.slice(0, wanted.limit), table.num_rows, cell)


def page_of_json(store: Store, wanted: Wanted) -> Page:
    """Ask the store for a page as JSON, which it writes in a third of the time that we would take.

    What begins every row alike is written by us: each column that the store has to plan for and to write takes it
    about 0.2 ms.
    """
    known = _alike(wanted)
    alike = {name: known[name] for name in takewhile(known.__contains__, told(wanted))}
    # Of one instrument at one venue, rows lie in the order of the page.
    one = wanted.symbol is not None and wanted.venue is not None and wanted.wide is None and not _versions(wanted)
    few = one and wanted.limit <= LONG
    lines = store.lines(*statement(wanted, left_out=alike), few=few)
    found = lines.count(b"\n")
    if found > wanted.limit:
        lines = lines[: _last(lines)]

    def cell(name: str, sort: Sort) -> Any:  # noqa: ANN401 - an int or a str
        value = (known | msgspec.json.decode(lines[_last(lines) :]))[name]
        return instant(value) if sort == "time" and value is not None else value

    begin = msgspec.json.encode(alike)[:-1] + b"," if alike else b"{"
    return _page(wanted, (b"\n" + lines[:-1]).replace(b"\n{", b"," + begin)[1:], found, cell)


def _last(lines: bytes) -> int:
    """Return where the last of some lines begins."""
    return lines.rfind(b"\n", 0, len(lines) - 1) + 1


def _page(wanted: Wanted, rows: Any, found: int, cell: Callable[[str, Sort], Any]) -> Page:  # noqa: ANN401 - see Page
    """Return a page; ``cell`` tells of its last row."""
    if found <= wanted.limit:
        return Page(rows, found, None, None)
    when, *rest = (cell(*column) for column in LISTINGS[wanted.kind].key)
    place = _Place(wanted.kind, when or 0, tuple(rest))
    cursor = urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")
    return Page(rows, wanted.limit, cursor, place.ts)


def _alike(wanted: Wanted) -> dict[str, str]:
    """Return the columns that have one text in all rows, and it."""
    named = {"venue": wanted.venue, "symbol": wanted.symbol if wanted.wide is None else None, **dict(wanted.only)}
    return {name: text for name, text in named.items() if text is not None}


def told(wanted: Wanted) -> tuple[str, ...]:
    """Return the columns of the rows of a page, in their order."""
    listing, asked = LISTINGS[wanted.kind], wanted.columns
    if asked is None:
        return listing.columns
    needed = {"venue", *(name for name, _ in listing.key)} - _alike(wanted).keys()
    return tuple(name for name in listing.columns if name in asked or name in needed)


def statement(wanted: Wanted, *, left_out: Collection[str] = ()) -> tuple[str, dict[str, Any]]:
    """Return the SQL of a page and its parameters. Nothing that a client sent is in the text.

    Columns that are ``left_out`` are not asked for.
    """
    listing = LISTINGS[wanted.kind]
    where = conditions(wanted)
    where.params["limit"] = wanted.limit + 1
    source, word, shown = listing.source, "PREWHERE", listing.shown and f" WHERE {listing.shown}"
    if _versions(wanted):
        where.add(f"{CONCLUDED} <= {instant_sql('asof')}", asof=wanted.asof)
        source = f"(SELECT * FROM (SELECT * FROM bar_versions WHERE {where} {_NEWEST}) WHERE {listing.shown})"  # noqa: S608 - our words
        where.texts.clear()
        word, shown = "WHERE", ""
    elif wanted.asof is not None:
        where.add(f"ts_recv <= {instant_sql('asof')}", asof=wanted.asof)
    if wanted.after is not None:
        _behind(listing, wanted.after, where)
    # PREWHERE is what would be found out, too, but planning is half of what a question costs. Of bars it has columns of
    # the key alone: what is true of one version is true of all.
    condition = f" {word} {where}{shown}" if where.texts else shown
    alike = _alike(wanted)
    order = ", ".join(_quoted(name) for name, _ in listing.key if name not in alike)
    columns = ", ".join(_quoted(name) for name in told(wanted) if name not in left_out)
    text = f"SELECT {columns} FROM {source}{condition} ORDER BY {order} LIMIT {{limit:UInt32}}"  # noqa: S608 - our words
    return text, where.params


def _versions(wanted: Wanted) -> bool:
    """Return whether of each bar another version may be wanted than the newest."""
    return wanted.asof is not None and bool(LISTINGS[wanted.kind].shown)


def conditions(wanted: Wanted) -> Conditions:
    """Return what rows have to be, wherever the page begins."""
    where = Conditions()
    _named(wanted, where)
    _bounded(wanted, LISTINGS[wanted.kind], where)
    return where


def _named(wanted: Wanted, where: Conditions) -> None:
    """Ask for one symbol, one venue, and what else has to have a certain text."""
    if wanted.symbol is not None and wanted.wide is not None:
        holders = {f"wide{number}": venue for number, venue in enumerate(wanted.wide)}
        inside = ", ".join(f"{{{name}:String}}" for name in holders)
        whole = f" OR (symbol = '' AND venue IN ({inside}))" if holders else ""
        where.add(f"(symbol = {{symbol:String}}{whole})", symbol=wanted.symbol, **holders)
    elif wanted.symbol is not None:
        where.add("symbol = {symbol:String}", symbol=wanted.symbol)
    if wanted.venue is not None:
        where.add("venue = {venue:String}", venue=wanted.venue)
    for name, value in wanted.only:
        where.add(f"{_quoted(name)} = {{{name}:String}}", **{name: value})


def _bounded(wanted: Wanted, listing: Listing, where: Conditions) -> None:
    """Ask for what lies between start and end: of a span any part of it."""
    begins, ends = listing.span
    if wanted.start is not None:
        column, sign = (ends, ">") if ends else (listing.when, ">=")
        where.add(f"{column} {sign} {instant_sql('start')}", start=wanted.start)
    if wanted.end is not None:
        where.add(f"{begins or listing.when} < {instant_sql('end')}", end=wanted.end)


def _behind(listing: Listing, place: _Place, where: Conditions) -> None:
    """Ask for rows behind ``place``, spelled out, so that the first part can use the table's order."""
    condition = ""
    for number, ((name, sort), value) in reversed(list(enumerate(zip(listing.key[1:], place.rest, strict=True)))):
        where.params[f"key{number}"] = value
        sql_type = "String" if sort == "text" else "Int64"
        holder = instant_sql(f"key{number}") if sort == "time" else f"{{key{number}:{sql_type}}}"
        deeper = f" OR ({_quoted(name)} = {holder} AND {condition})" if condition else ""
        condition = f"({_quoted(name)} > {holder}{deeper})"
    at = instant_sql("at")
    where.add(f"{listing.when} >= {at} AND ({listing.when} > {at} OR {condition})", at=place.ts)


def _quoted(name: str) -> str:
    return f"`{name}`"


def _read(cursor: str, kind: str) -> _Place:
    try:
        place = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=_Place)
    except (ValueError, msgspec.DecodeError):
        raise Problem(422, "the cursor is none of ours", hint="leave cursor out to begin anew") from None
    sorts = [sort for _, sort in LISTINGS[kind].key[1:]]
    if place.kind != kind:
        raise Problem(422, f"the cursor belongs to {place.kind!r} and not to {kind!r}", hint="leave cursor out")
    numbers = [place.ts, *(value for value in place.rest if isinstance(value, int))]
    fits = [type(value) for value in place.rest] == [str if sort == "text" else int for sort in sorts]
    if not fits or any(abs(number) >= 1 << 63 for number in numbers):
        raise Problem(422, "the cursor is none of ours", hint="leave cursor out to begin anew")
    return place
