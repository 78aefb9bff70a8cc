"""Every question of the public API, as a value that either client can carry out. No I/O here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Literal, TypedDict, TypeVar
from urllib.parse import quote

import msgspec

from breadboard.client import people, recorded, rows
from breadboard.client.instants import When, asked, said
from breadboard.client.wire import read
from breadboard.errors import UsageError

T = TypeVar("T")
R = TypeVar("R", bound=rows.Row)
Kind = Literal["bars", "trades", "quotes", "books"]
HISTORY: Final[dict[str, type[rows.Row]]] = {
    "bars": recorded.Bar,
    "trades": recorded.Trade,
    "quotes": recorded.Quote,
    "books": recorded.BookSnapshot,
}
OPENING_S: Final = 10.0
"""How long each step of opening a stream may take: its ticket, its WebSocket."""
PAGE: Final = 10_000
"""Rows of a page where the caller does not say."""


class Within(TypedDict, total=False):
    """Of when, and of which venue, rows are wanted: ``start`` is inclusive, ``end`` is not."""

    start: When | None
    end: When | None
    venue: str | None


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """One request, and how its answer is read: the body, and the cursor that its head named."""

    method: str
    path: str
    read: Callable[[bytes, str | None], T]
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    seen: str | None = None
    """The entity tag that what is changed must have."""
    new: bool = False
    """Nothing may be there yet."""
    within_s: float | None = None
    """How long an answer is worth waiting for, where that is less than the client's ``timeout_s``."""

    @property
    def safe(self) -> bool:
        """Whether asking twice is asking once: after its own change, a thing is not as it was seen before."""
        return self.method in {"GET", "PUT", "DELETE"} and self.seen is None and not self.new

    def request(self, base: str) -> dict[str, Any]:
        """Return what httpx is to send to a server at ``base``."""
        body = {"params": self.params, "content": self.body}
        return {"method": self.method, "url": base + self.path, "headers": self.headers, **body}

    @property
    def headers(self) -> dict[str, str]:
        """What is said in the head."""
        typed = {} if self.body is None else {"Content-Type": "application/json"}
        before = {} if self.seen is None else {"If-Match": self.seen}
        return typed | before | ({"If-None-Match": "*"} if self.new else {})


@dataclass(frozen=True, slots=True)
class AskPages(Generic[R]):
    """A question whose answer comes in pages; each names the next."""

    path: str
    row: type[R]
    params: Mapping[str, str]

    def rows(self, cursor: str | None, limit: int) -> "Ask[Page[R]]":
        """Return the question for one page of rows."""
        kind = Page[self.row]  # type: ignore[name-defined] # known when it runs
        return self._page(lambda body, _: read(body, kind), _given(cursor=cursor, limit=str(limit)))

    def arrow(self, cursor: str | None, limit: int) -> "Ask[tuple[bytes, str | None]]":
        """Return the question for one page as an Arrow stream; with it comes the next cursor."""
        return self._page(lambda body, found: (body, found), _given(cursor=cursor, limit=str(limit), format="arrow"))

    def _page(self, reader: Callable[[bytes, str | None], T], more: Mapping[str, str]) -> Ask[T]:
        return Ask("GET", self.path, reader, {**self.params, **more})


class Page(msgspec.Struct, Generic[R]):
    """One page of rows, and where the next begins; None where it was the last."""

    data: list[R]
    next: str | None = None


class _List(msgspec.Struct, Generic[R]):
    data: list[R]


@dataclass(frozen=True, slots=True)
class Stocks:
    """Instruments as they are now, and the names that no instrument has."""

    data: list[rows.Stock]
    unknown: list[str]


class _Stocks(msgspec.Struct, Generic[R]):
    data: list[R]
    unknown: list[str]


@dataclass(frozen=True, slots=True)
class LagTable:
    """Lag of the last closed window of ten seconds, and since the server started."""

    data: list[rows.Lag]
    total: list[rows.Lag]


@dataclass(frozen=True, slots=True)
class Answer:
    """What SQL found: the columns with their types, and rows by name, decimals as text with every digit."""

    columns: list[dict[str, str]]
    data: list[dict[str, Any]]
    count: int


def stocks(symbols: Iterable[str] | str | None, columns: Iterable[str] | str | None = None) -> Ask[Stocks]:
    """Ask for instruments as they are now: all, or those named. Of each row ``columns`` alone are read.

    Raises UsageError for a column that there is not: the server does not hear of them.
    """
    only = _joined(columns)
    row = rows.Stock if only is None else rows.part(rows.Stock, _columns(only, rows.Stock))

    def read_stocks(body: bytes, _: str | None) -> Stocks:
        found: _Stocks[rows.Stock] = read(body, _Stocks[row])  # type: ignore[valid-type] # known when it is called
        return Stocks(found.data, found.unknown)

    return Ask("GET", "/stocks", read_stocks, _given(symbols=_joined(symbols)))


def _columns(only: str, row: type[rows.Row]) -> frozenset[str]:
    wanted = frozenset(only.split(","))
    if unknown := sorted(wanted.difference(row.__struct_fields__)):
        raise UsageError(f"{row.__name__} has no {unknown[0]!r}", hint=f"columns={','.join(row.__struct_fields__)!r}")
    return wanted


def stock(symbol: str) -> Ask[rows.Stock]:
    """Ask for one instrument, with the top of its book."""
    return Ask("GET", f"/stocks/{_part(symbol)}", _reader(rows.Stock))


def book(symbol: str, depth: int) -> Ask[rows.Book]:
    """Ask for a book."""
    return Ask("GET", f"/book/{_part(symbol)}", _reader(rows.Book), {"depth": str(depth)})


def asof(symbol: str, ts: When, venue: str | None, depth: int) -> Ask[recorded.AsOf]:
    """Ask for the market of one instrument as it was at a moment."""
    given = _given(symbol=symbol, ts=asked(ts), venue=venue, depth=str(depth))
    return Ask("GET", "/asof", _reader(recorded.AsOf), given)


def feeds() -> Ask[list[rows.Feed]]:
    """Ask how every source is."""
    return Ask("GET", "/feeds", _list(rows.Feed))


def lag() -> Ask[LagTable]:
    """Ask for the lag of every feed and hop."""
    return Ask("GET", "/lag", _reader(LagTable))


def status() -> Ask[dict[str, Any]]:
    """Ask how the house is."""
    return Ask("GET", "/status", _reader(dict[str, Any]))


def history(
    symbol: str,
    kind: Kind,
    interval: str | None,
    start: When | None,
    end: When | None,
    asof: When | None,
    adjusted: bool | None,
    venue: str | None,
    columns: Iterable[str] | str | None,
) -> AskPages[Any]:
    """Ask for stored rows of one instrument, oldest first."""
    told = None if adjusted is None else str(adjusted).lower()
    only = _joined(columns)
    row = HISTORY.get(kind, rows.Row)  # of another kind there is nothing to read: the server refuses it, and names all
    row = row if only is None else rows.partial(row)
    given = _given(symbol=symbol, kind=kind, interval=interval, venue=venue)
    times = _given(start=asked(start), end=asked(end), asof=asked(asof), adjusted=told)
    return AskPages("/history", row, {**given, **times, **_given(columns=only)})


def stored(table: str, row: type[R], symbol: str | None, within: Within, **only: str | None) -> AskPages[R]:
    """Ask for rows of ``alerts``, ``gaps``, ``features``, ``anomalies`` or ``opportunities``, oldest first.

    ``only`` are columns with the value that is wanted of them.
    """
    return AskPages(f"/{table}", row, {**_given(symbol=symbol, **only), **_within(**within)})


def _within(start: When | None = None, end: When | None = None, venue: str | None = None) -> dict[str, str]:
    return _given(start=asked(start), end=asked(end), venue=venue)


def sql(query: str) -> Ask[Answer]:
    """Ask in SQL, read-only and bounded."""
    return _posted("/sql", {"query": query, "format": "json"}, _reader(Answer))


def sql_arrow(query: str) -> Ask[bytes]:
    """Ask in SQL for an Arrow stream."""
    return _posted("/sql", {"query": query, "format": "arrow"}, _bytes)


def watchlists() -> Ask[list[people.Watchlist]]:
    """Ask for all watchlists."""
    return Ask("GET", "/watchlists", _list(people.Watchlist))


def watchlist(name: str) -> Ask[people.Watchlist]:
    """Ask for one watchlist."""
    return Ask("GET", f"/watchlists/{_part(name)}", _reader(people.Watchlist))


def put_watchlist(name: str, symbols: Iterable[str], seen: people.Watchlist | None, new: bool) -> Ask[None]:
    """Keep these symbols under a name, in place of any before, or of the one seen, or of none (``new``)."""
    return _put(f"/watchlists/{_part(name)}", {"symbols": list(symbols)}, _tag(seen), new)


def delete_watchlist(name: str, seen: people.Watchlist | None) -> Ask[None]:
    """Forget a watchlist."""
    return Ask("DELETE", f"/watchlists/{_part(name)}", _nothing, seen=_tag(seen))


def rules() -> Ask[list[people.Rule]]:
    """Ask for all rules."""
    return Ask("GET", "/rules", _list(people.Rule))


def rule(name: str) -> Ask[people.Rule]:
    """Ask for one rule with its versions."""
    return Ask("GET", f"/rules/{_part(name)}", _reader(people.Rule))


def put_rule(name: str, rule: Mapping[str, Any], seen: people.Rule | None, new: bool) -> Ask[None]:
    """Keep a rule under a name; one that is there, or the one seen, gets another version; of a ``new`` one is none."""
    return _put(f"/rules/{_part(name)}", {"rule": dict(rule)}, _tag(seen), new)


def delete_rule(name: str, seen: people.Rule | None) -> Ask[None]:
    """Take a rule away."""
    return Ask("DELETE", f"/rules/{_part(name)}", _nothing, seen=_tag(seen))


def test_rule(rule: Mapping[str, Any], start: When | None, end: When | None) -> Ask[people.Trial]:
    """Ask what a rule would have told; nothing is kept."""
    times = _given(start=said(start), end=said(end))
    return _posted("/rules/test", {"rule": dict(rule), **times}, _reader(people.Trial))


def keys() -> Ask[list[people.Key]]:
    """Ask for all API keys; their secrets are not among what is told."""
    return Ask("GET", "/keys", _list(people.Key))


def make_key(wanted: Mapping[str, Any]) -> Ask[people.Key]:
    """Make an API key. The answer has its secret, once."""
    return _posted("/keys", dict(wanted), _reader(people.Key))


def delete_key(identity: str) -> Ask[None]:
    """Take an API key away: it opens nothing from now on."""
    return Ask("DELETE", f"/keys/{_part(identity)}", _nothing)


def ticket() -> Ask[people.Ticket]:
    """Ask for what opens one WebSocket."""
    return replace(_posted("/tickets", {}, _reader(people.Ticket)), within_s=OPENING_S)


def _reader(kind: type[T]) -> Callable[[bytes, str | None], T]:
    return lambda body, _: read(body, kind)


def _list(row: type[R]) -> Callable[[bytes, str | None], list[R]]:
    return lambda body, _: read(body, _List[row]).data  # type: ignore[valid-type] # the row is known when it is called


def _bytes(body: bytes, _: str | None) -> bytes:
    return body


def _nothing(_body: bytes, _cursor: str | None) -> None:
    return None


def _posted(path: str, document: Mapping[str, Any], reader: Callable[[bytes, str | None], T]) -> Ask[T]:
    return Ask("POST", path, reader, body=msgspec.json.encode(document))


def _put(path: str, document: Mapping[str, Any], seen: str | None, new: bool) -> Ask[None]:
    return Ask("PUT", path, _nothing, body=msgspec.json.encode(document), seen=seen, new=new)


def _tag(seen: people.Watchlist | people.Rule | None) -> str | None:
    """Return the entity tag of what was seen; None for nothing, and for what is of the configuration: it has none."""
    if seen is None:
        return None
    edition = seen.number if isinstance(seen, people.Rule) else seen.changed
    return None if edition is None else f'"{int(edition)}"'


def _part(name: str) -> str:
    """Return a name as one part of a path: ``../keys`` is a name like any other."""
    return quote(name, safe="")


def _joined(symbols: Iterable[str] | str | None) -> str | None:
    return symbols if symbols is None or isinstance(symbols, str) else ",".join(symbols)


def _given(**params: str | None) -> dict[str, str]:
    return {name: value for name, value in params.items() if value is not None}
