"""Walks down the books against brute force: one smallest unit at a time, in fractions, until one earns nothing."""

from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.engine.arbitrage_levels import base_of, contracts_of, in_units
from breadboard.engine.arbitrage_terms import NO_RATE, RATE, ROUTE, TERMS
from breadboard.engine.arbitrage_triangle import walk_triangle
from breadboard.engine.arbitrage_walk import DEAREST, FULL, STEPS, walk_pair
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

    def _walk(self, walk: Any, kind: OpportunityKind, legs: list[int], more: tuple[Any, ...], back: int = 0) -> Any:  # noqa: ANN401 - rows of any kind
        route, row, pool = np.zeros(1, ROUTE), np.zeros(1, OPPORTUNITY), self.pool
        route["kind"], route["back"], route["legs"] = kind, back, legs
        around = (np.ones((4, 3), np.int64),) if kind == OpportunityKind.TRIANGULAR else ()
        walk(route[0], self.legs, self.terms, *more, pool.sides, pool.keys, pool.sizes, pool.exps, *around, row[0])
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


MISPRINTS = st.lists(
    st.tuples(
        st.builds(lambda price, power: price * 10 ** (7 + power), st.integers(10**4, 10**7), st.integers(-3, 3)),
        st.one_of(st.integers(1, 10**13), st.integers(1, MOST)),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one[0],
)
"""Prices of 100 to 100,000, each of them up to a thousand times too low or too high, and sizes up to what there is."""
WORTHS = st.one_of(st.none(), st.tuples(st.integers(10**6, 10**14), st.integers(0, 10**6)))


def of_size(levels: list[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """Return what taking so much takes of each level."""
    taken: list[tuple[int, int]] = []
    for price, there in levels:
        taken.append((price, min(there, size)))
        size -= taken[-1][1]
    return [one for one in taken if one[1]]


@settings(max_examples=300, deadline=None)
@given(
    bids=MISPRINTS,
    asks=MISPRINTS,
    fees=st.tuples(FEES, FEES),
    worths=st.tuples(WORTHS, WORTHS),
    amount=st.sampled_from([1, 10**6, PRICE, 100 * PRICE]),
    least=FEES,
)
def test_whatever_was_mistyped_a_pair_is_told_exactly_or_ends_as_capped(
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    fees: tuple[int, int],
    worths: tuple[tuple[int, int] | None, tuple[int, int] | None],
    amount: int,
    least: int,
) -> None:
    """Nothing of it goes round 64 bits: all is what integers without an end come to, but for a few 1e-9 a match."""
    bids, asks = sorted(bids, reverse=True), sorted(asks)
    bench = Bench([([], asks), (bids, [])], list(fees))
    bench.terms["amount"][0] = amount
    bench.worth = np.full((2, 2), PRICE, np.int64)
    for leg, one in enumerate(worths):
        if one is not None:
            bench.terms["rate"][leg], bench.worth[leg] = leg, (one[0], one[0] + one[1])
    row = bench.pair(least)
    dear, cheap = Fraction(int(bench.worth[0, 1]), PRICE), Fraction(int(bench.worth[1, 0]), PRICE)
    fee_in, fee_out = (Fraction(fee, 10**8) for fee in fees)
    asks = [(price, min(size * amount // PRICE, MOST)) for price, size in asks]
    size = int(row["size"])
    bought, sold = of_size(asks, size), of_size(bids, size)
    assert sum(taken for _, taken in bought) == sum(taken for _, taken in sold) == size
    worst = max((ask for ask, _ in bought), default=0), min((bid for bid, _ in sold), default=0)
    if size:
        assert worst[1] * cheap * (1 - fee_out) > worst[0] * dear * (1 + fee_in) * (1 + Fraction(least, 10**8))
    if not row["capped"]:
        ask = next((price for price, _ in of_size(asks, size + 1)[::-1]), None)
        bid = next((price for price, _ in of_size(bids, size + 1)[::-1]), None)
        if ask is not None and bid is not None:
            due = ask * dear * (1 + fee_in) * (1 + Fraction(least, 10**8))
            assert bid * cheap * (1 - fee_out) <= due + Fraction(due, 10**12) + 3
    matches = len(asks) + len(bids) + 20 if size else 0
    near = matches * (3 + int(max(dear, cheap)))
    cost = sum(price * taken for price, taken in bought) * dear / 10**8
    proceeds = sum(price * taken for price, taken in sold) * cheap / 10**8
    assert 0 <= int(row["cost"]) - cost <= near
    assert 0 <= proceeds - (int(row["cost"]) + int(row["gross"])) <= near
    assert abs(int(row["fees"]) - cost * fee_in - proceeds * fee_out) <= near
    assert int(row["net"]) == int(row["gross"]) - int(row["fees"])
    assert abs(Fraction(int(row["leg_size"][0]) * amount, PRICE) - size) <= matches * (1 + Fraction(amount, PRICE))
    assert row["leg_size"][1] == size
    for leg, taken in enumerate((bought, sold)):
        if size:
            average = Fraction(sum(price * part for price, part in taken), size)
            assert abs(int(row["leg_average"][leg]) - average) <= 1 + Fraction(matches * 10**8, size)


def test_proceeds_of_a_mistyped_bid_do_not_go_round() -> None:
    """At 150 each, with a bid of a hundred times the ask: what comes in is far more than what is paid."""
    for units in (1, 20, 100, 10_000):
        size = units * 10**8
        bench = Bench([([], [(60_000 * PRICE, size)]), ([(6_000_000 * PRICE, size)], [])], [10_000, 10_000])
        bench.terms["rate"], bench.worth[0] = 0, 150 * PRICE
        row = bench.pair()
        cost, proceeds = int(row["cost"]), int(row["cost"]) + int(row["gross"])
        assert proceeds == 100 * cost == 100 * 150 * 60_000 * 10 * int(row["size"])
        assert row["size"] == size or (FULL <= proceeds <= 2 * FULL and row["capped"])


def up(value: Fraction) -> int:
    return -int(-value // 1)


def walked_round(  # noqa: C901 - one loop, a match a turn
    books: list[list[tuple[int, int]]], fees: list[Fraction], back: int
) -> dict[str, int]:
    """Return what the rules of a triangle come to in integers that have no end: fees by book, A/B, B/C and A/C."""
    left = [list(book) for book in books]
    of = dict.fromkeys(("size", "cost", "gross", "net", "capped", "of_b", "paid", "passed", "brought"), 0)
    fee_in, fee_out = (fees[2], fees[1]) if back else (fees[1], fees[2])
    while all(left):
        (x, x_left), (y, y_left), (z, z_left) = (book[0] for book in left)
        through = up(Fraction(x * y, PRICE))
        if max(x, y, z, through) > DEAREST:
            return of | {"capped": 1}
        whole = Fraction(x * y, PRICE) * (1 - fees[0] if back else 1 + fees[0])
        first, last = (z, whole) if back else (whole, z)
        if last * (1 - fee_out) <= first * (1 + fee_in):
            return of
        most = min(x_left, z_left, FULL, FULL * 10**8 // max(x, z, through))

        def middle(base: int, price: int = x) -> tuple[int, int]:
            amount = Fraction(price * base, 10**8)
            if back:
                return max(int(amount) - up(int(amount) * fees[0]), 0) // 10, int(amount) // 10
            return up(Fraction(up(amount) + up(up(amount) * fees[0]), 10)), up(Fraction(up(amount), 10))

        base = bisect_right(range(most + 1), y_left, key=lambda size: middle(size)[0]) - 1
        if base == 0:
            del left[1][0]
            continue

        def outcome(size: int, base: int = base, y: int = y, z: int = z) -> tuple[int, int]:
            paid, got = ((z, base), (y, size)) if back else ((y, size), (z, base))
            return up(Fraction(paid[0] * paid[1], 10**8)), got[0] * got[1] // 10**8

        of_b, bare = middle(base)
        (cost, brings), (bare_cost, bare_brings) = outcome(of_b), outcome(bare)
        sums = (of["size"], of["of_b"], of["cost"] + of["gross"], of["paid"], of["passed"], of["brought"])
        if max(of_b, bare, cost, brings, bare_brings) > 2 * FULL or max(sums) > FULL:
            return of | {"capped": 1}
        passed = x * base // 10**8 if back else up(Fraction(x * base, 10**8))
        for name, more in (
            *(("size", base), ("cost", bare_cost), ("gross", bare_brings - bare_cost), ("of_b", of_b)),
            *(("net", brings - up(brings * fee_out) - cost - up(cost * fee_in)), ("paid", cost), ("brought", brings)),
            ("passed", passed),
        ):
            of[name] += more
        for book, taken in zip(left, (base, of_b, base), strict=True):
            book[0] = (book[0][0], book[0][1] - taken)
            if book[0][1] == 0:
                del book[0]
    return of | {"capped": int(of["size"] > 0)}


@settings(max_examples=300, deadline=None)
@given(books=st.tuples(MISPRINTS, MISPRINTS, MISPRINTS), fees=st.tuples(FEES, FEES, FEES), back=st.sampled_from([0, 1]))
def test_whatever_was_mistyped_a_triangle_is_what_its_rules_come_to(
    books: tuple[list[tuple[int, int]], ...], fees: tuple[int, int, int], back: int
) -> None:
    bids = (back, back, not back)
    ordered = [sorted(book, reverse=bool(bid)) for book, bid in zip(books, bids, strict=True)]
    made = [(book, []) if bid else ([], book) for book, bid in zip(ordered, bids, strict=True)]
    row = Bench(made, list(fees)).triangle(back)
    due = walked_round(ordered, [Fraction(fee, 10**8) for fee in fees], back)
    assert {name: int(row[name]) for name in ("size", "cost", "gross", "net", "capped")} == {
        name: due[name] for name in ("size", "cost", "gross", "net", "capped")
    }
    assert int(row["fees"]) == due["gross"] - due["net"]
    assert row["leg_size"].tolist() == [
        due["size"] if at == (0 if back else 2) or at == 1 else due["of_b"] for at in range(3)
    ]


def test_a_large_triangle_is_taken_as_far_as_it_may_be() -> None:
    """Both ways, with levels beyond 4e8 of C, and one that brings far more than it costs."""
    vast = 10**17
    for back, cross in ((0, 3_100), (1, 2_900), (0, 300_000)):
        books = [(50 * PRICE // 1000, vast), (60_000 * PRICE, vast), (cross * PRICE, vast)]
        made = [([one], []) if bid else ([], [one]) for one, bid in zip(books, (back, back, not back), strict=True)]
        row = Bench(made, [0, 0, 0]).triangle(back)
        cost, proceeds = int(row["cost"]), int(row["cost"]) + int(row["gross"])
        assert FULL <= max(cost, proceeds) <= 2 * FULL
        assert row["capped"]
        assert cost * (3_000 if back else cross) == pytest.approx(proceeds * (cross if back else 3_000))


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
