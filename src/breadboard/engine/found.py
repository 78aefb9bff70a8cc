"""Gaps that stages find in the tape, as rows; the engine gives them their names."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import GapReason, GapState

FOUND: Final = np.dtype(
    [
        ("offset", np.int64),
        ("index", np.uint16),
        ("instrument", np.int32),
        ("source", np.uint16),
        ("reason", np.uint16),  # GapReason
        ("refilled", np.uint8),  # 1: what was reported missing has come after all
        ("ts_from", np.int64),  # our receive clock
        ("ts_to", np.int64),
        ("sequence_from", np.int64),  # ABSENT where no number is known
        ("sequence_to", np.int64),
    ]
)
"""One row per gap found; ``(offset, index)`` is the tape row that showed it."""

_CHANNELS: Final = {
    GapReason.SEQUENCE: "book",
    GapReason.OVERFLOW: "book",
    GapReason.TRADE_ID: "trade",
    GapReason.ORDER: "book",
}


def as_gap(row: np.void, instruments: Instruments) -> Gap:
    """Return one FOUND row as a Gap that names its symbol and channel."""
    reason = GapReason(int(row["reason"]))
    return Gap(
        source=int(row["source"]),
        reason=reason,
        ts_from=int(row["ts_from"]),
        ts_to=int(row["ts_to"]),
        symbol=instruments[int(row["instrument"])].symbol,
        channel=_CHANNELS.get(reason),
        sequence_from=_known(row["sequence_from"]),
        sequence_to=_known(row["sequence_to"]),
        state=GapState.REFILLED if row["refilled"] else GapState.OPEN,
    )


def found(rows: list[tuple[int, ...]]) -> NDArray[np.void] | None:
    """Return FOUND rows as an array, or None where there are none."""
    return np.array(rows, FOUND) if rows else None


def _known(number: np.int64) -> int | None:
    return None if number == ABSENT else int(number)
