"""What is remembered of each connection to an IQFeed gateway, and how it becomes bytes."""

from typing import Any, Final

import msgspec

from breadboard.feeds.iqfeed_depth import Depth
from breadboard.feeds.iqfeed_fields import Plan, plan_of
from breadboard.feeds.readers import At

MOST_BOOKS: Final = 20_000
"""Books of one connection; a gateway allows a few thousand symbols."""


class Memory:
    """One connection: its announced fields, whether it is delayed or cut off, its books."""

    __slots__ = (
        "begun",
        "books",
        "delayed",
        "down_since",
        "epoch",
        "fundamental",
        "heard",
        "last_trade",
        "lost",
        "plan",
    )

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.begun = False
        """Its handshake was seen: a symbol that said nothing yet has an empty book."""
        self.plan: Plan | None = None
        self.fundamental: tuple[str, ...] = ()
        self.delayed = False
        self.down_since: int | None = None
        """When the gateway lost the vendor's servers, on our receive clock; None while it has them."""
        self.heard = 0
        """The receive stamp of the last timestamp line."""
        self.last_trade: dict[str, tuple[str, str]] = {}
        """By symbol, time and tick id of the newest trade on the tape: a summary repeats it."""
        self.books: dict[str, Depth] = {}
        self.lost: dict[str, int | None] = {}
        """Symbols of which a line could not be read: nothing is said of their books until a summary renews them. Where
        that line was of a summary, when it came: what is left of that summary is no book."""

    def packed(self) -> list[Any]:
        """Return all of it as lists; equal memories give equal lists."""
        return [
            self.epoch,
            self.begun,
            None if self.plan is None else list(self.plan.names),
            list(self.fundamental),
            self.delayed,
            self.down_since,
            self.heard,
            [[name, *self.last_trade[name]] for name in sorted(self.last_trade)],
            [[name, *self.books[name].packed()] for name in sorted(self.books)],
            sorted(self.lost.items()),
        ]

    @staticmethod
    def unpacked(parts: list[Any]) -> "Memory":
        """Return the memory that ``packed`` told."""
        memory = Memory(parts[0])
        memory.begun, names, fundamental, memory.delayed, memory.down_since, memory.heard = parts[1:7]
        memory.plan = None if names is None else plan_of(tuple(names))
        memory.fundamental = tuple(fundamental)
        memory.last_trade = {name: (clock, tick_id) for name, clock, tick_id in parts[7]}
        memory.books = {name: Depth.unpacked(book) for name, *book in parts[8]}
        memory.lost = dict((one, None) if isinstance(one, str) else one for one in parts[9])  # once names alone
        return memory


class Memories:
    """The connections, by source; a new epoch of a source begins with nothing."""

    def __init__(self) -> None:
        self._known: dict[int, Memory] = {}
        self._at: At | None = None
        self._last = Memory(-1)

    def of(self, at: At) -> Memory:
        """Return the memory of the connection that a frame came on."""
        if at is self._at:
            return self._last
        memory = self._known.get(at.source)
        if memory is None or memory.epoch != at.epoch:
            memory = self._known[at.source] = Memory(at.epoch)
        self._at, self._last = at, memory
        return memory

    def known(self, source: int, epoch: int) -> Memory | None:
        """Return the memory of a connection where there is one."""
        memory = self._known.get(source)
        return memory if memory is not None and memory.epoch == epoch else None

    def snapshot(self) -> bytes:
        """Return all memory as bytes; equal memories give equal bytes."""
        return msgspec.msgpack.encode([[source, self._known[source].packed()] for source in sorted(self._known)])

    def restore(self, state: bytes) -> None:
        """Go back to a memory that ``snapshot`` returned; empty bytes are a fresh one."""
        known = msgspec.msgpack.decode(state) if state else []
        self._known = {source: Memory.unpacked(parts) for source, parts in known}
        self._at = None
