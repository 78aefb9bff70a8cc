"""Which trades of Massive were received before: its ids are no row of numbers, so they are remembered one by one.

A trade is known by (ticker, exchange, trf, id, price, size, sequence, trading day). ``q`` grows within a ticker's day,
so a trade above the highest is new without a look; the others are looked for among the last ones. What is remembered
outlives the connection on purpose: what a venue sends again, it sends after a reconnect. A trade fetched when the last
ones no longer reach back to it cannot be known again: fetch what an outage took soon after it, and little around it.
"""

from array import array
from typing import Final
from zlib import crc32

import msgspec

from breadboard.model.decimals import ABSENT

REMEMBERED: Final = 1024
"""Trades a symbol, at least; twice as many before the older half goes, so that forgetting costs little."""
_DAY_NS: Final = 86_400_000_000_000
_SHIFT_NS: Final = 18_000_000_000_000
"""A trading day begins at midnight UTC-5, where New York has no session, summer or winter: there ``q`` begins anew."""
_MASK: Final = (1 << 64) - 1


class _Kept(msgspec.Struct):
    """The memory of one symbol, as it is stored."""

    symbol: str
    day: int
    highest: int
    keys: bytes


_STORED: Final = msgspec.msgpack.Decoder(list[tuple[int, list[_Kept]]])


class _Recent:
    """The last trades of one symbol."""

    __slots__ = ("day", "highest", "keys")

    def __init__(self, day: int = 0, highest: int = ABSENT, keys: bytes = b"") -> None:
        self.day = day
        self.highest = highest
        self.keys = array("Q", keys)

    def again(self, day: int, sequence: int, key: int) -> bool:
        """Tell whether the trade was among the last ones, and remember it."""
        if day > self.day:
            self.day, self.highest = day, sequence
        elif day == self.day and sequence > self.highest:
            self.highest = sequence
        elif key in self.keys:
            return True
        self.keys.append(key)
        if len(self.keys) >= 2 * REMEMBERED:
            del self.keys[:REMEMBERED]
        return False


class SeenTrades:
    """The last trades of every symbol, by source: two captures side by side do not hide each other's trades."""

    def __init__(self) -> None:
        self._sources: dict[int, dict[str, _Recent]] = {}

    def again(self, source: int, symbol: str, ts_event: int, sequence: int, identity: str) -> bool:
        """Tell whether this source had the trade before, and remember it. ``identity`` is what names it in its day."""
        symbols = self._sources.setdefault(source, {})
        recent = symbols.get(symbol)
        if recent is None:
            recent = symbols[symbol] = _Recent()
        day = (ts_event - _SHIFT_NS) // _DAY_NS
        key = (sequence << 32 | crc32(f"{day} {identity}".encode())) & _MASK
        return recent.again(day, sequence, key)

    def snapshot(self) -> bytes:
        """Return the memory as bytes, equal for equal memories."""
        return msgspec.msgpack.encode(
            [
                (source, [_Kept(name, r.day, r.highest, r.keys.tobytes()) for name, r in sorted(symbols.items())])
                for source, symbols in sorted(self._sources.items())
            ]
        )

    def restore(self, state: bytes) -> None:
        """Go back to a memory that ``snapshot`` returned; empty bytes are a fresh one."""
        stored = _STORED.decode(state) if state else []
        self._sources = {
            source: {kept.symbol: _Recent(kept.day, kept.highest, kept.keys) for kept in symbols}
            for source, symbols in stored
        }
