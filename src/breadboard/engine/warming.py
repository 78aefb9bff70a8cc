"""Compile every kernel before the first real event needs it."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from breadboard.config import AnomalyConfig, ArbitrageConfig, PaperConfig, RateConfig
from breadboard.engine.anomalies import Anomalies
from breadboard.engine.arbitrage import Arbitrage
from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.engine.clock_skew import ClockSkew
from breadboard.engine.consolidated import Consolidated
from breadboard.engine.continuity import Continuity
from breadboard.engine.depth_snapshots import DepthSnapshots
from breadboard.engine.features import Features
from breadboard.engine.groups import groups_of
from breadboard.engine.latest import Latest
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.orders import Orders
from breadboard.engine.rule_state import HOLE
from breadboard.engine.rules import Rules
from breadboard.model.bars import BAR
from breadboard.model.decimals import SIZE_EXP
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, OrderAction, SequenceRule, Side
from breadboard.model.rules import Rule, RuleSet
from breadboard.model.tape import Tape

_NOON = 1_700_000_000_000_000_000


def warm() -> None:
    """Run every kernel once over a handful of rows. The machine code is cached on disk: slow only the first time."""
    kinds = (EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA, EventKind.TRADE, EventKind.QUOTE, EventKind.CLOCK)
    rows = len(kinds)
    tape = Tape.of(
        rows,
        {
            "kind": kinds,
            "instrument": np.zeros(rows, np.int32),
            "offset": range(rows),
            "ts_event": [_NOON] * rows,
            "ts_recv": [_NOON] * rows,
            "sequence": range(rows),
            "trade_id": range(rows),
            "price": [10**9] * rows,
            "size": [10**8] * rows,
            "level_end": [1, 1, 0, 0, 0],
        },
        {"level_side": [Side.BUY], "level_price": [10**9], "level_size": [10**8], "level_size_exp": [SIZE_EXP]},
    )
    books, bars = Books(lambda _: SequenceRule.OVERLAP), Bars(2000, 5.0)
    for stage in (Continuity(lambda _: True), books, bars, ClockSkew(), Latest()):
        stage.on_tape(tape)
    # The book's plain path calls some of the same kernels with numbers of its own types.
    Books(lambda _: SequenceRule.CHAIN).on_tape(tape.take(np.array([1, 1, 0])))
    bars.open_bars()
    pool = LevelPool()
    pool.grow(1)
    pool.change(0, tape.level_side, tape.level_price, tape.level_size, tape.level_size_exp)
    pool.close_ranks()  # which books do only when their pool is full
    pool.clear(0)
    revising = Bars(2000, 5.0, lambda _: True)
    for flags in (Flag(0), Flag.WITHDRAWN):
        revising.on_tape(replace(tape, flags=np.full(rows, flags, np.uint16)))
    watching, features = Books(lambda _: SequenceRule.OVERLAP, lambda _: True, deep=True), Features((), 2000, 5.0)
    watching.on_tape(tape)
    features.expect(watching.tops, watching.depths)
    features.on_tape(tape)
    _look_for_anomalies(tape, watching)
    snapshots = DepthSnapshots("1s", 10, 5.0)
    shown = Books(lambda _: SequenceRule.OVERLAP, snapshots=snapshots)
    later = replace(tape, ts_event=tape.ts_event + 10**9, ts_recv=tape.ts_recv + 10**9)
    for each in (tape, later):
        shown.on_tape(each)
    orders: dict[str, list[int]] = {
        "kind": [EventKind.ORDER],
        "instrument": [0],
        "code": [OrderAction.ADD],
        "order_id": [1],
    }
    orders |= {"side": [Side.BUY], "price": [10**9], "size": [10**8]}
    taker = Orders()
    books.on_tape(taker.on_tape(Tape.of(1, orders)))
    taker.restore(taker.snapshot())
    _consolidate(tape)
    _follow_rules(tape)


def _look_for_anomalies(tape: Tape, books: Books) -> None:
    """Run what only engines that look for anomalies run; hours too, without a calendar: those are slow to load."""
    anomalies = Anomalies((), AnomalyConfig(), 2000, 5.0)
    anomalies.expect(books.tops, None)
    anomalies.on_tape(tape)


def _consolidate(tape: Tape) -> None:
    """Run what only engines with groups run."""
    instruments = Instruments()
    instruments.intern("VENUE", "SYMBOL")
    consolidated = Consolidated(groups_of({"GROUP": ("SYMBOL.VENUE",)}), instruments, lambda _: None)
    books = Books(lambda _: SequenceRule.OVERLAP, consolidated.watches)
    books.on_tape(tape)
    consolidated.on_tape(tape, books.tops)
    consolidated.depth(0, books)
    gap = Tape.of(1, {"kind": [EventKind.GAP], "code": [GapReason.DISCONNECT]})
    books.on_tape(gap)
    consolidated.on_tape(gap, books.tops)
    _arbitrate()


def _arbitrate() -> None:
    """Run what only engines with arbitrage run: one opportunity across currencies, taken on paper."""
    instruments = Instruments()
    for venue, symbol in (("A", "X-USD"), ("B", "X-EUR")):
        instruments.intern(venue, symbol)
    groups = groups_of({"X": [one.id for one in instruments]})
    consolidated = Consolidated(groups, instruments, lambda _: None, moving=True)
    books = Books(lambda _: SequenceRule.NONE, consolidated.watches, copied=consolidated.watches)
    rate = RateConfig(rate="1", as_of=datetime.fromtimestamp(_NOON / 1e9, UTC))
    paper = PaperConfig(default_latency_ms=0)
    config = ArbitrageConfig(fees={"A": 0, "B": 0}, rates={"EUR-USD": rate}, paper=paper)
    arbitrage = Arbitrage(config, books, consolidated)
    columns: dict[str, list[int]] = {
        "kind": [EventKind.BOOK_SNAPSHOT, EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA, EventKind.CLOCK],
        "instrument": [0, 1, 1, -1],
        "offset": [0, 1, 2, 3],
        "ts_recv": [_NOON, _NOON, _NOON, _NOON + 1],
        "level_begin": [0, 1, 2, 3],
        "level_end": [1, 2, 3, 3],
    }
    levels: dict[str, list[int]] = {
        "level_side": [Side.SELL, Side.BUY, Side.BUY],
        "level_price": [10**9, 2 * 10**9, 3 * 10**9],
    }
    levels |= {"level_size": [10**8] * 3, "level_size_exp": [SIZE_EXP] * 3}
    tape = Tape.of(4, columns, levels)
    books.on_tape(tape)
    consolidated.on_tape(tape, books.tops)
    arbitrage.on_tape(tape)


def _follow_rules(tape: Tape) -> None:
    """Run what only engines with rules run."""
    instruments = Instruments()
    instruments.intern("VENUE", "SYMBOL")
    busy = Rule(name="busy", kind="volume", threshold=2.0, window="1s")
    found = Rule(name="found", kind="expression", expression="close > 0.0", window="1s")
    rules = Rules(instruments, lambda _: "", {}, RuleSet((busy, found)))
    bars = np.zeros(1, BAR)
    bars["interval"], bars["state"] = 1, 2
    rules.on_tape(tape, np.zeros(0, HOLE), bars, {})
