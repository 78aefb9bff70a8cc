"""What Bybit's own client, pybit, makes of a venue until stdin ends: ``python bybit_client.py URL DEPTH SYMBOL…``."""

import json
import logging
import os
import sys
from typing import Any

import pybit.unified_trading as trading  # type: ignore[import-not-found]  # in an environment of its own

url, depth, *symbols = sys.argv[1:]
logging.disable(logging.CRITICAL)
books: dict[str, Any] = {}
tops: dict[str, Any] = {}
trades: list[list[Any]] = []


def on_book(message: dict[str, Any]) -> None:
    """Keep the book as the client has it after each message."""
    books[message["data"]["s"]] = message["data"]


def on_top(message: dict[str, Any]) -> None:
    """Keep the best bid and offer."""
    tops[message["data"]["s"]] = message["data"]


def on_trades(message: dict[str, Any]) -> None:
    """Keep every trade."""
    trades.extend([t["s"], t["i"], t["p"], t["v"], t["S"]] for t in message["data"])


trading.PUBLIC_WSS = url + "/v5/public/{CHANNEL_TYPE}"  # the client knows no other way to say where the venue is
client = trading.WebSocket(testnet=False, channel_type="spot", ping_interval=2, ping_timeout=1)
client.orderbook_stream(int(depth), symbols, on_book)
client.orderbook_stream(1, symbols, on_top)
client.trade_stream(symbols, on_trades)
sys.stdin.read()
told = {"books": books, "tops": tops, "trades": trades, "connected": client.is_connected()}
json.dump(told, sys.stdout)
sys.stdout.flush()
os._exit(0)  # its own exit() waits without end for a socket that its threads may just be opening again
