"""The gateway's own words (``S,…``), its clock (``T``), its refusals (``n``, ``q``) and its errors (``E``).

``SERVER DISCONNECTED`` means that the gateway has lost the vendor's servers: until ``SERVER CONNECTED`` nothing that it
says is news, and the books begin anew after it. A report of the gateway (``STATS``, each second on the admin port) says
the same in its own words, and means the same. ``CUST`` says whether the account is real-time or delayed: delayed is
told on every row from there on.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from breadboard.feeds.eastern import eastern_ns, parse_clock, parse_day
from breadboard.feeds.iqfeed_admin import STATE, STATES
from breadboard.feeds.iqfeed_fields import FUNDAMENTAL, KNOWN, plan_of, symbol
from breadboard.feeds.iqfeed_level2 import clear_depth
from breadboard.feeds.iqfeed_memory import Memory
from breadboard.feeds.iqfeed_notes import Notes, client_notes, stats_notes
from breadboard.feeds.readers import At
from breadboard.feeds.reading import CONTROL, Event, Meaning, Refused, venue_says
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode

_FUNDAMENTAL: Final = frozenset(FUNDAMENTAL)


def read_system(parts: list[str], memory: Memory, at: At) -> Meaning:
    """Return what an ``S`` line means: conversation, most often, whatever it says. Raises Refused where it is cut."""
    reader = _WORDS.get(parts[1])
    return CONTROL if reader is None else reader(parts, memory, at)


def read_time(parts: list[str], memory: Memory, at: At) -> Meaning:
    """Read ``T,YYYYMMDD HH:MM:SS``: the gateway's clock, each second. A delayed feed's events are not as old as it."""
    stamp = parts[1]
    if stamp[8:9] != " ":
        raise Refused(f"not a timestamp: {stamp[:40]!r}")
    ts_event = eastern_ns(parse_day(stamp[:8]), parse_clock(stamp[9:]), at.ts_recv)
    if memory.down_since is not None:
        return CONTROL  # the gateway lives; what it would bring is stale all the same
    memory.heard = at.ts_recv
    return venue_says(StatusCode.HEARTBEAT, ABSENT if memory.delayed else ts_event)


def read_unknown_symbol(parts: list[str], _memory: Memory, _at: At) -> Meaning:
    """Read ``n,SYMBOL``: there is no such symbol. ``q,SYMBOL``: it has no depth."""
    return _refused(parts[1], "symbol not found" if parts[0] == "n" else "no depth for this symbol", parts[0])


def read_error(parts: list[str], _memory: Memory, _at: At) -> Meaning:
    """Read ``E,text``: the gateway did not understand us, or will not."""
    text = ",".join(parts[1:]).strip(",")
    event = Event(
        kind=EventKind.STATUS,
        symbol=None,
        flags=Flag.FEED_WIDE,
        code=StatusCode.VENUE_ERROR,
        notes={"type": "E", "error": text},
    )
    return Meaning((event,), control=True)


def _refused(name: str, why: str, kind: str) -> Meaning:
    notes = {"type": kind, "meaning": why}
    event = Event(kind=EventKind.STATUS, symbol=symbol(name), code=StatusCode.REFUSED, notes=notes)
    return Meaning((event,), control=True)


def _fields(parts: list[str], memory: Memory, _at: At) -> Meaning:
    names = _names(parts)
    memory.plan = plan_of(names)
    return _announces(names, KNOWN)


def _fundamentals(parts: list[str], memory: Memory, _at: At) -> Meaning:
    memory.fundamental = _names(parts)
    return _announces(memory.fundamental, _FUNDAMENTAL)


def _announces(names: tuple[str, ...], known: frozenset[str]) -> Meaning:
    return (
        CONTROL
        if known.issuperset(names)
        else Meaning(control=True, unknown=tuple(name for name in names if name not in known))
    )


def _names(parts: list[str]) -> tuple[str, ...]:
    names = tuple(name for name in parts[2:] if name)
    if not names or len(set(names)) != len(names):
        raise Refused("field names that are none, or given twice")
    return names


def _protocol(_parts: list[str], memory: Memory, _at: At) -> Meaning:
    memory.begun = True
    return CONTROL


def _customer(parts: list[str], memory: Memory, _at: At) -> Meaning:
    if parts[2] not in {"real_time", "delayed"}:
        return Meaning(control=True, unknown=(f"CUST {parts[2]}",))
    memory.delayed = parts[2] == "delayed"
    return CONTROL


def _down(_parts: list[str], memory: Memory, at: At) -> Meaning:
    """Take the loss of the servers; what was last known good is the last timestamp that came."""
    memory.books.clear()
    memory.lost.clear()
    if memory.down_since is not None:
        return CONTROL
    memory.down_since = at.ts_recv
    since = min(memory.heard or at.ts_recv, at.ts_recv)
    return Meaning((_cut_off(since, at, "the gateway has lost the servers"), _says(StatusCode.STALE)), control=True)


def _up(_parts: list[str], memory: Memory, at: At) -> Meaning:
    """Take it that the servers are back, or were there all along, as the first lines of every connection say."""
    memory.begun = True
    memory.books.clear()
    memory.lost.clear()
    since, memory.down_since = memory.down_since, None
    if since is None:
        return CONTROL
    missed = _cut_off(min(since, at.ts_recv), at, "the gateway was without its servers")
    return Meaning((missed, _says(StatusCode.FEED_UP)), control=True)


def _stats(parts: list[str], memory: Memory, at: At) -> Meaning:
    """Take the gateway's report, each second: a sign of life, and news where it has lost or found the servers."""
    if len(parts) < STATE + 3:
        raise Refused("a report of the gateway that is cut")
    connected = STATES.get(parts[STATE])
    if connected is None:
        return Meaning(control=True, unknown=(f"STATS {parts[STATE][:40]}",))
    if not connected:
        meaning = _down(parts, memory, at)
    else:
        meaning = venue_says(StatusCode.HEARTBEAT) if memory.down_since is None else _up(parts, memory, at)
        memory.heard = at.ts_recv
    return _noted(meaning, stats_notes(parts)) if at.notes else meaning


def _client(parts: list[str], _memory: Memory, at: At) -> Meaning:
    """Take the gateway's report of one of its clients, which is for people."""
    return Meaning(control=True, notes=client_notes(parts)) if at.notes else CONTROL


def _limit(parts: list[str], _memory: Memory, _at: At) -> Meaning:
    return _refused(parts[2], "symbol limit reached", "S")


def _clear(parts: list[str], memory: Memory, _at: At) -> Meaning:
    return clear_depth(parts, memory)


def _noted(meaning: Meaning, notes: Notes) -> Meaning:
    """Return a meaning with notes, on its last event where it has one."""
    if not meaning.events:
        return msgspec.structs.replace(meaning, notes=notes)
    *before, last = meaning.events
    return msgspec.structs.replace(meaning, events=(*before, msgspec.structs.replace(last, notes=notes)))


def _says(code: StatusCode) -> Event:
    return Event(kind=EventKind.STATUS, symbol=None, flags=Flag.FEED_WIDE, code=code)


def _cut_off(since: int, at: At, detail: str) -> Event:
    gap = Gap(at.source, GapReason.DISCONNECT, since, at.ts_recv, detail=detail)
    return Event(kind=EventKind.GAP, symbol=None, flags=Flag.FEED_WIDE, code=GapReason.DISCONNECT, gap=gap)


_WORDS: Final[dict[str, Callable[[list[str], Memory, At], Meaning]]] = {
    "CURRENT UPDATE FIELDNAMES": _fields,
    "FUNDAMENTAL FIELDNAMES": _fundamentals,
    "CURRENT PROTOCOL": _protocol,
    "CUST": _customer,
    "SERVER DISCONNECTED": _down,
    "SERVER RECONNECT FAILED": _down,
    "SERVER CONNECTED": _up,
    "STATS": _stats,
    "CLIENTSTATS": _client,
    "SYMBOL LIMIT REACHED": _limit,
    "CLEAR DEPTH": _clear,
}
"""What the words after ``S`` call for; all others are conversation and change nothing."""
