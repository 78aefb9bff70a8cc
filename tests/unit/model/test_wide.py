"""Products beyond 64 bits, against Python's own integers, which have no bounds."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breadboard.model.wide import MOST, share, share_up

WORD = 2**63 - 1
NUMBERS = st.one_of(st.integers(0, WORD), st.integers(0, 10**9), st.sampled_from([0, 1, 2**32 - 1, 2**32, WORD]))
DIVISORS = st.one_of(st.integers(1, WORD), st.integers(1, 2**33), st.sampled_from([1, 10**8, 10**9, 2**32, WORD]))


@settings(max_examples=2_000, deadline=None)
@given(value=NUMBERS, factor=NUMBERS, divisor=DIVISORS)
@example(value=WORD, factor=WORD, divisor=WORD)
@example(value=WORD, factor=2**33 - 1, divisor=2**32 + 1)
@example(value=MOST, factor=1, divisor=1)
def test_it_is_the_quotient_of_the_whole_product_rounded_as_asked(value: int, factor: int, divisor: int) -> None:
    whole, rest = divmod(value * factor, divisor)
    assert share(value, factor, divisor) == min(whole, MOST)
    assert share_up(value, factor, divisor) == (whole + (rest > 0) if whole < MOST else MOST)


@pytest.mark.parametrize("divisor", [3, 10**8, 2**40 + 1])
def test_a_whole_quotient_is_not_rounded_up(divisor: int) -> None:
    assert share_up(divisor, 10**15, divisor) == share(divisor, 10**15, divisor) == 10**15
    assert share_up(divisor * 10**4 + 1, 10**9, divisor) == 10**13 + -(-(10**9) // divisor)
