"""The decoder that all venues share: the kernel takes what is plain, the reference reader what is not."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.drift import Drift
from breadboard.feeds.gathering import Gathering, in_row_order, receipt
from breadboard.feeds.json_dialect import COLUMNS, Dialect
from breadboard.feeds.json_kernel import SCRATCH, lay_out, read_frames
from breadboard.feeds.json_layouts import Layouts
from breadboard.feeds.json_tokens import Levels
from breadboard.feeds.living_books import BatchOfBooks, LivingBooks
from breadboard.feeds.reading import DocumentReader, Meaning, Reader, Refused, parse_object
from breadboard.feeds.words import Symbols
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import NO_INSTRUMENT, Instruments
from breadboard.model.kinds import RecordKind, SequenceRule
from breadboard.model.tape import LEVEL_COLUMNS, Tape
from breadboard.ports import Decoded

FRAME: Final = 0
DOCUMENT: Final = 1
ALONE: Final = -1
"""Roles of frames in ``read_frames``."""

_MOST_FORMS: Final = 4_096
_PLAIN_SYMBOL: Final = re.compile(r"[!-~]{1,64}")
_KIND, _INSTRUMENT = COLUMNS.index("kind"), COLUMNS.index("instrument")
_DATA: Final = int(RecordKind.DATA)
_DOCUMENT: Final = int(RecordKind.DOCUMENT)
_HEAD: Final = msgspec.json.Decoder(DocumentHead)
_MEMORY: Final = msgspec.msgpack.Decoder(tuple[bytes, bytes])


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
    words: frozenset[str] = field(kw_only=True)
    """Every key that the venue is known to send: another one is schema drift."""
    partial_books: bool = field(default=False, kw_only=True)
    """Whether the venue may send the top of a book beside its changes; see ``living_books``."""


class JsonDecoder:
    """A ``ports.Decoder`` of little memory (keys told of, books that live): ids are in the caller's ``instruments``.

    ``fast=False`` leaves every frame to the reference reader; tests hold the two against each other.
    """

    guarded = False

    def __init__(self, language: Language, instruments: Instruments, *, fast: bool = True) -> None:
        self.language = language
        self.notes = False
        """Whether to keep what the reference reader says beyond the tape's columns, which only a person asks for."""
        self._instruments = instruments
        self._longest = language.frame_cap if fast else -1
        """Bytes of a frame; a longer one is the reference reader's to refuse."""
        self._symbols = Symbols()
        self._layouts = Layouts.none()
        self._drift = Drift()
        self._books = LivingBooks()
        self._forms: set[int] = {0}
        """Sets of unknown keys that were looked into, as the kernel numbers them."""

    def snapshot(self) -> bytes:
        """Return which unknown keys were told of, and which books live."""
        parts = self._drift.snapshot(), self._books.snapshot()
        return msgspec.msgpack.encode(parts) if any(parts) else b""

    def restore(self, state: bytes) -> None:
        """Go back to that; forget the symbols and forms that were looked up, which are asked for again."""
        told, books = _MEMORY.decode(state) if state else (b"", b"")
        self._drift.restore(told)
        self._books.restore(books)
        self._symbols, self._forms = Symbols(), {0}

    def decode(self, frames: Frames) -> Decoded:
        """Return the frames' events in journal order."""
        count = len(frames)
        role, bounds = np.empty(count, np.int8), np.empty((2, count), np.int64)
        begin, end = bounds
        size, others = lay_out(frames.kind, frames.begin, frames.end, self._longest, role, bounds)
        heads = self._heads(frames, begin, role) if others else {}
        levels = Levels.room(size)
        columns = np.empty((len(COLUMNS), count), np.int64)
        spans, second_look = np.empty((count, 3), np.int64), np.empty(count, np.bool_)
        told = read_frames(
            self.language.dialect,
            self._layouts,
            self._symbols.table,
            _read_only(frames.buffer),
            begin,
            end,
            role,
            levels,
            columns,
            spans,
            np.array(sorted(self._forms)),
            second_look,
            np.zeros(SCRATCH, np.int64),
        )
        levels, rows = levels.first(told), second_look.nonzero()[0]
        books = BatchOfBooks(self._books, frames, columns[_KIND], columns[_INSTRUMENT], role)
        if not len(rows):
            books.until(count)
            return Decoded(_plain_tape(frames, slice(None), columns, levels), count, 0, (), {})
        odd = Gathering(self._intern, every_note=self.notes)
        self._read_odd(frames, begin, rows, role, heads, columns, spans, odd, books)
        books.until(count)
        plain = np.flatnonzero(role != ALONE)
        tape = _plain_tape(frames, plain, columns.take(plain, axis=1), levels)
        if odd:
            tape = in_row_order(Tape.merge([tape, odd.tape(frames)]))
        data = count - odd.control - len(odd.quarantined)
        return Decoded(tape, data, odd.control, tuple(odd.quarantined), odd.ignored, notes=odd.notes)

    def _heads(self, frames: Frames, begin: NDArray[np.int64], role: NDArray[np.int8]) -> dict[int, DocumentHead]:
        """Return the heads of documents by row; move ``begin`` behind them, and give those a role that are plain."""
        heads = {}
        for row in np.flatnonzero(frames.kind == _DOCUMENT).tolist():
            raw = frames.frame(row)
            cut = raw.find(b"\n")
            try:
                head = _HEAD.decode(raw[: max(cut, 0)])
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            heads[row] = head
            begin[row] += cut + 1
            is_plain = head.status == 200 and head.tag.startswith("depth:")
            if is_plain and frames.end[row] - begin[row] <= self._longest:
                role[row] = DOCUMENT
        return heads

    def _read_odd(
        self,
        frames: Frames,
        begin: NDArray[np.int64],
        rows: NDArray[np.int64],
        role: NDArray[np.int8],
        heads: dict[int, DocumentHead],
        columns: NDArray[np.int64],
        spans: NDArray[np.int64],
        odd: Gathering,
        books: BatchOfBooks,
    ) -> None:
        """Name new symbols and read what the kernel left alone, both in journal order, which gives the ids.

        ``rows`` are all that needs it. Another set of unknown keys is looked into once.
        """
        instrument = columns[_INSTRUMENT]
        for row in rows.tolist():
            a, b, form = spans[row].tolist()
            if role[row] == FRAME and form not in self._forms:
                if len(self._forms) >= _MOST_FORMS:
                    self._forms = {0}  # what was looked into is looked into again
                self._forms.add(form)
                self._look_for_drift(frames, row, frames.frame(row), 1, odd)
                if instrument[row] != NO_INSTRUMENT:
                    continue
            symbol = frames.buffer[a:b].tobytes().decode("ascii") if role[row] != ALONE else ""
            if role[row] == DOCUMENT:
                tagged = heads[row].tag.removeprefix("depth:")
                if _PLAIN_SYMBOL.fullmatch(tagged) and symbol in ("", tagged):
                    symbol = tagged
                else:
                    role[row] = ALONE
            if role[row] != ALONE:
                try:
                    instrument[row] = self._intern(symbol)
                except ValueError as error:
                    role[row] = ALONE
                    odd.refuse(frames, row, str(error), None)
                    continue
                if role[row] == DOCUMENT and self.language.partial_books:
                    books.fetched(row, int(instrument[row]))
                continue
            self._read_one(frames, row, heads.get(row), int(begin[row]), odd, books)

    def _read_one(
        self, frames: Frames, row: int, head: DocumentHead | None, begin: int, odd: Gathering, books: BatchOfBooks
    ) -> None:
        raw = frames.buffer[begin : frames.end[row]]
        try:
            if len(raw) > self.language.frame_cap:
                raise Refused(f"a frame of {len(raw)} bytes, over the cap of {self.language.frame_cap}")
            meaning = self._meaning(int(frames.kind[row]), head, raw.tobytes())
            if self.language.partial_books:
                meaning = books.read(row, meaning, self._intern)
            odd.take(frames, row, meaning)
        except ValueError as error:
            lost = self.language.lost_book(raw.tobytes()) if frames.kind[row] == _DATA else None
            odd.refuse(frames, row, str(error), lost)
            return
        if meaning.heard and frames.kind[row] == _DATA:
            self._look_for_drift(frames, row, raw.tobytes(), len(meaning.events), odd)

    def _look_for_drift(self, frames: Frames, row: int, raw: bytes, index: int, odd: Gathering) -> None:
        """Tell of keys that this venue was never seen to send, behind what the frame itself means."""
        message = parse_object(raw)
        names = set(message)
        if "stream" in message and isinstance(message.get("data"), dict):
            names |= set(message["data"])
        strange = self._drift.tell(names - self.language.words)
        if strange is not None:
            odd.add(frames, row, index, strange)

    def _meaning(self, kind: int, head: DocumentHead | None, raw: bytes) -> Meaning:
        if kind == RecordKind.DATA:
            return self.language.read(raw)
        if kind != RecordKind.DOCUMENT:
            raise Refused(f"a record of kind {kind}, which is not the venue's")
        if head is None:
            raise Refused("a document without its head line")
        return self.language.read_document(head, raw)

    def _intern(self, symbol: str) -> int:
        found = self._instruments.intern(self.language.venue, symbol, self.language.sequence_rule)
        self._symbols.add(symbol, found)
        return found


def _read_only(buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the buffer as one type, whoever made it: another type would compile the kernel again, for seconds."""
    view = np.ascontiguousarray(buffer).view()
    view.flags.writeable = False
    return view


def _plain_tape(frames: Frames, rows: slice | NDArray[np.int64], columns: NDArray[np.int64], levels: Levels) -> Tape:
    """Return as a tape what the kernel wrote of these frames."""
    bytes_, shorts = columns[:2].astype(np.uint8), columns[2:4].astype(np.uint16)
    exponents, instrument = columns[4:6].astype(np.int8), columns[6].astype(np.int32)
    typed = (*bytes_, *shorts, *exponents, instrument, *columns[7:])
    events: dict[str, NDArray[Any]] = dict(zip(COLUMNS, typed, strict=True))
    events |= receipt(frames, rows) | dict(zip(LEVEL_COLUMNS, levels, strict=True))
    events["index"] = np.zeros(len(instrument), np.uint16)
    events["order_id"] = np.empty(len(instrument), np.int64)
    events["order_id"].fill(ABSENT)
    return Tape(**events, gaps=())
