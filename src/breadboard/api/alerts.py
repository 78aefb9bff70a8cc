"""The newest alerts in order, under a sequence without holes, and what clients are told of them."""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from breadboard.api.feeds import provenance
from breadboard.model.alerts import AlertState, RuleVersion
from breadboard.model.decimals import ABSENT, price_text
from breadboard.model.instruments import Instrument
from breadboard.model.rule_words import cause, told
from breadboard.model.rules import Rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEPT: Final = 1 << 14
"""Alerts that are kept to be told again: those of a minute, at 270 a second."""
_KEPT_TEXTS: Final = 4_096


class Alert(NamedTuple):
    """One row of ``ALERT``, with the rule that it is of."""

    seq: int
    row: np.void
    rule: RuleVersion


class Alerts(NamedTuple):
    """What the ring holds of the sequence ``first <= seq < end``."""

    found: list[Alert]
    first: int
    end: int
    lost: int
    """Alerts of any instrument before ``first`` that were asked for and are no longer here."""


class AlertRing:
    """The last alerts. Sequence numbers begin at 0 and have no holes. Not thread-safe; LiveMarket holds the lock."""

    def __init__(self, most: int = KEPT) -> None:
        self._kept: deque[Alert] = deque(maxlen=most)
        self.end = 0
        """The sequence number of the next alert."""

    def append(self, rows: "NDArray[np.void]", rules: Sequence[RuleVersion]) -> None:
        """Take ``ALERT`` rows, in order."""
        for row in rows.copy() if len(rows) else ():
            self._kept.append(Alert(self.end, row, rules[int(row["rule"])]))
            self.end += 1

    def read(self, since: int, wanted: "NDArray[np.bool_] | None", most: int) -> Alerts:
        """Return the oldest ``most`` alerts from ``since`` on that are of wanted instruments, or of a whole source."""
        first = min(max(since, self.end - len(self._kept), 0), self.end)
        found: list[Alert] = []
        for one in islice(self._kept, first - (self.end - len(self._kept)), None):
            which = int(one.row["instrument"])
            if wanted is None or which < 0 or (which < len(wanted) and wanted[which]):
                if len(found) == most:
                    return Alerts(found, first, one.seq, max(0, first - since))
                found.append(one)
        return Alerts(found, first, self.end, max(0, first - since))


class AlertTexts:
    """Alerts as bytes, each made once however many clients are told of it."""

    def __init__(self, instrument: Callable[[int], Instrument], venue: Callable[[int], str]) -> None:
        self._instrument = instrument
        self._venue = venue
        self._made: dict[tuple[str, int], bytes] = {}

    def body(self, found: Sequence[Alert], codec: str) -> bytes:
        """Return the inside of an array of these alerts."""
        if len(self._made) > _KEPT_TEXTS:
            self._made.clear()
        texts = [self._made.get((codec, one.seq)) or self._make(one, codec) for one in found]
        return (b"," if codec == "json" else b"").join(texts)

    def _make(self, one: Alert, codec: str) -> bytes:
        which = int(one.row["instrument"])
        source = int(one.row["source"])
        named = self._instrument(which) if which >= 0 else Instrument(self._venue(source), "")
        encode: Any = msgspec.json.encode if codec == "json" else msgspec.msgpack.encode
        text: bytes = encode(described(one, named))
        self._made[codec, one.seq] = text
        return text


def described(one: Alert, named: Instrument) -> dict[str, Any]:
    """Return one row of the channel ``alert``; one of a whole source has an empty symbol."""
    row, rule = one.row, _rule(one.rule.text)
    whole = not named.symbol
    name = (named.venue or "every source") if whole else named.id
    return {
        "seq": one.seq,
        "id": row["id"].decode(),
        "rule": one.rule.name,
        "version": one.rule.version,
        "kind": rule.kind,
        "state": AlertState(int(row["state"])).label,
        "instrument": None if whole else named.id,
        "symbol": named.symbol,
        "venue": named.venue,
        "sentence": told(row, rule, name),
        "value": _finite(row["value"]),
        "threshold": _finite(row["threshold"]),
        "reference": _finite(row["reference"]),
        "price": None if row["price"] == ABSENT else price_text(int(row["price"])),
        "cause": cause(row, rule.of_kind),
        "gapped": int(row["gapped"]),
        "ts_event": _known(row["ts_event"]),
        "ts_recv": int(row["ts_recv"]),
        "ts_window": _known(row["ts_window"]),
        "provenance": str(provenance(int(row["flags"]))),
        "offset": int(row["offset"]),
        "index": int(row["index"]),
    }


@lru_cache(maxsize=1 << 10)
def _rule(text: bytes) -> Rule:
    return msgspec.json.decode(text, type=Rule)


def _finite(value: np.float64) -> float | None:
    return float(value) if isfinite(value) else None


def _known(value: np.int64) -> int | None:
    return None if value == ABSENT else int(value)
