"""Which ticks of an import a data directory holds already: heard live, or imported in another form.

What one connection sends twice its feed knows again, and an import is a connection of its own. So it is decided before
anything goes on record, by what the store has of the journal so far: the journal then holds each tick once, and a
replay needs to know nothing of it. A tick is left out where the very same is there, and not because of its time: what
was lost, in a gap or at its edges, comes in. Ticks of a time that was heard, which are none of those heard, are told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard import feeds, journal
from breadboard.app import house as building
from breadboard.app.feeding import carry
from breadboard.app.held_instruments import HeldInstruments
from breadboard.app.held_ticks import HeldTicks, Ticks, ticks_of
from breadboard.app.imported import UnderWay
from breadboard.app.places import Places
from breadboard.config import Config
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind
from breadboard.model.tables import layout_of
from breadboard.model.tape import Tape
from breadboard.ports import Store
from breadboard.recordings.history import FORMATS, About, Answer, LeftOut, Rows, documents

_NUMBERED: Final = frozenset({"massive-trades", "massive-quotes"})
"""Numbers are a ticker's own within a day. IQFeed's repeat in one; its times are the same, live and later."""
_ROWS: Final = {EventKind.TRADE: "trades", EventKind.QUOTE: "quotes"}
"""What rows of a table are called."""


@dataclass
class _Tally:
    """How many, and from when to when."""

    count: int = 0
    times: list[int] = field(default_factory=list)

    def take(self, at: NDArray[np.int64]) -> None:
        """Take some more, of these times."""
        if len(at):
            self.count += len(at)
            found = [int(at.min()), int(at.max()), *self.times]
            self.times = [min(found), max(found)]


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the answers of an import found."""

    left_out: LeftOut = field(default_factory=dict)
    notes: tuple[dict[str, Any], ...] = ()
    """How many ticks are left out (``already_there``), and how many count in a time that was heard (``not_heard``)."""
    mark: str = ""
    """Of the documents that rows are left out of."""


def look(places: Places, answers: Sequence[Answer], about: About, before: int | None = None) -> Found:
    """Return which rows of answers are in records before an offset of the journal (None: in all), and what to say.

    The store has everything that the journal has afterwards.
    """
    if FORMATS[about.format].rows is None or not any(places.journal.glob("*.seg*")):
        return Found()
    config, durable = Config(data_dir=str(places.root)), journal.info(places.journal).durable
    before = durable if before is None else before
    with building.open_store(config, places) as store:
        if store.written() >= durable:
            return _looked(store, answers, about, before)
    carry(None, config, places)
    with building.open_store(config, places) as store:
        return _looked(store, answers, about, before)


def look_again(places: Places, answers: Sequence[Answer], about: About, begun: UnderWay) -> Found:
    """Return what was found when an import began that was ended half way; what the store had then may have expired.

    Only where an answer that had such ticks has changed since, the store is asked anew.
    """
    left_out = {number: frozenset(rows) for number, rows in begun.left_out.items()}
    if _mark(documents(answers, about), left_out) == begun.mark:
        return Found(left_out, tuple(begun.notes), begun.mark)
    return look(places, answers, about, begun.offset)


def _looked(store: Store, answers: Sequence[Answer], about: About, before: int) -> Found:
    form = FORMATS[about.format]
    assert form.rows is not None
    if form.tabular:
        return _looked_at_tables(store, answers, about, before, form.rows)
    kind = EventKind.TRADE if form.trades else EventKind.QUOTE
    instrument, numbered = (about.venue, about.symbol), about.format in _NUMBERED
    held = HeldTicks(store, kind, instrument, before, numbered=numbered)
    if not held:
        return Found()
    return _Look(held, kind, form.rows, about).through(documents(answers, about))


def _looked_at_tables(store: Store, answers: Sequence[Answer], about: About, before: int, rows: Rows) -> Found:
    """Look for trades, and for quotes, of whatever instruments files may name."""
    left_out: dict[int, frozenset[int]] = {}
    notes: list[dict[str, Any]] = []
    for kind in (EventKind.TRADE, EventKind.QUOTE):
        instruments = Instruments()
        held = HeldInstruments(store, kind, instruments, before)
        found = _Look(held, kind, rows, about, instruments).through(documents(answers, about))
        left_out |= found.left_out
        notes += found.notes
    return Found(left_out, tuple(notes), _mark(documents(answers, about), left_out))


def _mark(found: Iterator[tuple[str, bytes]], left_out: LeftOut) -> str:
    """Return a hash of the documents that rows are left out of; empty where there are none."""
    total = blake2b(digest_size=16)
    for number, (tag, body) in enumerate(found if left_out else ()):
        if number in left_out:
            total.update(_marked(number, tag, body))
    return total.hexdigest() if left_out else ""


def _marked(number: int, tag: str, body: bytes) -> bytes:
    return f"{number} {tag} {len(body)}\n".encode() + body


class _Look:
    """One look through all documents of an import."""

    def __init__(
        self,
        held: HeldTicks | HeldInstruments,
        kind: EventKind,
        rows: Rows,
        about: About,
        instruments: Instruments | None = None,
    ) -> None:
        self._held = held
        self._kind = kind
        self._rows = rows
        self._venue = about.venue
        self._symbol = about.symbol
        self._numbered = about.format in _NUMBERED
        self._instruments = Instruments() if instruments is None else instruments
        self._known = _Tally()
        self._unheard = _Tally()

    def through(self, found: Iterator[tuple[str, bytes]]) -> Found:
        """Return what is found of documents."""
        left_out: dict[int, frozenset[int]] = {}
        mark = blake2b(digest_size=16)
        for number, (tag, body) in enumerate(found):
            layout = layout_of(tag)
            if layout is not None and layout.kind != _ROWS[self._kind]:
                continue
            within = self._rows.span(body)
            if within is not None and not self._held.may_have(*within):
                continue
            if places := frozenset(self._places(tag, self._rows.split(body), 0)):
                left_out[number] = places
                mark.update(_marked(number, tag, body))
        told = {"already_there": self._known, "not_heard": self._unheard}
        notes = tuple(self._note(name, tally) for name, tally in told.items() if tally.count)
        return Found(left_out, notes, mark.hexdigest() if left_out else "")

    def _note(self, name: str, tally: _Tally) -> dict[str, Any]:
        begin, end = tally.times
        return {"symbol": self._symbol, name: tally.count, "from_ns": begin, "to_ns": end}

    def _places(self, tag: str, rows: list[bytes], begin: int) -> Iterator[int]:
        """Yield the places of the rows that are held; ``begin`` is that of the first.

        Not every row is a tick, and a feed may read rows the other way round: where ticks are not the rows one by one,
        it is asked of either half.
        """
        if not rows:
            return
        tape = self._read(tag, rows)
        ticks = self._ticks(tape)
        has, was_heard = self._held.judge(tape, ticks)
        if len(rows) > 1 and has.any() and not self._is_alike(tag, rows, ticks):
            middle = len(rows) // 2
            yield from self._places(tag, rows[:middle], begin)
            yield from self._places(tag, rows[middle:], begin + middle)
            return
        # What takes back a tick that was heard is none that was heard, and counts nothing twice.
        takes_back = (tape.flags & Flag.WITHDRAWN) != 0
        self._known.take(tape.ts_event[has])
        self._unheard.take(tape.ts_event[was_heard & ~has & ~takes_back])
        yield from (np.flatnonzero(has) + begin).tolist()

    def _is_alike(self, tag: str, rows: list[bytes], ticks: Ticks) -> bool:
        """Tell whether ticks are the rows one by one."""
        return len(ticks) == len(rows) and bool((self._ticks(self._read(tag, rows[:1])) == ticks[:1]).all())

    def _ticks(self, tape: Tape) -> Ticks:
        return ticks_of(tape, self._kind, numbered=self._numbered)

    def _read(self, tag: str, rows: list[bytes]) -> Tape:
        """Return the ticks that some rows of a document mean."""
        document = msgspec.json.encode(DocumentHead(tag, "", 200)) + b"\n" + self._rows.join(rows)
        decoder = feeds.by_venue(self._venue).decoder(self._instruments)
        tape = decoder.decode(Frames.of([document], [0], kind=RecordKind.DOCUMENT)).tape
        return tape.take(np.flatnonzero(tape.kind == self._kind))
