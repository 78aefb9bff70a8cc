"""What an IQFeed line says beyond the tape's columns, for people: made only where one asks (``breadboard decode``).

The texts are the venue's own, so a price keeps its zeros and a time is New York's; a field that is empty is None.
"""

from typing import Any, Final

from breadboard.feeds.iqfeed_admin import client_of, facts_of, port_of, stats_of
from breadboard.feeds.iqfeed_fields import FUNDAMENTAL, Plan, conditions, whole
from breadboard.model.kinds import EventKind

Notes = dict[str, Any]
NO_NOTES: Final[Notes] = {}
"""What a row has that nobody asked about: one for all, never written to."""

_NAMES: Final = {
    "Most Recent Trade": "last",
    "Most Recent Trade Size": "last_size",
    "Most Recent Trade Time": "time_et",
    "Most Recent Trade TimeMS": "time_et",
    "Most Recent Trade Date": "date",
    "Most Recent Trade Market Center": "market_center",
    "Most Recent Trade Conditions": "conditions",
    "Most Recent Trade Aggressor": "aggressor",
    "Most Recent Trade Day Code": "day_code",
    "Number of Trades Today": "trades_today",
    "Message Contents": "contents",
    "TickID": "tick_id",
}
"""Shorter names than the venue's; every other field has its own in lower case with underscores."""
_TEXTS: Final = frozenset({"last", "bid", "ask", "open", "high", "low", "close", "contents", "exchange_id_hex"})
_ON_QUOTE: Final = frozenset({"symbol", "bid", "bid_size", "ask", "ask_size"})
"""What the row itself says."""
_PRICES: Final = frozenset({"price", "bid", "ask"})
_CONTENTS: Final = {"C": "last qualified", "E": "extended hours", "O": "other"}
_FUNDAMENTAL_WORDS: Final = {"exchange_id": "exchange_id_hex"}


def _word(name: str) -> str:
    return _NAMES.get(name) or name.lower().replace(" ", "_").replace("-", "_")


def _value(word: str, text: str) -> Any:  # noqa: ANN401 - text, a number, or a list of condition codes
    if word == "conditions":
        return conditions(text)
    return text or None if word in _TEXTS else whole(text)


def line_notes(parts: list[str], plan: Plan, kind: EventKind) -> Notes:
    """Return all fields of a ``P`` or ``Q`` by name, but for those that the row tells itself."""
    notes: Notes = {"type": parts[0]}
    for name, text in zip(plan.names, parts[1:], strict=False):
        word = _word(name)
        if word == "symbol" or (kind is EventKind.QUOTE and word in _ON_QUOTE):
            continue
        notes[word] = _value(word, text)
    contents = notes.get("contents") or ""
    basis = next((letter for letter in contents if letter in _CONTENTS), None)
    notes["is_trade"] = basis is not None and parts[0] == "Q"
    if basis:
        notes["basis"] = _CONTENTS[basis]
    return notes


def correction_notes(parts: list[str]) -> Notes:
    """Return what a ``C`` says beside its trade."""
    month, day, year = parts[3][:2], parts[3][3:5], parts[3][6:]
    return {
        "type": "C",
        "action": parts[2],
        "date": f"{year}-{month}-{day}",
        "time_et": parts[4],
        "tick_id": whole(parts[7]),
        "conditions": conditions(parts[8]),
        "market_center": whole(parts[9]),
    }


def regional_notes(parts: list[str]) -> Notes:
    """Return what an ``R`` says."""
    names = ("symbol", "exchange", "bid", "bid_size", "bid_time", "ask", "ask_size", "ask_time")
    notes: Notes = {name: _value(name, text) for name, text in zip(names, parts[1:], strict=False)}
    numbers = ("fraction_display", "decimal_precision", "market_center")
    return notes | {name: whole(text) for name, text in zip(numbers, parts[9:], strict=False)}


def news_notes(parts: list[str]) -> Notes:
    """Return what an ``N`` says; a headline may hold commas."""
    stamp = parts[4]
    return {
        "distributor": parts[1],
        "story_id": parts[2],
        "symbols": [name for name in parts[3].split(":") if name],
        "time": f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}",
        "headline": ",".join(parts[5:]).rstrip(","),
    }


def fundamental_notes(parts: list[str], announced: tuple[str, ...]) -> Notes:
    """Return what an ``F`` says: by the announced names, or by the documented ones where the fields agree with them.

    Protocols up to 6.0 have eight reserved fields among them, whose places only their own announcement tells: then
    what should be a date is none.
    """
    fields = parts[1:-1]
    named = dict(zip(announced or FUNDAMENTAL, fields, strict=False))
    dates = [text for name, text in named.items() if name.endswith("Date") and text]
    if any(text.count("/") != 2 for text in dates):
        note = "protocol 6.0 carries reserved empty fields which 6.1+ removed"
        return {"symbol": parts[1], "fields": fields, "note": note}
    words = {name: _word(name) for name in named}
    return {_FUNDAMENTAL_WORDS.get(words[name], words[name]): whole(text) for name, text in named.items()}


def depth_notes(parts: list[str], names: tuple[str, ...]) -> Notes:
    """Return what a Level 2 line says, by the names of its fields; date and time as one where there are both."""
    notes: Notes = {"type": parts[0]}
    for name, text in zip(names, parts[1:], strict=False):
        if name in {"priority", "precision", "size", "level_size", "order_count", "bid_size", "ask_size"}:
            notes[name] = whole(text)
        elif name.endswith("_valid") or name == "end_of_group":
            notes[name] = text == "T"
        elif name in _PRICES:
            notes[name] = text.removesuffix(".") or None
        elif name != "symbol":
            notes[name] = text or None
    if notes.get("time") and notes.get("date"):
        notes["ts_et"] = f"{notes['date']}T{notes['time']}"
    return notes


def stats_notes(parts: list[str]) -> Notes:
    """Return what the gateway reports of itself by name; nothing where its numbers are none. The account stays out."""
    stats = stats_of(",".join(parts))
    return {"type": "STATS"} | ({} if stats is None else facts_of(stats))


def client_notes(parts: list[str]) -> Notes:
    """Return what the gateway reports of one of its clients; only its kind where it is cut."""
    client = client_of(",".join(parts))
    if client is None:
        return {"type": "CLIENTSTATS"}
    return {
        "type": "CLIENTSTATS",
        "client": client.name,
        "port": port_of(client),
        "symbols": client.symbols,
        "kb_sent": client.kb_sent,
        "kb_queued": client.kb_queued,
    }


def bar_notes(parts: list[str]) -> Notes:
    """Return what a streamed bar says (``BH``, ``BC``, ``BU``), its kind first."""
    names = ("symbol", "time_et", "open", "high", "low", "close", "cumulative_volume", "volume", "trades")
    return {"type": parts[0]} | dict(zip(names, parts[1:], strict=False))
