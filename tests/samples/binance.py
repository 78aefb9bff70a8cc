"""Binance spot."""

from samples.sample import Sample

SPOT_DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":10,"u":12,'
    b'"b":[["61737.63000000","0.50000000"],["61730.17000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}}'
)
SPOT_QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":12,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
    b'"a":"61837.64000000","A":"1.54698000"}}'
)
SPOT_TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    b'"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
SPOT_AGG = (
    b'{"e":"aggTrade","E":1633998523963,"s":"NKNUSDT","a":15683430,"p":"0.35280000","q":"58.00000000",'
    b'"f":19862790,"l":19862790,"T":1633998523963,"m":false,"M":true}'
)
SNAPSHOT = b'{"lastUpdateId":11,"bids":[["61737.63000000","0.5"]],"asks":[["61837.64","1.5"],["61837.65","2"]]}'
PERP_DEPTH = (
    b'{"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257440,"T":1723161257432,'
    b'"s":"BTCUSD_PERP","ps":"BTCUSD","U":20,"u":25,"pu":18,"b":[["61773.6","1001"]],"a":[["61801.4","0"]]}}'
)
PERP_QUOTE = (
    b'{"u":25,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645",'
    b'"T":1723161257465,"E":1723161257476}'
)
PERP_TRADE = (
    b'{"e":"trade","E":1723161257687,"T":1723161257679,"s":"BTCUSD_PERP","t":849714402,"p":"61804.8","q":"4",'
    b'"X":"MARKET","m":false}'
)
KLINE = b'{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,"v":"1","V":"1","x":false}}'

SAMPLE = Sample(
    [SPOT_DEPTH, SPOT_QUOTE, SPOT_TRADE, SPOT_AGG, KLINE, b'{"result":null,"id":1}'],
    recorded=("hftbacktest", ("binance/btcusdt_20240808.gz", "binance/ethusdt_20240808.gz")),
    documents=("depth:{}",),
)
