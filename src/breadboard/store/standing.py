"""The newest trade that stands, for an instrument whose newest word on its trades takes one back.

By the rule of ``/api/v1/asof``: a venue names what it takes back by id, price and size, and what takes it back comes
after it. ``latest`` gets the row that takes back, without a price, and right after it, as another row of that offset,
the trade that stands, if there is one: of equal versions the last written wins. A crash between the two leaves
an intent, and both are written again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from breadboard.errors import TookTooLong
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import Flag
from breadboard.model.tape import Tape
from breadboard.store.rows import OPENS_OR_CLOSES, last_words

_NEAR_NS: Final = (600 * 10**9, 86_400 * 10**9, 7 * 86_400 * 10**9, None)
"""How far back is looked, one after the other: mostly there was a trade just before, and a day of them is dear."""
_PATIENCE_S: Final = 5.0
"""How long one of them may take: who writes the store waits for it. Behind that no trade is known to stand."""
_TAKEN_BACK: Final = f"bitAnd(flags, {int(Flag.WITHDRAWN)}) != 0"
_GOOD: Final = f"bitAnd(flags, {int(Flag.WITHDRAWN | Flag.LAST_KNOWN)}) = 0 AND {OPENS_OR_CLOSES}"
"""What holds of a trade that says what an instrument is worth, as ``rows.latest`` takes it."""
_NAME: Final = "ifNull(trade_id, -1 - offset * 65536 - `index`), price, size"
"""What a venue names a trade by; without an id: its place."""
_OF: Final = "venue = {venue:String} AND symbol = {symbol:String}"
_NEWEST: Final = "ORDER BY offset DESC, `index` DESC"
_TS: Final = "fromUnixTimestamp64Nano({ts:Int64}, 'UTC')"
_SINCE: Final = "fromUnixTimestamp64Nano({since:Int64}, 'UTC')"


class _Store(Protocol):
    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any: ...  # noqa: ANN401 - a pyarrow.Table
    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None: ...


def undone(tape: Tape) -> NDArray[np.int64]:
    """Return the rows of a tape that take a trade back, and after which its instrument has no trade of worth."""
    if not (tape.flags & Flag.WITHDRAWN).any():
        return np.empty(0, np.int64)  # most venues take nothing back
    last = last_words(tape)
    found: NDArray[np.int64] = last[(tape.flags[last] & Flag.WITHDRAWN) != 0]
    return found


def restore(store: _Store, tape: Tape, instruments: Sequence[Instrument]) -> None:
    """Put the trade that stands into ``latest``, for each instrument of a tape of which the last was taken back.

    Call when the tape's trades, and its own rows of ``latest``, are written. A second time changes nothing.
    """
    for row in undone(tape).tolist():
        one = instruments[tape.instrument[row]]
        for params in _places(one, int(tape.ts_recv[row]), int(tape.offset[row]), int(tape.index[row])):
            try:
                found = store.query(_question(since="since" in params), params, within_s=_PATIENCE_S).to_pylist()
            except TookTooLong:
                break
            if found:
                store.command(_COPY, {**params, **found[0]})
                break


def _places(one: Instrument, ts_recv: int, offset: int, index: int) -> Iterator[dict[str, Any]]:
    params = {"venue": one.venue, "symbol": one.symbol, "at": offset, "row": index}
    for near in _NEAR_NS:
        yield params if near is None else params | {"since": ts_recv - near}


def _question(*, since: bool) -> str:
    """Return SQL for the place of the newest trade that stands at row ``row`` of offset ``at``."""
    within = f"PREWHERE {_OF}" + (f" AND ts_recv >= {_SINCE}" if since else "")
    known = f"(offset, `index`) <= ({{at:Int64}}, {{row:UInt16}}) AND (({_GOOD}) OR ({_TAKEN_BACK}))"
    words = f"SELECT * FROM trades {within} WHERE {known} {_NEWEST} LIMIT 1 BY {_NAME}"  # noqa: S608 - our words
    place = "toUnixTimestamp64Nano(ts_recv) AS ts, offset AS trade, `index` AS trade_row"
    return f"SELECT {place} FROM ({words}) WHERE {_GOOD} {_NEWEST} LIMIT 1"  # noqa: S608 - our words


_SAME: Final = ("venue", "symbol", "ts_event", "ts_recv", "sequence", "provenance", "price", "size", "side", "flags")
_COPY: Final = (
    f"INSERT INTO latest ({', '.join(_SAME)}, kind, offset, `index`) "  # noqa: S608 - our words
    # Under no token: one that a kill left without its row would keep the row out for good.
    "SETTINGS insert_deduplicate = 0 "
    f"SELECT {', '.join(_SAME)}, 'trade', {{at:Int64}}, {{row:UInt16}} FROM trades PREWHERE {_OF} AND ts_recv = {_TS} "
    "WHERE offset = {trade:Int64} AND `index` = {trade_row:UInt16} LIMIT 1"
)
