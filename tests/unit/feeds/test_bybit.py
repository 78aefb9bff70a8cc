"""What Bybit's bytes mean, what is refused with the reason, and what is said to the venue."""

import json
from itertools import pairwise
from typing import Any

import pytest

from breadboard.conversations import Denied, Missing, Reconnect, Request, Send, Session
from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.errors import UsageError
from breadboard.feeds import FEEDS
from breadboard.feeds.bybit import ARGS_A_REQUEST, QUIET_S, SNAPSHOT_S
from breadboard.feeds.bybit_messages import BybitReader
from breadboard.feeds.deepest_book import SILENT_NS
from breadboard.feeds.readers import At
from breadboard.model.decimals import ABSENT, price_text, size_text
from breadboard.model.kinds import BookState, EventKind, Flag, GapReason, SequenceRule, Side, StatusCode, Uncounted
from breadboard.ports import Wish
from feed_samples import content, decode
from feed_samples import rows as rows_of
from samples.bybit import ACKNOWLEDGED, BOOK, DELTA, PONG, QUOTE, REFUSED, SHORT_PONG, SPOT_TRADE, TICKER, TRADE


def rows(*frames: bytes) -> dict[str, list[int]]:
    decoded, instruments = decode("bybit", frames)
    assert decoded.quarantined == ()
    assert {(i.id, i.sequence_rule) for i in instruments} <= {("BTCUSDT.BYBIT", SequenceRule.LINK)}
    return content(decoded.tape)


def refusal(frame: bytes) -> str:
    decoded, _ = decode("bybit", [frame])
    assert set(decoded.tape.kind.tolist()) <= {EventKind.GAP}
    return decoded.quarantined[0][1]


def test_a_book_counts_its_updates_and_a_snapshot_begins_anew() -> None:
    found = rows(BOOK, DELTA)
    assert found["kind"] == [EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA]
    assert found["sequence"] == [18521288, 18521289]
    assert found["sequence_prev"] == [ABSENT, 18521288]
    assert found["ts_event"] == [1672304484976_000_000, 1687940967464_000_000], "cts, not ts"
    told = zip(*(found[f"level_{name}"] for name in ("side", "price", "size", "size_exp")), strict=True)
    assert [(side, price_text(price, 2), size_text(size, exp)) for side, price, size, exp in told] == [
        (Side.BUY, "16493.50", "0.006"),
        (Side.BUY, "16493.00", "0.1"),
        (Side.SELL, "16611.00", "0.029"),
        (Side.SELL, "16612.00", "0.213"),
        (Side.BUY, "30247.20", "30.028"),
        (Side.BUY, "30245.40", "0"),
        (Side.SELL, "30248.70", "0"),
        (Side.SELL, "30249.30", "0.892"),
    ]


def test_keys_are_found_by_their_names_in_any_order() -> None:
    def shuffled(value: Any) -> Any:  # noqa: ANN401 - any JSON
        return {k: shuffled(v) for k, v in reversed(value.items())} if isinstance(value, dict) else value

    for frame in (BOOK, DELTA, QUOTE, SPOT_TRADE, TRADE):
        again = rows(json.dumps(shuffled(json.loads(frame))).encode())
        plain = rows(frame)
        levels = list(zip(*(again.pop(f"level_{n}") for n in ("side", "price", "size", "size_exp")), strict=True))
        assert sorted(levels) == sorted(
            zip(*(plain.pop(f"level_{n}") for n in ("side", "price", "size", "size_exp")), strict=True)
        )
        assert again == plain


def test_a_book_without_the_engines_time_has_the_messages() -> None:
    assert rows(BOOK.replace(b',"cts":1672304484976', b""))["ts_event"] == [1672304484978_000_000]


def test_depth_one_is_the_best_bid_and_offer_and_a_missing_side_is_absent() -> None:
    found = rows(QUOTE, QUOTE.replace(b'[["16493.50","0.006"]]', b"[]"))
    assert found["kind"] == [EventKind.QUOTE] * 2
    assert (found["price"], found["ask_price"]) == ([16493_500_000_000, ABSENT], [16611_000_000_000] * 2)
    assert (found["size"], found["ask_size"], found["sequence"]) == ([600_000, ABSENT], [2_900_000] * 2, [5, 5])


def change(number: int, bids: str, asks: str) -> bytes:
    frame = (
        f'{{"topic":"orderbook.1.BTCUSDT","ts":1672304485000,"type":"delta","data":{{"s":"BTCUSDT","b":[{bids}],'
        f'"a":[{asks}],"u":{number},"seq":7961638725}}}}'
    )
    return frame.encode()


RAISED = change(6, '["16493.50","0.5"]', "")
MOVED = change(7, '["16493.50","0"],["16492.00","3"]', '["16610.00","2"],["16611.00","0"]')
EMPTIED = change(8, "", '["16610.00","0"]')


def test_a_delta_of_depth_one_changes_the_sides_it_has_and_leaves_the_other() -> None:
    found = rows(QUOTE, RAISED, MOVED, EMPTIED, change(9, '["16000","0"]', '["16612","1"]'))
    assert found["kind"] == [EventKind.QUOTE] * 5
    assert [price_text(price) for price in found["price"]] == ["16493.5"] * 2 + ["16492"] * 3
    assert [size_text(size) for size in found["size"]] == ["0.006", "0.5", "3", "3", "3"]
    assert found["ask_price"] == [16611_000_000_000, 16611_000_000_000, 16610_000_000_000, ABSENT, 16612_000_000_000]
    assert found["ask_size"] == [2_900_000, 2_900_000, 200_000_000, ABSENT, 100_000_000]
    assert found["sequence"] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("before", [(), (QUOTE,), (QUOTE, RAISED[:-9]), (QUOTE, change(6, '["-1","1"]', ""))])
def test_a_delta_of_depth_one_that_does_not_follow_is_no_quote_until_the_next_snapshot(before: tuple[bytes]) -> None:
    decoded, _ = decode("bybit", [*before, MOVED, EMPTIED, QUOTE, RAISED])
    assert decoded.ignored == {"orderbook.1 without its snapshot": 2}
    quotes = rows_of(decoded.tape, EventKind.QUOTE)
    assert quotes.sequence.tolist() == [5] * len(before[:1]) + [5, 6]


def test_quotes_are_forgotten_with_the_connection_and_survive_a_restart() -> None:
    first, again = BybitReader(), BybitReader()
    first.read(QUOTE, At(0, 1, 0))
    again.restore(first.snapshot())
    assert again.read(RAISED, At(0, 1, 0)) == first.read(RAISED, At(0, 1, 0))
    assert again.snapshot() == first.snapshot()
    assert again.read(MOVED, At(0, 2, 0)).ignored == "orderbook.1 without its snapshot"
    assert [event.sequence for event in first.read(MOVED, At(0, 1, 0)).events] == [7]


def whole(depth: int, number: int, kind: str = "delta", levels: int = 0) -> bytes:
    rows = ",".join(f'["{30_000 - place}","1"]' for place in range(levels or 1))
    return (
        f'{{"topic":"orderbook.{depth}.BTCUSDT","type":"{kind}","ts":1687940967466,"data":{{"s":"BTCUSDT","b":[{rows}],'
        f'"a":[],"u":{number},"seq":1}}}}'
    ).encode()


SEVERAL = (
    *(QUOTE, whole(50, 1000, "snapshot", 50), whole(50, 1001), whole(500, 88_000, "snapshot", 500), whole(50, 1002)),
    *(RAISED, whole(500, 88_001), whole(50, 1003), whole(50, 1004), whole(500, 88_002)),
)


@pytest.mark.parametrize("batch", [1, 100])
def test_of_a_symbols_books_in_several_depths_the_deepest_is_the_book(batch: int) -> None:
    decoded, _ = decode("bybit", SEVERAL, batch=batch)
    assert decoded.quarantined == ()
    assert decoded.ignored == {"orderbook.50 beside orderbook.500": 3}
    books = Books(lambda _: SequenceRule.LINK)
    books.on_tape(decoded.tape)
    view = books.view(0)
    assert (view.state, len(view.bids)) == (BookState.LIVE, 500)
    assert content(decoded.tape)["sequence"] == [5, 1000, 1001, 88_000, 6, 88_001, 88_002]


def test_which_depth_is_the_book_is_kept_over_a_restart_and_forgotten_with_the_connection() -> None:
    first, again = BybitReader(), BybitReader()
    for frame in SEVERAL:
        first.read(frame, At(0, 1, 7))
    again.restore(first.snapshot())
    assert again.snapshot() == first.snapshot()
    shallow = whole(50, 1005, "snapshot")
    assert again.read(shallow, At(0, 1, 8)).ignored == "orderbook.50 beside orderbook.500"
    assert [event.sequence for event in again.read(shallow, At(0, 2, 9)).events] == [1005]
    assert [event.sequence for event in again.read(shallow, At(1, 1, 9)).events] == [1005], "another source"


def test_a_deep_book_that_fell_silent_gives_its_place_to_the_next_that_begins() -> None:
    reader = BybitReader()
    reader.read(whole(500, 88_000, "snapshot"), At(0, 1, 0))
    assert reader.read(whole(50, 1000, "snapshot"), At(0, 1, SILENT_NS)).events == ()
    assert len(reader.read(whole(50, 1000, "snapshot"), At(0, 1, SILENT_NS + 1)).events) == 1
    assert reader.read(whole(500, 88_001), At(0, 1, SILENT_NS + 2)).ignored == "orderbook.500 beside orderbook.50"


def test_spot_numbers_its_trades_and_derivatives_name_them() -> None:
    decoded, _ = decode("bybit", [SPOT_TRADE, TRADE])
    found = content(decoded.tape)
    assert found["side"] == [Side.BUY, Side.SELL], "the taker's"
    assert found["trade_id"] == [2290000000061666327, ABSENT]
    assert found["ts_event"] == [1672304486865_000_000] * 2
    assert [size_text(size) for size in found["size"]] == ["0.141158", "0.001"]
    (spot,), (named,) = (BybitReader().read(frame, At(0, 1, 0)).events for frame in (SPOT_TRADE, TRADE))
    assert spot.notes == {"rpi": True}
    assert named.notes == {"id": "20f43950-d8dd-5b31-9112-a178eb6023af", "tick": "PlusTick"}


def test_a_block_trade_is_on_the_tape_and_counts_for_nothing() -> None:
    block = SPOT_TRADE.replace(b'"BT":false', b'"BT":true').replace(b"16578.50", b"12000")
    found = rows(SPOT_TRADE, block, TRADE)
    assert found["flags"] == [0, Flag.INELIGIBLE, 0], "RPI, which the first one is, is a match of the book"
    assert found["code"] == [0, Uncounted.ALL | Uncounted.DAY_PRICES | Uncounted.DAY_VOLUME, 0]
    assert found["price"] == [16_578_500_000_000, 12_000_000_000_000, 16_578_500_000_000]
    later = TRADE.replace(b"1672304486865", b"1672304490000")
    made = Bars(lateness_ms=2000, idle_s=5.0).on_tape(decode("bybit", [SPOT_TRADE, block, TRADE, later])[0].tape)
    assert made is not None
    second = made[made["interval"] == 1]
    assert second[["low", "close", "trades"]].tolist() == [(16_578_500_000_000, 16_578_500_000_000, 2)]
    assert second[["volume_whole", "volume_fraction"]].tolist() == [(0, 142_158 * 10**12)], "0.141158 and 0.001"


def test_a_message_of_a_thousand_trades_is_a_thousand_trades_in_their_order() -> None:
    message = json.loads(SPOT_TRADE)
    (trade,) = message["data"]
    message["data"] = [trade | {"i": str(number), "S": "Sell" if number % 3 else "Buy"} for number in range(1024)]
    found = rows(json.dumps(message).encode())
    assert found["trade_id"] == list(range(1024))
    assert found["index"] == list(range(1024))
    message["data"] *= 3
    assert refusal(json.dumps(message).encode()) == "3072 trades in one message"


def test_conversation_is_control_and_a_refusal_names_its_symbol_on_the_tape() -> None:
    decoded, instruments = decode("bybit", [ACKNOWLEDGED, PONG, SHORT_PONG, REFUSED])
    assert (decoded.control, decoded.data) == (4, 0)
    assert [(i.symbol) for i in instruments] == ["NOPEUSDT"]
    assert (decoded.tape.kind.tolist(), decoded.tape.code.tolist()) == ([EventKind.STATUS], [StatusCode.REFUSED])
    assert decoded.notes[3, 0]["topic"] == "orderbook.200.NOPEUSDT"
    decoded, _ = decode("bybit", [REFUSED.replace(b"orderbook", b"nothing")])
    assert (decoded.tape.code.tolist(), decoded.tape.instrument.tolist()) == ([StatusCode.REFUSED], [-1])


def test_topics_without_events_here_are_ignored_by_name() -> None:
    status = b'{"topic":"system.status","ts":1751858399649,"data":[{"id":"4d95b2a0","state":"completed"}]}'
    decoded, _ = decode("bybit", [TICKER, TICKER.replace(b"tickers", b"orderbook.rpi"), status])
    assert (decoded.ignored, decoded.quarantined) == ({"tickers": 1, "orderbook.rpi": 1, "system.status": 1}, ())


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b'{"topic":"gossip.BTCUSDT"}', "unknown message type 'gossip.BTCUSDT'"),
        (b'{"topic":"system.statuses"}', "unknown message type 'system.statuses'"),
        (BOOK.replace(b".200.", b".200000."), "unknown message type 'orderbook.200000.BTCUSDT'"),
        (b'{"topic":7}', "unknown message type '7'"),
        (b"{}", "a message without a type"),
        (BOOK.replace(b'"u":18521288,', b""), "Book: Object missing required field `u` - at `$.data`"),
        (BOOK.replace(b"18521288", b'"18521288"'), "Book: Expected `int`, got `str` - at `$.data.u`"),
        (BOOK.replace(b'"16493.50"', b"16493.50"), "Book: Expected `str`, got `float` - at `$.data.b[0][0]`"),
        (BOOK.replace(b'"snapshot"', b'"partial"'), "Book: Invalid enum value 'partial' - at `$.type`"),
        (BOOK.replace(b'"s":"BTCUSDT"', b'"s":"ETHUSDT"'), "the book of 'ETHUSDT' under the topic"),
        (QUOTE.replace(b'"0.006"]]', b'"0.006"],["16493.00","1"]]'), "2 levels on a side of a book of depth 1"),
        (SPOT_TRADE.replace(b'"0.141158"', b'"0"'), "a trade of size 0"),
        (SPOT_TRADE.replace(b"16578.50", b"-1"), "an impossible price: -1"),
        (SPOT_TRADE.replace(b'"Buy"', b'"BUY"'), "Print: Invalid enum value 'BUY' - at `$.S`"),
        (SPOT_TRADE.replace(b"1672304486865", b"1672304486"), "a time outside 2000 to 2100: 1672304486"),
        (BOOK.replace(b'"ts"', b'"u":1,"ts"').replace(b'"seq"', b'"u":2,"seq"'), "the key 'u' is given twice"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_reason(frame: bytes, reason: str) -> None:
    assert refusal(frame).startswith(reason)


def session(*symbols: str, channels: tuple[str, ...] = ("trade", "quote", "book"), name: str = "bybit") -> Session:
    return FEEDS[name].session(Wish(symbols or ("BTCUSDT",), channels))


def words(requests: list[Request]) -> list[dict[str, Any]]:
    assert all(isinstance(request, Send) for request in requests)
    return [json.loads(request.text) for request in requests if isinstance(request, Send)]


def book(number: int, kind: str = "delta", topic: str = "orderbook.200.BTCUSDT") -> bytes:
    said = f'"s":"{topic.rpartition(".")[2]}","b":[],"a":[],"u":{number},"seq":1'
    return f'{{"topic":"{topic}","type":"{kind}","ts":1672304484978,"data":{{{said}}}}}'.encode()


@pytest.mark.parametrize(
    ("name", "path"), [("bybit", "spot"), ("bybit-linear", "linear"), ("bybit-inverse", "inverse")]
)
def test_each_market_lives_at_its_own_address(name: str, path: str) -> None:
    assert session(name=name).url == f"wss://stream.bybit.com/v5/public/{path}"
    assert FEEDS[name].capabilities.venue == name.replace("-", "_").upper()


def test_no_request_has_more_topics_than_spot_takes() -> None:
    said = words(session(*(f"COIN{number}USDT" for number in range(25))).on_connect())
    assert [message["op"] for message in said] == ["subscribe"] * 8
    topics = [topic for message in said for topic in message["args"]]
    assert max(len(message["args"]) for message in said) == ARGS_A_REQUEST
    assert len(set(topics)) == len(topics) == 75
    assert {"publicTrade.COIN0USDT", "orderbook.1.COIN0USDT", "orderbook.200.COIN0USDT"} <= set(topics)
    assert len({message["req_id"] for message in said}) == 8


def test_topics_longer_than_a_connection_takes_are_refused() -> None:
    with pytest.raises(UsageError, match="longer than the 21000 characters"):
        session(*(f"{'X' * 40}{number}" for number in range(150)))


def acknowledged(
    subject: Session, requests: list[Request], *, success: bool = True, ret_msg: str = ""
) -> list[Request]:
    """Let the venue answer what is asked for; return what follows."""
    answers = [
        {"success": success, "ret_msg": ret_msg, "conn_id": "x", "req_id": message["req_id"], "op": "subscribe"}
        for message in words(requests)
    ]
    return subject.on_frames([json.dumps(answer, separators=(",", ":")).encode() for answer in answers])


def test_a_jump_subscribes_anew_to_that_book_alone_and_only_once() -> None:
    subject = session("BTCUSDT", "ETHUSDT")
    subject.on_connect()
    assert subject.on_frames([book(7, "snapshot"), book(8), book(9)]) == []
    said = words(subject.on_frames([book(11), book(12), book(13)]))
    assert [(message["op"], message["args"]) for message in said] == [
        ("unsubscribe", ["orderbook.200.BTCUSDT"]),
        ("subscribe", ["orderbook.200.BTCUSDT"]),
    ]
    assert subject.on_frames([book(1, "snapshot"), book(2), book(3)]) == [], "1: the service was restarted"
    assert subject.on_frames([book(3)]) == [], "sent once more"
    assert len(subject.on_frames([book(2)])) == 2, "an older number is no update that follows"


@pytest.mark.parametrize(
    "change",
    [
        (b'["30247.20","30.028"]', b'["3o247.20","30.028"]'),
        (b'["30247.20","30.028"]', b'["0.0","30.028"]'),
        (b'"30.028"', b'"-1"'),
        (b'["30245.40","0"]', b'["30245.40"]'),
        (b'"cts":1687940967464', b'"cts":1687940967'),
        (b'"s":"BTCUSDT"', b'"s":"ETHUSDT"'),
    ],
)
def test_a_book_with_a_level_that_cannot_be_read_begins_anew_within_a_second_and_then_more_seldom(
    change: tuple[bytes, bytes],
) -> None:
    subject, broken = session("BTCUSDT", "ETHUSDT", channels=("book",)), DELTA.replace(*change)
    assert refusal(broken)
    acknowledged(subject, subject.on_connect())
    asked: list[int] = []
    for second in range(40):
        subject.on_frames([book(7, "snapshot", f"orderbook.200.{symbol}") for symbol in ("BTCUSDT", "ETHUSDT")])
        assert subject.on_frames([broken.replace(b"18521289", b"8"), book(9)]) == [], "not at once: it may go on"
        said: list[Request] = [each for each in subject.on_time(1000.0 + second) if isinstance(each, Send)]
        if said:
            asked.append(second)
            assert [(message["op"], message["args"]) for message in words(said)] == [
                ("unsubscribe", ["orderbook.200.BTCUSDT"]),
                ("subscribe", ["orderbook.200.BTCUSDT"]),
            ]
    assert asked == [0, 5, 15, 35]


def test_a_snapshot_that_cannot_be_read_is_none_and_digits_beyond_the_plain_are_read_as_the_decoder_does() -> None:
    subject = session("BTCUSDT", channels=("book",))
    acknowledged(subject, subject.on_connect())
    subject.on_frames([BOOK.replace(b"16493.50", b"16493,50"), DELTA])
    assert len(subject.on_time(1000.0)) == 2
    subject.on_frames([BOOK.replace(b"16493.50", b"16493.5000000000000")])
    assert rows(BOOK.replace(b"16493.50", b"16493.5000000000000"))
    assert subject.on_frames([DELTA]) == []
    told = [request for second in range(1, 60) for request in subject.on_time(1000.0 + second)]
    assert [isinstance(request, Missing) and request.over for request in told] == [True], "it is heard again"


def test_what_was_refused_together_is_asked_for_singly_and_then_given_up() -> None:
    subject = session("BTCUSDT", "NOPEUSDT", channels=("book",))
    (first,) = words(subject.on_connect())
    no = '{{"success":false,"ret_msg":"Invalid symbol","conn_id":"x","req_id":"{}","op":"subscribe"}}'
    again = words(subject.on_frames([no.format(first["req_id"]).encode()]))
    assert [message["args"] for message in again] == [["orderbook.200.BTCUSDT"], ["orderbook.200.NOPEUSDT"]]
    assert subject.on_frames([no.format(again[1]["req_id"]).encode()]) == [Denied("NOPEUSDT", "book", "Invalid symbol")]
    subject.on_frames([book(7, "snapshot")])
    for second in range(200):
        assert subject.on_time(1000.0 + second) == [], "there is nothing to wait for"


def test_topics_that_the_venue_never_acknowledges_are_told_and_asked_for_again_together() -> None:
    subject = session("BTCUSDT", "ETHUSDT", channels=("trade",))
    (first,) = words(subject.on_connect())
    told = {second: found for second in range(32) if (found := subject.on_time(1000.0 + second))}
    assert list(told) == [31]
    missing, stop, start = told[31]
    since = Missing(None, "trade", GapReason.SUBSCRIPTION, 1000.0, "not acknowledged for 31 s")
    assert missing == since, "of both symbols: of the whole channel"
    assert [message["args"] for message in words([stop, start])] == [first["args"]] * 2
    acknowledged(subject, [start])
    over = [(each.symbol, each.since_s, each.over) for each in subject.on_time(1032.0) if isinstance(each, Missing)]
    assert over == [("BTCUSDT", 1031.0, True), ("ETHUSDT", 1031.0, True)]
    assert [request for second in range(33, 300) for request in subject.on_time(1000.0 + second)] == []


@pytest.mark.parametrize(
    ("ret_msg", "is_told"), [("error:already subscribed,topic:publicTrade.BTCUSDT", False), ("too many requests", True)]
)
def test_a_refusal_that_may_pass_is_no_end_and_what_is_there_already_is_made(ret_msg: str, is_told: bool) -> None:
    subject = session(channels=("trade",))
    assert acknowledged(subject, subject.on_connect(), success=False, ret_msg=ret_msg) == []
    told = [request for second in range(32) for request in subject.on_time(1000.0 + second)]
    assert [request.detail for request in told if isinstance(request, Missing)] == (
        ["not acknowledged for 31 s"] if is_told else []
    )


def test_a_snapshot_that_does_not_come_is_asked_for_again_less_and_less_often() -> None:
    subject = session(channels=("book",))
    acknowledged(subject, subject.on_connect())
    asked = []
    for second in range(100):
        requests = subject.on_time(1000.0 + second)
        acknowledged(subject, requests)
        asked += [second] if requests else []
    assert asked[0] == SNAPSHOT_S + 1
    assert len(asked) == 3


def test_a_quote_that_stops_is_told_and_subscribed_to_anew_and_a_mute_connection_is_left() -> None:
    subject = session("BTCUSDT", "ETHUSDT", channels=("quote",))
    subject.on_connect()
    alive, dying = (book(5, "snapshot", f"orderbook.1.{symbol}") for symbol in ("BTCUSDT", "ETHUSDT"))
    subject.on_frames([alive, dying])
    said: list[tuple[int, Request]] = []
    for second in range(20):
        subject.on_frames([alive])
        said += [(second, request) for request in subject.on_time(1000.0 + second)]
    assert [second for second, _ in said] == [QUIET_S + 1] * 3
    missing = said[0][1]
    assert isinstance(missing, Missing)
    assert (missing.symbol, missing.channel, missing.reason) == ("ETHUSDT", "quote", GapReason.SUBSCRIPTION)
    assert missing.since_s == 1000.0
    assert [m["op"] for m in words([request for _, request in said[1:]])] == ["unsubscribe", "subscribe"]
    subject.on_frames([PONG])
    later = [request for second in range(20, 60) for request in subject.on_time(1000.0 + second)]
    mute = [each for each in later if not isinstance(each, Missing) or each.symbol is None]
    assert isinstance(mute[0], Missing)
    assert isinstance(mute[1], Reconnect)


def test_a_quote_that_never_comes_is_worth_one_new_connection_and_no_more() -> None:
    """Of a contract before its market opens there is no book, and the venue acknowledges it all the same."""
    subject = session("BTCUSDT", "PREUSDT", channels=("quote",))
    acknowledged(subject, subject.on_connect())
    alive, left = book(5, "snapshot", "orderbook.1.BTCUSDT"), []
    for second in range(6 * 3600):
        subject.on_frames([alive])
        requests = subject.on_time(float(second))
        acknowledged(subject, [request for request in requests if isinstance(request, Send)])
        if any(isinstance(request, Reconnect) for request in requests):
            left.append(second)
            acknowledged(subject, subject.on_connect())
    assert len(left) == 1


@pytest.mark.parametrize("began", [True, False])
def test_a_quote_that_stops_or_never_comes_is_missing_until_it_is_heard_again(began: bool) -> None:
    """BTCUSDT goes on all the time; ETHUSDT is silent from 1,000 s to 4,600 s."""
    subject = session("BTCUSDT", "ETHUSDT", channels=("quote",))
    acknowledged(subject, subject.on_connect())
    alive, dying = (book(5, "snapshot", f"orderbook.1.{symbol}") for symbol in ("BTCUSDT", "ETHUSDT"))
    gaps: list[tuple[float, int, bool]] = []
    asked: list[int] = []
    silent = 1000 - began
    for second in range(silent, 4700):
        subject.on_frames([alive, dying] if second >= 4600 or second < 1000 else [alive])
        requests = subject.on_time(float(second))
        said = [request for request in requests if isinstance(request, Send)]
        acknowledged(subject, list[Request](said))
        asked += [second] * bool(said)
        for each in requests:
            if isinstance(each, Missing):
                assert (each.symbol, each.channel) == ("ETHUSDT", "quote")
                gaps.append((each.since_s, second, each.over))
    assert gaps[0] == (float(silent), silent + 16, False)
    assert all(one[1] == other[0] for one, other in pairwise(gaps)), "without a hole"
    assert max(end - begin for begin, end, _ in gaps) <= 61
    assert gaps[-1][1:] == (4600, True)
    assert [over for *_, over in gaps[:-1]] == [False] * (len(gaps) - 1)
    assert asked[0] == silent + 16
    assert 4 <= len(asked) < 20, "ever more seldom"
