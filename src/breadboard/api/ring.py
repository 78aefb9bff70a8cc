"""The newest trades in order, under a sequence without holes."""

import mmap
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model import whole
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import brief
from breadboard.model.tape import Tape

CAPACITY: Final = 1 << 20
"""Trades that are kept: the last minute of 17,000 a second. They take 88 MB, and none before they are there."""
_STRETCH: Final = 1 << 15
"""How many trades one read of the oldest looks at."""
_BACK: Final = 1 << 17
"""How many of the newest trades a read of the newest looks at: the engine waits for it, a millisecond."""
_COLUMNS: Final = attrgetter(
    *("instrument", "price", "size", "size_exp", "side", "trade_id", "ts_event", "ts_recv"),
    *("flags", "code", "offset", "index"),
)
TRADE: Final = np.dtype(
    [
        ("instrument", np.int32),
        ("price", np.int64),
        ("size", np.int64),
        ("size_exp", np.int8),
        ("side", np.uint8),
        ("trade_id", np.int64),
        ("ts_event", np.int64),
        ("ts_recv", np.int64),
        ("flags", np.uint16),
        ("code", np.uint16),  # of ``Uncounted``
        ("offset", np.int64),
        ("index", np.uint16),
        ("ts_read", np.int64),
        ("ts_engine", np.int64),
        ("seq", np.int64),
    ]
)


@brief
def _append(
    rows: NDArray[np.void],
    end: int,
    at: NDArray[np.int64],
    ts_read: int,
    ts_engine: int,
    instrument: NDArray[np.int32],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    side: NDArray[np.uint8],
    trade_id: NDArray[np.int64],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    flags: NDArray[np.uint16],
    code: NDArray[np.uint16],
    offset: NDArray[np.int64],
    index: NDArray[np.uint16],
) -> int:
    """Put the trades at these places of a tape into the ring, from sequence ``end`` on; return the next sequence."""
    for row in at:
        trade = rows[end % len(rows)]
        trade.instrument, trade.price, trade.size, trade.size_exp = (
            instrument[row],
            price[row],
            size[row],
            size_exp[row],
        )
        trade.side, trade.trade_id, trade.flags, trade.code = side[row], trade_id[row], flags[row], code[row]
        trade.ts_event, trade.ts_recv, trade.ts_read, trade.ts_engine = ts_event[row], ts_recv[row], ts_read, ts_engine
        trade.offset, trade.index, trade.seq = offset[row], index[row], end
        end += 1
    return end


@dataclass(frozen=True, slots=True)
class Read:
    """What the ring holds of the sequence ``first <= seq < end``."""

    trades: NDArray[np.void]
    """``TRADE`` rows in order."""
    first: int
    end: int
    skipped: int
    """Wanted trades of the range that are left out, because there were more than the cap."""
    lost: int
    """Trades of any instrument before ``first`` that were asked for and are no longer here, or not looked at."""


class TradeRing:
    """The last ``capacity`` trades of all instruments. Sequence numbers begin at 0 and have no holes.

    It has its full length from the beginning, of pages that the system gives when they are written to. A ring that
    grew had the engine stand still for 0.1 s while it was copied. Not thread-safe; LiveMarket holds the lock.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        # Not numpy's own memory: of that the system gives 2 MB at a time, and takes 10 ms to clear them.
        self._rows: NDArray[np.void] = np.frombuffer(mmap.mmap(-1, capacity * TRADE.itemsize), TRADE)
        self.end = 0
        """The sequence number of the next trade."""

    def append(self, tape: Tape, rows: NDArray[np.int64], ts_engine: int, ts_read: int = ABSENT) -> None:
        """Take these rows of a tape, which are trades, in order."""
        if len(rows):
            self.end = _append(self._rows, self.end, rows, ts_read, ts_engine, *_COLUMNS(tape))

    def read(
        self, since: int, wanted: NDArray[np.bool_] | None = None, cap: int | None = None, *, oldest: bool = False
    ) -> Read:
        """Return copies of the trades from ``since`` on, and how many of those asked for are gone.

        ``wanted`` chooses by dense instrument id (an id beyond its end is not wanted); of more than ``cap`` the
        newest are returned, or the ``oldest``: then the read ends behind the last of them and skips none, and looks at
        a stretch of the ring only, so that the market does not wait for one who has a long way to go.
        """
        first = min(max(since, self.end - len(self._rows), 0), self.end)
        if not oldest:
            first = max(first, self.end - _BACK)
        end = min(self.end, first + _STRETCH) if oldest else self.end
        lost = max(0, first - max(since, 0))
        chosen = None  # all
        if wanted is not None:
            ids = np.minimum(np.concatenate(_stretches(self._rows["instrument"], first, end)), len(wanted))
            chosen = first + np.flatnonzero(np.append(wanted, False)[ids])  # an id beyond is not
        count = end - first if chosen is None else len(chosen)
        more = 0 if cap is None else max(0, count - cap)
        begin, stop = (0, count - more) if oldest else (more, count)
        if chosen is None:
            rows = whole.joined(_stretches(self._rows, first + begin, first + stop), copy=True)
        else:
            rows = whole.picked(self._rows, chosen[begin:stop] % len(self._rows))
        if more and oldest:
            return Read(rows, first, int(rows["seq"][-1]) + 1, 0, lost)
        return Read(rows, first, end, more, lost)


def _stretches(column: NDArray[Any], first: int, end: int) -> tuple[NDArray[Any], ...]:
    """Return where a ring holds ``first <= seq < end``: one piece of it, or two."""
    begin, stop = first % len(column), end % len(column)
    if begin < stop or first == end:
        return (column[begin : begin + end - first],)
    return column[begin:], column[:stop]
