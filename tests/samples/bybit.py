"""Bybit spot."""

from breadboard.model.kinds import EventKind
from samples.sample import Sample

BOOK = (
    b'{"topic":"orderbook.200.BTCUSDT","type":"snapshot","ts":1672304484978,"data":{"s":"BTCUSDT","b":[["16493.50",'
    b'"0.006"],["16493.00","0.100"]],"a":[["16611.00","0.029"],["16612.00","0.213"]],"u":18521288,"seq":7961638724},'
    b'"cts":1672304484976}'
)
DELTA = (
    b'{"topic":"orderbook.200.BTCUSDT","ts":1687940967466,"type":"delta","data":{"s":"BTCUSDT","b":[["30247.20",'
    b'"30.028"],["30245.40","0"]],"a":[["30248.70","0"],["30249.30","0.892"]],"u":18521289,"seq":66544703342},'
    b'"cts":1687940967464}'
)
NEXT = DELTA.replace(b'"u":18521289', b'"u":18521290')
QUOTE = (
    b'{"topic":"orderbook.1.BTCUSDT","ts":1672304484978,"type":"snapshot","data":{"s":"BTCUSDT","b":[["16493.50",'
    b'"0.006"]],"a":[["16611.00","0.029"]],"u":5,"seq":7961638724},"cts":1672304484976}'
)
SPOT_TRADE = (
    b'{"topic":"publicTrade.BTCUSDT","ts":1672304486868,"type":"snapshot","data":[{"i":"2290000000061666327",'
    b'"T":1672304486865,"p":"16578.50","v":"0.141158","S":"Buy","s":"BTCUSDT","BT":false,"RPI":true,"seq":1783284617}]}'
)
TRADE = (
    b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT",'
    b'"S":"Sell","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false,'
    b'"seq":1783284617}]}'
)
TICKER = b'{"topic":"tickers.BTCUSDT","ts":1673853746003,"type":"snapshot","cs":2588407389,"data":{"symbol":"BTCUSDT"}}'
ACKNOWLEDGED = b'{"success":true,"ret_msg":"subscribe","conn_id":"2324d924","req_id":"1","op":"subscribe"}'
PONG = b'{"success":true,"ret_msg":"pong","conn_id":"0970e817","req_id":"","op":"ping"}'
SHORT_PONG = b'{"req_id":"","op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocsvfriu23r3er0-1b"}'
REFUSED = (
    b'{"success":false,"ret_msg":"error:handler not found,topic:orderbook.200.NOPEUSDT","conn_id":"2324d924",'
    b'"req_id":"2","op":"subscribe"}'
)

SAMPLE = Sample(
    [SPOT_TRADE, QUOTE, TRADE, BOOK, DELTA, NEXT, TICKER, ACKNOWLEDGED, PONG, SHORT_PONG, REFUSED],
    kinds=frozenset(
        {EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA, EventKind.BOOK_SNAPSHOT, EventKind.STATUS}
    ),
)
