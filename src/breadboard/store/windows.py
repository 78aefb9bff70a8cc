"""Bars and features, from the engine's rows to rows of the store."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.activity import Activity
from breadboard.model.bars import INTERVALS, Session
from breadboard.model.decimals import ABSENT, PRICE_UNIT
from breadboard.model.features import WINDOWS, Feature
from breadboard.model.kinds import BarState
from breadboard.model.tape import Tape
from breadboard.store.columns import integers, labels, prices, stamps, volumes
from breadboard.store.native import Block
from breadboard.store.rows import PROVENANCES, Labels, Picked, common

_SESSIONS: Final = tuple(session.label for session in Session)
_STATES: Final = ("", *(state.label for state in BarState))
_INTERVAL_NAMES: Final = {seconds: name for name, seconds in INTERVALS.items()}
_FEATURES: Final = tuple(feature.label for feature in Feature)


def activity_bars(tape: Tape, bars_: NDArray[np.void], labels_of: Labels) -> Block:
    """Return ``ACTIVITY_BAR`` rows; what they have in common with others is that of the trade that concluded each."""
    places = np.searchsorted(_names_of_rows(tape.offset, tape.index), _names_of_rows(bars_["offset"], bars_["index"]))
    kinds, code = np.unique(np.stack((bars_["kind"], bars_["threshold"])), axis=1, return_inverse=True)
    words = [f"{Activity(int(kind)).label}:{threshold:.12g}" for kind, threshold in kinds.T.tolist()]
    column = {name: bars_[name] for name in bars_.dtype.names or ()}
    return Block(
        common(Picked(tape, places), labels_of)
        | {
            "kind": labels(code.ravel(), words),
            **{name: integers(column[name]) for name in ("number", "trades", "imbalance", "gapped", "notional")},
            **{name: stamps(column[name]) for name in ("ts_open", "ts_close")},
            **{name: prices(column[name]) for name in ("open", "high", "low", "close")},
            "volume": volumes(column["volume_whole"], column["volume_fraction"]),
        }
    )


def _names_of_rows(offset: NDArray[np.int64], index: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Return ``(offset, index)`` as one number each, in their order."""
    return offset * (1 << 16) + index


def bars(
    rows: NDArray[np.void], labels_of: Labels, origin: NDArray[np.uint8], ts_recv: NDArray[np.int64] | None = None
) -> Block:
    """Return ``BAR`` rows as bar versions. ``origin`` has a ``provenance`` code per row.

    ``ts_recv`` says of each when we had received what it was concluded from (ns UTC; ABSENT, or None: not known).

    The version is ``offset * 4 + 3``: the newest wins, and of those at one offset (a document takes a trade back and
    goes on) the one that was told last, be it concluded or open. Stores of before have ``+ 1`` to ``+ 3``, by state.
    """
    seconds, code = np.unique(rows["interval"], return_inverse=True)
    volume = rows["volume_whole"].astype(np.float64) + rows["volume_fraction"] * 1e-18
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        vwap = rows["notional"] / volume * PRICE_UNIT
    known = np.isfinite(vwap) & (np.abs(vwap) < 9.2e18)
    return Block(
        {
            **labels_of.columns(rows["instrument"]),
            "interval": labels(code, [_INTERVAL_NAMES.get(int(one), f"{one}s") for one in seconds.tolist()]),
            "ts_open": stamps(rows["ts_open"]),
            "ts_close": stamps(rows["ts_close"]),
            **{name: prices(rows[name]) for name in ("open", "high", "low", "close")},
            "volume": volumes(rows["volume_whole"], rows["volume_fraction"]),
            "vwap": prices(np.where(known, np.rint(np.where(known, vwap, 0)), ABSENT).astype(np.int64), nullable=True),
            "trades": integers(rows["trades"]),
            "state": labels(rows["state"], _STATES),
            "session": labels(rows["session"], _SESSIONS),
            "completeness": integers(rows["completeness"]),
            "provenance": labels(origin, PROVENANCES),
            "offset": integers(rows["offset"]),
            "version": integers((rows["offset"] * 4 + 3).astype(np.uint64)),
            "ts_recv": stamps(np.full(len(rows), ABSENT) if ts_recv is None else ts_recv, nullable=True),
        }
    )


def features(rows: NDArray[np.void], labels_of: Labels, origin: NDArray[np.uint8], tape: Tape) -> Block:
    """Return ``FEATURE`` rows; ``ts_event`` is the window's end, ``ts_recv`` that of the event that closed it.

    ``origin`` has a ``provenance`` code per row. The index counts those of an instrument that were
    concluded at one offset.
    """
    offset, seconds = rows["offset"], rows["interval"].astype(np.int64)
    order = np.lexsort((np.arange(len(rows)), rows["instrument"], offset))
    one = offset[order], rows["instrument"][order]
    begins = np.append(True, (one[0][1:] != one[0][:-1]) | (one[1][1:] != one[1][:-1]))[: len(rows)]
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - np.maximum.accumulate(np.where(begins, np.arange(len(rows)), 0))
    at = np.searchsorted(tape.offset, offset)
    lengths = list(WINDOWS.values())
    return Block(
        {
            **labels_of.columns(rows["instrument"]),
            "ts_event": stamps(rows["ts_open"] + seconds * PRICE_UNIT, nullable=True),
            "ts_recv": stamps(tape.ts_recv[at]),
            "sequence": integers(np.full(len(rows), ABSENT), nullable=True),
            "offset": integers(offset),
            "index": integers(place.astype(np.uint16)),
            "provenance": labels(origin, PROVENANCES),
            "name": labels(rows["feature"], _FEATURES),
            "value": integers(rows["value"]),
            "interval": labels(np.searchsorted(lengths, seconds), list(WINDOWS)),
            "ts_open": stamps(rows["ts_open"]),
        }
    )
