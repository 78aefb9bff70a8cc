"""The channel of alerts: each once, in order, resumed where it was left or with a gap that says so."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from breadboard.api.alerts import AlertRing
from breadboard.api.fanout import Fanout
from breadboard.api.requests import Hello, Subscribe, Unsubscribe
from breadboard.api.subscriber import Subscriber
from unit.api.market import RULES, Market, services


class Page:
    """A client that is no process, and what it was told."""

    def __init__(self, fanout: Fanout, form: str = "json") -> None:
        self.decode: Any = json.loads if form == "json" else msgspec.msgpack.decode
        self.told: list[dict[str, Any]] = []
        self.client = Subscriber(fanout, form, self.hear)
        fanout.add(self.client)

    def hear(self, message: bytes) -> bool:
        """Take a message."""
        self.told.append(self.decode(message))
        return True

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of one type."""
        return [message for message in self.told if message["type"] == kind]


def subscribed(fanout: Fanout, *symbols: str, form: str = "json") -> Page:
    page = Page(fanout, form)
    page.client.ask(Subscribe(symbols or ("*",), channels=("alert",), hz=0))
    return page


@pytest.mark.parametrize("form", ["json", "msgpack"])
def test_an_alert_says_which_rule_fired_on_what_evidence(form: str) -> None:
    market = Market()
    fanout = Fanout(services(market))
    page = subscribed(fanout, form=form)
    market.apply(market.trade("101.5"), alerts=[market.alert(1.5)])
    fanout.tick(fanout.clock())
    (message,) = page.of("alert")
    assert (message["from"], message["next"], message["lost"]) == (0, 1, 0)
    assert message["data"] == [
        {
            "seq": 0,
            "id": "0" * 31 + "2",
            "rule": "fast rise",
            "version": RULES[0].version,
            "kind": "rise",
            "state": "fired",
            "instrument": "BTCUSDT.BINANCE",
            "symbol": "BTCUSDT",
            "venue": "BINANCE",
            "sentence": "fast rise: BTCUSDT.BINANCE rose 1.5 % to 101.5 from 100 within 1m (synthetic)",
            "value": 1.5,
            "threshold": 1.0,
            "reference": 100.0,
            "price": "101.5",
            "cause": "",
            "gapped": 0,
            "ts_event": None,
            "ts_recv": 9,
            "ts_window": None,
            "provenance": "synthetic",
            "offset": 0,
            "index": 0,
        }
    ]
    assert type(message["data"][0]["gapped"]) is int  # as the store has it


def test_alerts_without_a_quote_wake_the_server_too() -> None:
    market = Market()
    changes: list[int] = []
    market.live.listen(lambda: changes.append(market.live.next_alert))
    market.apply()
    market.apply(alerts=[market.alert(1.5)])
    assert changes == [1]


def test_only_wanted_instruments_and_whole_sources_alert_and_none_is_left_out_however_many() -> None:
    market = Market()
    fanout = Fanout(services(market))
    market.apply(market.trade("1"), market.trade("1", symbol="OTHER"))
    page = subscribed(fanout, "BTCUSDT")
    alerts = [market.alert(number, symbol=("BTCUSDT", "OTHER", None)[number % 3]) for number in range(3000)]
    market.apply(alerts=alerts)
    fanout.tick(fanout.clock())
    messages = page.of("alert")
    assert [row["value"] for message in messages for row in message["data"]] == [n for n in range(3000) if n % 3 != 1]
    edges = [0] + [edge for message in messages for edge in (message["from"], message["next"])]
    assert edges[1::2] == edges[:-1:2]
    assert edges[-1] == 3000
    assert max(len(message["data"]) for message in messages) == 200
    whole = next(row for message in messages for row in message["data"] if row["symbol"] == "")
    assert (whole["instrument"], whole["venue"]) == (None, "BINANCE")


def test_alerts_are_resumed_beside_trades_and_each_channel_answers_for_itself() -> None:
    market = Market()
    fanout = Fanout(services(market))
    market.apply(market.trade("1"), market.trade("2"), alerts=[market.alert(1), market.alert(2)])
    page = Page(fanout)
    page.client.ask(Subscribe(("*",), channels=("trade", "alert")))
    page.client.ask(Hello({"trade": 1, "alert": 9, "quote": 3}, market.live.session))
    assert [(gap["channel"], gap["reason"]) for gap in page.of("gap")] == [
        ("alert", "that number has not been given yet"),
        ("quote", "this channel has no numbers"),
    ]
    assert page.of("resumed")[0]["next"] == {"trade": 1}
    assert [row["price"] for row in page.of("trade")[0]["data"]] == ["2"]
    page.client.ask(Hello({"alert": 1}))
    assert [row["value"] for row in page.of("alert")[0]["data"]] == [2.0]
    page.client.ask(Unsubscribe())
    market.apply(alerts=[market.alert(3), market.alert(4, symbol=None)])
    assert len(page.of("alert")) == 1


def test_an_alert_that_the_ring_has_let_go_of_is_lost_and_counted() -> None:
    market = Market()
    ring = AlertRing(3)
    ring.append(np.array([market.alert(value) for value in range(5)]), RULES)
    read = ring.read(0, None, 10)
    assert ([one.seq for one in read.found], read.first, read.end, read.lost) == ([2, 3, 4], 2, 5, 2)
    assert ring.read(5, None, 10) == ([], 5, 5, 0)
    assert [one.seq for one in ring.read(3, None, 1).found] == [3]
    assert ring.read(3, None, 1).end == 4
    assert ring.read(0, np.zeros(1, np.bool_), 10).found == []


def test_a_heartbeat_says_the_next_number_of_every_sequence() -> None:
    market = Market()
    fanout = Fanout(services(market))
    page = Page(fanout)
    page.client.ask(Subscribe(("*",), channels=("status",)))
    market.apply(market.trade("1"), market.trade("2"), alerts=[market.alert(1)])
    page.client.beat()
    assert page.of("status")[-1]["next"] == {"trade": 2, "alert": 1}
    assert page.of("status")[-1]["stream"] == market.live.session
