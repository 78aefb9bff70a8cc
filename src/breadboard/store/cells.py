"""A column's values as text files have them, every digit of a number and every nanosecond of a time.

One way for all who write JSON and CSV: whoever asks in two ways has one answer. What can be done by Arrow is: an answer
has thousands of cells.
"""

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise, repeat
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from breadboard.spreadsheets import harmless

_ENDS: Final = {"s": ".000000000Z", "ms": "000000Z", "us": "000Z", "ns": "Z"}
"""What a time of each unit lacks for nine decimals."""
DIGITS: Final = {b"digits": b"whole"}
"""Metadata of a column of texts that are whole numbers, for which Arrow has no type: -5 in it is no formula."""


def cells(column: Any) -> list[Any]:  # noqa: ANN401 - a pyarrow array, chunked or not
    """Return a column as JSON values.

    Decimals are plain digits without zeros that say nothing, times ISO 8601 with nanoseconds, both as text; a tuple is
    an object by the names of its places, a map a list of pairs: a key of it need be no text, and may come twice.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    way = next((way for suits, way in _WAYS if suits(column.type)), _others)
    return way(column)


def flat_columns(table: Any) -> list[list[Any]]:  # noqa: ANN401 - a pyarrow Table or RecordBatch
    """Return the columns as a line of text can hold them: of a list, as those of a book are, its JSON.

    A number is as JSON has it, 1 and not 1.0, and what is none is None.
    """
    return [list(map(_figure if is_number(column.type) else _flat, cells(column))) for column in table.columns]


def csv_rows(table: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - a pyarrow Table or RecordBatch
    """Yield the rows for a file that spreadsheets open: as ``flat_columns``, with no text that one would run."""
    pairs = zip(flat_columns(table), table.schema, strict=True)
    told = [found if _has_numbers(field) else map(harmless, found) for found, field in pairs]
    yield from zip(*told, strict=True)


def decimal_text(value: Decimal) -> str:
    """Return plain digits without an exponent and without zeros that say nothing."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def is_number(kind: pa.DataType) -> bool:
    """Return whether a column of this type has numbers, or yes and no."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )


def _has_numbers(field: pa.Field) -> bool:
    return is_number(field.type) or field.metadata == DIGITS


def _decoded(column: pa.Array) -> list[Any]:
    return cells(column.cast(column.type.value_type))


def _digits(column: pa.Array) -> list[str | None]:
    """Return decimals as text. Arrow writes what is very small with an exponent."""
    texts = column.cast(pa.string())
    whole = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
    plain: list[str | None] = pc.if_else(pc.match_substring(texts, "."), whole, texts).to_pylist()
    for place in pc.indices_nonzero(pc.fill_null(pc.match_substring(texts, "E"), False)).to_pylist():
        plain[place] = decimal_text(column[place].as_py())
    return plain


def _times(column: pa.Array) -> list[str | None]:
    """Return times as text, in UTC whatever zone they are shown in; strftime takes ten times as long."""
    unit = column.type.unit
    texts = column.cast(pa.timestamp(unit)).cast(pa.string())
    dated = pc.binary_replace_slice(texts, start=10, stop=11, replacement="T")
    found: list[str | None] = pc.binary_join_element_wise(dated, _ENDS[unit], "").to_pylist()
    return found


def _lists(column: pa.Array) -> list[Any]:
    """Return the lists of a column, their items made into JSON values all at once."""
    items = cells(column.flatten())
    found: list[Any] = []
    at = 0
    for length in column.value_lengths().to_pylist():
        found.append(None if length is None else items[at : at + length])
        at += length or 0
    return found


def _maps(column: pa.Array) -> list[Any]:
    pairs = [list(pair) for pair in zip(cells(column.keys), cells(column.items), strict=True)]
    bounds = pairwise(column.offsets.to_pylist())
    valid = column.is_valid().to_pylist()
    return [pairs[begin:end] if there else None for (begin, end), there in zip(bounds, valid, strict=True)]


def _structs(column: pa.Array) -> list[Any]:
    names = [field.name for field in column.type]
    rows = zip(*map(cells, column.flatten()), strict=True) if names else repeat((), len(column))
    valid = column.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if there else None for row, there in zip(rows, valid, strict=True)]


def _shortest(column: pa.Array) -> list[float | None]:
    """Return numbers of single precision by the digits that they have: 0.697 is 0.6970000267028809 when widened."""
    found: list[float | None] = column.cast(pa.string()).cast(pa.float64()).to_pylist()
    return found


def _texts(column: pa.Array) -> list[str | None]:
    """Return texts; the engine says of bytes that are none, as a quarantined frame may have, that they are."""
    try:
        found: list[str | None] = column.to_pylist()
    except UnicodeDecodeError:
        return [_plain(value) for value in column.cast(pa.binary()).to_pylist()]
    return found


def _numbers(column: pa.Array) -> list[Any]:
    found: list[Any] = column.to_pylist()
    return found


def _others(column: pa.Array) -> list[Any]:
    return list(map(_plain, column.to_pylist()))


def _plain(value: Any) -> Any:  # noqa: ANN401 - any Arrow value
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value if isinstance(value, str | int | float | None) else str(value)


def _figure(cell: Any) -> Any:  # noqa: ANN401 - a number, or decimals as text
    if isinstance(cell, bool):
        return str(cell).lower()
    if not isinstance(cell, float):
        return cell
    return repr(cell).removesuffix(".0") if math.isfinite(cell) else None


def _flat(cell: Any) -> Any:  # noqa: ANN401 - any JSON value
    return msgspec.json.encode(cell).decode() if isinstance(cell, list | dict) else cell


_WAYS: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[Any]]], ...]] = (
    (pa.types.is_dictionary, _decoded),
    (pa.types.is_decimal, _digits),
    (pa.types.is_timestamp, _times),
    (pa.types.is_list, _lists),
    (pa.types.is_map, _maps),
    (pa.types.is_struct, _structs),
    (pa.types.is_float32, _shortest),
    (pa.types.is_string, _texts),
    (is_number, _numbers),
)
"""Of each type, the first that suits it."""
