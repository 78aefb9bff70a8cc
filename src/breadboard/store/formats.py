"""Answers as text and bytes: every digit of a number, every nanosecond of a time."""

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from breadboard.errors import QueryRefused, UsageError

FORMATS: Final = ("table", "json", "csv", "arrow")
_LONGEST_NAME: Final = 60
"""Of a column's name so much is told: one that nobody gave is the whole expression."""


def render(batches: Iterable[pa.RecordBatch], form: str) -> Iterator[bytes]:
    """Yield an answer's bytes. ``form`` is one of ``FORMATS``; UsageError for another. See ``refuse_doubles``.

    ``json`` is one object as ClickHouse's JSON format has it: ``{"meta": [{"name", "type"}], "data": [{…}], "rows"}``,
    decimals as strings. ``csv`` has a header and RFC 4180 quoting, NULL is empty. ``arrow`` is an IPC stream.
    ``table`` is for eyes.
    """
    if form not in FORMATS:
        raise UsageError(f"there is no format {form!r}", hint=f"one of {' '.join(FORMATS)}")
    table = pa.Table.from_batches(list(batches))
    if form == "json":
        refuse_doubles(table.schema.names)
    return {"json": _json, "csv": _csv, "arrow": _arrow, "table": _table}[form](table)


def refuse_doubles(names: Sequence[str]) -> None:
    """Raise QueryRefused where two columns have one name: a row of JSON holds its values by name, and would lose one.

    All other forms have columns by their place, and take them as they come.
    """
    name, times = next(iter(Counter(names).most_common(1)), ("", 1))
    if times > 1:
        shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        raise QueryRefused(
            f"{'two' if times == 2 else times} columns are called {shown!r}, and JSON tells columns by name",
            hint="SELECT … AS another   # or csv or arrow, which tell them by place",
        )


def decimal_text(value: Decimal) -> str:
    """Return plain digits without an exponent and without zeros that say nothing."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    """Return a column as JSON values: decimals and times as text, the rest as it is, NULL and NaN as None."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return list(pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ").to_pylist())
    if pa.types.is_dictionary(kind):
        return values(column.cast(kind.value_type))
    convert = _converter(kind)
    found = column.to_pylist()
    return found if convert is None else [None if one is None else convert(one) for one in found]


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    if pa.types.is_decimal(kind):
        return decimal_text
    if pa.types.is_floating(kind):
        return lambda one: one if math.isfinite(one) else None
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_date(kind):
        return _inner
    return None


def _inner(value: Any) -> Any:  # noqa: ANN401 - any value that SQL can give
    """Return what is inside a nested value in the same manner."""
    if isinstance(value, list | tuple):
        return list(map(_inner, value))
    if isinstance(value, dict):
        return dict(zip(map(str, value), map(_inner, value.values()), strict=True))
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat().replace("+00:00", "Z")
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [values(column) for column in table.columns]
    return list(zip(*columns, strict=True)) if columns else []


def _json(table: pa.Table) -> Iterator[bytes]:
    names = table.schema.names
    meta = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    yield b'{"meta":' + msgspec.json.encode(meta) + b',"data":['
    for place, row in enumerate(_rows(table)):
        yield (b"," if place else b"") + msgspec.json.encode(dict(zip(names, row, strict=True)))
    yield b'],"rows":%d}\n' % table.num_rows


def _csv(table: pa.Table) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.schema.names)
    for row in _rows(table):
        writer.writerow(["" if one is None else _cell(one) for one in row])
    yield text.getvalue().encode()


def _arrow(table: pa.Table) -> Iterator[bytes]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    yield sink.getvalue().to_pybytes()


def _table(table: pa.Table) -> Iterator[bytes]:
    rows = [["NULL" if one is None else _printable(_cell(one)) for one in row] for row in _rows(table)]
    widths = [max(len(name), *(len(row[at]) for row in rows), 0) for at, name in enumerate(table.schema.names)]
    right = [pa.types.is_decimal(kind) or pa.types.is_primitive(kind) for kind in table.schema.types]
    for line in (table.schema.names, ["-" * width for width in widths], *rows):
        cells = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        )
        yield "  ".join(cells).rstrip().encode() + b"\n"


def _cell(value: Any) -> str:  # noqa: ANN401 - any value that SQL can give
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value)


def _printable(text: str) -> str:
    """Return text that cannot move the cursor of a terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
