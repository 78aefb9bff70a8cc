"""Walks down the books against brute force: one smallest unit at a time, in fractions, until one earns nothing."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.engine.arbitrage_levels import base_of, contracts_of, in_units
from breadboard.engine.arbitrage_terms import NO_RATE, RATE, ROUTE, TERMS
from breadboard.engine.arbitrage_triangle import walk_triangle
from breadboard.engine.arbitrage_walk import FULL, STEPS, walk_pair
from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.engine.consolidated_legs import MOVE
from breadboard.engine.level_pool import LevelPool
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import Side
from breadboard.model.opportunities import OPPORTUNITY, OpportunityKind
from breadboard.model.wide import MOST

LEVELS = st.lists(
    st.tuples(st.integers(90, 110), st.integers(1, 6)), min_size=1, max_size=6, unique_by=lambda one: one[0]
)
FEES = st.sampled_from([0, 1, 7_500, 100_000, 2_000_000])
PRICE = 10**9


class Bench:
    """Up to three books, and the terms on which they trade."""

    def __init__(self, books: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]], fees: list[int]) -> None:
        count = len(books)
        self.legs = np.zeros(count, MOVE)
        self.terms = np.zeros(count, TERMS)
        self.terms["amount"], self.terms["step"], self.terms["rate"] = PRICE, 1, NO_RATE
        self.terms["fee"] = fees
        self.worth = np.full((1, 2), PRICE, np.int64)
        self.pool = LevelPool()
        self.pool.grow(count)
        for leg, (bids, asks) in enumerate(books):
            levels = [(Side.BUY, *one) for one in bids] + [(Side.SELL, *one) for one in asks]
            side, price, size = (np.array([one[at] for one in levels]) for at in range(3))
            columns = (side.astype(np.uint8), price.astype(np.int64), size.astype(np.int64))
            self.pool.replace(leg, *columns, np.full(len(levels), -8, np.int8))

    def pair(self, least: int = 0) -> Any:  # noqa: ANN401 - an OPPORTUNITY row
        return self._walk(walk_pair, OpportunityKind.CROSS_VENUE, [0, 1, -1], (self.worth, least))

    def triangle(self, back: int) -> Any:  # noqa: ANN401 - an OPPORTUNITY row
        """Books are A/B, B/C and A/C, in this order."""
        legs = [2, 0, 1] if back else [1, 0, 2]
        return self._walk(walk_triangle, OpportunityKind.TRIANGULAR, legs, (0,), back)

    def _walk(self, walk: Any, kind: OpportunityKind, legs: list[int], more: tuple[Any, ...], back: int = 0) -> Any:  # noqa: ANN401
        route, row, pool = np.zeros(1, ROUTE), np.zeros(1, OPPORTUNITY), self.pool
        route["kind"], route["back"], route["legs"] = kind, back, legs
        walk(route[0], self.legs, self.terms, *more, pool.sides, pool.keys, pool.sizes, pool.exps, row[0])
        return row[0]


def units(levels: list[tuple[int, int]]) -> list[int]:
    """Return the price of each smallest unit, in the order in which they are taken."""
    return [price for price, size in levels for _ in range(size)]


@settings(max_examples=300, deadline=None)
@given(
    bids=LEVELS,
    asks=LEVELS,
    fees=st.tuples(FEES, FEES),
    rate=st.sampled_from([PRICE, 1_003_000_000, 998_700_001]),
    least=FEES,
)
def test_a_pair_takes_exactly_the_units_that_earn(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], fees: tuple[int, int], rate: int, least: int
) -> None:
    """Sizes of a few 1e-8 and prices of about 100: each unit is looked at by itself."""
    bids, asks = sorted(bids, reverse=True), sorted(asks)
    bench = Bench([([], [(p * PRICE, q) for p, q in asks]), ([(p * PRICE, q) for p, q in bids], [])], list(fees))
    bench.terms["rate"][1], bench.worth[0] = 0, (rate, rate + 1_000)
    row = bench.pair(least)
    fee_in, fee_out = (Fraction(fee, 10**8) for fee in fees)
    taken = [
        (ask, bid)
        for ask, bid in zip(units(asks), units(bids), strict=False)
        if bid * Fraction(rate, PRICE) * (1 - fee_out) > ask * (1 + fee_in) * (1 + Fraction(least, 10**8))
    ]
    assert row["size"] == len(taken)
    assert row["leg_size"][:2].tolist() == [len(taken)] * 2
    chunks = len({one for pair in pairwise([None, *taken]) for one in pair if one})
    cost = sum(Fraction(ask, 10**8) for ask, _ in taken) * PRICE
    gross = sum(Fraction(bid, 10**8) * Fraction(rate, PRICE) - Fraction(ask, 10**8) for ask, bid in taken) * PRICE
    assert 0 <= row["cost"] - cost <= 2 * chunks
    assert 0 <= gross - row["gross"] <= 4 * chunks
    due = cost * fee_in + (gross + cost) * fee_out
    assert abs(row["fees"] - due) <= 5 * chunks
    assert row["net"] == row["gross"] - row["fees"]
    if taken:
        assert (row["leg_price"][0], row["leg_price"][1]) == (taken[0][0] * PRICE, taken[0][1] * PRICE)
        assert (row["leg_limit"][0], row["leg_limit"][1]) == (taken[-1][0] * PRICE, taken[-1][1] * PRICE)


def best_round(
    books: list[list[tuple[Fraction, Fraction]]], fees: list[Fraction], back: int
) -> tuple[Fraction, Fraction]:
    """Return how much of A goes round while it earns, and what it earns, without any rounding."""
    left = [list(book) for book in books]
    size = net = Fraction(0)
    while all(left):
        (x, x_left), (y, y_left), (z, z_left) = (book[0] for book in left)
        of_b = x * (1 - fees[0]) if back else x * (1 + fees[0])
        unit = of_b * y * (1 - fees[1]) - z * (1 + fees[2]) if back else z * (1 - fees[2]) - of_b * y * (1 + fees[1])
        if unit <= 0:
            break
        take = min(x_left, z_left, y_left / of_b)
        size, net = size + take, net + take * unit
        for book, amount in zip(left, (take, take * of_b, take), strict=True):
            book[0] = (book[0][0], book[0][1] - amount)
            if book[0][1] == 0:
                del book[0]
    return size, net


@settings(max_examples=200, deadline=None)
@given(books=st.tuples(LEVELS, LEVELS, LEVELS), fees=st.tuples(FEES, FEES, FEES), back=st.sampled_from([0, 1]))
def test_a_triangle_takes_what_the_best_without_rounding_would(
    books: tuple[list[tuple[int, int]], ...], fees: tuple[int, int, int], back: int
) -> None:
    """Sizes of thousandths, so that what is rounded (1e-8 of B a match) is small beside them."""
    unit = 10**5
    scales = (Fraction(1, 2000), Fraction(1), Fraction(1, 20))
    ordered = [sorted(book, reverse=(at == 2) != bool(back)) for at, book in enumerate(books)]
    exact = [
        [(price * scale, Fraction(size * unit, 10**8)) for price, size in book]
        for book, scale in zip(ordered, scales, strict=True)
    ]
    made: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]] = []
    for at, book in enumerate(exact):
        levels = [(int(price * PRICE), int(size * 10**8)) for price, size in book]
        buys = (at < 2) != bool(back) if at < 2 else bool(back)
        made.append(([], levels) if buys else (levels, []))
    row = Bench(made, list(fees)).triangle(back)
    size, net = best_round(exact, [Fraction(fee, 10**8) for fee in fees], back)
    dust = 40 * 18  # what 1e-8 of B buys of A at 0.045 to 0.055, for each match
    assert abs(row["size"] - size * 10**8) <= dust
    assert abs(row["net"] - net * PRICE) <= 100 * dust
    assert row["net"] == row["gross"] - row["fees"]


def test_a_walk_ends_at_its_bounds_and_says_so() -> None:
    asks = [((100 + at) * PRICE, 1) for at in range(STEPS + 10)]
    row = Bench([([], asks), ([(10**7 * PRICE, 10**9)], [])], [0, 0]).pair()
    assert (row["size"], row["capped"]) == (STEPS, 1)
    huge = Bench([([], [(PRICE, MOST)]), ([(2 * PRICE, MOST)], [])], [0, 0]).pair()
    assert FULL <= huge["cost"] <= 2 * FULL
    assert huge["size"] * 10 == huge["cost"]
    assert huge["capped"] == 1
    dry = Bench([([], [(PRICE, 5)]), ([(2 * PRICE, 7)], [])], [0, 0]).pair()
    assert (dry["size"], dry["capped"]) == (5, 1), "the book as we know it ends, and not what can be earned"
    ends = Bench([([], [(PRICE, 5), (3 * PRICE, 5)]), ([(2 * PRICE, 7)], [])], [0, 0]).pair()
    assert (ends["size"], ends["capped"]) == (5, 0)


def test_small_prices_lose_nothing_to_rounding() -> None:
    """A price of 1e-5 is 10,000 on the tape: one part in 10,000 must still be seen to be earned."""
    fees = [4_999, 4_999]  # a hair less than half a basis point each
    assert Bench([([], [(10_000, 10**15)]), ([(10_001, 10**15)], [])], fees).pair()["size"] == 10**15
    assert Bench([([], [(10_000, 10**15)]), ([(10_001, 10**15)], [])], [5_001, 5_001]).pair()["size"] == 0


def test_prices_that_are_large_in_the_currency_of_the_group_lose_nothing_either() -> None:
    """Two venues in USDT in a group that is quoted in yen, at 150 each, and a level beyond 4e8 of those."""
    for size in (10**8, 100 * 10**8):
        bench = Bench([([], [(60_000 * PRICE, size)]), ([(60_100 * PRICE, size)], [])], [10_000, 10_000])
        bench.terms["rate"], bench.worth[0] = 0, 150 * PRICE
        row = bench.pair()
        assert row["cost"] == 150 * 60_000 * 10 * row["size"]
        assert row["size"] == size or (FULL <= row["cost"] <= 2 * FULL and row["capped"])


def test_prices_at_nothing_and_below_are_no_levels() -> None:
    assert Bench([([], [(-PRICE, 5), (PRICE, 5)]), ([(2 * PRICE, 5)], [])], [0, 0]).pair()["size"] == 0


@settings(max_examples=200, deadline=None)
@given(size=st.integers(0, 2**63 - 1), exponent=st.integers(-18, 0))
def test_sizes_are_in_1e_8_whatever_their_exponent(size: int, exponent: int) -> None:
    assert in_units(size, exponent) == min(int(Fraction(size) * Fraction(10) ** (exponent + 8)), MOST)
    assert in_units(ABSENT, exponent) == 0


@settings(max_examples=200, deadline=None)
@given(price=st.integers(1, 10**15), size=st.integers(0, 10**16), amount=st.integers(1, 10**12), inverse=st.booleans())
def test_contracts_are_what_they_stand_for(price: int, size: int, amount: int, inverse: bool) -> None:
    term = np.zeros(1, TERMS)
    term["amount"], term["inverse"] = amount, inverse
    of = Fraction(amount, price if inverse else PRICE)
    assert base_of(price, size, term[0]) == min(int(size * of), MOST)
    assert contracts_of(price, size, term[0]) == min(int(size / of), MOST)
    assert RATE.names is not None
    assert (BIDS, ASKS) == (0, 1)
