"""Continuity: holes, duplicates and late trades by the venue's own numbers."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.engine import continuity as module
from breadboard.engine.continuity import Continuity
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from tapes import SECOND, T0, tape, trade


def run(ids: list[int], stage: Continuity | None = None, **more: int) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Return the ids flagged DUPLICATE, and ``(refilled, from, to)`` of what was found."""
    rows = tape([trade(number, at, **more) for at, number in enumerate(ids)])
    found = (stage or Continuity(lambda _: True)).on_tape(rows)
    again = [number for number, flags in zip(ids, rows.flags.tolist(), strict=True) if flags & Flag.DUPLICATE]
    if found is None:
        return again, []
    return again, [(int(row["refilled"]), int(row["sequence_from"]), int(row["sequence_to"])) for row in found]


def test_contiguous_ids_say_nothing() -> None:
    assert run([7, 8, 9, 10]) == ([], [])


def test_a_jump_is_a_gap_with_its_first_and_last_missing_id_and_when() -> None:
    found = Continuity(lambda _: True).on_tape(tape([trade(1, 5, source=3), trade(5, 9, source=3)]))
    assert found is not None
    assert found.tolist() == [(1, 0, 0, 3, GapReason.TRADE_ID, 0, T0 + 5, T0 + 9, 2, 4)]


@pytest.mark.parametrize("step", [3600 * SECOND, -3600 * SECOND])
def test_a_gap_over_a_clock_that_was_set_is_as_long_as_it_was(step: int) -> None:
    was_set = {"kind": EventKind.CLOCK, "ts_recv": T0 + step, "instrument": -1, "size": step}
    found = Continuity(lambda _: True).on_tape(tape([trade(1, 0), was_set, trade(5, step + 9)]))
    assert found is not None
    assert [(int(row["ts_from"]) - T0 - step, int(row["ts_to"]) - T0 - step) for row in found] == [(0, 9)]


def test_an_id_seen_before_is_a_duplicate_also_when_it_is_old() -> None:
    assert run([1, 2, 3, 2, 4, 1, 4]) == ([2, 1, 4], [])


def test_a_late_id_fills_its_hole_once() -> None:
    assert run([1, 5, 3, 3, 2, 4, 4]) == ([3, 4], [(0, 2, 4), (1, 3, 3), (1, 2, 2), (1, 4, 4)])


def test_ids_from_before_we_listened_are_new_and_then_known() -> None:
    assert run([100, 101, 97, 97, 99, 98, 98, 102]) == ([97, 98], [])


def test_a_venue_that_counts_anew_loses_nothing() -> None:
    assert run([900, 901, 1, 2, 3]) == ([], [])


def test_old_numbers_of_newer_trades_are_a_venue_that_counts_anew() -> None:
    heard = [(number, 2 * at * SECOND) for at, number in enumerate([*range(1000, 1010), 1, 2, 5, 999, 1000, 1001])]
    for first in (1000, 1):  # below what was heard first, and among what was heard
        stage = Continuity(lambda _: True)
        assert run([*range(first, 1000)], stage) == ([], [])
        rows = tape([trade(number, when + SECOND) for number, when in heard])
        found = stage.on_tape(rows)
        assert found is not None
        told = [(int(row["ts_from"]) - T0, int(row["sequence_from"]), int(row["sequence_to"])) for row in found]
        assert told == [(19 * SECOND, ABSENT, ABSENT), (23 * SECOND, 3, 4), (25 * SECOND, 6, 998)]
        assert not (rows.flags & Flag.DUPLICATE).any()


def test_what_comes_again_is_no_venue_that_counts_anew() -> None:
    stage = Continuity(lambda _: True)
    assert run([*range(1, 4)], stage) == ([], [])
    later = 3600 * SECOND
    for odd in (
        {"ts_event": T0 + 1, "ts_recv": T0 + later},  # again, with its own time
        {"ts_event": ABSENT, "ts_recv": T0 + later},  # nobody says when it was
        {"ts_event": T0 + 900_000_000, "ts_recv": T0 + later},  # of about the same moment
        {"ts_event": T0 + later + 61 * SECOND, "ts_recv": T0 + later},  # a mistaken time
        {"ts_event": T0 + later, "ts_recv": T0 + later, "flags": Flag.LAST_KNOWN},
    ):
        rows = tape([trade(2, 0) | odd])
        assert stage.on_tape(rows) is None, odd
        assert rows.flags[0] & Flag.DUPLICATE
    before = stage.snapshot()
    stage.restore(before)
    assert stage.snapshot() == before
    assert run([2], stage, ts_event=T0 + later, ts_recv=T0 + later) == ([], [(0, ABSENT, ABSENT)])


def test_aggregated_trades_and_feeds_without_contiguous_ids_are_left_alone() -> None:
    assert run([1, 9, 9], flags=Flag.AGGREGATED) == ([], [])
    assert run([1, 9, 9], Continuity(lambda _: False)) == ([], [])


def test_the_trade_sent_on_subscribing_sets_the_start_and_repeats_are_known() -> None:
    rows = tape([trade(4, 0, flags=Flag.LAST_KNOWN), trade(5, 1), trade(5, 2, flags=Flag.LAST_KNOWN), trade(6, 3)])
    assert Continuity(lambda _: True).on_tape(rows) is None
    assert rows.flags.tolist() == [Flag.LAST_KNOWN, 0, Flag.LAST_KNOWN | Flag.DUPLICATE, 0]


def no_trade(number: int, when: int) -> dict[str, int]:
    """Return a number that the venue says is no trade's."""
    return {
        "kind": EventKind.STATUS,
        "code": StatusCode.NO_TRADE,
        "trade_id": number,
        "ts_event": T0 + when,
        "ts_recv": T0 + when,
    }


@pytest.mark.parametrize("step", [1, 2, 9])
def test_a_number_that_is_no_trades_leaves_no_hole_and_shows_one(step: int) -> None:
    rows = [trade(100, 0), trade(101, 1), no_trade(102, 2), trade(103, 3)]  # as Binance's futures do: 102 was sent
    rows += [no_trade(106, 4), trade(107, 5), no_trade(105, 6), no_trade(105, 7), trade(104, 8)]
    stage, told = Continuity(lambda _: True), []
    for begin in range(0, len(rows), step):
        part = tape(rows[begin : begin + step])
        found = stage.on_tape(part)
        told += [] if found is None else [tuple(row)[-5:] for row in found.tolist()]
        assert not (part.flags & Flag.DUPLICATE).any()
        stage.restore(stage.snapshot())
    assert told == [
        (0, T0 + 3, T0 + 4, 104, 105),
        (1, T0 + 5, T0 + 6, 105, 105),
        (1, T0 + 5, T0 + 8, 104, 104),
    ]


def test_other_statuses_with_a_number_are_none_of_the_trades() -> None:
    heartbeat = no_trade(20, 1) | {"code": StatusCode.HEARTBEAT}
    assert Continuity(lambda _: True).on_tape(tape([trade(14, 0), heartbeat, trade(15, 2)])) is None


def test_holes_are_bounded_and_a_forgotten_one_makes_no_duplicate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HOLES", 2)
    assert run([1, 3, 5, 7, 2, 4, 6, 3])[0] == [3]


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_duplicates_are_exactly_the_ids_seen_before_and_gaps_exactly_the_ids_missing(seed: int) -> None:
    random_ = random.Random(seed)
    ids = [number for number in range(50, 110) if random_.random() < 0.8]
    ids += random_.choices(ids, k=10)
    for _ in range(12):
        a = random_.randrange(len(ids))
        ids.insert(max(0, a - random_.randint(0, 6)), ids.pop(a))
    stage = Continuity(lambda _: True)
    flagged: list[bool] = []
    missing: set[int] = set()
    begin = 0
    while begin < len(ids):
        end = begin + random_.randint(1, 9)
        rows = tape([trade(number, at) for at, number in enumerate(ids[begin:end])])
        found = stage.on_tape(rows)
        flagged += [bool(flag & Flag.DUPLICATE) for flag in rows.flags.tolist()]
        for row in () if found is None else found:
            hole = set(range(int(row["sequence_from"]), int(row["sequence_to"]) + 1))
            assert missing.isdisjoint(hole) != bool(row["refilled"])
            missing = missing - hole if row["refilled"] else missing | hole
        begin = end
    assert flagged == [number in ids[:at] for at, number in enumerate(ids)]
    seen_from = ids[0]
    assert missing == {number for number in range(seen_from, max(ids)) if number not in ids}


def test_ids_that_grow_with_holes_of_their_own_show_repetitions_and_tell_of_no_loss() -> None:
    stage = Continuity(lambda _: False, lambda _: True)
    rows = tape([trade(number, 5) for number in (10, 13, 13, 20, 12, 12, 10, 21)])
    assert stage.on_tape(rows) is None
    flagged = [bool(flags & Flag.DUPLICATE) for flags in rows.flags.tolist()]
    assert flagged == [False, False, True, False, False, True, True, False], "12 came late, and then once more"
    for number in range(100, 1000, 3):
        stage.on_tape(tape([trade(number, 5)]))
    newest = tape([trade(997, 5), trade(994, 5)])
    stage.on_tape(newest)
    assert [bool(flags & Flag.DUPLICATE) for flags in newest.flags.tolist()] == [True, True]
    assert len(stage.snapshot()) < 2000, "what is remembered of holes is bounded"
