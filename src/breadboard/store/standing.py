"""The newest trade that stands, for an instrument whose newest word on its trades takes one back.

By the rule of ``/api/v1/asof``, and of bars: a venue names what it takes back by id, price, size and time, and what
takes it back comes after it. ``latest`` gets the row that takes back, without a price, and right after it, as another
row of that offset, the trade that stands, if there is one: of equal versions the last written wins. (One that came
still later has its own offset.) A crash between the two leaves an intent, and both are written again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from breadboard.errors import TookTooLong
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import Flag
from breadboard.model.tape import Tape
from breadboard.store.newest import AHEAD_NS, BY_TIME, WHEN, Newest
from breadboard.store.rows import OPENS_OR_CLOSES

_NEAR_NS: Final = (600 * 10**9, 86_400 * 10**9, 7 * 86_400 * 10**9, None)
"""How far back is looked, one after the other: mostly there was a trade just before, and a day of them is dear."""
_PATIENCE_S: Final = 5.0
"""How long one of them may take: who writes the store waits for it. Behind that no trade is known to stand."""
_TAKEN_BACK: Final = f"bitAnd(flags, {int(Flag.WITHDRAWN)}) != 0"
_GOOD: Final = f"bitAnd(flags, {int(Flag.WITHDRAWN | Flag.LAST_KNOWN)}) = 0 AND {OPENS_OR_CLOSES}"
"""What holds of a trade that says what an instrument is worth, as ``rows.latest`` takes it."""
_NO_ID: Final = "ifNull(trade_id, -1)"
_NAME: Final = f"{_NO_ID}, price, ifNull(size, -1)"
"""What a venue names a trade by, beside its time."""
_AT: Final = f"toUnixTimestamp64Nano({WHEN}) AS at"
_SAME_NS: Final = 1_000_000
"""As in ``kept_trades``: prints are the same within a millisecond."""
_BEFORE_NS: Final = 86_400 * 10**9
_OF: Final = "venue = {venue:String} AND symbol = {symbol:String}"
_TS: Final = "fromUnixTimestamp64Nano({ts:Int64}, 'UTC')"
_SINCE: Final = "fromUnixTimestamp64Nano({since:Int64}, 'UTC')"


class _Store(Protocol):
    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any: ...  # noqa: ANN401 - a pyarrow.Table
    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None: ...


def known(store: _Store) -> dict[tuple[str, str], int]:
    """Return how new each instrument's last trade is (venue, symbol), of those that ``latest`` has."""
    found = store.query(f"SELECT venue, symbol, toUnixTimestamp64Nano({WHEN}) AS at FROM latest_trades")  # noqa: S608 - our words
    return {(row["venue"], row["symbol"]): row["at"] for row in found.to_pylist()}


def restore(store: _Store, tape: Tape, instruments: Sequence[Instrument], newest: Newest) -> None:
    """Put the trade that stands into ``latest``, for each instrument of a tape of which the last was taken back.

    Call when the tape's trades, and its own rows of ``latest``, are written: ``newest`` has its last words. A second
    time changes nothing.
    """
    if not (tape.flags & Flag.WITHDRAWN).any():
        return  # most venues take nothing back
    words = newest.said
    for which in (words.undone >= 0).nonzero()[0].tolist():
        row, end = int(words.undone[which]), int(words.end[which])
        params = {"at": int(tape.offset[end]), "row": int(tape.index[end])}
        found = _standing(store, instruments[which], int(tape.ts_recv[row]), params)
        newest.when[which] = found.pop("at") if found else ABSENT
        if found:
            version = max((int(tape.offset[row]), int(tape.index[row])), (found["trade"], found["trade_row"]))
            under = {"venue": instruments[which].venue, "symbol": instruments[which].symbol}
            store.command(_COPY, {**under, **found, "at": version[0], "row": version[1]})


def _standing(store: _Store, one: Instrument, ts_recv: int, known: dict[str, Any]) -> dict[str, Any]:
    """Return the place of the newest trade that stands; none where it is not found in time."""
    found: list[dict[str, Any]] = []
    for params in _places(one, ts_recv, known):
        within = f"PREWHERE {_OF}" + (f" AND ts_recv >= {_SINCE}" if "since" in params else "")
        until = "(offset, `index`) <= ({at:Int64}, {row:UInt16})"
        place = f"toUnixTimestamp64Nano(ts_recv) AS ts, offset AS trade, `index` AS trade_row, {_AT}"
        try:
            gone = taken(store.query(named(within, until), params, within_s=_PATIENCE_S).to_pylist())
            sql = f"SELECT {place} FROM trades {within} WHERE {until} AND {_GOOD}{without(gone)} {BY_TIME} LIMIT 1"  # noqa: S608 - our words
            found = store.query(sql, params, within_s=_PATIENCE_S).to_pylist() or found
        except TookTooLong:
            break
        if found and is_newest(found[0]["at"], params.get("since")):
            break
    return found[0] if found else {}


def is_newest(when: int, since: int | None) -> bool:
    """Tell whether no trade can be newer than ``when`` that was received before ``since``."""
    return since is None or when >= since + AHEAD_NS


def named(within: str, until: str) -> str:
    """Return SQL for the rows that take trades back, and those that they may mean, in the order in which they came."""
    names = f"SELECT {_NAME} FROM trades {within} WHERE {until} AND {_TAKEN_BACK}"  # noqa: S608 - our words
    told = f"{_NO_ID} AS id, toString(price) AS of_price, toString(size) AS of_size"
    return (
        f"SELECT offset, `index`, flags, isNull(ts_event) AS untimed, {_AT}, {told} FROM trades {within} "  # noqa: S608 - our words
        f"WHERE {until} AND ({_NAME}) IN ({names}) ORDER BY offset, `index`"
    )


def taken(rows: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return the places of trades that were taken back, of the rows of ``named``: each by one row, as in bars.

    It is the nearest in time of that id, price and size: ids alone repeat.
    """
    stand: dict[tuple[Any, ...], dict[tuple[int, int], int]] = {}
    gone: list[tuple[int, int]] = []
    for row in rows:
        place, at = (row["offset"], row["index"]), row["at"]
        trades = stand.setdefault((row["id"], row["of_price"], row["of_size"]), {})
        if not row["flags"] & Flag.WITHDRAWN:
            trades[place] = at
            continue
        since = _since(row)
        meant = [one for one in trades if since < trades[one] < at + _SAME_NS]
        if meant:
            nearest = min(reversed(meant), key=lambda one: abs(trades[one] - at))
            del trades[nearest]
            gone.append(nearest)
    return gone


def _since(row: Mapping[str, Any]) -> int:
    """Return after which time a trade may be that a row takes back: see ``bar_revision._since``.

    The store knows no days of exchanges: a record that follows its print means one of the last 24 hours.
    """
    at: int = row["at"]
    if row["id"] >= 0 and row["untimed"]:
        return ABSENT
    return at - (_BEFORE_NS if row["id"] >= 0 and row["flags"] & Flag.LATE_PRINT else _SAME_NS)


def without(gone: Sequence[tuple[int, int]]) -> str:
    """Return SQL that leaves out these places, to put behind a condition."""
    return f" AND (offset, `index`) NOT IN ({', '.join(map(str, gone))})" if gone else ""


def _places(one: Instrument, ts_recv: int, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    params = {"venue": one.venue, "symbol": one.symbol, **known}
    for near in _NEAR_NS:
        yield params if near is None else params | {"since": ts_recv - near}


_SAME: Final = ("venue", "symbol", "ts_event", "ts_recv", "sequence", "provenance", "price", "size", "side", "flags")
_COPY: Final = (
    f"INSERT INTO latest ({', '.join(_SAME)}, kind, offset, `index`) "  # noqa: S608 - our words
    # Under no token: one that a kill left without its row would keep the row out for good.
    "SETTINGS insert_deduplicate = 0 "
    f"SELECT {', '.join(_SAME)}, 'trade', {{at:Int64}}, {{row:UInt16}} FROM trades PREWHERE {_OF} AND ts_recv = {_TS} "
    "WHERE offset = {trade:Int64} AND `index` = {trade_row:UInt16} LIMIT 1"
)
