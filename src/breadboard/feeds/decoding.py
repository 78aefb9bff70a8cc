"""The decoder that all venues share: the kernel takes what is plain, the reference reader what is not."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.drift import Drift
from breadboard.feeds.gathering import Gathering, in_row_order, receipt
from breadboard.feeds.json_dialect import COLUMNS, Dialect
from breadboard.feeds.json_kernel import SCRATCH, read_frames
from breadboard.feeds.json_layouts import Layouts
from breadboard.feeds.json_tokens import Levels
from breadboard.feeds.reading import DocumentReader, Meaning, Reader, Refused, parse_object
from breadboard.feeds.words import Symbols
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
_DATA: Final = int(RecordKind.DATA)
_DOCUMENT: Final = int(RecordKind.DOCUMENT)
_HEAD: Final = msgspec.json.Decoder(DocumentHead)


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


class JsonDecoder:
    """A ``ports.Decoder`` without state of its own: ids live in ``instruments``, which the caller owns.

    ``fast=False`` leaves every frame to the reference reader; tests hold the two against each other.
    """

    guarded = False

    def __init__(self, language: Language, instruments: Instruments, *, fast: bool = True) -> None:
        self.language = language
        self._instruments = instruments
        self._fast = fast
        self._symbols = Symbols()
        self._layouts = Layouts.none()
        self._drift = Drift()
        self._forms: set[int] = {0}
        """Sets of unknown keys that were looked into, as the kernel numbers them."""

    def snapshot(self) -> bytes:
        """Return which unknown keys were told of; most often no bytes."""
        return self._drift.snapshot()

    def restore(self, state: bytes) -> None:
        """Go back to that; forget the symbols and forms that were looked up, which are asked for again."""
        self._drift.restore(state)
        self._symbols, self._forms = Symbols(), {0}

    def decode(self, frames: Frames) -> Decoded:
        """Return the frames' events in journal order."""
        begin, role, heads = self._roles(frames)
        levels = Levels.room(int(frames.end.sum() - begin.sum()))
        columns = np.empty((len(COLUMNS), len(frames)), np.int64)
        spans, second_look = np.empty((len(frames), 3), np.int64), np.empty(len(frames), np.bool_)
        count = read_frames(
            self.language.dialect,
            self._layouts,
            self._symbols.table,
            _read_only(frames.buffer),
            begin,
            frames.end.astype(np.int64),
            role,
            levels,
            columns,
            spans,
            np.array(sorted(self._forms)),
            second_look,
            np.zeros(SCRATCH, np.int64),
        )
        odd = Gathering(self._intern)
        rows = np.flatnonzero(second_look)
        self._read_odd(frames, begin, rows, role, heads, columns, spans, odd)
        plain = np.flatnonzero(role != ALONE)
        tape = _plain_tape(frames, plain, columns, levels.first(count))
        if odd:
            tape = in_row_order(Tape.merge([tape, odd.tape(frames)]))
        data = len(frames) - odd.control - len(odd.quarantined)
        return Decoded(tape, data, odd.control, tuple(odd.quarantined), odd.ignored, notes=odd.notes)

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
        role[frames.end - begin > self.language.frame_cap] = ALONE
        return begin, role, heads

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
    ) -> None:
        """Name new symbols and read what the kernel left alone, both in journal order, which gives the ids.

        ``rows`` are all that needs it. Another set of unknown keys is looked into once.
        """
        instrument = columns[COLUMNS.index("instrument")]
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
            self._read_one(frames, row, heads.get(row), int(begin[row]), odd)

    def _read_one(self, frames: Frames, row: int, head: DocumentHead | None, begin: int, odd: Gathering) -> None:
        raw = frames.buffer[begin : frames.end[row]]
        try:
            if len(raw) > self.language.frame_cap:
                raise Refused(f"a frame of {len(raw)} bytes, over the cap of {self.language.frame_cap}")
            meaning = self._meaning(int(frames.kind[row]), head, raw.tobytes())
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


def _plain_tape(frames: Frames, rows: NDArray[np.int64], columns: NDArray[np.int64], levels: Levels) -> Tape:
    if len(rows) != len(frames):
        columns = columns[:, rows]
    events = dict(zip(COLUMNS, columns, strict=True))
    return Tape.of(len(rows), events | receipt(frames, rows), dict(zip(LEVEL_COLUMNS, levels, strict=True)))
