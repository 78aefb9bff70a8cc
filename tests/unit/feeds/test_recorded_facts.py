"""What is known of the real recordings, counted independently, holds for what the feeds make of them."""

import numpy as np
import pytest

from breadboard.model.decimals import price_text, size_text
from breadboard.model.kinds import EventKind, Flag, SequenceRule, Side
from breadboard.model.tape import Tape
from feed_samples import decode_frames, frames_of, recorded, rows

HFT = [
    ("binance", "binance/btcusdt_20240808.gz", "BTCUSDT", (3451, 28_040, 9757), ("61837.63", "61685.99"), "OVERLAP"),
    ("binance", "binance/ethusdt_20240808.gz", "ETHUSDT", (3434, 24_077, 6106), ("2683.8", "2682.51"), "OVERLAP"),
    (
        "binance-usdm",
        "binance/usdm/btcusdt_20240808.gz",
        "BTCUSDT",
        (6551, 66_089, 21_313),
        ("61800.3", "61659.8"),
        "CHAIN",
    ),
    (
        "binance-coinm",
        "binance/coinm/btcusd_perp_20240808.gz",
        "BTCUSD_PERP",
        (26_847, 19_136, 2286),
        ("61804.8", "61668.7"),
        "CHAIN",
    ),
]


@pytest.mark.parametrize(("name", "path", "symbol", "counts", "ends", "rule"), HFT)
def test_binance_recordings_hold_what_their_readme_says(
    name: str,
    path: str,
    symbol: str,
    counts: tuple[int, int, int],
    ends: tuple[str, str],
    rule: str,
) -> None:
    decoded, instruments = decode_frames(name, frames_of(name, "hftbacktest", [path]), batch=1000)
    assert (decoded.quarantined, decoded.control) == ((), 0)
    assert [(i.symbol, i.sequence_rule) for i in instruments] == [(symbol, SequenceRule[rule])]
    kinds = (EventKind.BOOK_DELTA, EventKind.QUOTE, EventKind.TRADE)
    assert tuple(len(rows(decoded.tape, kind)) for kind in kinds) == counts
    assert len(rows(decoded.tape, EventKind.BOOK_SNAPSHOT)) == 1
    trades = rows(decoded.tape, EventKind.TRADE)
    assert set(np.diff(trades.trade_id).tolist()) == {1}
    assert (price_text(int(trades.price[0])), price_text(int(trades.price[-1]))) == ends
    _chain(rows(decoded.tape, EventKind.BOOK_DELTA), rows(decoded.tape, EventKind.BOOK_SNAPSHOT), rule)


def _chain(deltas: Tape, snapshot: Tape, rule: str) -> None:
    """No depth gap, and one update that joins the snapshot."""
    assert deltas.sequence_prev[1:].tolist() == deltas.sequence[:-1].tolist()
    book = int(snapshot.sequence[0]) + (rule == "OVERLAP")
    joins = (deltas.sequence_first <= book) & (book <= deltas.sequence)
    assert joins.sum() == 1


def test_the_first_update_of_the_btc_book_is_the_documented_one() -> None:
    decoded, _ = decode_frames("binance", frames_of("binance", "hftbacktest", ["binance/btcusdt_20240808.gz"]))
    snapshot = int(rows(decoded.tape, EventKind.BOOK_SNAPSHOT).sequence[0])
    deltas = rows(decoded.tape, EventKind.BOOK_DELTA)
    joined = int(np.flatnonzero((deltas.sequence_first <= snapshot + 1) & (deltas.sequence >= snapshot + 1))[0])
    assert snapshot == 50_093_239_218
    assert (int(deltas.sequence_first[joined]), int(deltas.sequence[joined])) == (50_093_239_208, 50_093_239_224)


def test_the_recorders_clock_is_behind_the_venues() -> None:
    decoded, _ = decode_frames("binance", frames_of("binance", "hftbacktest", ["binance/btcusdt_20240808.gz"]))
    trades = rows(decoded.tape, EventKind.TRADE)
    assert -1.28e9 < float(np.median(trades.ts_recv - trades.ts_event)) < -1.25e9


def test_two_symbols_recorded_apart_are_merged_by_their_stamps() -> None:
    frames = recorded("binance")
    decoded, instruments = decode_frames("binance", frames, batch=1000)
    assert [instrument.id for instrument in instruments] == ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]
    assert (np.diff(frames.ts_recv) >= 0).all()
    assert len(rows(decoded.tape, EventKind.TRADE)) == 9757 + 6106


def test_cryptofeeds_binance_capture_with_its_snapshots() -> None:
    frames = frames_of("binance", "cryptofeed", ["binance/BINANCE.ws.1.0", "binance/BINANCE.http.0.0"])
    decoded, instruments = decode_frames("binance", frames)
    assert decoded.ignored == {"kline": 2}
    assert (decoded.quarantined, decoded.control, decoded.data) == ((), 0, 177 + 84 + 2 + 2 + 4)
    counts = {kind: len(rows(decoded.tape, kind)) for kind in EventKind}
    assert (counts[EventKind.BOOK_DELTA], counts[EventKind.QUOTE], counts[EventKind.TRADE]) == (177, 84, 2)
    assert counts[EventKind.BOOK_SNAPSHOT] == 4
    assert {instrument.symbol for instrument in instruments} == {"NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"}
    trades = rows(decoded.tape, EventKind.TRADE)
    assert trades.flags.tolist() == [Flag.AGGREGATED, Flag.AGGREGATED]
    assert trades.trade_id.tolist() == [15_683_430, 9_213_679]
    assert [price_text(price) for price in trades.price.tolist()] == ["0.3528", "0.00000638"]
    assert trades.ts_recv[0] == 1_633_998_523_957_215_000
    for instrument in range(len(instruments)):
        book = decoded.tape.take(decoded.tape.instrument == instrument)
        _chain_cut_open(rows(book, EventKind.BOOK_DELTA), int(rows(book, EventKind.BOOK_SNAPSHOT).sequence[0]))


def _chain_cut_open(deltas: Tape, snapshot: int) -> None:
    assert deltas.sequence_prev[1:].tolist() == deltas.sequence[:-1].tolist()
    assert int(deltas.sequence_first[0]) <= snapshot + 1


def test_coinbases_capture() -> None:
    frames = recorded("coinbase")
    assert len(frames) == 9946
    decoded, instruments = decode_frames("coinbase", frames, batch=1000)
    assert (decoded.quarantined, decoded.control, decoded.data) == ((), 3, 9943)
    counts = {kind: len(rows(decoded.tape, kind)) for kind in EventKind}
    assert (counts[EventKind.BOOK_DELTA], counts[EventKind.QUOTE]) == (9719, 107)
    assert (counts[EventKind.TRADE], counts[EventKind.BOOK_SNAPSHOT]) == (97 + 10, 10)
    trades = rows(decoded.tape, EventKind.TRADE)
    assert int((trades.flags & Flag.LAST_KNOWN > 0).sum()) == 10
    for instrument in range(len(instruments)):
        ids = trades.take(trades.instrument == instrument).trade_id
        assert set(np.diff(ids).tolist()) <= {1}, instruments[instrument].symbol
    first = trades.take(slice(0, 1))
    assert instruments[int(first.instrument[0])].id == "BAND-GBP.COINBASE"
    assert price_text(int(first.price[0])) == "14.7775"
    assert size_text(int(first.size[0]), int(first.size_exp[0])) == "0.04"
    assert first.side[0] == Side.BUY, "the maker sold, so the taker bought"
    assert first.ts_event[0] == 1_618_677_810_244_075_000
    quotes = rows(decoded.tape, EventKind.QUOTE)
    assert (quotes.size < 0).all(), "the feed of 2021 sent no sizes"
