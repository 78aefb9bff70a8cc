"""Instruments that appear while a client that named them is being told of others."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from breadboard.api.fanout import Fanout
from breadboard.api.live import LiveMarket
from breadboard.api.requests import Subscribe
from breadboard.api.subscriber import Subscriber
from breadboard.api.wants import Wants
from breadboard.model.instruments import Instruments
from unit.api.market import Market, services


@pytest.mark.parametrize("hz", [0, 1])
@pytest.mark.parametrize("channel", ["trade", "alert"])
def test_what_comes_with_a_wanted_instrument_is_told_whenever_that_appears(channel: str, hz: float) -> None:
    """It appears while the first message leaves, so before the others are made of what came until then."""
    market, heard, now = Market(), list[dict[str, Any]](), [1000.0]
    fanout = Fanout(services(market))
    fanout.clock = lambda: now[0]

    def push(message: bytes) -> bool:
        told = msgspec.json.decode(message)
        heard.append(told)
        if told["type"] in (channel, "quote") and len(market.instruments) == 1:
            market.apply(market.trade("7", symbol="NEW"), alerts=[market.alert(7.0, symbol="NEW")])
        return True

    one = Subscriber(fanout, "json", push)
    fanout.add(one)
    market.apply(market.trade("1"))
    one.ask(Subscribe(("BTCUSDT", "NEW"), channels=("quote", channel), hz=hz))
    market.apply(*[market.trade("1") for _ in range(1500)], alerts=[market.alert(1.0) for _ in range(300)])
    for _ in range(3):
        fanout.tick(now[0])
        now[0] += 1
    events = [each for each in heard if each["type"] == channel]
    assert [each["symbol"] for message in events for each in message["data"]].count("NEW") == 1
    assert all(before["next"] == after["from"] for before, after in pairwise(events))
    assert events[-1]["next"] == fanout.numbers()["next"][channel]


def test_an_instrument_counts_when_it_can_be_found_by_its_name() -> None:
    live = LiveMarket()
    wants = Wants(live)
    wants.choose(["new"])

    class Looked(dict[str, list[int]]):
        def setdefault(self, key: str, default: list[int] | None = None) -> list[int]:
            wants.renewed()  # as another thread may, between any two steps
            return super().setdefault(key, default or [])

    live._by_symbol = Looked()
    instruments = Instruments()
    instruments.intern("BINANCE", "NEW")
    live._learn(instruments)
    wants.renewed()
    assert wants.told == ["NEW.BINANCE"]
