"""What the store has of an instrument's ticks, a trading day at a time, and when it was heard."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.kinds import EventKind, Flag, GapState, Provenance
from breadboard.model.tape import Tape
from breadboard.ports import Store

Ticks = NDArray[np.bytes_]
"""What is the same of each tick wherever it came from: time, number, id, price and size or both prices, withdrawn.

Six whole numbers of 64 bits side by side: 48 bytes are sorted and looked for as one, and a day has millions of them.
"""
_AS_ONE: Final = "S48"

_TABLES: Final = {
    EventKind.TRADE: ("trades", f"ifNull(trade_id, {ABSENT})", "price", "ifNull(size, 0)"),
    EventKind.QUOTE: ("quotes", f"toInt64({ABSENT})", "ifNull(bid_price, 0)", "ifNull(ask_price, 0)"),
}
_ITS: Final = (
    f"venue = {{venue:String}} AND symbol = {{symbol:String}} AND offset < {{before:Int64}}"
    f" AND bitAnd(flags, {int(Flag.LAST_KNOWN | Flag.SNAPSHOT)}) = 0"
)
"""Rows of what happened; what only tells what was counts for nothing."""
_FIGURES: Final = ("number", "id", "a", "b", "back")
"""By which a tick is known beside its time; of sizes the lower 64 bits."""
_WITHDRAWN: Final = int(Flag.WITHDRAWN)
_DAY_NS: Final = 86_400_000_000_000
_SHIFT_NS: Final = 18_000_000_000_000
"""A trading day begins at midnight UTC-5, as in ``feeds.massive_seen``."""
_SIZE_DIGITS: Final = 18
"""Of sizes in the store."""


def ticks_of(tape: Tape, kind: EventKind, *, numbered: bool) -> Ticks:
    """Return what its rows, all of a kind, are known by; ``numbered`` as in ``HeldTicks``."""
    if kind is EventKind.TRADE:
        exponents, which = np.unique(tape.size_exp, return_inverse=True)
        powers = np.array([pow(10, _SIZE_DIGITS + one, 1 << 64) for one in exponents.tolist()], np.uint64)
        figures = [tape.price, (tape.size.astype(np.uint64) * powers[which]).astype(np.int64)]
    else:
        figures = [np.where(side == ABSENT, 0, side) for side in (tape.price, tape.ask_price)]
    withdrawn = tape.flags.astype(np.int64) & _WITHDRAWN
    return _as_one(_times(tape.ts_event, numbered=numbered), tape.sequence, tape.trade_id, *figures, withdrawn)


def _as_one(*columns: NDArray[np.int64]) -> Ticks:
    return np.stack(columns, axis=1).view(_AS_ONE).ravel()


def _day(at: NDArray[np.int64]) -> NDArray[np.int64]:
    return (at - _SHIFT_NS) // _DAY_NS


def _times(event: NDArray[np.int64], *, numbered: bool) -> NDArray[np.int64]:
    """Return what of a time ticks are known by: of numbered ones the day, since a stream may tell fewer digits."""
    return _day(event) if numbered else event


class HeldTicks:
    """The ticks of an instrument that the store has of records before an offset of the journal.

    Asked in the order of time, it holds one day. ``numbered``: within a day no two ticks have the same number.
    """

    def __init__(
        self, store: Store, kind: EventKind, instrument: tuple[str, str], before: int, *, numbered: bool
    ) -> None:
        self._store = store
        self._table, *self._columns = _TABLES[kind]
        self._named = {"venue": instrument[0], "symbol": instrument[1], "before": before}
        self._numbered = numbered
        self._ticks: Ticks = _as_one(*[np.zeros(0, np.int64)] * 6)
        """Of the day that was asked for last, sorted."""
        self._heard: tuple[int, int] = (0, 0)
        """First and last tick of the day that was heard, and not fetched; equal where there is none."""
        self._holes: tuple[NDArray[np.int64], NDArray[np.int64]]
        """Where they begin, sorted, and the latest end of those so far."""
        self._gaps = self._all_gaps()
        self._days = self._all_days()
        self._turned_to: int | None = None

    def __bool__(self) -> bool:
        return bool(self._days)

    @property
    def held(self) -> int:
        """How many ticks are in memory."""
        return len(self._ticks)

    def may_have(self, first: int, last: int) -> bool:
        """Tell whether there are any of the trading days from one time to another (ns UTC, both included)."""
        begin, end = ((at - _SHIFT_NS) // _DAY_NS for at in (first, last))
        return any(begin <= day <= end for day in self._days)

    def judge(self, tape: Tape, ticks: Ticks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell of ticks which the store has, and which are of a time that was heard, and in no gap that is on record.

        One without number and id is never known again.
        """
        has, was_heard = np.zeros(len(tape), np.bool_), np.zeros(len(tape), np.bool_)
        days = _day(tape.ts_event)
        for day in sorted(self._days.intersection(days.tolist())):
            self._turn_to(day)
            its = np.flatnonzero(days == day)
            has[its], was_heard[its] = self._has(ticks[its]), self._was_heard(tape.ts_event[its])
        return has & ((tape.sequence != ABSENT) | (tape.trade_id != ABSENT)), was_heard

    def _has(self, ticks: Ticks) -> NDArray[np.bool_]:
        there = np.minimum(np.searchsorted(self._ticks, ticks), len(self._ticks) - 1)
        found: NDArray[np.bool_] = self._ticks[there] == ticks
        return found

    def _was_heard(self, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which times lie between two ticks of the day that were heard, and in no hole."""
        first, last = self._heard
        begins, ends = self._holes
        before = np.searchsorted(begins, at, "left")
        in_hole = at < np.concatenate(([ABSENT], ends))[before]
        return (first < at) & (at < last) & ~in_hole

    def _turn_to(self, day: int) -> None:
        if day == self._turned_to:
            return
        self._turned_to, begin = day, day * _DAY_NS + _SHIFT_NS
        trade_id, *figures = self._columns
        found = self._ask(
            "SELECT toUnixTimestamp64Nano(assumeNotNull(ts_event)) AS event, toUnixTimestamp64Nano(ts_recv) AS recv,"  # noqa: S608 - our words
            f" ifNull(sequence, {ABSENT}) AS number, {trade_id} AS id, reinterpretAsInt64({figures[0]}) AS a,"
            f" reinterpretAsInt64({figures[1]}) AS b, toInt64(bitAnd(flags, {_WITHDRAWN})) AS back,"
            f" toInt64(provenance != '{Provenance.HISTORY}') AS heard FROM {self._table} WHERE {_ITS}"
            " AND ts_event >= fromUnixTimestamp64Nano({begin:Int64})"
            " AND ts_event < fromUnixTimestamp64Nano({end:Int64})",
            {"begin": begin, "end": begin + _DAY_NS},
        )
        column: dict[str, NDArray[np.int64]] = {name: found[name].to_numpy() for name in found.column_names}
        self._ticks = _as_one(_times(column["event"], numbered=self._numbered), *(column[name] for name in _FIGURES))
        self._ticks.sort()
        heard = column["heard"] != 0
        self._learn(column["event"][heard], column["recv"][heard])

    def _learn(self, event: NDArray[np.int64], recv: NDArray[np.int64]) -> None:
        """Learn from when to when the day was heard, and where something may be missing in it.

        A gap is told in times of receipt. What it may have cost lies between the tick that was received before it and
        the one that was received after it, however late the two were.
        """
        self._heard = (int(event.min()), int(event.max())) if len(event) else (0, 0)
        order = np.argsort(recv, kind="stable")
        event, recv = event[order], recv[order]
        begin, end = self._gaps
        last, first = np.searchsorted(recv, begin, "right"), np.searchsorted(recv, end, "left")
        before, after = np.concatenate(([ABSENT], event))[last], np.concatenate((event, [INT64_MAX]))[first]
        its = np.flatnonzero((before < self._heard[1]) & (self._heard[0] < after))
        its = its[np.argsort(before[its], kind="stable")]
        self._holes = before[its], np.maximum.accumulate(after[its])

    def _all_gaps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return from when and to when (ns UTC) gaps are on record of the instrument, or of all of its venue."""
        found = self._ask(
            "SELECT toUnixTimestamp64Nano(ts_from) AS a, toUnixTimestamp64Nano(ts_to) AS b FROM gaps"  # noqa: S608 - our words
            " WHERE venue = {venue:String} AND symbol IN ('', {symbol:String})"
            f" AND state != '{GapState.REFILLED}'"
        )
        nothing = np.zeros(0, np.int64)
        return (found["a"].to_numpy(), found["b"].to_numpy()) if found.num_rows else (nothing, nothing)

    def _all_days(self) -> frozenset[int]:
        """Return the trading days of which there are any: most documents of an import are of others."""
        found = self._ask(
            f"SELECT DISTINCT intDiv(shifted - positiveModulo(shifted, {_DAY_NS}), {_DAY_NS}) AS day FROM"  # noqa: S608 - our words
            f" (SELECT toUnixTimestamp64Nano(assumeNotNull(ts_event)) - {_SHIFT_NS} AS shifted FROM {self._table}"
            f" WHERE {_ITS} AND ts_event IS NOT NULL)"
        )
        return frozenset(found["day"].to_pylist()) if found.num_rows else frozenset()

    def _ask(self, sql: str, more: Mapping[str, int] | None = None) -> Any:  # noqa: ANN401 - a pyarrow.Table
        return self._store.query(sql, self._named | dict(more or {}))
