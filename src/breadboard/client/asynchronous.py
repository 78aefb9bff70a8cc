"""The same client for programs on an event loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack

import httpx

from breadboard.client import asking, frames, people, recorded, rows
from breadboard.client.asking import Answer, Ask, AskPages, Kind, LagTable, Stocks, Within
from breadboard.client.door import Door, accepted
from breadboard.client.errors import ClientError
from breadboard.client.instants import When
from breadboard.client.patience import TIMEOUT_S, Patience

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from breadboard.client.stream import AsyncStream

T = TypeVar("T")
R = TypeVar("R", bound=rows.Row)


class AsyncClient:
    """``Client`` for an event loop: the same questions, awaited; use it in an ``async with`` block, or ``close`` it.

    Address, key, ``certificate`` and ``timeout_s`` are as there, and so are the errors and what is asked again.
    """

    def __init__(
        self,
        address: str | None = None,
        api_key: str | None = None,
        *,
        certificate: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._door = Door.of(address, api_key, certificate=certificate)
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(timeout=timeout_s, **self._door.options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._door.address!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @property
    def address(self) -> str:
        """The server's address."""
        return self._door.address

    # As it is now.

    async def stocks(
        self, symbols: Iterable[str] | str | None = None, *, columns: Iterable[str] | str | None = None
    ) -> Stocks:
        """Return instruments as they are now: all, or those named.

        ``columns``: what of each row is read, in less time than all of it; of what is not, rows have None.
        """
        return await self._ask(asking.stocks(symbols, columns))

    async def stock(self, symbol: str) -> rows.Stock:
        """Return one instrument with the top of its book. Raises NotFound, or Ambiguous with ``ids``."""
        return await self._ask(asking.stock(symbol))

    async def book(self, symbol: str, depth: int = 20) -> rows.Book:
        """Return a book, best levels first. Raises NotFound, or Ambiguous with ``ids``."""
        return await self._ask(asking.book(symbol, depth))

    async def feeds(self) -> list[rows.Feed]:
        """Return how every source is."""
        return await self._ask(asking.feeds())

    async def lag(self) -> LagTable:
        """Return the lag of every feed and hop."""
        return await self._ask(asking.lag())

    async def status(self) -> dict[str, Any]:
        """Return how the house is; ``reasons`` are sentences that say why it is not well."""
        return await self._ask(asking.status())

    # As it was.

    def history(
        self,
        symbol: str,
        kind: Kind = "bars",
        *,
        interval: str | None = None,
        start: When | None = None,
        end: When | None = None,
        asof: When | None = None,
        adjusted: bool | None = None,
        venue: str | None = None,
        columns: Iterable[str] | str | None = None,
        page: int = asking.PAGE,
    ) -> "AsyncPages[Any]":
        """Return stored bars, trades, quotes or books, oldest first; nothing is asked until they are read.

        ``interval`` of bars is 1m where it is not said; of books it chooses those that were kept at it, else all come.
        ``start`` is inclusive, ``end`` is not. ``asof``: as it was known then. ``page``: rows of one request.
        ``columns``: what of each row is wanted, in less time than all of it; of what is not, rows have None.
        """
        return AsyncPages(
            self._ask, asking.history(symbol, kind, interval, start, end, asof, adjusted, venue, columns), page
        )

    async def asof(self, symbol: str, ts: When, *, venue: str | None = None, depth: int = 1) -> recorded.AsOf:
        """Return best bid and ask, last trade and book, of so many levels, of an instrument as of a moment."""
        return await self._ask(asking.asof(symbol, ts, venue, depth))

    def alerts(
        self, symbol: str | None = None, *, rule: str | None = None, **within: Unpack[Within]
    ) -> "AsyncPages[recorded.Alert]":
        """Return alerts, oldest first: all, or of one rule."""
        return AsyncPages(self._ask, asking.stored("alerts", recorded.Alert, symbol, within, rule=rule))

    def gaps(
        self, symbol: str | None = None, *, reason: str | None = None, **within: Unpack[Within]
    ) -> "AsyncPages[recorded.GapRow]":
        """Return intervals in which something may be missing, oldest first: all, or for one reason."""
        return AsyncPages(self._ask, asking.stored("gaps", recorded.GapRow, symbol, within, reason=reason))

    def features(
        self,
        symbol: str | None = None,
        *,
        name: str | None = None,
        interval: str | None = None,
        **within: Unpack[Within],
    ) -> "AsyncPages[recorded.Feature]":
        """Return features, oldest first: all, or one by ``name``, of windows of one ``interval``."""
        return AsyncPages(
            self._ask, asking.stored("features", recorded.Feature, symbol, within, name=name, interval=interval)
        )

    def anomalies(
        self,
        symbol: str | None = None,
        *,
        kind: str | None = None,
        severity: str | None = None,
        **within: Unpack[Within],
    ) -> "AsyncPages[recorded.Anomaly]":
        """Return anomalies, oldest first: all, or of one kind or severity."""
        return AsyncPages(
            self._ask, asking.stored("anomalies", recorded.Anomaly, symbol, within, kind=kind, severity=severity)
        )

    def opportunities(
        self, symbol: str | None = None, *, kind: str | None = None, state: str | None = None, **within: Unpack[Within]
    ) -> "AsyncPages[recorded.Opportunity]":
        """Return opportunities, oldest first: all, or of one kind or state."""
        return AsyncPages(
            self._ask, asking.stored("opportunities", recorded.Opportunity, symbol, within, kind=kind, state=state)
        )

    async def sql(self, query: str) -> Answer:
        """Ask in SQL, read-only and bounded. Raises BadQuestion for anything else."""
        return await self._ask(asking.sql(query))

    async def sql_arrow(self, query: str) -> "pa.Table":
        """Ask in SQL, and return an Arrow table."""
        return frames.arrow([await self._ask(asking.sql_arrow(query))])

    # What people keep.

    async def watchlists(self) -> list[people.Watchlist]:
        """Return all watchlists."""
        return await self._ask(asking.watchlists())

    async def watchlist(self, name: str) -> people.Watchlist:
        """Return one watchlist. Raises NotFound."""
        return await self._ask(asking.watchlist(name))

    async def put_watchlist(
        self, name: str, symbols: Iterable[str], *, seen: people.Watchlist | None = None, new: bool = False
    ) -> None:
        """Keep these symbols under a name, in place of any before.

        ``seen`` is the watchlist as it was read: raises Outdated where somebody has changed it since. A ``new`` one
        has a name that none has yet: raises Outdated where one has.
        """
        await self._ask(asking.put_watchlist(name, symbols, seen, new))

    async def delete_watchlist(self, name: str, *, seen: people.Watchlist | None = None) -> None:
        """Forget a watchlist. Raises NotFound, and Outdated where it is no longer as it was ``seen``."""
        await self._ask(asking.delete_watchlist(name, seen))

    async def rules(self) -> list[people.Rule]:
        """Return all alert rules."""
        return await self._ask(asking.rules())

    async def rule(self, name: str) -> people.Rule:
        """Return one rule with its versions. Raises NotFound."""
        return await self._ask(asking.rule(name))

    async def put_rule(
        self, name: str, rule: Mapping[str, Any], *, seen: people.Rule | None = None, new: bool = False
    ) -> None:
        """Keep a rule; one that is there gets another version. Raises BadQuestion for one that makes no sense.

        ``seen`` is the rule as it was read: raises Outdated where somebody has changed it since. ``new`` is as with
        a watchlist.
        """
        await self._ask(asking.put_rule(name, rule, seen, new))

    async def delete_rule(self, name: str, *, seen: people.Rule | None = None) -> None:
        """Take a rule away. Raises NotFound, and Outdated where it is no longer as it was ``seen``."""
        await self._ask(asking.delete_rule(name, seen))

    async def test_rule(
        self, rule: Mapping[str, Any], *, start: When | None = None, end: When | None = None
    ) -> people.Trial:
        """Return what a rule would have told, keeping nothing. Raises BadQuestion for one that makes no sense.

        A ``date`` is a day and not its midnight, so that the day of ``end`` is included.
        """
        return await self._ask(asking.test_rule(rule, start, end))

    async def keys(self) -> list[people.Key]:
        """Return all API keys, without their secrets."""
        return await self._ask(asking.keys())

    async def make_key(self, **wanted: object) -> people.Key:
        """Make an API key; ``key`` of the answer is its secret, told this once."""
        return await self._ask(asking.make_key(wanted))

    async def delete_key(self, identity: str) -> None:
        """Take an API key away: it opens nothing from now on."""
        await self._ask(asking.delete_key(identity))

    # As it happens.

    def stream(
        self,
        symbols: Iterable[str] | str = "*",
        channels: Iterable[str] | str = ("quote",),
        hz: float = 10.0,
        *,
        fields: Iterable[str] | None = None,
        depth: int | None = None,
    ) -> "AsyncStream":
        """Return what happens from now on: see ``breadboard.client.stream.AsyncStream``."""
        from breadboard.client.messages import wanted
        from breadboard.client.stream import AsyncStream

        return AsyncStream(self._door, wanted(symbols, channels, hz, fields, depth), self._ticket)

    async def _ticket(self) -> str | None:
        return (await self._ask(asking.ticket())).ticket if self._door.key else None

    async def _ask(self, ask: Ask[T]) -> T:
        patience = Patience(ask, self._timeout_s)
        while True:
            try:
                answer = await self._sent(ask, patience.silence_s)
                return ask.read(answer.content, answer.headers.get("x-next-cursor"))
            except ClientError as error:
                wait = patience.pause_s(error)
            await asyncio.sleep(wait)

    async def _sent(self, ask: Ask[T], silence_s: float | None) -> httpx.Response:
        try:
            return accepted(await self._http.request(**ask.request(self._door.base), timeout=silence_s))
        except httpx.RequestError as error:
            raise self._door.unanswered(error) from None


class AsyncPages(Generic[R]):
    """Rows that come in pages, asked for as they are read: iterate with ``async for``, or take them all as a table.

    Each iteration asks anew. ``rows_read`` and ``requests`` say what the last one has cost so far.
    """

    def __init__(self, ask: Callable[[Ask[Any]], Awaitable[Any]], wanted: AskPages[R], page: int = asking.PAGE) -> None:
        self._ask = ask
        self._wanted = wanted
        self._page = page
        self.rows_read = 0
        self.requests = 0

    async def __aiter__(self) -> AsyncIterator[R]:
        async for page in self.pages():
            for row in page:
                yield row

    async def pages(self) -> AsyncIterator[list[R]]:
        """Yield the rows a page at a time."""
        cursor: str | None = None
        self.rows_read = self.requests = 0
        while True:
            found = await self._ask(self._wanted.rows(cursor, self._page))
            self.rows_read, self.requests = self.rows_read + len(found.data), self.requests + 1
            yield found.data
            if (cursor := found.next) is None:
                return

    async def rows(self) -> list[R]:
        """Return all rows."""
        return [row async for row in self]

    async def arrow(self) -> "pa.Table":
        """Return all rows as one Arrow table, prices and sizes as decimals."""
        parts = list[bytes]()
        cursor: str | None = None
        self.requests = 0
        while True:
            part, cursor = await self._ask(self._wanted.arrow(cursor, self._page))
            parts.append(part)
            self.requests += 1
            if cursor is None:
                break
        table = frames.arrow(parts)
        self.rows_read = table.num_rows
        return table

    async def polars(self) -> "pl.DataFrame":
        """Return all rows as a polars frame. Raises MissingPackage where polars is not installed."""
        return frames.polars(await self.arrow())

    async def pandas(self) -> "pd.DataFrame":
        """Return all rows as a pandas frame on Arrow's types. Raises MissingPackage where pandas is not installed."""
        return frames.pandas(await self.arrow())
