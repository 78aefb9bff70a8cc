"""How new the last trade of each instrument is that ``latest`` has: by event time, as in the engine's ``latest``.

A print that comes late, or is put in, is no last trade. The store keeps the row of the highest offset, so who writes it
has to know what it holds.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instrument
from breadboard.model.kernels import brief
from breadboard.model.kinds import EventKind, Flag, Uncounted
from breadboard.model.tape import Tape

AHEAD_NS: Final = 60 * 10**9
"""An event time counts for no more than this after its receipt: a mistaken one must not stay the newest for years."""
WHEN: Final = f"least(ifNull(ts_event, ts_recv), ts_recv + INTERVAL {AHEAD_NS // 10**9} SECOND)"
"""The time by which a stored trade is older or newer than another."""
BY_TIME: Final = f"ORDER BY {WHEN} DESC, offset DESC, `index` DESC"
_TRADE: Final = int(EventKind.TRADE)
_CLOCK: Final = int(EventKind.CLOCK)
_DUPLICATE: Final = int(Flag.DUPLICATE)
_WITHDRAWN: Final = int(Flag.WITHDRAWN)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
_NOT_THE_LAST: Final = int(Uncounted.OPEN_CLOSE)


class Words(NamedTuple):
    """The last words of a tape on trades, by instrument: places in the tape, -1 for none."""

    last: NDArray[np.int64]
    """A trade that nothing known is newer than."""
    undone: NDArray[np.int64]
    """In place of that: a row that takes a trade back, after which no such trade came."""
    end: NDArray[np.int64]
    """With ``undone``: the last row that may be, or undo, the trade that stands."""


class Newest:
    """The time of each instrument's last trade in the store; ``known`` are those of an earlier run."""

    def __init__(self, known: Mapping[tuple[str, str], int]) -> None:
        self._known = known
        self.when = np.empty(0, np.int64)
        """By dense id; ABSENT, before everything, where none stands that is known of."""
        self.said = Words(*(np.empty(0, np.int64) for _ in Words._fields))
        """What ``words`` returned last."""
        self._back = self._back_after = 0
        """By how much our clock has been set back in all, before and after the newest tape."""

    def refresh(self, instruments: Sequence[Instrument]) -> None:
        """Learn new instruments."""
        fresh = instruments[len(self.when) :]
        if fresh:
            more = [self._known.get((one.venue, one.symbol), ABSENT) for one in fresh]
            self.when = np.concatenate([self.when, np.array(more, np.int64)])

    def words(self, tape: Tape) -> Words:
        """Return the last words of a tape, and remember how new they are. Asked again it says the same."""
        self.said = Words(*(np.full(len(self.when), -1, np.int64) for _ in Words._fields))
        columns = tape.kind, tape.flags, tape.code, tape.instrument, tape.ts_event, tape.ts_recv, tape.size
        self._back_after = _follow(*columns, self._back, self.when, *self.said)
        return self.said

    def learn(self) -> None:
        """Go on behind the newest tape; call when it is written, and not before."""
        self._back = self._back_after


@brief
def _follow(
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    code: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    size: NDArray[np.int64],
    back: int,
    newest: NDArray[np.int64],
    last: NDArray[np.int64],
    undone: NDArray[np.int64],
    end: NDArray[np.int64],
) -> int:
    """Go through a tape as ``latest_kernel.keep`` does; return by how much our clock is set back after it."""
    for row in range(len(kind)):
        which = instrument[row]
        if which < 0:
            if kind[row] == _CLOCK and size[row] != ABSENT:
                back -= size[row]
            continue
        if kind[row] != _TRADE or flags[row] & _DUPLICATE:
            continue
        if flags[row] & _WITHDRAWN:
            last[which], undone[which], end[which] = -1, row, row
            continue
        if flags[row] & _LAST_KNOWN or code[row] & _NOT_THE_LAST:
            continue
        end[which] = row
        ahead = AHEAD_NS + max(0, back)
        when = ts_recv[row] if ts_event[row] == ABSENT else min(ts_event[row], ts_recv[row] + ahead)
        if when >= newest[which]:
            newest[which], last[which], undone[which] = when, row, -1
    return back
