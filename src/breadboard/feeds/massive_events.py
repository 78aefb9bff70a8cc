"""Massive's streamed events, one by one: what each means (massive.com/docs/websocket/stocks).

``t`` is the time of the consolidated tape (SIP); milliseconds in most documents, microseconds and nanoseconds in some
examples: it is read by its size. No side is sent: ``Side.NONE``. Sizes of quotes are kept as they are sent
(docs/decisions/0005-massive-quote-sizes.md).
"""

import re
from functools import lru_cache
from typing import Any, Final

from breadboard.feeds.massive_json import Payload, count, counts, needed, number, text
from breadboard.feeds.reading import Event, Refused, VendorBar, price_of, symbol_of
from breadboard.feeds.times import parse_epoch_by_size
from breadboard.model.decimals import ABSENT, INT64_MAX, SIZE_EXP, parse_price, parse_size
from breadboard.model.kinds import EventKind, Flag, StatusCode

IGNORED: Final = frozenset({"NOI", "FMV", "LV"})
"""Events that are understood and make none here: imbalances, fair market value, launchpad value."""
BAR_SECONDS: Final = {"A": 1, "AM": 60}
HALTED: Final = 17
RESUMED: Final = 18
"""LULD indicators; the venue sends these two for Nasdaq listings only."""
TAPES: Final = {1: "A", 2: "B", 3: "C"}
EXCHANGES: Final = {
    1: "XASE",
    2: "XBOS",
    3: "XCIS",
    4: "FINRA",
    5: "UTP",
    6: "XISE",
    7: "EDGA",
    8: "EDGX",
    9: "XCHI",
    10: "XNYS",
    11: "ARCX",
    12: "XNAS",
    13: "CTA",
    14: "LTSE",
    15: "IEXG",
    16: "CBSX",
    17: "XPHL",
    18: "BATY",
    19: "BATS",
    20: "EPRL",
    21: "MEMX",
}
"""Exchange id to MIC (``/v3/reference/exchanges``); 4 is every trade reporting facility, 5 and 13 are the SIPs."""
_TOPIC: Final = re.compile(r"(?:^|[\s:'\"(])(T|Q|A|AM|LULD)\.([!-+\--~]{1,64})")
_DENIED: Final = ("authoriz", "authoris", "entitle", "permission", "access")
_STATUS: Final = {
    "auth_success": StatusCode.LOGGED_IN,
    "auth_failed": StatusCode.NOT_ENTITLED,
    "auth_timeout": StatusCode.NOT_ENTITLED,
    "auth_required": StatusCode.NOT_ENTITLED,
    "max_connections": StatusCode.VENUE_ERROR,
    "force_disconnect": StatusCode.VENUE_ERROR,
    "slow_consumer": StatusCode.VENUE_ERROR,
}
_SILENT: Final = frozenset({"connected", "success"})
"""Statuses that are conversation and nothing else."""

_price_of: Final = lru_cache(1 << 16)(price_of)
_parse_price: Final = lru_cache(1 << 16)(parse_price)
_parse_size: Final = lru_cache(1 << 14)(parse_size)
"""The same few thousand prices and sizes come again and again."""


def trade_of(event: Payload) -> Event:
    """Return a trade ``T``. ``ds`` holds the exact size where ``s`` cannot: fractions of a share."""
    fraction = text(event, "ds")
    size, exponent = _parse_size(needed(number(event, "s"), "s") if fraction is None else fraction)
    if size == 0:
        raise Refused("a trade of size 0")
    identifier, exchange, facility = text(event, "i"), count(event, "x"), count(event, "trfi")
    notes = market_notes(event, counts(event, "c"), exchange) | trade_notes(
        identifier, facility, time_at(event, "trft")
    )
    return Event(
        kind=EventKind.TRADE,
        symbol=symbol_of(needed(text(event, "sym"), "sym")),
        ts_event=required_time(event, "t"),
        sequence=count(event, "q"),
        trade_id=trade_id_of(identifier),
        price=_price_of(needed(number(event, "p"), "p")),
        size=size,
        size_exp=exponent,
        notes=notes,
    )


def identity_of(notes: dict[str, Any] | Payload) -> str:
    """Return what names a trade within its ticker's day, beside its sequence and its figures."""
    return f"{notes.get('exchange')} {notes.get('trf')} {notes.get('id')}"


def quote_of(event: Payload) -> Event:
    """Return a national best bid and offer ``Q``; a side without a price or a size is absent."""
    condition, indicators = count(event, "c"), counts(event, "i")
    bid, bid_size, bid_exp = side_of(number(event, "bp"), number(event, "bs"))
    ask, ask_size, ask_exp = side_of(number(event, "ap"), number(event, "as"))
    return Event(
        kind=EventKind.QUOTE,
        symbol=symbol_of(needed(text(event, "sym"), "sym")),
        ts_event=required_time(event, "t"),
        sequence=count(event, "q"),
        price=bid,
        size=bid_size,
        size_exp=bid_exp,
        ask_price=ask,
        ask_size=ask_size,
        ask_size_exp=ask_exp,
        notes=quote_notes(
            event, count(event, "bx"), count(event, "ax"), [] if condition == ABSENT else [condition], indicators
        ),
    )


def bar_of(event: Payload, interval_s: int) -> VendorBar:
    """Return a bar ``A`` or ``AM``; it is sent again when a late trade changes it. ``dv`` is its exact volume."""
    volume, exponent = _parse_size(text(event, "dv") or needed(number(event, "v"), "v"))
    return VendorBar(
        symbol=symbol_of(needed(text(event, "sym"), "sym")),
        interval_s=interval_s,
        ts_open=required_time(event, "s"),
        **{name: _price_of(needed(number(event, name[0]), name[0])) for name in ("open", "high", "low", "close")},
        volume=volume,
        volume_exp=exponent,
        vwap=average_of(number(event, "vw")),
    )


def average_of(digits: str | None) -> float | None:
    """Return a volume-weighted average: the one figure that is a float here, because it is a quotient already."""
    found = None if digits is None else float(digits)
    if found is not None and not 0 <= found <= INT64_MAX:
        raise Refused(f"an impossible average price: {str(digits)[:40]}")
    return found


def bands_of(event: Payload) -> list[Event]:
    """Return limit up, limit down ``LULD``: the halt or the resumption that its indicators tell, and the bands.

    Nothing where it has other indicators only: that prices may be at a band is no news of the bands.
    """
    symbol, indicators = symbol_of(needed(text(event, "T"), "T")), counts(event, "i")
    low, high = band_of(number(event, "l")), band_of(number(event, "h"))
    ts_event, sequence = required_time(event, "t"), count(event, "q")
    notes = {"indicators": indicators} | tape_note(event, "z")
    codes = [
        code
        for indicator, code in ((HALTED, StatusCode.HALTED), (RESUMED, StatusCode.RESUMED))
        if indicator in indicators
    ]
    if (low, high) != (ABSENT, ABSENT):
        codes.append(StatusCode.BANDS)
    if not codes and not indicators:
        raise Refused("an LULD event without bands or indicators")
    return [
        Event(
            kind=EventKind.STATUS,
            symbol=symbol,
            code=code,
            ts_event=ts_event,
            sequence=sequence,
            price=low if code is StatusCode.BANDS else ABSENT,
            ask_price=high if code is StatusCode.BANDS else ABSENT,
            notes=notes,
        )
        for code in codes
    ]


def status_of(event: Payload) -> Event | None:
    """Return what a ``status`` event puts on the tape; None for plain conversation.

    An ``error`` names the topic that was refused, or says that the plan does not cover it. Raises Refused for a status
    that was never seen.
    """
    status, message = needed(text(event, "status"), "status"), text(event, "message") or ""
    if status in _SILENT:
        return None
    topic = topic_in(message)
    if status == "error":
        denied = any(word in message.lower() for word in _DENIED)
        code = StatusCode.NOT_ENTITLED if denied else StatusCode.REFUSED if topic else StatusCode.VENUE_ERROR
    elif status in _STATUS:
        code = _STATUS[status]
    else:
        raise Refused(f"unknown status {status[:40]!r}")
    symbol = topic[1] if topic and topic[1] != "*" else None
    return Event(
        kind=EventKind.STATUS,
        symbol=symbol,
        flags=Flag(0) if symbol else Flag.FEED_WIDE,
        code=code,
        notes={"status": status, "message": message[:200]} | ({"topic": ".".join(topic)} if topic else {}),
    )


def topic_in(message: str) -> tuple[str, str] | None:
    """Return the first topic that a message names, e.g. ``("T", "AAPL")``."""
    found = _TOPIC.search(message)
    return (found.group(1), found.group(2)) if found else None


def side_of(price: str | None, size: str | None) -> tuple[int, int, int]:
    """Return ``(price, size, size_exp)`` of one side; absent where either is 0 or, as zeros often are, left out."""
    found = 0 if price is None else _parse_price(price)
    amount, exponent = (0, SIZE_EXP) if size is None else _parse_size(size)
    if found < 0:
        raise Refused(f"an impossible price: {price}")
    return (found, amount, exponent) if found and amount else (ABSENT, ABSENT, SIZE_EXP)


def band_of(price: str | None) -> int:
    """Return one band; ABSENT where it is 0 or left out."""
    found = 0 if price is None else _parse_price(price)
    if found < 0:
        raise Refused(f"an impossible price: {price}")
    return found or ABSENT


def trade_id_of(identifier: str | None) -> int:
    """Return the trade's number; ABSENT where its id is none (it is in the notes either way)."""
    if identifier is None or not (identifier.isascii() and identifier.isdigit()) or len(identifier) > 19:
        return ABSENT
    found = int(identifier)
    return found if found <= INT64_MAX and str(found) == identifier else ABSENT


def time_at(event: Payload, key: str) -> int:
    """Return the nanoseconds of a time; ABSENT where it is left out."""
    value = count(event, key)
    return value if value == ABSENT else parse_epoch_by_size(value)


def required_time(event: Payload, key: str) -> int:
    """Return the nanoseconds of a time that must be there."""
    found = time_at(event, key)
    if found == ABSENT:
        raise Refused(f"no {key}")
    return found


def market_notes(event: Payload, conditions: list[int], exchange: int, tape: str = "z") -> dict[str, Any]:
    """Return the notes that trades have in common, streamed or fetched."""
    notes: dict[str, Any] = {"conditions": conditions} if conditions else {}
    if exchange != ABSENT:
        notes["exchange"] = EXCHANGES.get(exchange, str(exchange))
    return notes | tape_note(event, tape)


def trade_notes(identifier: str | None, facility: int, facility_ts: int) -> dict[str, Any]:
    """Return the id as it was sent, and the trade reporting facility with its time (ns)."""
    notes: dict[str, Any] = {} if identifier is None else {"id": identifier}
    if facility != ABSENT:
        notes["trf"] = facility
    if facility_ts != ABSENT:
        notes["trf_ts"] = facility_ts
    return notes


def quote_notes(
    event: Payload, bid_exchange: int, ask_exchange: int, conditions: list[int], indicators: list[int], tape: str = "z"
) -> dict[str, Any]:
    """Return the notes that quotes have in common, streamed or fetched."""
    notes: dict[str, Any] = {}
    for name, exchange in (("bid_exchange", bid_exchange), ("ask_exchange", ask_exchange)):
        if exchange != ABSENT:
            notes[name] = EXCHANGES.get(exchange, str(exchange))
    if conditions:
        notes["conditions"] = conditions
    if indicators:
        notes["indicators"] = indicators
    return notes | tape_note(event, tape) | {"size_unit": "as sent, documented as round lots"}


def tape_note(event: Payload, key: str) -> dict[str, str]:
    """Return the tape by its letter."""
    tape = count(event, key)
    return {} if tape == ABSENT else {"tape": TAPES.get(tape, str(tape))}
