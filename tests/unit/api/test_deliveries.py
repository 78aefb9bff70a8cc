"""How old rows are when delivered: all are noted where there are few, and a share of them where there are many."""

import numpy as np
import pytest

from breadboard.api.fanout import Fanout
from unit.api.market import Market, services


def noted(every: int, calls: int, messages: int) -> int:
    """Return how many rows are noted of so many calls, each for so many messages of four rows."""
    market = Market()
    market.apply(*(market.quote("1", "2", symbol=f"A{number}") for number in range(4)))
    fanout = Fanout(services(market))
    fanout.mirror.refresh()
    one = fanout.deliveries
    one._every = every
    for _ in range(calls):
        one.add(np.tile(np.arange(4), messages), messages=messages)
    assert one._rows == calls * messages * 4
    return sum(len(lags) for _, lags in one._noted)


def test_where_there_are_few_all_are_noted_alone_or_together() -> None:
    assert noted(1, 320, 1) == noted(1, 10, 32) == 1_280


@pytest.mark.parametrize("every", [2, 7, 31, 51, 100])
def test_of_many_as_many_are_noted_together_as_alone(every: int) -> None:
    alone, together = noted(every, 6_400, 1), noted(every, 200, 32)
    assert alone == 6_400 // every * 4
    assert 0.75 * alone <= together <= 1.25 * alone
