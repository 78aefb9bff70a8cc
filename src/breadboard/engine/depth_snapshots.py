"""The best levels of every book at each boundary of event time, where they changed since the boundary before.

A boundary is passed at the row at which the source's newest event time enters a new interval (the rule of ``bars``
without lateness; a silent source is carried on by our clock): the snapshot is of the book as it was before that row. Of
several boundaries passed at once it is that of the first: nothing changed until the others. A book that is no longer
believed has no levels, and is told once; one that never was is not.
"""

from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.level_rooms import BEGIN, COUNT
from breadboard.engine.state import grown, pack, unpack
from breadboard.engine.watermarks import Watermarks
from breadboard.errors import UsageError
from breadboard.model import whole
from breadboard.model.depth import MOST_LEVELS, depth_row, seconds_of
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import BookState
from breadboard.model.tape import Tape

_SECOND: Final = 1_000_000_000
_EMPTY: Final = int(BookState.EMPTY)
_SYNCING: Final = int(BookState.SYNCING)
_LIVE: Final = int(BookState.LIVE)


def shown_in_order(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return snapshots by ``(offset, index, instrument)``: of several sources at one row too, for any partitions."""
    return whole.picked(rows, np.lexsort((rows["instrument"], rows["index"], rows["offset"])))


@kernel
def _note_side(
    place: NDArray[np.int64],
    sign: int,
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
) -> int:
    """Write the best levels of one side, best first; return how many."""
    count = min(place[COUNT], len(price))
    last = place[BEGIN] + place[COUNT] - 1
    for level in range(len(price)):
        if level < count:
            at = last - level
            price[level], size[level], size_exp[level] = sign * keys[at], sizes[at], exps[at]
        else:
            price[level] = size[level] = size_exp[level] = 0
    return int(count)


@kernel
def _clear_side(price: NDArray[np.int64], size: NDArray[np.int64], size_exp: NDArray[np.int8]) -> None:
    """Write that there are no levels on one side."""
    for level in range(len(price)):
        price[level] = size[level] = size_exp[level] = 0


@kernel
def _is_same(one: Record, other: Record) -> bool:
    """Return whether two snapshots show the same: state and levels."""
    if one.state != other.state or one.bids != other.bids or one.asks != other.asks:
        return False
    for level in range(one.bids):
        if one.bid_price[level] != other.bid_price[level] or one.bid_size[level] != other.bid_size[level]:
            return False
        if one.bid_size_exp[level] != other.bid_size_exp[level]:
            return False
    for level in range(one.asks):
        if one.ask_price[level] != other.ask_price[level] or one.ask_size[level] != other.ask_size[level]:
            return False
        if one.ask_size_exp[level] != other.ask_size_exp[level]:
            return False
    return True


@kernel
def _take(
    source: int,
    heads: NDArray[np.void],
    count: int,
    sides: NDArray[np.int64],
    keys: NDArray[np.int64],
    sizes: NDArray[np.int64],
    exps: NDArray[np.int8],
    last: NDArray[np.void],
    out: NDArray[np.void],
) -> int:
    """Write the books of a source that show something else than ``last``, and remember them; return how many."""
    at = 0
    for which in range(count):
        head = heads[which]
        if head.source != source or head.state == _EMPTY or head.state == _SYNCING:  # noqa: PLR1714 - no loop
            continue
        row = out[at]
        row.instrument, row.state = which, head.state
        row.bids = row.asks = 0
        row.ts_book, row.sequence, row.is_crossed = head.ts_event, head.sequence, 0
        row.ts_recv_book, row.offset_book = head.ts_recv, head.offset
        if head.state == _LIVE:
            row.is_crossed = head.is_crossed
            columns = (keys, sizes, exps)
            row.bids = _note_side(sides[which, BIDS], 1, *columns, row.bid_price, row.bid_size, row.bid_size_exp)
            row.asks = _note_side(sides[which, ASKS], -1, *columns, row.ask_price, row.ask_size, row.ask_size_exp)
        else:  # what another book, that was as before, left there
            _clear_side(row.bid_price, row.bid_size, row.bid_size_exp)
            _clear_side(row.ask_price, row.ask_size, row.ask_size_exp)
        if not _is_same(row, last[which]):
            last[which] = row
            last[which].instrument = 0  # its place says which: state is the same in any partition
            at += 1
    return at


class Shown(Protocol):
    """Whoever books are shown to between rows."""

    def boundaries(self, tape: Tape) -> list[tuple[int, int, int]]:
        """Return ``(row, source, boundary)``, in order of rows: before which to show the books of a source."""
        ...

    def take(self, tape: Tape, row: int, source: int, boundary: int, heads: NDArray[np.void], pool: LevelPool) -> None:
        """Look at the books as they stand before a row."""
        ...


class DepthSnapshots:
    """What ``Books`` shows at boundaries; it is asked where they are before the rows, and told at each."""

    def __init__(self, interval: str, levels: int, idle_s: float) -> None:
        if not 0 < levels <= MOST_LEVELS:
            raise UsageError(f"depth of {levels} levels", hint=f"depth_levels = 10   # 1 to {MOST_LEVELS}")
        self._seconds = seconds_of(interval)
        self._watermarks = Watermarks(0, idle_s)
        self._row = depth_row(levels)
        self._last = np.zeros(0, self._row)
        self._passed: dict[int, int] = {}
        """By source, the newest boundary that was passed, in intervals since 1970."""
        self._parts: list[NDArray[np.void]] = []

    def boundaries(self, tape: Tape) -> list[tuple[int, int, int]]:
        """Return ``(row, source, boundary)`` of those that the tape passes, in order: the first of several at once."""
        found, self._parts = [], []
        for row, source, second, ended in self._watermarks.on_tape(tape)[1].tolist():
            number, before = second // self._seconds, self._passed.get(source)
            if before is not None and (number > before or ended):
                found.append((row, source, (before + 1) * self._seconds * _SECOND))
            self._passed[source] = number + ended
        return found

    def take(self, tape: Tape, row: int, source: int, boundary: int, heads: NDArray[np.void], pool: LevelPool) -> None:
        """Note the books of a source as they stand before a row."""
        self._last = grown(self._last, len(heads))
        out = np.zeros(len(heads), self._row)
        count = _take(source, heads, len(heads), pool.sides, pool.keys, pool.sizes, pool.exps, self._last, out)
        if count:
            told: Any = out[:count]
            told["interval"], told["ts_event"], told["ts_recv"] = self._seconds, boundary, tape.ts_recv[row]
            told["offset"], told["index"] = tape.offset[row], tape.index[row]
            self._parts.append(told)

    @property
    def rows(self) -> NDArray[np.void] | None:
        """The snapshots of the tape just taken, or None."""
        return shown_in_order(whole.joined(self._parts)) if self._parts else None

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        return pack(
            {
                "levels": self._row["bid_price"].shape[0],
                "seconds": self._seconds,
                "watermarks": self._watermarks.packed(),
                "passed": sorted(self._passed.items()),
                "known": np.flatnonzero(self._last["state"]),
                "last": np.frombuffer(self._last[self._last["state"] != _EMPTY].tobytes(), np.uint8),
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned; of another interval, or other levels, it begins here."""
        parts = unpack(state)
        if (parts["levels"], parts["seconds"]) == (self._row["bid_price"].shape[0], self._seconds):
            self._watermarks.unpacked(parts["watermarks"])
            self._passed = dict(parts["passed"])
            self._last = np.zeros(int(parts["known"].max(initial=-1)) + 1, self._row)
            self._last[parts["known"]] = parts["last"].view(self._row)
