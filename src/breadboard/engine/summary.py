"""What a run came to, in the shape that ``replay --json`` promises."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import gcd
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.bars import Bars
from breadboard.engine.book_view import BookView
from breadboard.engine.books import Books
from breadboard.engine.clock_skew import ClockSkew
from breadboard.engine.parted_books import PartedBooks
from breadboard.engine.router import Counts
from breadboard.model.decimals import price_decimals, price_text, size_text
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kernels import brief
from breadboard.model.kinds import BookState, EventKind, Flag, GapState, StatusCode
from breadboard.model.tape import Tape

_COUNTED: Final = {
    kind.name.lower(): int(kind)
    for kind in (
        EventKind.TRADE,
        EventKind.QUOTE,
        EventKind.BOOK_DELTA,
        EventKind.BOOK_SNAPSHOT,
        EventKind.STATUS,
        EventKind.ORDER,
    )
}
_TRADE: Final = int(EventKind.TRADE)
_STATUS: Final = int(EventKind.STATUS)
_DUPLICATE: Final = int(Flag.DUPLICATE)
_UP: Final = int(StatusCode.FEED_UP)
_DOWN: Final = int(StatusCode.FEED_DOWN)


@brief
def _again(kind: NDArray[np.uint8], flags: NDArray[np.uint16]) -> int:
    """Count the trades that were seen before."""
    count = 0
    for row in range(len(kind)):
        count += kind[row] == _TRADE and (flags[row] & _DUPLICATE) != 0
    return count


@dataclass
class Tally:
    """Running counts of events, gaps and bars."""

    events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))
    """By kind; without trades seen before, and without our own FEED_UP and FEED_DOWN."""
    duplicates: int = 0
    gaps: int = 0
    refilled: int = 0
    bars: int = 0
    streams: dict[str, int] = field(default_factory=dict)
    """Rows of the stages that are switched on by configuration."""

    def take(
        self, tape: Tape, gaps: list[tuple[int, int, Gap]], bars: int, streams: Mapping[str, NDArray[np.void]]
    ) -> None:
        """Count what came of the next frames."""
        kinds = tape.contents.kinds
        for name, kind in _COUNTED.items():
            if kinds[kind]:
                self.events[name] += kinds[kind]
        again = _again(tape.kind, tape.flags)
        self.events["trade"] -= again
        self.duplicates += again
        if kinds[_STATUS]:
            ours = (tape.code == _UP) | (tape.code == _DOWN)
            self.events["status"] -= int(np.count_nonzero((tape.kind == _STATUS) & ours))
        refilled = sum(gap.state is GapState.REFILLED for _, _, gap in gaps)
        self.gaps += len(gaps) - refilled
        self.refilled += refilled
        self.bars += bars
        for name, rows in streams.items():
            self.streams[name] = self.streams.get(name, 0) + len(rows)

    def packed(self) -> dict[str, Any]:
        """Return all counts for ``pack``."""
        return vars(self) | {"events": dict(self.events), "streams": dict(sorted(self.streams.items()))}

    def unpacked(self, parts: dict[str, Any]) -> None:
        """Go back to counts that ``packed`` returned."""
        vars(self).update(parts)


def summary(
    counts: Counts,
    tally: Tally,
    instruments: Instruments,
    books: Books | PartedBooks,
    bars: Bars,
    skew: ClockSkew,
    digest: str,
) -> dict[str, Any]:
    """Return the summary: ``frames == data + control + quarantined``; ``bars`` counts versions, open ones too.

    Orders are counted only where there were any.

    A book whose feed has ended is ``stale``, and is told as it was last believed.
    """
    suspect, skew_ms = skew.worst()
    return {
        "frames": counts.frames,
        "bytes": counts.bytes,
        "data": counts.data,
        "control": counts.control,
        "quarantined": counts.quarantined,
        "ignored": dict(sorted(counts.ignored.items())),
        "events": {name: count for name, count in tally.events.items() if count or name != "order"},
        "duplicates": tally.duplicates,
        "gaps": tally.gaps,
        "refilled": tally.refilled,
        "checksums": {"checked": counts.checked, "failed": counts.failed},
        "books": dict(_described(books, instruments)),
        "book_events": books.counters(),
        "bars": tally.bars + len(bars.open_bars()),
        **{name: tally.streams.get(name, 0) for name in ("activity_bars", "nbbo", "features", "anomalies", "depth")},
        "not_in_bars": bars.counters(),
        "poisoned": counts.poisoned,
        **{name: tally.streams.get(name, 0) for name in ("alerts", "opportunities", "paper_fills")},
        "clock": {"suspect": suspect, "skew_ms": skew_ms},
        "digest": digest,
    }


def _described(books: Books | PartedBooks, instruments: Instruments) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each book that is not empty by its name, one after the other: the levels of all at once are gigabytes."""
    for which, instrument in enumerate(instruments):
        view = books.view(which, last_known=True)
        if view.state != BookState.EMPTY:
            yield instrument.id, describe(view)


def describe(view: BookView) -> dict[str, Any]:
    """Return one book in exact digits: every price with as many decimals as the finest price in the book needs."""
    # What divides every price ends in as many zeros as the one that ends in the fewest.
    decimals = price_decimals(gcd(*(price for price, _, _ in view.bids), *(price for price, _, _ in view.asks)))
    bid, ask = (side[0] if side else None for side in (view.bids, view.asks))
    return {
        "bid": price_text(bid[0], decimals) if bid else None,
        "ask": price_text(ask[0], decimals) if ask else None,
        "bid_size": size_text(bid[1], bid[2]) if bid else None,
        "ask_size": size_text(ask[1], ask[2]) if ask else None,
        "levels": [len(view.bids), len(view.asks)],
        "sequence": view.sequence,
        "state": view.state.label,
    }
