"""One WebSocket client: what it wants, what it has seen, and its next messages."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from breadboard.api import wire
from breadboard.api.encoding import Body
from breadboard.api.ring import Read

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from breadboard.api.fanout import Fanout

TRADES_PER_MESSAGE: Final = 200
TRADES_PER_PROMPT_MESSAGE: Final = 1000
"""Of a client without a pace: it gets every trade, so this only bounds a message and no trade is left out."""
CHANNELS: Final = ("quote", "trade", "status", "lag")
ELSEWHERE: Final = {
    "book": "not pushed yet: GET /api/v1/book/{id}",
    "alert": "not pushed yet: GET /api/v1/alerts",
}
HZ_MIN, HZ_MAX = 1.0, 30.0
PROMPT: Final = 0.0
"""The ``hz`` of a client that wants everything at once, at the pace of the market."""


class Subscribe(msgspec.Struct, tag_field="op", tag="sub", forbid_unknown_fields=True):
    """Want exactly these instruments (``*``: all, also those to come); replaces what was wanted before."""

    symbols: tuple[str, ...]
    hz: float = 10.0
    channels: tuple[str, ...] = ("quote", "status")
    fields: tuple[str, ...] | None = None
    """Of the rows of ``quote``: only these, and always ``id``."""


class Unsubscribe(msgspec.Struct, tag_field="op", tag="unsub", forbid_unknown_fields=True):
    """Want these no more; without symbols, nothing."""

    symbols: tuple[str, ...] | None = None


class Hello(msgspec.Struct, tag_field="op", tag="hello", forbid_unknown_fields=True):
    """After a reconnect: go on with the trades at ``resume`` of ``stream``, as the last ``next.trade`` said."""

    resume: int
    stream: int | None = None


Request = Subscribe | Unsubscribe | Hello


class Subscriber:
    """State of one client. Everything here runs on the event loop; nothing here waits for a socket."""

    def __init__(self, fanout: "Fanout", form: str) -> None:
        self._fanout = fanout
        self.form = form
        self.metrics = fanout.services.metrics
        self.wake = asyncio.Event()
        self.sending_since: float | None = None
        """Loop time at which the send under way began; None between sends."""
        self.conflated = 0
        self.dropped = 0
        self._hz = 10.0
        self._channels: frozenset[str] = frozenset()
        self._fields: tuple[str, ...] | None = None
        self._names: list[str] = []
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._mask: NDArray[np.bool_] | None = np.empty(0, np.bool_)
        """Which instruments are wanted; None: all."""
        self._known = -1
        self._seen = 0
        self._updates: NDArray[np.int64] = np.empty(0, np.int64)
        self._next_trade = fanout.live.next_trade
        self._snapshot = False
        self._beat = False
        self._slot = -1
        self._behind = False
        self._held = False
        """Whether there may have been news while a send was under way."""
        self._replies: list[dict[str, Any]] = []

    # What the client asks.

    def ask(self, request: Request) -> None:
        """Do what a message asks; the answer is the next message."""
        match request:
            case Subscribe():
                self._subscribe(request)
            case Unsubscribe():
                gone = None if request.symbols is None else {name.upper() for name in request.symbols}
                self._names = [] if gone is None else [name for name in self._names if name.upper() not in gone]
                self._resolve()
                self.reply({"type": "unsubscribed", "symbols": [self._name(index) for index in self._ids.tolist()]})
            case Hello():
                self._resume(request)
        self._fanout.look_again()

    def reply(self, message: dict[str, Any]) -> None:
        """Send this before anything else."""
        self._replies.append(message)
        self.wake.set()

    @property
    def waiting_replies(self) -> int:
        """Answers that the socket has not taken yet."""
        return len(self._replies)

    def _subscribe(self, request: Subscribe) -> None:
        # In this order, what is no number (MessagePack can say so) becomes the least.
        self._hz = PROMPT if request.hz == PROMPT else min(max(HZ_MIN, request.hz), HZ_MAX)
        self._channels = frozenset(request.channels) & frozenset(CHANNELS)
        self._names = list(dict.fromkeys(request.symbols))
        chosen = request.fields
        self._fields = None if chosen is None else ("id", *sorted(wire.FIELDS.intersection(chosen) - {"id"}))
        self._resolve()
        live = self._fanout.live
        self._snapshot = "quote" in self._channels
        self._beat = True
        self._next_trade = live.next_trade
        self.reply(
            {
                "type": "subscribed",
                "symbols": [self._name(index) for index in self._ids.tolist()],
                "unknown": [name for name in self._names if name != "*" and not live.find(name)],
                "channels": [name for name in CHANNELS if name in self._channels],
                "unavailable": {
                    name: ELSEWHERE.get(name, "no such channel")
                    for name in request.channels
                    if name not in self._channels
                },
                "fields": self._fields,
                "hz": self._hz,
                "stream": live.session,
                "next": {"trade": self._next_trade},
            }
        )

    def _resume(self, request: Hello) -> None:
        live = self._fanout.live
        same = request.stream is None or request.stream == live.session
        if same and 0 <= request.resume <= live.next_trade:
            self._next_trade = request.resume
            self.reply({"type": "resumed", "next": {"trade": request.resume}, "stream": live.session})
        else:
            reason = "these numbers are of another stream" if not same else "that number has not been given yet"
            self.reply(
                {
                    "type": "gap",
                    "channel": "trade",
                    "from": request.resume,
                    "reason": reason,
                    "next": {"trade": live.next_trade},
                    "stream": live.session,
                }
            )

    def _name(self, index: int) -> str:
        return self._fanout.live.instrument(index).id

    def _resolve(self) -> None:
        """Turn names into ids; again whenever new instruments have appeared."""
        live = self._fanout.live
        self._known = count = len(live)
        if "*" in self._names:
            ids = np.arange(count)
        else:
            found = {index for name in self._names for index in live.find(name)}
            ids = np.array(sorted(index for index in found if index < count), np.int64)  # more may have come meanwhile
        updates = np.zeros(count, np.int64)
        updates[: len(self._updates)] = self._updates
        fresh = np.setdiff1d(ids, self._ids)
        updates[fresh] = self._fanout.mirror.columns["updates"][fresh] if count <= self._fanout.mirror.count else 0
        self._updates = updates
        self._ids = ids
        self._mask = None if "*" in self._names else np.isin(np.arange(count), ids)

    # When it is due.

    def due(self, now: float) -> float:
        """Return the loop time at which this client wants a pass, whether or not anything changes."""
        return (int(now * self._hz) + 1) / self._hz if self._behind else now + 1.0

    @property
    def ready(self) -> bool:
        """Whether news would be told at once; otherwise there is a slot to wait for, a full socket, or no wish."""
        return not self._behind and self.sending_since is None and not self._channels.isdisjoint(("quote", "trade"))

    def poke(self, now: float, revision: int, next_trade: int) -> bool:
        """Wake the client if there may be news for it and its slot is free; return whether it will look at rows."""
        if self.sending_since is not None:
            self._behind, self._held = False, True  # the socket holds it back, not the slot
            return False
        quotes = "quote" in self._channels and revision > self._seen
        news = quotes or ("trade" in self._channels and next_trade > self._next_trade)
        slot = int(now * self._hz)
        self._behind = news and self._hz != PROMPT and slot == self._slot
        if not news or self._behind or not (self._ids.size or self._known < len(self._fanout.live)):
            return False
        self._slot = slot
        self.wake.set()
        return quotes

    def sent(self) -> None:
        """Note that all that was due is with the socket; what came meanwhile has a pass of its own."""
        if self._held:
            self._held = False
            self._fanout.look_again()

    def beat(self) -> None:
        """Have the next message say the time."""
        self._beat = "status" in self._channels or "lag" in self._channels
        if self._beat and self.sending_since is None:
            self.wake.set()

    # What it gets.

    def messages(self) -> Iterator[bytes]:
        """Yield the messages that are due, each made from the newest state at the moment it is asked for."""
        while self._replies:
            yield self._encode(self._replies.pop(0))
        if self._known < len(self._fanout.live) and self._names:
            self._resolve()
        if "quote" in self._channels:
            yield from self._quotes()
        if "trade" in self._channels:
            yield from self._trades()
        if self._beat:
            self._beat = False
            yield from self._second()

    def _quotes(self) -> Iterator[bytes]:
        mirror = self._fanout.mirror
        snapshot, self._snapshot = self._snapshot, False
        if snapshot:  # answers a question, which no pass has foreseen
            mirror.refresh()
        ids = self._ids if self._known <= mirror.count else self._ids[self._ids < mirror.count]
        since = 0 if snapshot else self._seen
        self._seen = mirror.revision
        news = ids[mirror.columns["revision"][ids] > since]
        if not snapshot and not len(news):
            return
        updates = mirror.columns["updates"][news]
        if not snapshot:
            self._conflate(int((updates - self._updates[news]).sum()) - len(news))
        self._updates[news] = updates
        now = self._fanout.live.now()
        if not snapshot:  # its rows may be old, and were never on their way to this client
            self._fanout.delivered(news, now)
        head = {
            "type": "snapshot" if snapshot else "quote",
            "seq": self._seen,
            "t": now // 1_000_000,
            "ts_deliver": now,
        }
        yield self._frame(head, len(news), mirror.rows(news, wire.Form(self.form, self._fields)))

    def _trades(self) -> Iterator[bytes]:
        """Yield the trades that came: the newest of them, or all where the client has no pace."""
        if self._hz != PROMPT:
            yield from self._told(self._fanout.live.trades(self._next_trade, self._mask, TRADES_PER_MESSAGE))
            return
        until = self._fanout.live.next_trade  # what comes while these are sent waits: a heartbeat may be due first
        while self._next_trade < until:
            most = TRADES_PER_PROMPT_MESSAGE
            yield from self._told(self._fanout.live.trades(self._next_trade, self._mask, most, oldest=True))

    def _told(self, read: Read) -> Iterator[bytes]:
        since, self._next_trade = self._next_trade, read.end
        if not len(read.trades) and not read.lost:
            return
        missing = read.skipped + read.lost
        if missing:
            self.dropped += missing
            self.metrics.skipped.inc(missing)
        now = self._fanout.live.now()
        head = {
            "type": "trade",
            "from": since,
            "next": read.end,
            "skipped": read.skipped,
            "lost": read.lost,
            "t": now // 1_000_000,
            "ts_deliver": now,
        }
        yield self._frame(head, len(read.trades), self._fanout.mirror.trades(read.trades, self.form))

    def _second(self) -> Iterator[bytes]:
        if "status" in self._channels:
            upcoming = {"quote": self._seen + 1, "trade": self._next_trade}
            own = {"conflated": self.conflated, "dropped": self.dropped, "next": upcoming}
            yield self._encode({"type": "status", **self._fanout.status(), **own})
        if "lag" in self._channels:
            yield self._encode({"type": "lag", "data": [row.described() for row in self._fanout.services.lag.latest()]})

    def _conflate(self, count: int) -> None:
        if count > 0:
            self.conflated += count
            self.metrics.conflated.inc(count)

    def _encode(self, message: dict[str, Any]) -> bytes:
        return msgspec.json.encode(message) if self.form == "json" else msgspec.msgpack.encode(message)

    def _frame(self, head: dict[str, Any], count: int, rows: Body) -> bytes:
        """Return a message whose ``data`` is the encoded rows, not encoded again."""
        if self.form == "json":
            return b"".join((msgspec.json.encode(head)[:-1], b',"data":[', rows, b"]}"))
        start = bytes([0x80 | (len(head) + 1)]) + msgspec.msgpack.encode(head)[1:]
        return b"".join((start, b"\xa4data\xdd", count.to_bytes(4, "big"), rows))  # an array of 2^32 at most
