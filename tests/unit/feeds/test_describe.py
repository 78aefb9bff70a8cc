"""What a person is told that a frame means."""

import json

import pytest

from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.describe import describe
from feed_samples import SAMPLES
from samples.binance import KLINE, SNAPSHOT, SPOT_AGG, SPOT_DEPTH, SPOT_QUOTE, SPOT_TRADE
from samples.coinbase import HEARTBEAT, L2_UPDATE, MATCH, TICKER
from samples.massive import BANDS, HALT, MINUTE, TRADE
from samples.massive import frame as array

SPOT, COINBASE = FEEDS["binance"], FEEDS["coinbase"]


def test_a_trade_in_exact_digits() -> None:
    assert describe(SPOT, SPOT_TRADE) == [
        {
            "kind": "trade",
            "symbol": "BTCUSDT",
            "ts_event": 1_723_161_255_342_000_000,
            "price": "61837.63",
            "size": "0.02",
            "side": "sell",
            "trade_id": 3_735_683_259,
            "sequence": None,
        }
    ]
    assert describe(SPOT, SPOT_AGG)[0]["flags"] == ["aggregated"]
    assert describe(COINBASE, MATCH)[0]["side"] == "buy"


def test_a_quote_with_and_without_sizes() -> None:
    assert describe(SPOT, SPOT_QUOTE) == [
        {
            "kind": "quote",
            "symbol": "BTCUSDT",
            "ts_event": None,
            "bid": "61837.63",
            "bid_size": "3.78826",
            "ask": "61837.64",
            "ask_size": "1.54698",
            "sequence": 12,
        }
    ]
    assert describe(COINBASE, TICKER)[0]["bid_size"] is None


def test_a_frame_of_several_events_is_told_event_by_event_with_what_the_tape_has_no_column_for() -> None:
    trade, halt, bands, bar = describe(FEEDS["massive"], array(TRADE, HALT, BANDS, MINUTE))
    assert (trade["price"], trade["size"], trade["side"]) == ("114.125", "100", None)
    assert (trade["conditions"], trade["exchange"], trade["id"]) == ([0, 12], "FINRA", "12345")
    assert (halt["kind"], halt["code"], halt["indicators"]) == ("status", "halted", [17])
    assert (bands["code"], bands["lower"], bands["upper"]) == ("bands", "198.11", "218.96")
    assert bar == {
        "kind": "bar",
        "symbol": "GTE",
        "interval_s": 60,
        "ts_open": 1_610_144_640_000_000_000,
        "open": "0.4488",
        "high": "0.4489",
        "low": "0.4486",
        "close": "0.4486",
        "volume": "4110",
        "trades": 0,
    }
    assert [event["kind"] for event in describe(FEEDS["massive"], array(TRADE, HALT, MINUTE), "luld")] == ["status"]


def test_books_have_their_levels_by_side() -> None:
    assert describe(SPOT, SPOT_DEPTH) == [
        {
            "kind": "book_delta",
            "symbol": "BTCUSDT",
            "ts_event": 1_723_161_255_208_000_000,
            "sequence_first": 10,
            "sequence_prev": 9,
            "sequence": 12,
            "bids": [["61737.63", "0.5"], ["61730.17", "0"]],
            "asks": [["61837.64", "1.54698"]],
        }
    ]
    assert describe(COINBASE, L2_UPDATE)[0]["asks"] == [["14.8024", "0"]]


def test_a_pasted_depth_answer_is_a_snapshot_without_a_symbol_unless_it_says_one() -> None:
    (event,) = describe(SPOT, SNAPSHOT)
    assert (event["kind"], event["symbol"], event["sequence"]) == ("book_snapshot", None, 11)
    assert event["asks"] == [["61837.64", "1.5"], ["61837.65", "2"]]
    (event,) = describe(SPOT, SNAPSHOT.replace(b'"bids"', b'"symbol":"BTCUSD_PERP","bids"'))
    assert event["symbol"] == "BTCUSD_PERP"
    (event,) = describe(COINBASE, SNAPSHOT)
    assert event == {"kind": "quarantined", "reason": "a message without a type"}


def test_everything_else_says_what_it_is() -> None:
    assert describe(SPOT, b'{"result":null,"id":1}') == [{"kind": "control"}]
    assert describe(SPOT, KLINE) == [{"kind": "ignored", "type": "kline"}]
    assert describe(SPOT, b'{"e":"swap"}') == [{"kind": "quarantined", "reason": "unknown message type 'swap'"}]
    assert describe(COINBASE, HEARTBEAT)[0]["code"] == "heartbeat"
    assert describe(COINBASE, b'{"type":"error","message":"no"}')[0]["code"] == "venue_error"


def test_a_channel_keeps_its_events_and_what_could_not_be_read() -> None:
    assert describe(SPOT, SPOT_TRADE, "quote") == []
    assert len(describe(SPOT, SPOT_TRADE, "trade")) == 1
    assert len(describe(SPOT, SNAPSHOT, "book")) == 1
    assert describe(SPOT, b"?", "book")[0]["kind"] == "quarantined"
    with pytest.raises(UsageError):
        describe(SPOT, SPOT_TRADE, "level3")


@pytest.mark.parametrize("name", FEEDS)
def test_every_sample_can_be_written_as_json(name: str) -> None:
    for frame in SAMPLES[name].frames:
        events = describe(FEEDS[name], frame)
        assert events
        assert json.loads(json.dumps(events)) == events
