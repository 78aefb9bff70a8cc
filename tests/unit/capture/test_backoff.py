from random import Random

import pytest

from breadboard.capture.backoff import Backoff, Pacer
from breadboard.clock import ManualClock


class Highest(Random):
    def uniform(self, a: float, b: float) -> float:
        del a
        return b


class Lowest(Random):
    def uniform(self, a: float, b: float) -> float:
        del b
        return a


def test_the_ceiling_doubles_from_half_a_second_to_a_minute() -> None:
    backoff = Backoff(Highest())
    assert [backoff.delay() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_pause_is_never_less_than_half_its_ceiling() -> None:
    backoff = Backoff(Lowest())
    assert [backoff.delay() for _ in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]


def test_only_a_minute_of_health_forgets_the_failures() -> None:
    backoff = Backoff(Highest())
    for _ in range(4):
        backoff.delay()
    assert backoff.delay(lived_s=59.9) == 8
    assert backoff.delay(lived_s=60.0) == 0.5


def test_many_failures_do_not_overflow() -> None:
    backoff = Backoff(Highest())
    assert [backoff.delay() for _ in range(5000)][-1] == 60


@pytest.mark.parametrize("seed", range(100))
def test_half_an_hour_of_outage_makes_at_most_sixty_attempts(seed: int) -> None:
    backoff, now, attempts = Backoff(Random(seed)), 0.0, 0
    while now < 1800:
        attempts += 1
        now += backoff.delay()
    assert attempts <= 60


def test_fifty_lines_that_lose_their_venue_together_come_back_at_five_a_second() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    turns = [pacer.take() for _ in range(50)]
    assert turns == pytest.approx([n * 0.2 for n in range(50)])
    clock.advance(60_000_000_000)
    assert pacer.take() == 0.0
