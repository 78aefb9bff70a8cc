"""Anomalies: prints, windows, quotes and silences that do not fit, each told once, with what it was concluded from.

===================  ==========================================================  =========================
kind                 told where                                                  value, baseline, threshold
===================  ==========================================================  =========================
``price_jump``       a print is far from the median of the five before it, and   relative distance
                     no quote of then or shortly before explains it
``return_outlier``   the level (the middle of the last three prints) moved far   relative change, divided by
                     since the window before that had prints                     the root of seconds between
``volume_outlier``   much was traded in a window                                 Σ p·q, quote currency
``spread_outlier``   even the narrowest quoted spread of a window is wide        (a − b) / m
``burst``            many market messages came in a window                       messages
``trade_outside``    a print outside best bid and offer, as far as they reached  prices
                     shortly before it and until shortly after it
``stuck_quote``      best bid and offer are as they were, while prints (or the   seconds
                     best of the venue's own book) pass through them
``off_hours``        a print while the venue's calendar says closed              seconds to the nearest hours
``stale_venue``      a source said nothing, heartbeats included, for longer      seconds; the baseline is its
                     than its venue's rule                                       longest silence so far
===================  ==========================================================  =========================

The first five are judged by what is usual for the instrument at that time of day (``anomaly_baseline``), and not before
``warmup`` observations; the others by rules. Windows are seconds of the instrument's event time with anything in
them. Times of day are blocks of four hours, or, for a venue with a calendar, the parts of its session; what happens in
the first minute and the five after the close is an auction's and is neither judged nor learned.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.config import AnomalyConfig
from breadboard.engine import anomaly_kernel as core
from breadboard.engine.anomaly_baseline import BINS
from breadboard.engine.anomaly_hours import EDGE, edges
from breadboard.engine.anomaly_state import (
    BUCKETS,
    JUMP,
    LIMITS,
    OWNER,
    RATE,
    RETURN,
    SECOND,
    SOURCE,
    SPREAD,
    STATISTICS,
    UNKNOWN,
    USUAL,
    VOLUME,
)
from breadboard.engine.book_kernel import TOP
from breadboard.engine.state import grown, pack, unpack
from breadboard.engine.voices import Voice, first_venues
from breadboard.engine.watermarks import Watermarks
from breadboard.model import whole
from breadboard.model.anomalies import ANOMALY, BY_NAME
from breadboard.model.decimals import ABSENT
from breadboard.model.tape import Tape

BYTES_AN_INSTRUMENT: Final = OWNER.itemsize + BUCKETS * (STATISTICS * USUAL.itemsize + 2 * BINS)
"""State an instrument, whatever comes."""
_MILLISECOND: Final = 1_000_000
_BASIS_POINT: Final = 1e-4
_UNMET: Final = -1


class Anomalies:
    """Stage: ``ANOMALY`` rows, in the order in which they were concluded.

    ``kinds`` chooses what is told and not what is learned. ``calendar`` gives an instrument's exchange calendar (empty:
    always open), ``silence_s`` how long a venue may say nothing, None where that proves nothing, ``venues`` those of
    sources. Nothing is concluded
    across a GAP, a FEED_DOWN, a STALE or MAINTENANCE row, a halt, a hole in the trades, or where one history ends and
    another begins: windows, prints before, best bid and offer begin anew there, what is usual stays. In a minute after
    a halt nothing is judged. DUPLICATE, LAST_KNOWN, WITHDRAWN and LATE_PRINT trades are no news, INELIGIBLE ones count
    for their hours alone, VOLUME_ONLY ones for hours and volume; AGGREGATED ones where there are no others. A print
    more than ten seconds older than its instrument's newest row, or without a time, is held against hours alone
    (``late``). A CONFLATED quote or trade is held against no book. Best bid and offer are the quotes' where an
    instrument has any, else its book's.

    A finding within ``cooldown_s`` of the one before of its kind and instrument is the same fault: it is counted, and
    told only where it got worse.
    """

    def __init__(
        self,
        kinds: Sequence[str],
        limits: AnomalyConfig,
        lateness_ms: int,
        idle_s: float,
        calendar: Callable[[int], str] = lambda _: "",
        silence_s: Callable[[str], float | None] = lambda _: None,
        venues: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self._limits = _table(kinds, limits)
        self._calendar, self._silence_s, self._venues = calendar, silence_s, venues
        self._voices: Sequence[Voice] = ()
        self._watermarks = Watermarks(lateness_ms, idle_s)
        self._known = 0
        self._owners = np.zeros(0, OWNER)
        self._usual = np.zeros((0, BUCKETS, STATISTICS), USUAL)
        self._counts = np.zeros((0, BUCKETS, BINS), np.uint16)
        self._sources = np.zeros(0, SOURCE)
        self._calendars: list[str] = []
        self._hours, self._bounds = np.zeros(0, EDGE), np.zeros(1, np.int64)
        self._meter = np.zeros(core.METERS, np.int64)
        self._tops = np.zeros(0, TOP)
        self._holes: NDArray[np.void] | None = None
        self._out = np.zeros(0, ANOMALY)

    def expect(
        self,
        tops: NDArray[np.void],
        holes: NDArray[np.void] | None,
        voices: Sequence[Voice] = (),
    ) -> None:
        """Learn of the next tape: the books (``TOP`` rows), missing trades (``FOUND``), and who speaks through what."""
        self._tops, self._holes, self._voices = tops, holes, voices

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return what was found, or None."""
        if not self._voices:
            return self._segment(tape)
        tops, holes, parts, begin = self._tops, self._holes, [], 0
        spoken = first_venues(self._voices)
        for voice in (*self._voices, None):
            end = len(tape) if voice is None else int(np.searchsorted(tape.offset, voice.offset))
            if end > begin:
                mine: Any = whole.copied(tops[(tops["row"] >= begin) & (tops["row"] < end)])
                mine["row"] -= begin
                self._tops, self._holes = mine, holes
                parts.append(self._segment(tape.take(slice(begin, end)), spoken))
            if voice is not None:
                spoken[voice.source] = voice.venue
                if voice.source < len(self._sources):
                    self._sources["silence"][voice.source] = self._rule(voice.venue)
            begin = end
        self._voices = ()
        found = [part for part in parts if part is not None]
        return whole.joined(found) if found else None

    def _rule(self, venue: str) -> int:
        told = self._silence_s(venue)
        return _UNMET if told is None else int(told * SECOND)

    def _segment(self, tape: Tape, spoken: Mapping[int, str] = MappingProxyType({})) -> NDArray[np.void] | None:
        """Take rows between which no source begins to speak for another venue."""
        self._grow(max(tape.contents.instruments, int(self._tops["instrument"].max(initial=-1)) + 1))
        timely, marks = self._watermarks.on_tape(tape)
        self._meet(self._watermarks.sources, spoken)
        holes = self._holed(tape)
        room = self._known * core.A_WINDOW + len(self._sources) + core.A_ROW
        if len(self._out) < 2 * room:
            self._out = np.zeros(4 * room, ANOMALY)
        cursor, parts = (0, 0, 0), []
        while cursor[0] < len(tape):
            cursor, count = core.run(
                cursor,
                tape.kind,
                tape.code,
                tape.flags,
                tape.source,
                tape.instrument,
                tape.offset,
                tape.index,
                tape.ts_event,
                tape.ts_recv,
                tape.price,
                tape.size,
                tape.size_exp,
                tape.ask_price,
                tape.ask_size,
                timely,
                holes,
                marks,
                self._tops,
                self._owners,
                self._usual,
                self._counts,
                self._known,
                self._sources,
                self._hours,
                self._bounds,
                self._limits,
                self._meter,
                self._out,
            )
            if count:
                parts.append(whole.copied(self._out[:count]))
        self._tops, self._holes = np.zeros(0, TOP), None
        return whole.joined(parts) if parts else None

    def counters(self) -> dict[str, int]:
        """Return findings not told, prints too old or untimed to be judged, and rows before any event time."""
        return {
            "suppressed": int(self._owners["suppressed"][: self._known].sum()),
            "late": int(self._meter[core.LATE]),
            "untimed": int(self._meter[core.UNTIMED]),
        }

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        known, heard = self._known, np.flatnonzero(self._sources["heard"])
        return pack(
            {
                "watermarks": self._watermarks.packed(),
                "owners": self._owners[:known].reshape(-1).view(np.uint8),
                "usual": self._usual[:known].reshape(-1).view(np.uint8),
                "counts": self._counts[:known].reshape(-1),
                "numbers": heard,
                "sources": self._sources[heard],
                "calendars": self._calendars,
                "meter": self._meter,
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._watermarks.unpacked(parts["watermarks"])
        self._owners, self._meter = parts["owners"].view(OWNER), parts["meter"]
        self._sources = np.zeros(0, SOURCE)
        self._meet(int(parts["numbers"].max(initial=-1)) + 1)
        self._sources[parts["numbers"]] = parts["sources"]
        self._known = len(self._owners)
        self._usual = parts["usual"].view(USUAL).reshape(self._known, BUCKETS, STATISTICS)
        self._counts = parts["counts"].reshape(self._known, BUCKETS, BINS)
        self._calendars = []
        for calendar in parts["calendars"]:
            self._place_of(calendar)

    def _holed(self, tape: Tape) -> NDArray[np.bool_]:
        """Tell at which rows trades of their instrument were found to be missing."""
        marks = np.zeros(len(tape), np.bool_)
        for hole in () if self._holes is None else self._holes[self._holes["refilled"] == 0]:
            begin, end = np.searchsorted(tape.offset, (hole["offset"], hole["offset"] + 1))
            marks[begin:end] |= tape.index[begin:end] == hole["index"]
        return marks

    def _grow(self, count: int) -> None:
        """Make room for instruments not met before."""
        if count <= self._known:
            return
        self._owners, self._counts = grown(self._owners, count), grown(self._counts, count)
        self._usual = grown(self._usual, count)
        fresh: Any = self._owners[self._known : count]
        fresh["source"] = fresh["top_source"] = fresh["trade_source"] = -1
        for name in UNKNOWN:
            fresh[name] = ABSENT
        fresh["calendar"] = [self._place_of(self._calendar(which)) for which in range(self._known, count)]
        self._usual["threshold"][self._known : count] = np.inf
        self._known = count

    def _place_of(self, calendar: str) -> int:
        """Return a calendar's place among those met so far; -1 for always open."""
        if not calendar:
            return -1
        if calendar not in self._calendars:
            self._calendars.append(calendar)
            self._hours = np.concatenate((self._hours, edges(calendar)))
            self._bounds = np.append(self._bounds, len(self._hours))
        return self._calendars.index(calendar)

    def _meet(self, count: int, spoken: Mapping[int, str] = MappingProxyType({})) -> None:
        """Make room for sources not met before; ``spoken`` are venues where they are not those of now."""
        before = len(self._sources)
        if count <= before:
            return
        self._sources = np.concatenate((self._sources, np.zeros(count - before, SOURCE)))
        self._sources["seen"][before:] = ABSENT
        venues = [spoken.get(each, self._venues.get(each, "")) for each in range(before, count)]
        self._sources["silence"][before:] = [self._rule(venue) for venue in venues]


def _table(kinds: Sequence[str], limits: AnomalyConfig) -> NDArray[np.void]:
    """Return the configuration as the one ``LIMITS`` row that kernels read."""
    table: Any = np.zeros(1, LIMITS)
    row = table[0]
    for name in kinds:
        row["chosen"][BY_NAME[name]] = 1
    row["warmup"], row["cooldown"] = limits.warmup, int(limits.cooldown_s * SECOND)
    row["grace"], row["tolerance"] = limits.grace_ms * _MILLISECOND, limits.outside_bps * _BASIS_POINT
    row["stuck"], row["through"] = int(limits.stuck_s * SECOND), limits.stuck_prints
    row["times"][[JUMP, RETURN, VOLUME, SPREAD, RATE]] = (
        *(limits.jump_tails, limits.return_tails, limits.volume_tails, limits.spread_tails, limits.burst_tails),
    )
    row["ratio"][[VOLUME, SPREAD, RATE]] = limits.volume_ratio, limits.spread_ratio, limits.burst_ratio
    row["least"][[JUMP, RETURN, SPREAD]] = np.array((limits.jump_bps, limits.return_bps, limits.spread_bps)) * 1e-4
    row["least"][RATE] = limits.burst_rows
    return table  # type: ignore[no-any-return]  # of numpy
