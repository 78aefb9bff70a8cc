"""Order-by-order books: what rests, what it adds up to, and what happens where an order was never told of."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.engine.books import Books
from breadboard.engine.orders import Orders
from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.kinds import BookState, EventKind, Flag, GapReason, OrderAction, SequenceRule, Side
from breadboard.model.tape import Tape

UNIT = 10**8
ADD, REDUCE, FILL, DELETE = OrderAction.ADD, OrderAction.REDUCE, OrderAction.FILL, OrderAction.DELETE
REPLACE, CLEAR = OrderAction.REPLACE, OrderAction.CLEAR
Change = tuple[OrderAction, int, Side, int, int]
"""Action, order id, side, price, size in whole units."""


def tape_of(changes: list[Change], instrument: list[int] | None = None, *, begins: bool = True) -> Tape:
    """ORDER rows, one an offset; before them a CLEAR of every instrument, so that its book is whole."""
    which = instrument or [0] * len(changes)
    clears = sorted(set(which)) if begins else []
    every = [(CLEAR, ABSENT, Side.NONE, ABSENT, 0)] * len(clears) + changes
    return Tape.of(
        len(every),
        {
            "kind": [EventKind.ORDER] * len(every),
            "code": [change[0] for change in every],
            "instrument": clears + which,
            "offset": range(len(every)),
            "ts_recv": range(1, len(every) + 1),
            "order_id": [change[1] for change in every],
            "side": [change[2] for change in every],
            "price": [change[3] for change in every],
            "size": [change[4] * UNIT for change in every],
        },
    )


def run(tape: Tape, step: int | None = None) -> tuple[Orders, Books, Tape, list[Any]]:
    orders, books = Orders(), Books(lambda _: SequenceRule.NONE)
    parts: list[Tape] = []
    gaps: list[Any] = []
    for begin in range(0, len(tape), step or max(1, len(tape))):
        part = orders.on_tape(tape.take(slice(begin, begin + (step or len(tape)))))
        found = books.on_tape(part)
        gaps += [] if found is None else found.tolist()
        parts.append(part)
    return orders, books, Tape.merge(parts), gaps


def levels(books: Books, instrument: int = 0) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    view = books.view(instrument)
    assert all(exp == SIZE_EXP for _, _, exp in view.bids + view.asks)
    bids, asks = ([(price, size // UNIT) for price, size, _ in side] for side in (view.bids, view.asks))
    return bids, asks


def test_orders_add_up_to_levels_and_keep_their_place_in_the_queue() -> None:
    orders, books, _, gaps = run(
        tape_of(
            [
                (ADD, 1, Side.BUY, 100, 5),
                (ADD, 2, Side.BUY, 100, 7),
                (ADD, 3, Side.BUY, 99, 1),
                (ADD, 4, Side.SELL, 101, 2),
                (REDUCE, 1, Side.BUY, 100, 2),
                (FILL, 2, Side.BUY, 100, 3),
                (ADD, 5, Side.SELL, 101, 9),
                (REPLACE, 4, Side.SELL, 101, 6),  # more than before: it goes to the end of the queue
                (REPLACE, 3, Side.BUY, 98, 1),
                (DELETE, 99, Side.BUY, 97, 0),  # of nothing, nothing is left: all is as it was
            ]
        )
    )
    assert levels(books) == ([(100, 7), (98, 1)], [(101, 15)])
    assert books.view(0).state is BookState.LIVE
    assert gaps == []
    assert [(o.order_id, o.side, o.price, o.size // UNIT, o.ahead // UNIT) for o in orders.view(0)] == [
        (1, Side.BUY, 100, 3, 0),
        (2, Side.BUY, 100, 4, 3),
        (3, Side.BUY, 98, 1, 0),
        (5, Side.SELL, 101, 9, 0),
        (4, Side.SELL, 101, 6, 9),
    ]
    assert orders.counters() == {"resting": 5, "refused": 0, "unknown": 0, "overdrawn": 0, "repeated": 0}


@pytest.mark.parametrize(
    "change",
    [
        (REDUCE, 7, Side.BUY, 100, 1),
        (FILL, 7, Side.BUY, 100, 1),
        (DELETE, 7, Side.BUY, 100, 1),
        (REDUCE, 1, Side.BUY, 100, 6),  # more than it has
        (ADD, 8, Side.NONE, 100, 1),
        (ADD, 8, Side.BUY, ABSENT, 1),
    ],
)
def test_a_change_that_cannot_be_makes_the_book_stale_until_it_begins_anew(change: Change) -> None:
    tape = tape_of([(ADD, 1, Side.BUY, 100, 5), change, (ADD, 2, Side.BUY, 99, 1)])
    orders, books, told, gaps = run(tape)
    assert books.view(0).state is BookState.STALE
    assert [bool(flags & Flag.UNKNOWN_ORDER) for flags in told.flags] == [False, False, True, False]
    ((offset, index, instrument, source, reason, *_),) = gaps
    assert (offset, index, instrument, source, reason) == (2, 0, 0, 0, GapReason.ORDER)
    assert orders.counters()["unknown"] == 1
    again = orders.on_tape(tape_of([(ADD, 3, Side.SELL, 103, 4)]))
    assert books.on_tape(again) is None
    assert (books.view(0).state, levels(books)) == (BookState.LIVE, ([], [(103, 4)]))


def test_what_a_snapshot_of_levels_holds_may_be_taken_by_orders_nobody_named() -> None:
    changes: list[Change] = [
        (ADD, ABSENT, Side.BUY, 100, 50),
        (ADD, ABSENT, Side.SELL, 101, 20),
        (ADD, 1, Side.BUY, 100, 5),
        (DELETE, 777, Side.BUY, 100, 30),
        (FILL, 778, Side.SELL, 101, 20),
        (REPLACE, ABSENT, Side.SELL, 102, 8),  # a level that comes into view
        (REPLACE, ABSENT, Side.BUY, 100, 12),
    ]
    _, books, _, gaps = run(tape_of(changes))
    assert (levels(books), gaps) == (([(100, 12)], [(102, 8)]), [])
    _, books, _, gaps = run(tape_of([*changes, (FILL, 779, Side.BUY, 100, 8)]))
    assert [gap[4] for gap in gaps] == [GapReason.ORDER], "seven of the twelve are nobody's, five are order 1"


def test_sizes_finer_than_one_satoshi_or_too_large_are_not_guessed() -> None:
    tape = tape_of([(ADD, 1, Side.BUY, 100, 5), (ADD, 2, Side.BUY, 100, 5)])
    tape.size_exp[1:] = [-9, 0]
    tape.size[2] = 2**62
    orders, _, told, _ = run(tape)
    assert [bool(flags & Flag.UNKNOWN_ORDER) for flags in told.flags] == [False, True, True]
    assert orders.view(0) == []


def test_a_level_that_cannot_hold_more_makes_the_book_stale_and_no_size_negative() -> None:
    half = (2**63 - 1) // UNIT
    _, books, told, gaps = run(tape_of([(ADD, 1, Side.BUY, 100, half), (ADD, 2, Side.BUY, 100, half)]))
    assert [bool(flags & Flag.UNKNOWN_ORDER) for flags in told.flags] == [False, False, True]
    assert (books.view(0).state, [gap[4] for gap in gaps]) == (BookState.STALE, [GapReason.ORDER])


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([ADD, ADD, ADD, REDUCE, FILL, DELETE, REPLACE]),
        st.integers(1, 12),
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(95, 105),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=80,
)


class Reference:
    """The same in plain dictionaries, for one instrument."""

    def __init__(self) -> None:
        self.orders: dict[int, list[Any]] = {}
        self.known = True

    def take(self, change: Change) -> None:
        action, order, side, price, size = change
        old = self.orders.get(order)
        if action in (ADD, REPLACE):
            if size == 0 and action is ADD and old is None:
                return
            self.orders.pop(order, None)
            if size:
                self.orders[order] = [side, price, size]
            self.known &= size > 0 or old is not None
        elif old is None:
            self.known &= size == 0
        elif action is DELETE or size >= old[2]:
            self.known &= action is DELETE or size == old[2]
            del self.orders[order]
        else:
            old[2] -= size

    def levels(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        totals: dict[Side, dict[int, int]] = {Side.BUY: defaultdict(int), Side.SELL: defaultdict(int)}
        for side, price, size in self.orders.values():
            totals[side][price] += size
        return sorted(totals[Side.BUY].items(), reverse=True), sorted(totals[Side.SELL].items())


@settings(max_examples=200)
@given(CHANGES, st.integers(1, 9))
def test_any_changes_in_any_batches_are_what_plain_dictionaries_make_of_them(changes: list[Change], step: int) -> None:
    reference = Reference()
    for change in changes:
        reference.take(change)
    tape = tape_of(changes)
    orders, books, told, gaps = run(tape, step)
    whole, _, told_at_once, gaps_at_once = run(tape)
    assert orders.snapshot() == whole.snapshot()
    assert gaps == gaps_at_once
    assert (told.flags == told_at_once.flags).all()
    resting = {o.order_id: [o.side, o.price, o.size // UNIT] for o in orders.view(0)}
    assert resting == reference.orders
    if reference.known:
        assert levels(books) == reference.levels()
        assert books.view(0).state is BookState.LIVE
    else:
        assert books.view(0).state is BookState.STALE
        assert gaps[0][4] == GapReason.ORDER


def test_a_hundred_thousand_orders_of_many_books_survive_growth_and_a_restore() -> None:
    rng = np.random.default_rng(7)
    count = 100_000
    which = rng.integers(0, 50, count).tolist()
    sides = rng.integers(1, 3, count).tolist()
    changes: list[Change] = [(ADD, n, Side(sides[n]), 100 + n % 40, 1 + n % 7) for n in range(count)]
    gone = rng.permutation(count)[: count // 2].tolist()
    changes += [(DELETE, n, Side(sides[n]), 100 + n % 40, 0) for n in gone]
    orders, _, _, gaps = run(tape_of(changes, which + [which[n] for n in gone]), 4096)
    assert (gaps, orders.counters()["resting"]) == ([], count - len(gone))
    left = set(range(count)) - set(gone)
    mine = sorted(n for n in left if which[n] == 17)
    assert sorted(order.order_id for order in orders.view(17)) == mine
    restored = Orders()
    restored.restore(orders.snapshot())
    assert restored.snapshot() == orders.snapshot()
    assert restored.view(17) == orders.view(17)
    more = tape_of([(FILL, n, Side(sides[n]), 100 + n % 40, 1) for n in mine], [17] * len(mine), begins=False)
    assert not (restored.on_tape(more).flags & Flag.UNKNOWN_ORDER).any()
