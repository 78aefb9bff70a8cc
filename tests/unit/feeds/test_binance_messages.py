"""What Binance's bytes mean, and what is refused, with the reason."""

import pytest

from breadboard.feeds import by_name
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind, Side, StatusCode
from breadboard.ports import Decoded
from feed_samples import content, decode, decode_frames, document, rows
from samples.binance import (
    KLINE,
    PERP_DEPTH,
    PERP_QUOTE,
    PERP_TRADE,
    SNAPSHOT,
    SPOT_AGG,
    SPOT_DEPTH,
    SPOT_QUOTE,
    SPOT_TRADE,
)

both = pytest.mark.parametrize("fast", [True, False], ids=["kernel", "reference"])


def one(name: str, frame: bytes, *, fast: bool = True, kind: int = RecordKind.DATA) -> dict[str, int]:
    """Return the only row that a frame makes."""
    decoded, _ = decode(name, [frame], fast=fast, kind=kind)
    assert decoded.quarantined == ()
    assert len(decoded.tape) == 1
    return {name: values[0] for name, values in content(decoded.tape).items() if not name.startswith("level_")}


def reason(name: str, frame: bytes, kind: int = RecordKind.DATA) -> str:
    """Return why a frame is quarantined, between two good ones that are not."""
    good = SPOT_TRADE if kind == RecordKind.DATA else document("depth:BTCUSDT", SNAPSHOT)
    decoded, _ = decode(name, [good, frame, good], kind=kind)
    assert decoded.tape.offset.tolist() == [0, 2]
    assert [offset for offset, _ in decoded.quarantined] == [1]
    return decoded.quarantined[0][1]


@both
def test_a_spot_trade(fast: bool) -> None:
    row = one("binance", SPOT_TRADE, fast=fast)
    assert (row["kind"], row["side"], row["trade_id"]) == (EventKind.TRADE, Side.SELL, 3_735_683_259)
    assert (row["price"], row["size"], row["size_exp"]) == (61_837_630_000_000, 2_000_000, -8)
    assert row["ts_event"] == 1_723_161_255_342_000_000, "the trade time T, not the event time E"
    assert (row["sequence"], row["flags"]) == (ABSENT, 0)


@both
def test_a_buyer_who_is_not_the_maker_crossed(fast: bool) -> None:
    assert one("binance", SPOT_TRADE.replace(b'"m":true', b'"m":false'), fast=fast)["side"] == Side.BUY


@both
def test_an_aggregated_trade_says_so(fast: bool) -> None:
    row = one("binance", SPOT_AGG, fast=fast)
    assert (row["flags"], row["trade_id"], row["side"]) == (Flag.AGGREGATED, 15_683_430, Side.BUY)


@both
def test_a_spot_quote_has_no_time(fast: bool) -> None:
    row = one("binance", SPOT_QUOTE, fast=fast)
    assert (row["kind"], row["sequence"], row["ts_event"]) == (EventKind.QUOTE, 12, ABSENT)
    assert (row["price"], row["ask_price"]) == (61_837_630_000_000, 61_837_640_000_000)
    assert (row["size"], row["ask_size"], row["ask_size_exp"]) == (378_826_000, 154_698_000, -8)


@both
def test_a_futures_quote_has_the_engines_time(fast: bool) -> None:
    assert one("binance-coinm", PERP_QUOTE, fast=fast)["ts_event"] == 1_723_161_257_465_000_000


@both
def test_a_side_of_size_zero_is_absent(fast: bool) -> None:
    row = one("binance", SPOT_QUOTE.replace(b"3.78826000", b"0.00000000").replace(b"61837.63", b"0.00"), fast=fast)
    assert (row["price"], row["size"]) == (ABSENT, ABSENT)
    assert row["ask_price"] == 61_837_640_000_000


@both
def test_a_spot_depth_update_follows_the_number_before_its_first(fast: bool) -> None:
    decoded, _ = decode("binance", [SPOT_DEPTH], fast=fast)
    row = content(decoded.tape)
    assert (row["sequence_first"], row["sequence"], row["sequence_prev"]) == ([10], [12], [9])
    assert row["ts_event"] == [1_723_161_255_208_000_000], "spot has the event time only"
    assert row["level_side"] == [Side.BUY, Side.BUY, Side.SELL]
    assert row["level_price"] == [61_737_630_000_000, 61_730_170_000_000, 61_837_640_000_000]
    assert row["level_size"] == [50_000_000, 0, 154_698_000]


@both
def test_a_futures_depth_update_carries_its_chain_and_the_engines_time(fast: bool) -> None:
    row = one("binance-usdm", PERP_DEPTH, fast=fast)
    assert (row["sequence_first"], row["sequence"], row["sequence_prev"]) == (20, 25, 18)
    assert row["ts_event"] == 1_723_161_257_432_000_000


@both
@pytest.mark.parametrize("again", [1, 3])
def test_a_book_with_orders_for_retail_clients_is_ignored_by_name(fast: bool, again: int) -> None:
    retail = PERP_DEPTH.replace(b"@depth@0ms", b"@rpiDepth@500ms")
    decoded, _ = decode("binance-usdm", [PERP_DEPTH, retail] * again, fast=fast)
    assert (decoded.ignored, decoded.quarantined, len(decoded.tape)) == ({"rpiDepth": again}, (), again)


@both
def test_levels_of_2017_have_an_empty_list_behind_their_size(fast: bool) -> None:
    old, _ = decode("binance", [SPOT_DEPTH.replace(b'"]', b'",[]]')], fast=fast)
    plain, _ = decode("binance", [SPOT_DEPTH])
    assert (old.quarantined, content(old.tape)) == ((), content(plain.tape))
    body = SNAPSHOT.replace(b'"]', b'",[]]')
    book = one("binance", document("depth:BTCUSDT", body), fast=fast, kind=RecordKind.DOCUMENT)
    assert book["sequence"] == 11
    assert "Expected `array` of length 2, got 3" in reason("binance", SPOT_DEPTH.replace(b'"]', b'",[7]]'))


@both
def test_a_depth_update_may_be_empty(fast: bool) -> None:
    frame = b'{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":10,"u":12,"b":[],"a":[]}'
    row = one("binance", frame, fast=fast)
    assert (row["kind"], row["sequence"]) == (EventKind.BOOK_DELTA, 12)


@both
def test_white_space_and_new_fields_change_nothing_of_what_is_meant(fast: bool) -> None:
    odd = SPOT_DEPTH.replace(b",", b" ,\n ").replace(b":", b"\t: ").replace(b"btcusdt@depth\n", b"btcusdt@depth")
    odd = odd.replace(b'"s"', b'"new": "field", "newer": -1.5, "s"')
    plain, _ = decode("binance", [SPOT_DEPTH])
    decoded, _ = decode("binance", [odd], fast=fast)
    assert content(rows(decoded.tape, EventKind.BOOK_DELTA)) == content(plain.tape)
    assert list(decoded.notes.values()) == [{"unknown": ["new", "newer"]}]


@both
def test_a_fetched_book_takes_its_symbol_from_the_tag(fast: bool) -> None:
    decoded, instruments = decode("binance", [document("depth:BTCUSDT", SNAPSHOT)], fast=fast, kind=RecordKind.DOCUMENT)
    row = content(decoded.tape)
    assert [instrument.symbol for instrument in instruments] == ["BTCUSDT"]
    assert (row["kind"], row["sequence"], row["ts_event"]) == ([EventKind.BOOK_SNAPSHOT], [11], [ABSENT])
    assert row["level_side"] == [Side.BUY, Side.SELL, Side.SELL]


@both
def test_a_fetched_futures_book_has_the_engines_time(fast: bool) -> None:
    body = SNAPSHOT.replace(b'"bids"', b'"E":1723161257835,"T":1723161257823,"symbol":"BTCUSD_PERP","pair":"X","bids"')
    record = document("depth:BTCUSD_PERP", body)
    assert one("binance-coinm", record, fast=fast, kind=RecordKind.DOCUMENT)["ts_event"] == 1_723_161_257_823_000_000


def test_a_book_of_another_symbol_than_was_asked_for_is_refused() -> None:
    record = document("depth:BTCUSDT", SNAPSHOT.replace(b'"bids"', b'"symbol":"ETHUSDT","bids"'))
    assert "ETHUSDT" in reason("binance", record, RecordKind.DOCUMENT)


@both
@pytest.mark.parametrize("status", [418, 429, 500])
def test_a_refused_request_is_conversation_and_on_the_tape(fast: bool, status: int) -> None:
    record = document("depth:BTCUSDT", b"slow down", status)
    decoded, instruments = decode("binance", [record], fast=fast, kind=RecordKind.DOCUMENT)
    assert (decoded.control, decoded.data, decoded.quarantined) == (1, 0, ())
    assert decoded.tape.code.tolist() == [StatusCode.VENUE_ERROR]
    assert instruments[int(decoded.tape.instrument[0])].symbol == "BTCUSDT"


@pytest.mark.parametrize(
    "record", [b"", b"no head", b'{"tag":"depth:X"}\n{}', b'{"tag":"depth:X","url":"","status":"200"}\n{}']
)
def test_a_document_without_its_head_is_refused(record: bytes) -> None:
    assert "head line" in reason("binance", record, RecordKind.DOCUMENT)


@pytest.mark.parametrize("name", ["binance", "binance-usdm"])
@pytest.mark.parametrize("stream", ["btcusdt@depth5", "btcusdt@depth20@100ms"])
def test_a_partial_book_is_a_snapshot_of_its_top(name: str, stream: str) -> None:
    if name == "binance":
        frame = b'{"stream":"%s","data":%s}' % (stream.encode(), SNAPSHOT)
    else:
        frame = PERP_DEPTH.replace(b"btcusd_perp@depth@0ms", stream.encode()).replace(b"BTCUSD_PERP", b"BTCUSDT")
    row = one(name, frame)
    assert (row["kind"], row["flags"]) == (EventKind.BOOK_SNAPSHOT, Flag.CONFLATED)
    assert row["sequence_first"] == ABSENT


PARTIAL = b'{"stream":"btcusdt@depth20@100ms","data":%s}' % SNAPSHOT
SPOT_BOOK = (document("depth:BTCUSDT", SNAPSHOT), RecordKind.DOCUMENT)
SPOT_CHANGE = (SPOT_DEPTH, RecordKind.DATA)
ODD_CHANGE = (SPOT_DEPTH.replace(b"61737.63", b"61737\\u002e63"), RecordKind.DATA)
SPOT_TOP = (PARTIAL, RecordKind.DATA)
TOP, WHOLE, CHANGE = "top", "whole", "change"


def mixed(records: list[tuple[bytes, int]], epochs: list[int] | None = None) -> Frames:
    frames = Frames.of([raw for raw, _ in records], list(range(1, len(records) + 1)), kind=RecordKind.DATA)
    frames.kind[:] = [kind for _, kind in records]
    frames.epoch[:] = epochs or 1
    return frames


def books_of(decoded: Decoded) -> list[str]:
    names = {EventKind.BOOK_DELTA: CHANGE, EventKind.BOOK_SNAPSHOT: WHOLE}
    kinds = zip(decoded.tape.kind.tolist(), decoded.tape.flags.tolist(), strict=True)
    return [TOP if flags & Flag.CONFLATED else names[EventKind(kind)] for kind, flags in kinds]


@both
@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize("change", [SPOT_CHANGE, ODD_CHANGE])
def test_a_partial_book_takes_the_place_of_none_that_was_fetched_and_changes(
    fast: bool, batch: int, change: tuple[bytes, int]
) -> None:
    said = [SPOT_TOP, change, SPOT_TOP, SPOT_BOOK, SPOT_TOP, change, SPOT_TOP, change, SPOT_BOOK, SPOT_TOP]
    decoded, _ = decode_frames("binance", mixed(said), fast=fast, batch=batch)
    assert books_of(decoded) == [TOP, CHANGE, TOP, WHOLE, TOP, CHANGE, CHANGE, WHOLE]
    assert (decoded.ignored, decoded.quarantined) == ({"a partial book beside the changes": 2}, ())


@both
def test_books_that_live_are_forgotten_with_the_connection_and_survive_a_restart(fast: bool) -> None:
    first, again = (by_name("binance").decoder(Instruments(), fast=fast) for _ in range(2))  # type: ignore[call-arg]  # has a kernel
    first.decode(mixed([SPOT_BOOK]))
    again.decode(mixed([SPOT_BOOK]))
    again.restore(first.snapshot())
    assert again.snapshot() == first.snapshot()
    assert books_of(again.decode(mixed([SPOT_CHANGE, SPOT_TOP]))) == [CHANGE]
    assert again.snapshot() != first.snapshot()
    again.restore(again.snapshot())
    other = by_name("binance").decoder(Instruments())
    other.decode(mixed([SPOT_BOOK]))
    other.restore(again.snapshot())
    assert books_of(other.decode(mixed([SPOT_TOP, SPOT_TOP], [1, 2]))) == [TOP]


@both
def test_a_futures_partial_book_takes_no_place_either(fast: bool) -> None:
    book = document("depth:BTCUSD_PERP", SNAPSHOT), RecordKind.DOCUMENT
    change = PERP_DEPTH, RecordKind.DATA
    top = PERP_DEPTH.replace(b"@depth@0ms", b"@depth20@100ms"), RecordKind.DATA
    decoded, _ = decode_frames("binance-usdm", mixed([top, book, top, change, top, change]), fast=fast)
    assert books_of(decoded) == [TOP, WHOLE, TOP, CHANGE, CHANGE]


@both
@pytest.mark.parametrize("name", ["binance-usdm", "binance-coinm"])
def test_a_futures_partial_book_may_say_that_it_continues_nothing(name: str, fast: bool) -> None:
    top = (
        b'{"stream":"runeusd_perp@depth5","data":{"e":"depthUpdate","E":1648006221596,"T":1648006221340,'
        b'"s":"RUNEUSD_PERP","ps":"RUNEUSD","U":395028983849,"u":395028983849,"pu":-1,"b":[],"a":[["8.4400","2"]]}}'
    )
    for frame in (top, top.replace(b'"pu":-1,', b"")):
        row = one(name, frame, fast=fast)
        assert (row["kind"], row["flags"], row["sequence_prev"]) == (EventKind.BOOK_SNAPSHOT, Flag.CONFLATED, ABSENT)
        assert row["sequence"] == 395_028_983_849
        found = content(decode(name, [frame], fast=fast)[0].tape)
        assert (found["level_side"], found["level_price"]) == ([Side.SELL], [8_440_000_000])
    change, _ = decode(name, [top.replace(b"@depth5", b"@depth")], fast=fast)
    assert [why.partition(" - ")[0] for _, why in change.quarantined] == ["Depth: Expected `int` >= 0"], (
        "it must follow"
    )


def test_klines_are_understood_and_make_no_event() -> None:
    decoded, _ = decode("binance", [KLINE, KLINE])
    assert (decoded.data, decoded.ignored, len(decoded.tape)) == (2, {"kline": 2}, 0)


BLOCK = b'{"e":"blockTrade","E":1772506983582,"s":"BTCUSDT","t":582,"p":"0.052","q":"5838","T":1772506983321,"m":true}'


@both
@pytest.mark.parametrize(
    ("name", "frame", "kind"),
    [
        ("binance", BLOCK, "blockTrade"),
        ("binance", b'{"e":"referencePrice","s":"BAZUSD","r":"1.00","t":1770313263917}', "referencePrice"),
        ("binance", b'{"e":"referencePrice","s":"BAZUSD","r":null,"t":1770313263917}', "referencePrice"),
        (
            "binance-usdm",
            b'{"e":"EquityUpdate","E":1765244143062,"t":1765242000000,"T":1765270800000,"S":"OVERNIGHT"}',
            "EquityUpdate",
        ),
        (
            "binance-usdm",
            b'{"e":"CommodityUpdate","E":1765244143062,"t":1765242000000,"T":1765270800000,"S":"REGULAR"}',
            "CommodityUpdate",
        ),
    ],
)
def test_streams_of_2026_without_events_are_ignored_by_name(fast: bool, name: str, frame: bytes, kind: str) -> None:
    trade = BLOCK.replace(b"blockTrade", b"trade")  # of the same keys: what follows it may be read by its layout
    decoded, _ = decode(name, [trade, trade, frame, frame], fast=fast)
    assert (decoded.ignored, decoded.quarantined) == ({kind: 2}, ())
    assert decoded.tape.trade_id.tolist() == [582, 582], "no row but the trades'"


ROWS = b'[{"e":"24hrMiniTicker","s":"BTCUSDT","c":"1"},{"e":"24hrMiniTicker","s":"ETHUSDT","c":"2"}]'


@both
@pytest.mark.parametrize("frame", [ROWS, b'{"stream":"!miniTicker@arr","data":%b}' % ROWS])
def test_arrays_of_all_symbols_are_ignored_by_the_kind_of_their_messages(frame: bytes, fast: bool) -> None:
    decoded, _ = decode("binance", [frame], fast=fast)
    assert (decoded.ignored, decoded.quarantined, len(decoded.tape)) == ({"24hrMiniTicker": 1}, (), 0)


@pytest.mark.parametrize(
    "frame",
    [
        *(b"[]", b"[7]", b'[{"e":["24hrMiniTicker"]}]', ROWS.replace(b'"24hrMiniTicker","s":"E', b'"trade","s":"E')),
        *(ROWS.replace(b"24hrMiniTicker", b"trade"), b'{"stream":"!miniTicker@arr","data":[[]]}'),
    ],
)
def test_any_other_array_is_quarantined(frame: bytes) -> None:
    decoded, _ = decode("binance", [frame])
    assert "an array that is not of one kind" in decoded.quarantined[0][1]


@both
@pytest.mark.parametrize("frame", [PERP_TRADE, PERP_DEPTH, PERP_QUOTE])
def test_names_of_2026_are_no_news(frame: bytes, fast: bool) -> None:
    known = frame.replace(b'"s":', b'"st":1,"nq":"0.5","s":')
    decoded, _ = decode("binance-usdm", [frame, known], fast=fast)
    assert (decoded.quarantined, decoded.notes, len(decoded.tape)) == ((), {}, 2)


@both
@pytest.mark.parametrize("venue", ["binance-usdm", "binance-coinm"])
def test_a_futures_record_that_is_no_trade_says_its_number_alone(venue: str, fast: bool) -> None:
    frame = (  # t, p, q and X as they came in August 2025 (nkaz001/hftbacktest #263)
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1756168020001,"T":1756168020000,"s":"BTCUSDT",'
        b'"t":6587981240,"p":"0","q":"0","X":"NA","m":true}}'
    )
    decoded, instruments = decode(venue, [frame], fast=fast)
    assert (decoded.data, decoded.control, decoded.ignored, decoded.quarantined) == (1, 0, {}, ())
    tape = decoded.tape
    assert [instrument.symbol for instrument in instruments] == ["BTCUSDT"]
    assert (tape.kind.tolist(), tape.code.tolist()) == ([EventKind.STATUS], [StatusCode.NO_TRADE])
    assert (tape.trade_id.tolist(), tape.ts_event.tolist()) == ([6587981240], [1756168020000000000])
    assert (tape.price.tolist(), tape.size.tolist()) == ([ABSENT], [ABSENT])


@both
def test_an_empty_array_is_ignored_by_its_stream(fast: bool) -> None:
    decoded, _ = decode("binance", [b'{"stream":"!ticker_1h@arr","data":[]}'], fast=fast)
    assert (decoded.quarantined, len(decoded.tape), decoded.data) == ((), 0, 1)
    assert decoded.ignored == {"!ticker_1h@arr": 1}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":1}', StatusCode.VENUE_ERROR),
        (b'{"code":2,"msg":"Invalid request","id":1}', StatusCode.VENUE_ERROR),
        (b'{"e":"serverShutdown","E":1770123456789}', StatusCode.MAINTENANCE),
        (b'{"stream":"x","data":{"e":"serverShutdown","E":1770123456789}}', StatusCode.MAINTENANCE),
    ],
)
def test_what_the_venue_says_of_itself_is_conversation_and_on_the_tape(frame: bytes, code: StatusCode) -> None:
    decoded, _ = decode("binance", [frame])
    assert (decoded.control, decoded.data) == (1, 0)
    assert (decoded.tape.code.tolist(), decoded.tape.flags.tolist()) == ([code], [Flag.FEED_WIDE])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"61837.63000000"', b'"NaN"', "not a decimal"),
        (b'"61837.63000000"', b'"Infinity"', "not a decimal"),
        (b'"61837.63000000"', b"NaN", "NaN is not a number"),
        (b'"61837.63000000"', b"61837.63", "Expected `str`"),
        (b'"61837.63000000"', b'"-61837.63"', "impossible price"),
        (b'"61837.63000000"', b'"0.00000000"', "impossible price"),
        (b'"61837.63000000"', b'"1e30"', "beyond"),
        (b'"61837.63000000"', b'"0.00000000001"', "finer than 1e-9"),
        (b'"61837.63000000"', b"null", "Expected `str`"),
        (b'"0.02000000"', b'"0.00000000"', "size 0"),
        (b'"0.02000000"', b'"-1"', "negative size"),
        (b'"0.02000000"', b'"1000000000000000000000000000000"', "18 digits"),
        (b'"t":3735683259', b'"t":"3735683259"', "Expected `int`"),
        (b'"t":3735683259', b'"t":1000000000000000000000000000000', "trade_id|\\$.t|<="),
        (b'"t":3735683259', b'"t":-1', ">= 0"),
        (b'"t":3735683259,', b"", "missing required field `t`"),
        (b'"m":true', b'"m":"true"', "Expected `bool`"),
        (b'"T":1723161255342', b'"T":1723161255', "time outside"),
        (b'"T":1723161255342', b'"T":1723161255342000000', "time outside"),
        (b'"p":', b'"p":"1","p":', "'p' is given twice"),
        (b'"s":"BTCUSDT"', b'"s":"BTC USDT"', "not a symbol"),
        (b'"s":"BTCUSDT"', b'"s":""', "not a symbol"),
        (b'"s":"BTCUSDT"', b'"s":"\\ud800"', "not a symbol"),
        (b'"e":"trade"', b'"e":"tradeX"', "unknown message type 'tradeX'"),
        (b'"e":"trade"', b'"e":["trade"]', "unknown message type"),
        (b"BTCUSDT", b"BTC\xffSDT", "not UTF-8"),
        (b"}}", b"}", "not JSON"),
        (b"}}", b"}}x", "not JSON"),
        (b'{"stream":"btcusdt@trade"', b'{"stream":7', "envelope"),
    ],
)
def test_a_wrong_trade_is_quarantined_with_its_reason(old: bytes, new: bytes, why: str) -> None:
    import re

    assert old in SPOT_TRADE
    assert re.search(why, reason("binance", SPOT_TRADE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"U":10', b'"U":13', "run back"),
        (b'"61730.17000000"', b'"0"', "impossible price"),
        (b'["61730.17000000","0.00000000"]', b'["61730.17000000"]', "length 2"),
        (b'["61730.17000000","0.00000000"]', b'{"61730.17000000":"0.00000000"}', "Expected `array`"),
        (b'"u":12', b'"u":12,"u":13', "'u' is given twice"),
        (b'"E":1723161255208,', b"", "missing required field `E`"),
    ],
)
def test_a_wrong_depth_update_is_quarantined_with_its_reason(old: bytes, new: bytes, why: str) -> None:
    assert old in SPOT_DEPTH
    assert why in reason("binance", SPOT_DEPTH.replace(old, new))


def test_futures_depth_without_its_chain_is_refused() -> None:
    decoded, _ = decode("binance-usdm", [PERP_DEPTH.replace(b'"pu":18,', b"")])
    assert "`pu`" in decoded.quarantined[0][1]


def test_a_symbol_in_another_alphabet_is_a_symbol() -> None:
    decoded, instruments = decode("binance", [SPOT_TRADE.replace(b"BTCUSDT", "币安USDT".encode())] * 2)
    assert len(decoded.tape) == 2
    assert [instrument.symbol for instrument in instruments] == ["币安USDT"]


@both
def test_levels_under_a_key_that_the_message_does_not_have_are_not_taken(fast: bool) -> None:
    frame = SPOT_DEPTH.replace(b'"b":', b'"bids":[["1","2"]],"b":')
    plain, _ = decode("binance", [SPOT_DEPTH, SPOT_DEPTH], fast=fast)
    decoded, _ = decode("binance", [frame, SPOT_DEPTH], fast=fast)
    assert content(decoded.tape) == content(plain.tape)


@both
def test_an_unknown_key_given_twice_is_refused(fast: bool) -> None:
    decoded, _ = decode("binance", [SPOT_TRADE.replace(b'"M":true', b'"M":true,"M":true')], fast=fast)
    assert "'M' is given twice" in decoded.quarantined[0][1]


@both
def test_the_symbol_of_a_message_is_under_its_own_key_whatever_is_said_beside_it(fast: bool) -> None:
    other = SPOT_TRADE.replace(b"{", b'{"symbol":"OTHER",', 1)
    last = SPOT_TRADE.replace(b"}", b',"symbol":"OTHER"}', 1)
    depth = PERP_DEPTH.replace(b'"e":', b'"symbol":"OTHER","e":', 1)
    futures = ("binance-usdm", "BTCUSD_PERP", [depth] * 2)
    for name, symbol, frames in (("binance", "BTCUSDT", [SPOT_TRADE, other, last, last]), futures):
        decoded, instruments = decode(name, frames, fast=fast)
        assert decoded.quarantined == ()
        assert [instrument.symbol for instrument in instruments] == [symbol]
        assert decoded.tape.instrument.tolist() == [0] * len(frames)
