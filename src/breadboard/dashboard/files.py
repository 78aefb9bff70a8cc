"""Arrow tables as the files that a page offers."""

import io
from typing import Any

from breadboard.spreadsheets import harmless


def parquet(table: Any) -> bytes:  # noqa: ANN401 - a pyarrow.Table
    """Return a Parquet file."""
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def arrow(table: Any) -> bytes:  # noqa: ANN401 - a pyarrow.Table
    """Return an Arrow stream."""
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def csv(table: Any) -> bytes:  # noqa: ANN401 - a pyarrow.Table
    """Return a CSV file with every digit, in which no text is a formula to a spreadsheet."""
    import pyarrow as pa
    import pyarrow.csv

    for place, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        column = table.column(place)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = pa.array([harmless(cell) for cell in column.to_pylist()], pa.string())
        table = table.set_column(place, harmless(field.name), column)
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()
