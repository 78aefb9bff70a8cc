"""Arrow tables as JSON, CSV, Arrow streams and Parquet files, with every digit that the table has."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator
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
    from breadboard.store.cells import cells  # it loads pyarrow, which this module never does by itself

    refuse_doubles(table, "json")
    names, columns = table.schema.names, list(map(cells, table.columns))
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def refuse_doubles(table: Any, form: Format) -> None:  # noqa: ANN401 - a pyarrow Table or RecordBatch
    """Raise QueryRefused where the form tells columns by name, and two have the same.

    Call it with the first batch, while the answer can still be a problem document.
    """
    if form == "json":
        from breadboard.store import formats  # it loads pyarrow, too

        formats.refuse_doubles(table.schema.names)


def render(table: Any, form: Format) -> Iterator[bytes]:  # noqa: ANN401 - a pyarrow.Table
    """Yield a table as a file of the given form."""
    encoder = _Encoder(form)
    yield from encoder.add(table)
    yield from encoder.end()


async def stream(batches: AsyncIterator[Any], form: Format) -> AsyncIterator[bytes]:
    """Yield record batches as a document of the given form.

    JSON is ``{"columns":[{"name","type"}, …],"data":[row, …],"count":n}``. An answer that breaks off is not a valid
    document of its form, but for CSV, which may end after any line: of that it is HTTP that tells whether it is whole,
    by a last chunk or by a length, and HTTP/1.0, which has no chunks, needs the ``length``.
    """
    encoder = _Encoder(form)
    async for batch in batches:
        for part in encoder.add(batch):
            yield part
    for part in encoder.end():
        yield part


def length(batches: Iterable[Any], form: Format) -> int:
    """Return how many bytes ``stream`` makes of these record batches: made and counted, and not kept."""
    encoder = _Encoder(form)
    return sum(len(part) for batch in batches for part in encoder.add(batch)) + sum(map(len, encoder.end()))


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
    from breadboard.store.cells import csv_rows

    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow([harmless(name) for name in table.schema.names])
    writer.writerows(csv_rows(table))
    return out.getvalue().encode()
