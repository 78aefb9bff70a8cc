"""What Coinbase Advanced Trade's bytes mean, what the numbers of a connection tell, and what is said to the venue."""

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.conversations import Missing, Reconnect, Request, Send, Session
from breadboard.feeds import FEEDS
from breadboard.feeds.coinbase_advanced import SNAPSHOTS_S
from breadboard.feeds.coinbase_advanced_messages import CoinbaseAdvancedReader
from breadboard.feeds.connection_numbers import ANEW_AFTER, ConnectionNumbers, Verdict
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Meaning
from breadboard.model.decimals import ABSENT, price_text, size_text
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, RecordKind, SequenceRule, Side, StatusCode
from breadboard.ports import Wish
from feed_samples import content, decode
from samples.coinbase_advanced import (
    ERROR,
    LEVELS,
    book,
    envelope,
    heartbeat,
    subscriptions,
    ticker,
    trades,
)

STAMP = 1675974770714964855
SEED = 20240808


def refusal(frame: bytes) -> str:
    decoded, _ = decode("coinbase-advanced", [frame])
    return decoded.quarantined[0][1]


def test_a_trade_names_the_maker_and_the_tape_the_taker_in_the_order_of_the_ids() -> None:
    decoded, instruments = decode("coinbase-advanced", [trades(0, "update", (22, "BUY"), (21, "SELL"))])
    assert [(i.id, i.sequence_rule) for i in instruments] == [("BTC-USD.COINBASE_ADVANCED", SequenceRule.NONE)]
    found = content(decoded.tape)
    assert (found["trade_id"], found["side"]) == ([21, 22], [Side.BUY, Side.SELL])
    assert (found["index"], found["flags"]) == ([0, 1], [0, 0])
    assert found["price"] == [1_260_010_000_000] * 2
    assert found["ts_event"] == [1565815347265_000_000] * 2


def test_a_trade_whose_side_the_venue_does_not_know_has_none() -> None:
    decoded, _ = decode("coinbase-advanced", [trades(0, "update", (21, "UNKNOWN_ORDER_SIDE"), (22, "SELL"))])
    found = content(decoded.tape)
    assert (found["trade_id"], found["side"]) == ([21, 22], [Side.NONE, Side.BUY])
    assert "Invalid enum value 'OTHER'" in refusal(trades(0, "update", (21, "OTHER")))


def test_trades_from_before_we_listened_are_marked() -> None:
    decoded, _ = decode("coinbase-advanced", [trades(0, "snapshot", (20, "BUY"))])
    assert decoded.tape.flags.tolist() == [Flag.LAST_KNOWN]


@pytest.mark.parametrize("ask", ["offer", "ask"])
def test_a_book_and_its_changes(ask: str) -> None:
    frames = [book(0, "snapshot", LEVELS[0], (ask, *LEVELS[1][1:])), book(1, "update", ("bid", "21921.73", "0"))]
    found = content(decode("coinbase-advanced", frames)[0].tape)
    assert found["kind"] == [EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA]
    assert found["level_side"] == [Side.BUY, Side.SELL, Side.BUY]
    assert [price_text(price) for price in found["level_price"]] == ["21921.73", "21921.74", "21921.73"]
    assert [size_text(size) for size in found["level_size"]] == ["0.06317902", "1.5", "0"]
    assert found["ts_event"] == [STAMP, 1675974770714964000], "the envelope's, and the newest of the changes"


def test_a_level_that_no_column_holds_is_told_beside_the_book_and_costs_none() -> None:
    wish = ("offer", "9999999999.99", "0.01")
    frames = [book(0, "snapshot", *LEVELS, wish), book(1, "update", wish, ("bid", "21921.73", "2"))]
    decoded, _ = decode("coinbase-advanced", frames)
    found = content(decoded.tape)
    assert (decoded.quarantined, found["kind"]) == ((), [EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA])
    assert [price_text(price) for price in found["level_price"]] == ["21921.73", "21921.74", "21921.73"]
    assert (found["level_begin"], found["level_end"]) == ([0, 2], [2, 3])
    notes = [read(CoinbaseAdvancedReader(), frame).events[0].notes for frame in frames]
    assert notes == [{"beyond_the_tape": [["sell", "9999999999", "0.01"]]}] * 2


def test_changes_without_a_time_have_none() -> None:
    frame = book(1, "update", ("bid", "2", "0")).replace(b"2023-02-09T20:32:50.714964Z", b"1970-01-01T00:00:00Z")
    assert decode("coinbase-advanced", [frame])[0].tape.ts_event.tolist() == [ABSENT]


def test_a_ticker_is_a_quote_and_one_without_prices_is_none() -> None:
    decoded, _ = decode(
        "coinbase-advanced", [ticker(0), envelope("ticker_batch", 1, '[{"type":"update","tickers":[]}]')]
    )
    found = content(decoded.tape)
    assert (found["kind"], found["ts_event"]) == ([EventKind.QUOTE], [STAMP])
    assert (found["price"], found["ask_price"]) == ([21_931_980_000_000], [21_933_980_000_000])
    assert (found["size"], found["ask_size"]) == ([800_021_000_000], [803_807_770_938])
    assert decoded.ignored == {"ticker_batch": 1}
    empty = ticker(0).replace(b'"best_bid":"21931.98"', b'"best_bid":"0"').replace(b"8000.21", b"0")
    assert decode("coinbase-advanced", [empty])[0].tape.price.tolist() == [ABSENT]


@pytest.mark.parametrize("counter", ["3049", '"3049"'])
def test_a_heartbeat_speaks_of_the_whole_feed(counter: str) -> None:
    decoded, _ = decode("coinbase-advanced", [heartbeat(0, counter)])
    row = (decoded.tape.kind.tolist(), decoded.tape.code.tolist(), decoded.tape.instrument.tolist())
    assert row == ([EventKind.STATUS], [StatusCode.HEARTBEAT], [-1])


def test_conversation_is_control_and_counts_too() -> None:
    decoded, _ = decode("coinbase-advanced", [subscriptions(0), ERROR, heartbeat(1)])
    assert (decoded.control, decoded.data, decoded.quarantined) == (2, 1, ())
    assert decoded.tape.code.tolist() == [StatusCode.VENUE_ERROR, StatusCode.HEARTBEAT]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (envelope("gossip", 0, "[]"), "unknown message type 'gossip'"),
        (b'{"type":"news"}', "Envelope: Object missing required field `channel`"),
        (heartbeat(0).replace(b'"sequence_num":0', b'"sequence_num":-1'), "Envelope: Expected `int` >= 0"),
        (heartbeat(0).replace(b'"sequence_num":0', b'"sequence_num":true'), "Envelope: Expected `int`, got `bool`"),
        (heartbeat(0).replace(b'"sequence_num":0,', b""), "Envelope: Object missing required field `sequence_num`"),
        (heartbeat(0).replace(b"2023-02-09T", b"2023-02-30T"), "a time outside 2000 to 2099"),
        (trades(0, "update", (1, "SELL")).replace(b'"1"', b'"one"'), "not a trade id: 'one'"),
        (trades(0, "update", (2**63, "SELL")), "not a trade id: '9223372036854775808'"),
        (trades(0, "update", (1, "sell")), "Trade: Invalid enum value 'sell'"),
        (book(0, "update", ("bid", "0", "1")), "an impossible price: 0"),
        (book(0, "update", ("bid", "1", "NaN")), "not a decimal number: 'NaN'"),
        (book(0, "update", ("left", "1", "1")), "Changes: Invalid enum value 'left'"),
        (book(0, "partial"), "Changes: Invalid enum value 'partial'"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_reason(frame: bytes, reason: str) -> None:
    assert refusal(frame).startswith(reason)


def read(reader: CoinbaseAdvancedReader, frame: bytes, *, source: int = 0, epoch: int = 1, now: int = 0) -> Meaning:
    return reader.read(frame, At(source, epoch, now))


def kinds(meaning: Meaning) -> list[EventKind]:
    return [event.kind for event in meaning.events]


def test_a_hole_in_the_numbers_of_any_channel_is_a_gap_of_the_source_before_what_follows() -> None:
    reader = CoinbaseAdvancedReader()
    read(reader, subscriptions(0), source=5, now=100)
    read(reader, ticker(1), source=5, now=200)
    meaning = read(reader, heartbeat(5), source=5, now=300)
    assert kinds(meaning) == [EventKind.GAP, EventKind.STATUS]
    event = meaning.events[0]
    gap = event.gap
    assert gap is not None
    assert (event.symbol, event.flags, event.code) == (None, Flag.FEED_WIDE, GapReason.SEQUENCE)
    assert (gap.source, gap.ts_from, gap.ts_to, gap.sequence_from, gap.sequence_to) == (5, 200, 300, 2, 4)
    assert kinds(read(reader, heartbeat(6), source=5)) == [EventKind.STATUS], "told once"


def test_sources_and_connections_count_for_themselves() -> None:
    reader = CoinbaseAdvancedReader()
    for source, epoch, number in ((0, 1, 0), (1, 1, 0), (0, 1, 1), (1, 1, 1), (0, 2, 0), (1, 1, 2), (0, 2, 1)):
        assert kinds(read(reader, heartbeat(number), source=source, epoch=epoch)) == [EventKind.STATUS]
    assert kinds(read(reader, heartbeat(4), source=1)) == [EventKind.GAP, EventKind.STATUS]


def test_a_message_that_comes_again_says_nothing_but_its_trades() -> None:
    reader = CoinbaseAdvancedReader()
    for frame in (book(0, "snapshot", *LEVELS), trades(1, "update", (7, "BUY")), heartbeat(2), ticker(3)):
        read(reader, frame)
    again = read(reader, book(0, "snapshot", *LEVELS))
    assert (again.events, again.ignored) == ((), "repeated")
    assert kinds(read(reader, trades(1, "update", (7, "BUY")))) == [EventKind.TRADE]
    assert kinds(read(reader, ticker(4))) == [EventKind.QUOTE], "and the next one follows"


def test_numbers_that_begin_again_are_followed_after_a_few() -> None:
    reader = CoinbaseAdvancedReader()
    for number in range(10):
        read(reader, heartbeat(number))
    told = [kinds(read(reader, heartbeat(number))) for number in range(5)]
    assert told == [[], [], [EventKind.GAP, EventKind.STATUS], [EventKind.STATUS], [EventKind.STATUS]]


def test_a_refused_message_was_not_lost_and_costs_one_book() -> None:
    broken = book(1, "update", ("bid", "nothing", "1"))
    decoded, instruments = decode("coinbase-advanced", [heartbeat(0), broken, heartbeat(2)])
    assert [reason for _, reason in decoded.quarantined] == ["not a decimal number: 'nothing'"]
    assert decoded.tape.code.tolist() == [StatusCode.HEARTBEAT, GapReason.QUARANTINE, StatusCode.HEARTBEAT]
    assert [i.symbol for i in instruments] == ["BTC-USD"]
    assert decoded.tape.gaps == (), "no number is missing"


def test_a_hole_is_told_even_by_a_message_that_is_refused() -> None:
    reader = CoinbaseAdvancedReader()
    read(reader, heartbeat(0))
    meaning = read(reader, book(4, "update", ("bid", "nothing", "1")))
    assert (kinds(meaning), meaning.refused) == ([EventKind.GAP] * 2, "not a decimal number: 'nothing'")
    assert [(event.symbol, event.code) for event in meaning.events] == [
        (None, GapReason.SEQUENCE),
        ("BTC-USD", GapReason.QUARANTINE),
    ]


def test_its_memory_is_bytes_and_goes_on_where_it_was() -> None:
    frames = [heartbeat(number) for number in (0, 1, 1, 0, 1, 2, 5, 6, 3, 4, 5, 6)]
    for cut in range(len(frames)):
        whole, first = CoinbaseAdvancedReader(), CoinbaseAdvancedReader()
        told = [read(whole, frame, now=at) for at, frame in enumerate(frames)]
        for at, frame in enumerate(frames[:cut]):
            read(first, frame, now=at)
        second = CoinbaseAdvancedReader()
        second.restore(first.snapshot())
        assert second.snapshot() == first.snapshot()
        assert [read(second, frame, now=cut + at) for at, frame in enumerate(frames[cut:])] == told[cut:]
    fresh = CoinbaseAdvancedReader()
    fresh.restore(b"")
    assert fresh.snapshot() == b""


@given(lost=st.sets(st.integers(1, 98), max_size=20))
def test_every_message_that_is_withheld_is_in_exactly_one_gap(lost: set[int]) -> None:
    reader = CoinbaseAdvancedReader()
    gaps = [
        event.gap
        for number in range(100)
        if number not in lost
        for event in read(reader, heartbeat(number)).events
        if event.gap is not None
    ]
    found = [n for gap in gaps for n in range(gap.sequence_from or 0, (gap.sequence_to or 0) + 1)]
    assert found == sorted(lost)


def test_numbers_say_what_a_message_is() -> None:
    numbers = ConnectionNumbers()
    assert [numbers.take(n) for n in (7, 8, 10, 10, 9, 11)] == [
        *(Verdict.NEXT, Verdict.NEXT, Verdict.HOLE, Verdict.REPEAT, Verdict.REPEAT, Verdict.NEXT)
    ]
    again = [numbers.take(n) for n in range(ANEW_AFTER + 1)]
    assert again == [Verdict.REPEAT] * (ANEW_AFTER - 1) + [Verdict.ANEW, Verdict.NEXT]


def test_batches_of_any_size_tell_the_same_gaps() -> None:
    chance = random.Random(SEED)
    frames = [heartbeat(n) for n in range(300) if chance.random() > 0.1]

    def gaps(size: int) -> list[Any]:
        decoder = FEEDS["coinbase-advanced"].decoder(Instruments())
        whole = Frames.of(frames, list(range(len(frames))), kind=RecordKind.DATA)
        parts = [decoder.decode(whole.take(slice(i, i + size))) for i in range(0, len(frames), size)]
        return [gap for part in parts for gap in part.tape.gaps]

    assert gaps(1) == gaps(7) == gaps(1000) != [], f"seed {SEED}"


def session(*products: str, channels: tuple[str, ...] = ("trade", "quote", "book")) -> Session:
    return FEEDS["coinbase-advanced"].session(Wish(products or ("BTC-USD",), channels))


def words(requests: list[Request]) -> list[tuple[str, str, list[str]]]:
    said = [json.loads(request.text) for request in requests if isinstance(request, Send)]
    assert len(said) == len(requests)
    return [(message["type"], message["channel"], message.get("product_ids", [])) for message in said]


def test_one_channel_a_message_and_heartbeats_first() -> None:
    subject = session("btc-usd", "ETH-USD")
    assert subject.url == "wss://advanced-trade-ws.coinbase.com"
    both = ["BTC-USD", "ETH-USD"]
    assert words(subject.on_connect()) == [
        ("subscribe", "heartbeats", []),
        *(("subscribe", name, both) for name in ("market_trades", "ticker", "level2")),
    ]


def test_a_hole_subscribes_anew_to_what_begins_with_a_snapshot_and_waits_for_it() -> None:
    subject = session()
    subject.on_connect()
    one = ["BTC-USD"]
    assert subject.on_frames([subscriptions(0), ticker(1), heartbeat(2)]) == []
    renewed = [
        *(("unsubscribe", "market_trades", one), ("unsubscribe", "level2", one)),
        *(("subscribe", "market_trades", one), ("subscribe", "level2", one)),
    ]
    assert words(subject.on_frames([heartbeat(5)])) == renewed
    assert subject.on_frames([heartbeat(9), heartbeat(12)]) == [], "the snapshot is under way"
    (trades,) = subject.on_time(1000.0)
    assert isinstance(trades, Missing)
    assert (trades.symbol, trades.channel, trades.over) == (None, "trade", True)
    subject.on_frames([book(13, "snapshot", *LEVELS)])
    over, *again = subject.on_time(1001.0)
    assert isinstance(over, Missing)
    assert words(again) == renewed, "older than the last hole, perhaps"
    subject.on_frames([book(14, "snapshot", *LEVELS)])
    told = [each for second in (1002.0, 1003.0) for each in subject.on_time(second)]
    assert [(each.symbol, each.channel, each.over) for each in told if isinstance(each, Missing)] == [
        ("BTC-USD", "book", True),
        (None, "trade", True),
    ]
    assert subject.on_time(1004.0) == []


def test_trades_that_are_subscribed_to_anew_once_more_are_missing_for_longer() -> None:
    subject = session(channels=("trade",))
    subject.on_connect()
    subject.on_time(1000.0)
    subject.on_frames([heartbeat(0), heartbeat(2)])
    assert subject.on_time(1001.0) == []
    subject.on_frames([heartbeat(5)])  # another hole a moment before the first is told
    told = [(second, each) for second in range(1002, 1007) for each in subject.on_time(float(second))]
    assert [(at, one.since_s, one.over) for at, one in told if isinstance(one, Missing)] == [
        (1002, 1000.0, False),
        (1004, 1002.0, True),
    ]
    assert len(told) == 2


def test_trades_missed_by_a_new_subscription_are_told_also_where_the_connection_ends_before() -> None:
    subject = session(channels=("trade",))
    subject.on_connect()
    subject.on_time(1000.0)
    subject.on_frames([heartbeat(0), heartbeat(2)])
    subject.on_connect()
    (told,) = subject.on_time(1005.0)
    assert isinstance(told, Missing)
    assert (told.channel, told.since_s, told.over) == ("trade", 1000.0, True)
    assert subject.on_time(1006.0) == []


@pytest.mark.parametrize(
    "broken",
    [
        book(1, "update", ("bid", "nothing", "1"), product="ETH-USD"),
        book(1, "update", ("bid", "0", "1"), product="ETH-USD"),
        book(1, "update", ("bid", "1", "-1"), product="ETH-USD"),
        book(1, "update", ("left", "1", "1"), product="ETH-USD"),
        book(1, "update", ("bid", "1", "1"), product="ETH-USD").replace(b"02-09T20:32:50.714964Z", b"02-09T25:32:50Z"),
    ],
)
def test_a_book_with_a_level_that_cannot_be_read_begins_anew_within_a_second_and_then_more_seldom(
    broken: bytes,
) -> None:
    assert refusal(broken)
    subject = session("BTC-USD", "ETH-USDC")
    subject.on_connect()
    subject.on_frames([book(0, "snapshot", *LEVELS, product="ETH-USD")])
    asked: list[int] = []
    for second in range(26):
        head, tail = broken.split(b'"sequence_num":1,')
        number = b'"sequence_num":%d,' % (2 * second + 1)
        subject.on_frames([head + number + tail, book(2 * second + 2, "snapshot", *LEVELS, product="ETH-USD")])
        said: list[Request] = [each for each in subject.on_time(1000.0 + second) if isinstance(each, Send)]
        if said:
            asked.append(second)
            assert words(said) == [("unsubscribe", "level2", ["ETH-USDC"]), ("subscribe", "level2", ["ETH-USDC"])]
    assert asked == [0, 5, 15]


def test_a_book_that_was_read_to_its_end_is_not_asked_for_again() -> None:
    subject = session()
    subject.on_connect()
    for number, level in enumerate([*LEVELS, ("offer", "21921.7400000000000", "1.5"), ("offer", "9999999999.99", "1")]):
        frame = book(number, "update", level)
        assert decode("coinbase-advanced", [frame])[0].quarantined == ()
        subject.on_frames([frame])
    assert [subject.on_time(1000.0 + second) for second in range(3)] == [[]] * 3


def test_a_snapshot_that_does_not_come_ends_the_connection() -> None:
    subject = session("BTC-USDC")
    subject.on_connect()
    subject.on_frames([heartbeat(0), heartbeat(2)])
    said = [subject.on_time(1000.0 + second) for second in range(60)]
    left = [second for second, each in enumerate(said) if any(isinstance(one, Reconnect) for one in each)]
    assert left[0] == SNAPSHOTS_S + 1
    subject.on_connect()
    subject.on_frames([heartbeat(0), heartbeat(2), book(3, "snapshot", *LEVELS)])
    asked = [request for second in range(60) for request in subject.on_time(1000.0 + second)]
    assert not any(isinstance(request, Reconnect) for request in asked), "BTC-USDC is answered as BTC-USD"


def acknowledged(number: int, **channels: list[str]) -> bytes:
    return envelope("subscriptions", number, json.dumps([{"subscriptions": channels}], separators=(",", ":")))


def test_a_channel_that_the_venue_never_acknowledges_is_told_and_asked_for_again() -> None:
    subject = session("BTC-USD", "ETH-USDC")
    subject.on_connect()
    both = ["BTC-USD", "ETH-USD"]
    numbers = iter(range(1000))
    subject.on_frames([acknowledged(next(numbers), heartbeats=["heartbeats"], ticker=both)])
    subject.on_frames([acknowledged(next(numbers), level2=["BTC-USD", "ETH-USDC"], ticker=both)])
    told: dict[int, list[Request]] = {}
    for second in range(32):
        subject.on_frames([heartbeat(next(numbers))])
        found = subject.on_time(1000.0 + second)
        told |= {second: found} if found else {}
    assert list(told) == [31]
    missing, *said = told[31]
    assert missing == Missing(None, "trade", GapReason.SUBSCRIPTION, 1000.0, "not acknowledged for 31 s")
    asked = ["ETH-USDC", "BTC-USD"]
    assert words(said) == [("unsubscribe", "market_trades", asked), ("subscribe", "market_trades", asked)]
    subject.on_frames([acknowledged(next(numbers), level2=both, ticker=both, market_trades=both)])
    over = [(each.symbol, each.since_s, each.over) for each in subject.on_time(1032.0) if isinstance(each, Missing)]
    assert over == [("ETH-USDC", 1031.0, True), ("BTC-USD", 1031.0, True)]


def test_without_books_and_trades_nothing_needs_to_be_renewed() -> None:
    subject = session(channels=("quote",))
    subject.on_connect()
    assert subject.on_frames([heartbeat(0), heartbeat(2)]) == []


def test_the_venue_is_left_after_an_error_but_not_for_ever() -> None:
    subject = session()
    told = [subject.on_connect() and subject.on_frames([ERROR]) for _ in range(5)]
    assert [bool(requests) for requests in told] == [True, True, True, False, False]
    assert told[0] == [Reconnect("the venue says: authentication failure")]
