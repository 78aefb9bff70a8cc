"""From what a reference reader says of frames, one by one, to the columns of a tape."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.reading import Event, Meaning, VendorBar
from breadboard.model.bars import BAR
from breadboard.model.decimals import size_decimal
from breadboard.model.frames import Frames
from breadboard.model.instruments import NO_INSTRUMENT
from breadboard.model.kinds import BarState, EventKind, GapReason
from breadboard.model.sizes import split_size
from breadboard.model.tape import LEVEL_COLUMNS, Tape
from breadboard.ports import WHOLE_FRAME

if TYPE_CHECKING:
    from breadboard.model.gaps import Gap

_COLUMNS: Final = {
    name: attrgetter(name)
    for name in (
        *(
            "kind",
            "flags",
            "code",
            "side",
            "ts_event",
            "sequence",
            "sequence_first",
            "sequence_prev",
            "trade_id",
            "order_id",
        ),
        *("order_id", "price", "size", "size_exp", "ask_price", "ask_size", "ask_size_exp"),
    )
}


class Gathering:
    """What became of frames that were read one by one: events, conversation, quarantine. ``intern`` gives ids.

    ``every_note`` keeps what the venue says beyond the tape's columns of every event, not of STATUS alone.
    """

    def __init__(self, intern: Callable[[str], int], *, every_note: bool = False) -> None:
        self.control = 0
        self.quarantined: list[tuple[int, str]] = []
        self.ignored: Counter[str] = Counter()
        self.checked = 0
        self.failed = 0
        self.notes: dict[tuple[int, int], Mapping[str, Any]] = {}
        self._intern = intern
        self._every_note = every_note
        self._events: list[Event] = []
        # Lists of plain numbers: a tuple an event would have the garbage collector look at every one of them.
        self._rows: list[int] = []
        self._index: list[int] = []
        self._instrument: list[int] = []
        self._bars: list[tuple[int, int, VendorBar]] = []
        self._gaps: list[tuple[int, Gap]] = []

    def __bool__(self) -> bool:
        return bool(self._events)

    def take(self, frames: Frames, row: int, meaning: Meaning) -> None:
        """Take what one frame means. Raises ValueError, and has taken nothing, where it names what gets no id."""
        events, offset = len(self._events), int(frames.offset[row])
        try:
            for index, event in enumerate(meaning.events):
                self.add(frames, row, index, event)
            bars = [(offset, self._intern(bar.symbol), bar) for bar in meaning.bars]
        except ValueError:
            self._forget(events, offset)
            raise
        self._bars += bars
        if meaning.refused is not None:
            self.quarantined.append((int(frames.offset[row]), meaning.refused))
        elif meaning.control:
            self.control += 1
        if meaning.ignored is not None:
            self.ignored[meaning.ignored] += 1
        if meaning.checked is not None:
            self.checked += 1
            self.failed += not meaning.checked
        if meaning.notes:
            self.notes[offset, WHOLE_FRAME] = meaning.notes

    def refuse(self, frames: Frames, row: int, reason: str, lost: str | None) -> None:
        """Take a frame that could not be understood, and the book that now misses it ("" for any, None for none)."""
        self.quarantined.append((int(frames.offset[row]), reason))
        if lost is not None:
            event = Event(kind=EventKind.GAP, symbol=lost or None, code=GapReason.QUARANTINE)
            with suppress(ValueError):  # a book that gets no id is none of ours
                self.add(frames, row, 0, event)

    def _forget(self, events: int, offset: int) -> None:
        """Have only the first so many events, and of one frame nothing."""
        for column in (self._events, self._rows, self._index, self._instrument):
            del column[events:]
        self._gaps = [pair for pair in self._gaps if pair[0] != offset]
        self.notes = {place: words for place, words in self.notes.items() if place[0] != offset}

    def tape(self, frames: Frames) -> Tape:
        """Return the events as a tape, in the order they were taken."""
        rows = np.array(self._rows, np.int64)
        events = self._events
        levels = [level for event in events for level in event.levels]
        ends = np.cumsum([len(event.levels) for event in events], dtype=np.int64)
        columns: dict[str, Any] = {name: list(map(get, events)) for name, get in _COLUMNS.items()}
        columns["code"] = [code or 0 for code in columns["code"]]
        return Tape.of(
            len(rows),
            columns
            | receipt(frames, rows)
            | {
                "index": self._index,
                "instrument": self._instrument,
                "level_begin": np.concatenate((np.zeros(1, np.int64), ends[:-1])) if len(ends) else ends,
                "level_end": ends,
            },
            dict(zip(LEVEL_COLUMNS, zip(*levels, strict=True), strict=True)) if levels else None,
            self._gaps,
        )

    def bars(self) -> NDArray[np.void]:
        """Return the vendor's bars as ``BAR`` rows, final and complete as far as the vendor knows."""
        out = np.zeros(len(self._bars), BAR)
        for row, (offset, instrument, bar) in zip(out, self._bars, strict=True):
            row["instrument"], row["offset"], row["interval"] = instrument, offset, bar.interval_s
            for name in ("ts_open", "open", "high", "low", "close", "trades"):
                row[name] = getattr(bar, name)
            row["ts_close"] = bar.ts_open + bar.interval_s * 1_000_000_000
            row["volume_whole"], row["volume_fraction"] = split_size(bar.volume, bar.volume_exp)
            row["notional"] = np.nan if bar.vwap is None else bar.vwap * float(size_decimal(bar.volume, bar.volume_exp))
            row["state"], row["completeness"] = BarState.FINAL, 1.0
        return out

    def add(self, frames: Frames, row: int, index: int, event: Event) -> None:
        """Take one event, the ``index``-th of its frame."""
        instrument = NO_INSTRUMENT if event.symbol is None else self._intern(event.symbol)
        self._events.append(event)
        self._rows.append(row)
        self._index.append(index)
        self._instrument.append(instrument)
        if event.gap is not None:
            self._gaps.append((int(frames.offset[row]), event.gap))
        if event.notes and (self._every_note or event.kind is EventKind.STATUS):
            self.notes[int(frames.offset[row]), index] = event.notes


def receipt(frames: Frames, rows: slice | NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the tape columns that a row takes from its frame; of a slice they are the frames' own."""
    return {"source": frames.source[rows], "offset": frames.offset[rows], "ts_recv": frames.ts_recv[rows]}


def in_row_order(tape: Tape) -> Tape:
    """Lay the levels out in the order of their rows, as they are when no frame is odd: batch sizes leave no trace."""
    counts = tape.level_end - tape.level_begin
    ends = np.cumsum(counts)
    order = np.repeat(tape.level_begin - (ends - counts), counts) + np.arange(counts.sum())
    moved: dict[str, Any] = {name: getattr(tape, name)[order] for name in LEVEL_COLUMNS}
    return replace(tape, **moved, level_begin=ends - counts, level_end=ends)
