"""The derivative port (9400): bars that the gateway makes and streams.

A line says neither its interval nor its unit, so our request id does: ``B<seconds>``. Bars come as open, high, low,
close here. ``BH`` is history, ``BC`` a bar that is complete; ``BU`` is one in the making, and makes no bar of ours.
The stamp is taken as the end of the bar, which is the vendor's default where nothing else can be asked for.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from breadboard.conversations import Request, Send
from breadboard.feeds.eastern import SECOND, eastern_ns, parse_clock, parse_day
from breadboard.feeds.iqfeed_fields import number, paid, size, symbol
from breadboard.feeds.iqfeed_notes import bar_notes
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Meaning, Refused, VendorBar

_REQUEST_ID: Final = re.compile(r"B([1-9]\d{0,6})")
FIELDS: Final = 10
"""Of a streamed bar, its kind among them."""


def read_bar(parts: list[str], at: At) -> Meaning:
    """Return what a streamed bar means. Raises ValueError."""
    asked = _REQUEST_ID.fullmatch(parts[0])
    fields = parts[1:] if parts[1][:1] == "B" and asked else parts
    kind = fields[0]
    if len(fields) < FIELDS + 1:
        raise Refused(f"a streamed bar of {len(fields) - 1} fields")
    notes = bar_notes(fields) if at.notes else {}
    if kind == "BU" or asked is None:
        return Meaning(ignored=kind if asked else f"{kind} of an interval that nobody named", notes=notes)
    stamp, low, seconds = fields[2], fields[5], int(asked.group(1))
    volume, exponent = size(fields[8])
    bar = VendorBar(
        symbol=symbol(fields[1]),
        interval_s=seconds,
        ts_open=eastern_ns(parse_day(stamp[:10]), parse_clock(stamp[11:]), at.ts_recv) - seconds * SECOND,
        open=paid(fields[3], low),
        high=paid(fields[4], low),
        low=paid(low, ""),
        close=paid(fields[6], low),
        volume=volume,
        volume_exp=exponent,
        trades=max(0, number(fields[9])),
    )
    return Meaning(bars=(bar,), notes=notes)


def watch(name: str, seconds: int, days: int = 0) -> str:
    """Return ``BW``: stream bars of so many seconds, after those of the last ``days``."""
    return f"BW,{name},{seconds},,{days or ''},,,,B{seconds},s,,0"


def unwatch(name: str, seconds: int) -> str:
    """Return ``BR``: stop them."""
    return f"BR,{name},B{seconds}"


@dataclass(slots=True)
class BarsSession:
    """A ``conversations.Session`` with the derivative port."""

    symbols: Sequence[str]
    seconds: int
    url: str
    rate: int = 50
    _waiting: list[str] = field(init=False, default_factory=list)

    def on_connect(self) -> list[Request]:
        """Begin with the protocol; the watches follow at a gentle rate."""
        self._waiting = [watch(name, self.seconds) for name in reversed(self.symbols)]
        return [Send("S,SET PROTOCOL,6.2"), Send("S,SET CLIENT NAME,breadboard"), *self._next(self.rate - 2)]

    def on_frames(self, _frames: Sequence[bytes]) -> list[Request]:
        """Return nothing: a refused symbol is on the tape, and is not asked for again."""
        return []

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, _now_s: float) -> list[Request]:
        """Send the next watches."""
        return self._next(self.rate) if self._waiting else []

    def _next(self, count: int) -> list[Request]:
        return [Send(self._waiting.pop()) for _ in range(min(max(1, count), len(self._waiting)))]
