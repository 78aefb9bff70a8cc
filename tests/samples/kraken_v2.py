"""Kraken, WebSocket v2."""

from samples.sample import Sample

TICKER = (
    b'{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":85600.4,"bid_qty":0.20401970,'
    b'"ask":85600.5,"ask_qty":0.90679198,"last":85600.5,"volume":1302.91208450,"vwap":85311.2,"low":84512.0,'
    b'"high":86302.5,"change":411.1,"change_pct":0.48,"timestamp":"2026-10-06T08:04:56.153890Z"}]}'
)
TICKER_2024 = TICKER.replace(b',"timestamp":"2026-10-06T08:04:56.153890Z"', b"").replace(b"update", b"snapshot")
TRADES = (
    b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":85600.4,"qty":0.00010000,'
    b'"ord_type":"market","trade_id":91423370,"timestamp":"2026-10-06T08:04:56.153890Z"},{"symbol":"BTC/USD",'
    b'"side":"buy","price":85600,"qty":1,"ord_type":"limit","trade_id":91423371,'
    b'"timestamp":"2026-10-06T08:04:56.153891Z"}]}'
)
SNAPSHOT = (
    b'{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":85600.4,"qty":0.20401971},'
    b'{"price":85599.0,"qty":0.04385860}],"asks":[{"price":85600.5,"qty":0.90679198}],"checksum":1414102788,'
    b'"timestamp":"2026-10-06T08:04:56.000569Z"}]}'
)
UPDATE = (
    b'{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":85599.0,"qty":0.00000000}],'
    b'"asks":[{"price":85600.5,"qty":1.12287714}],"checksum":2485489351,"timestamp":"2026-10-06T08:04:56.153890Z"}]}'
)

SAMPLE = Sample(
    [
        *(TICKER, UPDATE, TRADES, TICKER_2024, SNAPSHOT, UPDATE),
        TRADES.replace(b"update", b"snapshot"),
        b'{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD","open":85600.4}]}',
        (
            b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
            b'"connection_id":10393789052638142023}]}'
        ),
        b'{"channel":"heartbeat"}',
        (
            b'{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD"},'
            b'"success":true,"time_in":"2026-10-06T08:04:55.000000Z","time_out":"2026-10-06T08:04:55.000100Z"}'
        ),
        (
            b'{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true,'
            b'"time_in":"2026-10-06T08:04:55.000000Z","time_out":"2026-10-06T08:04:55.000100Z"}'
        ),
        (
            b'{"error":"Currency pair not supported BTC/NIX","method":"subscribe","success":false,"symbol":"BTC/NIX",'
            b'"time_in":"2026-10-06T08:04:55.000000Z","time_out":"2026-10-06T08:04:55.000100Z"}'
        ),
        b'{"error":"Malformed request","success":false,"time_in":"2026-10-06T08:04:55.000000Z"}',
        b'{"method":"pong","req_id":1,"time_in":"2026-10-06T08:04:55.000000Z"}',
    ],
    symbols=("BTC/USD", "ETH/USD"),
    impossible=("BTCUSD", "BTC USD", "a/../b"),
    drawn=2000,
)
