"""Coinbase Exchange."""

from samples.sample import Sample

MATCH = (
    b'{"type":"match","trade_id":881614,"maker_order_id":"27fff20b-af29-4f45-8744-56dd1ef57dc0","taker_order_id":'
    b'"1da6ce16-c8da-4732-9f71-6049f4c6aaf8","side":"sell","size":"0.04","price":"14.7775","product_id":"BAND-GBP",'
    b'"sequence":333938798,"time":"2021-04-17T16:43:30.244075Z"}'
)
TICKER = (
    b'{"type":"ticker","sequence":333938798,"product_id":"BAND-GBP","price":"14.7775","open_24h":"14.6647",'
    b'"volume_24h":"94381.28000000","low_24h":"14.3691","high_24h":"16.55","volume_30d":"2295579.57000000",'
    b'"best_bid":"14.7550","best_ask":"14.8060","side":"buy","time":"2021-04-17T16:43:30.244075Z",'
    b'"trade_id":881613,"last_size":"0.04"}'
)
TICKER_2022 = TICKER.replace(b'"best_ask"', b'"best_bid_size":"7.5","best_ask_size":"0.01","best_ask"')
L2_SNAPSHOT = b'{"type":"snapshot","product_id":"BAND-GBP","asks":[["14.8024","12.77"]],"bids":[["14.75","1.5"]]}'
L2_UPDATE = (
    b'{"type":"l2update","product_id":"BAND-GBP","changes":[["sell","14.8024","0.0"],["buy","14.7","3"]],'
    b'"time":"2021-04-17T16:44:07.859760Z"}'
)
HEARTBEAT = (
    b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BAND-GBP",'
    b'"time":"2021-04-17T16:44:08.000001Z"}'
)
SAMPLE = Sample(
    [
        *(MATCH, TICKER, TICKER_2022, L2_SNAPSHOT, L2_UPDATE, HEARTBEAT),
        b'{"type":"subscriptions","channels":[]}',
        b'{"type":"error","message":"Failed to subscribe","reason":"who are you"}',
    ],
    recorded=("cryptofeed", ("coinbase/COINBASE.ws.28.0",)),
)
