"""The pool of levels: every book keeps its own, whatever becomes of the rooms of others."""

import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.engine.level_pool import LevelPool
from breadboard.engine.level_rooms import BEGIN, COUNT, FIRST_FREE, FREE, NOWHERE, ROOM, SIZES, USED, room_for
from breadboard.engine.state import pack, unpack
from breadboard.model.decimals import INT64_MAX

BUY, SELL = 1, 2
BOOKS = 12
Levels = dict[tuple[int, int], tuple[int, int]]
"""Size and exponent by side and price."""


def columns(
    levels: list[tuple[int, int, int, int]],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]:
    """Return ``(side, price, size, exponent)`` rows as the pool takes them."""
    side, price, size, exponent = zip(*levels, strict=True) if levels else ((), (), (), ())
    return np.array(side, np.uint8), np.array(price, np.int64), np.array(size, np.int64), np.array(exponent, np.int8)


def held(pool: LevelPool, which: int) -> Levels:
    sides = ((BUY, pool.levels(which, BIDS)), (SELL, pool.levels(which, ASKS)))
    return {(side, price): (size, exponent) for side, levels in sides for price, size, exponent in levels}


def free_rooms(pool: LevelPool) -> Iterator[tuple[int, int]]:
    """Yield begin and length of every room that nobody has."""
    for room, first in zip(SIZES.tolist(), pool.meter[FIRST_FREE:].tolist(), strict=True):
        begin = first
        while begin != NOWHERE:
            yield begin, room
            begin = int(pool.keys[begin])


def assert_rooms_are_disjoint(pool: LevelPool) -> None:
    """Hold that every place in use belongs to one room, a side's or a free one, and none to two."""
    sides = pool.sides[: pool.known].reshape(-1, 3)
    free = list(free_rooms(pool))
    rooms = sorted(free + [(int(side[BEGIN]), int(side[ROOM])) for side in sides if side[ROOM]])
    assert all(begin + length == after for (begin, length), (after, _) in pairwise(rooms))
    assert (rooms[0][0] if rooms else 0, sum(length for _, length in rooms)) == (0, pool.meter[USED])
    assert pool.meter[FREE] == sum(length for _, length in free)
    assert (sides[:, COUNT] <= sides[:, ROOM]).all()
    assert pool.meter[USED] <= len(pool.keys) == len(pool.sizes) == len(pool.exps)


class Reference:
    """Books as plain dicts, and a pool that is told the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pool = LevelPool()
        self.pool.grow(BOOKS)
        self.books: list[Levels] = [{} for _ in range(BOOKS)]

    def levels(self, count: int) -> list[tuple[int, int, int, int]]:
        choice, extremes = self.random.choice, (-INT64_MAX, INT64_MAX, 0)
        prices = [self.random.randint(1, 300) for _ in range(count)] + [choice(extremes)] * (count > 5)
        return [
            (choice((BUY, SELL)), price, choice((0, 1, 7, INT64_MAX)), choice((-18, -8, 0, 18))) for price in prices
        ]

    def step(self) -> None:
        which = min(self.random.randrange(BOOKS), self.random.randrange(BOOKS))
        book, what = self.books[which], self.random.random()
        if what < 0.05:
            self.pool.clear(which)
            book.clear()
            return
        levels = self.levels(self.random.choice((0, 1, 3, 12, 200)))
        if what < 0.3:
            levels = [level for level in levels if level[2]]
            self.pool.replace(which, *columns(levels))
            book.clear()
        else:
            self.pool.change(which, *columns(levels))
        for side, price, size, exponent in levels:
            book.pop((side, price), None)
            if size:
                book[side, price] = size, exponent


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 300))
def test_every_book_has_its_own_levels_and_every_place_one_owner(seed: int, steps: int) -> None:
    told = Reference(seed)
    for _ in range(steps):
        told.step()
        assert_rooms_are_disjoint(told.pool)
    assert [held(told.pool, which) for which in range(BOOKS)] == told.books
    again = LevelPool()
    again.unpacked(unpack(pack(told.pool.packed())))
    assert_rooms_are_disjoint(again)
    assert [held(again, which) for which in range(BOOKS)] == told.books
    assert pack(again.packed()) == pack(told.pool.packed())
    for _ in range(20):  # and it goes on from there
        told.step()


def test_a_state_is_the_levels_and_not_how_they_lie() -> None:
    one, other = LevelPool(), LevelPool()
    level = [(BUY, 5, 1, 0), (SELL, 6, 2, -8)]
    for pool, order in ((one, (0, 1, 2)), (other, (2, 0, 1))):
        pool.grow(3)
        for which in order:
            pool.change(which, *columns([(BUY, price, 1, 0) for price in range(100)]))
            pool.replace(which, *columns(level))
    assert one.sides[0, BIDS, BEGIN] != other.sides[0, BIDS, BEGIN]
    assert pack(one.packed()) == pack(other.packed())


def test_rooms_left_behind_are_filled_again() -> None:
    pool = LevelPool()
    pool.grow(200)
    for which in range(200):
        for price in range(300):  # one by one, through all sizes of room
            pool.change(which, *columns([(BUY, price, 1, 0)]))
    assert pool.meter[USED] <= 1.5 * 200 * 300
    assert_rooms_are_disjoint(pool)


def test_a_pool_of_which_much_is_free_does_not_grow() -> None:
    pool = LevelPool()
    pool.grow(64)
    large = columns([(SELL, price, 1, 0) for price in range(1_000)])
    for which in range(64):
        pool.replace(which, *large)
    places = len(pool.keys)
    for which in range(64):
        pool.clear(which)
    for price in range(0, 450, 9):  # in rooms of other sizes than those that are free
        for which in range(64):
            pool.change(which, *columns([(BUY, price + each, 1, 0) for each in range(9)]))
    assert len(pool.keys) == places
    assert all(len(pool.levels(which, BIDS)) == 450 for which in range(64))
    assert_rooms_are_disjoint(pool)


@pytest.mark.parametrize("count", [1, 8, 9, 1_000, 1_025, 200_000])
def test_a_room_is_at_most_a_quarter_too_large(count: int) -> None:
    room = int(room_for(np.array([count]))[0])
    assert count <= room <= max(8, count * 5 // 4 + 1)


def test_no_levels_have_no_room() -> None:
    assert room_for(np.zeros((2, 2), np.int64)).tolist() == [[0, 0], [0, 0]]
