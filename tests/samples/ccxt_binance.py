"""Any venue, through ccxt."""

from breadboard.model.kinds import EventKind
from samples.grown import members
from samples.sample import Sample

TRADES = (
    b'{"channel":"trades","symbol":"BTC/USDT","data":[{"info":{"e":"trade","t":117,"p":"61837.67000000"},'
    b'"timestamp":1795630779320,"datetime":"2026-11-25T18:19:39.320Z","symbol":"BTC/USDT","id":"117","order":null,'
    b'"type":null,"takerOrMaker":null,"side":"sell","price":61837.67,"amount":0.31787,"cost":19656.34,"fee":null,'
    b'"fees":[]},{"timestamp":1795630779321,"id":"a-b","side":"buy","price":61837.7,"amount":1e-05}]}'
)
TICKER = (
    b'{"channel":"ticker","symbol":"BTC/USDT","data":{"symbol":"BTC/USDT","timestamp":1795630779320,"high":null,'
    b'"bid":61837.67,"bidVolume":0.5,"ask":61837.68,"askVolume":null,"last":61837.67,"info":{}}}'
)
BOOK = (
    b'{"channel":"orderbook","symbol":"BTC/USDT","data":{"bids":[[61837.66,0.6288],[61837.65,0.2]],'
    b'"asks":[[61837.67,1.43]],"timestamp":1795630779320,"datetime":null,"nonce":43558795000114,"symbol":"BTC/USDT"}}'
)
HELLO = b'{"channel": "hello", "exchange": "binance", "ccxt": "4.5.90"}'
ERROR = b'{"channel":"error","symbol":"XXX/USDT","data":"trades: binance does not have market symbol XXX/USDT"}'

SAMPLE = Sample(
    [TRADES, TICKER, BOOK, HELLO, ERROR],
    symbols=("BTC/USDT", "ETH/USDT"),
    kinds=frozenset({EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_SNAPSHOT, EventKind.STATUS}),
    grow=members("info"),
    scheme="ccxt://",
    drawn=2000,
)
