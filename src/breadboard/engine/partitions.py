"""Partitions: each instrument belongs to one of P sets of the dear stages, and the sets run side by side.

What is of one instrument alone is partitioned (books, features). What looks at a whole source or at several
instruments is not, and sees the whole tape: trade numbers (a DUPLICATE moves no clock), resting orders (their rank is
one count), bars (their watermarks and the trades they remember), clock skew, groups. A partition's tape has every row:
those of others keep their source and their times, which is all that a watermark asks for, and lose the rest. So what
is concluded, and the state, are the same for any P.

The hash of an instrument's name, never its id or Python's ``hash``, says where it belongs: the same in every process.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from breadboard.model import whole
from breadboard.model.instruments import NO_INSTRUMENT, Instrument, Instruments
from breadboard.model.kinds import EventKind
from breadboard.model.tape import Tape

KEY_GROUPS: Final = 8
"""What is bounded over all instruments is bounded by key group, and a partition is made of whole ones."""
_NOBODY: Final = 0xFFFE
"""The source of a gap of another partition's instrument: none that a journal has."""
_FEW_ROWS: Final = 512
"""Handing a batch of fewer rows to other threads takes longer than the batch."""
_TRADE: Final = int(EventKind.TRADE)
_GAP: Final = int(EventKind.GAP)
T = TypeVar("T")


def key_group(instrument: Instrument) -> int:
    """Return the key group of an instrument, by the CRC-32 of its name."""
    return crc32(instrument.id.encode()) % KEY_GROUPS


class Partitions:
    """Which instrument belongs where, each partition's own dense ids, and its view of a tape.

    ``count`` is 1 to KEY_GROUPS. Local ids are in the order of the engine's.
    """

    def __init__(self, count: int, instruments: Instruments) -> None:
        self.count = count
        self.members: list[NDArray[np.int32]] = [np.zeros(0, np.int32) for _ in range(count)]
        """By partition, the engine's ids of its instruments, rising; the place is the local id."""
        self._instruments = instruments
        self._owner = np.full(1, -1, np.int8)
        self._local = np.full(1, NO_INSTRUMENT, np.int32)
        self._pool: ThreadPoolExecutor | None = None
        self._tape: Tape | None = None
        self._shares: list[Tape] = []

    def find(self, instrument: int) -> tuple[int, int]:
        """Return ``(partition, local id)`` of one of the engine's instruments."""
        self._grow()
        return int(self._owner[instrument]), int(self._local[instrument])

    def below(self, count: int) -> list[NDArray[np.int32]]:
        """Return by partition its members among the engine's first ``count`` instruments."""
        self._grow()
        return [mine[: np.searchsorted(mine, count)] for mine in self.members]

    def shares(self, tape: Tape) -> list[Tape]:
        """Return the tape as each partition sees it, row by row; the same list while it is the same tape."""
        if self._tape is not tape:
            self._grow()
            self._shares = [self._share(tape, which) for which in range(self.count)]
            self._tape = tape
        return self._shares

    def side_by_side(self, rows: int, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run one task a partition and return what they return; raises what the first of them raised, when all ended.

        In threads, unless there are few ``rows``: kernels release the interpreter.
        """
        if rows < _FEW_ROWS:
            return [task() for task in tasks]
        self._pool = self._pool or ThreadPoolExecutor(self.count - 1, "partition")
        others = [self._pool.submit(task) for task in tasks[1:]]
        try:
            first = tasks[0]()
        finally:
            for other in others:
                other.exception()  # waits: nobody works on when we return
        return [first, *(other.result() for other in others)]

    def _share(self, tape: Tape, which: int) -> Tape:
        foreign = (tape.instrument >= 0) & (self._owner[tape.instrument] != which)
        kind = np.where(foreign & (tape.kind != _GAP), np.uint8(_TRADE), tape.kind)
        source = np.where(foreign & (tape.kind == _GAP), np.uint16(_NOBODY), tape.source)
        instrument = np.where(foreign, np.int32(NO_INSTRUMENT), self._local[tape.instrument])
        return replace(tape, kind=kind, source=source, instrument=instrument)

    def _grow(self) -> None:
        known = len(self._owner) - 1
        if known == len(self._instruments):
            return
        more = [key_group(self._instruments[each]) % self.count for each in range(known, len(self._instruments))]
        owner = np.array(more, np.int8)
        ids = np.arange(known, len(self._instruments), dtype=np.int32)
        local = np.zeros(len(ids), np.int32)
        for which in range(self.count):
            mine = owner == which
            local[mine] = len(self.members[which]) + np.arange(np.count_nonzero(mine))
            self.members[which] = np.concatenate((self.members[which], ids[mine]))
        # The last element serves rows of no instrument, whose id is -1.
        self._owner = np.concatenate((self._owner[:-1], owner, np.full(1, -1, np.int8)))
        self._local = np.concatenate((self._local[:-1], local, np.full(1, NO_INSTRUMENT, np.int32)))


def in_order(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Return rows by ``(offset, instrument)``, those of one instrument as they came: the same for any partitions."""
    places = np.lexsort((rows["instrument"], rows["offset"]))
    return rows if np.array_equal(places, np.arange(len(rows))) else whole.picked(rows, places)
