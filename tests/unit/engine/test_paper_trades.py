"""Opportunities taken on paper: what a missed leg costs, what nobody knows, what is left and what it is worth."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from arbitrage_tapes import BUY, SELL, TRIANGLE, Desk, book, change, config, status
from breadboard.model.decimals import ABSENT
from breadboard.model.executions import FillState
from breadboard.model.kinds import EventKind, StatusCode
from breadboard.model.wide import MOST
from tapes import SECOND, T0, tape

A, B, C, USD, ETH_BTC, ETH_USDT = range(6)
LATER = {"kind": EventKind.CLOCK, "instrument": -1, "ts_recv": T0 + 10**8}


def at(ms: float) -> dict[str, int]:
    return {"ts_recv": T0 + round(ms * 1_000_000)}


def crossed() -> list[dict[str, Any]]:
    return [book(A, [(99, 5)], [(100, 3)], **at(0)), book(B, [(101, 2)], [(102, 5)], **at(0))]


def taken(*rows: dict[str, Any], **more: Any) -> NDArray[np.void]:  # noqa: ANN401 - any setting
    """Return the fills of orders that are 10 ms under way to A and 20 ms to the others."""
    paper = {"latency_ms": {"A": 10}, "default_latency_ms": 20}
    desk = Desk(config(paper=paper, **more))
    desk.on_tape(tape([*rows, LATER]))
    return desk.fills


def test_each_leg_takes_the_book_of_its_own_moment() -> None:
    """A's offer is gone after its order was there; B's bid goes before."""
    rows = (change(A, SELL, 100, 0, **at(11)), change(B, BUY, 101, 0.5, **at(19)))
    bought, sold = taken(*crossed(), *rows)
    assert (bought["state"], bought["filled"], bought["ts_recv"]) == (FillState.FILLED, 2 * 10**8, T0 + 10_000_000)
    assert (sold["state"], sold["filled"], sold["ts_recv"]) == (FillState.PARTIAL, 5 * 10**7, T0 + 20_000_000)
    assert (bought["offset"], sold["offset"]) == (2, 4), "the first rows received after that"
    assert (sold["left"], sold["settled"]) == (15 * 10**7, 1)
    # 1.5 of 2 bought at 100 are worth 99 where they lie; the rest was sold for 101.
    assert sold["pnl"] == round((0.5 * 1 - 1.5 * 1) * 10**9)
    assert bought["pnl"] == ABSENT


def test_an_order_takes_nothing_beyond_the_price_that_was_walked() -> None:
    bought, sold = taken(*crossed(), change(A, SELL, 100, 0, **at(5)), change(A, SELL, 101, 9, **at(5)))
    assert (bought["state"], bought["filled"]) == (FillState.MISSED, 0)
    assert sold["state"] == FillState.FILLED
    assert sold["left"] == -2 * 10**8
    assert sold["pnl"] == -2 * 10**9, "sold at 101 and owed at B, who asks 102"


def test_fees_are_paid_on_what_was_taken_and_on_what_is_left() -> None:
    bought, sold = taken(*crossed(), change(B, BUY, 101, 0, **at(5)), fees={"A": 10, "B": 20, "C": 0})
    assert (bought["fee"], sold["fee"]) == (200_000_000, 0)
    assert sold["pnl"] == -2 * 10**9 - 200_000_000 - 198_000_000


def test_what_a_mistaken_price_brings_is_told_as_far_as_it_can_be_counted() -> None:
    """A bid appears at 9e8, and what is sold to it comes to more than 64 bits hold, which state can be kept of too."""
    rows = [book(A, [(99, 5)], [(100, 300)], **at(0)), book(B, [(101, 200)], [(10**9, 5)], **at(0))]
    desk = Desk(config(paper={"latency_ms": {"A": 30}, "default_latency_ms": 20}))
    desk.on_tape(tape([*rows, change(B, BUY, 9 * 10**8, 150, **at(5)), {**LATER, "ts_recv": T0 + 25_000_000}]))
    desk.restore(desk.snapshot())
    desk.on_tape(tape([LATER], first=9))
    sold, bought = desk.fills
    assert (sold["filled"], sold["amount"], sold["average"]) == (200 * 10**8, MOST, pytest.approx(6.75e17, rel=0.1))
    assert (bought["filled"], bought["settled"], bought["left"], bought["pnl"]) == (200 * 10**8, 1, 0, ABSENT)


def test_a_book_that_is_not_believed_fills_nothing_and_says_so() -> None:
    bought, sold = taken(*crossed(), status(StatusCode.FEED_DOWN, source=1, **at(5)))
    assert (bought["state"], sold["state"]) == (FillState.FILLED, FillState.UNSURE)
    assert (sold["filled"], sold["average"]) == (0, ABSENT)
    assert sold["pnl"] == -2 * 10**9, "what was bought is worth what A bids"
    bought, sold = taken(*crossed(), status(StatusCode.FEED_DOWN, source=0, **at(15)), change(B, BUY, 101, 0, **at(16)))
    assert sold["left"] == 2 * 10**8
    assert sold["pnl"] == ABSENT, "bought at A, and nobody knows what A bids now"


def test_an_old_book_fills_nothing() -> None:
    paper = {"default_latency_ms": 1500}
    desk = Desk(config(paper=paper))
    desk.on_tape(tape([*crossed(), status(StatusCode.HEARTBEAT, source=0, **at(1600))]))
    assert desk.fills["state"].tolist() == [FillState.UNSURE] * 2


def inverse() -> list[dict[str, Any]]:
    return [
        book(USD, [(0.999, 9)], [(1, 9)], **at(0)),
        book(A, [(99, 5)], [(100, 3)], **at(0)),
        book(C, [(101, 2)], [(110, 1)], **at(0)),
    ]


@pytest.mark.parametrize("between", [False, True])
def test_orders_that_fall_due_between_two_rows_are_each_dealt_with_at_their_own_moment(between: bool) -> None:
    desk = Desk(config(max_age_ms=300, paper={"latency_ms": {"A": 20, "B": 600}}))
    heard = [status(StatusCode.HEARTBEAT, source=2, **at(ms)) for ms in ((100, 1_000) if between else (1_000,))]
    desk.on_tape(tape([*crossed(), *heard]))
    assert desk.fills["state"].tolist() == [FillState.FILLED, FillState.UNSURE]
    assert desk.fills["ts_recv"].tolist() == [at(ms)["ts_recv"] for ms in (20, 600)]


def test_contracts_are_filled_whole_and_converted_at_the_dearer_side() -> None:
    bought, sold = taken(*inverse())
    base = 2 * 100 * 10**8 // 101
    assert (sold["filled"], sold["amount"]) == (2 * 10**8, 200 * 10**9), "two contracts of 100 USD"
    assert (bought["filled"], sold["left"]) == (base, 0)
    assert sold["pnl"] == 200 * 999 * 10**6 - bought["amount"]
    assert sold["average"] == 200 * 10**9 * 10**8 // base


def test_what_cannot_be_converted_any_more_is_unknown() -> None:
    _, sold = taken(*inverse(), status(StatusCode.HALTED, USD, **at(5)))
    assert (sold["state"], sold["settled"], sold["pnl"]) == (FillState.FILLED, 1, ABSENT)


def triangle() -> list[dict[str, Any]]:
    return [
        book(A, [(99, 5)], [(100, 1)], **at(0)),
        book(ETH_BTC, [(0.049, 5)], [(0.05, 4)], **at(0)),
        book(ETH_USDT, [(5.1, 6)], [(5.2, 1)], **at(0)),
    ]


def test_a_triangle_is_settled_in_the_currency_that_it_began_with() -> None:
    fills = taken(*triangle(), triangles=[TRIANGLE])
    assert fills["filled"].tolist() == [2 * 10**7, 4 * 10**8, 4 * 10**8]
    assert (fills["left"][-1], fills["pnl"][-1]) == (0, 400_000_000)


def test_a_triangle_that_lacks_a_leg_is_left_with_the_others() -> None:
    fills = taken(*triangle(), change(ETH_BTC, SELL, 0.05, 0, **at(5)), triangles=[TRIANGLE])
    assert [FillState(state).label for state in fills["state"]] == ["filled", "missed", "filled"]
    assert fills["left"][-1] == -4 * 10**8
    # 0.2 BTC bought at 100 are worth 99; 4 ETH sold at 5.1 cost 5.2.
    assert fills["pnl"][-1] == round((0.2 * -1 + 4 * -0.1) * 10**9)


def test_a_step_of_our_clock_leaves_the_latency_what_it_was() -> None:
    step = {"kind": EventKind.CLOCK, "instrument": -1, "size": 60 * SECOND, **at(60_005)}
    desk = Desk(config(paper={"default_latency_ms": 20}))
    desk.on_tape(tape([*crossed(), step, change(B, BUY, 101, 2, **at(60_019))]))
    assert len(desk.fills) == 0
    desk.on_tape(tape([change(B, BUY, 101, 2, **at(60_021))], first=4))
    assert desk.fills["ts_recv"].tolist() == [T0 + 60_020_000_000] * 2
