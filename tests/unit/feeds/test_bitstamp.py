"""What Bitstamp's bytes mean, what is refused with the reason, and when a book is asked for."""

import json
from decimal import Decimal

import pytest

from breadboard.conversations import Denied, Fetch, Missing, Reconnect, Request, Send, Session
from breadboard.engine.books import Books
from breadboard.feeds import FEEDS
from breadboard.feeds.bitstamp import AT_ONCE, MUTE_S, SETTLED
from breadboard.feeds.bitstamp_messages import LAG_S, BitstampReader
from breadboard.feeds.readers import At
from breadboard.model.decimals import price_text, size_text
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BookState, EventKind, GapReason, RecordKind, SequenceRule, Side, StatusCode
from breadboard.ports import Wish
from feed_samples import content, decode, decode_frames, document, recorded, rows
from recordings import recording
from samples.bitstamp import ACKNOWLEDGED, DIFF, ERROR, HEARTBEAT, RECONNECT, SNAPSHOT, TOP, TRADE

FIRST = 1641343691244908
UNSUBSCRIBED = ACKNOWLEDGED.replace(b"bts:subscription", b"bts:unsubscription")


def refusal(frame: bytes) -> str:
    decoded, _ = decode("bitstamp", [frame])
    return decoded.quarantined[0][1]


def test_a_change_is_numbered_by_its_microsecond() -> None:
    decoded, instruments = decode("bitstamp", [DIFF])
    assert [(i.id, i.sequence_rule) for i in instruments] == [("btcusd.BITSTAMP", SequenceRule.AFTER)]
    found = content(decoded.tape)
    assert (found["kind"], found["sequence"], found["ts_event"]) == ([EventKind.BOOK_DELTA], [FIRST], [FIRST * 1000])
    assert found["level_side"] == [Side.BUY, Side.BUY, Side.SELL]
    assert found["level_price"] == [1_159_790_000, 1_148_660_000, 1_166_010_000]
    assert found["level_size"] == [99_302_588_113, 0, 120_000_000_000]


def test_a_trades_type_is_the_takers_and_its_exact_numbers_are_the_texts() -> None:
    decoded, _ = decode("bitstamp", [TRADE, TRADE.replace(b'"type":1', b'"type":0')])
    found = content(decoded.tape)
    assert (found["side"], found["trade_id"]) == ([Side.SELL, Side.BUY], [216000484] * 2)
    assert (found["price"], found["size"]) == ([3_802_930_000_000] * 2, [93_100_000] * 2)
    assert found["ts_event"] == [1641343709599000_000] * 2


def test_conversation_and_what_it_says_on_the_tape() -> None:
    decoded, _ = decode("bitstamp", [ACKNOWLEDGED, HEARTBEAT, RECONNECT, ERROR])
    assert (decoded.control, decoded.data, decoded.quarantined) == (4, 0, ())
    assert decoded.tape.code.tolist() == [StatusCode.MAINTENANCE, StatusCode.VENUE_ERROR]
    named = ERROR.replace(b'"channel":""', b'"channel":"live_trades_btcusd"')
    decoded, instruments = decode("bitstamp", [named])
    assert (decoded.tape.code.tolist(), [i.symbol for i in instruments]) == ([StatusCode.REFUSED], ["btcusd"])


def test_the_top_of_the_book_again_and_again_is_ignored_by_name() -> None:
    decoded, _ = decode("bitstamp", [TOP, TOP.replace(b"order_book", b"detail_order_book")])
    assert decoded.ignored == {"order_book": 1, "detail_order_book": 1}


def test_funding_rates_are_ignored_by_name() -> None:
    frame = b'{"data":{"funding_rate":"0.0001"},"channel":"funding_rate_btcusd-perp","event":"funding_rate_saved"}'
    decoded, _ = decode("bitstamp", [frame])
    assert (decoded.ignored, decoded.quarantined) == ({"funding_rate": 1}, ())


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b'{"event":"data","channel":"gossip_btcusd","data":{}}', "unknown message type 'data on gossip_btcusd'"),
        (b'{"event":"bts:dance","channel":"","data":{}}', "unknown message type 'bts:dance'"),
        (b'{"channel":"diff_order_book_btcusd","data":{}}', "a message without a type"),
        (b'{"event":"data","channel":"diff_order_book_btcusd"}', "data without data"),
        (DIFF.replace(b'"1641343691244908"', b"1641343691244908"), "Book: Expected `str`, got `int`"),
        (DIFF.replace(b"1641343691244908", b"1641343691"), "a time outside 2000 to 2100: 1641343691"),
        (DIFF.replace(b"1641343691244908", b"-641343691244908"), "not a time in microseconds: '-641343691244908'"),
        (DIFF.replace(b'"1.15979"', b'"0"'), "an impossible price: 0"),
        (DIFF.replace(b'"1.15979"', b'"1e99"'), "a price beyond 18 digits: 1e99"),
        (DIFF.replace(b"993.02588113", b"-1"), "a negative size: -1"),
        (TRADE.replace(b'"type":1', b'"type":2'), "Trade: Invalid enum value 2 - at `$.type`"),
        (TRADE.replace(b'"amount_str":"0.93100000",', b""), "Trade: Object missing required field `amount_str`"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_reason(frame: bytes, reason: str) -> None:
    assert refusal(frame).startswith(reason)


def test_a_level_beyond_the_tape_is_left_out_and_told_and_the_book_is_not_lost() -> None:
    reader, at = BitstampReader(), At(0, 1, 0)
    frame = DIFF.replace(b'["1.16601",', b'["9999999999.00","0.1"],["9223372035.5","1"],["1.16601",')
    (event,) = reader.read(frame, at).events
    assert event.notes == {"beyond_the_tape": [["sell", "9999999999", "0.1"]]}
    assert [level[1] for level in event.levels][2:] == [9_223_372_035_500_000_000, 1_166_010_000]


def test_an_answer_older_than_the_first_change_is_no_beginning() -> None:
    reader, at = BitstampReader(), At(3, 1, 0)
    head = DocumentHead("depth:btcusd", "", 200)
    assert reader.read_document(head, SNAPSHOT, at).events[0].sequence == FIRST, "nothing has changed yet"
    reader.read(DIFF, at)
    assert reader.read_document(head, SNAPSHOT, at).events, "as new as the first change"
    older = SNAPSHOT.replace(b"44908", b"44907")
    assert reader.read_document(head, older, at).ignored == "depth older than the stream"
    assert reader.read_document(head, older, At(4, 1, 0)).events, "another source"
    again = BitstampReader()
    again.restore(reader.snapshot())
    assert again.snapshot() == reader.snapshot()
    assert again.read_document(head, older, at).ignored == "depth older than the stream"
    assert reader.read_document(head, older, At(3, 2, 0)).events, "another connection"


def test_a_change_that_is_refused_costs_the_book_which_begins_anew() -> None:
    decoder = FEEDS["bitstamp"].decoder(instruments := Instruments())
    books = Books(lambda which: instruments[which].sequence_rule)

    def take(raw: bytes, kind: RecordKind = RecordKind.DATA) -> BookState:
        books.on_tape(decoder.decode(Frames.of([raw], [0], kind=kind)).tape)
        return books.view(0).state

    def diff(number: int) -> bytes:
        return DIFF.replace(b"1641343691244908", str(number).encode())

    def answer(number: int) -> bytes:
        return document("depth:btcusd", SNAPSHOT.replace(b"1641343691244908", str(number).encode()))

    assert take(diff(FIRST)) is BookState.SYNCING
    assert take(answer(FIRST - 1), RecordKind.DOCUMENT) is BookState.SYNCING
    assert take(answer(FIRST + 5), RecordKind.DOCUMENT) is BookState.LIVE
    assert take(diff(FIRST + 9)) is BookState.LIVE
    assert take(diff(FIRST + 10)[:-10]) is BookState.STALE, "a hole that no number shows"
    assert take(diff(FIRST + 20)) is BookState.STALE
    assert take(answer(FIRST + 19), RecordKind.DOCUMENT) is BookState.STALE, "what was lost may be in neither"
    assert take(answer(FIRST + 20), RecordKind.DOCUMENT) is BookState.LIVE


def test_a_book_that_is_subscribed_anew_begins_with_an_answer_newer_than_its_new_first_change() -> None:
    """What changes between the end of one subscription and the beginning of the next is sent to nobody."""
    subject, instruments = session(), Instruments()
    decoder = FEEDS["bitstamp"].decoder(instruments)
    books = Books(lambda which: instruments[which].sequence_rule)

    def take(raw: bytes, second: float, kind: RecordKind = RecordKind.DATA) -> BookState:
        books.on_tape(decoder.decode(Frames.of([raw], [int(second * 1e9)], kind=kind)).tape)
        return books.view(0).state

    def hear(frame: bytes, second: float) -> BookState:
        subject.on_frames([frame])
        return take(frame, second)

    def answered(number: int, second: float) -> BookState:
        subject.on_document("depth:btcusd", 200, answer(number))
        return take(document("depth:btcusd", answer(number)), second, RecordKind.DOCUMENT)

    take(acknowledged("btcusd"), 0.0)
    subject.on_frames([acknowledged("btcusd")])
    subject.on_time(1000.0)
    assert hear(change(FIRST), 1.0) is BookState.SYNCING
    assert answered(FIRST + 1, 1.5) is BookState.LIVE
    assert hear(change(FIRST + 2), 2.0) is BookState.LIVE
    assert hear(UNSUBSCRIBED, 20.0) is BookState.STALE
    assert hear(acknowledged("btcusd"), 20.1) is BookState.STALE
    subject.on_time(1020.2)
    assert answered(FIRST + 3, 20.3) is BookState.STALE, "nothing has changed yet, and this may be two seconds old"
    assert hear(change(FIRST + 9), 20.4) is BookState.STALE
    assert answered(FIRST + 8, 20.6) is BookState.STALE, "newer than the old first change, older than the new one"
    assert fetched(subject.on_document("depth:btcusd", 200, answer(FIRST + 8))), "the session knows, and asks again"
    assert answered(FIRST + 9, 23.0) is BookState.LIVE
    assert fetched(subject.on_frames([change(FIRST + 10)])) == []


def test_an_answer_to_a_quiet_book_counts_once_the_lag_is_over_for_the_reader_and_the_session() -> None:
    for begins in (acknowledged("btcusd"), UNSUBSCRIBED, change(FIRST + 1)[:-10], UNSUBSCRIBED[:-10]):
        subject, reader, head = session(), BitstampReader(), DocumentHead("depth:btcusd", "", 200)
        reader.read(acknowledged("btcusd"), At(0, 1, 0))
        reader.read(change(FIRST), At(0, 1, 1))
        subject.on_frames([acknowledged("btcusd"), change(FIRST)])
        subject.on_document("depth:btcusd", 200, answer(FIRST))
        begun, lag = 50_000_000_000, int(LAG_S * 1e9)
        try:
            reader.read(begins, At(0, 1, begun))
        except ValueError:
            assert reader.lost_book(begins, At(0, 1, begun)) == "btcusd"
        subject.on_frames([begins])
        again = BitstampReader()
        again.restore(reader.snapshot())
        for one in (reader, again):
            early = one.read_document(head, answer(FIRST), At(0, 1, begun + lag - 1))
            assert early.ignored == "depth that may be older than its stream"
            assert one.read_document(head, answer(FIRST), At(0, 1, begun + lag)).events
        ticks = [len(fetched(subject.on_time(1000.0 + second))) for second in range(4)]
        assert ticks == [0, 0, 0, 1]
        assert subject.on_document("depth:btcusd", 200, answer(FIRST)) == []
        assert not any(fetched(subject.on_time(1004.0 + second)) for second in range(50))
        # An answer that was still on its way when the book began anew.
        subject.on_frames([begins])
        subject.on_document("depth:btcusd", 200, answer(FIRST))
        assert sum(len(fetched(subject.on_time(1054.0 + second))) for second in range(6)) == 1


def test_a_change_that_comes_late_is_a_gap_and_a_new_beginning_and_one_that_comes_twice_is_not() -> None:
    reader, at, head = BitstampReader(), At(0, 1, 7), DocumentHead("depth:btcusd", "", 200)

    def kinds(number: int) -> list[EventKind]:
        return [event.kind for event in reader.read(change(number), at).events]

    assert [kinds(FIRST + n) for n in (0, 5, 5)] == [[EventKind.BOOK_DELTA]] * 3
    assert kinds(FIRST + 3) == [EventKind.GAP, EventKind.BOOK_DELTA]
    assert reader.read_document(head, answer(FIRST + 4), at).ignored
    assert reader.read_document(head, answer(FIRST + 5), at).events
    subject = session()
    subject.on_frames([acknowledged("btcusd"), change(FIRST), change(FIRST + 5), change(FIRST + 5)])
    assert subject.on_document("depth:btcusd", 200, answer(FIRST + 5)) == []
    assert len(fetched(subject.on_frames([change(FIRST + 3)]))) == 1
    assert len(fetched(subject.on_document("depth:btcusd", 200, answer(FIRST + 2)))) == 1
    assert subject.on_document("depth:btcusd", 200, answer(FIRST + 5)) == []


@pytest.mark.parametrize("behind", [5, 4, 2])
def test_after_a_late_change_the_session_asks_until_it_has_an_answer_that_the_book_can_take(behind: int) -> None:
    subject, instruments = session(), Instruments()
    decoder = FEEDS["bitstamp"].decoder(instruments)
    stage = Books(lambda which: instruments[which].sequence_rule)

    def hear(frame: bytes, kind: RecordKind = RecordKind.DATA) -> None:
        stage.on_tape(decoder.decode(Frames.of([frame], [1], kind=kind)).tape)

    def answered(number: int) -> list[tuple[str, float]]:
        hear(document("depth:btcusd", answer(number)), RecordKind.DOCUMENT)
        return fetched(subject.on_document("depth:btcusd", 200, answer(number)))

    def changed(number: int) -> None:
        hear(change(number))
        subject.on_frames([change(number)])

    subject.on_frames([acknowledged("btcusd")])
    changed(FIRST)
    assert answered(FIRST) == []
    for number in (FIRST + 10, FIRST + 3):
        changed(number)
    assert stage.view(0).state == BookState.STALE
    if answered(FIRST + 10 - behind):
        assert answered(FIRST + 10) == []
    assert stage.view(0).state == BookState.LIVE


def test_a_pair_that_does_not_exist_is_known_by_its_404() -> None:
    decoded, instruments = decode(
        "bitstamp",
        [document("depth:nopeusd", b"{}", 404), document("depth:btcusd", b"", 503)],
        kind=RecordKind.DOCUMENT,
    )
    assert decoded.control == 2
    assert decoded.tape.code.tolist() == [StatusCode.REFUSED, StatusCode.VENUE_ERROR]
    assert [i.symbol for i in instruments] == ["nopeusd", "btcusd"]


def test_the_capture_holds_what_its_readme_says() -> None:
    frames = recorded("bitstamp")
    decoded, instruments = decode_frames("bitstamp", frames, batch=100)
    assert (decoded.quarantined, decoded.control, decoded.ignored) == ((), 20, {})
    counts = [
        len(rows(decoded.tape, kind)) for kind in (EventKind.BOOK_DELTA, EventKind.TRADE, EventKind.BOOK_SNAPSHOT)
    ]
    assert counts == [717, 10, 10]
    assert len(instruments) == 10
    trades = rows(decoded.tape, EventKind.TRADE)
    told = zip(trades.trade_id, trades.price, trades.size, trades.size_exp, trades.side, strict=True)
    assert [(int(i), price_text(int(p)), size_text(int(s), int(e)), int(side)) for i, p, s, e, side in told][:3] == [
        (216000477, "3805.44", "0.0792", Side.BUY),
        (216000484, "3802.93", "0.931", Side.SELL),
        (216000485, "3802.89", "3.2394864", Side.SELL),
    ]


def independently() -> dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]]:
    """Return the books at the end of the capture, rebuilt from its text by a few lines that know nothing of us."""
    books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
    begun: dict[str, int] = {}
    for line in recording("bitstamp/BITSTAMP.http.0.0").read_text().splitlines():
        url, _, rest = line.partition(" -> ")
        if not rest:
            continue
        told = json.loads(rest.partition(": ")[2].partition(" header: ")[0])
        pair = url.rpartition("/")[2]
        begun[pair] = int(told["microtimestamp"])
        bids, asks = ({Decimal(p): Decimal(s) for p, s in told[side]} for side in ("bids", "asks"))
        books[pair] = (bids, asks)
    for line in recording("bitstamp/BITSTAMP.ws.1.0").read_text().splitlines():
        if not line.startswith("1") or '"event":"data"' not in line:
            continue
        message = json.loads(line.partition(": ")[2])
        pair, told = message["channel"].removeprefix("diff_order_book_"), message["data"]
        if int(told["microtimestamp"]) <= begun[pair]:
            continue
        for side, levels in zip(books[pair], (told["bids"], told["asks"]), strict=True):
            for price, size in levels:
                side[Decimal(price)] = Decimal(size)
                if not Decimal(size):
                    del side[Decimal(price)]
    return books


def test_every_book_of_the_capture_is_the_one_rebuilt_from_its_text_and_never_crossed() -> None:
    decoded, instruments = decode_frames("bitstamp", recorded("bitstamp"))
    books = Books(lambda which: instruments[which].sequence_rule)
    assert books.on_tape(decoded.tape) is None, "no gap"
    assert books.counters()["crossed"] == 0
    expected = independently()
    unreachable = Decimal("9999999999.00")
    assert [pair for pair, (_, asks) in expected.items() if asks.pop(unreachable, None)] == ["ethusd"]
    assert set(expected) == {instrument.symbol for instrument in instruments}
    for which, instrument in enumerate(instruments):
        view = books.view(which)
        assert view.state is BookState.LIVE
        for levels, wanted in zip((view.bids, view.asks), expected[instrument.symbol], strict=True):
            assert {Decimal(price_text(p)): Decimal(size_text(s, e)) for p, s, e in levels} == wanted


def test_the_captured_trades_took_the_very_sizes_that_the_book_shows() -> None:
    """Of the nine prices that traded, what traded at five is to the last digit a size that the book had there.

    At two more it is less than the book had; two levels came and went between two messages of the book. Trades and
    books are different streams of the venue: neither can be right by chance.
    """
    decoded, _ = decode_frames("bitstamp", recorded("bitstamp"))
    tape, traded = decoded.tape, dict[tuple[int, int], int]()
    trades = rows(tape, EventKind.TRADE)
    for side, price, size in zip(trades.side.tolist(), trades.price.tolist(), trades.size.tolist(), strict=True):
        key = (3 - side, price)  # the side that rested
        traded[key] = traded.get(key, 0) + size
    shown: dict[tuple[int, int], set[int]] = {}
    books = tape.take((tape.instrument == trades.instrument[0]) & (tape.kind != EventKind.TRADE))
    for row in range(len(books)):
        levels = slice(int(books.level_begin[row]), int(books.level_end[row]))
        columns = (books.level_side[levels], books.level_price[levels], books.level_size[levels])
        for side, price, size in zip(*(column.tolist() for column in columns), strict=True):
            shown.setdefault((side, price), set()).add(size)
    exact = {price_text(key[1], 2) for key, size in traded.items() if size in shown.get(key, ())}
    covered = [key for key, size in traded.items() if max(shown.get(key, {0})) >= size]
    assert exact == {"3802.93", "3802.89", "3800.74", "3800.73", "3800.53"}
    assert (len(traded), len(covered)) == (9, 7)


def session(*pairs: str, channels: tuple[str, ...] = ("trade", "book")) -> Session:
    subject = FEEDS["bitstamp"].session(Wish(pairs or ("btcusd",), channels, "ws://127.0.0.1:1", "http://127.0.0.1:2"))
    subject.on_connect()
    return subject


def acknowledged(pair: str) -> bytes:
    return ACKNOWLEDGED.replace(b"btcusd", pair.encode())


def traded(pair: str) -> bytes:
    return acknowledged(pair).replace(b"diff_order_book_", b"live_trades_")


def change(number: int, pair: str = "btcusd") -> bytes:
    return DIFF.replace(b"1641343691244908", str(number).encode()).replace(b"btcusd", pair.encode())


def answer(number: int) -> bytes:
    return SNAPSHOT.replace(b"1641343691244908", str(number).encode())


def fetched(requests: list[Request]) -> list[tuple[str, float]]:
    return [(request.tag, request.delay_s) for request in requests if isinstance(request, Fetch)]


def test_every_channel_of_every_pair_is_subscribed_to_in_the_venues_spelling() -> None:
    subject = FEEDS["bitstamp"].session(Wish(["BTCUSD", "ethusd"], ["trade", "book"]))
    assert subject.url == "wss://ws.bitstamp.net"
    said = [json.loads(request.text) for request in subject.on_connect() if isinstance(request, Send)]
    assert {message["event"] for message in said} == {"bts:subscribe"}
    assert [message["data"]["channel"] for message in said] == [
        *("live_trades_btcusd", "live_trades_ethusd"),
        *("diff_order_book_btcusd", "diff_order_book_ethusd"),
    ]


def test_a_channel_that_the_venue_never_acknowledges_is_told_and_asked_for_again() -> None:
    subject = session("btcusd", "ethusd")
    subject.on_frames([acknowledged("btcusd"), acknowledged("ethusd"), traded("ethusd")])
    told: dict[int, list[Request]] = {}
    for second in range(32):
        subject.on_frames([change(FIRST + second), change(FIRST + second, "ethusd")])
        requests: list[Request] = [each for each in subject.on_time(1000.0 + second) if not isinstance(each, Fetch)]
        told |= {second: requests} if requests else {}
    assert list(told) == [31]
    missing, *said = told[31]
    assert missing == Missing("btcusd", "trade", GapReason.SUBSCRIPTION, 1000.0, "not acknowledged for 31 s")
    assert [json.loads(each.text)["data"]["channel"] for each in said if isinstance(each, Send)] == [
        "live_trades_btcusd"
    ] * 2
    subject.on_frames([traded("btcusd"), change(FIRST + 40), change(FIRST + 40, "ethusd")])
    (over,) = subject.on_time(1032.0)
    assert isinstance(over, Missing)
    assert (over.symbol, over.channel, over.over) == ("btcusd", "trade", True)


def test_a_book_is_asked_for_once_it_changes_and_again_while_the_answer_is_older() -> None:
    subject = session()
    assert subject.on_frames([acknowledged("btcusd")]) == []
    (request,) = subject.on_frames([change(FIRST), change(FIRST + 1)])
    assert request == Fetch("depth:btcusd", "http://127.0.0.1:2/api/v2/order_book/btcusd/", 0.0)
    assert subject.on_frames([change(FIRST + 2)]) == []
    assert fetched(subject.on_document("depth:btcusd", 200, answer(FIRST - 1))) == [("depth:btcusd", 1.0)]
    assert fetched(subject.on_document("depth:btcusd", 200, answer(FIRST - 1))) == [("depth:btcusd", 2.0)]
    assert subject.on_document("depth:btcusd", 200, answer(FIRST)) == []
    assert subject.on_frames([change(FIRST + 3)]) == []


def test_a_book_that_was_long_in_order_is_asked_for_without_delay_when_it_breaks() -> None:
    subject = session()
    subject.on_frames([acknowledged("btcusd"), change(FIRST)])
    for _ in range(3):
        delays = [delay for _, delay in fetched(subject.on_document("depth:btcusd", 200, answer(FIRST - 1)))]
    assert delays == [4.0]
    subject.on_document("depth:btcusd", 200, answer(FIRST))
    assert fetched(subject.on_frames([change(FIRST + 9), change(FIRST + 8)])) == [("depth:btcusd", 8.0)]
    subject.on_document("depth:btcusd", 200, answer(FIRST + 9))
    subject.on_frames([change(FIRST + 10 + n) for n in range(SETTLED)])
    assert fetched(subject.on_frames([change(FIRST + 20)])) == [("depth:btcusd", 0.0)]


@pytest.mark.parametrize("broken", [b'"1,15979"', b'"0"', b'"-1"', b"1.15979"])
def test_a_book_of_which_a_level_cannot_be_read_begins_anew_with_its_next_change(broken: bytes) -> None:
    wrong = change(FIRST + 1).replace(b'"1.15979"', broken)
    assert refusal(wrong)
    subject = session()
    subject.on_frames([acknowledged("btcusd")])
    assert fetched(subject.on_frames([change(FIRST)])) == [("depth:btcusd", 0.0)]
    assert subject.on_document("depth:btcusd", 200, answer(FIRST)) == []
    assert subject.on_frames([wrong]) == []
    assert fetched(subject.on_frames([change(FIRST + 2)])) == [("depth:btcusd", 1.0)]
    assert fetched(subject.on_document("depth:btcusd", 200, answer(FIRST + 1))) == [("depth:btcusd", 2.0)], "too old"
    assert subject.on_document("depth:btcusd", 200, answer(FIRST + 2)) == []


def test_an_answer_of_which_a_level_cannot_be_read_is_asked_for_again_and_one_beyond_the_tape_is_not() -> None:
    subject = session()
    subject.on_frames([acknowledged("btcusd"), change(FIRST)])
    wrong = answer(FIRST).replace(b'"993.0"', b'"993.o"')
    assert fetched(subject.on_document("depth:btcusd", 200, wrong)) == [("depth:btcusd", 1.0)]
    for wide in (b"9999999999.00", b"1e-3", b"1.1600100000000000"):
        assert subject.on_document("depth:btcusd", 200, answer(FIRST).replace(b"1.16601", wide)) == []
        subject.on_frames([change(FIRST + 1)[:-10], change(FIRST)])


def test_a_refused_answer_is_not_asked_for_again_at_once() -> None:
    subject = session()
    subject.on_frames([acknowledged("btcusd"), change(FIRST)])
    assert fetched(subject.on_document("depth:btcusd", 429, b"")) == [("depth:btcusd", 8.0)]
    for _ in range(10):
        last = fetched(subject.on_document("depth:btcusd", 503, b""))
    assert last == [("depth:btcusd", 60.0)]


def test_a_pair_that_does_not_exist_is_told_and_not_asked_for_again() -> None:
    subject = session()
    subject.on_frames([acknowledged("btcusd"), change(FIRST)])
    (denied,) = subject.on_document("depth:btcusd", 404, b"")
    assert denied == Denied("btcusd", None, "no such pair: its book is 404")
    assert not any(fetched(subject.on_time(1000.0 + second)) for second in range(50))


def test_a_book_that_does_not_change_is_asked_for_when_the_lag_is_over() -> None:
    subject = session()
    subject.on_frames([acknowledged("btcusd")])
    asked = [second for second in range(10) if fetched(subject.on_time(1000.0 + second))]
    assert asked == [LAG_S]


def test_only_a_few_answers_are_waited_for_at_the_same_time() -> None:
    pairs = [f"c{number}usd" for number in range(10)]
    subject = session(*pairs)
    first = subject.on_frames([acknowledged(pair) for pair in pairs] + [change(FIRST, pair) for pair in pairs])
    assert len(fetched(first)) == AT_ONCE
    assert fetched(subject.on_document("depth:c0usd", 200, answer(FIRST))) == [("depth:c4usd", 0.0)]


def test_a_change_that_cannot_be_read_asks_for_the_book_again() -> None:
    subject = session()
    subject.on_frames([acknowledged("btcusd"), change(FIRST)])
    subject.on_document("depth:btcusd", 200, answer(FIRST))
    assert subject.on_frames([change(FIRST + 1)[:-10]]) == []
    assert [tag for tag, _ in fetched(subject.on_frames([change(FIRST + 2)]))] == ["depth:btcusd"]


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    subject = session()
    subject.on_frames([acknowledged("btcusd"), change(FIRST)])
    late = [s for s in range(200) if (subject.on_frames([TRADE]), fetched(subject.on_time(1000.0 + s)))[1]]
    assert late == [121]


def test_the_venue_asks_for_a_reconnect_and_a_mute_connection_is_left() -> None:
    subject = session()
    assert isinstance(subject.on_frames([RECONNECT])[0], Reconnect)

    def left(seconds: int) -> list[int]:
        subject.on_connect()
        subject.on_frames([HEARTBEAT, acknowledged("btcusd"), traded("btcusd")])
        return [s for s in range(seconds) if any(isinstance(r, Reconnect) for r in subject.on_time(1000.0 + s))]

    assert left(62) == [MUTE_S + 1]
    assert left(122) == [2 * MUTE_S + 1], "a thin pair rather than a mute venue: more patience"
    subject.on_frames([TRADE])
    subject.on_time(2000.0)
    assert left(62) == [MUTE_S + 1]


def test_a_refused_change_names_its_book_or_where_that_is_cut_off_any() -> None:
    decoded, _ = decode("bitstamp", [DIFF[:100], TRADE[:100], TOP[:-10]])
    assert (decoded.tape.offset.tolist(), decoded.tape.instrument.tolist()) == ([0], [-1])
    decoded, instruments = decode("bitstamp", [DIFF[:-10]])
    assert (decoded.tape.kind.tolist(), decoded.tape.code.tolist()) == ([EventKind.GAP], [GapReason.QUARANTINE])
    assert [i.symbol for i in instruments] == ["btcusd"]
