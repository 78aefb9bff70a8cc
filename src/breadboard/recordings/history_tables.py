"""Tables of trades, quotes or bars in CSV and Parquet, as documents whose tags say what each cell is.

Rows of CSV go on as they are; those of Parquet as rows of text, with all digits that their types have.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from shlex import quote
from typing import Final, NamedTuple

from breadboard.errors import UsageError
from breadboard.model.tables import VENUE, Layout
from breadboard.recordings import parquet_rows
from breadboard.recordings.lines import printable, printed, read_lines
from breadboard.recordings.rows import is_zip, read_rows
from breadboard.recordings.table_columns import Columns, Words, columns_of, is_known

ROWS: Final = 5_000
"""Of a document; one holds 65,535 events at most."""
BYTES: Final = 4 << 20
"""Of a document, or little more: rows may be long."""
LONGEST: Final = 64 << 10
"""Bytes of a row: a file with a longer one is no table."""
Documents = Iterator[tuple[str, bytes]]
_DELIMITERS: Final = ",;\t|"
_NO_WORDS: Final = Words()
_SIXTEEN_BITS: Final = (b"\xff\xfe", b"\xfe\xff")
_PARQUET: Final = b"PAR1"


class _Row(NamedTuple):
    file: str
    number: int
    """As people count lines of the file."""
    line: bytes


def read_csv(
    path: Path, symbol: str, interval: int | None, day: str, *, stamped_at_end: bool, said: Words = _NO_WORDS
) -> Documents:
    """Yield the rows of a file, or of all files of a zip, as ``table:{layout}`` documents.

    Raises UsageError for what cannot be read or whose columns do not tell what they are, and for a row of another
    ``symbol`` or venue than the user says.
    """
    cutting = _Cutting(symbol, _layout_of("", symbol, interval, day, stamped_at_end, said), said)
    for row in _rows(path):
        if row.file != cutting.file:
            yield from cutting.flush()
            cutting.begin(path, row)
            if not cutting.headless:
                continue
        yield from cutting.take(path, row)
    yield from cutting.flush()


def read_parquet(
    path: Path, symbol: str, interval: int | None, day: str, *, stamped_at_end: bool, said: Words = _NO_WORDS
) -> Documents:
    """Yield the rows of a file as ``table:{layout}`` documents. Raises UsageError likewise."""
    file_name = printable(path.name)
    layout = _layout_of(file_name, symbol, interval, day, stamped_at_end, said)
    with parquet_rows.opened(path) as file:
        columns = columns_of(path, file.schema_arrow.names, said)
        used = [place for place, field in enumerate(columns.fields) if field]
        fields = [field for field in columns.fields if field]
        cutting = _Cutting(symbol, layout, said)
        cutting.settle(path, file_name, Columns(columns.kind, tuple(fields), ()), ",")
        for number, line in enumerate(parquet_rows.lines(path, file, used, LONGEST), 1):
            yield from cutting.take(path, _Row(file_name, number, line))
    yield from cutting.flush()


def columns_in(path: Path, said: Words, *, parquet: bool) -> dict[str, Columns]:
    """Return how the columns of a file are read, of a zip of each file in it. Raises UsageError as the readers do."""
    if parquet:
        with parquet_rows.opened(path) as file:
            return {printable(path.name): columns_of(path, file.schema_arrow.names, said)}
    found: dict[str, Columns] = {}
    for row in _rows(path):
        if row.file not in found:
            found[row.file] = columns_of(path, _cells(row.line, _delimiter(row.line)), said)
            if not is_zip(path):
                break
    return found


def split(body: bytes) -> list[bytes]:
    """Return the rows of a document."""
    return body.split(b"\n")


def join(rows: Sequence[bytes]) -> bytes:
    """Return a document of some rows; empty where none of them says anything."""
    return b"\n".join(rows) if any(rows) else b""


def span(_body: bytes) -> None:
    """Return None: nobody knows from when to when rows lie before they are read."""


class _Cutting:
    """Gathers rows of one file into documents."""

    def __init__(self, symbol: str, layout: Layout, said: Words) -> None:
        self.file: str | None = None
        self.headless = False
        self._symbol = symbol
        self._blank = layout
        self._layout = layout
        self._said = said
        self._own: list[tuple[str, int, str]] = []
        """What the user says of all rows: its name, the place of the column that says it, too, and what it is."""
        self._lines: list[bytes] = []
        self._first = 0
        self._bytes = 0

    def begin(self, path: Path, header: _Row) -> None:
        """Begin a file with its first row. Raises UsageError."""
        delimiter = _delimiter(header.line)
        columns = columns_of(path, _cells(header.line, delimiter), self._said)
        self.headless = columns.headless
        self.settle(path, header.file, columns, delimiter)

    def settle(self, path: Path, file: str, columns: Columns, delimiter: str) -> None:
        """Begin a file whose columns are known. Raises UsageError where nobody says what it is about."""
        self.file = file
        at = {field: place for place, field in enumerate(columns.fields) if field}
        if "symbol" not in at and not self._symbol:
            raise UsageError(f"{path} has no column 'symbol', and no --symbol says what it is about", hint="--symbol …")
        says = (("symbol", self._symbol), ("venue", self._said.venue))
        self._own = [(name, at[name], value) for name, value in says if value and name in at]
        told = {"kind": columns.kind, "columns": columns.fields, "file": file, "delimiter": delimiter}
        blank = {name: getattr(self._blank, name) for name in Layout.__struct_fields__}
        self._layout = Layout(**(blank | told))
        if columns.kind == "bars" and not (self._layout.interval_s or "interval" in at or "ts_close" in at):
            raise UsageError(f"{path} does not say how long its bars are", hint="--interval 1m   # or 5s, 1h, 1d")

    def take(self, path: Path, row: _Row) -> Documents:
        """Take a row; yield a document that is full."""
        if self._own:
            self._refuse_contradiction(path, row)
        behind = self._first + len(self._lines)
        many = row.number - behind + len(self._lines) >= ROWS
        if self._lines and (many or self._bytes + len(row.line) > BYTES):
            yield from self.flush()
        if not self._lines:
            self._first = row.number
        else:
            self._lines += [b""] * (row.number - behind)  # so that each row is where its number says
        self._lines.append(row.line)
        self._bytes += len(row.line)

    def flush(self) -> Documents:
        """Yield what was gathered, if anything."""
        if self._lines:
            names = {name: getattr(self._layout, name) for name in Layout.__struct_fields__}
            yield Layout(**(names | {"row": self._first})).tag, b"\n".join(self._lines)
            self._lines, self._bytes = [], 0

    def _refuse_contradiction(self, path: Path, row: _Row) -> None:
        cells = _cells(row.line, self._layout.delimiter)
        for name, place, value in self._own:
            found = cells[place].strip() if place < len(cells) else ""
            if found and found != value:
                raise UsageError(
                    f"{path}, row {row.number}: its {name} is {printable(found[:40])}, and --{name} says {value}",
                    hint=f"leave out --{name} {quote(value)}   # and each row is of the {name} that it says",
                )


def _layout_of(file: str, symbol: str, interval: int | None, day: str, at_end: bool, said: Words) -> Layout:
    """Return what the user says of all rows. Raises UsageError."""
    if day:
        try:
            day = date.fromisoformat(day).isoformat()
        except ValueError:
            raise UsageError(f"--date takes a day, not {day!r}", hint="--date 2013-10-07") from None
    return Layout(
        kind="",
        columns=(),
        file=file,
        row=1,
        symbol=symbol,
        venue=said.venue or VENUE,
        zone=said.zone,
        day=day,
        interval_s=interval or 0,
        at_end=at_end,
    )


def _rows(path: Path) -> Iterator[_Row]:
    """Yield the rows of a file with their numbers; of a zip, blank lines do not count. Raises UsageError."""
    name = printable(path.name)
    _refuse_binary(path)
    if not is_zip(path):
        for number, line in read_lines(path):
            if len(line) > LONGEST:
                raise UsageError(
                    f"{path}, line {number}: a row of more than {LONGEST} bytes, which no table has",
                    hint=f"{printed(path)} | sed -n {number}p | head -c 1000",
                )
            yield _Row(name, number, line)
        return
    file, number = "", 0
    for member, line in read_rows(path, LONGEST):
        file, number = member, number + 1 if member == file else 1
        yield _Row(f"{name}:{printable(member)}", number, line)


def _refuse_binary(path: Path) -> None:
    begin = b""
    with suppress(OSError):  # what cannot be opened is told by who reads it
        if path.is_file():
            with path.open("rb") as probe:
                begin = probe.read(4)
    if begin == _PARQUET:
        raise UsageError(f"{path} is a Parquet file", hint="--format parquet")
    if begin[:2] in _SIXTEEN_BITS:
        raise UsageError(f"{path} is UTF-16 text", hint=f"iconv -f UTF-16 -t UTF-8 {quote(str(path))} > utf-8.csv")


def _delimiter(header: bytes) -> str:
    """Return what stands between the names of a header: what leaves most that are known, else most names."""

    def worth(delimiter: str) -> tuple[int, int]:
        names = _cells(header, delimiter)
        return sum(map(is_known, names)), len(names)

    return max(_DELIMITERS, key=worth)


def _cells(line: bytes, delimiter: str) -> list[str]:
    """Return the cells of a line, as far as they can be told; what is wrong with it the feed says."""
    text = line.decode("utf-8", "replace")
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return [re.sub(r"[^\x20-\x7e]", "?", text)]
