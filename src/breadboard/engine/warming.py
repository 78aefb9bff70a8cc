"""Compile every kernel before the first real event needs it."""

from dataclasses import replace

import numpy as np

from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.engine.clock_skew import ClockSkew
from breadboard.engine.consolidated import Consolidated
from breadboard.engine.continuity import Continuity
from breadboard.engine.depth_snapshots import DepthSnapshots
from breadboard.engine.features import Features
from breadboard.engine.groups import groups_of
from breadboard.engine.latest import Latest
from breadboard.engine.orders import Orders
from breadboard.model.decimals import SIZE_EXP
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, OrderAction, SequenceRule, Side
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
    revising = Bars(2000, 5.0, lambda _: True)
    for flags in (Flag(0), Flag.WITHDRAWN):
        revising.on_tape(replace(tape, flags=np.full(rows, flags, np.uint16)))
    watching, features = Books(lambda _: SequenceRule.OVERLAP, lambda _: True, deep=True), Features((), 2000, 5.0)
    watching.on_tape(tape)
    features.expect(watching.tops, watching.depths)
    features.on_tape(tape)
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
