"""One hash of everything the engine concluded: equal for live, replay, and replay in other batch sizes.

Each table's rows are packed into a fixed little-endian record and chained, ``h = H(h || block)``, over blocks of a
fixed size; the bytes that do not fill a block wait. So the result knows nothing of batches, and can be snapshotted.
Left out is what only our machine knows: ``ts_journal``. ``ts_recv`` is in: it is in the journal.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.engine.state import pack, unpack
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import EventKind
from breadboard.model.tape import EVENT_COLUMNS, LEVEL_COLUMNS, Tape

BLOCK: Final = 1 << 15
_DIGEST_BYTES: Final = 16
_COMMON: Final = ("offset", "index", "source", "instrument", "flags", "ts_event", "ts_recv")
_BOOK: Final = (*_COMMON, "sequence", "sequence_first", "sequence_prev")
_TABLES: Final = {
    EventKind.TRADE: (*_COMMON, "side", "sequence", "trade_id", "price", "size", "size_exp"),
    EventKind.QUOTE: (*_COMMON, "sequence", "price", "size", "size_exp", "ask_price", "ask_size", "ask_size_exp"),
    EventKind.BOOK_DELTA: _BOOK,
    EventKind.BOOK_SNAPSHOT: _BOOK,
    EventKind.STATUS: (*_COMMON, "code"),
    EventKind.ORDER: (*_COMMON, "code", "side", "sequence", "order_id", "price", "size", "size_exp"),
}


def _record(columns: Iterable[str], types: dict[str, tuple[type[np.generic], int]]) -> np.dtype[np.void]:
    return np.dtype([(name, np.dtype(types[name][0]).newbyteorder("<")) for name in columns])


_RECORDS: Final = [(int(kind), kind.name.lower(), _record(columns, EVENT_COLUMNS)) for kind, columns in _TABLES.items()]
_DELTA: Final = int(EventKind.BOOK_DELTA)
_SNAPSHOT: Final = int(EventKind.BOOK_SNAPSHOT)
_ORDER: Final = int(EventKind.ORDER)
_LEVEL: Final = _record(LEVEL_COLUMNS, LEVEL_COLUMNS)
_COUNT: Final = np.dtype("<i8")


class Chain:
    """A hash over a stream of bytes that can be put away and taken up again."""

    def __init__(self) -> None:
        self.hash = bytes(_DIGEST_BYTES)
        self.pending = b""
        self.length = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes, however they are cut."""
        self.length += len(data)
        whole = self.pending + data
        end = len(whole) - len(whole) % BLOCK
        view = memoryview(whole)
        for begin in range(0, end, BLOCK):
            self.hash = hashlib.blake2b(view[begin : begin + BLOCK], key=self.hash, digest_size=_DIGEST_BYTES).digest()
        self.pending = whole[end:]


class Digest:
    """The chains of all tables: six of events, their levels, gaps, bars; and of each stream that has rows."""

    def __init__(self) -> None:
        names = [*(name for _, name, _ in _RECORDS), "levels", "gap", "bar"]
        self._chains = {name: Chain() for name in names}

    def update(
        self,
        tape: Tape,
        bars: NDArray[np.void],
        gaps: Iterable[tuple[int, int, Gap]],
        streams: Mapping[str, NDArray[np.void]],
    ) -> None:
        """Take everything concluded from the next journal offsets."""
        for kind, name, record in _RECORDS:
            rows = (tape.kind == kind).nonzero()[0]
            if len(rows):
                self._chains[name].update(_packed(tape, rows, record))
        books = ((tape.kind == _DELTA) | (tape.kind == _SNAPSHOT) | (tape.kind == _ORDER)).nonzero()[0]
        if len(books):
            self._chains["levels"].update(_levels(tape, books))
        self._chains["bar"].update(bars.tobytes())
        for name, rows in streams.items():
            self._chains.setdefault(name, Chain()).update(rows.tobytes())
        for gap in gaps:
            self._chains["gap"].update(msgspec.json.encode(gap) + b"\n")

    def result(self, open_bars: NDArray[np.void], instruments: Iterable[Instrument]) -> str:
        """Return the digest in hex, with bars still open and the instruments' names; changes nothing."""
        total = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for name, chain in sorted(self._chains.items()):
            total.update(f"{name} {chain.length}\n".encode() + chain.hash + chain.pending)
        total.update(f"open {len(open_bars)}\n".encode() + open_bars.tobytes())
        for instrument in instruments:
            total.update(msgspec.json.encode(instrument) + b"\n")
        return total.hexdigest()

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        return pack({name: [chain.hash, chain.pending, chain.length] for name, chain in sorted(self._chains.items())})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        for name, (hashed, pending, length) in unpack(state).items():
            chain = self._chains.setdefault(name, Chain())
            chain.hash, chain.pending, chain.length = hashed, pending, length


def _packed(tape: Tape, rows: NDArray[np.int64], record: np.dtype[np.void]) -> bytes:
    packed = np.empty(len(rows), record)
    for name in record.names or ():
        packed[name] = getattr(tape, name)[rows]
    return packed.tobytes()


def _levels(tape: Tape, rows: NDArray[np.int64]) -> bytes:
    """Return how many levels each book row has, then the levels, row by row: cut so that rows stay together."""
    begins, counts = tape.level_begin[rows], tape.level_end[rows] - tape.level_begin[rows]
    places: Any = slice(None)
    before = np.cumsum(counts) - counts
    if not (np.array_equal(begins, before) and int(counts.sum()) == len(tape.level_side)):
        places = np.repeat(begins - before, counts) + np.arange(counts.sum())
    packed = np.empty(int(counts.sum()), _LEVEL)
    for name in LEVEL_COLUMNS:
        packed[name] = getattr(tape, name)[places]
    return packed.tobytes()
