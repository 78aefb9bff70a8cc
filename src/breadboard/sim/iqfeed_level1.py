"""IQFeed's Level 1 port: watches, summaries (P), updates (Q), corrections (C), fundamentals (F), time stamps (T)."""

from typing import Final

from breadboard.sim.equities import Update
from breadboard.sim.iqfeed_fields import (
    ALL_FIELDS,
    DEFAULT_FIELDS,
    FUNDAMENTAL_FIELDS,
    Layout,
    Page,
    Watch,
    letters,
    price_text,
)
from breadboard.sim.iqfeed_gateway import Gateway
from breadboard.sim.lineserver import LineClient
from breadboard.sim.stocks import CONDITIONS, Stock, Trade

DRIFT: Final = b"%d," % 20_261_231
"""The value of the field that nobody knows, when the schema drifts."""
ACCEPTED: Final = frozenset({"REGON", "REGOFF", "NEWSON", "NEWSOFF", "CONNECT", "DISCONNECT", "KEY"})
"""Taken without a word: there is no regional quote and no news in this market."""


class Level1:
    """The service. A page a stock holds the watches of that stock."""

    name = "level1"
    streams = True
    number = 1

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._time = gateway.time
        self.pages = [Page(stock, b"15" if gateway.faults["delayed"] else b"0") for stock in gateway.market.stocks]
        self._watches: dict[LineClient, dict[str, Watch]] = {}
        self._layouts: dict[LineClient, Layout] = {}
        self._quiet: set[LineClient] = set()
        self._drifted: set[LineClient] = set()
        time = self._time.text(gateway.now_ns)
        for page in self.pages:
            page.quoted(time, bid=True, ask=True)

    def opened(self, client: LineClient) -> None:
        """Greet as the gateway does."""
        self._watches[client] = {}
        self._layouts[client] = Layout(DEFAULT_FIELDS)
        gateway = self._gateway
        client.say(b"S,PROVENANCE,synthetic")
        client.say(b"S,KEY,%d" % (10_000 + client.number))
        client.say(b"S,SERVER CONNECTED" if gateway.connected else b"S,SERVER DISCONNECTED")
        client.say(b"S,IP,127.0.0.1 60010,127.0.0.1 60011,127.0.0.1 60012,127.0.0.1 60013")
        client.say(
            b"S,CUST,%b,127.0.0.1,60010,SIMTOKEN,6.2.0.25,0,NASDAQ NYSE AMEX BATS,,%d,SIMULATED,,"
            % (b"delayed" if gateway.faults["delayed"] else b"real_time", gateway.symbol_limit)
        )
        client.say(b"S,KEYOK")
        if gateway.faults["drift"]:
            gateway.later(gateway.faults["drift"], lambda: self._drift(client))

    def closed(self, client: LineClient) -> None:
        """Forget the client and its watches."""
        for symbol in list(self._watches.get(client, ())):
            self._unwatch(client, symbol)
        self._watches.pop(client, None)
        self._layouts.pop(client, None)
        self._quiet.discard(client)
        self._drifted.discard(client)

    def watched(self, client: LineClient) -> list[str]:
        """Return what the gateway believes a client watches."""
        return [watch.symbol for watch in self._watches.get(client, {}).values() if watch.named]

    def second(self, stamp: bytes) -> None:
        """Send the time stamp of a second, to whom wants it."""
        for client in self._watches:
            if client not in self._quiet and not client.muted:
                client.say(b"T," + stamp)

    def said(self, client: LineClient, text: str) -> None:
        """Answer a command."""
        kind, symbol = text[0], text[1:].strip().upper()
        if kind == "S" and text[1:2] == ",":
            self._system(client, text[2:])
        elif text == "T":
            client.say(b"T," + self._gateway.stamp())
        elif kind in "wt" and symbol:
            self._watch(client, symbol, trades_only=kind == "t")
        elif kind == "r" and symbol:
            self._unwatch(client, symbol)
        elif kind == "f" and symbol:
            self._summary(client, symbol)
        else:
            client.say(b"E,Unrecognized command: %b" % text[:40].encode("latin-1", "replace"))

    def update(self, update: Update) -> None:
        """Tell of an update: a print, then a new best bid or offer, each in a message of its own."""
        page = self.pages[update.stock.index]
        time = self._time.text(self._gateway.now_ns)
        trade = update.trade
        if trade is not None:
            page.traded(trade, time, self._time)
            page.f_message_contents = letters(trade, update.extreme, bid=False, ask=False)
            self._tell(page, trade)
        if update.bid or update.ask:
            page.quoted(time, bid=update.bid, ask=update.ask)
            if update.halt is not None:
                page.f_market_open = b"0" if update.halt else b"1"
            page.f_message_contents = b"ba" if update.bid and update.ask else b"b" if update.bid else b"a"
            self._tell(page, None)
        if update.correction is not None:
            self._correct(page, *update.correction)

    def session_closed(self, stock: Stock) -> None:
        """Let the close of the day be the last qualified price."""
        page = self.pages[stock.index]
        page.f_close = price_text(stock.last or stock.close)
        page.f_message_contents = b"c"
        self._tell(page, None)

    def retell(self) -> None:
        """Send every watch a fresh summary, as after the gateway found its server again."""
        for client, watches in self._watches.items():
            for watch in watches.values():
                if not watch.lost:
                    self._summary(client, watch.symbol)

    def lose(self, symbol: str, *, named: bool) -> bool:
        """Let the watches of a symbol die; say whether there was one."""
        page = self._page(symbol)
        found = list(page.watches) if page is not None else []
        for watch in found:
            watch.lost, watch.named = True, named
            if page is not None:
                page.watches.remove(watch)
        return bool(found)

    def _tell(self, page: Page, trade: Trade | None) -> None:
        """Send the page to everybody who watches it, and count what was sent."""
        number = 0 if trade is None else trade.tick_id
        made = self._gateway.makes(f"{'quote' if trade is None else 'trade'}:{page.stock.symbol}", number, page.watches)
        if not self._gateway.connected:
            return
        layout: Layout | None = None
        line = b""
        for watch in page.watches:
            if trade is None and watch.trades_only:
                continue
            if watch.layout is not layout:
                layout = watch.layout
                line = layout.line(b"Q", page)
            if not watch.client.tell(line):
                watch.withheld += 1
                if trade is not None:
                    watch.withheld_prints.append((trade.center, trade.tick_id))
                continue
            if made is not None:
                made.sent.append(line)
            if trade is None:
                watch.quotes += 1
            else:
                watch.trades += 1
                watch.volume += trade.size
                seen = watch.ticks.get(trade.center)
                if seen is None:
                    watch.ticks[trade.center] = [trade.tick_id, trade.tick_id]
                else:
                    seen[1] = trade.tick_id

    def _correct(self, page: Page, wrong: Trade, right: Trade | None) -> None:
        page.counted()
        if not self._gateway.connected:
            return
        for action, trade in ((b"D", wrong), (b"I", right)):
            if trade is None:
                continue
            time = self._time.text(trade.ts - self._time.shift_ns)
            line = b"C,%b,%b,%b,%b,%b,%d,%d,%b,%d," % (
                page.f_symbol, action, self._time.month_text, time, price_text(trade.price), trade.size,
                trade.tick_id, CONDITIONS[trade.conditions], trade.center,
            )  # fmt: skip
            for watch in page.watches:
                if watch.client.tell(line):
                    watch.corrections += 1
                else:
                    watch.withheld += 1

    def _system(self, client: LineClient, text: str) -> None:
        if self._gateway.common(client, text):
            return
        name, _, rest = text.partition(",")
        match name.upper():
            case "SELECT UPDATE FIELDS":
                self._select(client, rest.strip(",").split(","))
            case "UNWATCH ALL":
                for symbol in list(self._watches[client]):
                    self._unwatch(client, symbol)
            case "TIMESTAMPSON":
                self._quiet.discard(client)
            case "TIMESTAMPSOFF":
                self._quiet.add(client)
            case "SET LOG LEVELS":
                client.say(b"S,CURRENT LOG LEVELS," + rest.encode("latin-1", "replace"))
            case known if known in ACCEPTED:
                pass
            case asked:
                self._list(client, asked)

    def _list(self, client: LineClient, asked: str) -> None:
        """Answer the requests for lists."""
        match asked:
            case "REQUEST ALL UPDATE FIELDNAMES":
                # A client of protocol 6.1 that ends at names it does not know (pyiqfeed) does not know this one.
                known = (
                    ALL_FIELDS if self._gateway.protocol(client) >= "6.2" else (f for f in ALL_FIELDS if f != "Type")
                )
                client.say(b"S,UPDATE FIELDNAMES," + ",".join(known).encode())
            case "REQUEST CURRENT UPDATE FIELDNAMES":
                self._say_fields(client)
            case "REQUEST FUNDAMENTAL FIELDNAMES":
                client.say(b"S,FUNDAMENTAL FIELDNAMES," + ",".join(FUNDAMENTAL_FIELDS).encode())
            case "REQUEST WATCHES":
                client.say(b"S,WATCHES," + ",".join(self.watched(client)).encode())
            case _:
                client.say(b"E,Unrecognized command: S,%b" % asked[:40].encode("latin-1", "replace"))

    def _select(self, client: LineClient, fields: list[str]) -> None:
        extra = DRIFT if client in self._drifted else b""
        layout = next(
            (known for known in self._layouts.values() if not extra and known.fields[1:] == _known(fields)), None
        ) or Layout(fields, extra)
        self._layouts[client] = layout
        for watch in self._watches[client].values():
            watch.layout = layout
        self._say_fields(client)

    def _say_fields(self, client: LineClient) -> None:
        extra = ",Halt Reason" if client in self._drifted else ""
        client.say(b"S,CURRENT UPDATE FIELDNAMES," + (",".join(self._layouts[client].fields) + extra).encode())

    def _page(self, symbol: str) -> Page | None:
        stock = self._gateway.market.by_symbol.get(symbol)
        return self.pages[stock.index] if stock is not None else None

    def _watch(self, client: LineClient, symbol: str, *, trades_only: bool) -> None:
        page = self._page(symbol)
        mine = self._watches[client]
        if page is None:
            client.say(b"n," + symbol.encode("latin-1", "replace"))
            return
        if symbol in mine and not mine[symbol].lost:
            mine[symbol].trades_only = trades_only
            return
        if symbol not in mine and self._gateway.watching >= self._gateway.symbol_limit:
            client.say(b"S,SYMBOL LIMIT REACHED," + symbol.encode())
            return
        self._gateway.watching += symbol not in mine
        watch = mine[symbol] = Watch(client, symbol)
        self._gateway.keep(watch)
        watch.layout, watch.trades_only = self._layouts[client], trades_only
        self._summary(client, symbol)
        page.watches.append(watch)

    def _unwatch(self, client: LineClient, symbol: str) -> None:
        watch = self._watches[client].pop(symbol, None)
        page = self._page(symbol)
        if watch is None or page is None:
            return
        self._gateway.watching -= 1
        if watch in page.watches:
            page.watches.remove(watch)

    def _summary(self, client: LineClient, symbol: str) -> None:
        """Send the fundamentals and the summary of a stock."""
        page = self._page(symbol)
        if page is None:
            client.say(b"n," + symbol.encode("latin-1", "replace"))
            return
        client.say(fundamental(page.stock))
        kept = page.f_message_contents
        page.f_message_contents = b"Cbaohlcv" if page.f_last else b"bacv"
        client.say(self._layouts[client].line(b"P", page))
        page.f_message_contents = kept

    def _drift(self, client: LineClient) -> None:
        """Append a field that nobody knows to the updates of a client, and send a message of an unknown type."""
        if client not in self._watches:
            return
        self._gateway.did("drift", client.number)
        self._drifted.add(client)
        client.say(b"X,SCHEMA,6.3,Halt Reason,")
        self._select(client, self._layouts[client].fields[1:])


def _known(fields: list[str]) -> list[str]:
    return [field for field in fields if field != "Symbol" and field in ALL_FIELDS]


def fundamental(stock: Stock) -> bytes:
    """Return the ``F`` line of a stock: made up, plausible, most of it empty as for many small caps."""
    values = dict.fromkeys(FUNDAMENTAL_FIELDS, "")
    low, high = price_text(stock.reference // 2).decode(), price_text(stock.reference * 2).decode()
    values |= {
        "Symbol": stock.symbol,
        "Exchange ID": "5",
        "Average Volume": str(stock.average_volume),
        "52 Week High": high,
        "52 Week Low": low,
        "Calendar Year High": high,
        "Calendar Year Low": low,
        "Company Name": f"{stock.symbol} SIMULATED INC",
        "Common Shares Outstanding": str(stock.average_volume // 40),
        "Format Code": "14",
        "Precision": "4",
        "Security Type": "1",
        "Listed Market": "21",
        "Year End Close": price_text(stock.close).decode(),
        "Base Currency": "USD",
        "Session Open Time": "09:30:00",
        "Session Close Time": "16:00:00",
        "Minimum Tick Size": "0.01",
    }
    return ("F," + ",".join(values.values()) + ",").encode()
