"""Frames for the tests of feeds: written by hand after the venues' documents, and read from real recordings."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from breadboard.feeds import FEEDS
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind
from breadboard.model.tape import EVENT_COLUMNS, LEVEL_COLUMNS, Tape
from breadboard.ports import Decoded
from breadboard.recordings import open_recording
from recordings import recording

RECORDED = {
    "binance": ("hftbacktest", ("binance/btcusdt_20240808.gz", "binance/ethusdt_20240808.gz")),
    "binance-usdm": ("hftbacktest", ("binance/usdm/btcusdt_20240808.gz",)),
    "binance-coinm": ("hftbacktest", ("binance/coinm/btcusd_perp_20240808.gz",)),
    "coinbase": ("cryptofeed", ("coinbase/COINBASE.ws.28.0",)),
}
"""A real recording of each registered feed."""

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
KLINE = b'{"e":"kline","E":1633998523963,"s":"NKNUSDT","k":{"t":1633998480000,"v":"1","V":"1","x":false}}'

SAMPLES: dict[str, list[bytes]] = {
    "binance": [SPOT_DEPTH, SPOT_QUOTE, SPOT_TRADE, SPOT_AGG, KLINE, b'{"result":null,"id":1}'],
    "binance-usdm": [PERP_DEPTH, PERP_QUOTE, PERP_TRADE, KLINE, b'{"result":null,"id":1}'],
    "binance-coinm": [PERP_DEPTH, PERP_QUOTE, PERP_TRADE, KLINE, b'{"result":null,"id":1}'],
    "coinbase": [
        *(MATCH, TICKER, TICKER_2022, L2_SNAPSHOT, L2_UPDATE, HEARTBEAT),
        b'{"type":"subscriptions","channels":[]}',
        b'{"type":"error","message":"Failed to subscribe","reason":"who are you"}',
    ],
}
"""Every kind of message that a feed knows, at least once."""


def document(tag: str, body: bytes, status: int = 200) -> bytes:
    """Return the DOCUMENT record of an answer."""
    import msgspec

    return msgspec.json.encode(DocumentHead(tag, "https://venue/depth", status)) + b"\n" + body


def decode(
    name: str, frames: Sequence[bytes], *, kind: int = RecordKind.DATA, fast: bool = True, batch: int | None = None
) -> tuple[Decoded, Instruments]:
    """Decode frames of one kind, all at once or in batches, with a new decoder."""
    everything = Frames.of(frames, [1_700_000_000_000_000_000 + i for i in range(len(frames))], kind=kind)
    return decode_frames(name, everything, fast=fast, batch=batch)


def decode_frames(
    name: str, frames: Frames, *, fast: bool = True, batch: int | None = None
) -> tuple[Decoded, Instruments]:
    """Decode frames, all at once or in batches, with a new decoder, into one answer."""
    instruments = Instruments()
    make: Any = FEEDS[name].decoder
    decoder = make(instruments) if fast else make(instruments, fast=False)
    step = batch or max(1, len(frames))
    parts = [decoder.decode(frames.take(slice(i, i + step))) for i in range(0, len(frames), step)]
    ignored: dict[str, int] = {}
    for part in parts:
        for key, count in part.ignored.items():
            ignored[key] = ignored.get(key, 0) + count
    whole = Decoded(
        Tape.merge([part.tape for part in parts]),
        sum(part.data for part in parts),
        sum(part.control for part in parts),
        tuple(pair for part in parts for pair in part.quarantined),
        ignored,
    )
    return whole, instruments


def content(tape: Tape) -> dict[str, list[int]]:
    """Return every column of a tape as a list, so that a difference names its column."""
    return {name: getattr(tape, name).tolist() for name in (*EVENT_COLUMNS, *LEVEL_COLUMNS)}


@cache
def recorded(name: str) -> Frames:
    """Return the real recording of a feed as journal frames; the test is skipped or fails where there is none."""
    form, paths = RECORDED[name]
    return frames_of(name, form, paths)


def frames_of(name: str, form: str, paths: Sequence[str]) -> Frames:
    """Return recordings as journal frames."""
    parts: list[Frames] = []
    offset = 0
    for batch in open_recording([recording(path) for path in paths], form, FEEDS[name].capabilities.venue):
        if batch.kind in (RecordKind.DATA, RecordKind.DOCUMENT):
            parts.append(Frames.of(batch.frames, batch.ts_recv, kind=batch.kind, offset=offset))
            offset += len(batch.frames)
    return Frames.join(parts)


def rows(tape: Tape, kind: int) -> Tape:
    """Return the rows of one kind."""
    return tape.take(np.asarray(tape.kind == kind))
