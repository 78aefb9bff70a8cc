"""Instruments in full as JSON, each written once for all who ask until its trade, quote or day changes."""

from collections.abc import Sequence
from threading import Lock
from typing import Any, Final

import numpy as np

from breadboard.api import wire
from breadboard.api.export import json_text
from breadboard.api.live import LiveMarket
from breadboard.model.decimals import ABSENT

_MOVING: Final = ("feed", "state", "age_ms")
"""What changes without the record: it is written at the end of a row, each time."""


class StockRows:
    """The newest row of every instrument that was asked for, as bytes. Thread-safe."""

    def __init__(self, live: LiveMarket) -> None:
        self._live = live
        self._lock = Lock()
        self._rows: dict[int, tuple[int, bytes]] = {}

    def body(self, ids: Sequence[int], before: bytes = b"", after: bytes = b"") -> bytes:
        """Return the rows of these instruments with a comma between them, and what is around them.

        Megabytes are put together once: to copy them again takes longer than to find them.
        """
        live, now = self._live, self._live.now()
        records = live.records(ids)
        tails = {feed["source"]: _tail(feed) for feed in live.feeds()}
        silent = _tail({})
        seen = records["ts_seen"]
        ages = np.maximum(0, now - np.where(seen == ABSENT, now, seen)) // 1_000_000
        told = zip(
            ids, records["revision"].tolist(), records["source"].tolist(), ages.tolist(), seen.tolist(), strict=True
        )
        parts = [before]
        with self._lock:
            for place, (index, revision, source, age, when) in enumerate(told):
                known = self._rows.get(index)
                if known is None or known[0] != revision:
                    known = self._rows[index] = revision, self._made(index, records[place : place + 1])
                parts += (known[1], tails.get(source, silent), b"null" if when == ABSENT else b"%d" % age, b"},")
        if ids:
            parts[-1] = b"}"
        return b"".join((*parts, after))

    def _made(self, index: int, records: Any) -> bytes:  # noqa: ANN401 - STATE records
        """Return a row without its end."""
        (record,) = wire.unpack(records)
        row = wire.stock(self._live.instrument(index), record, {}, 0)
        return json_text({name: value for name, value in row.items() if name not in _MOVING})[:-1]


def _tail(feed: dict[str, Any]) -> bytes:
    """Return what a feed adds to the rows of its instruments."""
    return b',"feed":%b,"state":%b,"age_ms":' % (json_text(feed.get("feed")), json_text(feed.get("state", "stale")))
