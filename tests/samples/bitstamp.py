"""Bitstamp."""

from breadboard.model.kinds import EventKind
from samples.sample import Sample

DIFF = (
    b'{"data":{"timestamp":"1641343691","microtimestamp":"1641343691244908","bids":[["1.15979","993.02588113"],'
    b'["1.14866","0.00000000"]],"asks":[["1.16601","1200.00000000"]]},"channel":"diff_order_book_btcusd","event":"data"}'
)
TRADE = (
    b'{"data":{"id":216000484,"timestamp":"1641343709","amount":0.931,"amount_str":"0.93100000","price":3802.93,'
    b'"price_str":"3802.93","type":1,"microtimestamp":"1641343709599000","buy_order_id":1443875774971904,'
    b'"sell_order_id":1443875778322433},"channel":"live_trades_btcusd","event":"trade"}'
)
TOP = DIFF.replace(b"diff_order_book", b"order_book")
SNAPSHOT = (
    b'{"timestamp":"1641343691","microtimestamp":"1641343691244908","bids":[["1.15979","993.0"]],'
    b'"asks":[["1.16601","1200.00000000"],["1.16602","7"]]}'
)
ACKNOWLEDGED = b'{"event":"bts:subscription_succeeded","channel":"diff_order_book_btcusd","data":{}}'
HEARTBEAT = b'{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}'
ERROR = b'{"event":"bts:error","channel":"","data":{"code":4009,"message":"Connection is unauthorized."}}'
RECONNECT = b'{"event":"bts:request_reconnect","channel":"","data":""}'
"""Not among the samples: a session leaves for it."""

SAMPLE = Sample(
    [TRADE, DIFF, TOP, ACKNOWLEDGED, HEARTBEAT, ERROR],
    symbols=("btcusd", "ethusd"),
    kinds=frozenset({EventKind.TRADE, EventKind.BOOK_DELTA}),
    recorded=("cryptofeed", ("bitstamp/BITSTAMP.ws.1.0", "bitstamp/BITSTAMP.http.0.0")),
    channels=("trade", "book"),
    documents=("depth:{}",),
)
