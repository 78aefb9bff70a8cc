"""The decoder that all venues share: the kernel takes what is plain, the reference reader what is not."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.json_kernel import COLUMNS, SCRATCH, Dialect, read_frames
from breadboard.feeds.json_tokens import Levels
from breadboard.feeds.reading import DocumentReader, Event, Meaning, Reader, Refused
from breadboard.feeds.words import Symbols
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import NO_INSTRUMENT, Instruments
from breadboard.model.kinds import EventKind, GapReason, RecordKind, SequenceRule
from breadboard.model.tape import LEVEL_COLUMNS, Tape
from breadboard.ports import Decoded

FRAME: Final = 0
DOCUMENT: Final = 1
ALONE: Final = -1
"""Roles of frames in ``read_frames``."""

_PLAIN_SYMBOL: Final = re.compile(r"[!-~]{1,64}")
_DATA: Final = int(RecordKind.DATA)
_DOCUMENT: Final = int(RecordKind.DOCUMENT)
_HEAD: Final = msgspec.json.Decoder(DocumentHead)
_SLOW_COLUMNS: Final = tuple(name for name in COLUMNS if name not in ("instrument", "level_begin", "level_end"))


@dataclass(frozen=True, slots=True)
class Language:
    """What a venue's bytes mean: tables for the kernel, and readers that have the last word."""

    venue: str
    sequence_rule: SequenceRule
    frame_cap: int
    dialect: Dialect
    read: Reader
    read_document: DocumentReader
    lost_book: Callable[[bytes], str | None] = lambda _frame: None
    """Which book misses a refused frame where no numbers will tell: its symbol, "" for any, None for no book."""


class JsonDecoder:
    """A ``ports.Decoder`` without state of its own: ids live in ``instruments``, which the caller owns.

    ``fast=False`` leaves every frame to the reference reader; tests hold the two against each other.
    """

    def __init__(self, language: Language, instruments: Instruments, *, fast: bool = True) -> None:
        self._language = language
        self._instruments = instruments
        self._fast = fast
        self._symbols = Symbols()

    def snapshot(self) -> bytes:
        """Return no bytes: there is no state."""
        return b""

    def restore(self, state: bytes) -> None:
        """Forget the symbols that were looked up, which are asked for again."""
        if state:
            raise ValueError(f"this decoder has no state, and was given {len(state)} bytes")
        self._symbols = Symbols()

    def decode(self, frames: Frames) -> Decoded:
        """Return the frames' events in journal order, at most one a frame."""
        begin, role, heads = self._roles(frames)
        levels = Levels.room(int(frames.end.sum() - begin.sum()))
        columns = np.empty((len(COLUMNS), len(frames)), np.int64)
        spans = np.zeros((len(frames), 2), np.int64)
        count = read_frames(
            self._language.dialect,
            self._symbols.table,
            _read_only(frames.buffer),
            begin,
            frames.end.astype(np.int64),
            role,
            levels,
            columns,
            spans,
            np.zeros(SCRATCH, np.int64),
        )
        odd = _Odd()
        self._read_odd(frames, begin, role, heads, columns, spans, odd)
        plain = np.flatnonzero(role != ALONE)
        tape = _plain_tape(frames, plain, columns, levels.first(count))
        if odd.events:
            tape = _in_row_order(Tape.merge([tape, odd.tape(frames)]))
        data = len(frames) - odd.control - len(odd.quarantined)
        return Decoded(tape, data, odd.control, tuple(odd.quarantined), odd.ignored)

    def _roles(self, frames: Frames) -> tuple[NDArray[np.int64], NDArray[np.int8], dict[int, DocumentHead]]:
        """Return where each frame's JSON begins, its role, and the heads of documents."""
        role = np.full(len(frames), FRAME if self._fast else ALONE, np.int8)
        begin, heads = frames.begin.astype(np.int64), {}
        others = frames.kind != _DATA
        if others.any():
            role[others] = ALONE
        for row in np.flatnonzero(frames.kind == _DOCUMENT).tolist() if others.any() else ():
            raw = frames.frame(row)
            cut = raw.find(b"\n")
            try:
                head = _HEAD.decode(raw[: max(cut, 0)])
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            heads[row] = head
            begin[row] += cut + 1
            if self._fast and head.status == 200 and head.tag.startswith("depth:"):
                role[row] = DOCUMENT
        role[frames.end - begin > self._language.frame_cap] = ALONE
        return begin, role, heads

    def _read_odd(
        self,
        frames: Frames,
        begin: NDArray[np.int64],
        role: NDArray[np.int8],
        heads: dict[int, DocumentHead],
        columns: NDArray[np.int64],
        spans: NDArray[np.int64],
        odd: "_Odd",
    ) -> None:
        """Name new symbols and read what the kernel left alone, both in journal order, which gives the ids."""
        instrument = columns[COLUMNS.index("instrument")]
        for row in np.flatnonzero((role == ALONE) | (instrument == NO_INSTRUMENT)).tolist():
            a, b = spans[row].tolist()
            symbol = frames.buffer[a:b].tobytes().decode("ascii") if role[row] != ALONE else ""
            if role[row] == DOCUMENT:
                tagged = heads[row].tag.removeprefix("depth:")
                if _PLAIN_SYMBOL.fullmatch(tagged) and symbol in ("", tagged):
                    instrument[row] = self._intern(tagged)
                    continue
                role[row] = ALONE
            if role[row] == FRAME:
                instrument[row] = self._intern(symbol)
                continue
            self._read_one(frames, row, heads.get(row), int(begin[row]), odd)

    def _read_one(self, frames: Frames, row: int, head: DocumentHead | None, begin: int, odd: "_Odd") -> None:
        raw = frames.buffer[begin : frames.end[row]]
        try:
            if len(raw) > self._language.frame_cap:
                raise Refused(f"a frame of {len(raw)} bytes, over the cap of {self._language.frame_cap}")
            meaning = self._meaning(int(frames.kind[row]), head, raw.tobytes())
        except ValueError as error:
            odd.quarantined.append((int(frames.offset[row]), str(error)))
            lost = self._language.lost_book(raw.tobytes()) if frames.kind[row] == _DATA else None
            if lost is not None:
                event = Event(kind=EventKind.GAP, symbol=lost or None, code=GapReason.QUARANTINE)
                odd.events.append((row, self._intern(lost) if lost else NO_INSTRUMENT, event))
            return
        odd.control += meaning.control
        if meaning.ignored is not None:
            odd.ignored[meaning.ignored] += 1
        if meaning.event is not None:
            symbol = meaning.event.symbol
            odd.events.append((row, NO_INSTRUMENT if symbol is None else self._intern(symbol), meaning.event))

    def _meaning(self, kind: int, head: DocumentHead | None, raw: bytes) -> Meaning:
        if kind == RecordKind.DATA:
            return self._language.read(raw)
        if kind != RecordKind.DOCUMENT:
            raise Refused(f"a record of kind {kind}, which is not the venue's")
        if head is None:
            raise Refused("a document without its head line")
        return self._language.read_document(head, raw)

    def _intern(self, symbol: str) -> int:
        found = self._instruments.intern(self._language.venue, symbol, self._language.sequence_rule)
        self._symbols.add(symbol, found)
        return found


class _Odd:
    """What the reference reader made of the frames it was given."""

    def __init__(self) -> None:
        self.events: list[tuple[int, int, Event]] = []
        self.control = 0
        self.quarantined: list[tuple[int, str]] = []
        self.ignored: Counter[str] = Counter()

    def tape(self, frames: Frames) -> Tape:
        """Return the events as a tape."""
        rows = np.array([row for row, _, _ in self.events], np.int64)
        levels = [level for _, _, event in self.events for level in event.levels]
        ends = np.cumsum([len(event.levels) for _, _, event in self.events])
        columns = {name: [getattr(event, name) or 0 for _, _, event in self.events] for name in _SLOW_COLUMNS}
        return Tape.of(
            len(rows),
            columns
            | _receipt(frames, rows)
            | {
                "instrument": [instrument for _, instrument, _ in self.events],
                "level_begin": np.concatenate((np.zeros(1, np.int64), ends[:-1])),
                "level_end": ends,
            },
            dict(zip(LEVEL_COLUMNS, zip(*levels, strict=True), strict=True)) if levels else None,
        )


def _read_only(buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the buffer as one type, whoever made it: another type would compile the kernel again, for seconds."""
    view = np.ascontiguousarray(buffer).view()
    view.flags.writeable = False
    return view


def _receipt(frames: Frames, rows: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    return {name: getattr(frames, name)[rows] for name in ("source", "offset", "ts_recv")}


def _plain_tape(frames: Frames, rows: NDArray[np.int64], columns: NDArray[np.int64], levels: Levels) -> Tape:
    if len(rows) != len(frames):
        columns = columns[:, rows]
    events = dict(zip(COLUMNS, columns, strict=True))
    return Tape.of(len(rows), events | _receipt(frames, rows), dict(zip(LEVEL_COLUMNS, levels, strict=True)))


def _in_row_order(tape: Tape) -> Tape:
    """Lay the levels out in the order of their rows, as they are when no frame is odd: batch sizes leave no trace."""
    counts = tape.level_end - tape.level_begin
    ends = np.cumsum(counts)
    order = np.repeat(tape.level_begin - (ends - counts), counts) + np.arange(counts.sum())
    moved: dict[str, Any] = {name: getattr(tape, name)[order] for name in LEVEL_COLUMNS}
    return replace(tape, **moved, level_begin=ends - counts, level_end=ends)
