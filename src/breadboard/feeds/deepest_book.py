"""One book of several: a venue that offers a symbol's book in several depths numbers each of them by itself.

A collector may subscribe to all of them on one connection. Read as one book, each message would break the chain of the
others. The deepest book that began is the symbol's; the others are ignored by name. Where that one falls silent (it
was unsubscribed), the next book that begins takes its place.
"""

from typing import Final

import msgspec

from breadboard.feeds.readers import At

SILENT_NS: Final = 60_000_000_000
"""A deeper book changes whenever a shallower one does, at most a fraction of a second later: this is no delay."""

_Held = tuple[str, int, int]
"""The channel that is the symbol's book, its rank among the venue's channels, and when it was last heard."""
_Row = tuple[int, int, list[tuple[str, _Held]]]


class DeepestBook:
    """Which channel is a symbol's book, by source; forgotten with the connection."""

    def __init__(self) -> None:
        self._sources: dict[int, tuple[int, dict[str, _Held]]] = {}

    def beside(self, symbol: str, channel: str, rank: int, at: At, *, begins: bool) -> str | None:
        """Return None for a message of the symbol's book, else what the other book is ignored as.

        ``begins`` with a snapshot. A book without one is not known yet, and is no reason to give up one that is.
        """
        books = self._of(at)
        held = books.get(symbol)
        if held is not None and held[0] != channel:
            silent = at.ts_recv - held[2] > SILENT_NS
            if not begins or (rank < held[1] and not silent):
                return f"{channel} beside {held[0]}"
        if begins or held is not None:
            books[symbol] = (channel, rank, at.ts_recv)
        return None

    def end(self, symbol: str, channel: str, at: At) -> None:
        """Let the next book that begins take the place of this one, which the venue says has ended."""
        if self._of(at).get(symbol, ("", 0, 0))[0] == channel:
            del self._of(at)[symbol]

    def is_another(self, symbol: str, channel: str, at: At) -> bool:
        """Return whether a symbol's book is known to be told by another channel than this."""
        held = self._of(at).get(symbol)
        return held is not None and held[0] != channel

    def snapshot(self) -> bytes:
        """Return everything as bytes; equal memories give equal bytes, and none no bytes."""
        told = [(source, epoch, sorted(books.items())) for source, (epoch, books) in sorted(self._sources.items())]
        return msgspec.msgpack.encode(told) if told else b""

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned."""
        rows = msgspec.msgpack.decode(state, type=list[_Row]) if state else []
        self._sources = {source: (epoch, dict(books)) for source, epoch, books in rows}

    def _of(self, at: At) -> dict[str, _Held]:
        known = self._sources.get(at.source)
        if known is None or known[0] != at.epoch:
            known = self._sources[at.source] = (at.epoch, {})
        return known[1]
