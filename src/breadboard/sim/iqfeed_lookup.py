"""IQFeed's lookup port: ticks, intervals, daily, weekly and monthly bars, of today and of a past that is made up."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

from breadboard.sim import iqfeed_history as history
from breadboard.sim.activity import EASTERN, NS, eastern
from breadboard.sim.iqfeed_fields import price_text
from breadboard.sim.iqfeed_gateway import Gateway
from breadboard.sim.lineserver import LineClient
from breadboard.sim.stocks import BASES, CONDITIONS, Stock, Trade

REQUESTS_PER_S: Final = 50.0
BURST: Final = 75.0
MOST_ROWS: Final = 100_000
_TAIL: Final = "dir reqid pts"
_RANGE: Final = f"max filter_from filter_to {_TAIL}"
FORMS: Final[Mapping[str, list[str]]] = {
    name: form.split()
    for name, form in {
        "HTX": f"symbol max {_TAIL}",
        "HTD": f"symbol days {_RANGE}",
        "HTT": f"symbol from to {_RANGE}",
        "HIX": f"symbol interval max {_TAIL} type label",
        "HID": f"symbol interval days {_RANGE} type label",
        "HIT": f"symbol interval from to {_RANGE} type label",
        "HDX": f"symbol max {_TAIL}",
        "HDT": f"symbol from to max {_TAIL}",
        "HWX": f"symbol max {_TAIL}",
        "HMX": f"symbol max {_TAIL}",
    }.items()
}
"""The fields of a request, in order; empty and missing ones are defaults."""

Asked = Mapping[str, str]
Row = TypeVar("Row")


class Refusal(Exception):
    """A request that is answered with an error; its text is the vendor's."""


class Lookup:
    """The service."""

    name = "lookup"
    streams = False
    number = 3

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._left, self._at = BURST, gateway.now_ns

    def opened(self, client: LineClient) -> None:
        """Say that this is a simulator; the real port greets nobody."""
        client.say(b"S,PROVENANCE,synthetic")

    def closed(self, client: LineClient) -> None:
        """There is nothing to forget."""

    def watched(self, client: LineClient) -> list[str]:
        """Nothing is watched here."""
        del client
        return []

    def second(self, stamp: bytes) -> None:
        """Do nothing: this port has no time stamps."""

    def said(self, client: LineClient, text: str) -> None:
        """Answer a request: its rows, then the end mark; or an error, then the end mark."""
        command, _, rest = text.partition(",")
        if command == "S":
            if not self._gateway.common(client, rest):
                client.say(b"E,!SYNTAX_ERROR!,")
            return
        asked = dict(zip(FORMS.get(command, ()), rest.split(","), strict=False))
        mark = asked.get("reqid", "")
        before = mark.encode("latin-1", "replace") + b"," if mark else b""
        row = before + b"LH," if self._gateway.protocol(client) >= "6.2" else before
        try:
            rows = list(islice(self._answer(command, asked, client), MOST_ROWS))
            problem = "" if rows else "!NO_DATA!,"
        except Refusal as refusal:
            rows, problem = [], str(refusal)
        for line in rows:
            client.say(row + line)
        if problem:
            client.say(before + b"E," + problem.encode() + b",")
        client.say(before + b"!ENDMSG!,")

    def _answer(self, command: str, asked: Asked, client: LineClient) -> Iterator[bytes]:
        if command not in FORMS:
            raise Refusal("!SYNTAX_ERROR!")
        if not asked.get("symbol") or len(asked) < 2:
            raise Refusal("Invalid number of parameters.")
        if not self._allowed():
            raise Refusal("Too many simultaneous history requests.")
        stock = self._gateway.market.by_symbol.get(asked["symbol"].upper())
        if stock is None:
            raise Refusal("Invalid symbol.")
        try:
            if command[1] == "T":
                return self._ticks(stock, asked, extended=self._gateway.protocol(client) >= "6.1")
            return self._intervals(stock, asked) if command[1] == "I" else self._days(stock, asked, command)
        except ValueError:
            raise Refusal("!SYNTAX_ERROR!") from None

    def _allowed(self) -> bool:
        """Take one of the requests that may still come: 50 a second, and a short burst."""
        now = self._gateway.clock.wall()
        self._left = min(BURST, self._left + (now - self._at) / NS * REQUESTS_PER_S)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _prints(self, stock: Stock, asked: Asked) -> list[Trade]:
        """Return the prints asked for, oldest first."""
        now = self._gateway.market_ns
        begin, end = moment(asked.get("from", "")), moment(asked.get("to", ""))
        if asked.get("days"):
            begin = midnight(eastern(now).date() - timedelta(days=int(asked["days"]) - 1))
        low, high = clock_time(asked.get("filter_from", "")), clock_time(asked.get("filter_to", ""))
        since = eastern(begin).date() if begin else eastern(now).date() - timedelta(days=30)
        most = self._most(asked) if "interval" not in asked else MOST_ROWS
        found: list[Trade] = []
        for trade in history.ticks(stock, now, since):
            if begin is not None and trade.ts < begin:
                break
            if (end is None or trade.ts < end) and _between(trade.ts, low, high):
                found.append(trade)
                if len(found) == most:
                    break
        return found[::-1]

    @staticmethod
    def _most(asked: Asked) -> int:
        most = int(asked.get("max") or MOST_ROWS)
        if most <= 0:
            raise ValueError("max")
        return most

    def _ticks(self, stock: Stock, asked: Asked, *, extended: bool) -> Iterator[bytes]:
        return (tick_row(trade, extended=extended) for trade in _turned(self._prints(stock, asked), asked))

    def _intervals(self, stock: Stock, asked: Asked) -> Iterator[bytes]:
        kind, length = asked.get("type") or "s", int(asked["interval"])
        if kind not in {"s", "v", "t"} or length <= 0:
            raise ValueError("interval")
        bars = history.bars_of(self._prints(stock, asked), kind, length)[-self._most(asked) :]
        shift = length * NS if kind == "s" and asked.get("label") != "1" else 0
        return (interval_row(bar, shift, kind) for bar in _turned(bars, asked))

    def _days(self, stock: Stock, asked: Asked, command: str) -> Iterator[bytes]:
        begin, end = moment(asked.get("from", "")), moment(asked.get("to", ""))
        since = eastern(begin).date() if begin else date.min
        until = eastern(end).date() if end else date.max
        days = (day for day in history.days(stock, self._gateway.market_ns) if since <= day.day <= until)
        parts: Iterable[history.Day] = days
        if command in {"HWX", "HMX"}:
            parts = history.joined(days, months=command == "HMX")
        found = list(islice(parts, self._most(asked)))
        return (day_row(day) for day in (found if asked.get("dir") != "1" else found[::-1]))


def tick_row(trade: Trade, *, extended: bool) -> bytes:
    """Return a row of ticks; aggressor and day code since protocol 6.1."""
    when = eastern(trade.ts)
    row = b"%b,%b,%d,%d,%b,%b,%d,%b,%d,%b," % (
        when.strftime("%Y-%m-%d %H:%M:%S.%f").encode(), price_text(trade.price), trade.size, trade.volume,
        price_text(trade.bid), price_text(trade.ask), trade.tick_id, BASES[trade.basis], trade.center,
        CONDITIONS[trade.conditions],
    )  # fmt: skip
    return row + b"%d,%d," % (trade.aggressor, when.day) if extended else row


def interval_row(bar: history.Bar, shift: int, kind: str) -> bytes:
    """Return a row of intervals: high, low, open, close. Time bars tell no number of trades, as the vendor's."""
    return b"%b,%b,%b,%b,%b,%d,%d,%d," % (
        eastern(bar.ts + shift).strftime("%Y-%m-%d %H:%M:%S").encode(), price_text(bar.high), price_text(bar.low),
        price_text(bar.open), price_text(bar.close), bar.total, bar.volume, 0 if kind == "s" else bar.trades,
    )  # fmt: skip


def day_row(day: history.Day) -> bytes:
    """Return a row of days, weeks or months: high, low, open, close, volume, open interest."""
    return b"%b,%b,%b,%b,%b,%d,0," % (
        day.day.isoformat().encode(), price_text(day.high), price_text(day.low), price_text(day.open),
        price_text(day.close), day.volume,
    )  # fmt: skip


def moment(text: str) -> int | None:
    """Return nanoseconds of an Eastern ``YYYYMMDD[ HHMMSS]``; None for nothing. Raises ValueError."""
    if not text.strip():
        return None
    form = "%Y%m%d %H%M%S" if " " in text.strip() else "%Y%m%d"
    return int(datetime.strptime(text.strip(), form).replace(tzinfo=EASTERN).timestamp()) * NS


def midnight(day: date) -> int:
    """Return nanoseconds of the beginning of an Eastern day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=EASTERN).timestamp()) * NS


def clock_time(text: str) -> str:
    """Return ``HHMMSS`` of a filter, or nothing. Raises ValueError."""
    if text and not (len(text) == 6 and text.isdecimal()):
        raise ValueError(text)
    return text


def _between(ts: int, low: str, high: str) -> bool:
    if not low and not high:
        return True
    text = eastern(ts).strftime("%H%M%S")
    return (not low or text >= low) and (not high or text <= high)


def _turned(rows: list[Row], asked: Asked) -> list[Row]:
    """Return rows newest first, or oldest first where direction 1 is asked for."""
    return rows if asked.get("dir") == "1" else rows[::-1]
