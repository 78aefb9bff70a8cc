"""What a configuration of arbitrage means, and what it is refused for."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breadboard.config import ArbitrageConfig, EngineConfig
from breadboard.engine.arbitrage_terms import Terms, terms_of
from breadboard.engine.groups import currencies, groups_of
from breadboard.errors import UsageError
from breadboard.model.costs import TAKER, UNIT, Contract, contract_of
from breadboard.model.opportunities import OpportunityKind, currency_code, currency_text

GROUPS = {
    "BTC": ("BTCUSDT.BINANCE", "BTC/USD.KRAKEN_V2", "BTCUSD_PERP.BINANCE_COINM"),
    "USDT": ("USDT/USD.KRAKEN_V2",),
    "ETH": ("ETHUSDT.BINANCE",),
    "ETH-BTC": ("ETHBTC.BINANCE",),
    "odd": ("AAPL.IQFEED", "AAPL.MASSIVE"),
}
RATES: dict[str, Any] = {"USDT-USD": {"instrument": "USDT/USD.KRAKEN_V2"}}


def terms(**more: Any) -> Terms:  # noqa: ANN401 - any setting
    given = {"groups": ["BTC"], "rates": RATES, **more}
    return terms_of(msgspec.convert(given, ArbitrageConfig), groups_of(GROUPS))


def test_a_group_has_a_route_from_each_leg_to_each_other() -> None:
    found = terms()
    assert len(found.names) == len(set(found.names)) == 6
    assert found.names[0] == "BTCUSDT.BINANCE > BTC/USD.KRAKEN_V2"
    assert {currency_text(int(code)) for code in found.routes["currency"]} == {"USDT"}
    assert found.terms["fee"][:3].tolist() == [100_000, 260_000, 50_000]
    assert found.terms["inverse"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
    assert found.terms["amount"][2] == 100 * 10**9
    assert found.rates["inverted"].tolist() == [1], (
        "what a dollar is worth is one through what USDT is worth in dollars"
    )
    routes_of_rate = found.touching[found.reach[3] : found.reach[4]].tolist()
    assert routes_of_rate == list(range(6)), "every pair has a leg in dollars"


def test_a_triangle_is_found_whatever_the_order() -> None:
    legs = ("ETHUSDT.BINANCE", "ETHBTC.BINANCE", "BTCUSDT.BINANCE")
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        found = terms(groups=["ETH"], triangles=[[legs[at] for at in order]])
        assert found.names == (
            "BTCUSDT.BINANCE > ETHBTC.BINANCE > ETHUSDT.BINANCE",
            "ETHUSDT.BINANCE > ETHBTC.BINANCE > BTCUSDT.BINANCE",
        )
        assert set(found.routes["kind"].tolist()) == {OpportunityKind.TRIANGULAR}


def test_what_is_configured_goes_before_what_is_known() -> None:
    given = {"BTCUSD_PERP.BINANCE_COINM": {"inverse": False, "amount": "0.01", "step": "2"}}
    found = terms(fees={"BINANCE": 7.5, "BTCUSD_PERP.BINANCE_COINM": 2}, instruments=given)
    assert found.terms["fee"][:3].tolist() == [75_000, 260_000, 20_000]
    assert (found.terms["amount"][2], found.terms["step"][2], found.terms["inverse"][2]) == (10**7, 2 * 10**8, 0)
    assert found.key() != terms().key()
    assert terms().key() == terms().key()


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "no rate": ({"rates": {}}, "quoted in USD and USDT", '[engine.arbitrage.rates."USD-USDT"]'),
    "no such group": ({"groups": ["LTC"]}, "group 'LTC'", "[engine.arbitrage]"),
    "nothing to do": ({"groups": ["ETH"]}, "no group of two", "groups"),
    "no currency": ({"groups": ["odd"]}, "which currency AAPL.IQFEED", 'quote = "USD"'),
    "no fee": (
        {"groups": ["odd"], "instruments": {f"AAPL.{one}": {"quote": "USD"} for one in ("IQFEED", "MASSIVE")}},
        "what IQFEED takes",
        "[engine.arbitrage.fees]\nIQFEED = 10",
    ),
    "a stranger": ({"instruments": {"X.Y": {}}}, "'X.Y'", '"X.Y" = ["X.Y"]'),
    "a fee of nobody": ({"fees": {"BINNACE": 7}}, "[engine.arbitrage.fees] names 'BINNACE'", "BINANCE, "),
    "a latency of nobody": (
        {"paper": {"latency_ms": {"BINNACE": 7}}},
        "[engine.arbitrage.paper.latency_ms] names 'BINNACE'",
        "BINANCE, ",
    ),
    "a rate of nobody": ({"rates": {"USD-USDT": {"instrument": "X.Y"}}}, "'X.Y' of the rate", "groups"),
    "a rate without a date": ({"rates": {"USD-USDT": {"rate": "1"}}}, "rate and as_of", "instrument"),
    "two rates in one": (
        {"rates": {"USD-USDT": {"rate": "1", "as_of": "2024-01-01T00:00:00Z", "instrument": "ETHUSDT.BINANCE"}}},
        "an instrument, or else",
        "instrument",
    ),
    "a rate of something else": (
        {"rates": {"USD-USDT": {"instrument": "ETHUSDT.BINANCE"}}},
        "the rate USD-USDT is that of ETHUSDT.BINANCE, which is what one ETH is worth in USDT",
        "rates.ETH-USDT",
    ),
    "a rate of nothing": ({"rates": {"USD-USDT": {"rate": "0", "as_of": "2024-01-01T00:00:00Z"}}}, "'0'", "100"),
    "a rate of words": ({"rates": {"USD-USDT": {"rate": "x", "as_of": "2024-01-01T00:00:00Z"}}}, "'x'", "100"),
    "too fine a contract": ({"instruments": {"BTCUSDT.BINANCE": {"amount": "0.0000000001"}}}, "9 decimals", "100"),
    "no triangle": (
        {"triangles": [["ETHUSDT.BINANCE", "ETHBTC.BINANCE", "BTC/USD.KRAKEN_V2"]]},
        "is of several venues",
        "triangles",
    ),
    "an odd triangle": ({"triangles": [["ETHUSDT.BINANCE"] * 3]}, "not A/B, B/C and A/C", "triangles"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_missing_is_named_with_what_to_write(name: str) -> None:
    given, said, hint = WRONG[name]
    with pytest.raises(UsageError) as refused:
        terms(**given)
    assert said in str(refused.value)
    assert hint in refused.value.hint


def test_a_triangle_of_contracts_is_refused() -> None:
    with pytest.raises(UsageError, match="trades in contracts"):
        terms(
            triangles=[["ETHUSDT.BINANCE", "ETHBTC.BINANCE", "BTCUSDT.BINANCE"]],
            instruments={"ETHBTC.BINANCE": {"amount": "10"}},
        )


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTCUSDT", ("BTC", "USDT")),
        ("XBT/USD", ("BTC", "USD")),
        ("BTCUSD_PERP", ("BTC", "USD")),
        ("AAPL", ("AAPL", "")),
        ("usdtusd", ("USDT", "USD")),
        ("USDCUSD", ("USDC", "USD")),
        ("XBTUSD", ("BTC", "USD")),
        ("FTTUSD", ("FTT", "USD")),
        ("ARBUSD", ("ARB", "USD")),
        ("SHIBUSD", ("SHIB", "USD")),
        ("DOTUSD", ("DOT", "USD")),
        ("EURUSD", ("EUR", "USD")),
        ("BTCBUSD", ("BTC", "BUSD")),
        ("BTCTUSD", ("BTC", "TUSD")),
    ],
)
def test_currencies_are_what_a_symbol_says(symbol: str, pair: tuple[str, str]) -> None:
    assert currencies(symbol) == pair


def rated(name: str, one: str, **more: Any) -> Terms:  # noqa: ANN401 - any setting
    """Return the terms of a group in both currencies of a rate that an instrument tells."""
    of, _, worth = name.partition("-")
    groups = {"X": (f"XX/{of}.KRAKEN_V2", f"XX/{worth}.KRAKEN_V2"), "rate": (one,)}
    given = {"groups": ["X"], "rates": {name: {"instrument": one}}, "fees": {"BITSTAMP": 1}, **more}
    return terms_of(msgspec.convert(given, ArbitrageConfig), groups_of(groups))


@pytest.mark.parametrize(
    ("name", "symbol", "said"),
    [
        ("USDT-USD", "USDTUSD", {}),
        ("USDT-USD", "usdtusd", {}),
        ("USDT-USD", "USDTUSD", {"quote": "USD"}),
        ("USDC-USD", "USDCUSD", {}),
        ("EUR-USD", "EURUSD", {}),
        ("ARB-USD", "ARBUSD", {}),
        ("SHIB-USD", "SHIBUSD", {}),
        ("AR-BUSD", "ARBUSD", {}),
        ("PLUMB-USD", "PLUMBUSD", {"quote": "USD"}),
        ("PLUMB-USD", "PLUMBUSD", {}),
        ("USDT-USD", "USDTZUSD", {}),
        ("USDT-USD", "XX-YY", {"base": "USDT", "quote": "USD"}),
    ],
)
def test_a_rate_is_taken_whose_symbol_can_be_read_as_its_name(name: str, symbol: str, said: dict[str, str]) -> None:
    one = f"{symbol}.BITSTAMP"
    assert len(rated(name, one, instruments={one: said} if said else {}).rates) == 1


@pytest.mark.parametrize(
    ("symbol", "said", "worth"),
    [
        ("BTC-USD", {}, "BTC is worth in USD"),
        ("BTCUSD", {}, "BTC is worth in USD"),
        ("USD-USDT", {}, "USD is worth in USDT"),
        ("USDTUSD", {"base": "USD", "quote": "TUSD"}, "USD is worth in TUSD"),
    ],
)
def test_a_rate_of_other_currencies_is_refused_with_the_way_out(symbol: str, said: dict[str, str], worth: str) -> None:
    one = f"{symbol}.BITSTAMP"
    with pytest.raises(UsageError, match=worth) as refused:
        rated("USDT-USD", one, instruments={one: said} if said else {})
    way_out = refused.value.hint.splitlines()[1:]
    assert way_out == [f'[engine.arbitrage.instruments."{one}"]', 'base = "USDT"', 'quote = "USD"']
    given = tomllib.loads("\n".join(way_out))["engine"]["arbitrage"]["instruments"]
    assert len(rated("USDT-USD", one, instruments=given).rates) == 1


def between(one: str, **more: Any) -> Terms:  # noqa: ANN401 - any setting
    """Return the terms of an instrument and a pair that is quoted as it is."""
    quote = next((quote for quote in ("USDT", "USDC") if quote in one), "USD")
    venue = one.rpartition(".")[2]
    given = {"fees": {venue: 1}, **more}
    return terms_of(msgspec.convert(given, ArbitrageConfig), groups_of({"X": (f"BTC/{quote}.KRAKEN_V2", one)}))


@pytest.mark.parametrize(
    ("one", "amount", "inverse"),
    [
        ("BTC-USDT-SWAP.OKX", "0.01", False),
        ("BTC-USD-SWAP.OKX", "100", True),
        ("BTC-USDT-251226.OKX", "0.01", False),
        ("BTC-USD-251226.OKX", "100", True),
        ("BTC/USDT:USDT.CCXT_KUCOINFUTURES", "0.001", False),
        ("BTC/USD:BTC.CCXT_BITMEX", "1", True),
        ("BTC/USD:BTC-251226.CCXT_DERIBIT", "10", True),
    ],
)
def test_a_contract_of_which_nobody_says_what_it_is_is_refused_with_what_to_write(
    one: str, amount: str, inverse: bool
) -> None:
    with pytest.raises(UsageError, match=f"nobody says how much one contract of {one} stands for") as refused:
        between(one)
    given = tomllib.loads(refused.value.hint)["engine"]["arbitrage"]["instruments"]
    assert given == {one: {"amount": "…", "inverse": inverse, "step": "1"}}
    with pytest.raises(UsageError, match=f"amount of {one} is '…'"):
        between(one, instruments=given)
    given[one]["amount"] = amount
    found = between(one, instruments=given).terms[1]
    assert (found["amount"], found["inverse"]) == (round(float(amount) * 10**9), inverse)
    assert found["step"] == 10**8


@pytest.mark.parametrize(
    "one", ["BTC-USD-251226-100000-C.OKX", "BTC-PERP-INTX.COINBASE_ADVANCED", "BTC-PERPETUAL.DERIBIT"]
)
def test_an_option_or_a_contract_of_another_market_is_no_coin_because_its_currency_is_said(one: str) -> None:
    said = {"base": "BTC", "quote": "USD"}
    with pytest.raises(UsageError, match=f"nobody says how much one contract of {one}") as refused:
        between(one, instruments={one: said})
    given = tomllib.loads(refused.value.hint)["engine"]["arbitrage"]["instruments"]
    assert given == {one: {"amount": "…", "inverse": True, "step": "1"}}
    with pytest.raises(UsageError, match="of which currency the 10 are"):
        between(one, instruments={one: said | {"amount": "10"}})
    assert between(one, instruments={one: said | {"amount": "10", "inverse": True}}).terms["inverse"].tolist() == [0, 1]


def test_an_amount_without_its_currency_says_nothing_yet() -> None:
    """100 USD taken for 100 BTC."""
    one = "BTC-USD-SWAP.OKX"
    with pytest.raises(UsageError, match=f"of which currency the 100 are that one contract of {one}") as refused:
        between(one, instruments={one: {"amount": "100"}})
    given = tomllib.loads(refused.value.hint)["engine"]["arbitrage"]["instruments"]
    assert given == {one: {"amount": "100", "inverse": True, "step": "1"}}
    assert between(one, instruments=given).terms["inverse"].tolist() == [0, 1]


@pytest.mark.parametrize(
    "one",
    ["BTC-USDT-SWAP.OKX", "BTC-USDT-251226.OKX", "BTC/USDT:USDT.CCXT_BINANCEUSDM", "BTC_USDC-PERPETUAL.DERIBIT"],
)
def test_an_amount_says_all_of_a_contract_that_is_not_quoted_in_usd(one: str) -> None:
    with pytest.raises(UsageError, match=f"nobody says how much one contract of {one} stands for"):
        between(one, instruments={one: {"step": "1"}})
    found = between(one, instruments={one: {"amount": "0.01", "step": "1"}}).terms[1]
    assert found[["amount", "step", "inverse"]].tolist() == (10**7, 10**8, 0)


@pytest.mark.parametrize(
    "one",
    [
        *("BTCUSDT.BINANCE_USDM", "BTCUSDT_260327.BINANCE_USDM", "BTCUSDT.BYBIT_LINEAR"),
        *("BTCUSDT-26DEC25.BYBIT_LINEAR", "BTC-USDT.OKX", "BTC/USDT.CCXT_KUCOIN", "BTCUSDT.BYBIT"),
    ],
)
def test_pairs_and_contracts_that_count_coins_need_nothing(one: str) -> None:
    found = between(one).terms
    assert found["amount"].tolist() == [10**9, 10**9]
    assert found["inverse"].tolist() == [0, 0]


def test_every_fee_has_a_source_and_every_contract_a_size() -> None:
    assert all("20" in fee.source and float(fee.bps) > 0 for fee in TAKER.values())
    assert contract_of("BINANCE_COINM", "BTCUSD_PERP") == Contract("100", inverse=True, step="1")
    assert contract_of("BINANCE_COINM", "ETHUSD_PERP") == Contract("10", inverse=True, step="1")
    assert contract_of("BYBIT_INVERSE", "BTCUSD") == Contract("1", inverse=True, step="1")
    assert contract_of("BINANCE_USDM", "BTCUSDT") == contract_of("BYBIT_LINEAR", "BTCUSDT") == UNIT
    assert contract_of("OKX", "BTC-USDT-SWAP") is None


def test_the_configuration_that_the_documents_show_is_one() -> None:
    text = (Path(__file__).parents[3] / "docs" / "engine.md").read_text(encoding="utf-8")
    section = text.partition("## Arbitrage\n")[2]
    tree = tomllib.loads(section.partition("```toml\n")[2].partition("```")[0])
    config = msgspec.convert(tree["engine"], EngineConfig)
    assert config.arbitrage is not None
    found = terms_of(config.arbitrage, groups_of(config.groups))
    assert len(found.names) == 3 * 2 + 2
    assert found.terms["fee"][:3].tolist() == [75_000, 200_000, 50_000]
    assert config.arbitrage.paper is not None


def test_currencies_fit_into_a_number() -> None:
    for name in ("BTC", "USDT", "FDUSD", "ABCDEFGH"):
        assert currency_text(currency_code(name)) == name
    for name in ("", "ABCDEFGHI"):
        with pytest.raises(ValueError, match="not a currency"):
            currency_code(name)
