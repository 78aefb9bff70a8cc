"""What the lines of Level 2 mean (protocol 6.2, and the market-maker lines before it): orders, or levels of price.

A market maker's quote is an order, known by its MMID and side; an order of a market-by-order book has its own number.
The engine keeps them and adds them up, as it does of any venue that tells of orders. There is no sequence number and no
checksum. A summary (6, 7, Z) that follows a connection, or the gateway's own return to its servers, begins the book
anew: its first line clears what there was, all lines after it change what is there. A summary that comes again, long
after the one before, is the answer to a renewed watch and begins anew as well. A symbol that begins with an update
instead had nothing to summarise: its book begins empty.
"""

import re
from typing import Final

from breadboard.feeds.eastern import eastern_ns, parse_clock, parse_day
from breadboard.feeds.iqfeed_depth import ASKS, BIDS, NEVER, Change, Depth, amount, gone
from breadboard.feeds.iqfeed_fields import cut, price, symbol
from breadboard.feeds.iqfeed_memory import MOST_BOOKS, Memory
from breadboard.feeds.iqfeed_notes import NO_NOTES, Notes, depth_notes
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Level, Meaning, Refused
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, OrderAction

_CHANGED: Final = EventKind.ORDER
_DELTA: Final = EventKind.BOOK_DELTA
_SNAPSHOT: Final = EventKind.BOOK_SNAPSHOT
_SIDES: Final = {"B": BIDS, "A": ASKS}
_FLAGS: Final = (Flag(0), Flag.DELAYED)
AGAIN_S: Final = 10.0
_AGAIN_NS: Final = int(AGAIN_S * 1e9)
"""A summary this long after the last one of its symbol is another one."""

_ORDER: Final = ("symbol", "order_id", "mmid", "side", "price", "size", "priority", "precision", "time", "date")
_GONE: Final = ("symbol", "order_id", "mmid", "side", "time", "date")
_LEVEL: Final = ("symbol", "side", "price", "level_size", "order_count", "precision", "time", "date")
_LEVEL_GONE: Final = ("symbol", "side", "price", "time", "date")
_MAKER: Final = (
    *("symbol", "mmid", "bid", "ask", "bid_size", "ask_size", "bid_time", "date", "condition", "ask_time"),
    *("bid_valid", "ask_valid", "end_of_group"),
)
LINES: Final = {
    **dict.fromkeys("6340", _ORDER),
    "5": _GONE,
    **dict.fromkeys("78", _LEVEL),
    "9": _LEVEL_GONE,
    **dict.fromkeys("Z2", _MAKER),
}
"""The fields of each kind of line, in their order."""
_NO_CLOCK: Final = "99:99:99"
"""What stands for the time of a side that is not there."""
Changes = tuple[Change | Level, ...]
"""Of orders, or of levels; a line never tells both."""
SUMMARIES: Final = frozenset("67Z")

_PRICE: Final = r"(?:[1-9]\d{0,6}(?:\.\d{1,8})?|0\.\d{0,7}[1-9])"
_DATE: Final = r"20\d\d-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_WHEN: Final = rf"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,9}})?,{_DATE}"
_PLAIN: Final = re.compile(
    rf"(?:[6340],[\w@#+$.-]{{1,32}},\d{{0,18}},[A-Z0-9]{{0,8}},[AB],{_PRICE},\d{{1,9}},\d*,\d*,{_WHEN}"
    rf"|5,[\w@#+$.-]{{1,32}},\d{{0,18}},[A-Z0-9]{{0,8}},[AB],{_WHEN}"
    rf"|[78],[\w@#+$.-]{{1,32}},[AB],{_PRICE},\d{{1,9}},\d*,\d*,{_WHEN}),?".encode()
)
"""Lines that are surely understood, told in a fraction of the time that reading them takes."""


def read_depth(parts: list[str], memory: Memory, at: At) -> Meaning:
    """Return what a cut Level 2 line means. Raises ValueError."""
    kind, name = parts[0], symbol(parts[1])
    fields = LINES[kind]
    if len(parts) < len(fields) + 1:
        raise Refused(f"a line {kind!r} of {len(parts) - 1} fields, where it has {len(fields)}")
    summary = kind in SUMMARIES
    notes = depth_notes(parts, fields) if at.notes else NO_NOTES
    if name in memory.lost and not (summary and _is_another(memory.lost[name], at)):
        return Meaning(ignored="depth of a book that is lost", notes=notes)
    by_order = fields is not _LEVEL and fields is not _LEVEL_GONE
    known = memory.books.get(name)
    if known is not None and known.by_order != by_order:
        if memory.begun:
            words = "price levels beside orders" if known.by_order else "orders beside price levels"
            return Meaning(ignored=words, notes=notes)
        known = None  # lines out of any connection, one by one
    again = known is None or known.summary_ts == NEVER or at.ts_recv - known.summary_ts > _AGAIN_NS
    fresh = summary and again
    book = Depth(by_order) if known is None or fresh else known
    ts_event = _when(parts, fields, at)
    changes = _CHANGES[kind](book, parts)
    if kind == "5" and known is None and not memory.begun:  # a line out of any connection: it says what it says
        changes = gone(_key(parts), _side(parts[4]))
    # Only a line that was understood to its end leaves a trace.
    if book is not known:
        _keep(memory, name, book)
    if summary:
        book.summary_ts = at.ts_recv
        memory.lost.pop(name, None)
    begins = fresh or (known is None and memory.begun)
    events = _told(name, changes, _FLAGS[memory.delayed], ts_event, notes, begins, whole=fresh)
    return Meaning(events) if events else Meaning(ignored="an order that is not there", notes=notes)


def _is_another(broken_ts: int | None, at: At) -> bool:
    """Tell whether a summary is another one than that of which a line could not be read at ``broken_ts``."""
    return broken_ts is None or at.ts_recv - broken_ts > _AGAIN_NS


def _told(
    name: str, changes: Changes, flags: Flag, ts_event: int, notes: Notes, begins: bool, *, whole: bool
) -> tuple[Event, ...]:
    """Return the events of a line; where it ``begins`` a book, that it is empty first, unless the line is the whole."""
    orders = [change for change in changes if isinstance(change, Change)]
    levels = tuple(change for change in changes if not isinstance(change, Change))
    events: list[Event] = []
    if levels:
        if begins and not whole:
            events.append(Event(kind=_SNAPSHOT, symbol=name, flags=flags, ts_event=ts_event))
        kind = _SNAPSHOT if whole else _DELTA
        events.append(Event(kind=kind, symbol=name, flags=flags, ts_event=ts_event, levels=levels, notes=notes))
    elif begins:
        events.append(Event(kind=_CHANGED, code=OrderAction.CLEAR, symbol=name, flags=flags, ts_event=ts_event))
    for action, order_id, side, price_, size, size_exp in orders:
        events.append(
            Event(
                kind=_CHANGED,
                symbol=name,
                code=action,
                flags=flags,
                side=side,
                ts_event=ts_event,
                order_id=order_id,
                price=price_,
                size=size,
                size_exp=size_exp,
                notes=notes,
            )
        )
    return tuple(events)


def clear_depth(parts: list[str], memory: Memory) -> Meaning:
    """Read ``S,CLEAR DEPTH,SYM,side``: that side is empty now."""
    if len(parts) < 5:
        raise Refused("CLEAR DEPTH without symbol and side")
    name, side = symbol(parts[2]), _side(parts[3])
    book = memory.books.get(name)
    changes: Changes = ()
    if book is not None:
        changes = book.clear_orders(side) if book.by_order else book.clear_levels(side)
    events = _told(name, changes, _FLAGS[memory.delayed], ABSENT, NO_NOTES, begins=False, whole=False)
    return Meaning(events) if events else Meaning(ignored="CLEAR DEPTH of what is empty")


def lost_depth(parts: list[str], memory: Memory, at: At) -> str | None:
    """Forget the book that a refused line belongs to; return its symbol, None for a line that is of no book."""
    name = parts[1] if parts[0] in LINES else parts[2] if parts[:2] == ["S", "CLEAR DEPTH"] else ""
    try:
        name = symbol(name)
    except ValueError:
        return None
    memory.books.pop(name, None)
    if len(memory.lost) < MOST_BOOKS:
        memory.lost[name] = at.ts_recv if parts[0] in SUMMARIES else None
    return name


def broken_book(frame: bytes) -> str | None:
    """Return whose book misses a line because it cannot be read, without reading any line before it; None if none.

    This is for who only has to know. What is refused for the sake of other lines (a book of too many orders) is not.
    """
    if _PLAIN.fullmatch(frame):
        return None
    parts, memory = cut(frame.decode("latin-1")), Memory(0)
    try:
        if parts[0] in LINES:
            read_depth(parts, memory, At(0, 0, 0))
        elif parts[:2] == ["S", "CLEAR DEPTH"]:
            clear_depth(parts, memory)
    except ValueError:
        return lost_depth(parts, memory, At(0, 0, 0))
    return None


def _keep(memory: Memory, name: str, book: Depth) -> None:
    if len(memory.books) >= MOST_BOOKS and name not in memory.books:
        raise Refused(f"more than {MOST_BOOKS} books on one connection")
    memory.books[name] = book


def _side(text: str) -> int:
    side = _SIDES.get(text)
    if side is None:
        raise Refused(f"unknown side {text[:10]!r}")
    return side


def _key(parts: list[str]) -> str:
    """Return what names an order: its id, or its market maker and side."""
    return parts[2] or f"{parts[3]} {parts[4]}"


def _when(parts: list[str], fields: tuple[str, ...], at: At) -> int:
    """Return the time of a line; absent where it says none, as some deletions do."""
    if fields is _MAKER:
        clock, date = max(_clock(parts[7]), _clock(parts[10])), parts[8]
    else:
        clock, date = _clock(parts[len(fields) - 1]), parts[len(fields)]
    if not date:
        return ABSENT
    day = parse_day(date)
    return eastern_ns(day, parse_clock(clock), at.ts_recv) if clock else ABSENT


def _clock(text: str) -> str:
    return "" if text.startswith(_NO_CLOCK) else text


def _is_nothing(paid: str) -> bool:
    """Tell whether a price is missing, or 0 however it is written."""
    return not paid.strip("0.")


def _order(book: Depth, parts: list[str]) -> Changes:
    """Take an order as it now stands. A market maker at no price, or at 0, is gone; size 0 needs no price."""
    side, key = _side(parts[4]), _key(parts)
    if not parts[2] and _is_nothing(parts[5]):
        return book.drop(key)
    size = amount(parts[6])
    return book.put(key, side, price(parts[5]) if size[0] else 0, size)


def _order_gone(book: Depth, parts: list[str]) -> Changes:
    _side(parts[4])
    return book.drop(_key(parts))


def _level(book: Depth, parts: list[str]) -> Changes:
    return book.set_level(_side(parts[2]), price(parts[3]), parts[4])


def _level_gone(book: Depth, parts: list[str]) -> Changes:
    return book.set_level(_side(parts[2]), price(parts[3]), "0")


def _maker(book: Depth, parts: list[str]) -> Changes:
    """Take both sides of a market maker; a side that is not valid, or empty, or at 0, is gone."""
    read = []
    for letter, side, place, valid in (("B", BIDS, 3, 11), ("A", ASKS, 4, 12)):
        there = parts[valid] == "T" and parts[place + 2] and not _is_nothing(parts[place])
        size = amount(parts[place + 2] if there else "0")
        read.append((f"{parts[2]} {letter}", side, price(parts[place]) if size[0] else 0, size))
    return tuple(change for one in read for change in book.put(*one))


_CHANGES: Final = {
    **dict.fromkeys("6340", _order),
    "5": _order_gone,
    **dict.fromkeys("78", _level),
    "9": _level_gone,
    **dict.fromkeys("Z2", _maker),
}
