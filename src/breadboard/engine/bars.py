"""Bars of 1s, 5s, 1m, 5m, 1h and 1d from trades, in event time.

The watermark of a source is its newest event time less ``lateness_ms``. When it enters a new whole second, every
bar of the source's instruments that ends there becomes FINAL, at that very row, so batch sizes do not matter. A trade
for a bar already final rewrites it (CORRECTED, a new version at once) while the bar is in its ring; later than that it
is counted as too late. A trade that its venue takes back (WITHDRAWN) is taken out of its bars likewise, as far back as
trades are remembered. A source silent for ``idle_s`` of our own time (CLOCK rows) is carried on by our clock, moved
by the distance between its event time and our receive time when it last spoke: right also for slow clocks and
delayed feeds. When our clock is set (a CLOCK row says so), that distance moves with it. An event time far ahead of all
before it is a mistake, and neither closes bars nor is in one, unless so many follow that it must be true. What was
fetched after the fact (HISTORY) has no lag, and is only a mistake where it lies in the future.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import bar_kernel as core
from breadboard.engine import bar_slots as layout
from breadboard.engine.bar_kernel import CLOCKS
from breadboard.engine.bar_open import collect
from breadboard.engine.bar_revision import take_back
from breadboard.engine.bar_slots import KEPT_SO_FAR, NONE_OPEN, OWNER, SECONDS, SLOT, SLOTS
from breadboard.engine.cover import Cover, Span
from breadboard.engine.hiding import EVERY_SOURCE, OF_BOOKS
from breadboard.engine.kept_trades import NEVER_KEPT, NONE_KEPT, KeptTrades
from breadboard.engine.sessions import Sessions
from breadboard.engine.state import grown, pack, unpack
from breadboard.model import whole
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from breadboard.model.tape import Tape

_TRADE: Final = int(EventKind.TRADE)
_GAP: Final = int(EventKind.GAP)
_STATUS: Final = int(EventKind.STATUS)
_UP: Final = int(StatusCode.FEED_UP)
_DOWN: Final = int(StatusCode.FEED_DOWN)
_SOURCES: Final = 1 << 16
_SECOND: Final = 1_000_000_000


class Bars:
    """Stage: concluded bar versions (``BAR`` rows) from TRADE rows.

    DUPLICATE and LAST_KNOWN trades are in no bar; AGGREGATED ones only for instruments that have had no other;
    what a print does not count for is in its ``code`` (``Uncounted``), and a bar without an open or a high is none.
    Open and close are the first and last trade by ``(ts_event, trade_id)``. ``completeness`` is the share of the bar's
    time that no gap covers, that is not before the source was first seen, and of a history that it was asked for
    (``unasked`` has by source what it was not). Of instruments whose venue ``withdraws``
    trades these are remembered, and a WITHDRAWN row takes one out: the bar is CORRECTED, or itself WITHDRAWN where
    nothing is left. ``sessions`` says whose days begin elsewhere than at UTC's midnight.
    """

    def __init__(
        self,
        lateness_ms: int,
        idle_s: float,
        withdraws: Callable[[int], bool] = lambda _: False,
        sessions: Sessions | None = None,
        unasked: Mapping[int, Sequence[Span]] | None = None,
    ) -> None:
        self._sessions = sessions or Sessions()
        self._days = self._sessions.table()
        self._withdraws = withdraws
        self._unasked = {} if unasked is None else unasked
        self._kept = KeptTrades()
        self._keeps = False
        """Trades of some instrument are remembered."""
        self._lateness = lateness_ms * 1_000_000
        self._idle = int(idle_s * _SECOND)
        self._known = 0
        self._offset = 0
        self._clocks = _fresh_clocks()
        self._slots = np.zeros((0, SLOTS), SLOT)
        self._owners = np.zeros(0, OWNER)
        self._meter = np.zeros(layout.METERS, np.int64)
        self._cover = Cover()
        self._holes: list[np.void] = []
        self._out = np.zeros(0, BAR)
        """Where the kernel writes: room for every bar that is open, which is too much to make anew with each tape."""

    def expect(self, found: NDArray[np.void] | None) -> None:
        """Learn which rows of the next tape showed a hole in the trades (``FOUND`` rows of ``Continuity``)."""
        self._holes = [] if found is None else [hole for hole in found if not hole["refilled"]]

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return the bar versions concluded, in order, or None."""
        self._grow(tape.contents.instruments)
        parts: list[NDArray[np.void]] = []
        row = 0
        for stop in self._stops(tape):
            self._run(tape, row, stop, parts)
            row = stop
            if row < len(tape):
                self._finish(tape, row, parts)
                self._take_back(tape, row, parts)
                self._learn(tape, row)
        self._offset = int(tape.offset[-1]) if len(tape) else self._offset
        return whole.joined(parts) if parts else None

    def open_bars(self) -> NDArray[np.void]:
        """Return the provisional bars as they stand (``BAR`` rows), by instrument, interval and time."""
        out = np.zeros(int(self._meter[layout.OPEN]), BAR)
        count, sorted_already = collect(self._slots, self._owners, self._known, self._offset, self._days, out)
        out = out[:count]
        self._complete(out)
        return out if sorted_already else out[np.lexsort((out["ts_open"], out["interval"], out["instrument"]))]

    def counters(self) -> dict[str, int]:
        """Return what is not in bars as it should be.

        Trades put in or taken back too late (per interval), events with a time beyond belief, trades with none, and
        trades taken back that were not found.
        """
        names = {"too_late": layout.TOO_LATE, "implausible": layout.IMPLAUSIBLE, "untimed": layout.UNTIMED}
        names |= {"unmatched": layout.UNMATCHED}
        return {name: int(self._meter[slot]) for name, slot in names.items()}

    def watermark(self, source: int) -> int | None:
        """Return the watermark of a source in ns UTC, a whole second; None before its first event time."""
        second = int(self._clocks[source]["second"])
        return None if second == ABSENT else second * _SECOND

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        seen = np.flatnonzero(self._clocks["recv"] != 0)
        return pack(
            {
                "sources": seen,
                "clocks": self._clocks[seen],
                "slots": self._slots[: self._known],
                "owners": self._owners["source"][: self._known],
                "raw": self._owners["raw"][: self._known],
                "joins": self._owners["joins"][: self._known],
                "oldest": self._owners["oldest"][: self._known],
                "newest": self._owners["newest"][: self._known],
                "kept_last": self._owners["kept"][: self._known],
                "kept": self._kept.packed(int(self._meter[KEPT_SO_FAR])),
                "meter": self._meter,
                "cover": self._cover.packed(),
                "offset": self._offset,
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._clocks = _fresh_clocks()
        self._clocks[parts["sources"]] = parts["clocks"]
        self._slots, self._meter, self._offset = parts["slots"], parts["meter"], parts["offset"]
        self._known = len(self._slots)
        self._owners = np.zeros(self._known, OWNER)
        self._owners["source"], self._owners["raw"] = parts["owners"], parts["raw"]
        self._owners["joins"] = parts["joins"]
        self._owners["oldest"], self._owners["newest"] = parts["oldest"], parts["newest"]
        self._owners["kept"] = parts["kept_last"]
        self._settle(0, self._known)
        self._kept.unpacked(parts["kept"], int(self._meter[KEPT_SO_FAR]))
        self._keeps = bool(np.any(self._owners["kept"] != NEVER_KEPT))
        self._cover.unpacked(parts["cover"])

    def _stops(self, tape: Tape) -> list[int]:
        """Return the rows before which the kernel has to pause, because something may be missing there; and the end."""
        kinds = tape.contents.kinds
        if not (kinds[_GAP] or kinds[_STATUS] or self._holes or (self._keeps and kinds[_TRADE])):
            return [len(tape)]
        marks = (tape.kind == _GAP) | ((tape.kind == _STATUS) & ((tape.code == _UP) | (tape.code == _DOWN)))
        if self._keeps:
            marks |= _takes_back(tape)
        holes = {(int(hole["offset"]), int(hole["index"])) for hole in self._holes}
        if holes:
            at = np.searchsorted(tape.offset, sorted({offset for offset, _ in holes}))
            for row in at.tolist():
                step = row
                while step < len(tape) and tape.offset[step] == tape.offset[row]:
                    marks[step] |= (int(tape.offset[step]), int(tape.index[step])) in holes
                    step += 1
        return [*np.flatnonzero(marks).tolist(), len(tape)]

    def _run(self, tape: Tape, row: int, stop: int, parts: list[NDArray[np.void]]) -> None:
        if self._keeps:
            self._kept.make_room(int(self._meter[KEPT_SO_FAR]), stop - row)
        while row < stop:
            room = 2 * (int(self._meter[layout.OPEN]) + core.SPARE)
            if len(self._out) < room:
                self._out = np.zeros(2 * room, BAR)
            row, count = core.run(
                row,
                stop,
                tape.kind,
                tape.code,
                tape.flags,
                tape.source,
                tape.instrument,
                tape.offset,
                tape.ts_event,
                tape.ts_recv,
                tape.trade_id,
                tape.price,
                tape.size,
                tape.size_exp,
                self._clocks,
                self._slots,
                self._owners,
                self._known,
                self._meter,
                self._lateness,
                self._idle,
                self._kept.ring,
                self._days,
                self._out,
            )
            if count:
                told = whole.copied(self._out[:count])
                self._complete(told)
                parts.append(told)

    def _finish(self, tape: Tape, row: int, parts: list[NDArray[np.void]]) -> None:
        """Close the bars of a history that has come to its end: nobody will send the clock that would."""
        if tape.kind[row] != _STATUS or tape.code[row] != _DOWN or not tape.flags[row] & Flag.HISTORY:
            return
        out = np.zeros(int(self._meter[layout.OPEN]) + core.SPARE, BAR)
        state = (self._clocks, self._slots, self._owners, self._known, self._meter, self._days)
        count = core.finish(int(tape.source[row]), int(tape.offset[row]), *state, out)
        if count:
            self._complete(out[:count])
            parts.append(out[:count])

    def _take_back(self, tape: Tape, row: int, parts: list[NDArray[np.void]]) -> None:
        """Take a trade out of its bars, where a row says that its venue takes it back."""
        which = int(tape.instrument[row])
        if not (self._keeps and which >= 0 and _takes_back(tape.take(slice(row, row + 1)))[0]):
            return
        out = np.zeros(len(SECONDS), BAR)
        count = take_back(
            which,
            tape.flags[row],
            tape.ts_event[row],
            tape.trade_id[row],
            tape.price[row],
            tape.size[row],
            tape.size_exp[row],
            tape.offset[row],
            self._kept.ring,
            self._meter[KEPT_SO_FAR],
            np.empty(len(self._kept.ring), np.int64),
            self._slots,
            self._owners,
            self._meter,
            self._days,
            out,
        )
        if count:
            self._complete(out[:count])
            parts.append(out[:count])

    def _learn(self, tape: Tape, row: int) -> None:
        """Take what one row says of missing trades. The row itself is still the kernel's to take."""
        offset, index, kind = int(tape.offset[row]), int(tape.index[row]), int(tape.kind[row])
        for hole in self._holes:
            if hole["offset"] == offset and hole["index"] == index:
                shift = self._shift(int(hole["source"]))
                self._cover.add(f"i{hole['instrument']}", int(hole["ts_from"]) + shift, int(hole["ts_to"]) + shift)
        source, now = int(tape.source[row]), int(tape.ts_recv[row])
        if kind == EventKind.GAP and tape.code[row] not in OF_BOOKS:
            sources = np.flatnonzero(self._clocks["recv"]).tolist() if source == EVERY_SOURCE else [source]
            for gap in (gap for gap in tape.gaps_at(offset) if gap.channel in {None, "trade"}):
                for each in sources:
                    key = f"s{each}" if tape.instrument[row] < 0 else f"i{tape.instrument[row]}"
                    self._cover.add(key, gap.ts_from + self._shift(each), gap.ts_to + self._shift(each))
                    if gap.reason == GapReason.RESTART and tape.instrument[row] < 0:  # until there is a connection
                        self._cover.down(key, gap.ts_to + self._shift(each))
        elif kind == EventKind.STATUS and tape.code[row] == StatusCode.FEED_DOWN:
            self._cover.down(f"s{source}", now + self._shift(source))
        elif kind == EventKind.STATUS and tape.code[row] == StatusCode.FEED_UP:
            self._cover.up(f"s{source}", now + self._shift(source))
            for begin, end in self._unasked.get(source, ()):
                self._cover.add(f"s{source}", begin, end)

    def _shift(self, source: int) -> int:
        """Return what turns our receive time into the source's event time."""
        return int(self._clocks[source]["shift"])

    def _complete(self, bars: NDArray[np.void]) -> None:
        """Set ``completeness``, where the kernel left each bar's source, from what is known to be missing now."""
        source, begin = bars["completeness"].astype(np.int64), bars["ts_open"]
        length = bars["ts_close"] - begin
        self._sessions.mark(bars)
        first = self._clocks["first"][source]
        bars["completeness"] = 1.0 - np.clip(first - begin, 0, length) / length
        for at in np.flatnonzero(self._touched(source, bars["instrument"], begin)).tolist():
            keys, span = (f"s{source[at]}", f"i{bars['instrument'][at]}"), int(length[at])
            missing = self._cover.missing(keys, int(begin[at]), int(begin[at]) + span, int(first[at]))
            bars["completeness"][at] = 1.0 - missing / span

    def _touched(
        self, source: NDArray[np.int64], instrument: NDArray[np.int32], begin: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return which bars begin before the end of some gap of their source or instrument: most often none."""
        touched = np.zeros(len(begin), np.bool_)
        for prefix, numbers in (("s", source), ("i", instrument)):
            if self._cover.any(prefix):
                ends = {number: self._cover.until(f"{prefix}{number}") for number in np.unique(numbers).tolist()}
                touched |= begin < np.array([ends[number] for number in numbers.tolist()], np.int64)
        return touched

    def _settle(self, begin: int, end: int) -> None:
        """Learn whose midnights new instruments have."""
        zones, owners = len(self._sessions.zones), self._owners[begin:end]
        owners["zone"] = [self._sessions.zone(which) for which in range(begin, end)]
        if len(self._sessions.zones) > zones or not len(self._days):
            self._days = self._sessions.table()

    def _grow(self, count: int) -> None:
        if count <= self._known:
            return
        self._slots = grown(self._slots, count)
        self._owners = grown(self._owners, count)
        fresh: Any = self._owners[self._known : count]
        fresh["source"], fresh["oldest"], fresh["newest"] = -1, NONE_OPEN, ABSENT
        fresh["kept"] = [NONE_KEPT if self._withdraws(each) else NEVER_KEPT for each in range(self._known, count)]
        self._keeps |= bool(np.any(fresh["kept"] == NONE_KEPT))
        self._settle(self._known, count)
        self._known = count


def _takes_back(tape: Tape) -> NDArray[np.bool_]:
    """Tell which rows take back an earlier trade."""
    found: NDArray[np.bool_] = (tape.kind == EventKind.TRADE) & (
        tape.flags & (Flag.WITHDRAWN | Flag.DUPLICATE) == Flag.WITHDRAWN
    )
    return found


def _fresh_clocks() -> NDArray[np.void]:
    clocks = np.zeros(_SOURCES, CLOCKS)
    clocks["newest"] = clocks["first"] = clocks["second"] = clocks["best"] = ABSENT
    return clocks
