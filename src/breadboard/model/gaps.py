"""Gaps and connection epochs: what the journal says about itself."""

from typing import Annotated, Final

import msgspec

from breadboard.model.kinds import GapReason, GapState, Provenance


class Gap(msgspec.Struct, frozen=True):
    """An interval in which something may be missing.

    ``ts_from`` and ``ts_to`` are nanoseconds UTC on our receive clock, both inclusive: the last moment
    known good before, the first known good after. ``sequence_from``/``sequence_to`` are the first and last
    venue numbers known to be missing, where the venue has numbers.
    """

    source: int
    reason: GapReason
    ts_from: int
    ts_to: int
    symbol: str | None = None
    """None: every instrument of the source."""
    channel: str | None = None
    sequence_from: int | None = None
    sequence_to: int | None = None
    state: GapState = GapState.OPEN
    detail: str = ""


EARLIEST_NS, LATEST_NS = -(1 << 62), 1 << 62
"""What a time that was asked for is held by, so that days can be added to it."""
_Moment = Annotated[int, msgspec.Meta(ge=EARLIEST_NS, le=LATEST_NS)]
NO_TIME: Final = (0, 0)
"""What a history that holds no trades was asked for."""


class Epoch(msgspec.Struct, frozen=True):
    """One connection of one source, written when it opens (``open``) and when it ends."""

    source: int
    epoch: int
    """Counts the connections of this source, over restarts, from 1."""
    venue: str
    """Upper case venue name; it chooses the decoder."""
    url: str
    wanted: tuple[str, ...]
    provenance: Provenance
    open: bool
    reason: str = ""
    """Why it ended; empty when it opens."""
    aside: str = ""
    """The channel that it carries where that brings no data (``ports.Capabilities.asides``); empty for data."""
    synthetic: bool = False
    """History of a market that never was: what was asked said that it is a simulator."""
    asked: tuple[_Moment, _Moment] | None = None
    """Of history: which trades were asked for, ns UTC, end not included; ``NO_TIME`` for none. None: nobody knows."""


class DocumentHead(msgspec.Struct, frozen=True):
    """The first line of a DOCUMENT record."""

    tag: str
    """What the feed asked for, e.g. ``depth:BTCUSDT``."""
    url: str
    status: int
