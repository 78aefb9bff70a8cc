"""From market events to rows of the store, one function a table. Columns only: no loop over rows in Python."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import EventKind, Flag, OrderAction, Provenance, Side, Uncounted
from breadboard.model.tape import Tape
from breadboard.store.columns import coded, integers, labels, levels, prices, sizes, stamps
from breadboard.store.native import NOTHING, Block, Coded, Column, Keys, text
from breadboard.store.newest import Words

RAW_EXCERPT: Final = 4096
"""Bytes of a quarantined frame that the table shows; all of them stay in the journal."""


PROVENANCES: Final = (Provenance.LIVE, Provenance.SYNTHETIC, Provenance.REPLAY, Provenance.HISTORY)
"""By the code that ``provenance`` gives."""
SYNTHETIC: Final = PROVENANCES.index(Provenance.SYNTHETIC)
HISTORY: Final = PROVENANCES.index(Provenance.HISTORY)
_SIDES: Final = tuple(side.name.lower() for side in Side)
_BAR_PARTS: Final = [Uncounted[f"{day}{name}"] for day in ("", "DAY_") for name in ("OPEN_CLOSE", "HIGH_LOW", "VOLUME")]
_ACTIONS: Final = ("", *(action.name.lower() for action in OrderAction))
UNCOUNTED: Final = tuple(
    " ".join(one.name.lower() for one in _BAR_PARTS if one.name and one & code) for code in range(2 * Uncounted.JOINS)
)
"""What a trade's ``code`` says that it does not count for."""
OPENS_OR_CLOSES: Final = "concat(' ', uncounted, ' ') NOT LIKE '% open_close %'"
"""What holds of a stored trade that may open or close a bar: so put, each text is looked at once, and not each row."""


class Quarantined(NamedTuple):
    """A frame that no decoder understood."""

    offset: int
    source: int
    venue: str
    ts_recv: int
    reason: str
    raw: bytes


class Labels:
    """Venue and symbol dictionaries of the instruments, rebuilt only when there are new ones."""

    def __init__(self) -> None:
        self._count = -1
        self.venues: list[str] = []
        self.symbols: list[str] = []
        self.venue_of = np.empty(0, np.int32)
        self._written: list[bytes] = []
        self._rank = np.zeros(1, np.uint16)

    def refresh(self, instruments: Sequence[Instrument]) -> None:
        """Learn new instruments. The entry after the last stands for none: empty venue and symbol."""
        if len(instruments) == self._count:
            return
        self._count = len(instruments)
        venues: dict[str, int] = {}
        self.venue_of = np.array(
            [venues.setdefault(one.venue, len(venues)) for one in instruments] + [venues.setdefault("", len(venues))],
            np.int32,
        )
        self.venues = list(venues)
        self.symbols = [one.symbol for one in instruments] + [""]
        self._written = [text(symbol) for symbol in self.symbols]
        names = [(one.venue.encode(), one.symbol.encode()) for one in instruments]
        order = sorted(range(self._count), key=names.__getitem__)
        self._rank = np.zeros(self._count + 1, np.uint16 if self._count < 1 << 16 else np.int32)
        self._rank[order] = np.arange(1, self._count + 1)

    def in_key_order(self, tape: Tape, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return places of a tape in the order in which the tables keep rows, so that the store need not sort them.

        Only almost: where our clock was set back it still has to.
        """
        order: NDArray[np.int64] = places[np.argsort(self._rank[tape.instrument[places]], kind="stable")]
        return order

    def columns(self, instrument: NDArray[np.int32]) -> dict[str, Column]:
        """Return the ``venue`` and ``symbol`` columns for dense ids; -1 gives empty labels."""
        return {"venue": labels(self.venue_of[instrument], self.venues), "symbol": self._symbol(instrument)}

    def wide_columns(
        self, instrument: NDArray[np.int32], source: NDArray[np.uint16], venues: Mapping[int, str]
    ) -> dict[str, Column]:
        """Return the ``venue`` and ``symbol`` columns; -1 has its source's of ``venues``, and no symbol."""
        venue = self.venue_of[instrument]
        for place, which in enumerate(venues, len(self.venues)):
            venue = np.where((instrument < 0) & (source == which), np.int32(place), venue)
        return {"venue": labels(venue, [*self.venues, *venues.values()]), "symbol": self._symbol(instrument)}

    def _symbol(self, instrument: NDArray[np.int32]) -> Coded:
        """Only symbols that appear are sent, so that a small batch among thousands of instruments stays small."""
        seen = np.zeros(len(self.symbols), np.bool_)
        seen[instrument] = True
        place = np.cumsum(seen, dtype=np.int32) - np.int32(1)
        found = np.flatnonzero(seen).tolist()
        return coded(place[instrument], Keys(len(found), b"".join([self._written[one] for one in found])))


class Picked:
    """Some rows of a tape; a column is gathered when it is asked for, since no table needs them all."""

    def __init__(self, tape: Tape, places: NDArray[np.int64]) -> None:
        self._tape = tape
        self._places = places

    def __getattr__(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = getattr(self._tape, name)
        return column[self._places]


def _provenance_of() -> NDArray[np.uint8]:
    flags = np.arange(1 << 16)
    found = [(flags & flag) != 0 for flag in (Flag.SYNTHETIC, Flag.REPLAYED, Flag.HISTORY)]
    return np.select(found, [SYNTHETIC, PROVENANCES.index(Provenance.REPLAY), HISTORY], 0).astype(np.uint8)


_PROVENANCE_OF: Final = _provenance_of()
"""By tape flags."""


def provenance(flags: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Return a code per row: a place in PROVENANCES. Synthetic wins: it is the strongest warning."""
    found: NDArray[np.uint8] = _PROVENANCE_OF[flags]
    return found


def common(tape: Picked, labels_of: Labels) -> dict[str, Column]:
    """Return the columns that every event has."""
    return labels_of.columns(tape.instrument) | unlabelled(tape)


def unlabelled(tape: Picked) -> dict[str, Column]:
    """Return the columns that every event has beside the names of its instrument."""
    return {
        "ts_event": stamps(tape.ts_event, nullable=True),
        "ts_recv": stamps(tape.ts_recv),
        "sequence": integers(tape.sequence, nullable=True),
        "offset": integers(tape.offset),
        "index": integers(tape.index),
        "provenance": labels(provenance(tape.flags), PROVENANCES),
    }


def trades(tape: Tape, labels_of: Labels) -> Block:
    """Return the trades of a tape, those seen before left out."""
    fresh = np.flatnonzero((tape.kind == EventKind.TRADE) & ((tape.flags & Flag.DUPLICATE) == 0))
    if not len(fresh):
        return NOTHING
    rows = Picked(tape, labels_of.in_key_order(tape, fresh))
    return Block(
        common(rows, labels_of)
        | {
            "trade_id": integers(rows.trade_id, nullable=True),
            "price": prices(rows.price),
            "size": sizes(rows.size, rows.size_exp, nullable=True),
            "side": labels(rows.side, _SIDES),
            "uncounted": labels(rows.code, UNCOUNTED),
            "flags": integers(rows.flags),
        }
    )


def quotes(tape: Tape, labels_of: Labels) -> Block:
    """Return the best bids and offers of a tape; a missing side is NULL, price and size."""
    found = np.flatnonzero(tape.kind == EventKind.QUOTE)
    if not len(found):
        return NOTHING
    rows = Picked(tape, labels_of.in_key_order(tape, found))
    return Block(
        common(rows, labels_of)
        | {
            "bid_price": prices(rows.price, nullable=True),
            "bid_size": sizes(rows.size, rows.size_exp, nullable=True),
            "ask_price": prices(rows.ask_price, nullable=True),
            "ask_size": sizes(rows.ask_size, rows.ask_size_exp, nullable=True),
            "flags": integers(rows.flags),
        }
    )


def book_deltas(tape: Tape, labels_of: Labels) -> Block:
    """Return one row a venue event: level changes, or a whole book, each side in the venue's order."""
    is_snapshot = tape.kind == EventKind.BOOK_SNAPSHOT
    found = np.flatnonzero(is_snapshot | (tape.kind == EventKind.BOOK_DELTA))
    if not len(found):
        return NOTHING
    chosen = labels_of.in_key_order(tape, found)
    rows = Picked(tape, chosen)
    columns = common(rows, labels_of) | {
        "kind": labels(is_snapshot[chosen], ("delta", "snapshot")),
        "sequence_first": integers(rows.sequence_first, nullable=True),
        "sequence_prev": integers(rows.sequence_prev, nullable=True),
    }
    begin, end = rows.level_begin, rows.level_end
    of = tape.level_side, tape.level_price, tape.level_size, tape.level_size_exp
    for name, side in (("bid", Side.BUY), ("ask", Side.SELL)):
        columns[f"{name}_prices"], columns[f"{name}_sizes"] = levels(begin, end, side, of)
    return Block(columns | {"flags": integers(rows.flags)})


def orders(tape: Tape, labels_of: Labels) -> Block:
    """Return what happened to single orders, one row a change."""
    found = np.flatnonzero(tape.kind == EventKind.ORDER)
    if not len(found):
        return NOTHING
    rows = Picked(tape, labels_of.in_key_order(tape, found))
    return Block(
        common(rows, labels_of)
        | {
            "order_id": integers(rows.order_id, nullable=True),
            "action": labels(rows.code, _ACTIONS),
            "side": labels(rows.side, _SIDES),
            "price": prices(rows.price, nullable=True),
            "size": sizes(rows.size, rows.size_exp, nullable=True),
            "flags": integers(rows.flags),
        }
    )


def latest(tape: Tape, labels_of: Labels, words: Words) -> Block:
    """Return each instrument's last trade and last quote of a tape that say what it is worth, one row each.

    Where the last word on its trades takes one back it is that row, without a price: what stands is in ``standing``.
    """
    is_quote = (tape.kind == EventKind.QUOTE) & ((tape.flags & Flag.INELIGIBLE) == 0)
    traded = np.maximum(words.last, words.undone)  # at most one of them is there
    picked = [traded[traded >= 0], _last_of(tape.instrument, is_quote)]
    places = np.concatenate(picked)
    if not len(places):
        return NOTHING
    rows = Picked(tape, places)
    quoted = np.arange(len(places)) >= len(picked[0])
    priceless = quoted | ((rows.flags & Flag.WITHDRAWN) != 0)
    absent = np.where(priceless, ABSENT, rows.price), np.where(priceless, ABSENT, rows.size)
    bid = np.where(quoted, rows.price, ABSENT), np.where(quoted, rows.size, ABSENT)
    return Block(
        common(rows, labels_of)
        | {
            "kind": labels(quoted, ("trade", "quote")),
            "price": prices(absent[0], nullable=True),
            "size": sizes(absent[1], rows.size_exp, nullable=True),
            "side": labels(rows.side, _SIDES),
            "bid_price": prices(bid[0], nullable=True),
            "bid_size": sizes(bid[1], rows.size_exp, nullable=True),
            "ask_price": prices(rows.ask_price, nullable=True),
            "ask_size": sizes(rows.ask_size, rows.ask_size_exp, nullable=True),
            "flags": integers(rows.flags),
        }
    )


def _last_of(instrument: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where each instrument appears last among the chosen rows."""
    rows = np.flatnonzero(mask)
    if not len(rows):
        return rows
    last = np.full(int(instrument.max()) + 1, -1, np.int64)
    np.maximum.at(last, instrument[rows], rows)
    return last[last >= 0]
