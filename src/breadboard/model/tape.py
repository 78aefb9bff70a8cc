"""The tape: market events as columns, one row an event, in journal order."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.gaps import Gap
from breadboard.model.instruments import NO_INSTRUMENT
from breadboard.model.kernels import brief
from breadboard.model.kinds import EventKind

_OFFSET: Final = itemgetter(0)
_LAST_OF_MARKET: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_GAP: Final = int(EventKind.GAP)
_CLOCK: Final = int(EventKind.CLOCK)
EVENT_COLUMNS: Final[dict[str, tuple[type[np.generic], int]]] = {
    "kind": (np.uint8, 0),
    "flags": (np.uint16, 0),
    "code": (np.uint16, 0),
    "side": (np.uint8, 0),
    "source": (np.uint16, 0),
    "instrument": (np.int32, NO_INSTRUMENT),
    "offset": (np.int64, 0),
    "index": (np.uint16, 0),
    "ts_event": (np.int64, ABSENT),
    "ts_recv": (np.int64, 0),
    "sequence": (np.int64, ABSENT),
    "sequence_first": (np.int64, ABSENT),
    "sequence_prev": (np.int64, ABSENT),
    "trade_id": (np.int64, ABSENT),
    "order_id": (np.int64, ABSENT),
    "price": (np.int64, ABSENT),
    "size": (np.int64, ABSENT),
    "size_exp": (np.int8, SIZE_EXP),
    "ask_price": (np.int64, ABSENT),
    "ask_size": (np.int64, ABSENT),
    "ask_size_exp": (np.int8, SIZE_EXP),
    "level_begin": (np.int64, 0),
    "level_end": (np.int64, 0),
}
"""Every event column: its dtype, and what it holds where an event has nothing to say."""

LEVEL_COLUMNS: Final[dict[str, tuple[type[np.generic], int]]] = {
    "level_side": (np.uint8, 0),
    "level_price": (np.int64, 0),
    "level_size": (np.int64, 0),
    "level_size_exp": (np.int8, SIZE_EXP),
}

_COLUMNS: Final = (*EVENT_COLUMNS, *LEVEL_COLUMNS)
_NAMES: Final = frozenset(_COLUMNS)
_columns_of: Final = attrgetter(*_COLUMNS)
"""All columns of a tape at once: a merge of hundreds of small tapes asks for thousands."""


def of_market(kind: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which rows say something of an instrument's market: trades, quotes, books and orders."""
    found: NDArray[np.bool_] = (kind <= _LAST_OF_MARKET) | (kind == _ORDER)
    return found


class Contents(NamedTuple):
    """What is on a tape, so that nobody looks for what is not."""

    kinds: list[int]
    """Rows by ``EventKind``."""
    instruments: int
    """One more than the highest dense id."""
    sources: int
    """One more than the highest source that says something. A CLOCK row and a GAP in the journal itself are of none:
    the highest number there is stands for it, and whoever made room for that many would look through 65,536."""


@brief
def _look(
    kind: NDArray[np.uint8], instrument: NDArray[np.int32], source: NDArray[np.uint16], kinds: NDArray[np.int64]
) -> tuple[int, int]:
    """Count the rows of each kind; return ``instruments`` and ``sources`` of ``Contents``."""
    instruments, sources = NO_INSTRUMENT + 1, 0
    for row in range(len(kind)):
        kinds[min(kind[row], len(kinds) - 1)] += 1
        instruments = max(instruments, instrument[row] + 1)
        if kind[row] != _GAP and kind[row] != _CLOCK:
            sources = max(sources, source[row] + 1)
    return instruments, sources


@dataclass(frozen=True, init=False)
class Tape:
    """Market events as columns. Prices in 1e-9, sizes ``size * 10 ** size_exp``, times int64 ns UTC.

    ``(offset, index)`` names a row for good: the journal frame it came from, and its place in that frame.
    A trade uses ``price``, ``size``, ``side`` (the side that crossed) and ``trade_id``. A quote uses ``price`` and
    ``size`` for the bid, ``ask_price`` and ``ask_size`` for the ask; a missing side is ``ABSENT``. A book row owns
    levels ``level_begin:level_end`` of the level columns, with absolute sizes, 0 removes; ``sequence_first``,
    ``sequence`` and ``sequence_prev`` are the venue's first, last and previous update numbers. An ORDER row has
    ``order_id``, ``side``, ``price`` and ``size``; the engine gives it the levels it changed.
    ``code`` is a ``StatusCode`` on STATUS rows, a ``GapReason`` on GAP rows, an ``OrderAction`` on ORDER rows and
    ``Uncounted`` on TRADE rows.
    ``size`` of a CLOCK row is by how many ns our wall clock was set, where it was.
    """

    kind: NDArray[np.uint8]
    flags: NDArray[np.uint16]
    code: NDArray[np.uint16]
    side: NDArray[np.uint8]
    source: NDArray[np.uint16]
    instrument: NDArray[np.int32]
    offset: NDArray[np.int64]
    index: NDArray[np.uint16]
    ts_event: NDArray[np.int64]
    ts_recv: NDArray[np.int64]
    sequence: NDArray[np.int64]
    sequence_first: NDArray[np.int64]
    sequence_prev: NDArray[np.int64]
    trade_id: NDArray[np.int64]
    order_id: NDArray[np.int64]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    size_exp: NDArray[np.int8]
    ask_price: NDArray[np.int64]
    ask_size: NDArray[np.int64]
    ask_size_exp: NDArray[np.int8]
    level_begin: NDArray[np.int64]
    level_end: NDArray[np.int64]
    level_side: NDArray[np.uint8]
    level_price: NDArray[np.int64]
    level_size: NDArray[np.int64]
    level_size_exp: NDArray[np.int8]
    gaps: tuple[tuple[int, Gap], ...] = ()
    """``(offset, gap)`` for every GAP row."""

    def __init__(self, *, gaps: tuple[tuple[int, Gap], ...] = (), **columns: NDArray[Any]) -> None:
        """Take all columns by name. The usual one of a frozen class takes 7 µs for so many, of a small step's 100."""
        if columns.keys() != _NAMES:
            raise TypeError(f"a tape of these columns: {sorted(columns.keys() ^ _NAMES)} are too many or missing")
        self.__dict__.update(columns, gaps=gaps)

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def contents(self) -> Contents:
        """What is on it; right as long as nobody writes to its kinds, instruments and sources."""
        kinds = np.zeros(len(EventKind) + 2, np.int64)
        instruments, sources = _look(self.kind, self.instrument, self.source, kinds)
        return Contents(kinds.tolist(), instruments, sources)

    @staticmethod
    def of(
        rows: int,
        events: Mapping[str, Sequence[int] | NDArray[Any]],
        levels: Mapping[str, Sequence[int] | NDArray[Any]] | None = None,
        gaps: Sequence[tuple[int, Gap]] = (),
    ) -> "Tape":
        """Return a tape of ``rows`` events; a column not given holds its default in every row."""
        levels = levels or {}
        unknown = (events.keys() - EVENT_COLUMNS.keys()) | (levels.keys() - LEVEL_COLUMNS.keys())
        if unknown:
            raise KeyError(f"no such tape column: {sorted(unknown)}")
        columns: dict[str, NDArray[Any]] = {}
        for name, (dtype, default) in EVENT_COLUMNS.items():
            if name in events:
                column = np.asarray(events[name], dtype)
                if len(column) != rows:
                    raise ValueError(f"column {name} has {len(column)} rows, the tape {rows}")
            else:
                column = np.empty(rows, dtype)
                column.fill(default)
            columns[name] = column
        for name, (dtype, _) in LEVEL_COLUMNS.items():
            columns[name] = np.asarray(levels.get(name, ()), dtype)
        return Tape(**columns, gaps=tuple(gaps))

    @staticmethod
    def empty() -> "Tape":
        """Return a tape of no events."""
        return Tape.of(0, {})

    def take(self, rows: slice | NDArray[np.bool_] | NDArray[np.int64]) -> "Tape":
        """Return some rows in their order; level columns are shared, not cut."""
        columns = {name: getattr(self, name)[rows] for name in EVENT_COLUMNS}
        kept = set(columns["offset"].tolist()) if self.gaps else set()
        levels = {name: getattr(self, name) for name in LEVEL_COLUMNS}
        return Tape(**columns, **levels, gaps=tuple(pair for pair in self.gaps if pair[0] in kept))

    def gaps_at(self, offset: int | np.integer[Any]) -> list[Gap]:
        """Return the gaps that the frame at an offset tells of, in its order; ``gaps`` are in journal order."""
        begin = bisect_left(self.gaps, offset, key=_OFFSET)
        return [gap for _, gap in self.gaps[begin : bisect_right(self.gaps, offset, lo=begin, key=_OFFSET)]]

    @staticmethod
    def merge(parts: Sequence["Tape"]) -> "Tape":
        """Return several tapes, each in journal order, as one in journal order (``offset``, then ``index``)."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return Tape.empty()
        if len(parts) == 1:
            return parts[0]
        wide = [_columns_of(part) for part in parts]
        columns = {name: np.concatenate(pieces) for name, pieces in zip(_COLUMNS, zip(*wide, strict=True), strict=True)}
        rows = np.array([len(part) for part in parts])
        levels = np.array([len(part.level_side) for part in parts])
        shift = np.repeat(np.cumsum(levels) - levels, rows)
        for name in ("level_begin", "level_end"):
            columns[name] += shift
        ends = np.cumsum(rows)[:-1]
        if (columns["offset"][ends - 1] >= columns["offset"][ends]).any():
            order = np.lexsort((columns["index"], columns["offset"]))
            for name in EVENT_COLUMNS:
                columns[name] = columns[name][order]
        gaps = sorted((pair for part in parts for pair in part.gaps), key=lambda pair: pair[0])
        return Tape(**columns, gaps=tuple(gaps))
