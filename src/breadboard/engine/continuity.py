"""Continuity of trades: the venue's own trade numbers say what is missing and what came twice."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.found import found
from breadboard.engine.state import grown, pack, unpack
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import brief
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from breadboard.model.tape import Tape

MAX_HOLES: Final = 1024
"""Holes remembered an instrument. Beyond it the oldest is forgotten: its ids, should they come, count as new."""

MOST_SILENT: Final = 64
"""The same, where holes are usual."""

_DENSE: Final = 1
_SILENT: Final = 2
_TRADE: Final = int(EventKind.TRADE)
_STATUS: Final = int(EventKind.STATUS)
_NO_TRADE: Final = int(StatusCode.NO_TRADE)
_CLOCK: Final = int(EventKind.CLOCK)
_AGGREGATED: Final = int(Flag.AGGREGATED)

_OF_BEFORE: Final = int(Flag.LAST_KNOWN | Flag.HISTORY | Flag.SNAPSHOT | Flag.WITHDRAWN | Flag.LATE_PRINT)
_NEWER_NS: Final = 1_000_000_000
"""Trades of one moment may come in any order of their times; by more than this none does."""
_AHEAD_NS: Final = 60_000_000_000
"""An event time counts for no more than this after its receipt, as in ``latest.py``."""

Hole = tuple[int, int, bool]
"""First id, last id, and whether a gap was reported for it."""


@brief
def _follow(
    kind: NDArray[np.uint8],
    code: NDArray[np.uint16],
    flags: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    trade_id: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    ts_event: NDArray[np.int64],
    size: NDArray[np.int64],
    start: int,
    followed: NDArray[np.uint8],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    recv: NDArray[np.int64],
    event: NDArray[np.int64],
) -> int:
    """Take rows while every trade id follows its predecessor; return the row that does not, or the end.

    A number that the venue says is no trade's is as good as one: it was given out, and came.
    """
    for row in range(start, len(kind)):
        if (
            kind[row] == _CLOCK and size[row] != ABSENT
        ):  # our clock was set: tell what was heard in terms of the new one
            for each in range(len(recv)):
                if last[each] != ABSENT:
                    recv[each] += size[row]
        which = instrument[row]
        numbered = kind[row] == _TRADE or (kind[row] == _STATUS and code[row] == _NO_TRADE)
        if not numbered or which < 0 or not followed[which] or flags[row] & _AGGREGATED:
            continue
        number = trade_id[row]
        if number == ABSENT:
            continue
        if last[which] == ABSENT:
            first[which] = number
        elif number != last[which] + 1:
            return row
        last[which] = number
        recv[which] = ts_recv[row]
        event[which] = max(event[which], ts_event[row])  # one that is not said is before all
    return len(kind)


class Continuity:
    """Stage: holes in trade numbers become gaps, a number seen before makes the trade a DUPLICATE.

    For feeds whose trade ids are contiguous per instrument; ``contiguous(instrument)`` says whether they are. The
    test is exact: an id in ``[first, last]`` that is in no known hole was seen, also on an earlier connection. A late
    id inside a hole fills it (a gap with state REFILLED for that one id). A venue that begins its numbers anew shows
    that by an old number of a trade that is newer than all before it: what comes twice carries its own old time.
    Aggregated trades number themselves otherwise and are left alone. Ids that grow with holes of their own
    (``growing``) show repetitions alone: their holes are remembered and never told, the newest ``MOST_SILENT`` of
    them. Sets ``Flag.DUPLICATE`` in the tape's own ``flags`` column, which must be writable.
    """

    def __init__(self, contiguous: Callable[[int], bool], growing: Callable[[int], bool] = lambda _: False) -> None:
        self._contiguous = contiguous
        self._growing = growing
        self._known = 0
        self._followed = np.zeros(0, np.uint8)
        self._first = np.zeros(0, np.int64)
        self._last = np.zeros(0, np.int64)
        self._recv = np.zeros(0, np.int64)
        self._event = np.zeros(0, np.int64)
        self._holes: dict[int, list[Hole]] = {}

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return ``FOUND`` rows: TRADE_ID gaps, open and refilled."""
        self._grow(tape.contents.instruments)
        rows: list[tuple[int, ...]] = []
        row = 0
        while True:
            row = _follow(
                tape.kind,
                tape.code,
                tape.flags,
                tape.instrument,
                tape.trade_id,
                tape.ts_recv,
                tape.ts_event,
                tape.size,
                row,
                self._followed,
                self._first,
                self._last,
                self._recv,
                self._event,
            )
            if row == len(tape):
                return found(rows)
            self._odd(tape, row, rows)
            row += 1

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        known = slice(self._known)
        return pack(
            {
                "followed": self._followed[known],
                "first": self._first[known],
                "last": self._last[known],
                "recv": self._recv[known],
                "event": self._event[known],
                "holes": [[which, self._holes[which]] for which in sorted(self._holes)],
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._followed, self._first, self._last, self._recv = (
            parts[name] for name in ("followed", "first", "last", "recv")
        )
        self._known = len(self._last)
        self._event = parts.get("event", np.full(self._known, ABSENT))  # none in a state of an older version
        self._holes = {which: [(a, b, told) for a, b, told in holes] for which, holes in parts["holes"]}

    def _grow(self, count: int) -> None:
        if count <= self._known:
            return
        self._followed = grown(self._followed, count)
        self._first = grown(self._first, count, ABSENT)
        self._last = grown(self._last, count, ABSENT)
        self._recv = grown(self._recv, count)
        self._event = grown(self._event, count, ABSENT)
        for which in range(self._known, count):
            self._followed[which] = _DENSE if self._contiguous(which) else _SILENT if self._growing(which) else 0
        self._known = count

    def _odd(self, tape: Tape, row: int, rows: list[tuple[int, ...]]) -> None:
        """Take one trade, or a number without one, whose id does not follow."""
        which, number = int(tape.instrument[row]), int(tape.trade_id[row])
        first, last = int(self._first[which]), int(self._last[which])
        if number > last:
            is_told = bool(self._followed[which] == _DENSE)
            self._remember(which, (last + 1, number - 1, is_told))
            if is_told:
                rows.append(self._row(tape, row, last + 1, number - 1))
            self._last[which] = number
            self._recv[which] = tape.ts_recv[row]
            self._event[which] = max(self._event[which], tape.ts_event[row])
        elif self._begins_anew(tape, row, which):
            if self._followed[which] == _DENSE:
                rows.append(self._row(tape, row, ABSENT, ABSENT))
            self._first[which] = self._last[which] = number
            self._recv[which], self._event[which] = tape.ts_recv[row], tape.ts_event[row]
            self._holes.pop(which, None)
        elif number < first:
            # Before we listened: new to us, and what lies between is unknown rather than missing.
            self._first[which] = number
            if number + 1 < first:
                self._remember(which, (number + 1, first - 1, False))
        else:
            told = self._fill(which, number)
            if told is None and tape.kind[row] == _TRADE:
                tape.flags[row] |= Flag.DUPLICATE
            elif told:
                rows.append(self._row(tape, row, number, number, refilled=True))

    def _begins_anew(self, tape: Tape, row: int, which: int) -> bool:
        """Tell whether a number at or below the newest is of a trade after it: then the venue counts anew."""
        its, newest = int(tape.ts_event[row]), int(self._event[which])
        if ABSENT in (its, newest) or int(tape.flags[row]) & _OF_BEFORE:
            return False
        return newest + _NEWER_NS < its <= int(tape.ts_recv[row]) + _AHEAD_NS

    def _remember(self, which: int, hole: Hole) -> None:
        holes = self._holes.setdefault(which, [])
        holes.insert(bisect_right(holes, hole), hole)
        self._forget(which, holes)

    def _fill(self, which: int, number: int) -> bool | None:
        """Take one id out of the hole it is in; return whether that hole was reported, None where no hole has it."""
        holes = self._holes.get(which, [])
        at = bisect_right(holes, (number, 2**63, True)) - 1
        if at < 0 or not holes[at][0] <= number <= holes[at][1]:
            return None
        begin, end, told = holes[at]
        holes[at : at + 1] = [
            piece for piece in ((begin, number - 1, told), (number + 1, end, told)) if piece[0] <= piece[1]
        ]
        self._forget(which, holes)
        return told

    def _forget(self, which: int, holes: list[Hole]) -> None:
        if len(holes) > (MAX_HOLES if self._followed[which] == _DENSE else MOST_SILENT):
            self._first[which] = max(int(self._first[which]), holes.pop(0)[1] + 1)
        if not holes:
            self._holes.pop(which, None)

    def _row(self, tape: Tape, row: int, begin: int, end: int, *, refilled: bool = False) -> tuple[int, ...]:
        which = int(tape.instrument[row])
        return (
            int(tape.offset[row]),
            int(tape.index[row]),
            which,
            int(tape.source[row]),
            int(GapReason.TRADE_ID),
            int(refilled),
            int(self._recv[which]),
            int(tape.ts_recv[row]),
            begin,
            end,
        )
