"""What the server has kept, as typed and frozen rows; see ``rows`` for numbers and times."""

from decimal import Decimal
from typing import Any

import msgspec

from breadboard.client.instants import Instant
from breadboard.client.rows import Row


class AsOf(Row, frozen=True, kw_only=True):
    """The market of one instrument as it was known at a moment, by our clock at receipt.

    ``bid`` and ``ask`` are the quote's, or the kept book's where that is newer: ``source`` says which. The parts have
    the fields of stored rows with their ``age_ns`` then, numbers as text with every digit.
    """

    id: str
    symbol: str = ""
    venue: str = ""
    ts: Instant | None = None
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    source: str | None = msgspec.field(default=None, name="from")
    age_ns: int | None = None
    price: Decimal | None = None
    """Of the last trade."""
    quote: dict[str, Any] | None = None
    trade: dict[str, Any] | None = None
    book: dict[str, Any] | None = None
    gaps: tuple[dict[str, Any], ...] = ()
    """In which something of these parts may be missing."""


class Bar(Row, frozen=True, kw_only=True):
    """A bar: ``ts_open <= ts_event < ts_close``."""

    venue: str = ""
    symbol: str = ""
    interval: str = ""
    ts_open: Instant
    ts_close: Instant
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    vwap: Decimal | None = None
    trades: int = 0
    state: str = ""
    session: str = ""
    completeness: float | None = None
    """The share of the interval in which nothing is known to be missing."""
    provenance: str = ""


class Origin(Row, frozen=True, kw_only=True):
    """Of what instrument something is told, and where in the journal it stands."""

    venue: str | None = None
    symbol: str = ""
    ts_event: Instant | None = None
    sequence: int | None = None
    offset: int | None = None
    index: int | None = None
    provenance: str = ""


class Event(Origin, frozen=True, kw_only=True):
    """An event, or what was concluded from one, with the time at which it was received."""

    ts_recv: Instant


class Trade(Event, frozen=True, kw_only=True):
    """A match. ``side`` is the side that crossed. ``seq``, ``id`` and ``exchange`` are told on the stream only.

    By ``uncounted`` and ``flags`` a trade that bars leave out can be told.
    """

    price: Decimal
    size: Decimal | None = None
    side: str | None = None
    trade_id: int | None = None
    uncounted: str | None = None
    """What its conditions do not let it count for: ``open_close``, ``high_low``, ``volume``, joined by blanks."""
    flags: int | None = None
    """The sum that SQL has; of 2, it happened before we listened, and is in no bar."""
    seq: int | None = None
    id: str | None = None
    exchange: str | None = None
    """The venue, as the stream calls it; ``venue`` is told in pages only."""
    ts_read: Instant | None = None
    ts_engine: Instant | None = None


class Quote(Event, frozen=True, kw_only=True):
    """The best bid and offer; a missing side is None."""

    bid_price: Decimal | None = None
    bid_size: Decimal | None = None
    ask_price: Decimal | None = None
    ask_size: Decimal | None = None
    flags: int | None = None


class BookSnapshot(Event, frozen=True, kw_only=True):
    """The best levels of a book at a boundary of event time, best first."""

    interval: str = ""
    state: str = ""
    ts_book: Instant | None = None
    """Of the book's last change, as are the next two; ``offset`` is of the row that passed the boundary after it."""
    ts_recv_book: Instant | None = None
    offset_book: int | None = None
    bid_prices: tuple[Decimal, ...] = ()
    bid_sizes: tuple[Decimal, ...] = ()
    ask_prices: tuple[Decimal, ...] = ()
    ask_sizes: tuple[Decimal, ...] = ()


class GapRow(Event, frozen=True, kw_only=True):
    """An interval of our receive clock in which something may be missing."""

    channel: str = ""
    reason: str = ""
    state: str = ""
    ts_from: Instant
    ts_to: Instant
    sequence_from: int | None = None
    sequence_to: int | None = None
    detail: str = ""


class Alert(Origin, frozen=True, kw_only=True):
    """What a rule told. On the stream ``id`` is the alert's, in pages it is ``alert_id``; ``key`` is either."""

    alert_id: str = ""
    id: str = ""
    ts_recv: Instant | None = None
    rule: str = ""
    rule_version: str = ""
    version: str = ""
    kind: str = ""
    state: str = ""
    severity: str = ""
    value: float | None = None
    threshold: float | None = None
    reference: float | None = None
    price: Decimal | None = None
    gapped: int = 0
    """1: something may be missing in what it rests on."""
    cause: str = ""
    message: str = ""
    sentence: str = ""
    seq: int | None = None

    @property
    def key(self) -> str:
        """The id: the same live, in pages, and in any replay."""
        return self.alert_id or self.id

    @property
    def says(self) -> str:
        """All of it in a sentence."""
        return self.sentence or self.message


class Feature(Event, frozen=True, kw_only=True):
    """One number measured of one instrument in one window."""

    name: str = ""
    value: float
    interval: str = ""
    ts_open: Instant | None = None


class Anomaly(Event, frozen=True, kw_only=True):
    """A finding that does not fit the instrument's own past."""

    kind: str = ""
    severity: str = ""
    value: float | None = None
    baseline: float | None = None
    threshold: float | None = None
    score: float | None = None
    samples: int | None = None
    from_offset: int | None = None
    to_offset: int | None = None


class Opportunity(Event, frozen=True, kw_only=True):
    """What could be bought in one place and sold dearer in another; nothing was sent."""

    id: str = ""
    name: str = ""
    legs: str = ""
    kind: str = ""
    state: str = ""
    cause: str = ""
    size: Decimal | None = None
    lifetime_ns: int | None = None
    currency: str = ""
    cost: Decimal | None = None
    gross: Decimal | None = None
    fees: Decimal | None = None
    net: Decimal | None = None
    net_bps: float | None = None
