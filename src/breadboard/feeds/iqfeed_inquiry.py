"""IQFeed's history, asked for on the lookup port window by window. Sans-I/O, no clock.

A window is answered by its rows and an end mark, or by an error and an end mark; that it holds nothing is said by
``!NO_DATA!``. Nothing else ends an answer: one without its mark is cut off. Ticks are asked for day by day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from breadboard.conversations import Request, Send
from breadboard.errors import UsageError
from breadboard.feeds.iqfeed_lookup import ENDING, NO_DATA, Span, bars_request, days_request, error_of, ticks_request
from breadboard.feeds.iqfeed_words import GREETING

MOST_ROWS: Final = 50_000
"""Bars that a window may have at most."""
_DAY_S: Final = 86_400
_NS: Final = 1_000_000_000

Ask = Callable[[str, Span], str]
"""Makes a request of a request id and a window."""


def ticks_of(symbol: str, from_ns: int, to_ns: int) -> tuple[Ask, list[Span]]:
    """Return how to ask for ticks of ``[from_ns, to_ns)``, and the days to ask for."""
    return (lambda number, span: ticks_request(symbol, number, span)), _windows(from_ns, to_ns, 1)


def bars_of(symbol: str, interval_s: int, from_ns: int, to_ns: int) -> tuple[Ask, list[Span]]:
    """Return how to ask for bars of ``[from_ns, to_ns)``, and the windows. Raises UsageError."""
    if interval_s == _DAY_S:
        return (lambda number, span: days_request(symbol, number, span)), [_span(from_ns, to_ns - 1)]
    if interval_s > _DAY_S:
        raise UsageError(f"IQFeed is asked for bars of a day at most, not {interval_s} s", hint="--interval 1d")
    days = max(1, MOST_ROWS * interval_s // _DAY_S)
    return (lambda number, span: bars_request(symbol, number, span, interval_s)), _windows(from_ns, to_ns, days)


def _windows(from_ns: int, to_ns: int, days: int) -> list[Span]:
    """Return windows that begin with a day of New York, but for the first; a window's end is the next one's begin."""
    found: list[Span] = []
    begin = from_ns
    while begin < to_ns:
        midnight = (_eastern(begin) + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        end = min(to_ns, int(midnight.timestamp()) * _NS)
        found.append(_span(begin, end))
        begin = end
    return found


def _span(begin_ns: int, end_ns: int) -> Span:
    begin, end = (f"{_eastern(at):%Y%m%d %H%M%S}" for at in (begin_ns, end_ns))
    return Span(begin, end)


def _eastern(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // _NS, UTC).astimezone(ZoneInfo("America/New_York"))


@dataclass(slots=True)
class IqfeedInquiry:
    """One symbol's history, window by window; a ``conversations.SpokenInquiry``."""

    symbol: str
    ask: Ask
    windows: Sequence[Span]
    taken: int = 0
    empty: bool = True
    error: str | None = None
    hint: str = ""
    remarks: Sequence[str] = ()
    late_ns: int = 0
    asking: str = ""
    _rows: int = 0
    _refused: str = ""

    @property
    def done(self) -> bool:
        """Whether nothing is left to ask."""
        return self.error is not None or self.taken >= len(self.windows)

    def requests(self) -> list[Request]:
        """Return the handshake and the first window's request."""
        return [*map(Send, GREETING), self._request()]

    def on_lines(self, lines: Sequence[bytes]) -> tuple[list[bytes], list[Request]]:
        """Return the rows among these lines, and the next window's request once the end mark has come."""
        kept: list[bytes] = []
        for line in lines:
            number, _, rest = line.decode("latin-1").partition(",")
            fields = rest.removesuffix(",").split(",")
            if self.done or number != self._number:
                continue  # the gateway's own words, and answers to what was not asked
            if fields == [ENDING]:
                kept.append(line)
                return kept, self._next()
            problem = error_of(fields)
            if problem is None or problem == NO_DATA:
                kept.append(line)
                self._rows += problem is None
            else:
                self._refused = problem
        return kept, []

    @property
    def _number(self) -> str:
        return f"BB{self.taken + 1}"

    def _request(self) -> Request:
        self.asking = self.ask(self._number, self.windows[self.taken])
        return Send(self.asking)

    def _next(self) -> list[Request]:
        """Take the answer that has ended, and ask for the next window; nothing more once one was refused."""
        if self._refused:
            self.error = f"IQFeed refused {self.asking!r}: {self._refused}"
            self.hint = "--symbol SPELLED-AS-IQFEED-DOES" if "symbol" in self._refused.lower() else "run it again later"
            return []
        self.empty, self._rows = not self._rows, 0
        self.taken += 1
        return [] if self.done else [self._request()]
