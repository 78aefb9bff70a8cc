"""cryptofeed's own Binance handler on recorded frames, for `breadboard bench pipeline`.

Run by an interpreter that has cryptofeed (`make peers`), as a program of its own: it reads one frame a line on
stdin and prints one JSON object. The handler is given what it needs without a network: the books start from the
recorded snapshot, and the callbacks do nothing. It makes its Decimal objects and updates its book; it keeps no
journal, builds no bars and stores nothing.
"""

import asyncio
import json
import sys
import time
from decimal import Decimal
from typing import Any

from cryptofeed.defines import ASK, BID
from cryptofeed.exchanges import Binance
from cryptofeed.types import OrderBook


async def nothing(*_: object, **__: object) -> None:
    """Take a callback and do nothing with it."""


def handler(snapshots: dict[str, dict[str, Any]]) -> Binance:
    """Return a Binance handler with books, and without its constructor, which would ask the network."""
    feed = object.__new__(Binance)
    feed.id = "BINANCE"
    feed.requires_authentication = False
    feed.max_depth = 0
    feed.exchange_symbol_to_std_symbol = lambda symbol: symbol
    feed.callback = nothing
    feed.book_callback = nothing
    feed._l2_book, feed.last_update_id = {}, {}
    for symbol, document in snapshots.items():
        sides = {
            side: {Decimal(price): Decimal(size) for price, size in document[name]}
            for side, name in ((BID, "bids"), (ASK, "asks"))
        }
        feed._l2_book[symbol] = OrderBook("BINANCE", symbol, bids=sides[BID], asks=sides[ASK])
        feed.last_update_id[symbol] = document["lastUpdateId"]
    return feed


async def measure() -> dict[str, float]:
    """Return the nanoseconds of processor time a message, over all frames of stdin, in one pass."""
    lines = sys.stdin.buffer.read().splitlines()
    snapshots = json.loads(lines.pop(0))
    feed = handler(snapshots)
    frames = [line.decode() for line in lines]
    started = time.process_time_ns()
    for frame in frames:
        await feed.message_handler(frame, None, 0.0)
    taken = time.process_time_ns() - started
    return {"frames": len(frames), "ns_per_message": taken / len(frames)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure())) + "\n")
