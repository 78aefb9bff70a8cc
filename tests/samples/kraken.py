"""Kraken, WebSocket v1."""

from samples.grown import elements
from samples.sample import Sample

TRADES = (
    b'[992,[["354.04000000","0.28245396","1618678150.826417","s","m",""],'
    b'["353.81000000","1.71754604","1618678150.827816","b","l",""]],"trade","XMR/USD"]'
)
SPREAD = b'[992,["354.04000","354.15000","1618678150.826417","5.00000000","1.25690315"],"spread","XMR/USD"]'
TICKER = (
    b'[1668,{"a":["13.253900",35,"35.72892241"],"b":["13.232900",185,"185.18432037"],"c":["13.253900","3.71672000"],'
    b'"v":["26560.85364463","72035.05488104"],"p":["13.529003","13.734728"],"t":[640,1353],'
    b'"l":["13.021800","13.021800"],"h":["13.942000","14.211200"],"o":["13.804000","13.428300"]},"ticker","WAVES/EUR"]'
)
SNAPSHOT = (
    b'[992,{"as":[["354.15000000","5.00000000","1618678133.365913"],["354.20000000","0.10000000","1618678130.1"]],'
    b'"bs":[["354.04000000","2.00000000","1618678131.365913"]]},"book-10","XMR/USD"]'
)
UPDATE = (
    b'[992,{"a":[["354.15000000","0.00000000","1618678145.920470"],["354.21000000","7.50000000","1618678130.1","r"]]},'
    b'{"b":[["354.05000000","1.00000000","1618678145.920708"]],"c":"3573692177"},"book-10","XMR/USD"]'
)
UNCHECKED = b'[992,{"b":[["354.05000000","1.00000000","1618678146.920708"]]},"book-10","XMR/USD"]'

SAMPLE = Sample(
    [
        *(SPREAD, TICKER, TRADES, SNAPSHOT, UPDATE, UNCHECKED),
        b'[42,["1618678150.8","1618678200.0","1","1","1","1","1","1",1],"ohlc-1","XMR/USD"]',
        b'{"connectionID":18239578009413566319,"event":"systemStatus","status":"online","version":"1.8.3"}',
        b'{"connectionID":18239578009413566319,"event":"systemStatus","status":"maintenance","version":"1.8.3"}',
        (
            b'{"channelID":992,"channelName":"book-10","event":"subscriptionStatus","pair":"XMR/USD","status":"subscribed",'
            b'"subscription":{"depth":10,"name":"book"}}'
        ),
        (
            b'{"channelID":992,"channelName":"book-10","event":"subscriptionStatus","pair":"XMR/USD",'
            b'"status":"unsubscribed","subscription":{"depth":10,"name":"book"}}'
        ),
        (
            b'{"errorMessage":"Currency pair not supported XBT/NIX","event":"subscriptionStatus","pair":"XBT/NIX",'
            b'"status":"error","subscription":{"name":"trade"}}'
        ),
        b'{"errorMessage":"Malformed request","event":"error"}',
        b'{"event":"heartbeat"}',
        b'{"event":"pong","reqid":1}',
    ],
    grow=elements,
    symbols=("XBT/USD", "XMR/USD"),
    impossible=("XBTUSD", "XBT USD", "a/../b"),
    recorded=("cryptofeed", tuple(f"kraken/KRAKEN.ws.{number}.0" for number in (48, 49, 50))),
)
