"""Measured rates, and the tier that suits them."""

from breadboard.capture import tiers
from breadboard.capture.source import Source
from breadboard.feeds import FEEDS
from breadboard.ports import Wish
from capture_fakes import PlainSession, capabilities


def heard(symbols: tuple[str, ...], per_s: dict[str, int], listed: dict[str, str], number: int = 0) -> Source:
    """A Binance source that heard each symbol's trades so often, for a hundred seconds."""
    session = FEEDS["binance"].session(Wish(symbols, ("trade",), "ws://127.0.0.1:1"))
    session.on_connect()
    for second in range(101):
        for symbol, count in per_s.items():
            session.on_frames([b'{"stream":"%s@trade","data":{}}' % symbol.lower().encode()] * count)
        session.on_time(float(second))
    return Source(number, symbols, FEEDS["binance"].capabilities, session, tiers=listed)


def test_rates_are_measured_by_symbol_and_a_tier_is_suggested() -> None:
    source = heard(("BTCUSDT", "XLMUSDT", "SKLUSDT"), {"BTCUSDT": 20, "XLMUSDT": 1}, {"BTCUSDT": "semi"})
    found = {each.symbol: each for each in tiers.measure([source])}
    assert (found["BTCUSDT"].tier, found["BTCUSDT"].suggested) == ("semi", "liquid")
    assert (found["XLMUSDT"].tier, found["XLMUSDT"].suggested) == ("unsaid", "semi")
    assert (found["SKLUSDT"].msg_per_s, found["SKLUSDT"].suggested) == (0.0, "illiquid")
    assert 19 < found["BTCUSDT"].msg_per_s < 21


def test_tiers_are_summed_and_a_session_that_measures_nothing_counts_its_symbols() -> None:
    plain = Source(1, ("A", "B"), capabilities(venue="PLAIN"), PlainSession(""), tiers={"A": "liquid"})
    one = heard(("BTCUSDT",), {"BTCUSDT": 20}, {"BTCUSDT": "liquid"})
    found = tiers.by_tier([one, plain])
    assert (found["liquid"].symbols, found["liquid"].measured) == (2, 1)
    assert 19 < found["liquid"].msg_per_s < 21
    assert (found["unsaid"].symbols, found["unsaid"].measured) == (1, 0)


def test_a_symbol_on_two_connections_has_the_sum() -> None:
    (both,) = tiers.measure([heard(("BTCUSDT",), {"BTCUSDT": 4}, {}, number) for number in (0, 1)])
    assert 7.5 < both.msg_per_s < 8.5
