"""The event loop's own copy of the market, with each row encoded at most once per change."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.api import wire
from breadboard.api.encoding import Body, JsonRows, JsonTrades, PackedRows, PackedTrades, Texts
from breadboard.api.live import LiveMarket
from breadboard.api.ring import TRADE
from breadboard.api.state import unknown
from breadboard.model import whole
from breadboard.model.kernels import brief

_COLUMNS: Final = ("revision", "updates", "ts_recv", "source")
_KEPT_FORMS: Final = 16
"""Choices of fields whose rows are kept for the next client that wants them; of more, those wanted last. Of 10,000
instruments, one of all fields takes 24 MB."""


@brief
def _changed(
    ids: NDArray[np.int64],
    told: NDArray[np.int64],
    since: int,
    known: int,
    revision: NDArray[np.int64],
    updates: NDArray[np.int64],
    found: NDArray[np.int64],
) -> tuple[int, int]:
    """Fill ``found`` with those of ``ids`` (growing) that changed after revision ``since``, and note them in ``told``.

    Returns how many they are, and how many updates that were never told their newest state has replaced.
    """
    count = replaced = 0
    for place in range(len(ids)):
        index = ids[place]
        if index >= known:
            break
        if revision[index] > since:
            replaced += max(0, updates[index] - told[place] - 1)  # a trade taken back is no update
            told[place] = updates[index]
            found[count] = index
            count += 1
    return count, replaced


class Mirror:
    """Copies of the records of ``LiveMarket``, for one thread."""

    def __init__(self, live: LiveMarket) -> None:
        self._live = live
        self.records = unknown(64)
        self.columns = {name: np.ascontiguousarray(self.records[name]) for name in _COLUMNS}
        """What every client looks at for each of its instruments, apart, because it is then read five times faster."""
        self.count = 0
        self.revision = 0
        self._found = np.empty(64, np.int64)
        self._texts = Texts(live)
        self._rows: dict[wire.Form, JsonRows | PackedRows] = {}
        self._form = wire.Form("")
        self._last: JsonRows | PackedRows
        self._trades: dict[str, JsonTrades | PackedTrades] = {
            "json": JsonTrades(self._texts),
            "msgpack": PackedTrades(live),
        }
        nothing = np.empty(0, np.int64)  # machine code is loaded now, not while a client waits
        JsonRows(self._texts, ("id",)).load()
        self.trades(np.empty(0, TRADE), "json")
        self.changed(nothing, nothing, 0)

    def refresh(self) -> None:
        """Copy what changed since the last time."""
        if self._live.revision == self.revision and len(self._live) == self.count:
            return
        ids, records, self.revision = self._live.changed(self.revision)
        self.count = len(self._live)
        if self.count > len(self.records):
            wider = unknown(2 * self.count)
            wider[: len(self.records)] = self.records
            self.records = wider
            self.columns = {name: np.ascontiguousarray(wider[name]) for name in _COLUMNS}
            self._found = np.empty(len(wider), np.int64)
        whole.put(self.records, ids, records)
        for name, column in self.columns.items():
            column[ids] = records[name]

    def changed(self, ids: NDArray[np.int64], told: NDArray[np.int64], since: int) -> tuple[NDArray[np.int64], int]:
        """Return which of these instruments changed after revision ``since``, and how many updates that leaves out.

        ``told`` holds, beside each of ``ids``, which update of it was told last, and is brought up to date. What is
        returned is overwritten by the next call.
        """
        columns = self.columns
        count, replaced = _changed(ids, told, since, self.count, columns["revision"], columns["updates"], self._found)
        return self._found[:count], replaced

    def form(self, codec: str, fields: tuple[str, ...] | None) -> wire.Form:
        """Return the one object that stands for this form, however many clients want it."""
        form = wire.Form(codec, fields)
        return next((known for known in self._rows if known == form), form)

    def rows(self, ids: NDArray[np.int64], form: wire.Form) -> Body:
        """Return the encoded rows of these instruments."""
        return self._of(form).body(ids, self.records, self.revision)

    def messages(
        self,
        form: wire.Form,
        clients: NDArray[np.int64],
        head: bytes,
        out: NDArray[np.uint8],
        news: NDArray[np.int64],
        *,
        few: bool,
    ) -> int:
        """Write messages for a table of clients (``crowd_kernel``) that want a form of JSON; see ``JsonRows``."""
        rows = self._of(form)
        assert isinstance(rows, JsonRows)
        return rows.messages(clients, head, (self.records, self.columns), out, news, few=few)

    def _of(self, form: wire.Form) -> JsonRows | PackedRows:
        """Return the rows of a form, and keep them before those of others."""
        self._texts.learn()
        if form is not self._form:
            self._form, self._last = form, self._rows.pop(form, None) or self._make(form)
            self._rows[form] = self._last  # behind the others, as the one that was wanted last
            if len(self._rows) > _KEPT_FORMS:
                del self._rows[next(iter(self._rows))]
        return self._last

    def trades(self, found: NDArray[np.void], codec: str) -> Body:
        """Return the encoded rows of these trades."""
        self._texts.learn()
        return self._trades[codec].body(found)

    def _make(self, form: wire.Form) -> JsonRows | PackedRows:
        fields = wire.ALL if form.fields is None else form.fields
        return JsonRows(self._texts, fields) if form.codec == "json" else PackedRows(self._live, fields)
