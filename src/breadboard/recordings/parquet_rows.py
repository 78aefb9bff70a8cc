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
from breadboard.recordings.lines import printable

_BUFFER: Final = 1 << 20
"""Bytes of a column that are read at a time: a row group may be the whole file."""
_ROWS: Final = 512
"""That are unpacked at a time: a few bytes of a file may be a long text in each of its rows."""

_OTHER: Final = "--columns NAME=COLUMN   # another column; nothing behind the = says that there is none"


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Give a ``pyarrow.parquet.ParquetFile``. Raises UsageError for what is none, or is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}", hint=f"ls {quote(str(path.parent))}") from None
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"{path} is no Parquet file that can be read: {_reason(error)}", hint=f"file {quote(str(path))}"
        ) from None
    with file:
        yield file


def lines(path: Path, file: Any, columns: Sequence[int], longest: int) -> Iterator[bytes]:  # noqa: ANN401 - a ParquetFile
    """Yield one line of CSV a row, of these columns (places, ascending), none of more than ``longest`` bytes.

    Bytes that are no UTF-8 stay as they are. Raises UsageError for a damaged file, a longer line, and for a column of
    which no text can be made.
    """
    import pyarrow as pa

    names = [file.schema_arrow.names[place] for place in columns]
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_ROWS, columns=names):
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            told = [_told(path, printable(name), batch.column(name), longest) for name in names]
            writer.writerows(zip(*told, strict=True))
            for line in text.getvalue().encode("utf-8", "surrogateescape").split(b"\n")[:-1]:
                number += 1
                if len(line) > longest:
                    raise _too_long(path, f"row {number}", longest)
                yield line
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{path} is damaged: {_reason(error)}", hint=f"file {quote(str(path))}") from None


def _told(path: Path, name: str, column: Any, longest: int) -> list[str]:  # noqa: ANN401 - a pyarrow Array
    """Return a column as text. Raises UsageError for cells that are none, or too long."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_nested(kind):
        raise UsageError(
            f"{path}: its column {name!r} is of type {printable(str(kind))[:60]}, and no cell of a table", hint=_OTHER
        )
    try:
        if pa.types.is_dictionary(kind):
            _refuse_long(path, name, column.dictionary, longest)
            column = column.cast(kind.value_type)
        if any(
            of_kind(column.type) for of_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        ):
            column = column.cast(pa.large_binary())  # its bytes may be no UTF-8
        _refuse_long(path, name, column, longest)
        return _texts(column)
    except pa.ArrowException as error:
        raise UsageError(
            f"{path}: its column {name!r} of type {printable(str(kind))[:60]} cannot be told as text: {_reason(error)}",
            hint=_OTHER,
        ) from None


def _refuse_long(path: Path, name: str, column: Any, longest: int) -> None:  # noqa: ANN401 - a pyarrow Array
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type) or pa.types.is_string(column.type):
        most = pc.max(pc.binary_length(column)).as_py()
        if (most or 0) > longest:
            raise _too_long(path, f"a cell of its column {name!r}", longest)


def _too_long(path: Path, what: str, longest: int) -> UsageError:
    return UsageError(f"{path}: {what} has more than {longest} bytes, which no table has", hint=_OTHER)


def _reason(error: Exception) -> str:
    return printable(str(error).partition("\n")[0].rstrip("."))


def _texts(column: Any) -> list[str]:  # noqa: ANN401 - a pyarrow Array
    """Return a column as text; NULL is empty. A time in a zone is told in UTC, one without as it is."""
    import pyarrow as pa

    kind, ending = column.type, ""
    if pa.types.is_timestamp(kind):
        ending = "" if kind.tz is None else "Z"
        column = column.cast(pa.timestamp(kind.unit))
    if pa.types.is_float64(kind):
        return ["" if value is None else _shortest(value) for value in column.to_pylist()]
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [
            "" if value is None else _one_line(value.decode("utf-8", "surrogateescape")) for value in column.to_pylist()
        ]
    texts = column.cast(pa.string()).to_pylist()
    return ["" if text is None else _one_line(text) + ending for text in texts]


def _shortest(value: float) -> str:
    """Return the fewest digits that mean a double, without a power, and with a point: it may have been rounded."""
    text = repr(value)
    if "e" not in text:
        return text
    plain = format(Decimal(text), "f")
    return plain if "." in plain else f"{plain}.0"


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")
