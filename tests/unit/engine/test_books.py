"""Books: what each sequence rule demands, and that a live book is never wrong."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine import book_kernel, book_sync, book_waiting
from breadboard.engine.books import Books
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import BookState, EventKind, GapReason, GapState, SequenceRule, StatusCode
from breadboard.model.sequences import fell_back
from tapes import T0, delta, snapshot, tape

BUY, SELL = 1, 2
NONE, OVERLAP, CHAIN = SequenceRule.NONE, SequenceRule.OVERLAP, SequenceRule.CHAIN
LINK, AFTER = SequenceRule.LINK, SequenceRule.AFTER
START = snapshot(10, [(BUY, 99, 5), (BUY, 98, 6), (SELL, 101, 7), (SELL, 102, 8)])


def books(rule: SequenceRule = OVERLAP) -> Books:
    return Books(lambda _: rule)


def holes(found: NDArray[np.void] | None) -> list[tuple[int, int, int]]:
    if found is None:
        return []
    return [(int(row["reason"]), int(row["sequence_from"]), int(row["sequence_to"])) for row in found]


def test_levels_are_absolute_and_size_zero_removes() -> None:
    stage = books()
    stage.on_tape(tape([START, delta(11, 12, [(BUY, 99, 0), (BUY, 100, 1), (SELL, 101, 9), (SELL, 150, 0)])]))
    view = stage.view(0)
    assert view.state == BookState.LIVE
    assert view.sequence == 12
    assert view.bids == [(100, 1, -8), (98, 6, -8)]
    assert view.asks == [(101, 9, -8), (102, 8, -8)]
    assert stage.top(0) == (100, 1, -8, 101, 9, -8)


def test_deltas_before_the_snapshot_are_kept_and_joined() -> None:
    stage = books()
    stage.on_tape(tape([delta(5, 9, [(BUY, 90, 1)]), delta(10, 11, [(BUY, 91, 1)]), delta(12, 12, [(BUY, 92, 1)])]))
    assert stage.view(0).state == BookState.SYNCING
    assert stage.on_tape(tape([snapshot(10, [(BUY, 80, 1)])], first=3)) is None
    view = stage.view(0)
    assert (view.state, view.sequence) == (BookState.LIVE, 12)
    assert [price for price, _, _ in view.bids] == [92, 91, 80]


def test_a_snapshot_older_than_the_kept_deltas_leaves_the_book_syncing() -> None:
    stage = books()
    stage.on_tape(tape([delta(20, 21), snapshot(10)]))
    assert stage.view(0).state == BookState.SYNCING
    assert stage.counters()["snapshots_rejected"] == 1
    stage.on_tape(tape([snapshot(19, [(BUY, 80, 1)])], first=2))
    assert (stage.view(0).state, stage.view(0).sequence) == (BookState.LIVE, 21)


def test_a_hole_makes_the_book_stale_with_that_row_and_serves_nothing() -> None:
    stage = books()
    found = stage.on_tape(tape([START, delta(13, 14, [(BUY, 100, 1)])]))
    assert holes(found) == [(GapReason.SEQUENCE, 11, 12)]
    view = stage.view(0)
    assert (view.state, view.bids, view.asks) == (BookState.STALE, [], [])
    assert stage.top(0) == (ABSENT, ABSENT, 0) * 2


def test_what_a_stale_book_last_held_is_told_to_those_who_ask_for_it_also_after_a_restart() -> None:
    stage, again = books(), books()
    stage.on_tape(tape([START]))
    before = stage.view(0)
    stage.on_tape(tape([delta(13, 14, [(BUY, 100, 1)])], first=1))
    again.restore(stage.snapshot())
    for each in (stage, again):
        view = each.view(0, last_known=True)
        assert (view.state, view.sequence) == (BookState.STALE, before.sequence)
        assert (view.bids, view.asks) == (before.bids, before.asks) != ([], [])
        assert each.view(0).bids == []


def test_after_a_hole_a_snapshot_joins_what_was_kept_since() -> None:
    stage = books()
    stage.on_tape(tape([START, delta(13, 14, [(BUY, 100, 1)]), delta(15, 15, [(BUY, 97, 2)])]))
    stage.on_tape(tape([snapshot(13, [(BUY, 95, 1)])], first=3))
    assert stage.view(0).bids == [(100, 1, -8), (97, 2, -8), (95, 1, -8)]
    assert stage.view(0).sequence == 15


def test_a_second_hole_among_kept_deltas_is_told_and_the_older_ones_are_let_go() -> None:
    stage = books()
    found = stage.on_tape(tape([delta(10, 11), delta(15, 16, [(BUY, 1, 1)])]))
    assert holes(found) == [(GapReason.SEQUENCE, 12, 14)]
    stage.on_tape(tape([snapshot(11)], first=2))
    assert stage.view(0).state == BookState.SYNCING
    stage.on_tape(tape([snapshot(14)], first=3))
    assert stage.view(0).bids == [(1, 1, -8)]


def test_an_event_seen_before_is_ignored() -> None:
    stage = books()
    assert stage.on_tape(tape([START, delta(11, 12, [(BUY, 99, 1)]), delta(9, 12, [(BUY, 99, 77)])])) is None
    assert stage.view(0).bids[0] == (99, 1, -8)
    assert stage.counters()["ignored"] == 1


def test_a_chain_starts_by_overlap_and_goes_on_by_the_previous_number() -> None:
    stage = books(CHAIN)
    start = [snapshot(100), delta(90, 95, sequence_prev=80), delta(96, 105, [(BUY, 1, 1)], sequence_prev=95)]
    assert stage.on_tape(tape([*start, delta(120, 130, sequence_prev=105)])) is None
    assert (stage.view(0).state, stage.view(0).sequence) == (BookState.LIVE, 130)
    found = stage.on_tape(tape([delta(140, 150, sequence_prev=139)], first=4))
    assert holes(found) == [(GapReason.SEQUENCE, 131, 139)]
    assert stage.view(0).state == BookState.STALE


def test_without_numbers_the_snapshot_in_the_stream_is_all_it_takes() -> None:
    stage = books(NONE)
    plain = {"sequence": ABSENT, "sequence_first": ABSENT}
    stage.on_tape(tape([delta(0, 0, [(BUY, 1, 1)]) | plain]))
    assert stage.view(0).state == BookState.SYNCING
    stage.on_tape(tape([snapshot(0, [(BUY, 2, 2)]) | plain, delta(0, 0, [(SELL, 3, 3)]) | plain], first=1))
    view = stage.view(0)
    assert (view.state, view.sequence, view.bids, view.asks) == (BookState.LIVE, None, [(2, 2, -8)], [(3, 3, -8)])


def test_a_linked_book_that_broke_waits_for_the_snapshot_in_the_stream_whatever_came_before_it() -> None:
    stage = books(LINK)
    found = stage.on_tape(
        tape([START, delta(11, 11, [(BUY, 97, 1)], sequence_prev=10), delta(13, 13, [], sequence_prev=12)])
    )
    assert (holes(found), stage.view(0).state) == ([(GapReason.SEQUENCE, 12, 12)], BookState.STALE)
    stage.on_tape(tape([delta(14, 14, [(BUY, 96, 1)], sequence_prev=13)], first=3))
    renewed = [snapshot(1, [(BUY, 80, 1)]), delta(2, 2, [(BUY, 81, 1)], sequence_prev=1)]
    assert stage.on_tape(tape(renewed, first=4)) is None, "a number of 1: the service was restarted"
    view = stage.view(0)
    assert (view.state, view.sequence, [price for price, _, _ in view.bids]) == (BookState.LIVE, 2, [81, 80])


def test_numbers_with_holes_join_their_snapshot_by_what_is_newer() -> None:
    stage = books(AFTER)
    early = [delta(number, number, [(BUY, number, 1)]) for number in (90, 95, 103)]
    assert stage.on_tape(tape([*early, START, delta(150, 150, [(BUY, 98, 0)]), delta(149, 149, [])])) is None
    view = stage.view(0)
    assert (view.state, view.sequence) == (BookState.LIVE, 150)
    assert [price for price, _, _ in view.bids] == [103, 99, 95, 90], "the snapshot had the number 10"
    assert stage.counters()["ignored"] == 1


def gap_row(reason: GapReason, **more: int) -> dict[str, int]:
    return {"kind": EventKind.GAP, "code": reason, "instrument": -1} | more


@pytest.mark.parametrize("rule", list(SequenceRule))
@pytest.mark.parametrize(
    "loss",
    [
        gap_row(GapReason.DISCONNECT),
        gap_row(GapReason.DAMAGE, source=0xFFFF),
        gap_row(GapReason.RESTART, instrument=0),
        {"kind": EventKind.STATUS, "code": StatusCode.FEED_DOWN, "instrument": -1},
    ],
)
def test_a_loss_in_the_journal_makes_books_of_any_rule_stale(rule: SequenceRule, loss: dict[str, int]) -> None:
    stage = books(rule)
    stage.on_tape(tape([START, loss]))
    assert stage.view(0).state == BookState.STALE


@pytest.mark.parametrize(
    "harmless",
    [
        gap_row(GapReason.TRADE_ID),
        gap_row(GapReason.QUARANTINE),
        gap_row(GapReason.DISCONNECT, source=7),
        gap_row(GapReason.DISCONNECT, instrument=1),
        {"kind": EventKind.STATUS, "code": StatusCode.FEED_DOWN, "instrument": -1, "source": 7},
        {"kind": EventKind.STATUS, "code": StatusCode.FEED_UP, "instrument": -1},
    ],
)
def test_a_loss_elsewhere_leaves_the_book_live(harmless: dict[str, int]) -> None:
    stage = books()
    stage.on_tape(tape([START, snapshot(3, instrument=1, source=9), harmless]))
    assert stage.view(0).state == BookState.LIVE


def test_a_gap_of_the_trade_channel_leaves_the_book_live() -> None:
    stage = books()
    stage.on_tape(
        tape([START, gap_row(GapReason.DISCONNECT)], [(1, Gap(0, GapReason.DISCONNECT, 1, 2, channel="trade"))])
    )
    assert stage.view(0).state == BookState.LIVE


@pytest.mark.parametrize("reason", [GapReason.SUBSCRIPTION, GapReason.COUNTER])
def test_a_lost_subscription_makes_a_book_stale_and_its_end_does_not_spoil_the_renewed_one(reason: GapReason) -> None:
    lost = Gap(0, reason, 1, 2, channel="book")
    over = Gap(0, reason, 2, 3, channel="book", state=GapState.LOST)
    stage = books()
    stage.on_tape(tape([START, gap_row(reason)], [(1, lost)]))
    assert stage.view(0).state == BookState.STALE
    stage.on_tape(tape([snapshot(20, [(BUY, 99, 5)]), gap_row(reason)], [(3, over)], first=2))
    assert stage.view(0).state == BookState.LIVE
    damage = Gap(0, GapReason.DAMAGE, 2, 3, state=GapState.LOST)
    stage.on_tape(tape([gap_row(GapReason.DAMAGE)], [(4, damage)], first=4))
    assert stage.view(0).state == BookState.STALE, "what the journal lost is another matter"


def test_kept_deltas_are_bounded_and_the_overflow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_sync, "MAX_WAITING", 3)
    stage = books()
    found = stage.on_tape(tape([delta(n, n, [(BUY, n, 1)]) for n in range(1, 6)]))
    assert holes(found) == [(GapReason.OVERFLOW, ABSENT, ABSENT)]
    stage.on_tape(tape([snapshot(2)], first=5))
    assert stage.view(0).state == BookState.SYNCING
    stage.on_tape(tape([snapshot(3)], first=6))
    assert stage.view(0).bids == [(5, 1, -8), (4, 1, -8)]


def test_kept_deltas_are_bounded_over_all_books_and_the_longest_queue_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book_waiting, "MAX_WAITING_GROUP", 5)
    stage = books()
    rows = [delta(n, n, instrument=which) for n in (1, 2) for which in (0, 1)]
    found = stage.on_tape(tape([*rows, delta(3, 3, instrument=1), delta(1, 1, instrument=2)]))
    assert found is not None
    assert [(int(row["offset"]), int(row["instrument"]), int(row["reason"])) for row in found] == [
        (5, 1, GapReason.OVERFLOW)
    ]
    stage.on_tape(tape([snapshot(1, instrument=which) for which in range(3)], first=6))
    assert [stage.view(which).sequence for which in range(3)] == [2, 1, 1]


def test_a_venue_that_counts_anew_is_noticed() -> None:
    stage = books()
    again = [delta(n, n) for n in range(1, 10)] * 112
    found = stage.on_tape(tape([snapshot(5000), *again]))
    assert holes(found) == [(GapReason.SEQUENCE, ABSENT, ABSENT)]
    assert found is not None
    assert int(found["offset"][0]) == book_kernel.MAX_IGNORED + 1
    assert stage.view(0).state == BookState.STALE


@pytest.mark.parametrize("rule", [OVERLAP, CHAIN])
@pytest.mark.parametrize("live", [True, False])
def test_a_delta_missing_before_a_snapshot_that_has_it_is_told_though_the_book_is_right(
    rule: SequenceRule, live: bool
) -> None:
    stage = books(rule)
    begin = [START, delta(10, 12, sequence_prev=9)] if live else [delta(10, 12, sequence_prev=9)]
    assert stage.on_tape(tape(begin)) is None
    assert stage.on_tape(tape([snapshot(16)], first=2)) is None  # 13 to 14 never came
    again = books(rule)
    again.restore(stage.snapshot())
    for each in (stage, again):
        found = each.on_tape(
            tape(
                [delta(15, 16, sequence_prev=14), delta(17, 18, sequence_prev=16), delta(19, 19, sequence_prev=18)],
                first=3,
            )
        )
        assert holes(found) == [(GapReason.SEQUENCE, 13, 14)]
        assert (each.view(0).state, each.view(0).sequence) == (BookState.LIVE, 19)


@pytest.mark.parametrize("rule", [SequenceRule.OVERLAP, SequenceRule.CHAIN, SequenceRule.AFTER])
def test_numbers_that_fall_far_back_are_a_break_at_once_and_a_snapshot_goes_on_from_there(rule: SequenceRule) -> None:
    stage = books(rule)
    old = 43_558_810_400_000
    stage.on_tape(tape([snapshot(old), delta(old, old + 1, sequence_prev=old - 1)]))
    assert stage.view(0).state == BookState.LIVE
    found = stage.on_tape(tape([delta(1001, 1003, sequence_prev=1000)], first=2))
    assert holes(found) == [(GapReason.SEQUENCE, ABSENT, ABSENT)]
    assert stage.view(0).state == BookState.STALE
    stage.on_tape(tape([snapshot(1002 if rule is SequenceRule.OVERLAP else 1003)], first=3))
    assert (stage.view(0).state, stage.view(0).sequence) == (BookState.LIVE, 1003)


@pytest.mark.parametrize(("number", "anew"), [(2_000_000, False), (1_000_000, False), (1_999_999, False), (1, True)])
def test_a_number_that_is_a_little_back_is_a_repetition(number: int, anew: bool) -> None:
    assert fell_back(number, 2_000_001) == anew


def test_a_crossed_book_is_counted_and_says_so() -> None:
    stage = books()
    stage.on_tape(tape([START, delta(11, 11, [(BUY, 101, 1)]), delta(12, 12, [(BUY, 101, 1)])]))
    assert stage.view(0).crossed
    assert stage.counters()["crossed"] == 2
    stage.on_tape(tape([delta(13, 13, [(BUY, 101, 0)])], first=3))
    assert not stage.view(0).crossed


def test_a_snapshot_forgets_what_was_there_and_the_last_of_two_equal_prices_counts() -> None:
    stage = books()
    stage.on_tape(tape([START, snapshot(20, [(SELL, 7, 1), (SELL, 6, 0), (SELL, 7, 3), (BUY, 5, 2)])]))
    assert (stage.view(0).bids, stage.view(0).asks) == ([(5, 2, -8)], [(7, 3, -8)])


Levels = dict[tuple[int, int], int]


def venue(random_: random.Random, rule: SequenceRule, count: int) -> Iterator[tuple[dict[str, Any], Levels]]:
    """Yield a venue's deltas, each with the whole book after it."""
    book: Levels = {}
    last = 100
    for _ in range(count):
        prev = last
        first = last + (1 if rule == OVERLAP else random_.randint(1, 9))
        last = first + random_.randint(0, 3)
        levels = [
            (random_.choice((BUY, SELL)), random_.randint(1, 25), random_.choice((0, 0, 1, 2, 3)))
            for _ in range(random_.randint(0, 6))
        ]
        for side, price, size in levels:
            if size:
                book[side, price] = size
            else:
                book.pop((side, price), None)
        yield delta(first, last, levels, sequence_prev=prev), dict(book)


def held(stage: Books, which: int) -> Levels:
    view = stage.view(which)
    sides = ((BUY, view.bids), (SELL, view.asks))
    return {(side, price): size for side, levels in sides for price, size, _ in levels}


def faulty(random_: random.Random, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows as a bad day delivers them: some lost, some twice, some swapped with the next."""
    out: list[dict[str, Any]] = []
    for row in rows:
        if random_.random() < 0.85:
            out.append(row)
        if random_.random() < 0.08:
            out.append(random_.choice(rows))
    for at in range(len(out) - 1):
        if random_.random() < 0.06:
            out[at], out[at + 1] = out[at + 1], out[at]
    return out


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), rule=st.sampled_from([OVERLAP, CHAIN, LINK]))
def test_a_live_book_is_never_wrong_whatever_is_lost_repeated_or_swapped(seed: int, rule: SequenceRule) -> None:
    random_ = random.Random(seed)
    truth: list[dict[int, Levels]] = [{}, {}, {}]
    rows: list[dict[str, Any]] = []
    for which in range(3):
        deltas = list(venue(random_, rule, 40))
        truth[which] = {row["sequence"]: book for row, book in deltas}
        stream = faulty(random_, [row for row, _ in deltas])
        for _ in range(random_.randint(1, 5)):
            row, book = random_.choice(deltas)
            levels = [(side, price, size) for (side, price), size in book.items()]
            random_.shuffle(levels)
            stream.insert(random_.randint(0, len(stream)), snapshot(row["sequence"], levels))
        rows += [row | {"instrument": which} for row in stream]
    random_.shuffle(order := [int(row["instrument"]) for row in rows])
    queues = {which: iter([row for row in rows if row["instrument"] == which]) for which in range(3)}
    stage = books(rule)
    for at, which in enumerate(order):
        stage.on_tape(tape([next(queues[which])], first=at))
        for each in range(3):
            view = stage.view(each)
            if view.state == BookState.LIVE:
                assert view.sequence is not None
                assert held(stage, each) == truth[each][view.sequence]
                assert view.bids == sorted(view.bids, reverse=True)
                assert view.asks == sorted(view.asks)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), rule=st.sampled_from([OVERLAP, CHAIN, LINK]), lost=st.integers(1, 5))
def test_a_lost_event_is_always_noticed_at_the_next_one(seed: int, rule: SequenceRule, lost: int) -> None:
    random_ = random.Random(seed)
    told = list(venue(random_, rule, 30))
    deltas = [row for row, _ in told]
    at = random_.randint(1, 20)
    stage = books(rule)
    begin = snapshot(deltas[0]["sequence"], deltas[0]["levels"])
    assert stage.on_tape(tape([begin, *deltas[1:at]])) is None
    found = stage.on_tape(tape(deltas[at + lost :], first=100))
    assert found is not None
    assert [(int(row["offset"]), int(row["sequence_from"])) for row in found] == [(100, deltas[at - 1]["sequence"] + 1)]
    assert stage.view(0).state == BookState.STALE
    end, book = told[-1]
    stage.on_tape(tape([snapshot(end["sequence"], [(*key, size) for key, size in book.items()])], first=200))
    assert (stage.view(0).state, held(stage, 0)) == (BookState.LIVE, book)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_books_keep_every_level_while_the_pool_is_laid_out_anew(seed: int) -> None:
    random_ = random.Random(seed)
    reference: dict[int, Levels] = {which: {} for which in range(40)}
    stage = books(NONE)
    stage.on_tape(tape([snapshot(0, instrument=which) for which in range(40)]))
    rows = []
    for _ in range(600):
        which = min(random_.randrange(40), random_.randrange(40))
        levels = [
            (random_.choice((BUY, SELL)), random_.randint(1, 400), random_.choice((0, 1, 2, 3))) for _ in range(12)
        ]
        rows.append(delta(0, 0, levels, instrument=which, ts_recv=T0))
        for side, price, size in levels:
            reference[which].pop((side, price), None)
            if size:
                reference[which][side, price] = size
    stage.on_tape(tape(rows, first=40))
    assert {which: held(stage, which) for which in reference} == reference


@pytest.mark.parametrize(
    ("rule", "state"),
    [(NONE, BookState.STALE), (AFTER, BookState.STALE), (OVERLAP, BookState.LIVE), (LINK, BookState.LIVE)],
)
def test_a_frame_nobody_understood_is_a_hole_in_books_without_numbers(rule: SequenceRule, state: BookState) -> None:
    stage = books(rule)
    stage.on_tape(tape([START, gap_row(GapReason.QUARANTINE)]))
    assert stage.view(0).state == state
    stage.on_tape(tape([snapshot(600)], first=2))
    assert stage.view(0).state == BookState.LIVE
