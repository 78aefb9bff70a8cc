"""Massive's answers as documents of the journal: ``aggs:SYMBOL:SECONDS``, ``trades:SYMBOL``, ``quotes:SYMBOL``.

Also ``splits:SYMBOL`` and ``dividends:SYMBOL``, which no table has: they are told in the notes of their document.
"""

from dataclasses import asdict
from itertools import pairwise
from typing import Any, Final

from breadboard.feeds.massive_reference import Dividend, Split, read_dividends, read_splits
from breadboard.feeds.massive_rest import Aggregate, Page, read_aggregates, read_quotes, read_trades
from breadboard.feeds.reading import Event, Meaning, Refused, refused_document
from breadboard.model.decimals import ABSENT, price_text
from breadboard.model.gaps import DocumentHead

MOST_EVENTS: Final = 65_535
"""A frame's events are numbered with 16 bits."""
_NS: Final = 1_000_000_000
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_WEEK_S: Final = 7 * _DAY_S


def read_document(head: DocumentHead, body: bytes) -> Meaning:
    """Return what an answer means. Raises ValueError with the reason it cannot be understood."""
    what, _, rest = head.tag.partition(":")
    symbol, _, seconds = rest.partition(":")
    if head.status != 200:
        return refused_document(
            symbol if symbol.isprintable() and 0 < len(symbol) <= 64 and " " not in symbol else None
        )
    if what in {"splits", "dividends"}:
        return _actions(symbol, what, body)
    match what:
        case "aggs":
            return _bars(symbol, read_aggregates(body, symbol), seconds)
        case "trades":
            return _bounded(symbol, read_trades(body, symbol))
        case "quotes":
            return _bounded(symbol, read_quotes(body, symbol))
    return Meaning(ignored=f"document:{what[:40]}")


def _bars(symbol: str, page: Page[Aggregate], seconds: str) -> Meaning:
    """Return the vendor's bars. Raises Refused where too many are left out for the others to tell their length."""
    found = page.results
    if page.refused and not seconds and 2 * page.left_out >= len(found):
        raise Refused(page.refused)
    interval_s = interval_of(found, seconds) if found else 0
    bars = tuple(one.bar(interval_s) for one in found)
    return Meaning(bars=bars, refused=page.refused, notes=_notes(symbol, len(found)))


def _notes(symbol: str, count: int) -> dict[str, Any]:
    """Return what is said of an answer as a whole: only that there was nothing."""
    return {} if count else {"symbol": symbol, "empty": True}


def _actions(symbol: str, what: str, body: bytes) -> Meaning:
    """Return corporate actions, which are notes. Raises Refused for one of another symbol."""
    found: tuple[Split | Dividend, ...] = (read_splits if what == "splits" else read_dividends)(body).results
    for each in found:
        if each.symbol != symbol:
            raise Refused(f"an action of {each.symbol!r} among those of {symbol!r}")
    return Meaning(notes=_notes(symbol, len(found)) | ({what: [_told(each) for each in found]} if found else {}))


def _told(action: Split | Dividend) -> dict[str, Any]:
    """Return what is known of a corporate action, prices as digits."""
    told = {name: value for name, value in asdict(action).items() if value not in {None, ABSENT}}
    return told | ({"cash": price_text(action.cash)} if isinstance(action, Dividend) else {})


def interval_of(bars: tuple[Aggregate, ...], seconds: str) -> int:
    """Return the length of these bars in seconds: as the tag says, else the least distance between two of them.

    Days are told apart from hours and weeks although daylight saving, weekends and holidays stretch the distance.
    Raises Refused where neither tells.
    """
    if seconds:
        if not (seconds.isascii() and seconds.isdigit()) or not 0 < int(seconds) <= 366 * _DAY_S:
            raise Refused(f"not a number of seconds: {seconds[:20]!r}")
        return int(seconds)
    stamps = sorted({bar.ts for bar in bars})
    least = min((late - early for early, late in pairwise(stamps)), default=0)
    least_s, rest = divmod(least, _NS)
    if rest == 0 and 0 < least_s <= 12 * _HOUR_S:
        return least_s
    if 23 * _HOUR_S <= least_s <= 5 * _DAY_S:
        return _DAY_S
    if _WEEK_S - _HOUR_S <= least_s <= _WEEK_S + _HOUR_S:
        return _WEEK_S
    raise Refused("the bars do not tell how long they are; name the seconds in the tag")


def _bounded(symbol: str, page: Page[Event]) -> Meaning:
    events = page.results
    if len(events) > MOST_EVENTS:
        raise Refused(f"an answer of {len(events)} events, over the {MOST_EVENTS} that one document can number")
    return Meaning(events, refused=page.refused, notes=_notes(symbol, len(events)))
