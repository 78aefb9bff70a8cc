"""OKX v5, public channels."""

from samples.sample import Sample

TICKER = (
    b'{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"30218.8",'
    b'"lastSz":"1","askPx":"30220.1","askSz":"3","bidPx":"30210.4","bidSz":"4","open24h":"29571.4",'
    b'"high24h":"31003.3","low24h":"27930.8","sodUtc0":"28935.3","sodUtc8":"30320.5","volCcy24h":"2620.289",'
    b'"vol24h":"779573","ts":"1652459223003"}]}'
)
TRADES = (
    b'{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"7849","px":"30218.8",'
    b'"sz":"1","side":"buy","ts":"1652459199958","count":"3","seqId":1234},{"instId":"BTC-USDT","tradeId":"7850",'
    b'"px":"30218.7","sz":"0.00000001","side":"sell","ts":"1652459199959"}]}'
)
SNAPSHOT = (
    b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["30238.8","2","0","1"],'
    b'["30249.5","50","0","1"]],"bids":[["30220","1.50","0","4"]],"ts":"1652459225393","checksum":0,'
    b'"seqId":100,"prevSeqId":-1}]}'
)
UPDATE = (
    b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["30238.8","0","0","0"]],'
    b'"bids":[["30221","7","0","1"]],"ts":"1652459225493","checksum":0,"seqId":105,"prevSeqId":100}]}'
)
KEEPALIVE = (
    b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[],'
    b'"ts":"1652459285493","checksum":0,"seqId":105,"prevSeqId":105}]}'
)
SNAPSHOT_2022 = SNAPSHOT.replace(b',"seqId":100,"prevSeqId":-1', b"").replace(b'"checksum":0', b'"checksum":1161279457')
NOTICE = (
    b'{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. '
    b'Please reconnect.","connId":"a4d3ae55"}'
)
REFUSED = (
    b'{"event":"error","code":"60018","msg":"Wrong URL or channel:books,instId:BTC-NIX doesn\'t exist. Please use the '
    b'correct URL, channel and parameters referring to API document.","connId":"a4d3ae55"}'
)

SAMPLE = Sample(
    [
        *(TICKER, UPDATE, TRADES, SNAPSHOT, UPDATE, KEEPALIVE, SNAPSHOT_2022),
        TICKER.replace(b'"30220.1","askSz":"3"', b'"","askSz":""'),
        b'{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"fundingRate":"0.0001"}]}',
        b'{"event":"subscribe","arg":{"channel":"tickers","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
        b'{"event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
        b'{"event":"channel-conn-count","channel":"books","connCount":"1","connId":"a4d3ae55"}',
        b'{"event":"error","code":"60012","msg":"Illegal request: {\\"op\\":\\"x\\"}","connId":"a4d3ae55"}',
        REFUSED,
        NOTICE,
        b"pong",
    ],
    symbols=("BTC-USDT", "ETH-USDT"),
    recorded=("cryptofeed", ("okx/OKX.ws.1.0",)),
    goodbyes=(b"error", b"notice"),
)
