"""Depth at boundaries of event time: against books kept in plain dictionaries, on real recordings and made ones."""

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.cli import run
from breadboard.config_file import load
from breadboard.engine.books import Books
from breadboard.engine.depth_snapshots import DepthSnapshots
from breadboard.errors import UsageError
from breadboard.model.gaps import Gap
from breadboard.model.kinds import BookState, EventKind, GapReason, SequenceRule, StatusCode
from breadboard.model.tape import Tape
from feed_samples import decode_frames, frames_of
from recordings import recording
from tapes import SECOND, T0, cut, delta, snapshot, tape

Told = tuple[int, int, str, tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]
"""Instrument, boundary in seconds, state, bids, asks."""
LIVE, STALE = "live", "stale"


class Shown:
    """Books and what they show."""

    def __init__(self, rule: SequenceRule, interval: str = "1s", levels: int = 10) -> None:
        self.rule, self.interval, self.levels = rule, interval, levels
        self.depth = DepthSnapshots(interval, levels, 5.0)
        self.books = Books(lambda _: rule, snapshots=self.depth)

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        self.books.on_tape(rows)
        return self.depth.rows

    def again(self) -> "Shown":
        other = Shown(self.rule, self.interval, self.levels)
        other.books.restore(self.books.snapshot())
        other.depth.restore(self.depth.snapshot())
        assert other.depth.snapshot() == self.depth.snapshot()
        return other


def told(rows: NDArray[np.void] | None) -> list[Told]:
    found = []
    for row in [] if rows is None else rows:
        sides = [
            tuple(zip(row[f"{side}_price"].tolist(), row[f"{side}_size"].tolist(), strict=True))[: int(row[f"{side}s"])]
            for side in ("bid", "ask")
        ]
        where = int(row["instrument"]), int(row["ts_event"]) // SECOND
        found.append((*where, BookState(int(row["state"])).label, sides[0], sides[1]))
    return found


def shown(
    rows: Tape, rule: SequenceRule, cuts: Sequence[int] = (), interval: str = "1s", levels: int = 10
) -> list[Told]:
    stage, found = Shown(rule, interval, levels), []
    for piece in cut(rows, cuts):
        found += told(stage.on_tape(piece))
        stage = stage.again()
    return found


def reference(rows: Tape, seconds: int, levels: int) -> list[Told]:
    """Keep books of one source without numbers in dictionaries, and look at them where a new interval begins."""
    books: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
    live: dict[int, bool] = {}
    last: dict[int, Any] = {}
    found: list[Told] = []
    newest: int | None = None
    for row in range(len(rows)):
        when, which, kind = int(rows.ts_event[row]), int(rows.instrument[row]), rows.kind[row]
        if when > 0 and (newest is None or when > newest):
            length = seconds * SECOND
            if newest is not None and when // length > newest // length:
                boundary = (newest // length + 1) * seconds
                for each in sorted(live):
                    bids, asks = books[each] if live[each] else ({}, {})
                    best = tuple(sorted(bids.items(), reverse=True)[:levels]), tuple(sorted(asks.items())[:levels])
                    state = LIVE if live[each] else STALE
                    if last.get(each) != (state, *best):
                        last[each] = (state, *best)
                        found.append((each, boundary, state, *best))
            newest = when
        if kind == EventKind.STATUS and rows.code[row] == StatusCode.FEED_DOWN:
            live = dict.fromkeys(live, False)
        if kind == EventKind.BOOK_SNAPSHOT:
            books[which], live[which] = ({}, {}), True
        if kind in (EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA) and live.get(which):
            change(books[which], rows, row)
    return found


def change(book: tuple[dict[int, int], dict[int, int]], rows: Tape, row: int) -> None:
    for at in range(int(rows.level_begin[row]), int(rows.level_end[row])):
        side, price = book[int(rows.level_side[at]) - 1], int(rows.level_price[at])
        side[price] = int(rows.level_size[at])
        if not side[price]:
            del side[price]


def made(random_: random.Random, count: int) -> Tape:
    rows: list[dict[str, Any]] = []
    now, down = 0, {"kind": EventKind.STATUS, "code": StatusCode.FEED_DOWN, "instrument": -1}
    for _ in range(count):
        now += random_.choice((0, 1000, 300_000_000, SECOND, 4 * SECOND))
        late = random_.choice((0, 0, 700_000_000))
        common = {"ts_event": T0 + now - late, "ts_recv": T0 + now, "instrument": random_.randrange(3)}
        levels = [(random_.randint(1, 2), random_.randint(1, 12), random_.randint(0, 3)) for _ in range(4)]
        match random_.randrange(8):
            case 0:
                rows.append(snapshot(0, [level for level in levels if level[2]]) | common)
            case 1:
                rows.append(down | {"ts_recv": T0 + now})
            case 2:
                rows.append(common | {"kind": EventKind.QUOTE, "price": 5, "size": 1})
            case _:
                rows.append(delta(0, 0, levels) | common)
    return tape(rows)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_snapshots_are_those_of_books_in_dictionaries_whatever_the_batches(seed: int) -> None:
    random_ = random.Random(seed)
    rows, levels, (interval, seconds) = (
        made(random_, 80),
        random_.choice((1, 3, 10)),
        random_.choice((("1s", 1), ("5s", 5))),
    )
    expected = reference(rows, seconds, levels)
    cuts = sorted(random_.sample(range(1, len(rows)), 6))
    assert shown(rows, SequenceRule.NONE, interval=interval, levels=levels) == expected
    assert shown(rows, SequenceRule.NONE, cuts, interval=interval, levels=levels) == expected


def test_a_recorded_market_shows_a_real_book_each_second_and_nothing_else() -> None:
    decoded, _ = decode_frames("coinbase", frames_of("coinbase", "cryptofeed", ("coinbase/COINBASE.ws.28.0",)))
    found = shown(decoded.tape, SequenceRule.NONE)
    assert found == reference(decoded.tape, 1, 10)
    assert len(found) > 200
    assert shown(decoded.tape, SequenceRule.NONE, range(0, len(decoded.tape), 777)[1:]) == found


def test_rows_say_when_and_where_and_how_old() -> None:
    rows = [
        snapshot(5, [(1, 10, 2), (2, 12, 3)]) | {"ts_event": T0, "ts_recv": T0 + 7},
        {"kind": EventKind.QUOTE, "ts_event": T0 + 3 * SECOND, "ts_recv": T0 + 3 * SECOND + 9, "index": 4},
        {"kind": EventKind.QUOTE, "ts_event": T0 + 4 * SECOND, "ts_recv": T0 + 4 * SECOND},
    ]
    out = Shown(SequenceRule.OVERLAP).on_tape(tape(rows, first=100))
    assert out is not None
    (row,) = out
    assert (row["ts_event"], row["ts_book"], row["ts_recv"]) == (T0 + SECOND, T0, T0 + 3 * SECOND + 9)
    assert (row["offset"], row["index"], row["sequence"], row["interval"]) == (101, 4, 5, 1)
    assert (row["state"], row["is_crossed"]) == (BookState.LIVE, 0)


def test_rows_say_which_event_changed_the_book_last_and_not_which_one_passed_the_boundary() -> None:
    """A quote may come between the two: it is newer than the book."""
    down = {"kind": EventKind.STATUS, "code": StatusCode.FEED_DOWN, "instrument": -1, "ts_recv": T0 + SECOND + 8}
    rows = [
        snapshot(0, [(1, 10, 2)]) | {"ts_event": T0, "ts_recv": T0 + 5},
        delta(0, 0, [(1, 11, 3)]) | {"ts_event": T0 + 1, "ts_recv": T0 + 6},
        {"kind": EventKind.QUOTE, "ts_event": T0 + 2, "ts_recv": T0 + 7},
        {"kind": EventKind.QUOTE, "ts_event": T0 + SECOND, "ts_recv": T0 + SECOND + 7},
        down,
        {"kind": EventKind.QUOTE, "ts_event": T0 + 2 * SECOND, "ts_recv": T0 + 2 * SECOND},
        snapshot(0, [(1, 12, 2)]) | {"ts_event": T0 + 2 * SECOND, "ts_recv": T0 + 2 * SECOND + 1},
        {"kind": EventKind.QUOTE, "ts_event": T0 + 3 * SECOND, "ts_recv": T0 + 3 * SECOND},
    ]
    found = Shown(SequenceRule.NONE).on_tape(tape(rows, first=100))
    assert found is not None
    columns = "offset", "offset_book", "ts_recv_book", "state"
    assert [tuple(int(row[name]) for name in columns) for row in found] == [
        (103, 101, T0 + 6, BookState.LIVE),
        (105, 101, T0 + 6, BookState.STALE),
        (107, 106, T0 + 2 * SECOND + 1, BookState.LIVE),
    ]


def test_a_book_that_is_not_believed_is_told_once_and_without_levels() -> None:
    stage = Shown(SequenceRule.NONE)
    down = {"kind": EventKind.STATUS, "code": StatusCode.FEED_DOWN, "instrument": -1, "ts_recv": T0 + SECOND}
    ticks = [{"kind": EventKind.QUOTE, "ts_event": T0 + at * SECOND, "ts_recv": T0 + at * SECOND} for at in range(5)]
    book = snapshot(0, [(1, 10, 2)]) | {"ts_event": T0, "ts_recv": T0}
    rows = [book, ticks[1], down, *ticks[2:]]
    assert [(state, bids) for _, _, state, bids, _ in told(stage.on_tape(tape(rows)))] == [
        (LIVE, ((10, 2),)),
        (STALE, ()),
    ]


def test_a_book_that_is_not_believed_has_no_levels_of_another_one() -> None:
    both = [(1, 99, 5), (2, 101, 5)]
    lost = {"kind": EventKind.GAP, "code": GapReason.STORAGE, "instrument": 1, "ts_recv": T0 + SECOND}
    rows = [
        snapshot(1, both, ts_event=T0, instrument=0),
        snapshot(1, both, ts_event=T0, instrument=1),
        snapshot(1, both, ts_event=T0 + SECOND, instrument=2),
        lost,
        snapshot(2, both, ts_event=T0 + 2 * SECOND, instrument=2),
    ]
    found = Shown(SequenceRule.NONE).on_tape(tape(rows, [(3, Gap(0, GapReason.STORAGE, T0, T0 + SECOND))]))
    assert found is not None
    (stale,) = found[found["state"] == int(BookState.STALE)]
    assert stale["instrument"] == 1
    assert not any(stale[f"{side}_{name}"].any() for side in ("bid", "ask") for name in ("price", "size", "size_exp"))


def test_a_silent_source_is_carried_on_by_our_clock() -> None:
    book = snapshot(0, [(1, 10, 2)]) | {"ts_event": T0, "ts_recv": T0}
    clock = {"kind": EventKind.CLOCK, "instrument": -1, "ts_recv": T0 + 9 * SECOND}
    assert [row[1] - T0 // SECOND for row in told(Shown(SequenceRule.NONE).on_tape(tape([book, clock])))] == [1]


def test_a_state_of_other_levels_begins_anew() -> None:
    stage = Shown(SequenceRule.NONE)
    stage.on_tape(made(random.Random(1), 80))
    other = DepthSnapshots("1s", 5, 5.0)
    fresh = other.snapshot()
    other.restore(stage.depth.snapshot())
    assert other.snapshot() == fresh


@pytest.mark.parametrize("word", ["1x", "2s", "10"])
def test_an_interval_that_there_is_not_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="no interval"):
        load(None, {"engine.depth": word})


def test_a_replay_stores_them_and_sql_shows_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(recording("binance/btcusdt_20240808.gz"))
    words = ["replay", source, "--venue", "binance", "--format", "hftbacktest", "--json"]
    results = []
    for name, more in (("a", []), ("b", ["--batch", "1000"])):
        assert run([*words, "--depth", "1s", "--data-dir", str(tmp_path / name), *more]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0]["digest"] == results[1]["digest"]
    assert run([*words, "--data-dir", str(tmp_path / "off")]) == 0
    off = json.loads(capsys.readouterr().out)
    assert (off["depth"], off["digest"] != results[0]["digest"]) == (0, True)
    query = (
        "select count() n, countIf(state = 'live' and length(bid_prices) = 10 and length(ask_prices) = 10) whole,"
        " countIf(bid_prices[1] < ask_prices[1]) apart, min(interval) i, max(ts_event) >= max(ts_book) later,"
        " argMax(toString(bid_prices[1]), ts_event) bid from depth_snapshots"
    )
    assert run(["sql", query, "--data-dir", str(tmp_path / "a"), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["data"]
    changed = (
        "select countIf((s.offset_book, s.ts_recv_book) = (d.offset, d.ts_recv)) changed from depth_snapshots as s"
        " asof join book_deltas as d on s.symbol = d.symbol and s.offset > d.offset"
    )
    assert run(["sql", changed, "--data-dir", str(tmp_path / "a"), "--format", "json"]) == 0
    row |= json.loads(capsys.readouterr().out)["data"][0]
    assert row["n"] == row["whole"] == row["apart"] == row["changed"] == results[0]["depth"] > 300
    assert (row["i"], row["later"]) == ("1s", 1)
    assert abs(Decimal(row["bid"]) - Decimal(results[0]["books"]["BTCUSDT.BINANCE"]["bid"])) < 100
