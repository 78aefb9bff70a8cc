"""What venues take for trading, and what a contract stands for: data, each with its source. Configuration goes before.

Fees are those of somebody who trades little: taker, basis points of the notional, without discounts. They change often
and differ from customer to customer, so that a result is only as good as the fees that were configured.
"""

from typing import Final, NamedTuple

_CCXT: Final = "ccxt 4.5.90 of 2026-10-23, its highest taker fee"


class Fee(NamedTuple):
    """What a taker pays at one venue."""

    bps: str
    source: str


TAKER: Final = {
    "BINANCE": Fee("10", _CCXT),
    "BINANCE_USDM": Fee("5", _CCXT),
    "BINANCE_COINM": Fee("5", _CCXT),
    "COINBASE": Fee("60", _CCXT),
    "COINBASE_ADVANCED": Fee("120", _CCXT),
    "KRAKEN": Fee("26", _CCXT),
    "KRAKEN_V2": Fee("26", _CCXT),
    "OKX": Fee("15", _CCXT),
    "BITSTAMP": Fee("40", _CCXT),
}
"""By venue. One that is not here has to be configured: nobody's fee is guessed, and none is 0 for not being known."""


class Contract(NamedTuple):
    """What one contract stands for: so much of the base currency; if ``inverse``, of the quote currency."""

    amount: str
    inverse: bool
    step: str
    """The smallest order and what orders grow by, in contracts; in units where there are none."""


UNIT: Final = Contract("1", inverse=False, step="0.00000001")
"""No contract at all: one unit of the thing itself."""


def contract_of(venue: str, symbol: str) -> Contract:
    """Return what a symbol's sizes count, where the venue's documents say so; ``UNIT`` for all others.

    COIN-M: 100 USD for BTC, 10 USD for all else ("contractSize" of GET /dapi/v1/exchangeInfo). Bybit inverse: 1 USD.
    """
    if venue == "BINANCE_COINM":
        return Contract("100" if symbol.startswith("BTCUSD") else "10", inverse=True, step="1")
    if venue == "BYBIT_INVERSE":
        return Contract("1", inverse=True, step="1")
    return UNIT
