"""What Coinbase's own client makes of a venue until stdin ends: ``python coinbase_advanced_client.py URL PRODUCT…``."""

import json
import sys
from typing import Any

# In an environment of its own:
from coinbase.websocket import WSClient  # type: ignore[import-not-found]  # of its own environment
from coinbase.websocket.types.websocket_response import WebsocketResponse  # type: ignore[import-not-found]  # of several types

url, *products = sys.argv[1:]
books: dict[str, dict[str, dict[str, str]]] = {}
trades: list[list[Any]] = []
numbers: list[int] = []


def on_message(text: str) -> None:
    """Keep what a message says, read by the client's own types."""
    message = WebsocketResponse(json.loads(text))
    numbers.append(message.sequence_num)
    for event in message.events:
        if message.channel == "market_trades":
            trades.extend([t.product_id, t.trade_id, t.price, t.size, t.side] for t in event.trades)
        elif message.channel == "l2_data":
            if event.type == "snapshot":
                books[event.product_id] = {"bid": {}, "offer": {}}
            for update in event.updates:
                books[event.product_id][update.side][update.price_level] = update.new_quantity


client = WSClient(base_url=url, on_message=on_message, retry=False)
client.open()
client.subscribe(products, ["heartbeats", "level2", "market_trades", "ticker"])
sys.stdin.read()
client.close()
json.dump({"books": books, "trades": trades, "numbers": numbers}, sys.stdout)
