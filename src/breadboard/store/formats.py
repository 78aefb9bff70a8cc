"""Answers of ``breadboard sql`` as text and bytes, with the values of ``cells``."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import pyarrow as pa

from breadboard.errors import QueryRefused, UsageError
from breadboard.store.cells import cells, flat_columns

FORMATS: Final = ("table", "json", "csv", "arrow")
_LONGEST_NAME: Final = 60
"""Of a column's name so much is told: one that nobody gave is the whole expression."""


def render(batches: Iterable[pa.RecordBatch], form: str) -> Iterator[bytes]:
    """Yield an answer's bytes. ``form`` is one of ``FORMATS``; UsageError for another. See ``refuse_doubles``.

    ``json`` is one object as ClickHouse's JSON format has it: ``{"meta": [{"name", "type"}], "data": [{…}], "rows"}``,
    decimals as strings. ``csv`` has a header and RFC 4180 quoting, NULL is empty, and texts are as they
    are: programs read it, where ``api.export`` is for spreadsheets, too. ``arrow`` is an IPC stream. ``table`` is for
    eyes.
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


def _json(table: pa.Table) -> Iterator[bytes]:
    names = table.schema.names
    meta = [{"name": field.name, "type": str(field.type)} for field in table.schema]
    yield b'{"meta":' + msgspec.json.encode(meta) + b',"data":['
    for place, row in enumerate(zip(*map(cells, table.columns), strict=True)):
        yield (b"," if place else b"") + msgspec.json.encode(dict(zip(names, row, strict=True)))
    yield b'],"rows":%d}\n' % table.num_rows


def _csv(table: pa.Table) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.schema.names)
    writer.writerows(zip(*flat_columns(table), strict=True))
    yield text.getvalue().encode()


def _arrow(table: pa.Table) -> Iterator[bytes]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    yield sink.getvalue().to_pybytes()


def _table(table: pa.Table) -> Iterator[bytes]:
    found = zip(*flat_columns(table), strict=True)
    rows = [["NULL" if one is None else _printable(str(one)) for one in row] for row in found]
    widths = [max(len(name), *(len(row[at]) for row in rows), 0) for at, name in enumerate(table.schema.names)]
    right = [pa.types.is_decimal(kind) or pa.types.is_primitive(kind) for kind in table.schema.types]
    for line in (table.schema.names, ["-" * width for width in widths], *rows):
        cells = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        )
        yield "  ".join(cells).rstrip().encode() + b"\n"


def _printable(text: str) -> str:
    """Return text that cannot move the cursor of a terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
