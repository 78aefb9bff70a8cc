"""IQFeed's Level 2 port: market makers' quotes (WOR: 6, 4, 5), price levels (WPL: 7, 8, 9), CLEAR DEPTH."""

from typing import Final

from breadboard.sim.equities import Update
from breadboard.sim.iqfeed_fields import Watch, price_text
from breadboard.sim.iqfeed_gateway import Gateway
from breadboard.sim.lineserver import LineClient
from breadboard.sim.stocks import BUY, MAKERS, SELL, Stock
from breadboard.sim.truth import Made

SIDES: Final = (b"B", b"A")
UNTIMED: Final = 4
"""One deletion in so many has no time, as some of the vendor's have."""

Levels = dict[int, tuple[int, int]]
"""Price to ``(size, orders)``."""


class DepthWatch(Watch):
    """A subscription to depth; of price levels it knows what it was told."""

    __slots__ = ("most", "view")

    def __init__(self, client: LineClient, symbol: str) -> None:
        super().__init__(client, symbol)
        self.most = 0
        """Levels a side; 0: all."""
        self.view: tuple[Levels, Levels] = ({}, {})


class Depth:
    """The service."""

    name = "depth"
    streams = True
    number = 2

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._makers: list[list[DepthWatch]] = [[] for _ in gateway.market.stocks]
        self._levels: list[list[DepthWatch]] = [[] for _ in gateway.market.stocks]
        self._watches: dict[LineClient, dict[tuple[str, bool], DepthWatch]] = {}
        self._names = [stock.symbol.encode() for stock in gateway.market.stocks]
        self._deleted = 0

    def opened(self, client: LineClient) -> None:
        """Greet as the gateway does."""
        self._watches[client] = {}
        client.say(b"S,PROVENANCE,synthetic")
        client.say(b"S,SERVER CONNECTED" if self._gateway.connected else b"S,SERVER DISCONNECTED")
        if self._gateway.faults["drift"]:
            self._gateway.later(self._gateway.faults["drift"], lambda: client.say(b"X,SCHEMA,6.3,"))

    def closed(self, client: LineClient) -> None:
        """Forget the client and its subscriptions."""
        for symbol, levels in list(self._watches.get(client, ())):
            self._remove(client, symbol, levels=levels)
        self._watches.pop(client, None)

    def watched(self, client: LineClient) -> list[str]:
        """Return the symbols of a client's subscriptions."""
        return [symbol for symbol, _ in self._watches.get(client, {})]

    def second(self, stamp: bytes) -> None:
        """Send the time stamp of a second."""
        for client in self._watches:
            if not client.muted:
                client.say(b"T," + stamp)

    def said(self, client: LineClient, text: str) -> None:
        """Answer a command."""
        command, _, rest = text.partition(",")
        symbol, _, most = rest.partition(",")
        symbol = symbol.strip().upper()
        match command.upper():
            case "S":
                self._system(client, rest)
            case "WOR" | "WPL" if symbol:
                limit = int(most) if most.strip(",").isdecimal() else 0
                self._add(client, symbol, levels=command.upper() == "WPL", most=limit)
            case "ROR" | "RPL" if symbol:
                self._remove(client, symbol, levels=command.upper() == "RPL")
            case "T":
                client.say(b"T," + self._gateway.stamp())
            case _ if text[0] == "m":
                self._maker(client, text[1:].strip(",").upper())
            case _ if text[0] == "w":
                self._add(client, text[1:].upper(), levels=False, most=0)
            case _ if text[0] == "r":
                self._remove(client, text[1:].upper(), levels=False)
            case _:
                client.say(b"E,Unrecognized command: %b" % text[:40].encode("latin-1", "replace"))

    def update(self, update: Update) -> None:
        """Tell of makers' quotes."""
        index = update.stock.index
        makers, levels = self._makers[index], self._levels[index]
        if not makers and not levels:
            for _ in update.quotes:
                self._gateway.makes(f"book:{update.stock.symbol}", 0, makers)
            return
        if update.halt:
            for letter in SIDES:
                self._clear(update.stock, letter)
        stock, name, time = update.stock, self._names[index], self._gateway.time
        now = time.text(self._gateway.now_ns)
        for maker, side, price, size in update.quotes if makers else ():
            mmid = MAKERS[stock.makers[maker]][0].encode()
            if size:
                line = b"4,%b,,%b,%b,%b,%d,,4,%b,%b," % (
                    name, mmid, SIDES[side], price_text(price), size, now, time.day_text,
                )  # fmt: skip
            else:
                self._deleted += 1
                at = b"" if self._deleted % UNTIMED == 0 else now
                line = b"5,%b,,%b,%b,%b,%b," % (name, mmid, SIDES[side], at, time.day_text)
            self._tell(makers, line, self._gateway.makes(f"book:{stock.symbol}", 0, makers))
        for watch in levels:
            self._levels_changed(watch, stock, now)

    def retell(self) -> None:
        """Send every subscription a fresh snapshot, as after the gateway found its server again."""
        for client, watches in self._watches.items():
            for watch in watches.values():
                if not watch.lost:
                    self._snapshot(client, watch)

    def clear(self, symbol: str) -> None:
        """Clear a side of a book and tell it anew."""
        stock = self._gateway.market.by_symbol[symbol]
        self._clear(stock, b"B")
        quotes = tuple((maker, BUY, *stock.quote(maker, BUY)) for maker in range(len(stock.makers)))
        self.update(Update(stock, None, tuple(q for q in quotes if q[3]), bid=False, ask=False))

    def lose(self, symbol: str, *, named: bool) -> bool:
        """Let the subscriptions to a symbol die; say whether there was one."""
        stock = self._gateway.market.by_symbol.get(symbol)
        if stock is None:
            return False
        found = self._makers[stock.index] + self._levels[stock.index]
        for watch in found:
            watch.lost, watch.named = True, named
        self._makers[stock.index].clear()
        self._levels[stock.index].clear()
        return bool(found)

    def _tell(self, watches: list[DepthWatch], line: bytes, made: Made | None = None) -> None:
        for watch in watches:
            if watch.client.tell(line):
                watch.depth += 1
                if made is not None:
                    made.sent.append(line)
            else:
                watch.withheld += 1

    def _clear(self, stock: Stock, side: bytes) -> None:
        line = b"S,CLEAR DEPTH,%b,%b," % (self._names[stock.index], side)
        for watch in self._makers[stock.index] + self._levels[stock.index]:
            watch.client.say(line)
            watch.view[SIDES.index(side)].clear()

    def _system(self, client: LineClient, text: str) -> None:
        if self._gateway.common(client, text):
            return
        match text.partition(",")[0].upper():
            case "UNWATCH ALL":
                for symbol, levels in list(self._watches[client]):
                    self._remove(client, symbol, levels=levels)
            case "REQUEST WATCHES":
                client.say(b"S,WATCHES," + ",".join(self.watched(client)).encode())
            case "CONNECT" | "DISCONNECT" | "TIMESTAMPSON" | "TIMESTAMPSOFF":
                pass
            case _:
                client.say(b"E,Unrecognized command: S,%b" % text[:40].encode("latin-1", "replace"))

    def _maker(self, client: LineClient, mmid: str) -> None:
        known = any(name == mmid for name, _ in MAKERS)
        client.say(f"M,{mmid},{f'{mmid} SIMULATED MARKET MAKER' if known else 'Unknown'},".encode("latin-1", "replace"))

    def _add(self, client: LineClient, symbol: str, *, levels: bool, most: int) -> None:
        stock = self._gateway.market.by_symbol.get(symbol)
        if stock is None:
            client.say(b"n," + symbol.encode("latin-1", "replace"))
            return
        mine = self._watches[client]
        known = mine.get((symbol, levels))
        if known is not None and not known.lost:
            known.most = most
            self._snapshot(client, known)
            return
        watch = mine[symbol, levels] = DepthWatch(client, symbol)
        self._gateway.keep(watch)
        watch.levels, watch.most = levels, most
        self._snapshot(client, watch)
        (self._levels if levels else self._makers)[stock.index].append(watch)

    def _remove(self, client: LineClient, symbol: str, *, levels: bool) -> None:
        watch = self._watches[client].pop((symbol, levels), None)
        stock = self._gateway.market.by_symbol.get(symbol)
        if watch is None or stock is None:
            return
        held = (self._levels if levels else self._makers)[stock.index]
        if watch in held:
            held.remove(watch)

    def _snapshot(self, client: LineClient, watch: DepthWatch) -> None:
        """Send all makers' quotes (6) or all levels (7) of a stock; ``q`` where there are none."""
        stock, time = self._gateway.market.by_symbol[watch.symbol], self._gateway.time
        name, now = self._names[stock.index], time.text(self._gateway.now_ns)
        if watch.levels:
            watch.view = (levels_of(stock, BUY, watch.most), levels_of(stock, SELL, watch.most))
            lines = [
                b"7,%b,%b,%b,%d,%d,4,%b,%b," % (name, SIDES[side], price_text(price), *found, now, time.day_text)
                for side in (BUY, SELL)
                for price, found in watch.view[side].items()
            ]
        else:
            lines = [
                b"6,%b,,%b,%b,%b,%d,,4,%b,%b,"
                % (name, MAKERS[number][0].encode(), SIDES[side], price_text(price), size, now, time.day_text)
                for side in (BUY, SELL)
                for maker, number in enumerate(stock.makers)
                for price, size in [stock.quote(maker, side)]
                if size
            ]
        for line in lines or [b"q," + name]:
            client.say(line)

    def _levels_changed(self, watch: DepthWatch, stock: Stock, now: bytes) -> None:
        """Tell a subscription to price levels what is another than it was told."""
        name, day = self._names[stock.index], self._gateway.time.day_text
        for side in (BUY, SELL):
            was, now_is = watch.view[side], levels_of(stock, side, watch.most)
            for price in was.keys() - now_is.keys():
                self._tell([watch], b"9,%b,%b,%b,%b,%b," % (name, SIDES[side], price_text(price), now, day))
            for price, found in now_is.items():
                if was.get(price) != found:
                    self._tell(
                        [watch],
                        b"8,%b,%b,%b,%d,%d,4,%b,%b," % (name, SIDES[side], price_text(price), *found, now, day),
                    )
            watch.view[side].clear()
            watch.view[side].update(now_is)


def levels_of(stock: Stock, side: int, most: int) -> Levels:
    """Return the price levels of a side, best first, at most so many (0: all)."""
    found: Levels = {}
    for maker in range(len(stock.makers)):
        price, size = stock.quote(maker, side)
        if size:
            there, orders = found.get(price, (0, 0))
            found[price] = (there + size, orders + 1)
    best = sorted(found.items(), reverse=side == BUY)
    return dict(best[:most] if most else best)
