"""Fan-out: what changed is read once and encoded once, however many clients look.

Time is cut into slots of ``1 / hz`` seconds, the same for every client of one ``hz``. A client gets at most one message
in a slot: at once when something changes in a slot that is still free (so a quiet instrument is told without delay),
and at the start of the next slot otherwise. What is overwritten in between is counted as conflated.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.api import wire
from breadboard.api.feeds import harms, provenance
from breadboard.api.live import LiveMarket
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
_COLUMNS: Final = ("revision", "updates", "ts_recv", "source")
_KEPT_TRADES: Final = 20_000
_KEPT_FORMS: Final = 64
"""Choices of fields whose rows are shared among clients; rows of any further choice are encoded for each client."""


class Mirror:
    """The event loop's own copy of the records, with each row encoded at most once per change."""

    def __init__(self, live: LiveMarket) -> None:
        self._live = live
        self.records = unknown(64)
        self.columns = {name: np.ascontiguousarray(self.records[name]) for name in _COLUMNS}
        """What every client looks at for each of its instruments, apart, because it is then read five times faster."""
        self.count = 0
        self.revision = 0
        self._rows: dict[wire.Form, dict[int, bytes]] = {}
        self._trades: dict[str, dict[int, bytes]] = {"json": {}, "msgpack": {}}
        self._encode: dict[str, Callable[[Any], bytes]] = {
            "json": msgspec.json.encode,
            "msgpack": msgspec.msgpack.encode,
        }

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
        for rows in self._rows.values():
            for index in rows.keys() & set(ids.tolist()):
                del rows[index]
        for trades in self._trades.values():
            if len(trades) > _KEPT_TRADES:
                trades.clear()

    def rows(self, ids: NDArray[np.int64], form: wire.Form) -> list[bytes]:
        """Return the encoded rows of these instruments."""
        rows = self._rows.setdefault(form, {}) if len(self._rows) < _KEPT_FORMS or form in self._rows else {}
        wanted = ids.tolist()
        found = list(map(rows.get, wanted))
        if None not in found:
            return found  # type: ignore[return-value] # no row is None, which a list does not show
        missing = [index for index, row in zip(wanted, found, strict=True) if row is None]
        for index, record in zip(missing, wire.unpack(self.records[missing]), strict=True):
            instrument = self._live.instrument(index)
            row = wire.row(instrument, record) if form.fields is None else wire.row(instrument, record, form.fields)
            rows[index] = self._encode[form.codec](row)
        return [rows[index] for index in wanted]

    def trades(self, found: NDArray[np.void], form: str) -> list[bytes]:
        """Return the encoded rows of these trades."""
        trades = self._trades[form]
        for item in wire.unpack_trades(found):
            if item.seq not in trades:
                trades[item.seq] = self._encode[form](wire.trade(self._live.instrument(item.instrument), item))
        return [trades[seq] for seq in found["seq"].tolist()]


class Fanout:
    """Wakes clients when they are due, tells them the time once a second, and cuts those that do not read."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.live = services.live
        self.mirror = Mirror(services.live)
        self.clients: set[Subscriber] = set()
        self._changed = asyncio.Event()
        self._delivered: list[tuple[NDArray[np.int32], NDArray[np.int64]]] = []
        self._second = -1

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()

        def notify() -> None:
            if not self._changed.is_set() and not loop.is_closed():
                loop.call_soon_threadsafe(self._changed.set)

        stop_listening = self.live.listen(notify)
        try:
            while True:
                await self._wait(loop)
                self._changed.clear()
                began = loop.time()
                self.tick(began)
                await asyncio.sleep(rest_s(loop.time() - began))
        finally:
            stop_listening()

    def look_again(self) -> None:
        """Make a pass soon, also if nothing more changes: a client could not be told when it was its turn."""
        self._changed.set()

    def tick(self, now: float) -> None:
        """Make one pass over the clients at loop time ``now``."""
        self.mirror.refresh()
        second = int(now)
        if second != self._second:
            self._second = second
            self._beat()
        next_trade = self.live.next_trade
        for client in list(self.clients):
            client.poke(now, self.mirror.revision, next_trade)

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
        for client in list(self.clients):
            client.beat()

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for a change, for the next slot of a client that is behind, or for the next whole second."""
        now = loop.time()
        due = min((client.due(now) for client in self.clients), default=now + 1.0)
        timeout = min(due, int(now) + 1.0) - now
        if timeout > 0 and not self._changed.is_set():
            handle = loop.call_later(timeout, self._changed.set)
            await self._changed.wait()
            handle.cancel()


def rest_s(took_s: float) -> float:
    """Return how long to rest after a pass that took so long."""
    return min(REST * took_s, PASS_S)


def overall(states: Iterable[str]) -> str:
    """Return the worst state: ``down``, ``stale``, ``live``; ``waiting`` when there is no feed yet."""
    seen = set(states)
    return next((state for state in ("down", "stale", "live") if state in seen), "waiting")
