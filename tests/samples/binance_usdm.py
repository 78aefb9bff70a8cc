"""Binance USD-M futures."""

from samples.binance import KLINE, PERP_DEPTH, PERP_QUOTE, PERP_TRADE
from samples.sample import Sample

SAMPLE = Sample(
    [PERP_DEPTH, PERP_QUOTE, PERP_TRADE, KLINE, b'{"result":null,"id":1}'],
    recorded=("hftbacktest", ("binance/usdm/btcusdt_20240808.gz",)),
    documents=("depth:{}",),
)
