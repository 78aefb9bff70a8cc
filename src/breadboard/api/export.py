"""Arrow tables as JSON, CSV, Arrow streams and Parquet files, with every digit that the table has."""

import csv
import io
import math
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Literal

import msgspec

from breadboard.spreadsheets import harmless

Format = Literal["json", "csv", "arrow", "parquet"]
MEDIA_TYPES: Final[dict[str, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}


def json_text(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return JSON bytes."""
    return msgspec.json.encode(value)


def rows(table: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a pyarrow Table or RecordBatch
    """Return JSON-ready rows: decimals as plain digits without trailing zeros, times as ISO 8601 with nanoseconds.

    Raises QueryRefused where two columns have one name.
    """
    refuse_doubles(table, "json")
    names, columns = table.schema.names, list(map(_cells, table.columns))
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def refuse_doubles(table: Any, form: Format) -> None:  # noqa: ANN401 - a pyarrow Table or RecordBatch
    """Raise QueryRefused where the form tells columns by name, and two have the same.

    Call it with the first batch, while the answer can still be a problem document.
    """
    if form == "json":
        from breadboard.store import formats  # it loads pyarrow, which this module never does by itself

        formats.refuse_doubles(table.schema.names)


def render(table: Any, form: Format) -> Iterator[bytes]:  # noqa: ANN401 - a pyarrow.Table
    """Yield a table as a file of the given form."""
    encoder = _Encoder(form)
    yield from encoder.add(table)
    yield from encoder.end()


async def stream(batches: AsyncIterator[Any], form: Format) -> AsyncIterator[bytes]:
    """Yield record batches as a document of the given form.

    JSON is ``{"columns":[{"name","type"}, …],"data":[row, …],"count":n}``. An answer that breaks off is not a valid
    document of its form, so a reader cannot take it for the whole.
    """
    encoder = _Encoder(form)
    async for batch in batches:
        for part in encoder.add(batch):
            yield part
    for part in encoder.end():
        yield part


class _Encoder:
    """Turns tables or record batches of one schema into the bytes of a document, piece by piece."""

    def __init__(self, form: Format) -> None:
        self._form = form
        self._sink = io.BytesIO()
        self._writer: Any = None
        self._count = 0

    def add(self, table: Any) -> Iterator[bytes]:  # noqa: ANN401 - a pyarrow Table or RecordBatch
        begun = self._writer is not None
        if self._form == "json":
            yield from self._json(table, begun=begun)
        elif self._form == "csv":
            yield _csv(table, header=not begun)
            self._writer = True
        else:
            if not begun:
                self._writer = _arrow_writer(self._form, self._sink, table.schema)
            (self._writer.write_table if hasattr(table, "to_batches") else self._writer.write_batch)(table)
            if self._form == "arrow":  # a Parquet file is one piece: its footer knows where everything is
                yield self._drain()
        self._count += table.num_rows

    def end(self) -> Iterator[bytes]:
        if self._form == "json":
            head = b"" if self._writer is not None else b'{"columns":[],"data":['
            yield head + b'],"count":%d}' % self._count
        elif self._form in ("arrow", "parquet"):
            import pyarrow as pa

            if self._writer is None:
                self._writer = _arrow_writer(self._form, self._sink, pa.schema([]))
            self._writer.close()
            yield self._drain()

    def _json(self, table: Any, *, begun: bool) -> Iterator[bytes]:  # noqa: ANN401 - a pyarrow Table or RecordBatch
        if not begun:
            columns = [{"name": field.name, "type": str(field.type)} for field in table.schema]
            yield b'{"columns":' + json_text(columns) + b',"data":['
            self._writer = True
        text = json_text(rows(table))[1:-1]
        if text:
            yield b"," + text if self._count else text

    def _drain(self) -> bytes:
        data = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return data


def _arrow_writer(form: Format, sink: io.BytesIO, schema: Any) -> Any:  # noqa: ANN401 - pyarrow writers
    if form == "parquet":
        import pyarrow.parquet as pq

        return pq.ParquetWriter(sink, schema, compression="zstd")
    import pyarrow as pa

    return pa.ipc.new_stream(sink, schema)


def _csv(table: Any, *, header: bool) -> bytes:  # noqa: ANN401 - a pyarrow Table or RecordBatch
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow([harmless(name) for name in table.schema.names])
    numeric = [_is_number(field.type) for field in table.schema]
    columns = map(_cells, table.columns)
    for cells in zip(*columns, strict=True):
        told = zip(cells, numeric, strict=True)
        writer.writerow([_figure(cell) if plain else harmless(_flat(cell)) for cell, plain in told])
    return out.getvalue().encode()


def _figure(cell: Any) -> Any:  # noqa: ANN401 - a number, or decimals as text
    """Return a number as JSON has it: 1 and not 1.0, and none for what is no number."""
    if not isinstance(cell, float):
        return cell
    return repr(cell).removesuffix(".0") if math.isfinite(cell) else None


def _flat(cell: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a cell of a CSV file can hold: of a list, as those of a book are, its JSON."""
    return json_text(cell).decode() if isinstance(cell, list | dict) else cell


def _cells(column: Any) -> list[Any]:  # noqa: ANN401 - a pyarrow array
    """Return a column as JSON values. What can be done by Arrow is: an answer has thousands of cells."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_decimal(kind):
        return _digits(column)
    if pa.types.is_timestamp(kind):
        texts = column.cast(pa.timestamp("ns")).cast(
            pa.string()
        )  # strftime knows time zones, and takes ten times as long
        dated: list[Any] = pc.binary_join_element_wise(
            pc.binary_replace_slice(texts, start=10, stop=11, replacement="T"), "Z", ""
        ).to_pylist()
        return dated
    if pa.types.is_list(kind):
        return _lists(column)
    if pa.types.is_float32(kind):  # of 0.697 these are the digits that it has; widened, it is 0.6970000267028809
        column = column.cast(pa.string()).cast(pa.float64())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()]
    values: list[Any] = column.to_pylist()
    return values if _is_number(kind) or pa.types.is_string(kind) else [_plain(value) for value in values]


def _digits(column: Any) -> list[str | None]:  # noqa: ANN401 - a pyarrow array of decimals
    """Return plain digits without zeros that say nothing. Arrow writes what is very small with an exponent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = column.cast(pa.string())
    whole = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
    plain: list[str | None] = pc.if_else(pc.match_substring(texts, "."), whole, texts).to_pylist()
    for place in pc.indices_nonzero(pc.fill_null(pc.match_substring(texts, "E"), False)).to_pylist():
        plain[place] = _decimal_text(column[place].as_py())
    return plain


def _lists(column: Any) -> list[Any]:  # noqa: ANN401 - a pyarrow array of lists
    """Return the lists of a column, their items made into JSON values all at once."""
    items = _cells(column.flatten())
    found: list[Any] = []
    at = 0
    for length in column.value_lengths().to_pylist():
        found.append(None if length is None else items[at : at + length])
        at += length or 0
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 - any Arrow value
    from decimal import Decimal

    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return _decimal_text(value)
    return value if isinstance(value, str | int | float | bool | type(None)) else str(value)


def _decimal_text(value: Any) -> str:  # noqa: ANN401 - a Decimal
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_number(kind: Any) -> bool:  # noqa: ANN401 - a pyarrow type
    import pyarrow as pa

    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    )
