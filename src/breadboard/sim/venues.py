"""The venues that can be faked, one line each."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from breadboard.sim import iqfeed
from breadboard.sim.binance import Binance
from breadboard.sim.coinbase import Coinbase
from breadboard.sim.exchange import Dialect, Exchange
from breadboard.sim.lineserver import Wish


@dataclass(frozen=True, slots=True)
class Faked:
    """How one venue is faked."""

    dialect: Callable[[Exchange], Dialect]
    spell: Callable[[str], str]
    """From a coin or ticker to the venue's symbol."""


VENUES: Final[Mapping[str, Faked]] = {
    "binance": Faked(partial(Binance, venue="binance"), "{}USDT".format),
    "binance-usdm": Faked(partial(Binance, venue="binance-usdm"), "{}USDT".format),
    "binance-coinm": Faked(partial(Binance, venue="binance-coinm"), "{}USD_PERP".format),
    "coinbase": Faked(Coinbase, "{}-USD".format),
}
"""By the feed's name on the command line."""

GATEWAYS: Final[Mapping[str, Callable[[Wish], Awaitable[None]]]] = {"iqfeed": iqfeed.serve}
"""Venues that speak no WebSocket and have a market and ports of their own."""
