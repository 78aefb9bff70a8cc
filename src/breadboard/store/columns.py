"""Columns of the store: numpy in, Arrow out, digit for digit. No loop over rows in Python."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import kernel
from breadboard.model.wide import multiply

PRICE: Final = pa.decimal64(18, 9)
SIZE: Final = pa.decimal128(38, 18)
STAMP: Final = pa.timestamp("ns", "UTC")


def labels(codes: NDArray[Any], names: Any) -> pa.DictionaryArray:  # noqa: ANN401 - any sequence of str
    """Return a LowCardinality column: ``names[codes]``. Codes are int8, int32 or their unsigned kin."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([str(name) for name in names], pa.string()))


def integers(values: NDArray[Any], *, nullable: bool = False) -> pa.Array:
    """Return an integer column; ``ABSENT`` is NULL where it may be."""
    return pa.array(values, mask=(values == ABSENT) if nullable else None)


def stamps(values: NDArray[np.int64], *, nullable: bool = False) -> pa.Array:
    """Return int64 nanoseconds UTC as timestamps; ``ABSENT`` is NULL where it may be."""
    return integers(values, nullable=nullable).view(STAMP)


def prices(values: NDArray[np.int64], *, nullable: bool = False) -> pa.Array:
    """Return units of 1e-9 as ``Decimal(18, 9)``, digit for digit."""
    return integers(values, nullable=nullable).view(PRICE)


def sizes(mantissa: NDArray[np.int64], exponent: NDArray[np.int8], *, nullable: bool = False) -> pa.Array:
    """Return ``mantissa * 10 ** exponent`` as ``Decimal(38, 18)``, exact for exponents in [-18, 0]."""
    out = np.empty((len(mantissa), 2), np.uint64)
    _widen(np.ascontiguousarray(mantissa), np.ascontiguousarray(exponent), _POWERS, out)
    return _decimal128(out, mantissa == ABSENT if nullable else None)


def volumes(whole: NDArray[np.int64], fraction: NDArray[np.int64]) -> pa.Array:
    """Return ``whole + fraction * 1e-18`` as ``Decimal(38, 18)``."""
    out = np.empty((len(whole), 2), np.uint64)
    _widen_sum(np.ascontiguousarray(whole), np.ascontiguousarray(fraction), _POWERS, out)
    return _decimal128(out, None)


def _decimal128(words: NDArray[np.uint64], absent: NDArray[np.bool_] | None) -> pa.Array:
    valid = None
    if absent is not None and absent.any():
        valid = pa.array(~absent).buffers()[1]
    return pa.Array.from_buffers(SIZE, len(words), [valid, pa.py_buffer(words)])


_POWERS: Final = np.array([10**power for power in range(19)], np.uint64)


@kernel
def _widen(mantissa: Any, exponent: Any, powers: Any, out: Any) -> None:  # noqa: ANN401 - numba infers array types
    for row in range(len(out)):
        power = 18 + exponent[row]
        if mantissa[row] < 0 or power < 0 or power > 18:  # ABSENT: the mask makes it NULL
            out[row, 0] = out[row, 1] = 0
        else:
            out[row, 1], out[row, 0] = multiply(np.uint64(mantissa[row]), powers[power])


@kernel
def _widen_sum(whole: Any, fraction: Any, powers: Any, out: Any) -> None:  # noqa: ANN401 - numba infers array types
    for row in range(len(out)):
        high, low = multiply(np.uint64(whole[row]), powers[18])
        total = low + np.uint64(fraction[row])
        out[row, 1] = high + np.uint64(total < low)
        out[row, 0] = total


def arrow(columns: dict[str, pa.Array]) -> pa.Table:
    """Return columns as a table; those named in ``NULLABLE`` may be NULL."""
    schema = pa.schema([pa.field(name, array.type, nullable=name in NULLABLE) for name, array in columns.items()])
    return pa.Table.from_arrays(list(columns.values()), schema=schema)


NULLABLE: Final = frozenset(
    (
        *(
            "ts_event",
            "sequence",
            "trade_id",
            "order_id",
            "sequence_first",
            "sequence_prev",
            "sequence_from",
            "sequence_to",
        ),
        *("size", "bid_price", "bid_size", "ask_price", "ask_size", "vwap", "bid_age_ns", "ask_age_ns"),
        *("ts_book", "rate_age_ns", "average", "pnl"),
    )
)
"""Columns in which the venue may have said nothing, in every table but ``latest`` and ``orders`` (which add price)."""
