"""One book, as it is shown to whoever asks."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.engine.level_pool import LevelPool
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import BookState


@dataclass(frozen=True, slots=True)
class BookView:
    """One book at one moment. Levels are ``(price, size, size_exp)``, best first."""

    state: BookState
    sequence: int | None
    """The venue's number of the last event in it, where the venue has numbers."""
    bids: list[tuple[int, int, int]]
    asks: list[tuple[int, int, int]]
    source: int
    ts_event: int | None
    ts_recv: int
    crossed: bool
    """The best bid is not below the best ask."""
    counts: tuple[int, int] = (0, 0)
    """How many levels each side has, of which ``bids`` and ``asks`` may be the best."""


NO_BOOK: Final = BookView(BookState.EMPTY, None, [], [], 0, None, 0, crossed=False)
"""Of an instrument without one."""


def view_of(head: np.void, pool: LevelPool, instrument: int, *, last_known: bool, depth: int | None) -> BookView:
    """Return the book of a ``HEAD`` row and its levels in the pool; see ``Books.view``."""
    live = head["state"] == BookState.LIVE
    shown = live or (last_known and head["state"] == BookState.STALE)
    return BookView(
        state=BookState(int(head["state"])),
        sequence=_known(head["sequence"]),
        bids=pool.levels(instrument, BIDS, depth) if shown else [],
        asks=pool.levels(instrument, ASKS, depth) if shown else [],
        counts=pool.counts(instrument) if shown else (0, 0),
        source=int(head["source"]),
        ts_event=_known(head["ts_event"]),
        ts_recv=int(head["ts_recv"]),
        crossed=bool(live and head["is_crossed"]),
    )


def _known(number: np.int64) -> int | None:
    return None if number == ABSENT else int(number)
