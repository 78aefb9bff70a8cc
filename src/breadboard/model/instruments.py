"""What is traded, and where."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from breadboard.model.kinds import SequenceRule


class Instrument(msgspec.Struct, frozen=True):
    """One thing traded on one venue. ``symbol`` keeps the venue's own spelling."""

    venue: str
    """Upper case, e.g. ``BINANCE``, ``BINANCE_USDM``, ``COINBASE``."""
    symbol: str
    sequence_rule: SequenceRule = SequenceRule.NONE

    @property
    def id(self) -> str:
        """The house's name for it: ``BTCUSDT.BINANCE``."""
        return f"{self.symbol}.{self.venue}"


NO_INSTRUMENT: Final = -1


class Instruments:
    """Dense ids for instruments, given in order of first appearance in the journal.

    The same journal always gives the same ids, whatever the batch sizes. Grows only, to ``most`` where that is given.
    """

    def __init__(self, known: Sequence[Instrument] = (), most: int | None = None) -> None:
        self._most = most
        self._all: list[Instrument] = []
        self._ids: dict[tuple[str, str], int] = {}
        for instrument in known:
            self.intern(instrument.venue, instrument.symbol, instrument.sequence_rule)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: int) -> Instrument:
        return self._all[index]

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._all)

    def become(self, known: Sequence[Instrument]) -> None:
        """Hold exactly these. Ids that both have stay as they are all the while, for who reads from another thread."""
        for gone in self._all[len(known) :]:
            del self._ids[gone.venue, gone.symbol]
        del self._all[len(known) :]
        for instrument in known:
            self.intern(instrument.venue, instrument.symbol, instrument.sequence_rule)

    def find(self, venue: str, symbol: str) -> int | None:
        """Return the dense id, or None for an instrument that was never seen."""
        return self._ids.get((venue, symbol))

    def intern(self, venue: str, symbol: str, sequence_rule: SequenceRule = SequenceRule.NONE) -> int:
        """Return the dense id, giving the next one to an instrument not seen before.

        Raises ValueError for one too many.
        """
        key = (venue, symbol)
        found = self._ids.get(key)
        if found is None:
            if len(self._all) == self._most:
                raise ValueError(f"more than {self._most:,} instruments of {venue}")
            found = self._ids[key] = len(self._all)
            self._all.append(Instrument(venue, symbol, sequence_rule))
        return found
