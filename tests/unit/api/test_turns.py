"""Clients come up at their moment and never before, each once, whatever was set and cancelled."""

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from breadboard.api.turns import AT_ONCE, Alarms

STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "cancel", "over"]), st.integers(0, 4), st.floats(0, 0.02)), max_size=60
)


@given(STEPS)
def test_who_has_a_moment_comes_up_in_the_millisecond_after_it_and_once(steps: list[tuple[str, int, float]]) -> None:
    alarms, moments, now = Alarms(), dict[int, float](), 1000.0
    for what, number, by in steps:
        client = cast("Any", number)
        if what == "set":
            alarms.set(client, now + by)
            moments[number] = now + by
        elif what == "cancel":
            alarms.cancel(client)
            moments.pop(number, None)
        else:
            now += by
            came = [cast("int", each) for each in alarms.over(now)]
            assert len(came) == len(set(came))
            for each in came:
                assert moments.pop(each) <= now
            assert all(moment > now - 0.001 for moment in moments.values())
    assert {cast("int", each) for each in alarms.over(now + 1)} == set(moments)
    assert alarms.next is None


def test_who_breaks_off_leaves_the_others_where_they_are() -> None:
    alarms = Alarms()
    for number in range(3):
        alarms.set(cast("Any", number), 5.0)
    first = next(iter(alarms.over(6.0)))
    assert [cast("int", each) for each in (first, *alarms.over(6.0))] == [0, 1, 2]


def test_at_once_is_at_any_time() -> None:
    alarms = Alarms()
    alarms.set(cast("Any", 1), AT_ONCE)
    assert alarms.next == AT_ONCE
    assert len(list(alarms.over(0.0))) == 1
