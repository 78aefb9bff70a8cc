"""The vital signs of a connection, on a clock moved by hand."""

from random import Random

import pytest

from breadboard.capture.vitals import Act, Vitals

TICK = 250_000_000
S = 1_000_000_000


class Bed:
    """A connection and a clock."""

    def __init__(self, heartbeat_s: float | None = None, lifetime_s: float | None = None) -> None:
        self.vitals = Vitals(heartbeat_s, lifetime_s, Random(7))
        self.now = 50 * S
        self.vitals.open(self.now)

    def until(self, act: Act, limit_s: float = 1000, **judging: bool) -> tuple[float, str]:
        """Look four times a second until something is to be done; return after how long, and why."""
        begin = self.now
        while self.now - begin < limit_s * S:
            self.now += TICK
            verdict = self.vitals.judge(self.now, **judging)
            if verdict.act is act:
                return (self.now - begin) / S, verdict.reason
        return limit_s, "nothing"


def test_a_line_without_a_pong_is_cut_in_less_than_eight_seconds() -> None:
    bed = Bed()
    after_s, _ = bed.until(Act.PING)
    assert 3 < after_s <= 3.5
    bed.vitals.pinged(bed.now)
    then_s, reason = bed.until(Act.CUT)
    assert after_s + then_s <= 8
    assert reason == "half-open: no answer to a ping for 3 s"
    assert bed.until(Act.CUT, 10)[1] == "nothing", "it is said once"


def test_a_pong_is_enough_and_is_asked_for_again() -> None:
    bed = Bed()
    for _ in range(100):
        bed.until(Act.PING)
        bed.vitals.pinged(bed.now)
        bed.now += TICK
        bed.vitals.alive(bed.now)
    assert bed.until(Act.CUT, 6)[1] == "nothing"


def test_a_transport_without_pings_is_never_held_to_be_half_open() -> None:
    assert Bed().until(Act.CUT, 100)[1] == "nothing"


def test_pongs_do_not_hide_a_mute_venue_and_patience_doubles_up_to_sixteen_times() -> None:
    bed = Bed(heartbeat_s=2.0)
    waited = []
    for _ in range(8):
        bed.vitals.open(bed.now)
        waited.append(int(bed.until(Act.CLOSE)[0]))
    assert waited == [2, 2, 4, 8, 16, 32, 32, 32]
    bed.vitals.open(bed.now)
    bed.now += 700 * S
    bed.vitals.data(bed.now)
    bed.vitals.end(bed.now)
    bed.vitals.open(bed.now)
    bed.vitals.judge(bed.now)
    assert int(bed.until(Act.CLOSE)[0]) == 2, "a long life forgets"


def test_data_keeps_it() -> None:
    bed = Bed(heartbeat_s=2.0)
    for _ in range(100):
        bed.now += S
        bed.vitals.data(bed.now)
        assert bed.vitals.judge(bed.now).act is Act.NOTHING


def test_outside_market_hours_nobody_is_mute_and_the_patience_begins_with_the_bell() -> None:
    bed = Bed(heartbeat_s=2.0)
    assert bed.until(Act.CLOSE, 500, market_open=False)[1] == "nothing"
    assert bed.until(Act.CLOSE)[0] == pytest.approx(2.25)


def test_when_we_were_frozen_the_venue_is_not_blamed() -> None:
    bed = Bed(heartbeat_s=20.0)
    bed.until(Act.PING)
    bed.vitals.pinged(bed.now)
    bed.now += 3600 * S
    assert bed.vitals.judge(bed.now).act is Act.NOTHING
    assert bed.until(Act.CUT)[0] == pytest.approx(3.25), "and then has its three seconds"


def test_it_leaves_before_the_venue_ends_it_each_at_its_own_moment() -> None:
    ages = set()
    bed = Bed(lifetime_s=8_640.0)
    for _ in range(20):
        bed.vitals.open(bed.now)
        age, step = 0, S
        while bed.vitals.judge(bed.now).act is not Act.CLOSE:
            bed.now += step
            age += step
            bed.vitals.data(bed.now)
        assert 0.9 * 8_640 <= age / S <= 0.99 * 8_640 + 2
        ages.add(age)
    assert len(ages) > 10
