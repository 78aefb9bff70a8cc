"""Whom `breadboard import` can ask, and how each is asked."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import uvloop

from breadboard.app.question import DAY_S, NEW_YORK, Question
from breadboard.capture import inquiring
from breadboard.capture.inquiring import Keep
from breadboard.clock import Clock
from breadboard.conversations import FetchedInquiry, Inquiry
from breadboard.errors import UsageError
from breadboard.feeds import iqfeed_inquiry as iqfeed
from breadboard.feeds import massive_calls as massive
from breadboard.feeds.iqfeed_address import address
from breadboard.feeds.massive_history import DELAY_NS, MassiveHistory, bars_of
from breadboard.feeds.yahoo_chart import SECONDS
from breadboard.feeds.yahoo_history import Hosts, YahooChart, windows
from breadboard.model.addresses import public
from breadboard.model.kinds import Provenance

_NS: Final = 1_000_000_000
_UNITS: Final = (("d", DAY_S), ("h", 3600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of history that can be asked for."""

    zone: str
    """Where its days begin and end."""
    bars: bool
    windowed: bool
    """Whether it is asked for by time; the source gives all that it has of other things."""
    ask: Callable[[Question, Keep, Clock], tuple[Inquiry, Provenance]]
    grows: bool = False
    """It tells bars of what has traded so far, and of a part of one where only a part is asked for, and does not say
    which; Yahoo's charts do."""
    whole_seconds: bool = False
    """It is asked for by times without fractions, and its rows have them."""


_NO_SUCH_THING: Final = frozenset({massive.Failure.NOT_FOUND, massive.Failure.NOT_ENTITLED})


def _massive(asked: Question, keep: Keep, clock: Clock, what: str) -> tuple[Inquiry, Provenance]:
    base = _http(asked.url) or massive.REST
    last_ns = asked.to_ns - 1
    remarks: tuple[str, ...] = ()
    match what:
        case "aggs":
            call = bars_of(asked.symbol, asked.interval_s, asked.from_ns, asked.to_ns, asked.days)
        case "trades":
            # Bars of these trades need the table, which has to be in the journal before them.
            rules = MassiveHistory(massive.CONDITIONS, massive.conditions(), asked.key, base)
            provenance = _fetched(rules, keep, clock)
            if rules.error is not None and rules.failure not in _NO_SUCH_THING:
                return rules, provenance
            if rules.error is not None:
                remarks = (f"the table of conditions ({rules.error}): bars take all prints in",)
            call = massive.trades(asked.symbol, asked.from_ns, last_ns)
        case "quotes":
            call = massive.quotes(asked.symbol, asked.from_ns, last_ns)
        case "splits":
            call = massive.splits(asked.symbol)
        case massive.CONDITIONS:
            call = massive.conditions()
        case _:
            call = massive.dividends(asked.symbol)
    young = SOURCES[f"massive-{what}"].windowed and asked.to_ns > asked.now_ns - DELAY_NS
    inquiry = MassiveHistory(f"{what}:{asked.symbol}", call, asked.key, base, stop_late=young, remarks=remarks)
    return inquiry, _fetched(inquiry, keep, clock)


def _yahoo(asked: Question, keep: Keep, clock: Clock) -> tuple[Inquiry, Provenance]:
    named = next((name for name, seconds in SECONDS.items() if seconds == asked.interval_s), _spelled(asked.interval_s))
    parts = windows(named, asked.from_ns // _NS, -(-asked.to_ns // _NS), asked.now_ns // _NS)
    inquiry = YahooChart(asked.symbol, named, parts, Hosts.at(_http(asked.url)))
    return inquiry, _fetched(inquiry, keep, clock)


def _spelled(seconds: int) -> str:
    """Return a length of time as ``--interval`` takes it."""
    return next(f"{seconds // unit}{name}" for name, unit in _UNITS if seconds % unit == 0)


def _iqfeed(asked: Question, keep: Keep, clock: Clock) -> tuple[Inquiry, Provenance]:
    where = address(asked.url)
    about = (asked.symbol, asked.from_ns, asked.to_ns)
    how, spans = (
        iqfeed.bars_of(asked.symbol, asked.interval_s, *about[1:]) if asked.interval_s else iqfeed.ticks_of(*about)
    )
    inquiry = iqfeed.IqfeedInquiry(asked.symbol, how, spans)
    return inquiry, _run(lambda: inquiring.speak(inquiry, where.url(where.lookup), where.rate, keep, clock))


def _asks_massive(what: str) -> Callable[[Question, Keep, Clock], tuple[Inquiry, Provenance]]:
    return lambda asked, keep, clock: _massive(asked, keep, clock, what)


SOURCES: Final[Mapping[str, Source]] = {
    "iqfeed-ticks": Source(NEW_YORK, bars=False, windowed=True, ask=_iqfeed, whole_seconds=True),
    "iqfeed-bars": Source(NEW_YORK, bars=True, windowed=True, ask=_iqfeed, grows=True),
    "yahoo-chart": Source("UTC", bars=True, windowed=True, ask=_yahoo),
    "massive-aggs": Source(NEW_YORK, bars=True, windowed=True, ask=_asks_massive("aggs"), grows=True),
    "massive-trades": Source(NEW_YORK, bars=False, windowed=True, ask=_asks_massive("trades")),
    "massive-quotes": Source(NEW_YORK, bars=False, windowed=True, ask=_asks_massive("quotes")),
    "massive-splits": Source(NEW_YORK, bars=False, windowed=False, ask=_asks_massive("splits")),
    "massive-dividends": Source(NEW_YORK, bars=False, windowed=False, ask=_asks_massive("dividends")),
    "massive-conditions": Source(NEW_YORK, bars=False, windowed=False, ask=_asks_massive(massive.CONDITIONS)),
}
"""By format. Yahoo's days are UTC's: its symbols are of every exchange."""


def _fetched(inquiry: FetchedInquiry, keep: Keep, clock: Clock) -> Provenance:
    return _run(lambda: inquiring.fetch(inquiry, keep, clock))


def _run(work: Callable[[], Coroutine[None, None, Provenance]]) -> Provenance:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


def _http(url: str) -> str:
    """Return an address to ask over HTTP. Raises UsageError."""
    usable = False
    with suppress(ValueError):  # a port that is no number
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    if url and not usable:
        raise UsageError(f"--url {public(url)!r} is no address of HTTP", hint="--url http://127.0.0.1:8765")
    return url.rstrip("/")
