"""The closed vocabularies of the tape and the journal.

Values are stored on disk and hashed into digests: add at the end, never renumber.
"""

from collections.abc import Iterable
from enum import IntEnum, IntFlag, StrEnum
from typing import Final


class EventKind(IntEnum):
    """What one row of the tape says."""

    TRADE = 1
    QUOTE = 2
    BOOK_DELTA = 3
    BOOK_SNAPSHOT = 4
    STATUS = 5
    GAP = 6
    """Something may be missing; the details are in ``Tape.gaps`` under the same offset."""
    CLOCK = 7
    """Our own heartbeat: time passed, whether or not a venue said anything."""
    ORDER = 8
    """One resting order was added, changed or taken away (market by order); ``code`` is an ``OrderAction``."""


class Side(IntEnum):
    """Of a trade, the side that *crossed* the spread; of a book level, the side it rests on."""

    NONE = 0
    BUY = 1
    SELL = 2


class Flag(IntFlag):
    """Remarks on one tape row."""

    AGGREGATED = 1
    """A trade that joins several matches of one order (Binance aggTrade)."""
    LAST_KNOWN = 2
    """Sent on subscribing: it happened before we listened (Coinbase last_match)."""
    SYNTHETIC = 4
    """Made by a simulator; no market stands behind it."""
    REPLAYED = 8
    """A recording played through a socket."""
    DELAYED = 16
    CONFLATED = 32
    FEED_WIDE = 64
    """A status or gap that speaks of every instrument of its source (``instrument`` is -1)."""
    DUPLICATE = 128
    """A trade whose venue id was seen before: on the tape, but not in bars or tables."""
    WITHDRAWN = 256
    """Takes back an earlier print of the same id (IQFeed correction D; Massive 7, 8, 10 to 12): no trade of its own."""
    LATE_PRINT = 512
    """Put in by a correction (IQFeed correction I, Massive 1), after prints that followed it.

    With WITHDRAWN, a record that takes back a print of its day and has a time of its own (Massive 10 to 12).
    """
    INELIGIBLE = 1024
    """The venue's own bars leave this print out (IQFeed basis O), it was agreed on beside the book (Bybit's block
    trades), or its vendor finds this quote suspicious (LEAN)."""
    SNAPSHOT = 2048
    """What the venue holds now, sent on request, not something that just happened."""
    HISTORY = 4096
    """Fetched or imported after the fact."""
    VOLUME_ONLY = 16384
    """A trade whose conditions let it count for volume, and not for open, high, low and close."""
    UNKNOWN_ORDER = 8192
    """It changes an order that was never told of, or by more than is left of it: the book is not what we think."""


class Uncounted(IntFlag):
    """What a print does not count for in bars, in the tape's ``code`` column of TRADE rows; 0 for nearly all.

    The day's bar of an exchange has rules of its own: prints outside the regular session move none of its prices. One
    that counts for nothing within the day is INELIGIBLE as well, one that counts for volume alone VOLUME_ONLY.
    """

    OPEN_CLOSE = 1
    HIGH_LOW = 2
    VOLUME = 4
    PRICES = OPEN_CLOSE | HIGH_LOW
    ALL = PRICES | VOLUME
    DAY_OPEN_CLOSE = 8
    DAY_HIGH_LOW = 16
    DAY_VOLUME = 32
    DAY_PRICES = DAY_OPEN_CLOSE | DAY_HIGH_LOW
    JOINS = 64
    """No part of a bar: where nothing in its time moves a price, its volume joins the bar before."""

    @property
    def within_day(self) -> "Uncounted":
        """What is said of bars shorter than a day."""
        return self & Uncounted.ALL

    @property
    def everywhere(self) -> "Uncounted":
        """The same for shorter bars and for the day's."""
        return self | Uncounted(self.within_day << UNCOUNTED_OF_DAY)


UNCOUNTED_OF_DAY: Final = 3
"""Bits of ``Uncounted`` before those of the day."""


class OrderAction(IntEnum):
    """What happened to one order, in the tape's ``code`` column of ORDER rows.

    An ADD or REPLACE without an id is size at a price of which nobody knows the orders (a snapshot of levels).
    """

    ADD = 1
    """It rests from now on with this price and size."""
    REDUCE = 2
    """So much of it (``size``) was cancelled; the rest keeps its place in the queue."""
    FILL = 3
    """So much of it was traded against."""
    DELETE = 4
    """It is gone."""
    REPLACE = 5
    """It now stands at this price and size, 0 for gone; without an id: so much is at this price in all."""
    CLEAR = 6
    """The book is empty, whatever was told before: what follows is all of it."""


class StatusCode(IntEnum):
    """What a STATUS row reports, in the tape's ``code`` column."""

    FEED_UP = 1
    FEED_DOWN = 2
    HEARTBEAT = 3
    STALE = 4
    SUBSCRIBED = 5
    VENUE_ERROR = 6
    MAINTENANCE = 7
    REFUSED = 8
    """The venue refuses a subscription: no such symbol, or one more than is allowed."""
    HALTED = 9
    RESUMED = 10
    BANDS = 11
    """Limit up, limit down: ``price`` is the lower band and ``ask_price`` the upper."""
    LOGGED_IN = 12
    NOT_ENTITLED = 13
    """The credential is wrong, missing, or does not cover what was asked for."""
    SCHEMA = 14
    """The venue said something in a form not seen before; all of it is in the journal."""
    QUOTING = 15
    """Quotes are taken again after a halt; trades are not yet."""
    LISTING = 16
    """What an instrument is, in which hours it is told of, and against which close: see ``model.listing``."""
    NO_TRADE = 17
    """A number of the venue's own trade numbers, ``trade_id``, stands for no trade: nothing is missing there."""


class GapReason(IntEnum):
    """Why something may be missing."""

    RESTART = 1
    """Capture was not running."""
    DISCONNECT = 2
    """A connection ended; the next one has not yet begun to deliver."""
    SEQUENCE = 3
    """The venue's own numbers have a hole in the book stream."""
    TRADE_ID = 4
    """The venue's own trade numbers have a hole."""
    QUARANTINE = 5
    """A frame could not be understood; its bytes are kept."""
    DAMAGE = 6
    """Journal bytes failed their checksum."""
    STORAGE = 7
    """The disk refused an append."""
    OVERFLOW = 8
    """Deltas that waited for a snapshot outgrew their bound."""
    CHECKSUM = 9
    """The book is not what the venue's checksum says it is."""
    SUBSCRIPTION = 10
    """The venue no longer sends what was subscribed to, and did not say so."""
    COUNTER = 11
    """The venue's own count of trades or volume has moved further than what came."""
    ORDER = 12
    """An order was changed that was never told of."""

    @property
    def label(self) -> str:
        """The word used in SQL, metrics and pages."""
        return self.name.lower()


class GapState(StrEnum):
    """What has become of a gap."""

    OPEN = "open"
    REFILLED = "refilled"
    VERIFIED = "verified"
    LOST = "lost"


class RecordKind(IntEnum):
    """What a journal record holds."""

    DATA = 1
    """Frames exactly as a socket delivered them."""
    DOCUMENT = 2
    """One fetched document: a JSON head line ``{"tag","url","status"}``, a newline, the body as received."""
    GAP = 3
    """One msgspec-JSON ``Gap``: written before the next record of its source."""
    CLOCK = 4
    """Our wall and monotonic clocks side by side, about once a second, and at every step."""
    EPOCH = 5
    """A source begins (or ends) a connection: one msgspec-JSON ``Epoch``."""
    QUARANTINE = 6
    """Bytes that no decoder could be trusted with at capture time (oversized or truncated frames)."""
    RULES = 7
    """One msgspec-JSON ``RuleSet``: the alert rules that hold from here on, all of them."""


class SequenceRule(IntEnum):
    """How a venue's book numbers chain; the book stage needs no other knowledge of the venue."""

    NONE = 0
    """No numbers: a snapshot comes in the stream, deltas apply as they come (Coinbase level2)."""
    OVERLAP = 1
    """``sequence_first <= book + 1 <= sequence`` to start, ``sequence_first <= book + 1`` after (Binance spot)."""
    CHAIN = 2
    """``sequence_first <= book <= sequence`` to start, ``sequence_prev == book`` after (Binance futures)."""
    LINK = 3
    """The snapshot comes in the stream and begins anew; ``sequence_prev == book`` after (OKX, Bybit).

    A snapshot without a number begins a book without numbers, to which deltas without numbers link (OKX before 2023).
    """
    AFTER = 4
    """Numbers only grow, with holes: what is at or below the book's is in it already (Bitstamp's microseconds).

    Holes cannot show what an old snapshot misses: one that is older than the book ever was is refused.
    """


class BookState(IntEnum):
    """Whether an instrument's book may be believed."""

    EMPTY = 0
    """Nothing has been said about this book."""
    SYNCING = 1
    """Deltas are kept until a snapshot joins them."""
    LIVE = 2
    STALE = 3
    """Something is missing; the book is not served until a snapshot renews it."""

    @property
    def label(self) -> str:
        """The word used in JSON and SQL."""
        return self.name.lower()


class Provenance(StrEnum):
    """Where data comes from; taken from the data's own handshake, not from a setting."""

    LIVE = "live"
    SYNTHETIC = "synthetic"
    REPLAY = "replay"
    HISTORY = "history"
    """Fetched or imported after the fact."""


_MOST_ARTIFICIAL_FIRST: Final = (Provenance.SYNTHETIC, Provenance.REPLAY, Provenance.HISTORY, Provenance.LIVE)


def most_artificial(seen: Iterable[str]) -> str | None:
    """Return the provenance to warn of: one synthetic feed makes the whole synthetic. None before any data."""
    found = set(seen)
    return next((str(one) for one in _MOST_ARTIFICIAL_FIRST if one in found), None)


class BarState(IntEnum):
    """How settled a bar is."""

    PROVISIONAL = 1
    """The watermark has not passed ``ts_close``."""
    FINAL = 2
    CORRECTED = 3
    """The bar was final and was rewritten: a trade arrived late, or was taken back."""
    WITHDRAWN = 4
    """Every trade that made it was taken back: there is no such bar, and its prices are the last it had."""

    @property
    def label(self) -> str:
        """The word used in SQL."""
        return self.name.lower()
