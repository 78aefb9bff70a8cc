"""IQFeed's decoder: compiled code takes the plain updates of Level 1, the reader all else, in the order of the journal.

What a line means may depend on those before it: which fields were announced, whether the account is delayed, which
trade a summary repeats. So compiled code stops at each line that may change that, or asks for it.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from breadboard.feeds.eastern import DAY_NS, Day
from breadboard.feeds.gathering import Gathering, in_row_order, receipt
from breadboard.feeds.iqfeed_fields import Plan
from breadboard.feeds.iqfeed_history import UNCOUNTED
from breadboard.feeds.iqfeed_kernel import (
    COLUMNS,
    LETTERS,
    MOST_FIELDS,
    PLACES,
    PLAIN,
    SPANS,
    Lines,
    Today,
    read_updates,
)
from breadboard.feeds.iqfeed_level1 import NO_EVENT, QUOTE_FLAGS, TRADE_FLAGS
from breadboard.feeds.iqfeed_memory import MOST_BOOKS, Memory
from breadboard.feeds.iqfeed_reader import IqfeedReader
from breadboard.feeds.readers import ReadingDecoder
from breadboard.feeds.words import Symbols
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, RecordKind
from breadboard.model.tape import Tape
from breadboard.ports import Capabilities, Decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST: Final = 32
"""Lines between two stops below which the reader takes the next ``_MANY`` by itself: stopping costs more than they."""
_MANY: Final = 256
_FEW: Final = 16
"""Lines that the reader has read before compiled code has begun."""
_DATA: Final = int(RecordKind.DATA)
_TRADE: Final = int(EventKind.TRADE)


class IqfeedDecoder(ReadingDecoder):
    """A ``ports.Decoder`` of lines. What it decodes, remembers and refuses is what ``ReadingDecoder`` does."""

    def __init__(self, can: Capabilities, reader: IqfeedReader, instruments: Instruments) -> None:
        super().__init__(can.venue, can.sequence_rule, can.frame_cap, reader, instruments)
        self._lines_reader = reader
        self._symbols = Symbols()
        self._day: Day | None = None
        self._date = _today(None)

    def decode(self, frames: Frames) -> Decoded:
        """Return the frames' events in journal order."""
        if self.notes or len(frames) < _FEW:
            return super().decode(frames)
        gathered = Gathering(self._intern)
        batch = _Batch(frames, self._cap)
        row = 0
        while row < len(frames):
            self._learn(batch)
            begin, row = row, batch.run(row, self._today(), self._symbols)
            batch.remember()
            self._read(frames, (begin + np.flatnonzero(batch.told[begin:row] != PLAIN)).tolist(), gathered)
            if row - begin < _LEAST:
                more = range(row, min(row + _MANY, len(frames)))
                self._read(frames, more, gathered)
                row = more.stop
        if batch.ignored:
            gathered.ignored[NO_EVENT] += batch.ignored
        tape = batch.tape()
        if gathered:
            tape = in_row_order(Tape.merge([tape, gathered.tape(frames)]))
        return self._decoded(frames, gathered, tape)

    def _learn(self, batch: "_Batch") -> None:
        """Look up how the lines of each connection are to be read now."""
        memories = [self._lines_reader.known(source, epoch) for source, epoch in batch.connections]
        batch.learn(memories, MOST_BOOKS - len(self._instruments))

    def _today(self) -> Today:
        day = self._lines_reader.nearest.today
        if day is not self._day:
            self._day, self._date = day, _today(day)
        return self._date

    def _intern(self, symbol: str) -> int:
        found = super()._intern(symbol)
        self._symbols.add(symbol, found)
        return found


class _Batch:
    """The lines of a batch, and what compiled code made of them so far."""

    def __init__(self, frames: Frames, cap: int) -> None:
        self._frames = frames
        count = len(frames)
        key = frames.source.astype(np.int64) << 32 | frames.epoch.astype(np.int64)
        found, which = np.unique(key, return_inverse=True)
        self.connections: Sequence[tuple[int, int]] = [(int(one) >> 32, int(one) & 0xFFFFFFFF) for one in found]
        self._which = which
        self._begin, self._end = frames.begin.astype(np.int64), frames.end.astype(np.int64)
        ours = (frames.kind == _DATA) & (self._end - self._begin <= cap)
        self._connection = np.where(ours, which, -1)
        self._ts_recv = frames.ts_recv.astype(np.int64)
        self._buffer = np.ascontiguousarray(frames.buffer).view()
        self._buffer.flags.writeable = False  # one type, whoever made it: another would compile the kernel again
        self.told = np.zeros(count, np.int8)
        self._out = np.empty((len(COLUMNS), 2 * count), np.int64)
        self._rows = np.empty(2 * count, np.int64)
        self._spans = np.empty((2 * count, SPANS), np.int64)
        self._cuts = np.empty(MOST_FIELDS, np.int64)
        self._events = self._remembered = 0
        self._memories: list[Memory | None] = []
        self._lines = Lines(
            np.full((len(found), len(LETTERS), len(PLACES)), -1),
            np.zeros(len(found), np.int64),
            np.zeros(len(found), np.uint8),
            _FLAGS,
            _CODES,
            _QUOTE_FLAGS,
        )

    def learn(self, memories: list[Memory | None], most: int) -> None:
        """Take how the lines of each connection are to be read from here on.

        The reader takes them all where nothing was announced, and of one that remembers trades of more than ``most``
        symbols: it may have to forget them.
        """
        self._memories = memories
        self._lines.fields[:] = 0
        for at, memory in enumerate(memories):
            if memory is None or memory.plan is None or len(memory.last_trade) > most:
                continue
            if memory.plan.parts > MOST_FIELDS:  # a line of more could not be told from one of so many
                continue
            if memory.plan.contents < 0 and not memory.plan.quoted:  # they mean nothing, for a reason of their own
                continue
            self._lines.places[at] = _places(memory.plan)
            self._lines.fields[at], self._lines.delayed[at] = memory.plan.parts - 1, memory.delayed

    def run(self, row: int, today: Today, symbols: Symbols) -> int:
        """Read on from a row; return the row behind the line that stopped it."""
        row, self._events = read_updates(
            self._lines,
            self._connection,
            today,
            symbols.table,
            self._buffer,
            self._begin,
            self._end,
            self._ts_recv,
            row,
            self.told,
            self._out,
            self._rows,
            self._spans,
            self._events,
            self._cuts,
        )
        return int(row)

    def remember(self) -> None:
        """Tell the memories of the newest trade of each symbol."""
        fresh = slice(self._remembered, self._events)
        trades = self._remembered + np.flatnonzero(self._out[_KIND, fresh] == _TRADE)
        self._remembered = self._events
        if not len(trades):
            return
        which, instrument = self._which[self._rows[trades]], self._out[_INSTRUMENT, trades]
        _, last = np.unique((which << 32 | instrument)[::-1], return_index=True)
        newest = trades[::-1][last]
        spans = self._spans[newest]
        low, high = int(spans.min()), int(spans.max())
        text = self._buffer[low:high].tobytes().decode("latin-1")
        where = self._which[self._rows[newest]].tolist()
        for at, (name, named, clock, clocked, tick, ticked) in zip(where, (spans - low).tolist(), strict=True):
            memory = self._memories[at]
            assert memory is not None, "lines are read of those connections that are known"
            memory.last_trade[text[name:named]] = (text[clock:clocked], text[tick:ticked])

    @property
    def ignored(self) -> int:
        """Lines that were read and mean nothing: neither trade nor quote."""
        return int((self.told == PLAIN).sum()) - int((self._out[_INDEX, : self._events] == 0).sum())

    def tape(self) -> Tape:
        """Return the events of all lines that were read."""
        columns = dict(zip(COLUMNS, self._out[:, : self._events], strict=True))
        nothing = np.zeros(self._events, np.int64)
        rows = self._rows[: self._events]
        return Tape.of(
            self._events,
            columns | receipt(self._frames, rows) | {"level_begin": nothing, "level_end": nothing},
        )


def _places(plan: Plan) -> list[list[int]]:
    return [[getattr(plan.trades[letter], name, getattr(plan, name, -1)) for name in PLACES] for letter in LETTERS]


def _today(day: Day | None) -> Today:
    if day is None:
        return Today(np.zeros(2, np.int64), np.zeros(10, np.uint8))
    text = (date(1970, 1, 1) + timedelta(days=day.number)).strftime("%m/%d/%Y").encode()
    return Today(np.array([day.midnight, day.midnight + DAY_NS]), np.frombuffer(text, np.uint8).copy())


_KIND, _INSTRUMENT, _INDEX = (COLUMNS.index(name) for name in ("kind", "instrument", "index"))
_FLAGS: Final = np.array([[int(TRADE_FLAGS[letter, late]) for late in (False, True)] for letter in LETTERS], np.int64)
_CODES: Final = np.array([int(UNCOUNTED[letter]) for letter in LETTERS], np.int64)
_QUOTE_FLAGS: Final = np.array([int(flag) for flag in QUOTE_FLAGS], np.int64)
