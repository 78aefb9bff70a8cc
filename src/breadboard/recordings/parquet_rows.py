"""The rows of a Parquet file as lines of CSV, with every digit that its types have."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import Any, Final

from breadboard.errors import UsageError

_BUFFER: Final = 1 << 20
"""Bytes of a column that are read at a time: a row group may be the whole file."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Give a ``pyarrow.parquet.ParquetFile``. Raises UsageError for what is none, or is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", hint=f"ls {path.parent}") from None
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None
    with file:
        yield file


def lines(path: Path, file: Any, columns: Sequence[str], most: int) -> Iterator[bytes]:  # noqa: ANN401 - a ParquetFile
    """Yield one line of CSV a row, of these columns in the file's order. Raises UsageError for a damaged file."""
    import pyarrow as pa

    try:
        for batch in file.iter_batches(batch_size=most, columns=list(columns)):
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerows(zip(*(_texts(batch.column(name)) for name in columns), strict=True))
            yield from text.getvalue().encode().split(b"\n")[:-1]
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UsageError:
    words = str(error).partition("\n")[0].rstrip(".")
    return UsageError(f"{path} is no Parquet file that can be read: {words}", hint=f"file {quote(str(path))}")


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - a pyarrow Array
    """Return a column as text; NULL is empty. A time in a zone is told in UTC, one without as it is."""
    import pyarrow as pa

    kind, ending = column.type, ""
    if pa.types.is_dictionary(kind):
        return _texts(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        ending = "" if kind.tz is None else "Z"
        column = column.cast(pa.timestamp(kind.unit))
    if pa.types.is_float64(kind):
        return ["" if value is None else _shortest(value) for value in column.to_pylist()]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return ["" if value is None else _one_line(value.decode("utf-8", "replace")) for value in column.to_pylist()]
    if pa.types.is_nested(kind):
        return [""] * len(column)
    texts = column.cast(pa.string()).to_pylist()
    return ["" if text is None else _one_line(text) + ending for text in texts]


def _shortest(value: float) -> str:
    """Return the fewest digits that mean a double, without a power."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")
