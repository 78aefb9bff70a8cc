"""IQFeed's derivative port: bars as they grow (BU), when they are over (BC), and those before (BH)."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Final

from breadboard.sim import iqfeed_history as history
from breadboard.sim.activity import NS, eastern
from breadboard.sim.equities import Update
from breadboard.sim.iqfeed_fields import Watch, price_text
from breadboard.sim.iqfeed_gateway import Gateway
from breadboard.sim.iqfeed_lookup import midnight, moment
from breadboard.sim.lineserver import LineClient

FORM: Final = (
    *("symbol", "interval", "from", "days", "most", "filter_from", "filter_to"),
    *("reqid", "type", "label", "update"),
)


@dataclass(slots=True)
class BarWatch:
    """One subscription: ``kind`` s, v or t of ``length``; the bar that grows; what it was sent."""

    watch: Watch
    mark: str
    kind: str
    length: int
    at_end: bool
    """Bars are stamped with their end."""
    update_s: int
    """Seconds between two BU; 0: one with each print."""
    bar: history.Bar | None = None
    changed: bool = False
    told_s: int = 0


class Bars:
    """The service."""

    name = "bars"
    streams = True
    number = 4

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._watches: dict[LineClient, dict[tuple[str, str], BarWatch]] = {}
        self._by_stock: list[list[BarWatch]] = [[] for _ in gateway.market.stocks]

    def opened(self, client: LineClient) -> None:
        """Greet as the gateway does."""
        self._watches[client] = {}
        client.say(b"S,PROVENANCE,synthetic")
        client.say(b"S,SERVER CONNECTED" if self._gateway.connected else b"S,SERVER DISCONNECTED")

    def closed(self, client: LineClient) -> None:
        """Forget the client and its subscriptions."""
        for key in list(self._watches.get(client, ())):
            self._remove(client, key)
        self._watches.pop(client, None)

    def watched(self, client: LineClient) -> list[str]:
        """Return the symbols of a client's subscriptions."""
        return [symbol for symbol, _ in self._watches.get(client, {})]

    def said(self, client: LineClient, text: str) -> None:
        """Answer a command."""
        command, _, rest = text.partition(",")
        match command.upper():
            case "BW":
                self._add(client, dict(zip(FORM, rest.split(","), strict=False)))
            case "BR":
                symbol, _, mark = rest.strip(",").partition(",")
                for key in [key for key in self._watches[client] if key[0] == symbol.upper() and mark in {"", key[1]}]:
                    self._remove(client, key)
            case "T":
                client.say(b"T," + self._gateway.stamp())
            case "S":
                self._system(client, rest)
            case _:
                client.say(b"E,Unrecognized command: %b" % text[:40].encode("latin-1", "replace"))

    def second(self, stamp: bytes) -> None:
        """Send the time stamp of a second, bars that are over, and updates that are due."""
        second = self._gateway.market_ns // NS
        for client, watches in self._watches.items():
            if not client.muted:
                client.say(b"T," + stamp)
            for held in watches.values():
                bar = held.bar
                if bar is None:
                    continue
                if held.kind == "s" and bar.ts // NS + held.length <= second:
                    self._tell(held, b"BC", bar)
                    held.bar = None
                elif held.changed and held.update_s and held.told_s + held.update_s <= second:
                    held.told_s, held.changed = second, False
                    self._tell(held, b"BU", bar)

    def update(self, update: Update) -> None:
        """Let bars grow by a print; odd lots and others that do not qualify are not in them."""
        trade = update.trade
        held_by = self._by_stock[update.stock.index]
        if trade is None or not held_by or not history.in_bars(trade):
            return
        for held in held_by:
            start = trade.ts - trade.ts % (held.length * NS) if held.kind == "s" else trade.ts
            if held.bar is not None and not history.goes_on(held.bar, held.kind, held.length, start):
                self._tell(held, b"BC", held.bar)
                held.bar = None
            if held.bar is None:
                held.bar = history.begun(start, trade)
            else:
                held.bar.take(trade)
            held.changed = True
            if not held.update_s:
                self._tell(held, b"BU", held.bar)

    def _tell(self, held: BarWatch, kind: bytes, bar: history.Bar, *, past: bool = False) -> None:
        line = held.mark.encode("latin-1", "replace") + b"," if held.mark else b""
        shift = held.length * NS if held.kind == "s" and held.at_end else 0
        line += b"%b,%b,%b,%b,%b,%b,%b,%d,%d,%d," % (
            kind, held.watch.symbol.encode(), eastern(bar.ts + shift).strftime("%Y-%m-%d %H:%M:%S").encode(),
            price_text(bar.open), price_text(bar.high), price_text(bar.low), price_text(bar.close),
            bar.total, bar.volume, 0 if held.kind == "s" else bar.trades,
        )  # fmt: skip
        if past:
            held.watch.client.say(line)
        elif not held.watch.client.tell(line):
            held.watch.withheld += 1

    def _system(self, client: LineClient, text: str) -> None:
        if self._gateway.common(client, text):
            return
        match text.partition(",")[0].upper():
            case "UNWATCH ALL":
                for key in list(self._watches[client]):
                    self._remove(client, key)
            case "REQUEST WATCHES":
                for (symbol, mark), held in self._watches[client].items():
                    client.say(f"S,WATCHES,{symbol},{held.length},{mark},".encode("latin-1", "replace"))
            case "CONNECT" | "DISCONNECT":
                pass
            case _:
                client.say(b"E,Unrecognized command: S,%b" % text[:40].encode("latin-1", "replace"))

    def _add(self, client: LineClient, asked: dict[str, str]) -> None:
        symbol, mark = asked.get("symbol", "").upper(), asked.get("reqid", "")
        if symbol not in self._gateway.market.by_symbol:
            client.say(b"n," + symbol.encode("latin-1", "replace"))
            return
        kind = asked.get("type") or "s"
        try:
            length, update = int(asked.get("interval", "")), int(asked.get("update") or 0)
            since = moment(asked.get("from", ""))
            most, days = int(asked.get("most") or 0), int(asked.get("days") or 0)
        except ValueError:
            length = 0
        if length <= 0 or kind not in {"s", "v", "t"}:
            client.say(b"E,!SYNTAX_ERROR!,")
            return
        mine = self._watches[client]
        if (symbol, mark) in mine:
            self._remove(client, (symbol, mark))
            client.say(f"S,REPLACED PREVIOUS WATCH,{symbol},{mark}".encode("latin-1", "replace"))
        elif sum(map(len, self._watches.values())) >= self._gateway.symbol_limit:
            client.say(b"S,SYMBOL LIMIT REACHED," + symbol.encode())
            return
        held = BarWatch(Watch(client, symbol), mark, kind, length, asked.get("label") != "1", update)
        self._gateway.keep(held.watch)
        stock = self._gateway.market.by_symbol[symbol]
        if since is None and days:
            since = midnight(eastern(self._gateway.market_ns).date() - timedelta(days=days - 1))
        self._begin(held, since, most, stock.index)
        mine[symbol, mark] = held
        self._by_stock[stock.index].append(held)

    def _begin(self, held: BarWatch, since: int | None, most: int, index: int) -> None:
        """Tell the bars before, and take up the one that is going on."""
        now = self._gateway.market_ns
        today = midnight(eastern(now).date())
        first = since if since is not None else today
        prints = history.ticks(self._gateway.market.stocks[index], now, eastern(first).date())
        bars = history.bars_of(
            list(takewhile(lambda trade: trade.ts >= first, prints))[::-1], held.kind, held.length
        )  # fmt: skip
        if bars and (held.kind != "s" or bars[-1].ts + held.length * NS > now):
            held.bar = bars.pop()
        if since is not None or most:
            for bar in bars[-most:]:
                self._tell(held, b"BH", bar, past=True)

    def _remove(self, client: LineClient, key: tuple[str, str]) -> None:
        held = self._watches[client].pop(key)
        self._by_stock[self._gateway.market.by_symbol[key[0]].index].remove(held)
