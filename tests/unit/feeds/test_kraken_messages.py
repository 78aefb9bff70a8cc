"""What Kraken's frames mean, in exact values, in both dialects."""

from typing import Any
from zlib import crc32

import pytest

from breadboard.app.describing import describer
from breadboard.feeds import FEEDS
from breadboard.feeds.checked_book import BookMemory
from breadboard.feeds.kraken_messages import KrakenReader
from breadboard.feeds.kraken_v2_messages import KrakenV2Reader
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Refused
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode
from feed_samples import SAMPLES, decode
from samples import kraken, kraken_v2

AT = At(0, 1, 0)
V1, V2 = "kraken", "kraken-v2"


def told(venue: str, *frames: bytes) -> list[dict[str, Any]]:
    """Return what `breadboard decode` says of the last of several frames."""
    tell = describer(venue, None)
    return [list(tell(frame)) for frame in frames][-1]


def test_v1_trades_come_several_a_frame_with_the_takers_side_and_no_ids() -> None:
    first, second = told(V1, kraken.TRADES)
    assert first == {
        "kind": "trade",
        "symbol": "XMR/USD",
        "ts_event": 1618678150826417000,
        "price": "354.04",
        "size": "0.28245396",
        "side": "sell",
        "trade_id": None,
        "sequence": None,
        "order": "market",
    }
    assert (second["price"], second["side"], second["order"]) == ("353.81", "buy", "limit")


def test_v1_quotes_are_the_spread_with_its_time_or_the_ticker_without() -> None:
    assert told(V1, kraken.SPREAD) == [
        {"kind": "quote", "symbol": "XMR/USD", "ts_event": 1618678150826417000, "sequence": None}
        | {"bid": "354.04", "bid_size": "5", "ask": "354.15", "ask_size": "1.25690315"}
    ]
    assert told(V1, kraken.TICKER) == [
        {"kind": "quote", "symbol": "WAVES/EUR", "ts_event": None, "sequence": None}
        | {"bid": "13.2329", "bid_size": "185.18432037", "ask": "13.2539", "ask_size": "35.72892241"}
    ]


def test_of_a_pairs_v1_books_in_several_depths_the_deepest_is_the_book() -> None:
    deep = [frame.replace(b'"book-10"', b'"book-100"') for frame in (kraken.SNAPSHOT, kraken.UNCHECKED)]
    shallow = [kraken.SNAPSHOT, kraken.UNCHECKED]
    decoded, _ = decode(V1, [*shallow, *deep, *shallow, deep[1]])
    assert decoded.ignored == {"book-10 beside book-100": 2}
    snapshot, delta = EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA
    assert decoded.tape.kind.tolist() == [snapshot, delta, snapshot, delta, delta]
    ended = (
        b'{"channelID":992,"channelName":"book-100","event":"subscriptionStatus","pair":"XMR/USD",'
        b'"status":"unsubscribed","subscription":{"depth":100,"name":"book"}}'
    )
    assert decode(V1, [*deep, ended, *shallow])[0].tape.kind.tolist() == [snapshot, delta] * 2
    first, again = KrakenReader(), KrakenReader()
    first.read(deep[0], AT)
    again.restore(first.snapshot())
    assert again.snapshot() == first.snapshot()
    assert [again.lost_book(frame.replace(b"{", b"["), AT) for frame in (shallow[1], deep[1])] == [None, "XMR/USD"]
    assert again.read(shallow[0], AT).ignored == "book-10 beside book-100"


def test_a_pair_without_a_quote_yet_has_neither_sides_nor_a_time() -> None:
    v1 = b'[545,["0.000000000","0.000000000","0.000000","0.00000000","0.00000000"],"spread","LINK/ETH"]'
    v2 = (
        b'{"channel":"ticker","type":"update","data":[{"symbol":"ANETx/USD","bid":0,"bid_qty":0,"ask":0,"ask_qty":0,'
        b'"timestamp":"1970-01-01T00:00:00.000000Z"}]}'
    )
    nothing = {"bid": None, "bid_size": None, "ask": None, "ask_size": None}
    for venue, frame, symbol in ((V1, v1, "LINK/ETH"), (V2, v2, "ANETx/USD")):
        assert told(venue, frame) == [{"kind": "quote", "symbol": symbol, "ts_event": None, "sequence": None} | nothing]


def test_v1_a_message_of_two_objects_is_one_event_with_the_time_of_what_changed() -> None:
    (event,) = told(V1, kraken.SNAPSHOT, kraken.UPDATE)
    assert event["kind"] == "book_delta"
    assert event["ts_event"] == 1618678145920708000  # not that of the level that only came back
    assert event["bids"] == [["354.05", "1"]]
    assert event["asks"] == [["354.15", "0"], ["354.21", "7.5"]]


def test_v1_levels_that_fall_off_the_depth_are_removed_in_so_many_words() -> None:
    rows = ",".join(f'["{price}.0","1.0","1618678133.1"]' for price in range(101, 111))
    snapshot = f'[1,{{"as":[{rows}],"bs":[]}},"book-10","A/B"]'.encode()
    update = b'[1,{"a":[["100.0","2.0","1618678134.1"],["120.0","3.0","1618678134.1"]]},"book-10","A/B"]'
    (event,) = told(V1, snapshot, update)
    assert event["asks"] == [["100", "2"], ["120", "3"], ["110", "0"], ["120", "0"]]


def test_v1_a_price_that_no_column_holds_counts_in_the_depth_and_is_told_beside_the_book() -> None:
    rows = '["101.0","1.0","1618678133.1"],["9999999997.00000","0.00100000","1609634565.599521"]'
    snapshot = f'[1,{{"as":[{rows}],"bs":[]}},"book-10","A/B"]'.encode()
    (event,) = told(V1, snapshot)
    assert event["asks"] == [["101", "1"]]
    assert event["beyond_the_tape"] == [["sell", "9999999997", "0.001"]]
    reader, again = KrakenReader(), KrakenReader()
    reader.read(snapshot, AT)
    again.restore(reader.snapshot())
    assert again.memory.book("A/B", AT).asks.keys == [101 * 10**9, 9999999997 * 10**9]


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        ("online", ["feed_up", "resumed"]),
        ("limit_only", ["feed_up", "resumed"]),
        ("maintenance", ["maintenance"]),
        ("cancel_only", ["halted"]),
        ("on_fire", ["venue_error"]),
    ],
)
def test_the_state_of_the_trading_engine_is_told_in_both_dialects(state: str, codes: list[str]) -> None:
    v1 = f'{{"event":"systemStatus","status":"{state}","version":"1.8.3"}}'
    v2 = f'{{"channel":"status","type":"update","data":[{{"system":"{state}"}}]}}'
    for venue, frame in ((V1, v1), (V2, v2)):
        events = told(venue, frame.encode())
        assert [event["code"] for event in events] == codes
        assert {(event["kind"], event["symbol"], event["system"]) for event in events} == {("status", None, state)}


@pytest.mark.parametrize(("venue", "symbol"), [(V1, "XBT/NIX"), (V2, "BTC/NIX")])
def test_a_refused_subscription_names_its_symbol(venue: str, symbol: str) -> None:
    (frame,) = [raw for raw in SAMPLES[venue].frames if b"/NIX" in raw]
    (event,) = told(venue, frame)
    assert (event["code"], event["symbol"]) == ("refused", symbol)
    assert event["error"] == f"Currency pair not supported {symbol}"
    decoded, _ = decode(venue, [frame])
    assert (decoded.control, decoded.tape.code.tolist()) == (1, [StatusCode.REFUSED])


def test_v2_trades_are_exact_and_numbered() -> None:
    first, second = told(V2, kraken_v2.TRADES)
    assert first["ts_event"] == 1791273896153890000
    assert (first["price"], first["size"], first["side"]) == ("85600.4", "0.0001", "sell")
    assert (first["trade_id"], second["trade_id"]) == (91423370, 91423371)
    assert (second["price"], second["size"], second["side"], second["order"]) == ("85600", "1", "buy", "limit")
    snapshot, _ = decode(V2, [kraken_v2.TRADES.replace(b"update", b"snapshot")])
    assert set(snapshot.tape.flags.tolist()) == {Flag.LAST_KNOWN}


def test_v2_a_quote_has_the_digits_of_the_wire_and_a_time_where_there_is_one() -> None:
    (event,) = told(V2, kraken_v2.TICKER)
    assert (event["bid"], event["bid_size"], event["ask_size"]) == ("85600.4", "0.2040197", "0.90679198")
    assert event["ts_event"] == 1791273896153890000
    (older,) = told(V2, kraken_v2.TICKER_2024)
    assert (older["ts_event"], older["flags"]) == (None, ["snapshot"])


def test_v2_the_count_of_trades_in_a_ticker_of_2026_is_no_news() -> None:
    decoded, _ = decode(V2, [kraken_v2.TICKER.replace(b'"vwap"', b'"trades":7,"vwap"')])
    assert (decoded.quarantined, decoded.notes, decoded.tape.kind.tolist()) == ((), {}, [EventKind.QUOTE])


@pytest.mark.parametrize("number", ["0.10000000000000000555", "1E-7", "0.30000000000000004", "12345678901234567.5"])
def test_v2_no_number_goes_through_a_float(number: str) -> None:
    frame = kraken_v2.TRADES.replace(b"0.00010000", number.encode())
    first, *_, last = told(V2, frame)
    if last["kind"] == "trade":
        from decimal import Decimal

        assert Decimal(first["size"]) == Decimal(number)
    else:
        assert "more than 18 digits" in last["reason"]


ACK = b'{"method":"subscribe","result":{"channel":"book","depth":%d,"snapshot":true,"symbol":"BTC/USD"},"success":true}'


def book(kind: bytes, asks: range, checksum: int = 0) -> bytes:
    rows = b",".join(b'{"price":%d.0,"qty":1.50}' % price for price in asks)
    return b'{"channel":"book","type":"%b","data":[{"symbol":"BTC/USD","bids":[],"asks":[%b],"checksum":%d}]}' % (
        kind,
        rows,
        checksum,
    )


def depth(*frames: bytes) -> int:
    reader = KrakenV2Reader()
    for frame in frames:
        reader.read(frame, AT)
    return reader.memory.book("BTC/USD", AT).depth


def test_v2_the_depth_is_what_the_answer_said_else_what_the_snapshot_fits() -> None:
    thin, full, odd = book(b"snapshot", range(1, 8)), book(b"snapshot", range(1, 26)), book(b"snapshot", range(1, 40))
    assert [depth(frame) for frame in (thin, full, odd)] == [10, 25, 100]
    assert depth(ACK % 1000, thin) == 1000
    assert depth(ACK % 25, ACK % 500, full) == 500
    assert depth(book(b"snapshot", range(1, 1500))) == 0


@pytest.mark.parametrize("answer", [[], [ACK % 10]], ids=["guessed", "told"])
def test_v2_a_longer_snapshot_proves_a_greater_depth_than_was_guessed_or_told(answer: list[bytes]) -> None:
    tops = [crc32(b"".join(b"%d0150" % price for price in range(first, first + 10))) for first in (1, 4)]
    shallow, deep = book(b"snapshot", range(1, 11), tops[0]), book(b"snapshot", range(1, 26), tops[0])
    assert depth(*answer, shallow) == 10
    assert depth(*answer, shallow, deep) == 25
    assert depth(*answer, shallow, deep, shallow) == 25
    gone = book(b"update", range(1, 4), tops[1]).replace(b"1.50", b"0.00")
    reader = KrakenV2Reader()
    *_, meaning = [reader.read(frame, AT) for frame in (*answer, shallow, deep, gone)]
    assert (meaning.checked, [event.kind for event in meaning.events]) == (True, [EventKind.BOOK_DELTA])
    assert reader.memory.book("BTC/USD", AT).asks.keys == [price * 10**9 for price in range(4, 26)]


def test_a_snapshot_holds_the_depth_and_no_removals() -> None:
    """Whoever takes it forgets what was before, and would keep a level whose removal is told in it."""
    rows = ",".join(f'["{price}.0","1.0","1618678133.1"]' for price in range(101, 126))
    v1 = f'[1,{{"as":[{rows}],"bs":[]}},"book-10","A/B"]'.encode()
    reader, (event,) = KrakenReader(), told(V1, v1)
    reader.read(v1, AT)
    assert event["asks"] == [[str(price), "1"] for price in range(101, 111)]
    assert reader.memory.book("A/B", AT).asks.keys == [price * 10**9 for price in range(101, 111)]
    event, _ = told(V2, ACK % 1000, book(b"snapshot", range(1, 1202)))  # and the GAP of its checksum
    assert event["asks"] == [[str(price), "1.5"] for price in range(1, 1001)]


@pytest.mark.parametrize(
    ("venue", "frame", "reason"),
    [
        (V1, b'{"event":"news"}', "unknown message type"),
        (V1, b'[1,{},"level3","A/B"]', "unknown message type"),
        (V1, b'[1,["a"],"A/B"]', "neither an event"),
        (V1, b'[1,[["1.0","0","1618678150.1","b","m",""]],"trade","A/B"]', "size 0"),
        (V1, b'[1,[["1.0","2","1618678150.1","x","m",""]],"trade","A/B"]', "unknown side"),
        (V1, b'[1,[["1.0","2","yesterday","b","m",""]],"trade","A/B"]', "not a time"),
        (V1, b'[1,["1.0","2.0",".","1.0","1.0"],"spread","A/B"]', "not a time"),
        (V1, b'[1,["1.0","2.0","0.1","1.0","1.0"],"spread","A/B"]', "outside 2000 to 2100"),
        (V1, b'[1,{"as":[]},"book-10","A/B"]', "two sides"),
        (V1, b'[1,{"as":[],"bs":[],"a":[["1","1","1618678150.1"]]},"book-10","A/B"]', "two sides"),
        (V1, b'[1,{"a":[["1","1"]]},"book-10","A/B"]', "a level of 2"),
        (V1, b'[1,{"a":[]},"book-11","A/B"]', "impossible depth"),
        (V1, b'[1,{"a":[],"a":[]},"book-10","A/B"]', "given twice"),
        (V1, b'[1,{"a":[],"c":"12x"},"book-10","A/B"]', "checksum"),
        (V2, b'{"channel":"news"}', "unknown message type"),
        (V2, b'{"method":"dance","success":true}', "unknown message type"),
        (V2, kraken_v2.SNAPSHOT.replace(b"85599.0", b'"85599.0"'), "expected a number, found str"),
        (V2, kraken_v2.SNAPSHOT.replace(b"85599.0", b"NaN"), "NaN is not a number"),
        (V2, kraken_v2.SNAPSHOT.replace(b"85599.0", b"true"), "expected a number, found bool"),
        (V2, kraken_v2.SNAPSHOT.replace(b'"qty":0.0438586', b'"qtx":0.0438586'), "missing required field `qty`"),
        (V2, kraken_v2.SNAPSHOT.replace(b"snapshot", b"delta"), "delta"),
        (V2, kraken_v2.TRADES.replace(b'"sell"', b'"short"'), "short"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(venue: str, frame: bytes, reason: str) -> None:
    *others, event = told(venue, frame)
    assert {other["kind"] for other in others} <= {"trade", "gap"}
    assert event["kind"] == "quarantined"
    assert reason in event["reason"]


@pytest.mark.parametrize("venue", [V1, V2])
def test_a_book_message_that_cannot_be_read_costs_that_symbols_book(venue: str) -> None:
    sample = kraken if venue == V1 else kraken_v2
    broken = sample.UPDATE.replace(b'"a"', b'"a":1,"a"') if venue == V1 else sample.UPDATE.replace(b'"qty"', b'"q"')
    decoded, ids = decode(venue, [sample.SNAPSHOT, broken, sample.UPDATE])
    kinds = decoded.tape.kind.tolist()
    assert kinds == [EventKind.BOOK_SNAPSHOT, EventKind.GAP, EventKind.BOOK_DELTA]
    assert ids[int(decoded.tape.instrument[1])].symbol == ("XMR/USD" if venue == V1 else "BTC/USD")
    assert decoded.checked == (0 if venue == V1 else 1)


def test_sides_of_levels_and_pairs_in_upper_case_but_for_tokenised_stocks() -> None:
    decoded, _ = decode(V1, [kraken.SNAPSHOT])
    assert decoded.tape.level_side.tolist() == [Side.SELL, Side.SELL, Side.BUY]
    from breadboard.feeds.kraken import spelled

    assert list(map(spelled, ("btc/usd", "AAPLx/USD", "aaplx/usd"))) == ["BTC/USD", "AAPLx/USD", "AAPLX/USD"]


def test_an_impossible_state_is_not_restored_as_something_else() -> None:
    with pytest.raises(Refused):
        KrakenReader().read(b'[1,{"a":[["-1","1","1618678150.1"]]},"book-10","A/B"]', AT)
    memory = BookMemory()
    memory.restore(b"")
    assert memory.snapshot() == BookMemory().snapshot()
    assert FEEDS[V1].capabilities.trade_ids_contiguous is False
    assert FEEDS[V2].capabilities.trade_ids_contiguous is True
