"""Alerts: that a rule fired, of what, when, and on what evidence."""

import hashlib
from enum import IntEnum
from typing import Final

import msgspec
import numpy as np


class AlertState(IntEnum):
    """What a row says of its alert. Values are stored and hashed into digests: add at the end, never renumber."""

    FIRED = 1
    RETRACTED = 2
    """The trade that fired it was taken back by the venue; ``alert_id`` is the one of the row that fired."""

    @property
    def label(self) -> str:
        """The word used in SQL and JSON."""
        return self.name.lower()


class Silence(IntEnum):
    """Of a rule of kind ``no_data``: who is silent. Values are stored: add at the end, never renumber."""

    NONE = 0
    """It is no such rule."""
    QUIET = 1
    """The instrument is quiet; its source is heard."""
    SOURCE = 2
    """Its source says nothing either."""
    DOWN = 3
    """Its source has no connection."""

    @property
    def label(self) -> str:
        """The word used in SQL and JSON; empty for other rules."""
        return self.name.lower() if self else ""


ALERT: Final = np.dtype(
    [
        ("offset", np.int64),  # (offset, index): the tape row that fired it; index 0 where a window's end or a gap did
        ("index", np.uint16),
        (
            "id",
            "S32",
        ),  # hex; a hash of rule, version, instrument, window, (offset, index), finding: the same in any replay
        ("rule", np.int32),  # place in ``Outputs.rules``
        ("kind", np.uint8),  # RuleKind
        ("state", np.uint8),  # AlertState
        ("instrument", np.int32),  # -1: a whole source
        ("source", np.uint16),
        ("ts_event", np.int64),  # of that row, the venue's clock; a window's end; ABSENT where it told none
        ("ts_recv", np.int64),  # of that row, our clock
        ("sequence", np.int64),  # the venue's number; ABSENT where it told none
        ("flags", np.uint16),  # Flag: what the row, or the newest of the instrument's rows, is
        ("gapped", np.uint8),  # 1: something may be missing in what it was concluded from
        ("cause", np.uint8),  # of no_data a Silence, of a gap its GapReason, of an anomaly its Anomaly; else 0
        ("value", np.float64),  # what was measured, in the kind's unit
        ("threshold", np.float64),  # what it came to
        ("reference", np.float64),  # what it was measured against; NaN where there is no such thing
        ("reference_offset", np.int64),  # the journal offset of that; ABSENT where it has none
        ("price", np.int64),  # the trade's, exact, 1e-9; ABSENT where no trade fired it
        ("ts_window", np.int64),  # where the window that fired it begins, ns UTC; ABSENT where none did
    ]
)
"""One row a crossing told; a second one with the same id where its trade was taken back."""


class RuleVersion(msgspec.Struct, frozen=True):
    """A rule as it was when an alert named it: what ``ALERT.rule`` is a place of."""

    name: str
    version: str
    text: bytes
    """The ``Rule`` as JSON."""


def alert_id(rule: RuleVersion, instrument: str, offset: int, index: int, ts_window: int, what: str = "") -> bytes:
    """Return the id of an alert: 32 hex digits that say nothing of the run, the batch or the machine.

    ``what`` tells apart what one row may lead to several of: anomalies, opportunities. Others have none.
    """
    where = f"{rule.name}\0{rule.version}\0{instrument}\0{offset}\0{index}\0{ts_window}" + (what and f"\0{what}")
    return hashlib.blake2b(where.encode(), digest_size=16).hexdigest().encode()
