"""One hash of everything the engine concluded: equal for live, replay, and replay in other batch sizes.

Events go through the lanes of ``digest_kernel``, row by row. What is rare (bars, gaps, rows of other streams) is
chained as bytes, ``h = H(h || block)``, over blocks of a fixed size; the bytes that do not fill a block wait. So the
result knows nothing of batches, and can be snapshotted. Left out is what only our machine knows: ``ts_journal``.
``ts_recv`` is in: it is in the journal.
"""

import hashlib
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.engine.digest_kernel import LANES, take_rows
from breadboard.engine.state import pack, unpack
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instrument
from breadboard.model.tape import EVENT_COLUMNS, LEVEL_COLUMNS, Tape

BLOCK: Final = 1 << 15
_DIGEST_BYTES: Final = 16
_COLUMNS: Final = attrgetter(*EVENT_COLUMNS, *LEVEL_COLUMNS)


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
    """The lanes of all events, and a chain for gaps, for bars and for each stream that has rows."""

    def __init__(self) -> None:
        self._events = 0
        self._lanes = np.zeros(LANES, np.uint64)
        self._chains = _no_chains()

    def update(
        self,
        tape: Tape,
        bars: NDArray[np.void],
        gaps: Iterable[tuple[int, int, Gap]],
        streams: Mapping[str, NDArray[np.void]],
    ) -> None:
        """Take everything concluded from the next journal offsets."""
        self._events += take_rows(self._lanes, *_COLUMNS(tape))
        if len(bars):
            self._chains["bar"].update(bars.tobytes())
        for name, rows in streams.items():
            self._chains.setdefault(name, Chain()).update(rows.tobytes())
        for gap in gaps:
            self._chains["gap"].update(msgspec.json.encode(gap) + b"\n")

    def result(self, open_bars: NDArray[np.void], instruments: Iterable[Instrument]) -> str:
        """Return the digest in hex, with bars still open and the instruments' names; changes nothing."""
        total = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        total.update(f"events {self._events}\n".encode() + self._lanes.astype("<u8").tobytes())
        for name, chain in sorted(self._chains.items()):
            total.update(f"{name} {chain.length}\n".encode() + chain.hash + chain.pending)
        total.update(f"open {len(open_bars)}\n".encode() + open_bars.tobytes())
        for instrument in instruments:
            total.update(msgspec.json.encode(instrument) + b"\n")
        return total.hexdigest()

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        chains = {name: [chain.hash, chain.pending, chain.length] for name, chain in sorted(self._chains.items())}
        return pack({"events": self._events, "lanes": self._lanes, "chains": chains})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._events, self._lanes, self._chains = parts["events"], parts["lanes"], _no_chains()
        for name, (hashed, pending, length) in parts["chains"].items():
            chain = self._chains.setdefault(name, Chain())
            chain.hash, chain.pending, chain.length = hashed, pending, length


def _no_chains() -> dict[str, Chain]:
    return {name: Chain() for name in ("gap", "bar")}
