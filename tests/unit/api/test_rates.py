"""When whoever asks too often may come again: each at another moment, and then it is really its turn."""

import pytest

from breadboard.api.security_rates import LATEST_S, Rates
from breadboard.clock import ManualClock

SECOND = 10**9


@pytest.mark.parametrize(
    ("per_minute", "burst", "waiting"), [(60, 20, 5), (60, 1, 5), (30, 5, 2), (600, 2, 9), (600, 1, 5)]
)
def test_those_who_wait_come_one_after_another_and_none_is_refused_again(
    per_minute: int, burst: int, waiting: int
) -> None:
    clock = ManualClock()
    rates = Rates(per_minute, burst, clock)
    assert [rates.wait_s("ada") for _ in range(burst)] == [0] * burst
    waits = [rates.wait_s("ada") for _ in range(waiting)]
    assert max(waits) <= LATEST_S
    now = 0
    for wait in sorted(waits):
        clock.mono_ns += (wait - now) * SECOND
        now = wait
        assert rates.wait_s("ada") == 0


def test_turns_are_given_for_five_seconds_and_then_from_the_first_on() -> None:
    rates = Rates(60, 1, ManualClock())
    assert [rates.wait_s("ada") for _ in range(12)] == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1]
    assert [rates.wait_s("bob") for _ in range(2)] == [0, 1]


def test_who_comes_when_it_is_told_is_let_in_for_ever() -> None:
    clock = ManualClock()
    rates = Rates(60, 1, clock)
    assert rates.wait_s("ada") == 0
    for _ in range(100):
        assert rates.wait_s("ada") == 1
        clock.mono_ns += SECOND
        assert rates.wait_s("ada") == 0
