"""ClickHouse's Native blocks: columns as the engine takes them with the least work, as they lie in our memory.

Format: https://clickhouse.com/docs/interfaces/formats/Native. One block is the number of columns and of rows, then for
each column its name, its type and its values, all little-endian; a LowCardinality column is a dictionary and indices.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Rows = slice | NDArray[np.int64]
"""Which rows: a run of them, or their places."""

_KEY_VERSION: Final = (1).to_bytes(8, "little")
_KEY_FLAGS: Final = 0x600
"""The block brings its own keys, and replaces the reader's dictionary."""
_KEY_WIDTHS: Final = {1: 0, 2: 1, 4: 2, 8: 3}


class Column(Protocol):
    """Values of one column of a block, and how they are written."""

    @property
    def type(self) -> str:
        """The SQL type."""
        ...

    def __len__(self) -> int:
        """Rows."""
        ...

    def take(self, rows: Rows) -> Self:
        """Return some rows."""
        ...

    def parts(self) -> Iterator[Any]:
        """Yield the bytes of all values, in pieces that are buffers."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Values of a fixed width: one element of ``values`` a row, or one row of it. Where ``absent``, NULL."""

    kind: str
    values: NDArray[Any]
    absent: NDArray[np.bool_] | None = None

    @property
    def type(self) -> str:
        """The SQL type."""
        return self.kind if self.absent is None else f"Nullable({self.kind})"

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> "Fixed":
        """Return some rows."""
        return Fixed(self.kind, self.values[rows], None if self.absent is None else self.absent[rows])

    def parts(self) -> Iterator[Any]:
        """Yield the mask of what is NULL, if there may be any, and the values."""
        if self.absent is not None:
            yield self.absent.data
        yield self.values.data


@dataclass(frozen=True, slots=True)
class Keys:
    """The dictionary of a column of labels, as it is written."""

    count: int
    written: bytes

    @staticmethod
    @lru_cache(256)
    def of(names: tuple[str, ...]) -> "Keys":
        """Return the dictionary of these names; most are the same in every block."""
        return Keys(len(names), b"".join(map(text, names)))


@dataclass(frozen=True, slots=True)
class Coded:
    """``LowCardinality(String)``: a place in ``keys`` for each row."""

    keys: Keys
    codes: NDArray[Any]
    type: str = field(default="LowCardinality(String)", init=False)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Rows) -> "Coded":
        """Return some rows; the dictionary stays whole."""
        return Coded(self.keys, self.codes[rows])

    def parts(self) -> Iterator[Any]:
        """Yield dictionary and indices."""
        yield _KEY_VERSION
        yield (_KEY_FLAGS | _KEY_WIDTHS[self.codes.dtype.itemsize]).to_bytes(8, "little")
        yield self.keys.count.to_bytes(8, "little")
        yield self.keys.written
        yield len(self.codes).to_bytes(8, "little")
        yield self.codes.data


@dataclass(frozen=True, slots=True)
class Texts:
    """``String``: for columns of few rows."""

    values: Sequence[str | bytes]
    type: str = field(default="String", init=False)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> "Texts":
        """Return some rows."""
        return Texts(self.values[rows] if isinstance(rows, slice) else [self.values[row] for row in rows.tolist()])

    def parts(self) -> Iterator[Any]:
        """Yield every text behind its length."""
        yield b"".join(map(text, self.values))


@dataclass(frozen=True, slots=True)
class Lists:
    """``Array``: of each row, where its items end."""

    ends: NDArray[np.uint64]
    items: Fixed | Texts

    @property
    def type(self) -> str:
        """The SQL type."""
        return f"Array({self.items.type})"

    def __len__(self) -> int:
        return len(self.ends)

    def take(self, rows: Rows) -> "Lists":
        """Return some rows with their items."""
        ends = self.ends.astype(np.int64)
        begins = np.concatenate((np.zeros(1, np.int64), ends[:-1]))[: len(ends)][rows]
        counts = ends[rows] - begins
        stops = np.cumsum(counts)
        places = np.repeat(begins - (stops - counts), counts) + np.arange(counts.sum())
        return Lists(stops.astype(np.uint64), self.items.take(places))

    def parts(self) -> Iterator[Any]:
        """Yield the ends, and the items of all rows."""
        yield self.ends.data
        yield from self.items.parts()


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, by column."""

    columns: Mapping[str, Column]

    @property
    def num_rows(self) -> int:
        """Rows, in each of the columns."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def take(self, rows: Rows) -> "Block":
        """Return some rows."""
        return Block({name: column.take(rows) for name, column in self.columns.items()})


NOTHING: Final = Block({})
"""No rows of any table."""


def encode(block: Block) -> bytes:
    """Return the block as it is sent. Raises ValueError where its columns differ in length."""
    count = block.num_rows
    parts: list[Any] = [varint(len(block.columns)), varint(count)]
    for name, column in block.columns.items():
        if len(column) != count:
            raise ValueError(f"column {name} has {len(column)} rows, the block {count}")
        parts.append(_head(name, column.type))
        parts.extend(column.parts())
    return b"".join(parts)


@lru_cache(1024)
def _head(name: str, sql_type: str) -> bytes:
    return text(name) + text(sql_type)


def text(value: str | bytes) -> bytes:
    """Return a text as it is written: its bytes behind their number."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(len(raw)) + raw


def varint(number: int) -> bytes:
    """Return a number as it is written: seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
