"""What the lookup port's answers mean: ticks as trades, and the vendor's own bars.

A row is ``[request id,][LH,]fields…,`` and an answer ends in ``!ENDMSG!``. Bars come as high, low, open, close. The
vendor's bars are those of its ticks of basis C and E; a tick of basis O is in none of them.

``[request id,]E,words,`` refuses the request of that id and no other: answers to several may stand in one document
(FEEDS.md 3.4), so rows beside a refusal stand.
"""

from itertools import pairwise
from math import gcd
from typing import Final

import msgspec

from breadboard.feeds.conditions import IQFEED, flags_of
from breadboard.feeds.eastern import DAY_NS, SECOND, day_number, eastern_ns, parse_clock, parse_day
from breadboard.feeds.iqfeed_fields import conditions, number, paid, size, symbol
from breadboard.feeds.iqfeed_lookup import ENDING, NO_DATA, error_of, fields_of
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning, Refused, VendorBar, refused_document
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Side

MOST_ROWS: Final = 65_535
_DAY_S: Final = DAY_NS // SECOND
_WEEK_S: Final = 7 * _DAY_S
UNCOUNTED: Final = {basis: IQFEED.uncounted(frozenset(basis)) for basis in "CEO"}
"""By basis; what is S is no print."""
_AHEAD_NS: Final = 29 * 60 * SECOND
"""Of an hour that comes twice the first is nearest to this after the tick before, unless it is a minute before that."""
_LONGEST_WORDS: Final = 200
_BASES: Final = {"C": "last qualified", "E": "extended hours", "O": "other"}
_SIDES: Final = {"1": Side.BUY, "2": Side.SELL}


def read_history(head: DocumentHead, body: bytes, at: At) -> Meaning:
    """Return what an answer means. A row that cannot be read is told, and the rest is taken. Raises ValueError.

    So is a refusal among rows: a venue error after what they mean, and in the notes as ``refused``.
    """
    kind, _, rest = head.tag.partition(":")
    name, _, seconds = rest.partition(":")
    if kind not in {"ticks", "bars"}:
        raise Refused(f"an answer to {head.tag[:40]!r}, which this feed never asks for")
    symbol(name)
    if head.status != 200:
        return refused_document(name)
    rows, refusals = _rows(body)
    if not rows:
        return _refused(name, refusals) if refusals else Meaning(notes={"symbol": name, "empty": True})
    meaning = _ticks(name, rows, at) if kind == "ticks" else _bars(name, seconds, rows)
    if not refusals:
        return meaning
    told = _refused(name, refusals)
    return msgspec.structs.replace(meaning, events=meaning.events + told.events, notes=told.notes)


def _refused(name: str, refusals: list[str]) -> Meaning:
    """Return what refusals alone mean: conversation, and a venue error with the vendor's words."""
    (event,) = refused_document(name).events
    said = {"refused": refusals}
    return Meaning((msgspec.structs.replace(event, notes=said),), control=True, notes={"symbol": name} | said)


def _rows(body: bytes) -> tuple[list[list[str]], list[str]]:
    """Return the rows of an answer, oldest first, and the refusals it holds, each once, with its request id."""
    rows: list[list[str]] = []
    refusals: dict[str, None] = {}
    for line in body.decode("latin-1").splitlines():
        fields = fields_of(line)
        error = error_of(fields)
        if error is not None:
            if error != NO_DATA:
                refusals[_with_request(line, error)] = None
        elif fields and fields[0] != ENDING:
            rows.append(fields)
    if len(rows) + bool(refusals) > MOST_ROWS:  # a refusal is an event, too
        raise Refused(f"{len(rows)} rows in one document")
    # Asked for newest first. Where the clock is turned back one stamp of many is below the one before it.
    if sum((later[0] > sooner[0]) - (later[0] < sooner[0]) for sooner, later in pairwise(rows)) < 0:
        rows.reverse()
    return rows, list(refusals)


def _with_request(line: str, error: str) -> str:
    """Return an error's words behind the id of the request that they are about, where the row has one."""
    number, _, _ = line.partition(",")
    words = error[:_LONGEST_WORDS]
    return words if number in {"E", "LH"} else f"request {number[:_LONGEST_WORDS]}: {words}"


def _ticks(name: str, rows: list[list[str]], at: At) -> Meaning:
    events: list[Event] = []
    bad = ""
    ignored = None
    near = 0
    for place, row in enumerate(rows, 1):
        try:
            event = _tick(name, row, at, near)
        except ValueError as error:
            bad = bad or f"row {place}: {error}"
            continue
        if event is None:
            ignored = "S"
        else:
            events.append(event)
            near = event.ts_event + _AHEAD_NS
    return Meaning(tuple(events), ignored=ignored, refused=bad or None)


def _tick(name: str, row: list[str], at: At, near: int) -> Event | None:
    """Return the trade of a tick; None for a settlement (basis S), which is a price that nobody paid.

    ``near`` is where it may lie (ns UTC; 0: anywhere), which tells which hour it is of two that look the same.

    ``time,last,size,total volume,bid,ask,tick id,basis,market center,conditions[,aggressor,day code]``.
    """
    if len(row) < 10:
        raise Refused(f"a tick of {len(row)} fields")
    basis = row[7]
    if basis == "S":
        return None
    if basis not in UNCOUNTED:
        raise Refused(f"unknown basis {basis[:10]!r}")
    amount, exponent = size(row[2])
    if amount == 0 and basis != "O":  # the official open and close of a market center are told with size 0
        raise Refused("a trade of size 0")
    tick_id = number(row[6])
    return Event(
        kind=EventKind.TRADE,
        symbol=name,
        flags=flags_of(UNCOUNTED[basis]),
        code=UNCOUNTED[basis],
        side=_SIDES.get(row[10], Side.NONE) if len(row) > 10 else Side.NONE,
        ts_event=_stamp(row[0], near),
        sequence=tick_id,
        trade_id=tick_id,
        price=paid(row[1], row[4]),
        size=amount,
        size_exp=exponent,
        notes=_tick_notes(row) if at.notes else {},
    )


def _tick_notes(row: list[str]) -> dict[str, object]:
    return {
        "time_et": row[0],
        "total_volume": row[3],
        "bid": row[4] or None,
        "ask": row[5] or None,
        "basis": _BASES[row[7]],
        "market_center": row[8],
        "conditions": conditions(row[9]),
        "day_code": row[11] if len(row) > 11 else None,
    }


def _bars(name: str, seconds: str, rows: list[list[str]]) -> Meaning:
    """Return the bars of ``time,high,low,open,close,total volume,period volume,trades``, or of days.

    ``seconds`` may end in ``e``: the vendor stamped each bar with its end; and may be empty: then it is found.
    """
    at_end, text = seconds.endswith("e"), seconds.removesuffix("e")
    if text and (not text.isdecimal() or not 0 < len(text) < 9 or int(text) == 0):
        raise Refused(f"not a number of seconds: {seconds[:20]!r}")
    bars: list[VendorBar] = []
    bad = ""
    interval = int(text) if text else _spacing(rows)
    for place, row in enumerate(rows, 1):
        try:
            shift = interval * SECOND if at_end else 0
            due = bars[-1].ts_open + shift + interval * SECOND if bars else 0
            bars.append(_bar(name, interval, row, shift, due))
        except ValueError as error:
            bad = bad or f"row {place}: {error}"
    return Meaning(bars=tuple(bars), refused=bad or None)


def _bar(name: str, interval: int, row: list[str], shift: int, due: int) -> VendorBar:
    """Return a bar; ``due`` is when its stamp is expected (ns UTC; 0: whenever). Raises ValueError."""
    daily = interval >= _DAY_S
    if len(row) < (6 if daily else 7):
        raise Refused(f"a bar of {len(row)} fields")
    if not daily and len(row[0]) == 10:
        raise Refused(f"a bar of {interval} s with the stamp of a day, {row[0]!r}")
    volume, exponent = size(row[5] if daily else row[6])
    low = row[2]
    return VendorBar(
        symbol=name,
        interval_s=interval,
        ts_open=_monday(row[0]) if interval == _WEEK_S else _stamp(row[0], due) - (0 if daily else shift),
        high=paid(row[1], low),
        low=paid(low, ""),
        open=paid(row[3], low),
        close=paid(row[4], low),
        volume=volume,
        volume_exp=exponent,
        trades=0 if daily or len(row) < 8 else max(0, number(row[7])),
    )


def _spacing(rows: list[list[str]]) -> int:
    """Return the interval that the stamps of bars are multiples of, in seconds; a date without a time is a day's."""
    if not rows:
        return 1
    if len(rows[0][0]) == 10:
        return _DAY_S
    stamps = [_stamp(row[0]) for row in rows if len(row[0]) >= 19]
    apart = gcd(*(later - earlier for earlier, later in pairwise(stamps))) // SECOND
    if apart < 1:
        raise Refused("bars of which neither the request nor their spacing tells the interval")
    return apart


def _monday(text: str) -> int:
    """Return ns UTC of the Monday, in New York, on which a week began.

    IQFeed stamps a week with the last day in it that was traded on (of Good Friday's with the Thursday, of one that is
    not over with its latest day): the days of 2021-03-22 to 03-26 add up to the weekly row 2021-03-26.
    """
    number = parse_day(text[:10]).number
    return eastern_ns(day_number(number - (number + 3) % 7), 0, 0)  # day 0, 1970-01-01, was a Thursday


def _stamp(text: str, near: int = 0) -> int:
    """Return ns UTC of ``YYYY-MM-DD[ HH:MM:SS[.ffffff]]`` in New York; a date alone is its midnight there.

    Of an hour that comes twice it is the time nearest to ``near`` (ns UTC), the first where that is 0.
    """
    day = parse_day(text[:10])
    if len(text) == 10:
        return eastern_ns(day, 0, 0)
    if text[10] != " ":
        raise Refused(f"not a time: {text[:40]!r}")
    return eastern_ns(day, parse_clock(text[11:]), near)
