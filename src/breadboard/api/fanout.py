"""Fan-out: what changed is read once and encoded once, however many clients look.

Time is cut into slots of ``1 / hz`` seconds, the same for every client of one ``hz``. A client gets at most one message
in a slot: at once when something changes in a slot that is still free (so a quiet instrument is told without delay),
and at the start of the next slot otherwise. What is overwritten in between is counted as conflated.
"""

import asyncio
import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.api import wire
from breadboard.api.encoding import Body, JsonRows, JsonTrades, PackedRows, PackedTrades, Texts
from breadboard.api.feeds import harms, provenance
from breadboard.api.live import LiveMarket
from breadboard.api.ring import TRADE
from breadboard.api.services import Services
from breadboard.api.state import unknown
from breadboard.model.kinds import most_artificial

if TYPE_CHECKING:
    from breadboard.api.subscriber import Subscriber

REST: Final = 4
PASS_S: Final = 0.005
"""After a pass over the clients there is a rest of ``REST`` times as long as it took, ``PASS_S`` at most.

With few clients news waits for none; with thousands, passes leave most of the time to what they have woken.
"""
_SHORTEST_S: Final = 0.0005
"""A shorter rest is none: the loop rounds to milliseconds."""
_COLUMNS: Final = ("revision", "updates", "ts_recv", "source")
_KEPT_FORMS: Final = 16
"""Choices of fields whose rows are kept for the next client that wants them; of more, those wanted last. Of 10,000
instruments, one of all fields takes 24 MB."""


class Mirror:
    """The event loop's own copy of the records, with each row encoded at most once per change."""

    def __init__(self, live: LiveMarket) -> None:
        self._live = live
        self.records = unknown(64)
        self.columns = {name: np.ascontiguousarray(self.records[name]) for name in _COLUMNS}
        """What every client looks at for each of its instruments, apart, because it is then read five times faster."""
        self.count = 0
        self.revision = 0
        self._texts = Texts(live)
        self._rows: dict[wire.Form, JsonRows | PackedRows] = {}
        self._trades: dict[str, JsonTrades | PackedTrades] = {
            "json": JsonTrades(self._texts),
            "msgpack": PackedTrades(live),
        }
        self.rows(np.empty(0, np.int64), wire.Form("json"))  # machine code is loaded now, not while a client waits
        self.trades(np.empty(0, TRADE), "json")

    def refresh(self) -> None:
        """Copy what changed since the last time."""
        ids, records, self.revision = self._live.changed(self.revision)
        self.count = len(self._live)
        if self.count > len(self.records):
            wider = unknown(2 * self.count)
            wider[: len(self.records)] = self.records
            self.records = wider
            self.columns = {name: np.ascontiguousarray(wider[name]) for name in _COLUMNS}
        self.records[ids] = records
        for name, column in self.columns.items():
            column[ids] = records[name]

    def rows(self, ids: NDArray[np.int64], form: wire.Form) -> Body:
        """Return the encoded rows of these instruments."""
        self._texts.learn()
        rows = self._rows.pop(form, None) or self._make(form)
        self._rows[form] = rows  # the last of them, as the one that was wanted last
        if len(self._rows) > _KEPT_FORMS:
            del self._rows[next(iter(self._rows))]
        return rows.body(ids, self.records, self.revision)

    def trades(self, found: NDArray[np.void], codec: str) -> Body:
        """Return the encoded rows of these trades."""
        self._texts.learn()
        return self._trades[codec].body(found)

    def _make(self, form: wire.Form) -> JsonRows | PackedRows:
        fields = wire.ALL if form.fields is None else form.fields
        return JsonRows(self._texts, fields) if form.codec == "json" else PackedRows(self._live, fields)


class Fanout:
    """Wakes clients when they are due, tells them the time once a second, and cuts those that do not read."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.live = services.live
        self.mirror = Mirror(services.live)
        self.clients: set[Subscriber] = set()
        self._delivered: list[tuple[NDArray[np.int32], NDArray[np.int64]]] = []
        self._second = -1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = False
        """Whether the next change is to be told: not where one was already, or every client waits for its slot."""
        self.looking = False
        """Whether a pass is on its way."""
        self._resting = False
        self._bell: asyncio.Handle | None = None
        self._rings = 0.0
        """When the next pass is made if nothing happens; set anew for an earlier moment, and not after each pass."""

    async def run(self) -> None:
        """Serve until cancelled. All is done by callbacks: a task more to wake is a third of what a message costs."""
        self._loop = asyncio.get_running_loop()
        stop_listening = self.live.listen(self._notify)
        self._loop.call_soon(self._pass)
        try:
            await self._loop.create_future()
        finally:
            stop_listening()
            self._loop = None
            if self._bell is not None:
                self._bell.cancel()

    def look_again(self) -> None:
        """Make a pass soon, also if nothing more changes: a client could not be told when it was its turn."""
        if not self.looking:
            self.looking = True
            if self._loop is not None and not self._resting:
                self._loop.call_soon(self._pass)

    def _notify(self) -> None:
        """Have a pass made because something changed; on the engine's thread."""
        loop = self._loop
        if self._listening and loop is not None and not loop.is_closed():
            self._listening = False
            loop.call_soon_threadsafe(self._look_now)

    def _look_now(self) -> None:
        if self._resting:
            self.looking = True
        elif not self.looking:
            self._pass()

    def _pass(self) -> None:
        if self._loop is None:
            return
        self.looking, self._listening = False, True
        began = time.thread_time()  # the loop's own clock counts milliseconds, and waiting for others is no work
        try:
            self.tick(self._loop.time())
        finally:  # one that fails is told of by the loop, and is not the last
            rest = rest_s(time.thread_time() - began)
            self._resting = rest > _SHORTEST_S
            if self._resting:
                self._loop.call_later(rest, self._rested)
            else:
                self._wait(self._loop)

    def _rested(self) -> None:
        self._resting = False
        if self.looking:
            self._pass()
        elif self._loop is not None:
            self._wait(self._loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to a pass at the next slot of a client that is behind, or else at the next whole second."""
        now = loop.time()
        due = min((client.due(now) for client in self.clients), default=now + 1.0)
        due = min(math.ceil(due * 1000) / 1000, int(now) + 1.0)
        if not now < self._rings <= due:  # a bell that rings too early only makes a pass for nothing
            self._rings = due
            if self._bell is not None:
                self._bell.cancel()
            self._bell = loop.call_at(due, self._ring)
        if not any(client.ready for client in self.clients):
            self._listening = False

    def _ring(self) -> None:
        self._rings = 0.0  # also where the loop's timers are early
        self._look_now()

    def tick(self, now: float) -> None:
        """Make one pass over the clients at loop time ``now``; copy what changed where one of them will tell it."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._beat()
        revision, next_trade = self.live.revision, self.live.next_trade
        looking = [client.poke(now, revision, next_trade) for client in self.clients]
        if any(looking):
            self.mirror.refresh()

    def delivered(self, ids: NDArray[np.int64], ts_deliver: int) -> None:
        """Note that the newest state of these instruments was handed to a client's socket."""
        columns = self.mirror.columns
        self._delivered.append((columns["source"][ids], ts_deliver - columns["ts_recv"][ids]))

    def status(self) -> dict[str, Any]:
        """Return what every client is told once a second."""
        feeds = self.live.feeds()
        return {
            "t": self.live.now() // 1_000_000,
            "feed": overall(feed["state"] if harms(feed) else "live" for feed in feeds),
            "feeds": feeds,
            "provenance": most_artificial(feed["provenance"] for feed in feeds),
            "gaps": self.live.gaps,
            "instruments": len(self.live),
            "stream": self.live.session,
        }

    def _beat(self) -> None:
        if self._delivered:
            sources, lags = (np.concatenate(column) for column in zip(*self._delivered, strict=True))
            self._delivered.clear()
            for source in np.unique(sources).tolist():
                feed = self.live.feed(source)
                if feed is not None:
                    self.services.lag.add(
                        feed.venue or "", feed.name, "deliver", str(provenance(feed.flags)), lags[sources == source]
                    )
        for client in self.clients:
            client.beat()


def rest_s(took_s: float) -> float:
    """Return how long to rest after a pass that took so much of the processor."""
    return min(REST * took_s, PASS_S)


def overall(states: Iterable[str]) -> str:
    """Return the worst state: ``down``, ``stale``, ``live``; ``waiting`` when there is no feed yet."""
    seen = set(states)
    return next((state for state in ("down", "stale", "live") if state in seen), "waiting")
