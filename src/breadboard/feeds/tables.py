"""Files of trades, quotes and bars that anybody wrote: a document is rows of text, and its tag says what each cell is.

One row is one event or bar, of whatever instrument it names. A row that cannot be read is told with its number in its
file, and costs itself alone. Files that we wrote ourselves (``provenance`` is among their columns) keep what they say
of a print: flags, and what it does not count for.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from breadboard.conversations import Session
from breadboard.feeds.file_feed import capabilities_of, nobody
from breadboard.feeds.readers import At, ReadingDecoder
from breadboard.feeds.reading import Event, Meaning, Refused, VendorBar, refused_document
from breadboard.feeds.table_cells import Cells, cells_of
from breadboard.feeds.table_rows import READERS
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import SequenceRule
from breadboard.model.tables import VENUE, Layout, layout_of
from breadboard.ports import Capabilities, Wish

MOST_ROWS: Final = 65_535
_MOST_TOLD: Final = 900
"""Characters of what is told of all rows of a document that could not be read."""

Rule = Callable[[str], SequenceRule]
"""How a venue numbers its books: whoever names an instrument first says it for good."""


class TableReader:
    """A ``readers.FrameReader`` without a memory: documents ``table:{layout}``."""

    words: ClassVar[frozenset[str]] = frozenset()

    def read(self, _frame: bytes, _at: At) -> Meaning:
        """Refuse: nobody sends this."""
        raise Refused("a frame of a venue whose data is files")

    def read_document(self, head: DocumentHead, body: bytes, _at: At) -> Meaning:
        """Return what the rows mean. Raises ValueError for a document that is no table."""
        layout = layout_of(head.tag)
        if layout is None:
            raise Refused(f"a file of {head.tag[:40]!r}, which this reader does not know")
        if head.status != 200:
            return refused_document(None)
        lines = body.split(b"\n")
        if len(lines) > MOST_ROWS:
            raise Refused(f"{len(lines)} rows in one document")
        return _meaning(layout, lines)

    def lost_book(self, _frame: bytes, _at: At) -> str | None:
        """Return None: there are no books."""
        return None

    def snapshot(self) -> bytes:
        """Return nothing."""
        return b""

    def restore(self, state: bytes) -> None:
        """Take nothing."""


def _meaning(layout: Layout, lines: Sequence[bytes]) -> Meaning:
    """Return what rows mean; an empty one is no row (it was left out, or the file has an empty line there)."""
    try:
        cells, tell = Cells(layout), READERS[layout.kind]
    except KeyError as error:
        raise Refused(f"a table of {layout.kind} without {error}") from None
    events: list[Event] = []
    bars: list[VendorBar] = []
    bad: list[tuple[int, str]] = []
    for place, line in enumerate(lines):
        if not line:
            continue
        try:
            cells.turn_to(cells_of(line, layout.delimiter))
            found = tell(cells)
        except ValueError as error:
            bad.append((place + layout.row, str(error)))
            continue
        if isinstance(found, Event):
            events.append(found)
        elif found is not None:
            bars.append(found)
    told = Counter(event.symbol for event in events) + Counter(bar.symbol for bar in bars)
    notes: dict[str, Any] = {"rows": dict(told), **cells.remarks}
    if bad:
        notes |= {"bad": len(bad), "first": _place(layout, *bad[0])}
    return Meaning(tuple(events), refused=_reason(layout, bad) if bad else None, bars=tuple(bars), notes=notes)


def _reason(layout: Layout, bad: Sequence[tuple[int, str]]) -> str:
    """Return why rows could not be read, as many of them as there is room for."""
    words = _place(layout, *bad[0])
    for count, (number, reason) in enumerate(bad[1:], 1):
        more = f"; {number}: {reason}"
        if len(words) + len(more) > _MOST_TOLD:
            return f"{words}; and {len(bad) - count:,} more"
        words += more
    return words


def _place(layout: Layout, number: int, reason: str) -> str:
    return f"{layout.file}, row {number}: {reason}"


class TableDecoder(ReadingDecoder):
    """A decoder whose rows name their venues: an event's symbol is ``SYMBOL.VENUE`` here."""

    def __init__(self, can: Capabilities, instruments: Instruments, rule: Rule) -> None:
        super().__init__(can.venue, can.sequence_rule, can.frame_cap, TableReader(), instruments)
        self._rule_of = rule

    def _intern(self, symbol: str) -> int:
        known = self._ids.get(symbol)
        if known is None:
            name, _, venue = symbol.rpartition(".")
            known = self._ids[symbol] = self._instruments.intern(venue, name, self._rule_of(venue))
        return known


@dataclass(frozen=True, slots=True)
class TableFeed:
    """A ``ports.Feed`` of files. ``rule`` says how the books of other feeds' venues are numbered."""

    capabilities: Capabilities
    rule: Rule

    def session(self, wish: Wish) -> Session:
        """Raise UsageError: nobody sends files."""
        return nobody(self.capabilities, wish)

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> TableDecoder:
        """Return a decoder; there is one way to read rows, ``fast`` or not."""
        del fast
        return TableDecoder(self.capabilities, instruments, self.rule)


def table_feed(rule: Rule) -> TableFeed:
    """Return the feed of files."""
    return TableFeed(capabilities_of(VENUE, ("trade", "quote"), "ns", 64 << 20), rule)
