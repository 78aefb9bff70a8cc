"""What a streamer's frame means in the light of those before it."""

import base64
import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.conversations import Denied, Send
from breadboard.errors import UsageError
from breadboard.feeds.describe import Describer
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event
from breadboard.feeds.yahoo import YAHOO, symbol_in
from breadboard.feeds.yahoo_messages import PricingReader
from breadboard.feeds.yahoo_protobuf import QuoteType as Quoted
from breadboard.model.decimals import ABSENT, price_text, size_text
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind, StatusCode
from breadboard.model.listing import MARKET_HOURS, QuoteType
from breadboard.ports import Wish
from breadboard.sim.yahoo_protobuf import encode, framed, varint
from recordings import recording
from samples.yahoo import made

T0 = 1_589_820_000_000
HOUR = 3_600_000
AGGREGATED, LAST_KNOWN = Flag.AGGREGATED, Flag.LAST_KNOWN


def frame(time: int = 0, volume: int | None = None, **more: Any) -> bytes:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {"id": "AAPL", "price": 314.79, "time": T0 + time, "quote_type": 8}
    return framed(fields | ({} if volume is None else {"day_volume": volume}) | more)


class Reading:
    def __init__(self) -> None:
        self.reader = PricingReader()

    def __call__(self, raw: bytes, *, epoch: int = 1, source: int = 0, ts_recv: int = 0) -> list[Event]:
        meaning = self.reader.read(raw, At(source, epoch, ts_recv, notes=True))
        self.ignored = meaning.ignored
        self.listed = [event for event in meaning.events if event.code is StatusCode.LISTING]
        """What the frame says of the symbol itself, which comes before its trade."""
        assert list(meaning.events[: len(self.listed)]) == self.listed
        return list(meaning.events[len(self.listed) :])

    def size(self, raw: bytes, **at: int) -> tuple[str | None, Flag]:
        """Return the size of the frame's one trade and its flags."""
        (event,) = self(raw, **at)
        assert event.kind is EventKind.TRADE
        return None if event.size == ABSENT else size_text(event.size, event.size_exp), event.flags


def test_a_first_frame_is_last_known_and_the_next_has_the_advance_of_the_days_volume() -> None:
    read = Reading()
    assert read.size(frame(0, 17_557_274)) == (None, AGGREGATED | LAST_KNOWN)
    assert read.size(frame(5000, 17_557_426)) == ("152", AGGREGATED)
    assert read.size(frame(6000, 17_557_426, price=314.8)) == (None, AGGREGATED)  # a price that no volume goes with


def test_volume_that_passed_while_we_were_away_is_counted_once() -> None:
    read = Reading()
    read(frame(0, 1000))
    assert read.size(frame(1000, 1100)) == ("100", AGGREGATED)
    assert read(frame(1000, 1100), epoch=2) == []  # sent again on subscribing
    assert read.ignored == "repeat"
    assert read.size(frame(60_000, 1500), epoch=2) == ("400", AGGREGATED)


def test_a_symbol_that_two_connections_carry_is_counted_once() -> None:
    read = Reading()
    read(frame(0, 1000))
    assert read.size(frame(1000, 1100)) == ("100", AGGREGATED)
    assert read(frame(1000, 1100), source=7) == []
    assert read.size(frame(2000, 1150), source=7) == ("50", AGGREGATED)


def test_a_volume_that_falls_is_a_new_days_unless_it_falls_a_little_at_once() -> None:
    read = Reading()
    read(frame(0, 50_000_000))
    assert read.size(frame(17 * HOUR, 2500)) == ("2500", AGGREGATED)
    assert read.size(frame(17 * HOUR + 1000, 2400)) == (None, AGGREGATED)  # corrected
    assert read.size(frame(17 * HOUR + 2000, 2600)) == ("100", AGGREGATED)  # 2500 are told
    assert read.size(frame(34 * HOUR, 2599)) == ("2599", AGGREGATED)


def test_what_passes_again_after_a_correction_is_not_told_twice() -> None:
    read = Reading()
    volumes = [1000, 5000, 4990, 5010, 4000, 4500, 3000, 2000, 5200]
    sizes = [read.size(frame(1000 * at, volume))[0] for at, volume in enumerate(volumes)]
    assert sizes == [None, "4000", None, "10", None, None, None, None, "190"], "in all what the day went on by"
    assert read.size(frame(HOUR, 5100)) == (None, AGGREGATED)
    assert read.size(frame(2 * HOUR, price=314.8)) == (None, AGGREGATED)
    assert read.size(frame(3 * HOUR, 5150)) == (None, AGGREGATED), "however long it stays below"
    assert read.size(frame(17 * HOUR, 2000)) == ("2000", AGGREGATED), "a new day's, from its start"
    assert read.size(frame(18 * HOUR, 2300)) == ("300", AGGREGATED)
    assert read.size(frame(18 * HOUR + 1000, 2200)) == (None, AGGREGATED)
    again = Reading()
    again.reader.restore(read.reader.snapshot())
    assert again.size(frame(18 * HOUR + 2000, 2310)) == ("10", AGGREGATED), "a restart forgets nothing of it"


def test_a_memory_from_before_corrections_were_kept_counts_from_its_newest_volume() -> None:
    read = Reading()
    old = {"AAPL": [T0, 314_790_000_000, 1000, 1000, T0, [ABSENT, ABSENT, -8, ABSENT, ABSENT, -8], [0, 0, ABSENT]]}
    read.reader.restore(msgspec.msgpack.encode(old))
    assert read.size(frame(1000, 1100)) == ("100", AGGREGATED)


def test_a_volume_that_grew_over_more_than_a_session_is_no_difference() -> None:
    read = Reading()
    read(frame(0, 1000))
    assert read.size(frame(24 * HOUR, 9000)) == (None, AGGREGATED)
    assert read.size(frame(24 * HOUR + 1000, 9001)) == ("1", AGGREGATED)


def test_hours_without_volume_do_not_forget_it() -> None:
    read = Reading()
    read(frame(0, 1000))
    assert read.size(frame(1000)) == (None, AGGREGATED)
    assert read.size(frame(2000, 1007)) == ("7", AGGREGATED)


def test_currencies_indices_and_coins_have_no_size() -> None:
    read = Reading()
    for name in ("EURUSD=X", "^GSPC"):
        read(frame(0, id=name))
        assert read.size(frame(1000, id=name, price=2.5)) == (None, AGGREGATED)
    coin = {"id": "BTC-USD", "quote_type": 41}  # its volume is the last 24 hours', in dollars
    read(frame(0, 59_712_028_672, **coin))
    assert read.size(frame(1000, 59_712_030_720, **coin)) == (None, AGGREGATED)


@pytest.mark.parametrize(
    ("quote_type", "size"),
    [
        (Quoted.INDEX, None),  # the volume is that of its members
        (Quoted.CURRENCY, None),
        (Quoted.MUTUALFUND, None),  # priced once a day, traded nowhere
        (Quoted.MONEYMARKET, None),
        (Quoted.PRIVATE_COMPANY, None),
        (Quoted.INDUSTRY, None),
        (Quoted.EQUITY, "1000000"),
        (Quoted.ETF, "1000000"),
        (Quoted.WARRANT, "1000000"),
        (Quoted.FUTURE, "1000000"),
        (Quoted.OPTION, "1000000"),
    ],
)
def test_what_is_not_traded_by_the_piece_has_no_size_whatever_volume_it_tells(
    quote_type: Quoted, size: str | None
) -> None:
    read = Reading()
    read(frame(0, 2_000_000_000, quote_type=quote_type))
    assert read.size(frame(2000, 2_001_000_000, quote_type=quote_type)) == (size, AGGREGATED)


def test_a_frame_from_before_the_newest_is_last_known_and_changes_nothing() -> None:
    read = Reading()
    read(frame(0, 1000))
    read(frame(5000, 1100))
    assert read.size(frame(4000, 1050)) == (None, AGGREGATED | LAST_KNOWN)
    assert read.size(frame(6000, 1101)) == ("1", AGGREGATED)


def test_a_time_from_the_future_does_not_make_what_follows_old() -> None:
    read = Reading()
    now = (T0 + 10_000) * 1_000_000
    read(frame(0, 1000), ts_recv=now)
    assert read.size(frame(1000 * HOUR, 1001), ts_recv=now) == (None, AGGREGATED)
    assert read.size(frame(1000, 1100), ts_recv=now) == ("100", AGGREGATED)


def test_bid_and_ask_are_a_quote_also_where_the_price_is_the_same_as_before() -> None:
    read = Reading()
    sides = {"bid": 314.78, "bid_size": 3, "ask": 314.8, "ask_size": 7}
    trade, quote = read(frame(0, 1000, **sides))
    assert (trade.kind, quote.kind) == (EventKind.TRADE, EventKind.QUOTE)
    assert [price_text(quote.price), price_text(quote.ask_price)] == ["314.78", "314.8"]
    assert (size_text(quote.size), size_text(quote.ask_size)) == ("3", "7")
    assert read(frame(0, 1000, **sides)) == []
    (moved,) = read(frame(0, 1000, **sides | {"bid": 314.77}))
    assert (moved.kind, price_text(moved.price)) == (EventKind.QUOTE, "314.77")
    _, empty = read(frame(1000, 1000, bid=0.0, ask=314.9))
    assert (empty.price, empty.size, price_text(empty.ask_price)) == (ABSENT, ABSENT, "314.9")


def test_a_quote_whose_sides_are_both_gone_is_told_once_and_one_not_spoken_of_stands() -> None:
    read = Reading()
    gone: dict[str, Any] = {"bid": 0.0, "ask": 0.0}
    assert [event.kind for event in read(frame(0, **gone))] == [EventKind.TRADE], "none stood"
    read(frame(1000, bid=314.78, ask=314.8))
    assert [event.kind for event in read(frame(2000))] == [EventKind.TRADE]
    (quote,) = read(frame(2000, **gone))
    assert (quote.kind, quote.price, quote.ask_price) == (EventKind.QUOTE, ABSENT, ABSENT)
    assert (read(frame(2000, **gone)), read.ignored) == ([], "repeat")
    assert [event.kind for event in read(frame(3000, **gone))] == [EventKind.TRADE]
    read(frame(4000, bid=314.78, ask=314.8))
    _, quote = read(frame(5000, **gone))
    assert (quote.kind, quote.price, quote.ask_price) == (EventKind.QUOTE, ABSENT, ABSENT)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (framed({"price": 1.0, "time": T0}), "without an id"),
        (framed({"id": "A B", "price": 1.0, "time": T0}), "not a symbol"),
        (framed({"id": "AAPL", "time": T0}), "without a price"),
        (framed({"id": "AAPL", "price": 1.0}), "without a time"),
        (frame(price=0.0), "impossible price"),
        (frame(price=-1.0), "impossible price"),
        (frame(price=1e30), "beyond"),
        (frame(price=1.23e-10), "^a price finer than 1e-9: 0.000000000123$"),
        (frame(bid=1.23e-10), "^a price finer than 1e-9: 0.000000000123$"),
        (frame(time=-T0), "outside 2000 to 2100"),
        (frame(volume=-5), "day_volume is -5"),
        (frame(bid=-1.0), "impossible price"),
        (b'{"type":"pricing"}', "without an id"),
        (b'{"type":"pricing","message":7}', "without a message"),
        (b'{"type":"pricing","message":"====" }', "not base64"),
        (b'{"type":"pricing","message":"\xc3\xa9"}', "not base64"),
        (b'{"type":"pricing","message":"A","message":"B"}', "given twice"),
        (b'{"message":"CgRBQVBM"}', "without a type"),
        (b"CgRBQVBM*", "not base64"),
        (b"[1]", "not base64"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(raw: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Reading()(raw)


def test_a_price_finer_than_the_tape_is_rounded_and_told_in_full() -> None:
    (event,) = Reading()(frame(id="SHIB-USD", quote_type=41, price=8.973412e-06))
    assert price_text(event.price) == "0.000008973"
    assert event.notes["price_told"] == "0.000008973412"


def test_a_field_nobody_has_seen_makes_one_status_row_and_the_frame_is_read() -> None:
    raw = base64.b64encode(encode({"id": "AAPL", "price": 1.0, "time": T0}) + varint(48 << 3) + b"\x01")
    first, second = YAHOO.decoder(Instruments()), YAHOO.decoder(Instruments())
    decoded = first.decode(Frames.of([raw], [0], kind=RecordKind.DATA))
    assert decoded.tape.kind.tolist() == [EventKind.TRADE, EventKind.STATUS]
    assert decoded.tape.code.tolist() == [0, StatusCode.SCHEMA]
    assert decoded.notes == {(0, 1): {"unknown": ["pricing.48"]}}
    again = base64.b64encode(encode({"id": "AAPL", "price": 2.0, "time": T0}) + varint(48 << 3) + b"\x01")
    second.restore(first.snapshot())
    for decoder in (first, second):
        assert decoder.decode(Frames.of([again], [0], kind=RecordKind.DATA)).notes == {}


def test_heartbeats_are_conversation_and_unknown_types_are_ignored_by_name() -> None:
    read = Reading()
    assert read.reader.read(framed({"quote_type": 7}), At(0, 1, 0)).control
    assert read(b'{"type":"announcement","message":"x"}') == []
    assert read.ignored == "announcement"


def test_a_version_1_frame_is_the_same_without_json() -> None:
    bare = base64.b64encode(encode({"id": "AAPL", "price": 314.79, "time": T0, "quote_type": 8}))
    assert Reading()(bare) == Reading()(frame())


def test_what_a_person_is_told_of_the_real_frames() -> None:
    lines = [json.loads(line) for line in recording("yahoo/pricing_frames.jsonl").read_text().splitlines()]
    for line in lines:
        raw, facts = line["message_b64"].encode(), line["decoded_sint64"]
        listed, told = Describer(YAHOO)(raw)
        assert (listed["kind"], listed["code"]) == ("status", "listing")
        assert (told["kind"], told["symbol"], told["size"]) == ("trade", facts["id"], None)
        assert told["ts_event"] == facts["time"] * 1_000_000
        assert told["flags"] == ["aggregated", "last_known"]
        for name in ("day_volume", "last_size", "exchange", "price_hint"):
            assert told.get(name) == facts.get(name)
    one_after_the_other = Describer(YAHOO)
    first, second = (one_after_the_other(line["message_b64"].encode())[-1] for line in lines[1:3])
    assert [first["price"], second["price"], second["size"]] == ["314.765", "314.79", "152"]
    assert Describer(YAHOO)(lines[5]["message_b64"].encode())[-1]["market_hours"] == "OVERNIGHT_MARKET"


def test_the_close_of_the_real_frames_is_what_the_stock_closed_at() -> None:
    """Apple closed at 307.71 on 2020-05-15, 170.12 on 2024-03-05, 278.78 on 2025-12-10: nights are after a close."""
    lines = [json.loads(line) for line in recording("yahoo/pricing_frames.jsonl").read_text().splitlines()]
    found = []
    for line in lines:
        raw, facts = line["message_b64"].encode(), line["decoded_sint64"]
        listed = Describer(YAHOO)(raw)[0]
        found.append((facts["id"], facts["_time_iso"][:10], listed["market_hours"], listed["close"]))
        assert listed["quote_type"] == {8: "equity", 41: "cryptocurrency"}[facts["quote_type"]]
    assert found == [
        ("AAPL", "2026-08-05", "regular", "309.38"),
        ("AAPL", "2020-05-18", "regular", "307.71"),
        ("AAPL", "2020-05-18", "regular", "307.71"),
        ("AAPL", "2026-05-22", "pre", "304.99"),
        ("AAPL", "2024-03-06", "regular", "170.12"),
        ("AAPL", "2025-12-11", "overnight", "278.78"),
        ("AAPL", "2026-07-29", "post", "338.19"),
        ("BTC-USD", "2026-07-29", "regular", None),  # of a coin the price of 24 hours ago
        ("TSLA", "2026-03-11", "post", "407.82"),
        ("BTC-USD", "2025-01-10", "regular", None),
    ]


def test_what_a_frame_says_of_its_symbol_is_told_when_it_changes() -> None:
    read = Reading()

    def close(time: int, price: float, **more: Any) -> list[tuple[str, str | None]]:  # noqa: ANN401 - any field
        read(frame(time, price=price, **more))
        return [
            (MARKET_HOURS[event.trade_id], None if event.price == ABSENT else price_text(event.price))
            for event in read.listed
        ]

    day: dict[str, Any] = {"market_hours": 1, "price_hint": 2}
    assert close(0, 314.765, change=7.055023, **day) == [("regular", "307.71")]
    assert close(1000, 314.79, change=7.080017, **day) == []  # 307.709983 is the same close
    assert close(2000, 314.8, **day) == []  # nothing is said of it: it stays
    assert close(3000, 314.81, change=7.11, **day) == [("regular", "307.7")]  # another one
    assert close(2500, 1.0, change=0.5, **day) == []  # an older frame says nothing of now
    after = day | {"market_hours": 2}
    assert close(4000, 315.0, **after) == [("post", None)]  # of which close is not known
    assert close(5000, 315.0, change=0.19, **after) == [("post", "314.81")]
    assert close(6000, 315.5, previous_close=307.7, **after) == []  # a day too old by now
    assert close(7000, 315.5, previous_close=314.81, market_hours=0) == [("pre", "314.81")]
    assert close(8000, 316.0) == []  # a frame that says nothing of its hours
    assert close(9000, 316.0, quote_type=20) == [("pre", "314.81")]


def test_a_close_too_large_for_a_float_is_not_told_anew_with_every_price() -> None:
    read, closes = Reading(), []
    before = np.float32(741_353.43)
    for number, price in enumerate(np.arange(739_000.0, 741_000.0, 13.37).astype(np.float32)):
        prices: dict[str, Any] = {"price": float(price), "change": float(price - before)}
        read(frame(1000 * number, market_hours=1, price_hint=2, **prices))
        closes += read.listed
    assert [abs(event.price - 741_353_430_000_000) < 10**8 for event in closes] == [True]


@pytest.mark.parametrize(
    "fields",
    [
        {"change": 1.0},  # in decimals that nobody knows
        {"change": 1.0, "price_hint": 99},
        {"change": 1.0, "price_hint": -1},
        {"change": 400.0, "price_hint": 2},
        {"change": -1e30, "price_hint": 2},
        {"previous_close": 0.0},
        {"previous_close": 1e30},
        {"market_hours": 77},
    ],
)
def test_a_close_that_makes_no_sense_is_not_known(fields: dict[str, Any]) -> None:
    read = Reading()
    (trade,) = read(frame(**fields))
    assert price_text(trade.price) == "314.79"
    assert [(event.price, event.trade_id, event.sequence) for event in read.listed] == [(ABSENT, 0, QuoteType.EQUITY)]


def test_memory_goes_on_where_it_was_and_equal_memories_are_equal_bytes() -> None:
    frames = made()
    one, other = Reading(), Reading()
    assert other.reader.snapshot() == b""
    for raw in frames[:500]:
        one(raw)
    other.reader.restore(one.reader.snapshot())
    assert [one(raw) for raw in frames[500:]] == [other(raw) for raw in frames[500:]]
    assert one.reader.snapshot() == other.reader.snapshot() != b""
    again = PricingReader()
    again.restore(b"")
    assert again.snapshot() == b""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-20, 500), st.booleans()), min_size=2, max_size=40))
def test_sizes_of_a_day_add_up_to_its_volume_whatever_is_repeated_or_lost(moves: list[tuple[int, bool]]) -> None:
    read, volume, most, total = Reading(), 1000, 1000, 0
    read(frame(0, volume))
    for number, (step, lost) in enumerate(moves, 1):
        volume += step
        raw = frame(1000 * number, volume)
        for _ in range(0 if lost else 2):
            total += sum(event.size // 10**8 for event in read(raw) if event.size != ABSENT)
            most = max(most, volume)
    assert total == most - 1000


def test_documents_of_the_crumb_are_conversation_and_others_are_named() -> None:
    reader = PricingReader()
    assert reader.read_document(DocumentHead("crumb", "", 200), b"x", At(0, 1, 0)).control
    assert reader.read_document(DocumentHead("depth:X", "", 200), b"{}", At(0, 1, 0)).ignored == "document:depth"
    assert reader.read_document(DocumentHead("depth:X", "", 500), b"{}", At(0, 1, 0)).control


def test_the_session_subscribes_to_everything_and_the_canary_in_one_message() -> None:
    session = YAHOO.session(Wish(["aapl", "^gspc", "eurusd=x", "ES=F", "brk-b", "M&M.NS"], ["trade"]))
    assert session.url == "wss://streamer.finance.yahoo.com/?version=2"
    assert session.symbols == ("AAPL", "^GSPC", "EURUSD=X", "ES=F", "BRK-B", "M&M.NS")
    assert session.on_connect() == [Send('{"subscribe":["AAPL","^GSPC","EURUSD=X","ES=F","BRK-B","M&M.NS","BTC-USD"]}')]
    assert YAHOO.session(Wish(["btc-usd"], ["quote"])).on_connect() == [Send('{"subscribe":["BTC-USD"]}')]


def test_who_is_never_heard_of_is_told_of_once_on_a_connection_that_speaks() -> None:
    session: Any = YAHOO.session(Wish(["AAPL", "NOPE"], ["trade"]))
    session.on_connect()
    said = [request for second in range(100) for request in session.on_time(1000.0 + second)]
    assert said == []  # nobody was heard of: the connection is mute, which others notice
    session.on_connect()
    session.on_frames([frame(), framed({"id": "BTC-USD", "price": 1.0, "time": T0}), b'{"type":"x"}', b"junk"])
    said = [request for second in range(100) for request in session.on_time(2000.0 + second)]
    assert [(request.symbol, request.channel) for request in said if isinstance(request, Denied)] == [("NOPE", None)]
    assert len(said) == 1
    assert session.subscriptions.rates().keys() == {"AAPL", "NOPE"}


@given(st.binary(max_size=100))
def test_the_id_in_front_of_a_frame_is_what_the_reader_finds(raw: bytes) -> None:
    symbol_in(raw)
    symbol_in(b'{"type":"pricing","message":"' + base64.b64encode(raw) + b'"}')
    for name in ("A", "^GSPC", "EURUSD=X", "AAPL260117C00150000", "S" * 60):
        whole = frame(id=name)
        assert symbol_in(whole) == symbol_in(json.loads(whole)["message"].encode()) == name.encode()


def test_a_session_takes_no_more_symbols_than_the_venue() -> None:
    names = [f"S{number}" for number in range(101)]
    with pytest.raises(UsageError, match="100 symbols a connection"):
        YAHOO.session(Wish(names, ["trade"]))
    (sent,) = YAHOO.session(Wish(names[:100], ["trade"])).on_connect()
    assert isinstance(sent, Send)
    assert json.loads(sent.text) == {"subscribe": names[:100]}  # no place for the canary
