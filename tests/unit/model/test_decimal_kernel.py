"""The compiled decimals agree with the written ones, or say that they do not know."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.model.decimal_kernel import price_at, size_at
from breadboard.model.decimals import parse_price, parse_size

digits = st.text("0123456789", max_size=22)
numbers = st.builds(lambda a, point, b: a + point + b, digits, st.sampled_from(["", "."]), digits)
zeroed = st.builds(lambda text, zeros: text + "0" * zeros, numbers, st.integers(0, 70))
texts = st.lists(st.one_of(numbers, zeroed, st.text("0123456789.-+eE ", max_size=30), st.text("09.", max_size=70)))


def joined(values: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    ends = np.cumsum([len(value) for value in values], dtype=np.int64)
    return np.frombuffer("".join(values).encode(), np.uint8), ends


def prices(buffer: NDArray[np.uint8], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    found = [price_at(buffer, begin, end) for begin, end in pairwise((0, *ends.tolist()))]
    return np.array([price for price, _ in found], np.int64), np.array([ok for _, ok in found], np.bool_)


def sizes(
    buffer: NDArray[np.uint8], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.bool_]]:
    found = [size_at(buffer, begin, end) for begin, end in pairwise((0, *ends.tolist()))]
    columns = ([each[at] for each in found] for at in range(3))
    mantissas, exponents, right = columns
    return np.array(mantissas, np.int64), np.array(exponents, np.int8), np.array(right, np.bool_)


def expected_price(text: str) -> int | None:
    try:
        return parse_price(text)
    except ValueError:
        return None


def expected_size(text: str) -> tuple[int, int] | None:
    try:
        return parse_size(text)
    except ValueError:
        return None


@settings(max_examples=400, deadline=None)
@given(texts)
@example(["9223372036.854775807", "9223372036.854775808", "0.000000000000000001", "1" + "0" * 17, "1" + "0" * 18])
def test_what_the_kernel_accepts_is_what_the_reference_says(values: list[str]) -> None:
    buffer, ends = joined(values)
    found, right = prices(buffer, ends)
    for text, price, ok in zip(values, found.tolist(), right.tolist(), strict=True):
        if ok:
            assert price == expected_price(text), text
    mantissas, exponents, right = sizes(buffer, ends)
    for text, size, exponent, ok in zip(values, mantissas.tolist(), exponents.tolist(), right.tolist(), strict=True):
        if ok:
            assert (size, exponent) == expected_size(text), text


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda whole, fraction, zeros: f"{whole}.{fraction}" + "0" * zeros,
            st.integers(0, 10**9 - 1),
            st.from_regex(r"[0-9]{1,8}", fullmatch=True),
            st.integers(0, 8),
        ),
        min_size=1,
    )
)
def test_every_ordinary_number_is_accepted(values: list[str]) -> None:
    buffer, ends = joined(values)
    found, right = prices(buffer, ends)
    assert right.all()
    assert found.tolist() == [parse_price(text) for text in values]
    mantissas, exponents, right = sizes(buffer, ends)
    assert right.all()
    assert list(zip(mantissas.tolist(), exponents.tolist(), strict=True)) == [parse_size(text) for text in values]


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "1.2.3", "-1", "+1", "1e3", " 1", "1 ", "NaN", "Infinity", "1_0"]
)
def test_anything_unusual_is_left_to_the_reference(text: str) -> None:
    buffer, ends = joined(["7", text, "8"])
    found, right = prices(buffer, ends)
    assert right.tolist() == [True, False, True]
    assert found[[0, 2]].tolist() == [7 * 10**9, 8 * 10**9]
    assert sizes(buffer, ends)[2].tolist() == [True, False, True]


def test_one_satoshi_and_a_trillion_coins_are_exact() -> None:
    buffer, ends = joined(["0.00000001", "1000000000000", "123456789012.5"])
    mantissas, exponents, right = sizes(buffer, ends)
    assert right.all()
    assert mantissas.tolist() == [1, 10**12, 1234567890125]
    assert exponents.tolist() == [-8, 0, -1]
