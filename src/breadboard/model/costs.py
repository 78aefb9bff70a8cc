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
"""No contract at all, or one whose sizes count coins: one unit of the thing itself."""


def contract_of(venue: str, symbol: str) -> Contract | None:
    """Return what the sizes of a contract count, where its venue's documents say so of all it lists; None for others.

    COIN-M: 100 USD for BTC, 10 USD for all else ("contractSize" of GET /dapi/v1/exchangeInfo). Bybit inverse: 1 USD.
    USD-M and Bybit linear: coins (quantities are of "baseAsset", GET /fapi/v1/exchangeInfo; "qty" of Bybit's orders is
    of the base coin). At OKX it differs from one to the next ("ctVal" of GET /api/v5/public/instruments), and at most
    of ccxt's venues ("contractSize" of its markets): nobody's is guessed.
    """
    if venue == "BINANCE_COINM":
        return Contract("100" if symbol.startswith("BTCUSD") else "10", inverse=True, step="1")
    if venue == "BYBIT_INVERSE":
        return Contract("1", inverse=True, step="1")
    return UNIT if venue in {"BINANCE_USDM", "BYBIT_LINEAR"} else None
