"""One row of a frame that cannot be read costs itself alone: its neighbours are read, and a gap tells of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.feeds.readers import ReadingDecoder
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BookState, EventKind, GapReason, Provenance, RecordKind
from feed_samples import content, decode, decode_frames, rows
from samples import bitstamp, bybit, ccxt_binance, coinbase_advanced, kraken, kraken_v2, okx

STAMP = 1_700_000_000_000_000_000
JUNK: tuple[Any, ...] = (None, True, "x", [], {}, "", "-1")
"""What no field of a row may be that is needed."""


@dataclass(frozen=True)
class Venue:
    """How a venue tells trades, several a frame."""

    name: str
    symbol: str
    row: Callable[[int], Any]
    """The ``n``-th trade, readable."""
    needed: tuple[Any, ...]
    """Keys or places of a row without which it means nothing."""
    frame: Callable[[list[Any]], Any]


def _kraken(n: int) -> list[str]:
    return [f"354.{n:02}000000", "0.28245396", f"1618678150.82641{n % 10}", "sb"[n % 2], "m", ""]


def _kraken_v2(n: int) -> dict[str, Any]:
    head = {"symbol": "BTC/USD", "side": "sell", "price": 85600 + n, "qty": 1, "ord_type": "market"}
    return head | {"trade_id": 91423370 + n, "timestamp": f"2026-10-06T08:04:56.1538{n:02}Z"}


def _okx(n: int) -> dict[str, Any]:
    return {"instId": "BTC-USDT", "tradeId": str(7849 + n), "px": f"302{n:02}.8", "sz": "1", "side": "buy"} | {
        "ts": str(1652459199958 + n),
        "count": "3",
    }


def _bybit(n: int) -> dict[str, Any]:
    return {"T": 1672304486865 + n, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": f"165{n:02}.50"} | {
        "i": str(2290000000061666327 + n)
    }


def _coinbase(n: int) -> dict[str, Any]:
    return {"trade_id": str(100 + n), "product_id": "BTC-USD", "price": f"12{n:02}.01", "size": "0.3"} | {
        "side": "BUY",
        "time": "2019-08-14T20:42:27.265Z",
    }


VENUES = (
    Venue("kraken", "XMR/USD", _kraken, (0, 1, 2, 3), lambda told: [992, told, "trade", "XMR/USD"]),
    Venue(
        "kraken-v2",
        "BTC/USD",
        _kraken_v2,
        ("side", "price", "qty", "trade_id", "timestamp"),
        lambda told: {"channel": "trade", "type": "update", "data": told},
    ),
    Venue(
        "okx",
        "BTC-USDT",
        _okx,
        ("tradeId", "px", "sz", "side", "ts"),
        lambda told: {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": told},
    ),
    Venue(
        "bybit",
        "BTCUSDT",
        _bybit,
        ("T", "S", "v", "p"),
        lambda told: {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": told},
    ),
    Venue(
        "coinbase-advanced",
        "BTC-USD",
        _coinbase,
        ("trade_id", "price", "size", "side", "time"),
        lambda told: {
            "channel": "market_trades",
            "timestamp": "2023-02-09T20:32:50.714964855Z",
            "sequence_num": 1,
            "events": [{"type": "update", "trades": told}],
        },
    ),
)
NAMED = {venue.name: venue for venue in VENUES}
BEFORE = {
    "kraken": kraken.SNAPSHOT,
    "kraken-v2": kraken_v2.SNAPSHOT,
    "okx": okx.SNAPSHOT,
    "bybit": bybit.BOOK,
    "coinbase-advanced": coinbase_advanced.book(0, "snapshot", *coinbase_advanced.LEVELS),
}
"""A book of the same instrument, which an unread trade must not cost."""
AFTER = {
    "kraken": b'{"event":"heartbeat"}',
    "kraken-v2": b'{"channel":"heartbeat"}',
    "okx": b"pong",
    "bybit": bybit.PONG,
    "coinbase-advanced": coinbase_advanced.heartbeat(2),
}


def encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def broken(draw: st.DrawFn, venue: Venue, row: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a row that cannot be read: no row, without something that is needed, or with something else there."""
    how = draw(st.sampled_from(("none", "without", "junk")))
    if how == "none":
        return draw(st.sampled_from((None, 7, "row", True, [], {})))
    field = draw(st.sampled_from(venue.needed))
    if isinstance(row, list):
        return row[:field] if how == "without" else [*row[:field], draw(st.sampled_from(JUNK)), *row[field + 1 :]]
    rest = {key: value for key, value in row.items() if key != field}
    return rest if how == "without" else rest | {field: draw(st.sampled_from(JUNK))}


@st.composite
def frames_with_an_unread_row(draw: st.DrawFn) -> tuple[Venue, list[Any], list[Any]]:
    """A venue, the rows of a frame of which one cannot be read, and the others."""
    venue = draw(st.sampled_from(VENUES))
    told = [venue.row(n) for n in range(draw(st.integers(1, 6)))]
    at = draw(st.integers(0, len(told) - 1))
    return venue, [*told[:at], broken(draw, venue, told[at]), *told[at + 1 :]], told[:at] + told[at + 1 :]


def stamped(name: str, frame: bytes) -> Frames:
    told = [BEFORE[name], frame, AFTER[name]]
    return Frames.of(told, [STAMP, STAMP + 5, STAMP + 9], kind=RecordKind.DATA)


def engine(name: str) -> Engine:
    made = Engine(feeds.by_venue, EngineConfig())
    venue = feeds.by_name(name).capabilities.venue
    made.adopt([Epoch(0, 1, venue, "ws://127.0.0.1:1", (), Provenance.LIVE, open=True)])
    return made


@settings(max_examples=150, deadline=None)
@given(frames_with_an_unread_row())
def test_all_rows_come_out_but_the_one_that_cannot_be_read_and_a_gap_tells_of_it(
    case: tuple[Venue, list[Any], list[Any]],
) -> None:
    venue, told, readable = case
    frames = stamped(venue.name, encoded(venue.frame(told)))
    decoded, ids = decode_frames(venue.name, frames)
    trades = rows(decoded.tape, EventKind.TRADE)
    alone = [decode(venue.name, [encoded(venue.frame([row]))])[0].tape for row in readable]
    for column in ("trade_id", "price", "size", "size_exp", "side", "ts_event"):
        assert getattr(trades, column).tolist() == [getattr(tape, column)[0].item() for tape in alone]
    ((offset, reason),) = decoded.quarantined
    assert (offset, bool(reason)) == (1, True)
    ((place, gap),) = decoded.tape.gaps
    whose = venue.symbol if gap.symbol is not None else None
    assert (place, gap.reason, gap.symbol, gap.channel) == (1, GapReason.QUARANTINE, whose, "trade")
    assert (gap.ts_from, gap.ts_to) == (STAMP, STAMP + 5), "from the read before it"
    gaps = rows(decoded.tape, EventKind.GAP)
    named = [ids[which].symbol if which >= 0 else None for which in gaps.instrument.tolist()]
    assert (gaps.offset.tolist(), named) == ([1], [whose])
    for batch in (1, 2):
        parts, others = decode_frames(venue.name, frames, batch=batch)
        assert content(parts.tape) == content(decoded.tape)
        assert (parts.tape.gaps, parts.quarantined) == (decoded.tape.gaps, decoded.quarantined)
        assert list(others) == list(ids)


@settings(max_examples=40, deadline=None)
@given(frames_with_an_unread_row(), st.integers(1, 2))
def test_the_engine_concludes_the_same_whatever_the_batches_and_the_book_lives_on(
    case: tuple[Venue, list[Any], list[Any]], batch: int
) -> None:
    venue, told, _ = case
    frames = stamped(venue.name, encoded(venue.frame(told)))
    whole, parts = engine(venue.name), engine(venue.name)
    found = whole.process(frames)
    states: list[bytes] = []
    gaps: list[tuple[int, int, Gap]] = []
    for begin in range(0, len(frames), batch):
        gaps += parts.process(frames.take(slice(begin, begin + batch))).gaps
        states.append(parts.snapshot())
    assert (gaps, parts.digest(), states[-1]) == (list(found.gaps), whole.digest(), whole.snapshot())
    assert "trade" in {gap.channel for _, _, gap in gaps}
    assert whole.books.states[0] == BookState.LIVE
    again = engine(venue.name)
    again.restore(states[0])
    again.process(frames)
    assert again.digest() == whole.digest(), "live is replay, also from a checkpoint"


@pytest.mark.parametrize("name", NAMED)
def test_a_gap_names_the_instrument_that_was_subscribed_to_or_that_the_row_names(name: str) -> None:
    venue = NAMED[name]
    wrong = broken_at(venue.row(1), venue.needed[-1])
    decoded, _ = decode(name, [encoded(venue.frame([venue.row(0), wrong]))])
    assert [gap.symbol for _, gap in decoded.tape.gaps] == [venue.symbol]


def broken_at(row: Any, field: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(row, list):
        return [*row[:field], "?", *row[field + 1 :]]
    return row | {field: "?"}


def test_the_bar_of_a_trade_that_cannot_be_read_says_that_it_may_lack_some() -> None:
    made, venue = engine("okx"), NAMED["okx"]
    second, ms = 1_000_000_000, 1_000_000
    begin = 1_652_459_200 * second
    told = [[{"ts": "1652459200100"}], [{"ts": "1652459200500"}, {"ts": "1652459200600", "px": "?"}]]
    told += [[{"ts": f"165245920{n}100"}] for n in range(1, 9)]
    frames = [encoded(venue.frame([_okx(n) | row for row in each])) for n, each in enumerate(told)]
    stamps = [begin + 120 * ms, begin + 620 * ms, *(begin + n * second + 120 * ms for n in range(1, 9))]
    bars = made.process(Frames.of(frames, stamps, kind=RecordKind.DATA)).bars
    seconds = {int(bar["ts_open"]): float(bar["completeness"]) for bar in bars if bar["interval"] == 1}
    assert seconds[begin] == pytest.approx(0.5), "what came between the two reads is in doubt, by the venue's clock"
    assert seconds[begin + second] == 1.0


def test_each_instrument_of_a_frame_has_its_gap_and_a_row_without_a_name_costs_any() -> None:
    eth = _kraken_v2(1) | {"symbol": "ETH/USD"}
    told = [_kraken_v2(0), eth | {"qty": 0}, _kraken_v2(2) | {"price": "7"}, _kraken_v2(3) | {"side": ""}, [], eth]
    decoded, _ = decode("kraken-v2", [encoded(NAMED["kraken-v2"].frame(told))])
    assert [(gap.symbol, gap.detail) for _, gap in decoded.tape.gaps] == [
        ("ETH/USD", "a trade of size 0"),
        ("BTC/USD", "expected a number, found str"),
        (None, "Trade: Expected `object`, got `array`"),
    ]
    assert len(rows(decoded.tape, EventKind.TRADE)) == 2
    ((_, reason),) = decoded.quarantined
    assert reason.startswith("row 1: a trade of size 0; row 2: expected a number, found str; row 3: Trade: Invalid")


def test_of_a_frame_with_many_instruments_that_cannot_be_read_the_source_may_lack_some() -> None:
    told = [_kraken_v2(0) | {"symbol": f"S{n}/USD", "price": "7"} for n in range(5000)]
    decoded, _ = decode("kraken-v2", [encoded(NAMED["kraken-v2"].frame([*told, _kraken_v2(1)]))])
    assert [(gap.symbol, gap.channel) for _, gap in decoded.tape.gaps] == [(None, "trade")]
    assert len(rows(decoded.tape, EventKind.TRADE)) == 1
    massive = [{"ev": kind, "sym": f"S{n}", "p": "7", "bp": "7"} for n in range(500) for kind in "TQ"]
    decoded, _ = decode("massive", [encoded(massive)])
    assert [(gap.symbol, gap.channel) for _, gap in decoded.tape.gaps] == [(None, "trade"), (None, "quote")]


def test_trades_of_a_product_keep_their_order_beside_one_that_cannot_be_read() -> None:
    told = [_coinbase(3), _coinbase(2) | {"size": "none"}, _coinbase(1)]
    tape = decode("coinbase-advanced", [encoded(NAMED["coinbase-advanced"].frame(told))])[0].tape
    assert tape.trade_id.tolist()[:2] == [101, 103]
    assert tape.kind.tolist() == [EventKind.TRADE, EventKind.TRADE, EventKind.GAP]


@pytest.mark.parametrize(
    ("name", "frame", "symbol"),
    [
        ("kraken", kraken.SPREAD.replace(b"1618678150.826417", b"yesterday"), "XMR/USD"),
        ("kraken", kraken.TICKER.replace(b"35,", b"35,0,"), "WAVES/EUR"),
        ("kraken-v2", kraken_v2.TICKER.replace(b"85600.4", b'"85600.4"'), "BTC/USD"),
        ("okx", okx.TICKER.replace(b"30220.1", b"3022o.1"), "BTC-USDT"),
        ("bybit", bybit.QUOTE.replace(b"16611.00", b"16611,00"), "BTCUSDT"),
        ("bybit", bybit.QUOTE.replace(b'"u":5,', b""), "BTCUSDT"),
        ("coinbase-advanced", coinbase_advanced.ticker(1).replace(b"21931.98", b"none"), "BTC-USD"),
        ("ccxt-binance", ccxt_binance.TICKER.replace(b"61837.68", b"true"), "BTC/USDT"),
    ],
)
def test_a_quote_that_cannot_be_read_is_a_gap_of_the_quotes_of_its_instrument(
    name: str, frame: bytes, symbol: str
) -> None:
    decoded, _ = decode(name, [frame])
    assert decoded.tape.kind.tolist() == [EventKind.GAP]
    assert [(gap.symbol, gap.channel, gap.reason) for _, gap in decoded.tape.gaps] == [
        (symbol, "quote", GapReason.QUARANTINE)
    ]
    assert [offset for offset, _ in decoded.quarantined] == [0]


@pytest.mark.parametrize("broken", [b'"3802,93"', b'"-1"', b"3802.93", b"null"])
def test_a_trade_of_bitstamp_that_cannot_be_read_is_a_gap(broken: bytes) -> None:
    decoded, ids = decode("bitstamp", [bitstamp.TRADE, bitstamp.TRADE.replace(b'"3802.93"', broken)])
    assert decoded.tape.kind.tolist() == [EventKind.TRADE, EventKind.GAP]
    ((place, gap),) = decoded.tape.gaps
    assert (place, gap.symbol, gap.channel, gap.ts_to - gap.ts_from) == (1, "btcusd", "trade", 1)
    assert [offset for offset, _ in decoded.quarantined] == [1]
    assert [one.symbol for one in ids] == ["btcusd"]


@pytest.mark.parametrize("change", [(b'"side":"sell"', b'"side":"left"'), (b'"price":61837.67', b'"price":null')])
def test_a_trade_of_ccxt_that_cannot_be_read_does_not_cost_its_neighbours(change: tuple[bytes, bytes]) -> None:
    decoded, _ = decode("ccxt-binance", [ccxt_binance.TRADES.replace(*change)])
    trades = rows(decoded.tape, EventKind.TRADE)
    assert trades.price.tolist() == [61_837_700_000_000]
    assert [(gap.symbol, gap.channel) for _, gap in decoded.tape.gaps] == [("BTC/USDT", "trade")]


def test_quotes_of_others_in_the_same_message_are_taken() -> None:
    two = json.loads(coinbase_advanced.ticker(0))
    (one,) = two["events"][0]["tickers"]
    two["events"][0]["tickers"] = [one | {"best_ask": "none"}, one | {"product_id": "ETH-USD"}]
    decoded, ids = decode("coinbase-advanced", [encoded(two)])
    quotes = rows(decoded.tape, EventKind.QUOTE)
    assert [ids[which].symbol for which in quotes.instrument.tolist()] == ["ETH-USD"]
    assert [(gap.symbol, gap.channel) for _, gap in decoded.tape.gaps] == [("BTC-USD", "quote")]


def test_a_book_with_a_level_that_cannot_be_read_is_stale_and_the_others_of_its_message_go_on() -> None:
    events = []
    for product, price in (("BTC-USD", "nothing"), ("ETH-USD", "21921.30")):
        frame = coinbase_advanced.book(2, "update", ("bid", price, "0.1"), product=product)
        events += json.loads(frame)["events"]
    whole = [coinbase_advanced.book(n, "snapshot", *coinbase_advanced.LEVELS, product=p) for n, p in enumerate(ETHBTC)]
    made = engine("coinbase-advanced")
    frames = [*whole, coinbase_advanced.envelope("l2_data", 2, json.dumps(events))]
    made.process(Frames.of(frames, [STAMP, STAMP + 1, STAMP + 2], kind=RecordKind.DATA))
    states = {one.symbol: BookState(state) for one, state in zip(made.instruments, made.books.states, strict=True)}
    assert states == {"ETH-USD": BookState.LIVE, "BTC-USD": BookState.STALE}
    view = made.books.view(0)
    assert len(view.bids) == 2, "the change of the other was taken"


ETHBTC = ("ETH-USD", "BTC-USD")


def test_one_of_several_books_in_a_message_of_kraken_that_cannot_be_read_costs_itself_alone() -> None:
    message = json.loads(kraken_v2.SNAPSHOT)
    other = json.loads(kraken_v2.SNAPSHOT.replace(b"BTC/USD", b"ETH/USD"))["data"][0]
    raw = kraken_v2.SNAPSHOT[: -len(b"]}")] + b"," + encoded(other | {"bids": [{"price": "x"}]}) + b"]}"
    assert message["channel"] == "book"
    decoded, ids = decode("kraken-v2", [raw])
    told = list(zip(decoded.tape.kind.tolist(), [ids[i].symbol for i in decoded.tape.instrument], strict=True))
    assert told == [(EventKind.BOOK_SNAPSHOT, "BTC/USD"), (EventKind.GAP, "ETH/USD")]
    assert len(decoded.quarantined) == 1


def test_a_memory_from_before_reads_were_stamped_is_taken() -> None:
    import msgspec

    made = feeds.by_name("okx").decoder(Instruments())
    assert isinstance(made, ReadingDecoder)
    made.decode(stamped("okx", okx.TRADES))
    reader, told, stamps = msgspec.msgpack.decode(made.snapshot())
    again = feeds.by_name("okx").decoder(Instruments())
    again.restore(msgspec.msgpack.encode((reader, told)))
    again.restore(made.snapshot())
    assert again.snapshot() == made.snapshot()
    assert msgspec.msgpack.decode(stamps) == [[0, STAMP + 9, STAMP + 5]]
