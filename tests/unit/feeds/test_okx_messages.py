"""What OKX's frames mean, in exact values, and what its numbers demand."""

from typing import Any

import pytest

from breadboard.app.describing import describer
from breadboard.engine.books import Books
from breadboard.feeds.okx_messages import OkxReader
from breadboard.feeds.readers import At
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import BookState, EventKind, SequenceRule
from feed_samples import decode, frames_of
from samples import okx

AT = At(0, 1, 0)


def told(*frames: bytes) -> list[dict[str, Any]]:
    """Return what `breadboard decode` says of the last of several frames."""
    tell = describer("okx", None)
    return [list(tell(frame)) for frame in frames][-1]


def state(*frames: bytes) -> BookState:
    books = Books(lambda _: SequenceRule.LINK)
    books.on_tape(decode("okx", frames)[0].tape)
    return books.view(0).state


def test_trades_come_several_a_frame_with_the_takers_side() -> None:
    first, second = told(okx.TRADES)
    assert first == {
        "kind": "trade",
        "symbol": "BTC-USDT",
        "ts_event": 1652459199958000000,
        "price": "30218.8",
        "size": "1",
        "side": "buy",
        "trade_id": 7849,
        "sequence": 1234,
        "matches": 3,
    }
    assert (second["size"], second["side"], second["sequence"]) == ("0.00000001", "sell", None)
    decoded, _ = decode("okx", [okx.TRADES])
    assert decoded.tape.flags.tolist() == [0, 0], "nobody else tells of these matches: they belong into the bars"


def test_a_ticker_is_a_quote_and_a_side_without_orders_is_absent() -> None:
    (quote,) = told(okx.TICKER)
    assert (quote["bid"], quote["bid_size"], quote["ask"], quote["ask_size"]) == ("30210.4", "4", "30220.1", "3")
    (half,) = told(okx.TICKER.replace(b'"30220.1","askSz":"3"', b'"","askSz":""'))
    assert (half["bid"], half["ask"], half["ask_size"]) == ("30210.4", None, None)


def test_a_book_carries_its_numbers_and_a_snapshot_none_before_it() -> None:
    (whole,) = told(okx.SNAPSHOT)
    assert (whole["kind"], whole["sequence"], whole["ts_event"]) == ("book_snapshot", 100, 1652459225393000000)
    assert whole["bids"] == [["30220", "1.5"]]
    (update,) = told(okx.SNAPSHOT, okx.UPDATE)
    assert (update["sequence_prev"], update["sequence"]) == (100, 105)
    assert (update["asks"], update["bids"]) == ([["30238.8", "0"]], [["30221", "7"]])
    assert decode("okx", [okx.SNAPSHOT])[0].tape.sequence_prev.tolist() == [ABSENT]


def test_links_hold_also_over_quiet_minutes_and_a_maintenance_that_counts_anew() -> None:
    anew = okx.UPDATE.replace(b'"seqId":105,"prevSeqId":100', b'"seqId":7,"prevSeqId":105')
    on = okx.UPDATE.replace(b'"seqId":105,"prevSeqId":100', b'"seqId":9,"prevSeqId":7')
    assert state(okx.SNAPSHOT, okx.UPDATE, okx.KEEPALIVE, anew, on) == BookState.LIVE
    assert state(okx.SNAPSHOT, okx.UPDATE, on) == BookState.STALE
    assert state(okx.SNAPSHOT, okx.UPDATE, on, okx.SNAPSHOT, okx.UPDATE) == BookState.LIVE


def test_a_checksum_of_0_is_none_and_another_one_is_compared_with_or_without_numbers() -> None:
    assert [OkxReader().read(frame, AT).checked for frame in (okx.SNAPSHOT, okx.SNAPSHOT_2022)] == [None, True]
    null = okx.SNAPSHOT.replace(b'"checksum":0', b'"checksum":null')
    assert OkxReader().read(null, AT) == OkxReader().read(okx.SNAPSHOT, AT)
    wrong = okx.SNAPSHOT.replace(b'"checksum":0', b'"checksum":5')
    meaning = OkxReader().read(wrong, AT)
    assert (meaning.checked, [event.kind for event in meaning.events][1]) == (False, EventKind.GAP)
    assert state(wrong, okx.UPDATE) == BookState.STALE
    assert state(wrong, okx.SNAPSHOT_2022) == BookState.LIVE


def test_the_recorded_books_of_2022_live_without_numbers() -> None:
    from breadboard.feeds import FEEDS
    from breadboard.model.instruments import Instruments

    frames = frames_of("okx", "cryptofeed", ("okx/OKX.ws.1.0",))
    ids = Instruments()
    decoded = FEEDS["okx"].decoder(ids).decode(frames)
    assert (decoded.checked, decoded.failed, decoded.quarantined) == (290, 0, ())
    books = Books(lambda _: SequenceRule.LINK)
    books.on_tape(decoded.tape)
    views = {ids[which].symbol: books.view(which) for which in range(len(ids))}
    assert {name: view.state for name, view in views.items()} == dict.fromkeys(views, BookState.LIVE)
    assert {name: (len(view.bids), len(view.asks)) for name, view in views.items()} == {
        "BTC-USD-220527": (74, 62),
        "UNI-USD-SWAP": (125, 118),
        "BTC-USDT": (400, 400),
    }


@pytest.mark.parametrize(
    "channel",
    [
        *("candle1m", "index-candle1H", "mark-price-candle1D", "block-tickers", "adl-warning", "books-elp"),
        *("books-rpi", "call-auction-details", "event-contract-markets", "economic-calendar"),
        *("public-block-trades", "public-struc-block-trades", "sprd-public-trades", "sprd-tickers"),
        *("sprd-bbo-tbt", "sprd-books5", "sprd-books-l2-tbt", "sprd-candle1m"),
    ],
)
def test_channels_without_events_are_ignored_by_name_whatever_form_their_rows_have(channel: str) -> None:
    frame = f'{{"arg":{{"channel":"{channel}","instId":"USDC-USDT"}},"data":[["1685221620000","0.9981","0"]]}}'.encode()
    decoded, _ = decode("okx", [frame])
    assert (decoded.ignored, decoded.quarantined, len(decoded.tape)) == ({channel: 1}, (), 0)


def test_of_an_instruments_books_in_several_channels_the_deepest_is_the_book() -> None:
    shallow = [frame.replace(b'"books"', b'"books50-l2-tbt"') for frame in (okx.SNAPSHOT, okx.UPDATE)]
    shallow[1] = shallow[1].replace(b'"seqId":105,"prevSeqId":100', b'"seqId":103,"prevSeqId":100')
    frames = [*shallow, okx.SNAPSHOT, *shallow, okx.UPDATE]
    decoded, _ = decode("okx", frames)
    assert decoded.ignored == {"books50-l2-tbt beside books": 2}
    assert decoded.tape.sequence.tolist() == [100, 103, 100, 105]
    assert state(*frames) == BookState.LIVE
    ended = b'{"event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a"}'
    assert decode("okx", [*frames, ended, *shallow])[0].tape.sequence.tolist() == [100, 103, 100, 105, 100, 103]


def test_a_cut_off_book_of_another_depth_costs_none_and_the_memory_of_depths_survives() -> None:
    first, again = OkxReader(), OkxReader()
    first.read(okx.SNAPSHOT, AT)
    again.restore(first.snapshot())
    assert again.snapshot() == first.snapshot()
    cut = okx.UPDATE[:-9]
    assert again.lost_book(cut.replace(b'"books"', b'"books50-l2-tbt"'), AT) is None
    assert again.lost_book(cut, AT) == "BTC-USDT"


def test_a_cut_off_book_costs_that_book_and_one_of_another_channel_costs_none() -> None:
    cut = okx.UPDATE[:-9]
    lost = [cut.replace(b'"books"', b'"%b"' % name) for name in (b"books", b"books-l2-tbt", b"books5", b"books-elp")]
    assert [OkxReader().lost_book(frame, AT) for frame in lost] == ["BTC-USDT", "BTC-USDT", None, None]


def test_refusals_errors_and_notices_are_told() -> None:
    (refused,) = told(okx.REFUSED)
    assert (refused["code"], refused["symbol"]) == ("refused", "BTC-NIX")
    (error,) = told(b'{"event":"error","code":"60012","msg":"Illegal request: {}","connId":"a"}')
    assert (error["code"], error["symbol"], error["error"]) == ("venue_error", None, "60012 Illegal request: {}")
    assert told(okx.NOTICE)[0]["code"] == "maintenance"
    assert told(b"pong") == [{"kind": "control"}]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"ping", "not JSON"),
        (b'{"op":"x"}', "without a type"),
        (b'{"event":"party"}', "unknown message type"),
        (b'{"arg":{"channel":"secrets","instId":"A-B"},"data":[]}', "unknown message type"),
        (okx.SNAPSHOT.replace(b'"seqId":100', b'"seqId":-7'), "impossible book number"),
        (okx.SNAPSHOT.replace(b'"seqId":100', b'"seqId":"100"'), "Expected `int | null`"),
        (okx.SNAPSHOT.replace(b'["30220","1.50","0","4"]', b'["30220"]'), "a level of 1"),
        (okx.SNAPSHOT.replace(b'"action":"snapshot",', b""), "without its instrument, its action"),
        (okx.TRADES.replace(b'"7849"', b'"78x9"'), "not a count"),
        (okx.TRADES.replace(b'"ts":"1652459199958"', b'"ts":"0"'), "outside 2000 to 2100"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(frame: bytes, reason: str) -> None:
    *others, event = told(frame)
    assert {other["kind"] for other in others} <= {"trade", "gap"}
    assert event["kind"] == "quarantined"
    assert reason in event["reason"]
