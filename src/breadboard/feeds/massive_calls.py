"""How Massive's REST interface is asked: calls, pages, errors, and the pace that a plan allows. No I/O, no clock.

Source: massive.com/docs/rest/quickstart; the vendor's client for what is worth a second try.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from breadboard.conversations import Fetch
from breadboard.feeds.massive_json import object_of, parse_body, text
from breadboard.feeds.reading import Refused

REST: Final = "https://api.massive.com"
MOST_BASE_AGGREGATES: Final = 50_000
MOST_TICKS: Final = 50_000
TIMESPANS: Final = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
WORTH_ANOTHER_TRY: Final = frozenset({0, 413, 429, 499, 500, 502, 503, 504})
"""Statuses after which the vendor's own client asks again; 0 is no answer at all."""
MOST_TRIES: Final = 3
FREE_PLAN: Final = (5, 60.0)
"""Calls, and the seconds in which no more may be made."""


@dataclass(frozen=True, slots=True)
class Call:
    """One question: a path and its parameters."""

    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def url(self, base: str = REST) -> str:
        """Return the address; the key is never a part of it."""
        asked = f"?{urlencode(self.parameters)}" if self.parameters else ""
        return base.rstrip("/") + self.path + asked

    def fetch(self, tag: str, key: str, base: str = REST) -> Fetch:
        """Return the request; the key travels in a header, which is neither journaled nor logged."""
        return Fetch(tag, self.url(base), headers=_authorization(key))


def aggregates(symbol: str, multiplier: int, timespan: str, begin: str, end: str, *, adjusted: bool = True) -> Call:
    """Return bars of ``multiplier`` timespans; ``begin`` and ``end`` are YYYY-MM-DD or ms, both inclusive."""
    if timespan not in TIMESPANS:
        raise Refused(f"no timespan {timespan!r}; there are {', '.join(TIMESPANS)}")
    path = f"/v2/aggs/ticker/{_part(symbol)}/range/{multiplier}/{timespan}/{_part(begin)}/{_part(end)}"
    return Call(path, {"adjusted": _truth(adjusted), "sort": "asc", "limit": str(MOST_BASE_AGGREGATES)})


def trades(symbol: str, from_ns: int, to_ns: int, limit: int = MOST_TICKS) -> Call:
    """Return the trades of ``from_ns <= sip_timestamp <= to_ns``, oldest first: what refills a gap."""
    return Call(f"/v3/trades/{_part(symbol)}", _window(from_ns, to_ns, limit))


def quotes(symbol: str, from_ns: int, to_ns: int, limit: int = MOST_TICKS) -> Call:
    """Return the quotes of ``from_ns <= sip_timestamp <= to_ns``, oldest first."""
    return Call(f"/v3/quotes/{_part(symbol)}", _window(from_ns, to_ns, limit))


def grouped_daily(date: str, *, adjusted: bool = True, include_otc: bool = False) -> Call:
    """Return the daily bar of every stock; the date is YYYY-MM-DD."""
    parameters = {"adjusted": _truth(adjusted), "include_otc": _truth(include_otc)}
    return Call(f"/v2/aggs/grouped/locale/us/market/stocks/{_part(date)}", parameters)


def previous_close(symbol: str, *, adjusted: bool = True) -> Call:
    """Return the bar of the last session before today."""
    return Call(f"/v2/aggs/ticker/{_part(symbol)}/prev", {"adjusted": _truth(adjusted)})


def splits(symbol: str) -> Call:
    """Return the splits of a stock, newest first."""
    return Call("/v3/reference/splits", {"ticker": symbol, "limit": "1000"})


def dividends(symbol: str) -> Call:
    """Return the dividends of a stock, newest first."""
    return Call("/v3/reference/dividends", {"ticker": symbol, "limit": "1000"})


CONDITIONS: Final = "conditions"
"""The tag of their answers."""


def conditions() -> Call:
    """Return what each condition of a trade does to bars: load it once, at the start."""
    return Call("/v3/reference/conditions", {"asset_class": "stocks", "limit": "1000"})


def exchanges() -> Call:
    """Return the exchanges and their ids."""
    return Call("/v3/reference/exchanges", {"asset_class": "stocks"})


MARKET_NOW: Final = Call("/v1/marketstatus/now")
MARKET_UPCOMING: Final = Call("/v1/marketstatus/upcoming")


def next_page(tag: str, next_url: str, key: str, base: str = REST) -> Fetch:
    """Return the request of the next page, its address as the answer gave it.

    Raises Refused where that leads to another host: the key goes to the interface that was asked and nowhere else.
    """
    asked, given = urlsplit(base), urlsplit(next_url)
    here, there = (parts.netloc.rpartition("@")[2] for parts in (asked, given))  # without user and password
    if given.scheme != asked.scheme or given.netloc not in {here, asked.netloc}:
        raise Refused(f"the next page is on {there[:80]!r}, not on {here!r}")
    url = next_url if given.netloc == asked.netloc else urlunsplit(given._replace(netloc=asked.netloc))
    return Fetch(tag, url, headers=_authorization(key))


class Failure(StrEnum):
    """Why there is no answer."""

    BAD_REQUEST = "bad_request"
    NO_KEY = "no_key"
    NOT_ENTITLED = "not_entitled"
    NOT_FOUND = "not_found"
    RETIRED = "retired"
    TOO_FAST = "too_fast"
    BUSY = "busy"
    """The venue, or the way to it, has trouble."""
    OTHER = "other"


_FAILURES: Final = {
    400: Failure.BAD_REQUEST,
    401: Failure.NO_KEY,
    403: Failure.NOT_ENTITLED,
    404: Failure.NOT_FOUND,
    410: Failure.RETIRED,
    429: Failure.TOO_FAST,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is none: why, in whose words, and whether and when to ask again."""

    status: int
    failure: Failure
    message: str
    again_in_s: float | None
    """None: asking again would not help."""


def judge(status: int, body: bytes, tries: int, retry_after_s: float = 0.0) -> Refusal | None:
    """Return why there is no answer after ``tries`` tries (1 is the first), or None. Never raises on bytes."""
    if status == 200:
        return None
    failure = _FAILURES.get(status, Failure.BUSY if status in WORTH_ANOTHER_TRY else Failure.OTHER)
    message = _words(body)
    if failure is Failure.BAD_REQUEST and "api key" in message.lower():
        failure = Failure.NO_KEY
    again_in_s = None
    if status in WORTH_ANOTHER_TRY and tries <= MOST_TRIES:
        least_s = FREE_PLAN[1] / FREE_PLAN[0] if failure is Failure.TOO_FAST else 0.1
        again_in_s = max(least_s * 2 ** (tries - 1), retry_after_s)
    return Refusal(status, failure, message, again_in_s)


def _words(body: bytes) -> str:
    try:
        answer = object_of(parse_body(body))
        return (text(answer, "error") or text(answer, "message") or "")[:300]
    except ValueError:
        return body[:300].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens for calls, each of which comes back ``per_s`` seconds after it was taken.

    So no window of that length ever holds more than ``capacity`` calls, which a bucket that fills evenly would allow
    after a burst. A value: ``take`` returns the bucket as it is afterwards.
    """

    capacity: int = FREE_PLAN[0]
    per_s: float = FREE_PLAN[1]
    taken_s: tuple[float, ...] = ()
    """When the tokens that are still out were taken, or will be; oldest first."""

    def take(self, now_s: float) -> "tuple[Bucket, float]":
        """Return the bucket without one token, and the seconds to wait before it may be used."""
        out = tuple(at for at in self.taken_s if at + self.per_s > now_s)
        at = now_s if len(out) < self.capacity else max(now_s, out[-self.capacity] + self.per_s)
        return replace(self, taken_s=(*out, at)), at - now_s


def _authorization(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _window(from_ns: int, to_ns: int, limit: int) -> dict[str, str]:
    window = {"timestamp.gte": str(from_ns), "timestamp.lte": str(to_ns)}
    return window | {"order": "asc", "sort": "timestamp", "limit": str(min(limit, MOST_TICKS))}


def _part(text_: str) -> str:
    return quote(text_, safe="")


def _truth(value: bool) -> str:
    return "true" if value else "false"
