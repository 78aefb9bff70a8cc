"""What stages ask of instruments and venues: how numbers run, which calendar holds, what silence is."""

from collections.abc import Callable

from breadboard.engine.partitions import key_group
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Feed


class Promises:
    """Answers for the stages, which know instruments by number alone, mostly by what feeds say.

    ``feed`` returns a venue's feed, or None where there is none. Of what nobody knows nothing is promised.
    """

    def __init__(self, feed: Callable[[str], Feed | None], instruments: Instruments) -> None:
        self._feed, self._instruments = feed, instruments

    def sequence_rule(self, instrument: int) -> SequenceRule:
        """Return how the numbers of an instrument's book run."""
        return self._instruments[instrument].sequence_rule

    def group(self, instrument: int) -> int:
        """Return the key group that an instrument belongs to, whatever the number of partitions."""
        return key_group(self._instruments[instrument])

    def contiguous(self, instrument: int) -> bool:
        """Return whether trade ids leave none out, so that a step of two is a trade lost."""
        told = self._of(instrument)
        return told is not None and told.trade_ids_contiguous

    def growing(self, instrument: int) -> bool:
        """Return whether trade ids only grow, so that an older one is a repetition."""
        told = self._of(instrument)
        return told is not None and told.trade_ids_growing

    def withdraws(self, instrument: int) -> bool:
        """Return whether the venue takes trades back."""
        told = self._of(instrument)
        return told is not None and told.withdraws_trades

    def calendar(self, instrument: int) -> str:
        """Return the trading calendar of an instrument; empty: it is traded around the clock."""
        told = self._of(instrument)
        return "" if told is None else told.calendar_of(self._instruments[instrument].symbol)

    def silence_s(self, venue: str) -> float | None:
        """Return after how many seconds without a word a venue is silent; None where it does not say."""
        told = self._told(venue)
        return None if told is None else told.heartbeat_s

    def _of(self, instrument: int) -> Capabilities | None:
        return self._told(self._instruments[instrument].venue)

    def _told(self, venue: str) -> Capabilities | None:
        feed = self._feed(venue)
        return None if feed is None else feed.capabilities
