"""How to ask Yahoo for charts: windows it accepts, its cookie and crumb, its patience. Sans-I/O, no clock.

Limits as measured: a request holds 8 days of minutes, of the last 30 days; other granularities below an hour reach 60
days back (59 were accepted, 60 refused), an hour 730 (729). A chart comes without a crumb until the venue answers 401;
then a cookie is fetched (its address answers 404 and sets it: whoever carries the requests keeps it), then the crumb.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from breadboard.conversations import Fetch, Request
from breadboard.errors import UsageError
from breadboard.feeds.yahoo_chart import SECONDS, refusal
from breadboard.model.kinds import StatusCode

DAY_S: Final = 86_400
_REACH_DAYS: Final = {"1m": 29, "60m": 729, "1h": 729} | dict.fromkeys(("2m", "5m", "15m", "90m"), 59)
_REQUEST_DAYS: Final = {"1m": 7}
"""Days of a request, where it may hold fewer than the venue has."""
INTERVALS: Final = tuple(name for name in SECONDS if name != "30m")
"""What can be asked for. Half hours are not: the venue answers with hours; fetch quarters of an hour instead."""
RANGES: Final = ("1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max")
MOST_TRIES: Final = 5
MOST_CRUMBS: Final = 2
FIRST_WAIT_S: Final = 5.0
"""After the first refusal for asking too often; doubled after each."""
PAUSE_S: Final = 0.5
"""Between requests: there is no published limit, and answers are cached for ten seconds anyway."""
HEADERS: Final = {"User-Agent": "Mozilla/5.0 (compatible; breadboard)"}
"""The venue turns some plain clients away."""
_BUSY: Final = frozenset({0, 429, 500, 502, 503, 504, 999})

Window = tuple[int, int]
"""Begin and end in s since 1970, the end excluded."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where what lives; a simulator has everything in one place."""

    chart: str = "https://query2.finance.yahoo.com"
    crumb: str = "https://query1.finance.yahoo.com"
    cookie: str = "https://fc.yahoo.com"

    @staticmethod
    def at(rest_url: str) -> "Hosts":
        """Return the hosts behind one address, or the venue's own for an empty one."""
        base = rest_url.rstrip("/")
        return Hosts(base, base, base) if base else Hosts()


class Step(Enum):
    """What is being waited for."""

    CHART = "chart"
    COOKIE = "cookie"
    CRUMB = "crumb"


def windows(interval: str, begin_s: int, end_s: int, now_s: int) -> tuple[Window, ...]:
    """Return the requests that make up an interval of time, oldest first. Raises UsageError where there is none."""
    if interval not in INTERVALS:
        hint = "fetch 15m and join two" if interval == "30m" else f"choose from: {' '.join(INTERVALS)}"
        raise UsageError(f"Yahoo has no charts of {interval!r} here", hint=hint)
    end_s = min(end_s, now_s)
    if begin_s >= end_s:
        raise UsageError(
            f"a chart from {_said(begin_s)} to {_said(end_s)} is empty",
            hint="give a beginning before its end and today",
        )
    reach = _REACH_DAYS.get(interval)
    if reach is not None and begin_s < now_s - reach * DAY_S:
        raise UsageError(
            f"Yahoo has {interval} charts of the last {reach} days, and {_said(begin_s)} is before that",
            hint=f"--from {_said(now_s - (reach - 1) * DAY_S)[:10]}   # or later; or --interval 1d",
        )
    step = _REQUEST_DAYS.get(interval, reach or 0) * DAY_S or end_s - begin_s
    return tuple((begin, min(begin + step, end_s)) for begin in range(begin_s, end_s, step))


def _said(second: int) -> str:
    """Return a second since 1970 for people."""
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")


def chart_url(
    base: str, symbol: str, interval: str, window: Window | str, *, crumb: str = "", hours: bool = False
) -> str:
    """Return the address of a chart of a window, or of a range such as ``5d``; ``hours``: also outside the session."""
    asked: dict[str, str] = {"interval": interval, "includePrePost": str(hours).lower()}
    asked["events"] = "div,splits,capitalGains"
    if isinstance(window, str):
        asked["range"] = window
    else:
        asked |= {"period1": str(window[0]), "period2": str(window[1])}
    if crumb:
        asked["crumb"] = crumb
    return f"{base}/v8/finance/chart/{quote(symbol, safe='')}?{urlencode(asked, safe=',')}"


@dataclass(slots=True)
class YahooChart:
    """One symbol's history, window by window; a ``conversations.FetchedInquiry``.

    ``requests`` says what to fetch first; give each answer to ``on_document``, which says what to fetch next, nothing
    when it is over. ``error`` then tells why it ended early, ``refused`` which windows the venue would not give.
    Answers tagged ``chart:SYMBOL`` are for the reader; a crumb in their address is of no use to anybody else.
    """

    symbol: str
    interval: str
    windows: Sequence[Window | str]
    hosts: Hosts = field(default_factory=Hosts)
    hours: bool = False
    crumb: str = field(default="", repr=False)
    error: str | None = None
    refused: list[tuple[Window | str, str]] = field(default_factory=list)
    taken: int = 0
    """How many windows are answered; the refusal of one is an answer where it is a chart's, and not a page of HTML."""
    late_ns: int = 0
    _at: int = 0
    _step: Step = Step.CHART
    _tries: int = 0
    _crumbs: int = 0
    _unknown: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask."""
        return self.error is not None or self._at >= len(self.windows)

    @property
    def empty(self) -> bool:
        """Whether the newest answer says nothing: a chart always says something, if only of itself."""
        return False

    @property
    def hint(self) -> str:
        """What may help against the error."""
        return "--symbol SPELLED-AS-YAHOO-DOES" if self._unknown else "run it again later"

    @property
    def remarks(self) -> Sequence[str]:
        """Which windows the venue would not give, and in which words."""
        return [
            f"Yahoo would not give {each if isinstance(each, str) else ' to '.join(map(_said, each))}: {words}"
            for each, words in self.refused
        ]

    def requests(self) -> list[Request]:
        """Return what to fetch first."""
        return self._ask()

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Return what an answer calls for. Never raises on bytes."""
        if self.done or tag != self._tag():
            return []
        match self._step:
            case Step.COOKIE:
                self._step = Step.CRUMB  # whatever it says: the cookie came with it, or the crumb will be refused
                return self._ask()
            case Step.CRUMB:
                return self._take_crumb(status, body)
            case Step.CHART:
                return self._take_chart(status, body)

    def _take_chart(self, status: int, body: bytes) -> list[Request]:
        said = refusal(status, body)
        if said is None:
            return self._next(body) if _is_chart(body) else self._again("no whole answer")
        code, reason = said
        if code is StatusCode.NOT_ENTITLED:
            return self._renew_crumb(reason)
        if status in _BUSY or reason == "rate limited" or code is StatusCode.MAINTENANCE:
            return self._again(reason)
        if code is StatusCode.REFUSED:
            self.error, self._unknown = f"{self.symbol}: {reason}", True
            return []
        self.refused.append((self.windows[self._at], reason))
        return self._next(body)

    def _take_crumb(self, status: int, body: bytes) -> list[Request]:
        crumb = body.decode("utf-8", "replace").strip()
        if status in _BUSY or "Too Many Requests" in crumb:
            return self._again("no crumb: Too Many Requests")
        if status != 200 or not 0 < len(crumb) <= 64 or "<" in crumb or not crumb.isprintable():
            return self._renew_crumb(f"no crumb: HTTP {status}")
        self.crumb, self._step = crumb, Step.CHART
        return self._ask()

    def _next(self, body: bytes) -> list[Request]:
        self.taken += _is_chart(body)
        self._at, self._tries = self._at + 1, 0
        return [] if self.done else self._ask(PAUSE_S)

    def _again(self, reason: str) -> list[Request]:
        """Ask the same once more, later each time."""
        self._tries += 1
        if self._tries >= MOST_TRIES:
            self.error = f"{self.symbol}: {reason}, {MOST_TRIES} times in a row"
            return []
        return self._ask(FIRST_WAIT_S * 2 ** (self._tries - 1))

    def _renew_crumb(self, reason: str) -> list[Request]:
        self._crumbs += 1
        if self._crumbs > MOST_CRUMBS:
            self.error = f"{self.symbol}: {reason}, also with a new cookie and crumb"
            return []
        self.crumb, self._step = "", Step.COOKIE
        return self._ask()

    def _tag(self) -> str:
        return f"chart:{self.symbol}" if self._step is Step.CHART else self._step.value

    def _ask(self, delay_s: float = 0.0) -> list[Request]:
        match self._step:
            case Step.COOKIE:
                url = f"{self.hosts.cookie}/"
            case Step.CRUMB:
                url = f"{self.hosts.crumb}/v1/test/getcrumb"
            case Step.CHART:
                window = self.windows[self._at]
                url = chart_url(
                    self.hosts.chart, self.symbol, self.interval, window, crumb=self.crumb, hours=self.hours
                )
        return [Fetch(self._tag(), url, delay_s, HEADERS, logs_in=self._step is not Step.CHART)]


def _is_chart(body: bytes) -> bool:
    """Tell whether an answer is one of the chart's, and came to its end."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(found, dict) and "chart" in found
