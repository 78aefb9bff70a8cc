"""Books whose numbers link (OKX, Bybit) or only grow (Bitstamp): what the rules LINK and AFTER demand."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine import book_kernel
from breadboard.engine.books import Books
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import BookState, EventKind, GapReason, SequenceRule
from tapes import Level, delta, snapshot, tape

BUY, SELL = 1, 2
LINK, AFTER = SequenceRule.LINK, SequenceRule.AFTER


def books(rule: SequenceRule) -> Books:
    return Books(lambda _: rule)


def link(prev: int, last: int, levels: list[Level] | None = None, **more: int) -> dict[str, Any]:
    return delta(ABSENT, last, levels or [], sequence_prev=prev, **more)


def reasons(found: NDArray[np.void] | None) -> list[int]:
    return [] if found is None else [int(row["reason"]) for row in found]


def gap(reason: GapReason) -> dict[str, int]:
    return {"kind": EventKind.GAP, "code": reason, "instrument": -1}


def test_a_chain_of_links_is_followed_also_where_nothing_changes_and_where_numbers_begin_anew() -> None:
    stage = books(LINK)
    rows = [snapshot(10, [(BUY, 9, 1)]), link(10, 15, [(SELL, 11, 2)]), link(15, 15), link(15, 3), link(3, 7)]
    assert stage.on_tape(tape(rows)) is None
    view = stage.view(0)
    assert (view.state, view.sequence) == (BookState.LIVE, 7)
    assert (view.bids, view.asks) == ([(9, 1, -8)], [(11, 2, -8)])


@pytest.mark.parametrize("prev", [9, 11, 14, ABSENT])
def test_a_broken_link_makes_the_book_stale_with_that_row_and_is_told_once(prev: int) -> None:
    stage = books(LINK)
    found = stage.on_tape(tape([snapshot(10, [(BUY, 9, 1)]), link(prev, 15), link(15, 16), link(17, 18)]))
    assert reasons(found) == [GapReason.SEQUENCE]
    assert found is not None
    assert int(found["offset"][0]) == 1
    assert stage.view(0).state == BookState.STALE


@pytest.mark.parametrize("number", [2, 15, 900])
def test_a_snapshot_in_the_stream_begins_anew_whatever_its_number(number: int) -> None:
    stage = books(LINK)
    broken = [snapshot(10, [(BUY, 9, 1)]), link(13, 15, [(BUY, 8, 1)]), link(15, 16)]
    stage.on_tape(tape(broken))
    renewed = tape([snapshot(number, [(BUY, 5, 5)]), link(number, number + 2, [(BUY, 6, 6)])], first=3)
    assert stage.on_tape(renewed) is None
    view = stage.view(0)
    assert (view.state, view.sequence, view.bids) == (BookState.LIVE, number + 2, [(6, 6, -8), (5, 5, -8)])
    stage.on_tape(tape([snapshot(number, [(BUY, 1, 1)])], first=5))
    assert (stage.view(0).state, stage.view(0).bids) == (BookState.LIVE, [(1, 1, -8)])


def test_links_before_their_snapshot_are_not_kept() -> None:
    stage = books(LINK)
    assert stage.on_tape(tape([link(8, 9, [(BUY, 1, 1)]), link(9, 10, [(BUY, 2, 1)])])) is None
    assert stage.view(0).state == BookState.SYNCING
    stage.on_tape(tape([snapshot(9, [(BUY, 5, 5)]), link(9, 11)], first=2))
    assert (stage.view(0).state, stage.view(0).bids) == (BookState.LIVE, [(5, 5, -8)])


def test_links_without_numbers_apply_as_they_come_and_a_number_among_them_is_a_break() -> None:
    stage = books(LINK)
    rows = [snapshot(ABSENT, [(BUY, 9, 1)]), link(ABSENT, ABSENT, [(SELL, 11, 2)]), link(ABSENT, ABSENT)]
    assert stage.on_tape(tape(rows)) is None
    view = stage.view(0)
    assert (view.state, view.sequence, view.asks) == (BookState.LIVE, None, [(11, 2, -8)])
    stage.on_tape(tape([snapshot(ABSENT, [(BUY, 8, 1)])], first=3))
    assert (stage.view(0).state, stage.view(0).bids) == (BookState.LIVE, [(8, 1, -8)])
    assert reasons(stage.on_tape(tape([link(5, 6)], first=4))) == [GapReason.SEQUENCE]
    assert stage.view(0).state == BookState.STALE


@pytest.mark.parametrize(("number", "state"), [(ABSENT, BookState.STALE), (10, BookState.LIVE)])
def test_a_frame_nobody_understood_is_a_hole_only_in_links_without_numbers(number: int, state: BookState) -> None:
    stage = books(LINK)
    stage.on_tape(tape([snapshot(number), gap(GapReason.QUARANTINE)]))
    assert stage.view(0).state == state


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_live_linked_book_is_never_wrong_whatever_is_lost_or_repeated(seed: int) -> None:
    chance = random.Random(seed)
    book: dict[tuple[int, int], int] = {}
    truth = {100: dict(book)}
    number, stream = 100, [snapshot(100)]
    for _ in range(60):
        before, number = number, number + chance.randint(1, 5)
        levels = [(chance.choice((BUY, SELL)), chance.randint(1, 20), chance.choice((0, 1, 2))) for _ in range(3)]
        for side, price, size in levels:
            book.pop((side, price), None)
            book |= {(side, price): size} if size else {}
        truth[number] = dict(book)
        if chance.random() < 0.1:
            stream.append(snapshot(number, [(*key, size) for key, size in book.items()]))
        elif chance.random() < 0.9:
            stream += [link(before, number, levels)] * chance.choice((1, 1, 1, 1, 2))
    stage = books(LINK)
    for at, row in enumerate(stream):
        stage.on_tape(tape([row], first=at))
        view = stage.view(0)
        if view.state == BookState.LIVE:
            held = {(BUY, p): s for p, s, _ in view.bids} | {(SELL, p): s for p, s, _ in view.asks}
            assert view.sequence is not None
            assert held == truth[view.sequence], f"seed {seed}"
        elif row["kind"] == EventKind.BOOK_SNAPSHOT:
            pytest.fail(f"a snapshot left the book {view.state.name}, seed {seed}")


def test_numbers_that_only_grow_join_a_fetched_snapshot_and_go_on_over_holes() -> None:
    stage = books(AFTER)
    waiting = [delta(ABSENT, n, [(BUY, n, 1)]) for n in (10, 20, 30)]
    assert stage.on_tape(tape(waiting)) is None
    assert stage.view(0).state == BookState.SYNCING
    assert stage.on_tape(tape([snapshot(20, [(BUY, 5, 5)]), delta(ABSENT, 99, [(BUY, 99, 1)])], first=3)) is None
    view = stage.view(0)
    assert (view.state, view.sequence) == (BookState.LIVE, 99)
    assert [price for price, _, _ in view.bids] == [99, 30, 5]


def test_what_is_at_or_below_the_books_number_is_in_it_already() -> None:
    stage = books(AFTER)
    stage.on_tape(
        tape([snapshot(20, [(BUY, 5, 5)]), delta(ABSENT, 20, [(BUY, 1, 1)]), delta(ABSENT, 7, [(BUY, 2, 1)])])
    )
    assert (stage.view(0).sequence, stage.view(0).bids) == (20, [(5, 5, -8)])
    assert stage.counters()["ignored"] == 2


def test_a_clock_set_back_for_good_is_noticed() -> None:
    stage = books(AFTER)
    found = stage.on_tape(tape([snapshot(5000), *(delta(ABSENT, 7) for _ in range(book_kernel.MAX_IGNORED + 1))]))
    assert reasons(found) == [GapReason.SEQUENCE]
    assert stage.view(0).state == BookState.STALE
    stage.on_tape(tape([snapshot(6, [(BUY, 5, 5)])], first=2000))
    assert (stage.view(0).state, stage.view(0).sequence) == (BookState.LIVE, 7)


@pytest.mark.parametrize("lost", [False, True])
def test_a_snapshot_older_than_the_book_is_refused_also_after_a_gap(lost: bool) -> None:
    stage = books(AFTER)
    stage.on_tape(tape([snapshot(10, [(BUY, 5, 5)]), delta(ABSENT, 30, [(BUY, 6, 6)])]))
    stage.on_tape(tape([gap(GapReason.DISCONNECT)] * lost, first=2))
    stage.on_tape(tape([snapshot(20, [(BUY, 1, 1)]), snapshot(ABSENT, [(BUY, 2, 2)])], first=3))
    assert stage.view(0).state == (BookState.STALE if lost else BookState.LIVE)
    assert stage.view(0, last_known=True).bids == [(6, 6, -8), (5, 5, -8)]
    assert stage.counters()["snapshots_rejected"] == 2
    stage.on_tape(tape([delta(ABSENT, 50, [(BUY, 9, 9)]), snapshot(40, [(BUY, 8, 8)])] if lost else [], first=5))
    if lost:
        assert (stage.view(0).state, stage.view(0).bids) == (BookState.LIVE, [(9, 9, -8), (8, 8, -8)])
