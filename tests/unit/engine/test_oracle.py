"""The engine against oracles of the venues' own: their best bid and offer, and their bars, read by json and Decimal."""

import json
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.engine.books import Books
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState, BookState, EventKind, Provenance, RecordKind
from breadboard.model.tape import Tape
from feed_samples import decode_frames, frames_of, recorded

Top = tuple[Decimal, Decimal, Decimal, Decimal]
"""Best bid, its size, best ask, its size."""
MINUTE = 60_000_000_000
BTC = ("binance", "hftbacktest", ("binance/btcusdt_20240808.gz",))
ETH = ("binance", "hftbacktest", ("binance/ethusdt_20240808.gz",))
USDM = ("binance-usdm", "hftbacktest", ("binance/usdm/btcusdt_20240808.gz",))
COINM = ("binance-coinm", "hftbacktest", ("binance/coinm/btcusd_perp_20240808.gz",))
FOUR = ("binance", "cryptofeed", ("binance/BINANCE.ws.1.0", "binance/BINANCE.http.0.0"))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the rebuilt book could be held against the venue's quote, and where it was another."""

    compared: int
    """Books that could be compared: one for each depth event from the one that joins the snapshot."""
    exact: int
    """Those of them whose update number is also the number of a bookTicker."""
    quotes: int
    """Different bookTickers that a book was held against."""
    wrong: list[int]
    """The update numbers at which book and quote differ."""


def best_of(book_ticker: dict[str, Any]) -> Top:
    bid, bid_size, ask, ask_size = (Decimal(book_ticker[key]) for key in "bBaA")
    return bid, bid_size, ask, ask_size


def quoted(frames: Frames) -> dict[str, dict[int, Top]]:
    """Return the venue's best bid and offer by symbol and update number."""
    found: dict[str, dict[int, Top]] = {}
    for body in frames.take(frames.kind == RecordKind.DATA).frames():
        if b"@bookTicker" in body[:60]:
            data = json.loads(body)["data"]
            found.setdefault(data["s"], {})[data["u"]] = best_of(data)
    return found


def rebuilt(tape: Tape, instruments: Instruments) -> Iterator[tuple[str, int, Top]]:
    """Step the book stage; yield symbol, update number and best levels each time a live book comes to a new number."""
    books = Books(lambda which: instruments[which].sequence_rule)
    reached: dict[int, int] = {}
    for row in np.flatnonzero((tape.kind == EventKind.BOOK_DELTA) | (tape.kind == EventKind.BOOK_SNAPSHOT)).tolist():
        assert books.on_tape(tape.take(slice(row, row + 1))) is None, "a gap"
        which, number = int(tape.instrument[row]), int(tape.sequence[row])
        if books.states[which] != BookState.LIVE:
            continue
        if tape.kind[row] == EventKind.BOOK_SNAPSHOT:  # events that waited for it may have carried it on
            number = books.view(which).sequence or 0
        if number > reached.get(which, 0):
            reached[which] = number
            bid, bid_size, bid_exp, ask, ask_size, ask_exp = books.top(which)
            sizes = Decimal(bid_size).scaleb(bid_exp), Decimal(ask_size).scaleb(ask_exp)
            yield instruments[which].symbol, number, (price(bid), sizes[0], price(ask), sizes[1])


def price(units: int) -> Decimal:
    return Decimal(units).scaleb(-9)


def agreement(frames: Frames, tape: Tape, instruments: Instruments) -> Agreement:
    """Compare each book with the newest quote at or before its update number.

    The venue sends a bookTicker at every change of the best bid or offer and numbers it from the same counter as the
    depth events, so the newest at or before a number IS the best bid and offer at that number, whether or not a
    change fell on the number itself (at one event in six, on spot). A snapshot on its own is not compared, only what
    events made of it; where several waited for it they are applied in one step, and compared once.
    """
    tickers = quoted(frames)
    numbers = {symbol: sorted(quotes) for symbol, quotes in tickers.items()}
    snapshots = set(tape.sequence[tape.kind == EventKind.BOOK_SNAPSHOT].tolist())
    compared, held, wrong = 0, set(), []
    for symbol, number, best in rebuilt(tape, instruments):
        at = bisect_right(numbers.get(symbol, []), number)
        if at == 0 or number in snapshots:
            continue
        newest = numbers[symbol][at - 1]
        compared += 1
        held.add((symbol, newest, newest == number))
        if best != tickers[symbol][newest]:
            wrong.append(number)
    return Agreement(compared, sum(exact for _, _, exact in held), len({quote[:2] for quote in held}), wrong)


@pytest.mark.parametrize(
    ("source", "compared", "exact", "quotes"),
    [
        pytest.param(BTC, 3_449, 564, 2_894, id="spot-btc"),
        pytest.param(ETH, 3_432, 577, 2_672, id="spot-eth"),
        pytest.param(USDM, 6_546, 629, 5_702, id="usdm"),
        pytest.param(COINM, 26_823, 1_124, 6_557, id="coinm"),
        pytest.param(FOUR, 159, 26, 51, id="spot-four-symbols"),
    ],
)
def test_every_rebuilt_book_is_the_venues_own_best_bid_and_offer_at_its_update_number(
    source: tuple[str, str, tuple[str, ...]], compared: int, exact: int, quotes: int
) -> None:
    frames = frames_of(*source)
    decoded, instruments = decode_frames(source[0], frames)
    assert agreement(frames, decoded.tape, instruments) == Agreement(compared, exact, quotes, [])


def test_the_oracle_sees_every_wrong_size_at_the_top() -> None:
    """Twenty events, each with its own best level off by the smallest size there is, are all found."""
    frames = frames_of(*BTC)
    decoded, instruments = decode_frames("binance", frames)
    tape, sizes = decoded.tape, decoded.tape.level_size.copy()
    bests = {number: top[0] for _, number, top in rebuilt(tape, instruments)}
    at_the_bid: dict[int, int] = {}
    for row in np.flatnonzero(tape.kind == EventKind.BOOK_DELTA).tolist():
        number = int(tape.sequence[row])
        for level in range(int(tape.level_begin[row]), int(tape.level_end[row])):
            if price(int(tape.level_price[level])) == bests.get(number):
                at_the_bid[number] = level
    harmed = random.Random(20240808).sample(sorted(at_the_bid), 20)
    for number in harmed:
        sizes[at_the_bid[number]] += 1
    found = agreement(frames, replace(tape, level_size=sizes), instruments)
    assert found.compared == 3_449
    assert set(harmed) <= set(found.wrong)


def test_coinbases_book_is_what_its_ticker_says_at_the_same_time() -> None:
    """Held against each ticker is the book after everything that was sent before it: 97 of the 107 tickers.

    A match sends, with one time, the l2update it caused and then the ticker; several matches of one order share the
    time, so it is their order that pairs them. The other ten tickers are the first of each product: sent on
    subscribing, they repeat its last match, which is older than the book. Sizes were not in the ticker of 2021.
    """
    frames = recorded("coinbase")
    decoded, instruments = decode_frames("coinbase", frames)
    tape, books, begin = decoded.tape, Books(lambda which: instruments[which].sequence_rule), 0
    updated: dict[str, str] = {}
    repeated: list[str] = []
    compared: list[bool] = []
    for offset, body in zip(frames.offset.tolist(), frames.frames(), strict=True):
        data = json.loads(body)
        if data["type"] == "l2update":
            updated[data["product_id"]] = data["time"]
        elif data["type"] == "ticker":
            end = int(np.searchsorted(tape.offset, offset))
            assert books.on_tape(tape.take(slice(begin, end))) is None, "a gap"
            begin, product = end, data["product_id"]
            if data["time"] != updated.get(product):
                repeated.append(product)
                continue
            bid, _, _, ask, _, _ = books.top(instruments.find("COINBASE", product) or 0)
            compared.append((price(bid), price(ask)) == (Decimal(data["best_bid"]), Decimal(data["best_ask"])))
    assert (len(compared), sum(compared)) == (97, 97)
    assert (len(repeated), len(set(repeated))) == (10, 10)


def test_a_minute_bar_is_the_venues_own_kline() -> None:
    """The capture has two klines of the minute in which it began, both sent with that minute's last trade.

    LRCBTC traded once in that minute, and the capture has the trade: the bars are equal in everything. NKNUSDT traded
    30 times and the capture has the last: only the close can be equal, and the bar says how much is missing.
    """
    frames = frames_of(*FOUR)
    engine = Engine(feeds.by_venue, EngineConfig())
    engine.adopt([Epoch(0, 1, "BINANCE", "", (), Provenance.REPLAY, open=True)])
    concluded = engine.process(frames).bars
    bodies = frames.take(frames.kind == RecordKind.DATA).frames()
    klines = {kline["s"]: kline["k"] for kline in (json.loads(body)["data"] for body in bodies if b"@kline_1m" in body)}
    minutes = concluded[concluded["interval"] == 60]
    bars = {engine.instruments[int(bar["instrument"])].symbol: bar for bar in minutes}
    assert set(bars) == set(klines) == {"LRCBTC", "NKNUSDT"}
    for symbol, kline in klines.items():
        bar = bars[symbol]
        assert (bar["ts_open"], bar["state"]) == (kline["t"] * 1_000_000, BarState.FINAL)
        assert bar["ts_open"] + MINUTE == (kline["T"] + 1) * 1_000_000
        assert price(int(bar["close"])) == Decimal(kline["c"])
        # The first event of the capture, 1633998512068, is 32.068 s into the minute that opens at 1633998480000.
        assert bar["completeness"] == pytest.approx(27.932 / 60, abs=1e-6)
    whole, kline = bars["LRCBTC"], klines["LRCBTC"]
    assert [price(int(whole[name])) for name in ("open", "high", "low")] == [Decimal(kline[key]) for key in "ohl"]
    volume = Decimal(int(whole["volume_whole"])) + Decimal(int(whole["volume_fraction"])).scaleb(-18)
    assert (volume, whole["trades"]) == (Decimal(kline["v"]), kline["n"])
    assert whole["notional"] == pytest.approx(float(kline["q"]), rel=1e-12)
    part, kline = bars["NKNUSDT"], klines["NKNUSDT"]
    assert (part["trades"], kline["n"]) == (1, 30)
    assert (part["volume_whole"], part["volume_fraction"]) == (Decimal(kline["V"]), 0), "its one trade was a buy"
