"""The newest of everything: last trade, last quote, the day so far and the close before it, per instrument."""

from collections.abc import Iterator
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard import calendars
from breadboard.engine.closes import EDGE, always_open, edges, unknown
from breadboard.engine.hiding import EVERY_SOURCE, OF_BOOKS
from breadboard.engine.latest_kernel import keep
from breadboard.engine.sessions import Sessions
from breadboard.engine.state import pack, unpack
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind
from breadboard.model.latest import blank
from breadboard.model.tape import Tape

_GAP: Final = int(EventKind.GAP)
_MOST_LATE_NS: Final = 3_600_000_000_000
"""No feed is later than this on purpose: a longer distance is that of a print from long ago, sent on subscribing."""
_KEPT: Final = (("price", "heard", "session"), ("earlier", "earlier_heard", "earlier_session"))
_COLUMNS: Final = attrgetter(
    *("kind", "flags", "code", "side", "source", "instrument", "ts_event", "ts_recv", "sequence", "trade_id"),
    *("price", "size", "size_exp", "ask_price", "ask_size", "ask_size_exp"),
)


class Latest:
    """Stage: last trade by event time, last quote by journal order, and the trades of the UTC day so far.

    A trade without event time counts by the time we received it. Trades already seen (DUPLICATE) count for nothing. A
    trade sent on subscribing (LAST_KNOWN) is shown as the last one, but is not in the day; nor is a late trade of an
    earlier day. A missing side of a quote stays ABSENT. ``sessions`` says which instruments keep an exchange's hours:
    of these the close of the last session that had ended by the last trade is kept, and in which hours that was; where
    a venue says these itself (LISTING), its word is kept.
    """

    def __init__(self, sessions: Sessions | None = None) -> None:
        self._sessions = sessions or Sessions()
        self._known = 0
        self._records = blank(0)
        self._closes = unknown(0)
        self._spans = always_open(0)
        self._edges = np.zeros(0, EDGE)
        """Of all calendars met, each calendar's in order."""
        self._back = np.zeros(1, np.int64)
        """By how much our clock has been set back in all, ns."""
        self._calendars: dict[str, tuple[int, int]] = {}
        """From where to where they are a calendar's."""

    @property
    def records(self) -> NDArray[np.void]:
        """The ``LATEST`` records by dense instrument id: a living view, for the thread that runs the engine."""
        return self._records[: self._known]

    def on_tape(self, tape: Tape) -> None:
        """Take the next rows."""
        self._grow(tape.contents.instruments)
        row = 0
        for stop, gap in self._holes(tape):
            self._take(tape, row, stop)
            self._doubt(tape, stop, gap)
            row = stop
        self._take(tape, row, len(tape))

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        return pack({"records": self.records, "closes": self._closes[: self._known], "back": self._back})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._records, self._closes = parts["records"], parts["closes"]
        self._back[0] = parts["back"][0] if "back" in parts else 0  # older checkpoints did not keep it
        self._known = len(self._records)
        self._spans = always_open(self._known)
        self._settle(0)

    def _take(self, tape: Tape, begin: int, stop: int) -> None:
        keep(begin, stop, self._records, self._closes, self._spans, self._edges, self._back, *_COLUMNS(tape))

    def _holes(self, tape: Tape) -> Iterator[tuple[int, Gap]]:
        """Return the gaps that may hide trades, each with its row; none where nobody keeps hours."""
        row = -1
        for offset, gap in tape.gaps if len(self._edges) else ():
            row = max(row + 1, int(tape.offset.searchsorted(offset)))
            while tape.kind[row] != _GAP or tape.code[row] != gap.reason:
                row += 1
            if gap.reason not in OF_BOOKS and gap.channel in {None, "trade"}:
                yield row, gap

    def _doubt(self, tape: Tape, row: int, gap: Gap) -> None:
        """Forget the closes of sessions whose last prints may be missing; a print after the gap makes them known."""
        records, closes = self.records, self._closes[: self._known]
        if tape.instrument[row] >= 0:
            mine = np.arange(self._known) == tape.instrument[row]
        else:
            mine = (closes["source"] == tape.source[row]) | (tape.source[row] == EVERY_SOURCE)
        timed = (records["trade_ts_event"] != ABSENT) & (records["trade_ts_recv"] != ABSENT)
        late = np.where(timed, records["trade_ts_recv"] - records["trade_ts_event"], 0)
        hidden_from = gap.ts_from - np.clip(late, 0, _MOST_LATE_NS)
        for price, heard, session in _KEPT:
            over = closes[session] + calendars.AUCTION_NS
            missed = mine & (hidden_from < over) & (closes[heard] < gap.ts_to)
            closes[price][missed] = ABSENT
            shown = missed & (closes["ended"] == closes[session]) & (closes["told"] == ABSENT)
            records["previous_close"][shown] = ABSENT

    def _grow(self, count: int) -> None:
        known = self._known
        if count > len(self._records):
            wider = blank(max(count, 2 * len(self._records), 16))
            wider[:known] = self._records[:known]
            self._records = wider
        if count > len(self._closes):
            more = len(self._records) - known
            self._closes = np.concatenate([self._closes[:known], unknown(more)])
            self._spans = np.concatenate([self._spans[:known], always_open(more)])
        self._known = max(known, count)
        self._settle(known)

    def _settle(self, begin: int) -> None:
        """Learn whose hours instruments keep, from the first that is new."""
        for which in range(begin, self._known):
            calendar = self._sessions.calendar(which)
            if not calendar:
                continue
            if calendar not in self._calendars:
                first = len(self._edges)
                self._edges = np.concatenate([self._edges, edges(calendar)])
                self._calendars[calendar] = first, len(self._edges)
            span = self._spans[which]
            span["first"], span["last"] = self._calendars[calendar]
            span["end"] = ABSENT  # nothing was looked up yet
