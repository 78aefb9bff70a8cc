"""What Coinbase's bytes mean, and what is refused, with the reason."""

import pytest

from breadboard.app.describing import describer
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, GapReason, SequenceRule, Side, StatusCode
from feed_samples import content, decode
from samples.coinbase import HEARTBEAT, L2_SNAPSHOT, L2_UPDATE, MATCH, TICKER, TICKER_2022

both = pytest.mark.parametrize("fast", [True, False], ids=["kernel", "reference"])


def one(frame: bytes, *, fast: bool = True) -> dict[str, int]:
    decoded, instruments = decode("coinbase", [frame], fast=fast)
    assert decoded.quarantined == ()
    assert [(i.id, i.sequence_rule) for i in instruments] == [("BAND-GBP.COINBASE", SequenceRule.NONE)]
    return {name: values[0] for name, values in content(decoded.tape).items() if not name.startswith("level_")}


@both
def test_a_match_names_the_maker_and_the_tape_the_taker(fast: bool) -> None:
    row = one(MATCH, fast=fast)
    assert (row["kind"], row["side"], row["flags"]) == (EventKind.TRADE, Side.BUY, 0)
    assert (row["price"], row["size"], row["trade_id"]) == (14_777_500_000, 4_000_000, 881_614)
    assert (row["sequence"], row["ts_event"]) == (333_938_798, 1_618_677_810_244_075_000)
    assert one(MATCH.replace(b'"sell"', b'"buy"'), fast=fast)["side"] == Side.SELL


@both
def test_the_last_match_is_marked_as_from_before_we_listened(fast: bool) -> None:
    assert one(MATCH.replace(b'"match"', b'"last_match"'), fast=fast)["flags"] == Flag.LAST_KNOWN


@both
def test_a_ticker_of_2021_has_no_sizes_and_one_of_2022_has(fast: bool) -> None:
    row = one(TICKER, fast=fast)
    assert (row["kind"], row["price"], row["ask_price"]) == (EventKind.QUOTE, 14_755_000_000, 14_806_000_000)
    assert (row["size"], row["ask_size"], row["sequence"]) == (ABSENT, ABSENT, 333_938_798)
    row = one(TICKER_2022, fast=fast)
    assert (row["size"], row["ask_size"]) == (750_000_000, 1_000_000)


@both
def test_an_empty_side_of_a_ticker_is_absent(fast: bool) -> None:
    row = one(TICKER.replace(b'"14.7550"', b'"0"'), fast=fast)
    assert (row["price"], row["size"], row["ask_price"]) == (ABSENT, ABSENT, 14_806_000_000)


@both
@pytest.mark.parametrize(("size", "left"), [(b'"7.5"', 750_000_000), (b'""', ABSENT)])
def test_an_empty_text_is_no_price_and_no_size(fast: bool, size: bytes, left: int) -> None:
    bidless = TICKER_2022.replace(b'"14.7550"', b'""').replace(b'"0.01"', size)
    row = one(bidless, fast=fast)
    assert (row["price"], row["size"]) == (ABSENT, ABSENT)
    assert (row["ask_price"], row["ask_size"]) == (14_806_000_000, left)
    assert one(TICKER.replace(b'"14.7550"', b'""'), fast=fast)["price"] == ABSENT


@both
def test_a_ticker_before_the_first_trade_has_no_time(fast: bool) -> None:
    frame = b'{"type":"ticker","sequence":1,"product_id":"BAND-GBP","best_bid":"1","best_ask":"2"}'
    assert one(frame, fast=fast)["ts_event"] == ABSENT


@both
def test_a_book_and_its_changes(fast: bool) -> None:
    decoded, _ = decode("coinbase", [L2_SNAPSHOT, L2_UPDATE], fast=fast)
    rows = content(decoded.tape)
    assert rows["kind"] == [EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA]
    assert rows["level_side"] == [Side.SELL, Side.BUY, Side.SELL, Side.BUY]
    assert rows["level_price"] == [14_802_400_000, 14_750_000_000, 14_802_400_000, 14_700_000_000]
    assert rows["level_size"] == [1_277_000_000, 150_000_000, 0, 300_000_000]
    assert (rows["level_begin"], rows["level_end"]) == ([0, 2], [2, 4])
    assert rows["sequence"] == [ABSENT, ABSENT]
    assert rows["ts_event"] == [ABSENT, 1_618_677_847_859_760_000]


@both
def test_a_level_that_no_column_holds_is_told_beside_the_book_and_costs_none(fast: bool) -> None:
    wish = [L2_SNAPSHOT.replace(b'[["14.8024",', b'[["9999999999.99","0.01"],["14.8024",'), L2_UPDATE]
    wish.append(L2_UPDATE.replace(b'["buy",', b'["sell","9223372037","1"],["buy",'))
    decoded, _ = decode("coinbase", wish, fast=fast)
    rows = content(decoded.tape)
    assert (decoded.quarantined, rows["kind"]) == ((), [EventKind.BOOK_SNAPSHOT, *[EventKind.BOOK_DELTA] * 2])
    assert (rows["level_begin"], rows["level_end"]) == ([0, 2, 4], [2, 4, 6])
    assert rows["level_price"] == [14_802_400_000, 14_750_000_000, *[14_802_400_000, 14_700_000_000] * 2]
    assert rows["level_size"] == [1_277_000_000, 150_000_000, *[0, 300_000_000] * 2]
    tell = describer("coinbase", None)
    told = [event["beyond_the_tape"] for frame in wish for event in tell(frame) if "beyond_the_tape" in event]
    assert told == [[["sell", "9999999999", "0.01"]], [["sell", "9223372037", "1"]]]


@both
def test_a_heartbeat_is_a_status_that_knows_the_last_trade(fast: bool) -> None:
    row = one(HEARTBEAT, fast=fast)
    assert (row["kind"], row["code"]) == (EventKind.STATUS, StatusCode.HEARTBEAT)
    assert (row["trade_id"], row["sequence"], row["ts_event"]) == (20, 90, 1_618_677_848_000_001_000)


ZERO = b"0001-01-01T00:00:00.000000Z"


@both
def test_a_change_without_a_time_is_applied_and_costs_no_book(fast: bool) -> None:
    update = L2_UPDATE.replace(b"2021-04-17T16:44:07.859760Z", ZERO)
    decoded, _ = decode("coinbase", [L2_SNAPSHOT, L2_UPDATE, update, L2_UPDATE], fast=fast)
    rows = content(decoded.tape)
    assert (decoded.quarantined, decoded.data) == ((), 4)
    assert rows["kind"] == [EventKind.BOOK_SNAPSHOT, *[EventKind.BOOK_DELTA] * 3]
    assert rows["ts_event"] == [ABSENT, 1_618_677_847_859_760_000, ABSENT, 1_618_677_847_859_760_000]
    assert rows["level_price"][4:6] == [14_802_400_000, 14_700_000_000]
    assert rows["level_size"][4:6] == [0, 300_000_000]


@both
def test_a_quote_and_a_heartbeat_without_a_time_are_told_and_a_trade_is_refused(fast: bool) -> None:
    assert one(TICKER.replace(b"2021-04-17T16:43:30.244075Z", ZERO), fast=fast)["ts_event"] == ABSENT
    assert one(HEARTBEAT.replace(b"2021-04-17T16:44:08.000001Z", ZERO), fast=fast)["ts_event"] == ABSENT
    decoded, _ = decode("coinbase", [MATCH.replace(b"2021-04-17T16:43:30.244075Z", ZERO)], fast=fast)
    assert "time outside" in decoded.quarantined[0][1]


def test_an_error_is_conversation_and_on_the_tape() -> None:
    decoded, _ = decode("coinbase", [b'{"type":"error","message":"Failed to subscribe","reason":"level2"}'])
    assert (decoded.control, decoded.data) == (1, 0)
    assert (decoded.tape.code.tolist(), decoded.tape.instrument.tolist()) == ([StatusCode.VENUE_ERROR], [-1])


def test_messages_of_the_full_channel_are_ignored_by_name() -> None:
    decoded, _ = decode("coinbase", [b'{"type":"received"}', b'{"type":"done"}', b'{"type":"done"}'])
    assert (decoded.data, decoded.ignored) == (3, {"received": 1, "done": 2})


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (MATCH.replace(b'"sell"', b'"short"'), "Invalid enum value"),
        (MATCH.replace(b'"14.7775"', b'"0"'), "impossible price"),
        (MATCH.replace(b'"0.04"', b'"0.0"'), "size 0"),
        (MATCH.replace(b"2021-04", b"2021-14"), "time outside"),
        (MATCH.replace(b"2021-04", b"2021/04"), "not a time"),
        (MATCH.replace(b'"match"', b'"swap"'), "unknown message type 'swap'"),
        (MATCH.replace(b'"type":"match",', b""), "without a type"),
        (MATCH.replace(b'"price"', b'"price":"1","price"'), "'price' is given twice"),
        (L2_UPDATE.replace(b'"buy"', b'"bid"'), "Invalid enum value"),
        (L2_UPDATE[:-20], "not JSON"),
    ],
)
def test_a_wrong_frame_is_quarantined_with_its_reason(frame: bytes, why: str) -> None:
    decoded, _ = decode("coinbase", [MATCH, frame, MATCH])
    assert decoded.tape.offset[decoded.tape.kind != EventKind.GAP].tolist() == [0, 2]
    assert decoded.quarantined[0][0] == 1
    assert why in decoded.quarantined[0][1]


@both
@pytest.mark.parametrize(
    ("frame", "books"),
    [
        (L2_UPDATE.replace(b'"14.8024"', b'"0.00000000001"'), ["BAND-GBP.COINBASE"]),
        (L2_SNAPSHOT.replace(b'"14.8024"', b'"0.00000000001"'), ["BAND-GBP.COINBASE"]),
        (L2_UPDATE[:-9], ["BAND-GBP.COINBASE"]),
        (b'{"type":"l2update","product', [None]),
        (MATCH[:-9], []),
        (b'{"type":"of tomorrow"}', []),
    ],
)
def test_a_refused_book_message_says_which_book_misses_it(frame: bytes, books: list[str | None], fast: bool) -> None:
    decoded, instruments = decode("coinbase", [frame], fast=fast)
    assert (len(decoded.quarantined), decoded.data, decoded.control) == (1, 0, 0)
    rows = content(decoded.tape)
    assert rows["kind"] == [EventKind.GAP] * len(books)
    assert [None if each < 0 else instruments[each].id for each in rows["instrument"]] == books
    assert rows["code"] == [GapReason.QUARANTINE] * len(books)
