"""Every execution keeps the promises of ``ports.Execution``; there is one, and it trades nothing.

A suite proves itself by what it finds: planted ones, each with one fault, have to fail it.
"""

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.engine.paper import MAX_WAITING, PaperExecution
from breadboard.model.executions import Fill, FillState, Order
from breadboard.model.kinds import Side
from breadboard.ports import Execution, Market

LATENCY: Final = (5, 20)
"""By instrument."""


class Books:
    """A market whose levels are given; None is one that nobody believes."""

    def __init__(self, *sides: dict[Side, list[tuple[int, int]]] | None) -> None:
        self._sides = sides

    def levels(self, instrument: int, side: Side) -> Iterator[tuple[int, int]] | None:
        book = self._sides[instrument]
        return None if book is None else iter(book.get(side, []))


def order(leg: int, size: int, ts: int, limit: int = 100, side: Side = Side.BUY, instrument: int = 0) -> Order:
    return Order(7, leg, instrument, side, limit, size, ts)


ORDERS = st.lists(
    st.builds(
        order,
        leg=st.integers(0, 2),
        size=st.integers(1, 12),
        ts=st.integers(0, 60),
        limit=st.integers(96, 104),
        side=st.sampled_from([Side.BUY, Side.SELL]),
        instrument=st.integers(0, 1),
    ),
    max_size=12,
)
LEVELS = st.lists(st.tuples(st.integers(95, 105), st.integers(0, 6)), max_size=6, unique_by=lambda one: one[0])
SIDES = st.builds(lambda asks, bids: {Side.BUY: sorted(asks), Side.SELL: sorted(bids, reverse=True)}, LEVELS, LEVELS)
MARKETS = st.builds(Books, st.one_of(st.none(), SIDES), st.one_of(st.none(), SIDES))


def run(make: Callable[[], Execution], orders: list[Order], market: Market, *, restart: bool = False) -> list[Fill]:
    """Submit orders as their time comes, and ask for what is due at every tick."""
    execution, fills = make(), []
    for ts in range(100):
        due = execution.due
        made = execution.until(ts, market)
        assert not made or (due is not None and due < ts), "a fill before it was due"
        assert execution.due is None or execution.due >= ts, "what was due is still waiting"
        fills += made
        execution.submit([one for one in orders if one.ts == ts])
        if restart:
            state, execution = execution.snapshot(), make()
            execution.restore(state)
            assert execution.snapshot() == state
    return fills


def best(one: Order, market: Market) -> list[tuple[int, int]] | None:
    """Return what an order could take, unit by unit."""
    levels = market.levels(one.instrument, one.side)
    if levels is None:
        return None
    within = [
        price
        for price, size in levels
        for _ in range(size)
        if (price <= one.limit if one.side == Side.BUY else price >= one.limit)
    ][: one.size]
    return [(price, within.count(price)) for price in dict.fromkeys(within)]


def keeps_its_promises(make: Callable[[], Execution], orders: list[Order], market: Market) -> None:
    """Raise AssertionError where the execution breaks the contract."""
    fills = run(make, orders, market)
    assert sorted(map(repr, orders)) == sorted(repr(fill.order) for fill in fills), "one fill an order"
    assert [fill.ts for fill in fills] == sorted(fill.ts for fill in fills), "in the order in which they are due"
    for fill in fills:
        could = best(fill.order, market)
        total = sum(size for _, size in fill.taken)
        assert fill.ts >= fill.order.ts
        assert list(fill.taken) == (could or []), "what the market holds, up to the limit"
        if could is None:
            assert fill.state == FillState.UNSURE
        elif total == fill.order.size:
            assert fill.state == FillState.FILLED
        else:
            assert fill.state == (FillState.PARTIAL if total else FillState.MISSED)
    assert run(make, orders, market) == fills
    assert run(make, orders, market, restart=True) == fills


def paper() -> PaperExecution:
    return PaperExecution(lambda instrument: LATENCY[instrument])


@settings(max_examples=60, deadline=None)
@given(orders=ORDERS, market=MARKETS)
def test_an_execution_keeps_its_promises(orders: list[Order], market: Books) -> None:
    keeps_its_promises(paper, orders, market)


def test_it_takes_the_market_of_the_moment_at_which_it_is_there() -> None:
    execution = paper()
    execution.submit([order(0, 5, ts=10)])
    assert execution.due == 15
    assert execution.until(15, Books({Side.BUY: [(99, 9)]})) == [], "what was received at 15 may still be part of it"
    (fill,) = execution.until(16, Books({Side.BUY: [(99, 2), (100, 2), (101, 9)]}))
    assert (fill.ts, fill.state, fill.taken) == (15, FillState.PARTIAL, ((99, 2), (100, 2)))
    assert execution.due is None


def test_a_step_of_our_clock_moves_what_waits() -> None:
    execution = paper()
    execution.submit([order(0, 5, ts=10)])
    execution.step(1_000)
    assert execution.due == 1_015


def test_too_many_orders_under_way_are_told_and_not_kept() -> None:
    execution = paper()
    execution.submit([order(0, 1, ts=at) for at in range(MAX_WAITING + 2)])
    fills = execution.until(10**9, Books({Side.BUY: [(99, 10)]}))
    assert [fill.state for fill in fills[-3:]] == [FillState.FILLED, FillState.UNSURE, FillState.UNSURE]
    assert [fill.order.size for fill in fills[-2:]] == [1, 1]
    assert execution.refused == 2


class Early(PaperExecution):
    """Wrong: is there before it is due."""

    def until(self, ts: int, market: Market) -> list[Fill]:
        return super().until(ts + 3, market)


class Greedy(PaperExecution):
    """Wrong: takes more than it was to."""

    def submit(self, orders: list[Order]) -> None:  # type: ignore[override]  # a wrong one
        super().submit([order(one.leg, one.size + 1, one.ts, one.limit, one.side, one.instrument) for one in orders])


class Forgets(PaperExecution):
    """Wrong: a restart loses what was under way."""

    def restore(self, state: bytes) -> None:
        super().restore(PaperExecution(lambda _: 0).snapshot() if state else state)


class Trusting(PaperExecution):
    """Wrong: fills nothing, and is sure of it, where nothing is known."""

    def until(self, ts: int, market: Market) -> list[Fill]:
        return [Fill(fill.order, fill.ts, FillState.MISSED, ()) for fill in super().until(ts, market)]


@pytest.mark.parametrize("planted", [Early, Greedy, Forgets, Trusting])
def test_the_suite_sees_a_planted_fault(planted: type[PaperExecution]) -> None:
    orders = [order(0, 3, ts=1), order(1, 3, ts=2, instrument=1)]
    with pytest.raises(AssertionError):
        keeps_its_promises(lambda: planted(lambda which: LATENCY[which]), orders, Books({Side.BUY: [(99, 9)]}, None))
