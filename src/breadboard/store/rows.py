"""From what the engine concluded to Arrow tables, one per SQL table. Columns only: no loop over rows in Python."""

from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from breadboard.model.activity import Activity
from breadboard.model.bars import INTERVALS, Session
from breadboard.model.decimals import ABSENT, PRICE_UNIT
from breadboard.model.features import WINDOWS, Feature
from breadboard.model.instruments import Instruments
from breadboard.model.kernels import kernel
from breadboard.model.kinds import BarState, EventKind, Flag, OrderAction, Provenance, Side, Uncounted
from breadboard.model.tape import Tape
from breadboard.store.columns import arrow, integers, labels, prices, sizes, stamps, volumes

RAW_EXCERPT: Final = 4096
"""Bytes of a quarantined frame that the table shows; all of them stay in the journal."""


PROVENANCES: Final = (Provenance.LIVE, Provenance.SYNTHETIC, Provenance.REPLAY, Provenance.HISTORY)
"""By the code that ``provenance`` gives."""
SYNTHETIC: Final = PROVENANCES.index(Provenance.SYNTHETIC)
HISTORY: Final = PROVENANCES.index(Provenance.HISTORY)
_SIDES: Final = tuple(side.name.lower() for side in Side)
_BAR_PARTS: Final = [Uncounted[f"{day}{name}"] for day in ("", "DAY_") for name in ("OPEN_CLOSE", "HIGH_LOW", "VOLUME")]
_SESSIONS: Final = tuple(session.label for session in Session)
_ACTIONS: Final = ("", *(action.name.lower() for action in OrderAction))
_UNCOUNTED: Final = tuple(
    " ".join(one.name.lower() for one in _BAR_PARTS if one.name and one & code)
    for code in range(2 * Uncounted.DAY_VOLUME)
)
_STATES: Final = ("", *(state.label for state in BarState))
_INTERVAL_NAMES: Final = {seconds: name for name, seconds in INTERVALS.items()}
_FEATURES: Final = tuple(feature.label for feature in Feature)


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
        self._rank = np.zeros(1, np.uint16)

    def refresh(self, instruments: Instruments) -> None:
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

    def columns(self, instrument: NDArray[np.int32]) -> dict[str, pa.Array]:
        """Return the ``venue`` and ``symbol`` columns for dense ids; -1 gives empty labels.

        Only symbols that appear are sent, so that a small batch among thousands of instruments stays small.
        """
        seen = np.zeros(len(self.symbols), np.bool_)
        seen[instrument] = True
        place = np.cumsum(seen, dtype=np.int32) - np.int32(1)
        return {
            "venue": labels(self.venue_of[instrument], self.venues),
            "symbol": labels(place[instrument], [self.symbols[one] for one in np.flatnonzero(seen).tolist()]),
        }


class Picked:
    """Some rows of a tape; a column is gathered when it is asked for, since no table needs them all."""

    def __init__(self, tape: Tape, places: NDArray[np.int64]) -> None:
        self._tape = tape
        self._places = places

    def __getattr__(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = getattr(self._tape, name)
        return column[self._places]


class Flagged(Protocol):
    """Whatever has tape flags a row."""

    @property
    def flags(self) -> NDArray[Any]:
        """``Flag`` bits."""
        ...


def provenance(tape: Flagged) -> NDArray[np.uint8]:
    """Return a code per row: a place in PROVENANCES. Synthetic wins: it is the strongest warning."""
    synthetic = (tape.flags & Flag.SYNTHETIC) != 0
    replayed = (tape.flags & Flag.REPLAYED) != 0
    history = (tape.flags & Flag.HISTORY) != 0
    return np.select([synthetic, replayed, history], [1, 2, HISTORY], 0).astype(np.uint8)


def common(tape: Picked, labels_of: Labels) -> dict[str, pa.Array]:
    """Return the columns that every event has."""
    return {
        **labels_of.columns(tape.instrument),
        "ts_event": stamps(tape.ts_event, nullable=True),
        "ts_recv": stamps(tape.ts_recv),
        "sequence": integers(tape.sequence, nullable=True),
        "offset": integers(tape.offset),
        "index": integers(tape.index),
        "provenance": labels(provenance(tape), PROVENANCES),
    }


def trades(tape: Tape, labels_of: Labels) -> pa.Table:
    """Return the trades of a tape, those seen before left out."""
    fresh = np.flatnonzero((tape.kind == EventKind.TRADE) & ((tape.flags & Flag.DUPLICATE) == 0))
    rows = Picked(tape, labels_of.in_key_order(tape, fresh))
    return arrow(
        common(rows, labels_of)
        | {
            "trade_id": integers(rows.trade_id, nullable=True),
            "price": prices(rows.price),
            "size": sizes(rows.size, rows.size_exp, nullable=True),
            "side": labels(rows.side, _SIDES),
            "uncounted": labels(rows.code.astype(np.uint8), _UNCOUNTED),
            "flags": integers(rows.flags),
        }
    )


def quotes(tape: Tape, labels_of: Labels) -> pa.Table:
    """Return the best bids and offers of a tape; a missing side is NULL, price and size."""
    rows = Picked(tape, labels_of.in_key_order(tape, np.flatnonzero(tape.kind == EventKind.QUOTE)))
    return arrow(common(rows, labels_of) | _sides(rows) | {"flags": integers(rows.flags)})


def _sides(rows: Picked) -> dict[str, pa.Array]:
    return {
        "bid_price": prices(rows.price, nullable=True),
        "bid_size": sizes(rows.size, rows.size_exp, nullable=True),
        "ask_price": prices(rows.ask_price, nullable=True),
        "ask_size": sizes(rows.ask_size, rows.ask_size_exp, nullable=True),
    }


def book_deltas(tape: Tape, labels_of: Labels) -> pa.Table:
    """Return one row a venue event: level changes, or a whole book, each side in the venue's order."""
    is_snapshot = tape.kind == EventKind.BOOK_SNAPSHOT
    chosen = labels_of.in_key_order(tape, np.flatnonzero(is_snapshot | (tape.kind == EventKind.BOOK_DELTA)))
    rows = Picked(tape, chosen)
    columns = common(rows, labels_of) | {
        "kind": labels(is_snapshot[chosen].astype(np.uint8), ("delta", "snapshot")),
        "sequence_first": integers(rows.sequence_first, nullable=True),
        "sequence_prev": integers(rows.sequence_prev, nullable=True),
    }
    for name, side in (("bid", Side.BUY), ("ask", Side.SELL)):
        offsets, picks = _pick(rows.level_begin, rows.level_end, tape.level_side, np.uint8(side))
        starts = pa.array(offsets)
        columns[f"{name}_prices"] = _lists(starts, prices(tape.level_price[picks]))
        columns[f"{name}_sizes"] = _lists(starts, sizes(tape.level_size[picks], tape.level_size_exp[picks]))
    return arrow(columns | {"flags": integers(rows.flags)})


def orders(tape: Tape, labels_of: Labels) -> pa.Table:
    """Return what happened to single orders, one row a change."""
    rows = Picked(tape, labels_of.in_key_order(tape, np.flatnonzero(tape.kind == EventKind.ORDER)))
    return _nullable(
        common(rows, labels_of)
        | {
            "order_id": integers(rows.order_id, nullable=True),
            "action": labels(rows.code.astype(np.uint8), _ACTIONS),
            "side": labels(rows.side, _SIDES),
            "price": prices(rows.price, nullable=True),
            "size": sizes(rows.size, rows.size_exp, nullable=True),
            "flags": integers(rows.flags),
        },
        "price",
    )


def _nullable(columns: dict[str, pa.Array], *names: str) -> pa.Table:
    """Return a table in which these columns may be NULL, too."""
    table = arrow(columns)
    return table.cast(pa.schema([field.with_nullable(field.nullable or field.name in names) for field in table.schema]))


def activity_bars(tape: Tape, bars_: NDArray[np.void], labels_of: Labels) -> pa.Table:
    """Return ``ACTIVITY_BAR`` rows; what they have in common with others is that of the trade that concluded each."""
    places = np.searchsorted(_names_of_rows(tape.offset, tape.index), _names_of_rows(bars_["offset"], bars_["index"]))
    kinds, code = np.unique(np.stack((bars_["kind"], bars_["threshold"])), axis=1, return_inverse=True)
    words = [f"{Activity(int(kind)).label}:{threshold:.12g}" for kind, threshold in kinds.T.tolist()]
    column = {name: np.ascontiguousarray(bars_[name]) for name in bars_.dtype.names or ()}
    return arrow(
        common(Picked(tape, places), labels_of)
        | {
            "kind": labels(code.astype(np.int32).ravel(), words),
            **{name: integers(column[name]) for name in ("number", "trades", "imbalance", "gapped", "notional")},
            **{name: stamps(column[name]) for name in ("ts_open", "ts_close")},
            **{name: prices(column[name]) for name in ("open", "high", "low", "close")},
            "volume": volumes(column["volume_whole"], column["volume_fraction"]),
        }
    )


def _names_of_rows(offset: NDArray[np.int64], index: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return ``(offset, index)`` as one number each, in their order."""
    return offset * (1 << 16) + index


def _lists(offsets: pa.Array, values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(offsets, values)


@kernel
def _pick(begin: Any, end: Any, sides: Any, side: Any) -> Any:  # noqa: ANN401 - numba infers array types
    """Return list offsets (int32) and the places of one side's levels, row by row."""
    offsets = np.zeros(len(begin) + 1, np.int32)
    for row in range(len(begin)):
        count = 0
        for level in range(begin[row], end[row]):
            count += sides[level] == side
        offsets[row + 1] = offsets[row] + count
    picks = np.empty(offsets[-1], np.int64)
    at = 0
    for row in range(len(begin)):
        for level in range(begin[row], end[row]):
            if sides[level] == side:
                picks[at] = level
                at += 1
    return offsets, picks


def latest(tape: Tape, labels_of: Labels) -> pa.Table:
    """Return each instrument's last trade and last quote of a tape, one row each."""
    is_trade = (tape.kind == EventKind.TRADE) & ((tape.flags & (Flag.DUPLICATE | Flag.LAST_KNOWN)) == 0)
    picked = [_last_of(tape.instrument, mask) for mask in (is_trade, tape.kind == EventKind.QUOTE)]
    places = np.concatenate(picked)
    rows = Picked(tape, places)
    is_quote = np.arange(len(places)) >= len(picked[0])
    absent = np.where(is_quote, ABSENT, rows.price), np.where(is_quote, ABSENT, rows.size)
    bid = np.where(is_quote, rows.price, ABSENT), np.where(is_quote, rows.size, ABSENT)
    return _nullable(
        common(rows, labels_of)
        | {
            "kind": labels(is_quote.astype(np.uint8), ("trade", "quote")),
            "price": prices(absent[0], nullable=True),
            "size": sizes(absent[1], rows.size_exp, nullable=True),
            "side": labels(rows.side, _SIDES),
            "bid_price": prices(bid[0], nullable=True),
            "bid_size": sizes(bid[1], rows.size_exp, nullable=True),
            "ask_price": prices(rows.ask_price, nullable=True),
            "ask_size": sizes(rows.ask_size, rows.ask_size_exp, nullable=True),
            "flags": integers(rows.flags),
        },
        "price",
    )


def _last_of(instrument: NDArray[np.int32], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where each instrument appears last among the chosen rows."""
    rows = np.flatnonzero(mask)
    if not len(rows):
        return rows
    last = np.full(int(instrument.max()) + 1, -1, np.int64)
    np.maximum.at(last, instrument[rows], rows)
    return last[last >= 0]


def bars(rows: NDArray[np.void], labels_of: Labels, origin: NDArray[np.uint8]) -> pa.Table:
    """Return ``BAR`` rows as bar versions. ``origin`` has a ``provenance`` code per row.

    The version is ``offset * 4 + state``: the newest conclusion wins, and at one offset the more settled one. What is
    withdrawn is as settled as what is corrected: the later of them wins.
    """
    seconds, code = np.unique(rows["interval"], return_inverse=True)
    volume = rows["volume_whole"].astype(np.float64) + rows["volume_fraction"] * 1e-18
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        vwap = rows["notional"] / volume * PRICE_UNIT
    known = np.isfinite(vwap) & (np.abs(vwap) < 9.2e18)
    return arrow(
        {
            **labels_of.columns(rows["instrument"]),
            "interval": labels(
                code.astype(np.int32), [_INTERVAL_NAMES.get(int(one), f"{one}s") for one in seconds.tolist()]
            ),
            "ts_open": stamps(np.ascontiguousarray(rows["ts_open"])),
            "ts_close": stamps(np.ascontiguousarray(rows["ts_close"])),
            **{name: prices(np.ascontiguousarray(rows[name])) for name in ("open", "high", "low", "close")},
            "volume": volumes(rows["volume_whole"], rows["volume_fraction"]),
            "vwap": prices(np.where(known, np.rint(np.where(known, vwap, 0)), ABSENT).astype(np.int64), nullable=True),
            "trades": integers(np.ascontiguousarray(rows["trades"])),
            "state": labels(np.ascontiguousarray(rows["state"]), _STATES),
            "session": labels(np.ascontiguousarray(rows["session"]), _SESSIONS),
            "completeness": integers(np.ascontiguousarray(rows["completeness"])),
            "provenance": labels(origin, PROVENANCES),
            "offset": integers(np.ascontiguousarray(rows["offset"])),
            "version": integers((rows["offset"] * 4 + np.minimum(rows["state"], BarState.CORRECTED)).astype(np.uint64)),
        }
    )


def features(rows: NDArray[np.void], labels_of: Labels, origin: NDArray[np.uint8], tape: Tape) -> pa.Table:
    """Return ``FEATURE`` rows; ``ts_event`` is the window's end, ``ts_recv`` that of the event that closed it.

    ``origin`` has a ``provenance`` code per row. The index counts those of an instrument that were
    concluded at one offset.
    """
    offset, seconds = np.ascontiguousarray(rows["offset"]), rows["interval"].astype(np.int64)
    order = np.lexsort((np.arange(len(rows)), rows["instrument"], offset))
    one = offset[order], rows["instrument"][order]
    begins = np.append(True, (one[0][1:] != one[0][:-1]) | (one[1][1:] != one[1][:-1]))[: len(rows)]
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))
    at = np.searchsorted(tape.offset, offset)
    lengths = list(WINDOWS.values())
    return arrow(
        {
            **labels_of.columns(rows["instrument"]),
            "ts_event": stamps(rows["ts_open"] + seconds * PRICE_UNIT, nullable=True),
            "ts_recv": stamps(tape.ts_recv[at]),
            "sequence": integers(np.full(len(rows), ABSENT), nullable=True),
            "offset": integers(offset),
            "index": integers(place.astype(np.uint16)),
            "provenance": labels(origin, PROVENANCES),
            "name": labels(rows["feature"].astype(np.int32), _FEATURES),
            "value": integers(np.ascontiguousarray(rows["value"])),
            "interval": labels(np.searchsorted(lengths, seconds).astype(np.int32), list(WINDOWS)),
            "ts_open": stamps(np.ascontiguousarray(rows["ts_open"])),
        }
    )
