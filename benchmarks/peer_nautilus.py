"""NautilusTrader's own data engine on recorded Binance frames, for `breadboard bench pipeline`.

Run by an interpreter that has nautilus_trader (`make peers`), as a program of its own: it reads the depth snapshots by
symbol (one line of JSON) and then one frame a line on stdin, and prints one JSON object. The frames take three steps, a
batch at a time:

- decode: the schemas of its Binance adapter, msgspec typed structs. A look at the stream's name chooses the decoder and
  a frame is parsed once; the adapter parses it twice, for an envelope first.
- build: the adapter's own ``parse_to_*``, into QuoteTick, TradeTick and OrderBookDeltas. Most of it is ``from_str`` of
  Price and Quantity, which goes by way of Decimal.
- engine: ``DataEngine.process``, with every instrument in the cache, its book (L2_MBP, from the recorded snapshot) and
  its bars of 1 second and 1 minute (of trades, INTERNAL) subscribed, and one handler of everything that does nothing.

Like ours it keeps exact prices, whole books and bars; bars close by the market's time, none is made without a trade.
Unlike ours it keeps no journal and stores nothing, finds no gap or duplicate, has no features, no bars of other
lengths and none that is corrected. Instruments and subscriptions are made, and snapshots applied, before the clock
starts. ``ns_per_message`` is elapsed time; ``cpu_ns_per_message`` the processor's, and the sum of the three steps.
``book_levels`` and ``bars`` tell that the engine did the work: changes its books have taken, bars it has made.
"""

import json
import sys
import time
from typing import Any

import msgspec
from nautilus_trader.adapters.binance.common.schemas.market import BinanceDepth, BinanceOrderBookMsg, BinanceQuoteMsg
from nautilus_trader.adapters.binance.spot.schemas.market import BinanceSpotTradeMsg
from nautilus_trader.backtest.data_client import BacktestMarketDataClient
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.data.config import DataEngineConfig
from nautilus_trader.data.engine import DataEngine
from nautilus_trader.data.messages import SubscribeBars, SubscribeOrderBook
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarType, OrderBookDelta
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Price, Quantity

BATCH = 256
"""Frames of one step: few enough for the processor's cache, many enough for the price of reading a clock to vanish."""
SECOND = 1_000_000_000
MILLISECOND = 1_000_000
BARS = ("1-SECOND-LAST-INTERNAL", "1-MINUTE-LAST-INTERNAL")

DECODERS = {
    name: msgspec.json.Decoder(schema).decode
    for name, schema in ((b"d", BinanceOrderBookMsg), (b"b", BinanceQuoteMsg), (b"t", BinanceSpotTradeMsg))
}
"""By the first letter of what stands behind the symbol in the stream's name: depth, bookTicker, trade."""


def nothing(_: object) -> None:
    """Take a message and do nothing with it."""


class House:
    """A data engine, its cache and its clock, which keeps the market's time; a client of no network, one handler."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.next_second = (now // SECOND + 1) * SECOND
        self.ids: dict[str, Any] = {}
        self.cache, self.clock = Cache(), TestClock()
        self.clock.set_time(now)
        bus = MessageBus(trader_id=TraderId("BENCH-001"), clock=self.clock)
        config = DataEngineConfig(time_bars_build_with_no_updates=False)
        self.engine = DataEngine(msgbus=bus, cache=self.cache, clock=self.clock, config=config)
        bus.register(endpoint="BacktestEngine.execute", handler=nothing)
        self.engine.register_client(
            BacktestMarketDataClient(client_id=ClientId("BINANCE"), msgbus=bus, cache=self.cache, clock=self.clock)
        )
        bus.subscribe(topic="data.*", handler=nothing)
        self.engine.start()

    def add(self, symbol: str, snapshot: BinanceDepth | None) -> None:
        """Make an instrument, subscribe to its book and bars, and give the book its snapshot where there is one."""
        key = self.ids[symbol] = InstrumentId(Symbol(symbol), Venue("BINANCE"))
        instrument = CurrencyPair(  # of currencies that are not its own: nothing here looks at them
            instrument_id=key,
            raw_symbol=Symbol(symbol),
            base_currency=BTC,
            quote_currency=USDT,
            price_precision=8,
            size_precision=8,
            price_increment=Price.from_str("0.00000001"),
            size_increment=Quantity.from_str("0.00000001"),
            ts_event=self.now,
            ts_init=self.now,
        )
        self.engine.process(instrument)
        common = {"client_id": None, "venue": key.venue, "command_id": UUID4(), "ts_init": self.now}
        self.engine.execute(SubscribeOrderBook(key, OrderBookDelta, BookType.L2_MBP, **common))
        for spec in BARS:
            self.engine.execute(SubscribeBars(BarType.from_str(f"{key}-{spec}"), params={}, **common))
        if snapshot is not None:
            self.engine.process(snapshot.parse_to_order_book_snapshot(key, self.now))

    def build(self, messages: list[Any]) -> list[Any]:
        """Return the engine's objects of decoded messages; received when the newest event was."""
        ids, made = self.ids, []
        for message in messages:
            data = message.data
            kind = type(message)
            if kind is BinanceQuoteMsg:
                made.append(data.parse_to_quote_tick(ids[data.s], self.now))
                continue
            self.now = max(self.now, data.E * MILLISECOND)
            if kind is BinanceSpotTradeMsg:
                made.append(data.parse_to_trade_tick(ids[data.s], self.now))
            else:
                made.append(data.parse_to_order_book_deltas(ids[data.s], self.now))
        return made

    def process(self, made: list[Any]) -> None:
        """Hand objects to the engine; its timers go off when the market's time enters a new second."""
        process = self.engine.process
        for one in made:
            if one.ts_init >= self.next_second:
                self.advance(one.ts_init)
            process(one)

    def advance(self, to: int) -> None:
        """Close the bars that end at ``to`` or before."""
        for due in self.clock.advance_time(to):
            due.handle()
        self.next_second = (to // SECOND + 1) * SECOND

    def levels(self) -> int:
        """Return the changes of a price's level that the books have taken."""
        return sum(self.cache.order_book(key).update_count for key in self.ids.values())


def decode(frames: list[bytes]) -> list[Any]:
    """Return the adapter's structs of frames."""
    decoders, messages = DECODERS, []
    for frame in frames:
        at = frame.index(b"@") + 1
        messages.append(decoders[frame[at : at + 1]](frame))
    return messages


def first_time(frames: list[bytes]) -> int:
    """Return the event time of the first frame that has one: best prices have none."""
    body = next(frame for frame in frames if b'"E":' in frame)
    return int(json.loads(body)["data"]["E"]) * MILLISECOND


def symbols(frames: list[bytes]) -> list[str]:
    """Return the symbols that frames are of, in the order of their first."""
    streams = dict.fromkeys(frame[: frame.index(b"@")] for frame in frames)
    return list(dict.fromkeys(stream.rpartition(b'"')[2].decode().upper() for stream in streams))


def measure() -> dict[str, float]:
    """Return the nanoseconds a message, in all and by step, over all frames of stdin, in one pass."""
    frames = sys.stdin.buffer.read().splitlines()
    snapshots = msgspec.json.decode(frames.pop(0), type=dict[str, BinanceDepth])
    house = House(first_time(frames))
    for symbol in symbols(frames):
        house.add(symbol, snapshots.get(symbol))
    objects, levels = house.engine.data_count, house.levels()
    decoding = building = processing = 0
    clock, begin = time.process_time_ns, time.perf_counter_ns()
    for at in range(0, len(frames), BATCH):
        started = clock()
        messages = decode(frames[at : at + BATCH])
        decoded = clock()
        made = house.build(messages)
        built = clock()
        house.process(made)
        processing += clock() - built
        decoding, building = decoding + decoded - started, building + built - decoded
    elapsed = time.perf_counter_ns() - begin
    totals = {
        "ns_per_message": elapsed,
        "cpu_ns_per_message": decoding + building + processing,
        "ns_decode": decoding,
        "ns_build": building,
        "ns_engine": processing,
    }
    each = {name: total / len(frames) for name, total in totals.items()}
    return {
        "frames": len(frames),
        **each,
        "instruments": len(house.ids),
        "book_levels": house.levels() - levels,
        "bars": house.engine.data_count - objects - len(frames),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure()) + "\n")
