"""Groups: as configured, and as proposed from what symbols say."""

import pytest

from breadboard.engine.groups import convertible, groups_of, is_contract, normalised, proposed, triangles
from breadboard.errors import UsageError
from breadboard.model.instruments import Instrument
from breadboard.model.nbbo import Group


def test_groups_keep_their_order_and_split_ids_at_the_last_dot() -> None:
    given = {"BTC-USDT": ("BTCUSDT.BINANCE", "BTC-USDT.OKX"), "BRK": ["BRK.B.IQFEED"]}
    assert groups_of(given) == (
        Group("BTC-USDT", (("BINANCE", "BTCUSDT"), ("OKX", "BTC-USDT"))),
        Group("BRK", (("IQFEED", "BRK.B"),)),
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"X": ("BTCUSDT",)}, "'BTCUSDT' of group 'X' is no instrument"),
        ({"X": (".OKX",)}, "'.OKX' of group 'X' is no instrument"),
        ({"X": ("A.B",), "Y": ("A.B",)}, "'A.B' of group 'Y' is in group 'X' already"),
        ({"X": ("A.B", "A.B")}, "'A.B' of group 'X' is in group 'X' already"),
        ({"X": ()}, "group 'X' has 0 instruments; it can have 1 to 64"),
        ({"X": tuple(f"A.{n}" for n in range(65))}, "group 'X' has 65 instruments; it can have 1 to 64"),
    ],
)
def test_a_group_that_cannot_be_is_refused_by_name(given: dict[str, tuple[str, ...]], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence.replace(".", r"\.")):
        groups_of(given)


@pytest.mark.parametrize(
    ("venue", "symbol", "meaning"),
    [
        ("BINANCE", "BTCUSDT", "BTC-USDT"),
        ("OKX", "BTC-USDT", "BTC-USDT"),
        ("KRAKEN_V2", "BTC/USDT", "BTC-USDT"),
        ("KRAKEN", "XBT/USD", "BTC-USD"),
        ("KRAKEN", "XDG/USD", "DOGE-USD"),
        ("BITSTAMP", "btcusd", "BTC-USD"),
        ("COINBASE", "BTC-USD", "BTC-USD"),
        ("BINANCE", "ETHBTC", "ETH-BTC"),
        ("BINANCE", "BTCFDUSD", "BTC-FDUSD"),
        ("BINANCE_USDM", "BTCUSDT", "BTC-USDT-PERP"),
        ("BINANCE_USDM", "BTCUSDT_240927", "BTC-USDT-240927"),
        ("BINANCE_COINM", "BTCUSD_PERP", "BTC-USD-PERP"),
        ("BYBIT_LINEAR", "BTCUSDT", "BTC-USDT-PERP"),
        ("BYBIT_INVERSE", "BTCUSD", "BTC-USD-PERP"),
        ("OKX", "BTC-USDT-SWAP", "BTC-USDT-PERP"),
        ("OKX", "BTC-USD-240927", "BTC-USD-240927"),
        ("BYBIT_LINEAR", "BTCUSDT-27SEP24", "BTC-USDT-27SEP24"),
        ("DERIBIT", "BTC-PERPETUAL", "BTC-PERP"),
        ("DERIBIT", "BTC_USDC-PERPETUAL", "BTC-USDC-PERP"),
        ("CCXT_KUCOIN", "BTC/USDT", "BTC-USDT"),
        ("CCXT_KUCOINFUTURES", "BTC/USDT:USDT", "BTC-USDT-PERP"),
        ("CCXT_DERIBIT", "BTC/USD:BTC-240927", "BTC-USD-240927"),
        ("MASSIVE", "AAPL", "AAPL"),
        ("IQFEED", "BRK.B", "BRK.B"),
    ],
)
def test_symbols_of_one_thing_have_one_meaning(venue: str, symbol: str, meaning: str) -> None:
    assert normalised(venue, symbol) == meaning


@pytest.mark.parametrize(
    ("venue", "symbol", "contract"),
    [
        *(("OKX", "BTC-USDT-SWAP", True), ("OKX", "BTC-USD-251226", True), ("OKX", "BTC-USDT", False)),
        *(("OKX", "BTC-USD-251226-100000-C", True), ("COINBASE_ADVANCED", "BTC-PERP-INTX", True)),
        *(("BINANCE_USDM", "BTCUSDT", True), ("BYBIT_INVERSE", "BTCUSD", True), ("BINANCE", "BTCUSDT", False)),
        *(("CCXT_GATE", "BTC/USDT:USDT", True), ("CCXT_GATE", "btc/usdt", False), ("KRAKEN", "XBT/USD", False)),
        *(("DERIBIT", "BTC-PERPETUAL", True), ("DERIBIT", "BTC_USDC-PERPETUAL", True), ("DERIBIT", "BTC_USDC", False)),
        *(("IQFEED", "BRK.B", False), ("YAHOO", "BRK-B", False), ("COINBASE", "BTC-USD", False)),
    ],
)
def test_a_contract_is_known_by_its_name_or_by_its_venue(venue: str, symbol: str, contract: bool) -> None:
    assert is_contract(venue, symbol) is contract


def test_quote_currencies_and_contracts_are_not_mixed() -> None:
    listed = [
        *(("BINANCE", "BTCUSDT"), ("OKX", "BTC-USDT"), ("KRAKEN_V2", "BTC/USDT"), ("COINBASE", "BTC-USD")),
        *(("BINANCE", "BTCUSDC"), ("BINANCE_USDM", "BTCUSDT"), ("OKX", "BTC-USDT-SWAP"), ("BITSTAMP", "btcusd")),
        *(("IQFEED", "AAPL"), ("MASSIVE", "AAPL"), ("IQFEED", "MSFT")),
    ]
    found = proposed(Instrument(venue, symbol) for venue, symbol in listed)
    assert found == {
        "AAPL": ["AAPL.IQFEED", "AAPL.MASSIVE"],
        "BTC-USD": ["BTC-USD.COINBASE", "btcusd.BITSTAMP"],
        "BTC-USDT": ["BTC-USDT.OKX", "BTC/USDT.KRAKEN_V2", "BTCUSDT.BINANCE"],
        "BTC-USDT-PERP": ["BTC-USDT-SWAP.OKX", "BTCUSDT.BINANCE_USDM"],
    }
    assert [group.name for group in groups_of(found)] == sorted(found)


LISTED = [
    Instrument(venue, symbol)
    for venue, symbol in (
        ("BINANCE", "BTCUSDT"),
        ("BINANCE", "ETHBTC"),
        ("BINANCE", "ETHUSDT"),
        ("BINANCE_USDM", "BTCUSDT"),
        ("BINANCE_COINM", "BTCUSD_PERP"),
        ("KRAKEN_V2", "BTC/USD"),
        ("KRAKEN_V2", "ETH/BTC"),
        ("OKX", "ETH-BTC"),
        ("OKX", "BTC-USDT"),
        ("OKX", "ETH-USDT-SWAP"),
        ("IQFEED", "AAPL"),
        ("MASSIVE", "AAPL"),
    )
]


def test_what_is_convertible_shares_its_base_currency_whatever_it_is_quoted_in() -> None:
    assert convertible(LISTED) == {
        "BTC": [
            *("BTC-USDT.OKX", "BTC/USD.KRAKEN_V2", "BTCUSDT.BINANCE", "BTCUSDT.BINANCE_USDM"),
            "BTCUSD_PERP.BINANCE_COINM",
        ],
        "ETH": ["ETH-BTC.OKX", "ETH-USDT-SWAP.OKX", "ETH/BTC.KRAKEN_V2", "ETHBTC.BINANCE", "ETHUSDT.BINANCE"],
    }


def test_a_triangle_is_three_pairs_of_one_venue_and_no_contracts() -> None:
    assert triangles(LISTED) == [("ETHBTC.BINANCE", "BTCUSDT.BINANCE", "ETHUSDT.BINANCE")]
    assert triangles(LISTED[:2]) == []
