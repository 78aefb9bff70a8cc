"""The engine on real recordings, against oracles that know nothing of it."""

import gzip
import json
import random
import re

import numpy as np
import polars as pl
import pytest

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.model.bars import INTERVALS
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import EventKind, Flag, GapReason, Provenance, RecordKind
from breadboard.model.outputs import Outputs
from recordings import recording

BTC = "binance/btcusdt_20240808.gz"


def hftbacktest() -> Frames:
    """Return the BTC recording of ``<receive ns> <json>`` lines; the line without a stream is the REST snapshot."""
    bodies, stamps, kinds = [], [], []
    with gzip.open(recording(BTC)) as file:
        for line in file:
            stamp, _, body = line.rstrip().partition(b" ")
            is_document = body.startswith(b'{"lastUpdateId"')
            if is_document:
                body = json.dumps({"tag": "depth:BTCUSDT", "url": "", "status": 200}).encode() + b"\n" + body
            bodies.append(body)
            stamps.append(int(stamp))
            kinds.append(RecordKind.DOCUMENT if is_document else RecordKind.DATA)
    frames = Frames.of(bodies, stamps, kind=RecordKind.DATA)
    frames.kind[:] = kinds
    return frames


def coinbase() -> Frames:
    """Return a cryptofeed capture: ``<seconds>: <text>`` is what the venue sent."""
    text = recording("coinbase/COINBASE.ws.28.0").read_text()
    found = re.findall(r"^(\d+\.\d+): (\{.*\})$", text, re.MULTILINE)
    stamps = [int(float(stamp) * 1e6) * 1000 for stamp, _ in found]
    return Frames.of([body.encode() for _, body in found], stamps, kind=RecordKind.DATA)


def engine(venue: str = "BINANCE") -> Engine:
    subject = Engine(feeds.by_venue, EngineConfig())
    subject.adopt([Epoch(0, 1, venue, "", (), Provenance.REPLAY, open=True)])
    return subject


@pytest.fixture(scope="module")
def btc() -> tuple[Frames, Engine, Outputs]:
    frames, subject = hftbacktest(), engine()
    return frames, subject, subject.process(frames)


def test_the_btc_recording_comes_to_its_known_numbers(btc: tuple[Frames, Engine, Outputs]) -> None:
    summary = btc[1].summary()
    assert (summary["frames"], summary["data"], summary["quarantined"], summary["gaps"]) == (41_249, 41_249, 0, 0)
    assert summary["events"] == {
        "trade": 9_757,
        "quote": 28_040,
        "book_delta": 3_451,
        "book_snapshot": 1,
        "status": 0,
    }
    assert summary["books"]["BTCUSDT.BINANCE"] == {
        "bid": "61685.99",
        "ask": "61686.00",
        "bid_size": "1.0087",
        "ask_size": "2.29327",
        "levels": [1209, 2196],
        "sequence": 50093421584,
        "state": "live",
    }
    assert summary["clock"]["suspect"]
    assert summary["clock"]["skew_ms"] == pytest.approx(-1270, abs=5)
    assert (btc[2].tape.flags & Flag.REPLAYED).all()


def test_bars_are_what_polars_makes_of_the_trades(btc: tuple[Frames, Engine, Outputs]) -> None:
    _, subject, outputs = btc
    tape = outputs.tape
    rows = tape.kind == EventKind.TRADE
    names = ("ts_event", "trade_id", "price", "size")
    trades = pl.DataFrame({name: getattr(tape, name)[rows] for name in names}).sort("ts_event", "trade_id")
    assert (tape.size_exp[rows] == -8).all()
    bars = np.concatenate((outputs.bars, subject.bars.open_bars()))
    for seconds in INTERVALS.values():
        length = seconds * 10**9
        expected = (
            trades.group_by((pl.col("ts_event") // length * length).alias("ts_open"), maintain_order=True)
            .agg(
                pl.col("price").first().alias("open"),
                pl.col("price").max().alias("high"),
                pl.col("price").min().alias("low"),
                pl.col("price").last().alias("close"),
                pl.col("size").sum().alias("volume"),
                (pl.col("price") * 1e-9 * pl.col("size") * 1e-8).sum().alias("notional"),
                pl.len().alias("trades"),
            )
            .sort("ts_open")
        )
        mine = np.sort(bars[bars["interval"] == seconds], order=["ts_open", "offset"])
        last = np.append(mine["ts_open"][1:] != mine["ts_open"][:-1], True)
        mine = mine[last]
        for name in ("ts_open", "open", "high", "low", "close", "trades"):
            assert mine[name].tolist() == expected[name].to_list(), name
        volume = mine["volume_whole"] * 10**8 + mine["volume_fraction"] // 10**10
        assert volume.tolist() == expected["volume"].to_list()
        assert mine["notional"] == pytest.approx(expected["notional"].to_numpy(), rel=1e-12)


def test_the_minute_in_which_the_recording_begins_is_incomplete(btc: tuple[Frames, Engine, Outputs]) -> None:
    bars = btc[2].bars
    minutes = bars[bars["interval"] == 60]
    first = int(btc[2].tape.ts_event[btc[2].tape.ts_event > 0].min())
    share = 1 - (first - int(minutes["ts_open"][0])) / 60e9
    assert minutes["completeness"].tolist() == pytest.approx([share, 1, 1, 1, 1], abs=1e-6)


@pytest.mark.parametrize("size", [7, 1000])
def test_batches_of_any_size_give_the_same_digest(btc: tuple[Frames, Engine, Outputs], size: int) -> None:
    frames, whole, _ = btc
    subject = engine()
    for begin in range(0, len(frames), size):
        subject.process(frames.take(slice(begin, begin + size)))
    assert subject.digest() == whole.digest()
    assert subject.snapshot() == whole.snapshot()


def test_frames_one_by_one_give_the_same_digest(btc: tuple[Frames, Engine, Outputs]) -> None:
    frames = btc[0].take(slice(0, 3000))
    whole, single = engine(), engine()
    whole.process(frames)
    for row in range(len(frames)):
        single.process(frames.take(slice(row, row + 1)))
    assert single.digest() == whole.digest()


def test_a_restart_at_any_place_ends_in_the_same_bytes(btc: tuple[Frames, Engine, Outputs]) -> None:
    frames, whole, _ = btc
    random_ = random.Random(20240808)
    end = whole.snapshot()
    for cut in [3, *random_.sample(range(len(frames)), 5)]:
        before, after = engine(), Engine(feeds.by_venue, EngineConfig())
        before.process(frames.take(slice(0, cut)))
        after.restore(before.snapshot())
        after.process(frames.take(slice(cut, None)))
        assert after.snapshot() == end, f"cut at {cut}"


def test_one_lost_depth_event_makes_the_book_stale_and_is_told(btc: tuple[Frames, Engine, Outputs]) -> None:
    frames, _, outputs = btc
    tape = outputs.tape
    deltas = tape.offset[tape.kind == EventKind.BOOK_DELTA]
    for lost in random.Random(8).sample(deltas[10:-1].tolist(), 5):
        subject = engine()
        out = subject.process(frames.take(frames.offset != lost))
        after = int(deltas[np.searchsorted(deltas, lost) + 1])
        assert [(offset, gap.reason) for offset, _, gap in out.gaps] == [(after, GapReason.SEQUENCE)]
        assert out.gaps[0][2].sequence_to == int(tape.sequence[tape.offset == lost][0])
        assert subject.summary()["books"]["BTCUSDT.BINANCE"]["state"] == "stale"


def test_the_coinbase_capture_gives_ten_live_books_and_no_gap() -> None:
    subject = engine("COINBASE")
    frames = coinbase()
    subject.process(frames)
    summary = subject.summary()
    assert summary["frames"] == len(frames)
    assert summary["data"] + summary["control"] + summary["quarantined"] == summary["frames"]
    assert (summary["gaps"], summary["quarantined"]) == (0, 0)
    assert summary["events"]["book_delta"] == 9_719
    assert summary["events"]["trade"] == 107
    assert len(summary["books"]) == 10
    assert {book["state"] for book in summary["books"].values()} == {"live"}
    assert all(float(book["bid"]) < float(book["ask"]) for book in summary["books"].values())
