"""LOBSTER: every event of a Nasdaq order book in files, order by order.

Source: lobsterdata.com/info/DataStructure.php. A row of a message file is ``time,type,order id,size,price,direction``:
seconds after midnight in New York with up to nine decimals, price in 1/10,000 dollar, direction 1 for a buy order and
-1 for a sell order. What executes against a buy order was sold: a trade's side is the opposite of its order's.

Types: 1 a new order, 2 a part of one cancelled, 3 one deleted, 4 one executed, 5 a hidden order executed (a trade, and
no change of the book), 6 a cross (a trade without a side), 7 a halt: price -1 it begins, 0 quotes are taken again, 1
trading resumes.

The book begins empty with the file. Orders that rested before are in no message file, nor are those beyond the levels
that were asked for: the first change of one of them makes the book stale, with an ORDER gap, and it stays so. A row
that cannot be read may be such a change.
"""

from typing import Any, ClassVar, Final

import msgspec

from breadboard.feeds.eastern import DAY_NS, SECOND, eastern_ns, parse_day
from breadboard.feeds.file_feed import file_feed
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning, Refused, refused_document, symbol_of
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, GapReason, OrderAction, Side, StatusCode

PRICE: Final = 100_000
"""1/10,000 dollar in 1e-9."""
SHARE: Final = 100_000_000
"""One share in 1e-8."""
MOST: Final = INT64_MAX // SHARE
"""Of shares, and of 1/10,000 dollars."""
NEW, REDUCED, DELETED, EXECUTED, HIDDEN, CROSS, HALT = range(1, 8)
_ACTIONS: Final = {
    NEW: OrderAction.ADD,
    REDUCED: OrderAction.REDUCE,
    DELETED: OrderAction.DELETE,
    EXECUTED: OrderAction.FILL,
}
_SIDES: Final = {1: Side.BUY, -1: Side.SELL}
_TAKERS: Final = {1: Side.SELL, -1: Side.BUY}
_HALTS: Final = {-1: StatusCode.HALTED, 0: StatusCode.QUOTING, 1: StatusCode.RESUMED}
_MEMORY: Final = msgspec.msgpack.Decoder(list[tuple[int, int, list[str]]])


class LobsterReader:
    """A ``readers.FrameReader`` of documents ``messages:SYMBOL:DATE``; remembers whose book has begun."""

    words: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        self._begun: dict[int, tuple[int, set[str]]] = {}
        """By source, its epoch and the documents' tags whose first one came: each begins a book."""

    def read(self, _frame: bytes, _at: At) -> Meaning:
        """Refuse: nobody sends this."""
        raise Refused("a frame of a vendor whose data is files")

    def read_document(self, head: DocumentHead, body: bytes, at: At) -> Meaning:
        """Return what the rows mean. One that cannot be read is told, and the rest is taken. Raises ValueError."""
        kind, _, rest = head.tag.partition(":")
        name, _, day = rest.rpartition(":")
        if kind != "messages":
            raise Refused(f"a file of {head.tag[:40]!r}, which this reader does not know")
        symbol_of(name)
        if head.status != 200:
            return refused_document(name)
        midnight = parse_day(day)
        events: list[Event] = []
        if self._begins(head.tag, at):
            events.append(Event(kind=EventKind.ORDER, symbol=name, code=OrderAction.CLEAR))
        bad = ""
        for place, line in enumerate(body.decode("latin-1").splitlines(), 1):
            try:
                row = _Row.of(line)
                events += row.events(name, eastern_ns(midnight, row.clock_ns, at.ts_recv))
            except ValueError as error:
                if not bad:  # it may have changed an order: from here on the book is not believed
                    events.append(Event(kind=EventKind.GAP, symbol=name, code=GapReason.QUARANTINE))
                bad = bad or f"row {place}: {error}"
        return Meaning(tuple(events), refused=bad or None)

    def lost_book(self, _frame: bytes, _at: At) -> str | None:
        """Return "": a document that cannot be read at all may hold changes of any book here."""
        return ""

    def snapshot(self) -> bytes:
        """Return whose books have begun."""
        told = [(source, epoch, sorted(tags)) for source, (epoch, tags) in sorted(self._begun.items())]
        return msgspec.msgpack.encode(told) if told else b""

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned."""
        told = _MEMORY.decode(state) if state else []
        self._begun = {source: (epoch, set(tags)) for source, epoch, tags in told}

    def _begins(self, tag: str, at: At) -> bool:
        epoch, tags = self._begun.get(at.source, (at.epoch, set()))
        if epoch != at.epoch:
            tags = set()
        self._begun[at.source] = at.epoch, tags
        if tag in tags:
            return False
        tags.add(tag)
        return True


class _Row(msgspec.Struct, frozen=True):
    """One message, its numbers as written."""

    clock_ns: int
    kind: int
    order_id: int
    size: int
    price: int
    direction: int

    @staticmethod
    def of(line: str) -> "_Row":
        """Return the message of a row. Raises ValueError."""
        fields = line.split(",")
        if len(fields) < 6:
            raise Refused(f"a message of {len(fields)} fields")
        kind = _number(fields[1])
        if kind not in range(NEW, HALT + 1):
            raise Refused(f"a message of unknown type {fields[1][:10]!r}")
        return _Row(_clock(fields[0]), kind, *(_number(field) for field in fields[2:6]))

    def events(self, symbol: str, ts_event: int) -> list[Event]:
        """Return what it means: a change of an order, a trade, both, or a status. Raises ValueError."""
        if self.kind == HALT:
            code = _HALTS.get(self.price)
            if code is None:
                raise Refused(f"a halt of unknown kind {self.price}")
            return [Event(kind=EventKind.STATUS, symbol=symbol, code=code, ts_event=ts_event)]
        if not (0 < self.size <= MOST and 0 < self.price <= MOST):
            raise Refused(f"an impossible size or price: {self.size}, {self.price}")
        if self.direction not in _SIDES and self.kind != CROSS:
            raise Refused(f"a message without a side: {self.direction}")
        what: dict[str, Any] = {"symbol": symbol, "ts_event": ts_event}
        what |= {"price": self.price * PRICE, "size": self.size * SHARE}
        events: list[Event] = []
        action = _ACTIONS.get(self.kind)
        if action is not None:
            side = _SIDES[self.direction]
            events.append(Event(kind=EventKind.ORDER, code=action, side=side, order_id=self.order_id, **what))
        if self.kind in (EXECUTED, HIDDEN, CROSS):
            taker = Side.NONE if self.kind == CROSS else _TAKERS[self.direction]
            order = self.order_id if self.order_id > 0 else ABSENT
            notes = {"hidden": True} if self.kind == HIDDEN else {"cross": True} if self.kind == CROSS else {}
            events.append(Event(kind=EventKind.TRADE, side=taker, order_id=order, notes=notes, **what))
        return events


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isdigit() and digits.isascii() and len(digits) <= 18):
        raise Refused(f"not a whole number: {text[:24]!r}")
    return int(text)


def _clock(text: str) -> int:
    """Return ns after midnight of ``34200.017459617``. Raises ValueError."""
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (fraction or "0").isdigit() and len(fraction) <= 9):
        raise Refused(f"not a time of day: {text[:24]!r}")
    ns = int(whole) * SECOND + int(fraction.ljust(9, "0") or "0")
    if len(whole) > 5 or ns >= DAY_NS:
        raise Refused(f"a time after the day's end: {text[:24]}")
    return ns


LOBSTER: Final = file_feed("LOBSTER", "trade", "book", reader=LobsterReader)
