"""Coinbase Advanced Trade."""

from breadboard.model.kinds import EventKind
from samples.sample import Sample


def envelope(channel: str, number: int, events: str) -> bytes:
    """Return a message of a channel."""
    head = f'"channel":"{channel}","client_id":"","timestamp":"2023-02-09T20:32:50.714964855Z","sequence_num":{number}'
    return f'{{{head},"events":{events}}}'.encode()


def trades(number: int, kind: str, *rows: tuple[int, str], product: str = "BTC-USD") -> bytes:
    """Return ``market_trades``: ids and makers' sides, in the order given."""
    told = ",".join(
        f'{{"trade_id":"{trade}","product_id":"{product}","price":"1260.01","size":"0.3","side":"{side}",'
        f'"time":"2019-08-14T20:42:27.265Z"}}'
        for trade, side in rows
    )
    return envelope("market_trades", number, f'[{{"type":"{kind}","trades":[{told}]}}]')


def book(number: int, kind: str, *rows: tuple[str, str, str], product: str = "BTC-USD") -> bytes:
    """Return ``l2_data``: sides, prices, sizes."""
    time = "1970-01-01T00:00:00Z" if kind == "snapshot" else "2023-02-09T20:32:50.714964Z"
    told = ",".join(
        f'{{"side":"{side}","event_time":"{time}","price_level":"{price}","new_quantity":"{size}"}}'
        for side, price, size in rows
    )
    return envelope("l2_data", number, f'[{{"type":"{kind}","product_id":"{product}","updates":[{told}]}}]')


def ticker(number: int, kind: str = "update") -> bytes:
    """Return ``ticker``."""
    row = (
        '{"type":"ticker","product_id":"BTC-USD","price":"21932.98","volume_24_h":"16038.28770938",'
        '"low_24_h":"21835.29","high_24_h":"23011.18","low_52_w":"15460","high_52_w":"48240",'
        '"price_percent_chg_24_h":"-4.15775596190603","best_bid":"21931.98","best_bid_quantity":"8000.21",'
        '"best_ask":"21933.98","best_ask_quantity":"8038.07770938"}'
    )
    return envelope("ticker", number, f'[{{"type":"{kind}","tickers":[{row}]}}]')


def heartbeat(number: int, counter: str = "3049") -> bytes:
    """Return ``heartbeats``."""
    told = f'[{{"current_time":"2023-06-23 20:31:56.121961769 +0000 UTC m=+91717.525","heartbeat_counter":{counter}}}]'
    return envelope("heartbeats", number, told)


def subscriptions(number: int) -> bytes:
    """Return the answer to a subscription."""
    return envelope("subscriptions", number, '[{"subscriptions":{"level2":["BTC-USD"]}}]')


ERROR = b'{"type":"error","message":"authentication failure"}'
LEVELS = (("bid", "21921.73", "0.06317902"), ("offer", "21921.74", "1.5"))

SAMPLE = Sample(
    [
        *(ticker(0, "snapshot"), heartbeat(1), trades(2, "update", (21, "SELL")), subscriptions(3)),
        *(book(4, "snapshot", *LEVELS), book(5, "update", ("bid", "21921.73", "0"), ("bid", "21921.3", "0.1"))),
        *(trades(6, "snapshot", (20, "BUY")), heartbeat(7, '"3050"')),
        envelope("ticker_batch", 8, '[{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD"}]}]'),
        envelope("candles", 9, "[]"),
        ERROR,
    ],
    symbols=("BTC-USD", "ETH-USD"),
    kinds=frozenset(
        {EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA, EventKind.BOOK_SNAPSHOT, EventKind.STATUS}
    ),
)
