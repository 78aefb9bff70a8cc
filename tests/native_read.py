"""Native blocks, read back from their bytes: what the store's engine would find in them."""

import pyarrow as pa

from breadboard.store.native import Block, encode

_NUMBERS = {
    "Int8": pa.int8(),
    "UInt8": pa.uint8(),
    "UInt16": pa.uint16(),
    "Int32": pa.int32(),
    "UInt32": pa.uint32(),
    "Int64": pa.int64(),
    "UInt64": pa.uint64(),
    "Float32": pa.float32(),
    "Float64": pa.float64(),
    "DateTime64(9, 'UTC')": pa.timestamp("ns", "UTC"),
    "Decimal(18, 9)": pa.decimal64(18, 9),
    "Decimal(38, 18)": pa.decimal128(38, 18),
}


def table(block: Block) -> pa.Table:
    """Return the rows of a block, by way of its bytes."""
    return read(encode(block))


def read(raw: bytes) -> pa.Table:
    """Return the rows of one block; raises AssertionError where it does not end where its bytes do."""
    cursor = _Cursor(raw)
    columns, rows = cursor.varint(), cursor.varint()
    fields, arrays = [], []
    for _ in range(columns):
        name, kind = cursor.text().decode(), cursor.text().decode()
        array = cursor.column(kind, rows)
        fields.append(pa.field(name, array.type, nullable=kind.startswith("Nullable")))
        arrays.append(array)
    assert cursor.at == len(raw), f"{len(raw) - cursor.at} bytes are left"
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


class _Cursor:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.at = 0

    def take(self, count: int) -> bytes:
        found = self._raw[self.at : self.at + count]
        assert len(found) == count, "the block ends early"
        self.at += count
        return found

    def varint(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self) -> bytes:
        return self.take(self.varint())

    def number(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def column(self, kind: str, rows: int) -> pa.Array:
        if kind == "LowCardinality(String)":
            return self._labels(rows) if rows else pa.array([], pa.string())
        if kind.startswith("Array("):
            ends = [0, *(self.number() for _ in range(rows))]
            items = self.column(kind[6:-1], ends[-1])
            return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items)
        if kind == "String":
            return _texts([self.text() for _ in range(rows)])
        absent = None
        if kind.startswith("Nullable("):
            kind = kind[9:-1]
            absent = [bool(flag) for flag in self.take(rows)]
        return self._numbers(kind, rows, absent)

    def _numbers(self, kind: str, rows: int, absent: list[bool] | None) -> pa.Array:
        arrow = _NUMBERS[kind]
        buffer = pa.py_buffer(self.take(rows * arrow.bit_width // 8))
        valid = None if absent is None else pa.array([not one for one in absent], pa.bool_()).buffers()[1]
        return pa.Array.from_buffers(arrow, rows, [valid, buffer])

    def _labels(self, rows: int) -> pa.Array:
        assert self.number() == 1
        flags = self.number()
        assert flags & ~0xFF == 0x600
        keys = _texts([self.text() for _ in range(self.number())])
        assert self.number() == rows
        width = 1 << (flags & 0xFF)
        raw = self.take(rows * width)
        places = [int.from_bytes(raw[at : at + width], "little") for at in range(0, len(raw), width)]
        return keys.take(pa.array(places, pa.int64()))


def _texts(values: list[bytes]) -> pa.Array:
    try:
        return pa.array([value.decode() for value in values], pa.string())
    except UnicodeDecodeError:
        return pa.array(values, pa.binary())
