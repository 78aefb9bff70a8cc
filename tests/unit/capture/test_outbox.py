"""What is said to a venue: in order, and never faster than it allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.capture.outbox import Outbox

S = 1_000_000_000


@given(
    per_s=st.sampled_from([0.2, 0.5, 1.0, 2.5, 5.0, 100.0]),
    steps=st.lists(st.tuples(st.integers(0, 3 * S), st.integers(0, 4)), max_size=60),
)
def test_in_any_window_no_more_than_allowed_and_all_in_order(per_s: float, steps: list[tuple[int, int]]) -> None:
    outbox, now, put = Outbox(per_s), 0, 0
    sent: list[tuple[int, str]] = []
    for step, more in steps:
        now += step
        for _ in range(more):
            outbox.put(str(put))
            put += 1
        sent += [(now, text) for text in outbox.due(now)]
    assert [text for _, text in sent] == [str(number) for number in range(len(sent))]
    assert len(outbox) == put - len(sent)
    span, most = (S, int(per_s)) if per_s >= 1 else (int(S / per_s), 1)
    for at, (first, _) in enumerate(sent):
        assert sum(first <= moment < first + span for moment, _ in sent[at:]) <= most


def test_it_empties_as_fast_as_it_may() -> None:
    outbox = Outbox(5)
    for number in range(12):
        outbox.put(str(number))
    assert [len(list(outbox.due(second * S))) for second in range(4)] == [5, 5, 2, 0]


def test_it_counts_what_of_the_subscriptions_is_still_to_be_said_and_nothing_else() -> None:
    outbox = Outbox(2)
    for number in range(3):
        outbox.put(f"subscribe {number}", settles=True)
    outbox.put("audit")
    outbox.put("alive", urgent=True)
    told = [(list(outbox.due(second * S)), outbox.unsaid) for second in range(3)]
    assert told == [(["alive", "subscribe 0"], 2), (["subscribe 1", "subscribe 2"], 0), (["audit"], 0)]
    outbox.put("subscribe", settles=True)
    outbox.clear()
    assert outbox.unsaid == 0


def test_an_urgent_frame_goes_first_and_clear_forgets() -> None:
    outbox = Outbox(1)
    outbox.put("a")
    outbox.put("b")
    outbox.put("ping", urgent=True)
    assert list(outbox.due(0)) == ["ping"]
    assert list(outbox.due(S)) == ["a"]
    outbox.clear()
    assert list(outbox.due(9 * S)) == []


@pytest.mark.parametrize(("per_s", "pause_s"), [(0.5, 2), (0.1, 10)])
def test_less_than_one_a_second_is_spaced(per_s: float, pause_s: int) -> None:
    outbox = Outbox(per_s)
    for number in range(3):
        outbox.put(str(number))
    assert len(list(outbox.due(0))) == 1
    assert list(outbox.due(pause_s * S - 1)) == []
    assert len(list(outbox.due(pause_s * S))) == 1
