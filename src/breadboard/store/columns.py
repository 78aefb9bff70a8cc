"""Columns of the store: numpy in, ClickHouse's Native columns out, digit for digit. No loop over rows in Python."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.kernels import kernel
from breadboard.model.wide import multiply
from breadboard.store.native import Coded, Fixed, Keys, Lists

PRICE: Final = "Decimal(18, 9)"
SIZE: Final = "Decimal(38, 18)"
STAMP: Final = "DateTime64(9, 'UTC')"

_KINDS: Final = {
    np.dtype(np.int8): "Int8",
    np.dtype(np.uint8): "UInt8",
    np.dtype(np.uint16): "UInt16",
    np.dtype(np.int32): "Int32",
    np.dtype(np.uint32): "UInt32",
    np.dtype(np.int64): "Int64",
    np.dtype(np.uint64): "UInt64",
    np.dtype(np.float32): "Float32",
    np.dtype(np.float64): "Float64",
}
"""SQL types of numbers."""


def labels(codes: NDArray[Any], names: Iterable[str]) -> Coded:
    """Return a LowCardinality column: ``names[codes]``."""
    return coded(codes, Keys.of(tuple(map(str, names))))


def coded(codes: NDArray[Any], keys: Keys) -> Coded:
    """Return a LowCardinality column: places in ``keys``, in as few bytes as they need."""
    width = np.uint8 if keys.count <= 1 << 8 else np.uint16 if keys.count <= 1 << 16 else np.uint32
    return Coded(keys, np.ascontiguousarray(codes, width))


def words(values: Iterable[str]) -> Coded:
    """Return a LowCardinality column of few rows."""
    names, codes = np.unique(np.array(list(values), object), return_inverse=True)
    return labels(codes, names.tolist())


def integers(values: NDArray[Any], *, nullable: bool = False) -> Fixed:
    """Return a column of numbers as wide as they are; ``ABSENT`` is NULL where it may be."""
    return _fixed(_KINDS[values.dtype], values, nullable=nullable)


def stamps(values: NDArray[np.int64], *, nullable: bool = False) -> Fixed:
    """Return int64 nanoseconds UTC as timestamps; ``ABSENT`` is NULL where it may be."""
    return _fixed(STAMP, values, nullable=nullable)


def prices(values: NDArray[np.int64], *, nullable: bool = False) -> Fixed:
    """Return units of 1e-9 as ``Decimal(18, 9)``, digit for digit."""
    return _fixed(PRICE, values, nullable=nullable)


def _fixed(kind: str, values: NDArray[Any], *, nullable: bool) -> Fixed:
    values = np.ascontiguousarray(values)
    if not nullable:
        return Fixed(kind, values)
    absent = values == ABSENT
    # SQL computes on what lies under a NULL, too, and ABSENT less anything is out of every range.
    return Fixed(kind, np.where(absent, values.dtype.type(0), values) if absent.any() else values, absent)


def known(values: NDArray[np.float64]) -> Fixed:
    """Return numbers of which those that are none (NaN) are NULL."""
    return Fixed("Float64", np.ascontiguousarray(values), np.isnan(values))


def sizes(mantissa: NDArray[np.int64], exponent: NDArray[np.int8], *, nullable: bool = False) -> Fixed:
    """Return ``mantissa * 10 ** exponent`` as ``Decimal(38, 18)``, exact for exponents in [-18, 0]."""
    out = np.empty((len(mantissa), 2), np.uint64)
    _widen(np.ascontiguousarray(mantissa), np.ascontiguousarray(exponent), _POWERS, out)
    return Fixed(SIZE, out, mantissa == ABSENT if nullable else None)


def in_units(values: NDArray[np.int64]) -> Fixed:
    """Return sizes in their usual unit (``SIZE_EXP``) as ``Decimal(38, 18)``."""
    return sizes(values, np.full(len(values), SIZE_EXP, np.int8))


def volumes(whole: NDArray[np.int64], fraction: NDArray[np.int64]) -> Fixed:
    """Return ``whole + fraction * 1e-18`` as ``Decimal(38, 18)``."""
    out = np.empty((len(whole), 2), np.uint64)
    _widen_sum(np.ascontiguousarray(whole), np.ascontiguousarray(fraction), _POWERS, out)
    return Fixed(SIZE, out)


def lists(counts: NDArray[Any], items: Fixed) -> Lists:
    """Return a list a row; ``counts`` says how many of the items are whose."""
    return Lists(np.cumsum(counts, dtype=np.uint64), items)


def levels(
    begin: NDArray[np.int64], end: NDArray[np.int64], side: int, of: Sequence[NDArray[Any]]
) -> tuple[Lists, Lists]:
    """Return the prices and the sizes of one side's levels, row by row.

    Row ``r`` owns places ``begin[r]:end[r]`` of the level columns ``of``: side, price, size and its exponent. Raises
    IndexError where they have no such places.
    """
    if len(begin) and (begin.min() < 0 or end.max() > len(of[0])):
        raise IndexError(f"a row owns levels before 0 or after {len(of[0])}")
    sides, price, size, exponent = of
    ends = np.empty(len(begin), np.uint64)
    count = _count_levels(begin, end, np.uint8(side), sides, ends)
    prices_, sizes_ = np.empty(count, np.int64), np.empty((count, 2), np.uint64)
    _take_levels(begin, end, np.uint8(side), sides, price, size, exponent, _POWERS, prices_, sizes_)
    return Lists(ends, Fixed(PRICE, prices_)), Lists(ends, Fixed(SIZE, sizes_))


_POWERS: Final = np.array([10**power for power in range(19)], np.uint64)


@kernel
def _widened(mantissa: Any, exponent: Any, powers: Any) -> Any:  # noqa: ANN401 - numba infers types
    power = 18 + exponent
    if mantissa < 0 or power < 0 or power > 18:  # ABSENT: the mask makes it NULL
        return np.uint64(0), np.uint64(0)
    return multiply(np.uint64(mantissa), powers[power])


@kernel
def _widen(mantissa: Any, exponent: Any, powers: Any, out: Any) -> None:  # noqa: ANN401 - numba infers array types
    for row in range(len(out)):
        out[row, 1], out[row, 0] = _widened(mantissa[row], exponent[row], powers)


@kernel
def _widen_sum(whole: Any, fraction: Any, powers: Any, out: Any) -> None:  # noqa: ANN401 - numba infers array types
    for row in range(len(out)):
        high, low = multiply(np.uint64(whole[row]), powers[18])
        total = low + np.uint64(fraction[row])
        out[row, 1] = high + np.uint64(total < low)
        out[row, 0] = total


@kernel
def _count_levels(begin: Any, end: Any, side: Any, sides: Any, ends: Any) -> Any:  # noqa: ANN401 - numba infers types
    count = 0
    for row in range(len(begin)):
        for level in range(begin[row], end[row]):
            count += sides[level] == side
        ends[row] = count
    return count


@kernel
def _take_levels(
    begin: Any,  # noqa: ANN401 - numba infers array types
    end: Any,  # noqa: ANN401 - as above
    side: Any,  # noqa: ANN401 - as above
    sides: Any,  # noqa: ANN401 - as above
    price: Any,  # noqa: ANN401 - as above
    size: Any,  # noqa: ANN401 - as above
    exponent: Any,  # noqa: ANN401 - as above
    powers: Any,  # noqa: ANN401 - as above
    prices_: Any,  # noqa: ANN401 - as above
    sizes_: Any,  # noqa: ANN401 - as above
) -> None:
    at = 0
    for row in range(len(begin)):
        for level in range(begin[row], end[row]):
            if sides[level] == side:
                prices_[at] = price[level]
                sizes_[at, 1], sizes_[at, 0] = _widened(size[level], exponent[level], powers)
                at += 1
