"""What is said to the venues, and when a book is asked for again."""

import json

import pytest

from breadboard.conversations import Fetch, Reconnect, Request, Send, Session
from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.binance import SPOT
from breadboard.feeds.binance_session import LONGEST_URL, BinanceSession
from breadboard.ports import Wish
from feed_samples import frames_of, recorded


def spot(*symbols: str, channels: tuple[str, ...] = ("trade", "quote", "book")) -> Session:
    session = FEEDS["binance"].session(
        Wish(symbols or ("BTCUSDT",), channels, "ws://127.0.0.1:1", "http://127.0.0.1:2")
    )
    session.on_connect()
    return session


def depth(first: int, last: int, symbol: str = "BTCUSDT", previous: int | None = None) -> bytes:
    chain = "" if previous is None else f'"pu":{previous},'
    return (
        f'{{"stream":"{symbol.lower()}@depth@100ms","data":{{"e":"depthUpdate","E":1723161255208,"s":"{symbol}",'
        f'"U":{first},"u":{last},{chain}"b":[["1.0","2.0"]],"a":[]}}}}'
    ).encode()


def snapshot(update_id: int) -> bytes:
    return b'{"lastUpdateId":%d,"bids":[],"asks":[]}' % update_id


def delays(requests: list[Request]) -> list[float]:
    assert all(isinstance(request, Fetch) for request in requests)
    return [request.delay_s for request in requests if isinstance(request, Fetch)]


def test_a_few_streams_are_asked_for_in_the_url() -> None:
    session = FEEDS["binance"].session(Wish(["btcusdt", "ETHUSDT"], ["trade", "quote", "book"], "", ""))
    assert session.url == (
        "wss://stream.binance.com:9443/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms"
        "/ethusdt@trade/ethusdt@bookTicker/ethusdt@depth@100ms"
    )
    assert session.on_connect() == []


def test_usdm_is_asked_where_trades_quotes_and_depth_are_served() -> None:
    wish = Wish(["BTCUSDT"], ["trade", "quote", "book"], "", "")
    streams = "/stream?streams=btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms"
    assert FEEDS["binance-usdm"].session(wish).url == f"wss://fstream.binance.com/public{streams}"
    assert FEEDS["binance-coinm"].session(wish).url == f"wss://dstream.binance.com{streams}"
    unrouted = Wish(["BTCUSDT"], ["trade", "quote", "book"], "wss://fstream.binance.com/", "")
    assert FEEDS["binance-usdm"].session(unrouted).url == f"wss://fstream.binance.com{streams}"


def test_a_symbol_in_another_alphabet_is_asked_for_in_plain_addresses_and_heard() -> None:
    session = FEEDS["binance-usdm"].session(Wish(["币安人生usdt"], ["trade", "quote", "book"], "ws://h", "http://h"))
    name = "%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9F"
    assert session.url == f"ws://h/stream?streams={name}usdt@trade/{name}usdt@bookTicker/{name}usdt@depth@100ms"
    assert session.on_connect() == []
    (asked,) = session.on_frames([depth(11, 12, previous=10, symbol="币安人生USDT")])
    assert isinstance(asked, Fetch)
    assert (asked.tag, asked.url) == ("depth:币安人生USDT", f"http://h/fapi/v1/depth?symbol={name}USDT&limit=1000")
    assert isinstance(session, BinanceSession)
    counts = session.subscriptions.counts
    assert counts["币安人生usdt@depth@100ms".encode()] == 1
    session.on_time(0.0)
    doubts = [each for at in (30.0, 90.0) for each in session.on_time(at) if isinstance(each, Fetch)]
    assert doubts == []  # of what spoke nobody asks whether there is such a symbol


@pytest.mark.parametrize(
    "symbol", ["BTC USDT", "BTC/USDT", "BTC@USDT", "币安\u3000USDT", "币安\nUSDT", "币安?USDT", "ßUSDT", ""]
)
def test_what_cannot_be_a_symbol_of_binance_is_refused(symbol: str) -> None:
    with pytest.raises(UsageError, match="cannot be a symbol"):
        FEEDS["binance"].session(Wish([symbol], ["trade"], "", ""))


def test_many_streams_are_asked_for_in_few_messages() -> None:
    symbols = [f"COIN{number}USDT" for number in range(341)]
    session = FEEDS["binance"].session(Wish(symbols, ["trade", "quote", "book"], "ws://127.0.0.1:1/", ""))
    assert session.url == "ws://127.0.0.1:1/stream"
    sends = [request for request in session.on_connect() if isinstance(request, Send)]
    assert len(sends) == 4, "under five messages a second"
    said = [json.loads(send.text) for send in sends]
    assert [message["method"] for message in said] == ["SUBSCRIBE"] * 4
    assert len({message["id"] for message in said}) == 4
    streams = [stream for message in said for stream in message["params"]]
    assert len(set(streams)) == len(streams) == 341 * 3
    assert len("/".join(streams)) > LONGEST_URL


def test_more_streams_than_a_connection_may_have_are_refused() -> None:
    with pytest.raises(UsageError, match="1026 streams are more than the 1024") as error:
        FEEDS["binance"].session(Wish([f"C{number}" for number in range(342)], ["trade", "quote", "book"], "", ""))
    assert "341 symbols" in error.value.hint


@pytest.mark.parametrize(
    ("name", "url", "weight", "most"),
    [
        ("binance", "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000", 250, 6000),
        ("binance-usdm", "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 20, 2400),
        ("binance-coinm", "https://dapi.binance.com/dapi/v1/depth?symbol=BTCUSDT&limit=1000", 20, 2400),
    ],
)
def test_the_first_update_of_a_book_asks_for_its_snapshot_once(name: str, url: str, weight: int, most: int) -> None:
    session = FEEDS[name].session(Wish(["btcusdt"], ["book"], "", ""))
    session.on_connect()
    frames = [depth(10, 12, previous=9), depth(13, 14, previous=12)]
    (asked,) = session.on_frames(frames)
    assert isinstance(asked, Fetch)
    assert asked.allowed is not None
    assert asked == Fetch("depth:BTCUSDT", url, 0.0, allowed=asked.allowed)
    assert weight * (asked.allowed.burst + 60 / asked.allowed.pace_s) < most, "of an address, in a minute"
    assert session.on_frames([depth(15, 15, previous=14)]) == []


def test_a_snapshot_that_reaches_the_stream_is_enough_and_an_older_one_is_not() -> None:
    session = spot()
    session.on_frames([depth(10, 12)])
    url = "http://127.0.0.1:2/api/v3/depth?symbol=BTCUSDT&limit=5000"
    again = Fetch("depth:BTCUSDT", url, 2.0, allowed=SPOT.host.allowed)
    assert session.on_document("depth:BTCUSDT", 200, snapshot(8))[0] == again
    assert session.on_document("depth:BTCUSDT", 200, snapshot(9)) == [], "9 + 1 = 10 is the next update"


def test_a_futures_snapshot_must_reach_into_the_stream() -> None:
    session = FEEDS["binance-usdm"].session(Wish(["BTCUSDT"], ["book"], "", ""))
    session.on_connect()
    session.on_frames([depth(10, 12, previous=9)])
    assert len(session.on_document("depth:BTCUSDT", 200, snapshot(9))) == 1
    assert session.on_document("depth:BTCUSDT", 200, snapshot(10)) == []


def test_a_hole_asks_again_and_an_overlap_or_a_repeat_does_not() -> None:
    session = spot()
    session.on_frames([depth(10, 12)])
    session.on_document("depth:BTCUSDT", 200, snapshot(12))
    assert session.on_frames([depth(13, 15), depth(13, 15), depth(14, 17)]) == []
    assert delays(session.on_frames([depth(19, 20), depth(21, 22)])) == [0.0]
    assert len(session.on_document("depth:BTCUSDT", 200, snapshot(17))) == 1, "older than the hole"
    assert session.on_document("depth:BTCUSDT", 200, snapshot(18)) == []


def test_numbers_that_fall_far_back_call_for_a_snapshot_at_once() -> None:
    session = spot()
    session.on_frames([depth(43_558_810_400_000, 43_558_810_400_002)])
    session.on_document("depth:BTCUSDT", 200, snapshot(43_558_810_400_002))
    assert delays(session.on_frames([depth(1001, 1003), depth(1004, 1004)])) == [0.0]
    assert len(session.on_document("depth:BTCUSDT", 200, snapshot(43_558_810_400_009))) == 1, "from before"
    assert session.on_document("depth:BTCUSDT", 200, snapshot(1002)) == []
    assert session.on_frames([depth(1005, 1006), depth(1004, 1004)]) == []


def test_a_broken_chain_of_a_future_asks_again() -> None:
    session = FEEDS["binance-usdm"].session(Wish(["BTCUSDT"], ["book"], "", ""))
    session.on_connect()
    session.on_frames([depth(10, 12, previous=9)])
    session.on_document("depth:BTCUSDT", 200, snapshot(12))
    assert session.on_frames([depth(20, 22, previous=12)]) == [], "numbers may jump while the chain holds"
    assert len(session.on_frames([depth(23, 24, previous=21)])) == 1


def test_breaks_right_after_a_snapshot_back_off_and_a_settled_book_starts_over() -> None:
    session = spot()
    session.on_frames([depth(1, 1)])
    found = []
    number = 1
    for _ in range(8):
        session.on_document("depth:BTCUSDT", 200, snapshot(number))
        number += 10
        found += delays(session.on_frames([depth(number, number)]))
    assert found == [0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    session.on_document("depth:BTCUSDT", 200, snapshot(number))
    session.on_frames([depth(number + i, number + i) for i in range(1, 101)])
    assert delays(session.on_frames([depth(number + 200, number + 200)])) == [0.0]


@pytest.mark.parametrize(("status", "delay"), [(429, 1.0), (418, 60.0), (500, 2.0), (502, 2.0), (0, 2.0)])
def test_a_refused_snapshot_is_asked_for_later(status: int, delay: float) -> None:
    session = spot()
    session.on_frames([depth(10, 12)])
    assert delays(session.on_document("depth:BTCUSDT", status, b"Service Unavailable")) == [delay]


def test_an_answer_that_is_no_snapshot_is_asked_for_again_with_growing_patience() -> None:
    session = spot()
    session.on_frames([depth(10, 12)])
    bodies = (b"", b"<html>", b"\xff", b'{"lastUpdateId":"12"}', b"[" * 10_000)
    found = [delays(session.on_document("depth:BTCUSDT", 200, body)) for body in bodies]
    assert found == [[2.0], [4.0], [8.0], [16.0], [32.0]]


def test_an_answer_nobody_waits_for_is_left_alone() -> None:
    session = spot()
    assert session.on_document("depth:BTCUSDT", 200, snapshot(1)) == []
    assert session.on_document("weather", 429, b"") == []


def test_many_books_are_paced_by_the_request_weight_and_few_are_not() -> None:
    symbols = [f"C{number}USDT" for number in range(50)]
    session = spot(*symbols, channels=("book",))
    found = delays(session.on_frames([depth(1, 1, symbol) for symbol in symbols]))
    assert found[:4] == [0.0] * 4
    assert found[4:7] == [3.5, 7.0, 10.5]
    in_any_minute = max(sum(start <= at < start + 60 for at in found) for start in found)
    assert in_any_minute * 250 <= 6000, "weight a minute"


def test_the_books_of_a_stranger_are_not_asked_for() -> None:
    assert spot("ETHUSDT").on_frames([depth(1, 1, "BTCUSDT")]) == []


def test_frames_that_cannot_be_read_are_passed_over() -> None:
    bad = [b"", b"\xff", b'"depthUpdate"', b'{"e":"depthUpdate","s":1}', b'{"data":{"e":"depthUpdate","U":"1"}}']
    assert spot().on_frames(bad) == []


def test_raw_frames_count_as_wrapped_ones_do() -> None:
    frame = json.dumps(json.loads(depth(10, 12))["data"]).encode()
    assert delays(spot().on_frames([frame])) == [0.0]


def test_a_shutdown_that_is_announced_is_not_waited_for() -> None:
    assert spot().on_frames([b'{"e":"serverShutdown","E":1770123456789}']) == [
        Reconnect("the venue announces a shutdown")
    ]


def test_a_real_recording_needs_one_snapshot_a_book() -> None:
    frames = frames_of("binance", "hftbacktest", ["binance/btcusdt_20240808.gz"]).frames()
    session = spot("BTCUSDT")
    requests = [request for frame in frames for request in session.on_frames([frame])]
    assert delays(requests) == [0.0]
    hole = [number for number, frame in enumerate(frames) if b"depthUpdate" in frame][1000]
    session = spot("BTCUSDT")
    first = session.on_frames(frames[:hole])
    session.on_document("depth:BTCUSDT", 200, snapshot(6 * 10**10))
    assert len(first) == len(session.on_frames(frames[hole + 1 :])) == 1, "one update is missing"


def test_coinbase_subscribes_to_what_was_wished_for_and_a_heartbeat() -> None:
    session = FEEDS["coinbase"].session(Wish(["btc-usd"], ["trade", "quote", "book"], "", ""))
    assert session.url == "wss://ws-feed.exchange.coinbase.com"
    (send,) = session.on_connect()
    assert isinstance(send, Send)
    assert json.loads(send.text) == {
        "type": "subscribe",
        "product_ids": ["BTC-USD"],
        "channels": ["matches", "ticker", "level2_batch", "heartbeat"],
    }


def test_coinbase_is_left_after_an_error_but_not_for_ever() -> None:
    session = FEEDS["coinbase"].session(Wish(["BTC-USD"], ["book"], "", ""))
    error = b'{"type":"error","message":"Failed to subscribe","reason":"level2 needs authentication"}'
    found = []
    for _ in range(5):
        session.on_connect()
        found.append(session.on_frames([b'{"type":"match"}', error, b'{"error"']))
    reconnect = Reconnect("the venue says: Failed to subscribe level2 needs authentication")
    assert found == [[reconnect], [reconnect], [reconnect], [], []]


@pytest.mark.parametrize("venue", ["coinbase", "coinbase-advanced"])
@pytest.mark.parametrize(("seconds", "left"), [(61, [True] * 8), (30, [True] * 3 + [False] * 5)])
def test_an_error_now_and_then_between_healthy_connections_is_no_row(
    venue: str, seconds: int, left: list[bool]
) -> None:
    session = FEEDS[venue].session(Wish(["BTC-USD"], ["trade"], "", ""))
    error = b'{"type":"error","message":"rate limit exceeded","reason":""}'
    found, now_s = [], 0.0
    for _ in left:
        session.on_connect()
        for _ in range(seconds):
            now_s += 1.0
            session.on_time(now_s)
        found.append(any(isinstance(each, Reconnect) for each in session.on_frames([error])))
    assert found == left


@pytest.mark.parametrize("venue", ["coinbase", "coinbase-advanced"])
def test_an_error_with_each_connection_is_lived_with_however_long_they_last(venue: str) -> None:
    session = FEEDS[venue].session(Wish(["BTC-USD"], ["trade"], "", ""))
    error = b'{"type":"error","message":"no such channel","reason":""}'
    found = []
    for _ in range(5):
        session.on_connect()
        found.append(bool(session.on_frames([error])))
        for second in range(200):
            session.on_time(float(second))
    assert found == [True, True, True, False, False]


@pytest.mark.parametrize("name", ["binance", "binance-usdm", "binance-coinm"])
def test_the_books_of_the_old_connection_are_asked_for_again(name: str) -> None:
    frames = [raw for raw in recorded(name).take(slice(0, 300)).frames() if b'"depthUpdate"' in raw]
    session = FEEDS[name].session(Wish(["BTCUSDT", "ETHUSDT", "BTCUSD_PERP"], ["book"]))
    runs = []
    for _ in range(2):
        session.on_connect()
        runs.append(session.on_frames(frames))
        assert session.on_frames(frames) == []
    assert runs[0] == runs[1] != []
    assert all(isinstance(request, Fetch) for request in runs[0])
