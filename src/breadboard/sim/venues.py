"""The venues that can be faked, one line each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from breadboard.sim import iqfeed
from breadboard.sim.binance import Binance
from breadboard.sim.bitstamp import Bitstamp
from breadboard.sim.bybit import Bybit
from breadboard.sim.coinbase import Coinbase
from breadboard.sim.coinbase_advanced import CoinbaseAdvanced
from breadboard.sim.exchange import Dialect, Exchange
from breadboard.sim.kraken import KrakenV2
from breadboard.sim.kraken_v1 import KrakenV1
from breadboard.sim.lineserver import Wish
from breadboard.sim.massive import Massive
from breadboard.sim.okx import Okx
from breadboard.sim.yahoo import Yahoo, spelled


@dataclass(frozen=True, slots=True)
class Faked:
    """How one venue is faked."""

    dialect: Callable[[Exchange], Dialect]
    spell: Callable[[str], str]
    """From a coin or ticker to the venue's symbol."""
    cased: Callable[[str], str] = str.upper
    """From a symbol in any case to the venue's."""


VENUES: Final[Mapping[str, Faked]] = {
    "binance": Faked(partial(Binance, venue="binance"), "{}USDT".format),
    "binance-usdm": Faked(partial(Binance, venue="binance-usdm"), "{}USDT".format),
    "binance-coinm": Faked(partial(Binance, venue="binance-coinm"), "{}USD_PERP".format),
    "coinbase": Faked(Coinbase, "{}-USD".format),
    "yahoo": Faked(Yahoo, spelled),
    "kraken": Faked(KrakenV1, "{}/USD".format),
    "kraken-v2": Faked(KrakenV2, "{}/USD".format),
    "okx": Faked(Okx, "{}-USDT".format),
    "massive": Faked(Massive, "{}".format),
    "massive-delayed": Faked(Massive, "{}".format),
    "coinbase-advanced": Faked(CoinbaseAdvanced, "{}-USD".format),
    "bitstamp": Faked(Bitstamp, lambda coin: f"{coin}usd".lower(), str.lower),
    "bybit": Faked(partial(Bybit, market="spot"), "{}USDT".format),
    "bybit-linear": Faked(partial(Bybit, market="linear"), "{}USDT".format),
    "bybit-inverse": Faked(partial(Bybit, market="inverse"), "{}USD".format),
}
"""By the feed's name on the command line."""

GATEWAYS: Final[Mapping[str, Callable[[Wish], Awaitable[None]]]] = {"iqfeed": iqfeed.serve}
"""Venues that speak no WebSocket and have a market and ports of their own."""
