"""Pages of stored rows as answers: what is known of them said beside them, made once for all who ask the same."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from breadboard.api import export, past
from breadboard.api.concurrency import Turns, client_of
from breadboard.api.holes import Holes
from breadboard.api.instants import forward
from breadboard.api.kept import CLOSED_S, Answer, Kept, tag_of
from breadboard.api.live import LiveMarket
from breadboard.api.paging import LONG, Page, Wanted, page, page_of_json
from breadboard.api.pool import StorePool
from breadboard.api.reach import Ledger, Reach
from breadboard.ports import Store

SETTLED_NS: Final = CLOSED_S * 1_000_000_000
"""How long after its end a time counts as over."""
TOLD_BESIDE: Final = ("X-Next-Cursor", "X-Gaps")
"""Headers of a file that say what a document of JSON says in itself: a page that has others has another tag."""
WITH_GAPS: Final = frozenset({"bars", "trades", "quotes", "books", "features"})
"""Kinds of which an answer says what may be missing; the others are told of as they were concluded."""


class Pages:
    """Answers questions for pages, from the store or from what is kept."""

    def __init__(self, store: Store, live: LiveMarket, pool: StorePool, turns: Turns) -> None:
        self._store = store
        self._live = live
        self._pool = pool
        self._turns = turns
        self._ledger = Ledger(store)
        self.holes = Holes(store)
        self._kept = Kept()

    async def reach(self) -> Reach:
        """Return how far the store has come, as of a moment ago."""
        known = self._ledger.peek()
        return await self._pool.run(self._ledger.now) if known is None else known

    async def answer(self, request: Request, wanted: Wanted, form: export.Format) -> Response:
        """Return a page, or 304 where the client has these rows. Raises Problem 422, 429, 503 and 504."""
        forward(wanted.start, wanted.end)
        reach = await self.reach()
        found = self._kept.find((wanted, form), _settled(reach))
        if found is None:
            heavy = form != "json" or wanted.limit > LONG
            with self._turns.one(client_of(request)) if heavy else nullcontext():
                found = await self._kept.ask(
                    (wanted, form), lambda: self._pool.run(lambda: self._make(wanted, form, reach))
                )
        return respond(request, found)

    async def at(
        self, request: Request, key: tuple[Any, ...], moment: int, make: Callable[[Reach], Awaitable[dict[str, Any]]]
    ) -> Response:
        """Return what ``make`` says of a moment as JSON, with how far the store has come."""
        reach = await self.reach()
        found = self._kept.find(key, _settled(reach))
        if found is None:

            async def work() -> Answer:
                body = {**await make(reach), "complete_through": reach.described()}
                return _answer(export.json_text(body), "json", {}, reach, closed=_over(moment, reach))

            found = await self._kept.ask(key, work)
        return respond(request, found)

    def _make(self, wanted: Wanted, form: export.Format, reach: Reach) -> Answer:
        """Ask the store, and write the answer. Runs beside the event loop."""
        more: dict[str, Any] = {}
        if wanted.asof is not None and wanted.kind == "bars":
            more |= past.lost(self._store, wanted, wanted.asof)
        found = (page_of_json if form == "json" else page)(self._store, wanted)
        if wanted.kind in WITH_GAPS and wanted.symbol is not None:
            venues = self._venues(wanted, found)
            more["gaps"] = self.holes.within(wanted.symbol, venues, *_range(wanted, found), reach)
        return self._written(found, wanted, form, more, reach)

    def _written(self, found: Page, wanted: Wanted, form: export.Format, more: dict[str, Any], reach: Reach) -> Answer:
        headers = {} if found.cursor is None else {"X-Next-Cursor": found.cursor}
        if form == "json":
            tail = export.json_text(
                {"next": found.cursor, "count": found.count, **more, "complete_through": reach.described()}
            )
            body = b'{"data":[%b],%b' % (found.rows, tail[1:])
        else:
            body = b"".join(export.render(found.rows, form))
            headers["X-Complete-Through"] = str(reach.offset)
            headers["Content-Disposition"] = f'attachment; filename="{wanted.kind}.{form}"'
            if "gaps" in more:
                headers["X-Gaps"] = str(len(more["gaps"]))
        _, last = _range(wanted, found)
        return _answer(body, form, headers, reach, closed=last is not None and _over(last, reach))

    def _venues(self, wanted: Wanted, found: Page) -> tuple[str, ...]:
        """Return where a symbol is traded, as far as we know."""
        if wanted.venue is not None:
            return (wanted.venue,)
        known = {self._live.instrument(index).venue for index in self._live.find(wanted.symbol or "")}
        return tuple(sorted(known | _venues_in(found)))


def respond(request: Request, answer: Answer) -> Response:
    """Return an answer with its validators, or 304 to a client that has it."""
    age = f"private, max-age={CLOSED_S}" if answer.closed else "private, no-cache"
    headers = {"ETag": answer.tag, "Cache-Control": age}
    told = request.headers.get("if-none-match", "")
    if told == "*" or answer.tag.removeprefix("W/") in {one.strip().removeprefix("W/") for one in told.split(",")}:
        told_beside = {name: value for name, value in answer.headers.items() if name.startswith("X-")}
        return Response(status_code=304, headers=headers | told_beside)
    return Response(answer.whole(), headers=headers | answer.headers, media_type=answer.media_type)


def _answer(body: bytes, form: export.Format, headers: dict[str, str], reach: Reach, *, closed: bool) -> Answer:
    rows = body.rpartition(b',"complete_through":')[0] if form == "json" else body  # how far we are is no row
    beside = [f"{name}: {headers[name]}".encode() for name in TOLD_BESIDE if name in headers]
    return Answer(body, export.MEDIA_TYPES[form], headers, tag_of(rows, *beside), reach.offset, closed)


def _settled(reach: Reach) -> int | None:
    """Return at which offset an answer about the present is still good; None: at none, rows come in behind a hole."""
    return None if reach.hole else reach.offset


def _over(moment: int, reach: Reach) -> bool:
    return reach.ts_engine is not None and moment <= reach.ts_engine - SETTLED_NS


def _venues_in(found: Page) -> set[str]:
    if isinstance(found.rows, bytes):
        return {row.venue for row in _AT.decode(b"[%b]" % found.rows)}
    return set(found.rows["venue"].unique().to_pylist())


class _At(msgspec.Struct):
    """What a row says of where it is from."""

    venue: str


_AT: Final = msgspec.json.Decoder(list[_At])


def _range(wanted: Wanted, found: Page) -> tuple[int | None, int | None]:
    """Return the time that a page covers; one that is full ends with its last row."""
    begin, end = wanted.start, wanted.end
    if wanted.after is not None:
        begin = wanted.after.ts
    if found.until is not None:
        end = found.until + 1
    if wanted.asof is not None:
        end = wanted.asof if end is None else min(end, wanted.asof)
    return begin, end
