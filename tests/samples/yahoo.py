"""Yahoo Finance: frames as recorded in form, with numbers of our own."""

from random import Random

from breadboard.model.kinds import EventKind
from breadboard.sim.yahoo_protobuf import Value, framed
from samples.grown import numbers
from samples.sample import Sample

AAPL: dict[str, Value] = {
    "id": "AAPL",
    "time": 1_589_820_933_000,
    "exchange": "NMS",
    "quote_type": 8,
    "market_hours": 1,
}
FIRST = framed(AAPL | {"price": 314.765, "day_volume": 17_557_274, "price_hint": 2})
INDEX = framed({"id": "^GSPC", "price": 2953.91, "time": 1_589_820_934_000, "quote_type": 9, "market_hours": 1})
NEXT = framed(AAPL | {"time": 1_589_820_938_000, "price": 314.79, "day_volume": 17_557_426, "last_size": 100})
QUOTED = framed(
    AAPL
    | {"time": 1_589_820_938_000, "price": 314.79, "day_volume": 17_557_426}
    | {"bid": 314.78, "bid_size": 3, "ask": 314.8, "ask_size": 7}
)
COIN_NOW: dict[str, Value] = {"id": "BTC-USD", "price": 94745.08, "time": 1_589_820_940_000, "exchange": "CCC"}
COIN = framed(
    COIN_NOW
    | {"quote_type": 41, "currency": "USD", "day_volume": 59_712_028_672, "vol_24hr": 59_712_028_672}
    | {"from_currency": "BTC", "circulating_supply": 19_808_172.0}
)
HEARTBEAT = framed({"id": "HB", "time": 1_589_820_941_000, "quote_type": 7})


def made() -> list[bytes]:
    """Return an hour of a few symbols: volumes that grow, fall and are absent, repeats, older frames, quotes."""
    chance = Random(20200518)
    names = ("AAPL", "BRK-B", "EURUSD=X", "^GSPC", "ES=F", "BTC-USD")
    volumes = dict.fromkeys(names, 1_000_000)
    frames: list[bytes] = []
    for number in range(3000):
        name = chance.choice(names)
        volumes[name] = 0 if chance.random() < 0.01 else volumes[name] + chance.randrange(-3, 5000)
        time = 1_589_820_933_000 + 1000 * (number - 60 * (chance.random() < 0.02))
        fields: dict[str, Value] = {"id": name, "time": time, "price": chance.randrange(1, 10**6) / 100}
        fields |= {"quote_type": 41} if name == "BTC-USD" else {}
        fields |= {"day_volume": max(0, volumes[name])} if name[-2:] != "=X" and chance.random() < 0.9 else {}
        fields |= {"bid": 1.0, "ask": 2.5} if chance.random() < 0.05 else {}
        frames += [framed(fields)] * (1 + (chance.random() < 0.1))
    return frames


SAMPLE = Sample(
    [
        *(FIRST, INDEX, NEXT, QUOTED, COIN, HEARTBEAT),
        b"CgRBQVBMFUjhmEMY4Jbi68lnKgNOTVMwCDgARTxEgT5lACBFP9gBBA==",
        b'{"type":"announcement","message":"of a form nobody has seen"}',
    ],
    symbols=("AAPL", "BRK-B"),
    kinds=frozenset({EventKind.TRADE, EventKind.QUOTE}),
    channels=("trade", "quote"),
    grow=numbers,
    made=made,
    enough=9,
)
