"""Arrow tables as ClickHouse Native blocks: the form the engine takes with the least work.

Format: https://clickhouse.com/docs/interfaces/formats/Native. One block is the number of columns and of rows, then for
each column its name, its type and its values, all little-endian; a LowCardinality column is a dictionary and indices.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa

from breadboard.errors import StoreError

_FIXED: Final = {
    pa.int8(): "Int8",
    pa.uint8(): "UInt8",
    pa.uint16(): "UInt16",
    pa.int32(): "Int32",
    pa.uint32(): "UInt32",
    pa.int64(): "Int64",
    pa.uint64(): "UInt64",
    pa.float32(): "Float32",
    pa.float64(): "Float64",
    pa.timestamp("ns", "UTC"): "DateTime64(9, 'UTC')",
    pa.decimal64(18, 9): "Decimal(18, 9)",
    pa.decimal128(38, 18): "Decimal(38, 18)",
}
_KEY_VERSION: Final = (1).to_bytes(8, "little")
_KEY_FLAGS: Final = 0x600
"""The block brings its own keys, and replaces the reader's dictionary."""


def encode(table: pa.Table) -> bytes:
    """Return the table as one Native block.

    The type comes from the Arrow field: a nullable field of a fixed width becomes ``Nullable``, a dictionary of
    strings ``LowCardinality(String)``, a list ``Array``. Raises StoreError for a type that no table here has.
    """
    parts: list[Any] = [_varint(table.num_columns), _varint(table.num_rows)]
    for field in table.schema:
        parts += (_text(field.name), _text(_type(field)))
        if table.num_rows:
            column = table.column(field.name)
            array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
            if isinstance(array, pa.ChunkedArray):
                array = pa.concat_arrays(array.chunks)
            parts += _values(array, nullable=_is_nullable(field))
    return b"".join(parts)


def _is_nullable(field: pa.Field) -> bool:
    return bool(field.nullable) and (field.type in _FIXED or pa.types.is_string(field.type))


def _type(field: pa.Field) -> str:
    if pa.types.is_dictionary(field.type):
        return "LowCardinality(String)"
    if pa.types.is_list(field.type):
        return f"Array({_FIXED.get(field.type.value_type, 'String')})"
    name = "String" if pa.types.is_string(field.type) or pa.types.is_binary(field.type) else _FIXED.get(field.type)
    if name is None:
        raise StoreError(f"column {field.name} has type {field.type}, which no table here has")
    return f"Nullable({name})" if _is_nullable(field) else name


def _values(array: pa.Array, *, nullable: bool) -> Iterator[Any]:
    """Yield the buffers of one column."""
    if pa.types.is_dictionary(array.type):
        keys = array.dictionary.to_pylist()
        indices = array.indices.to_numpy(zero_copy_only=True)
        width = {1: 0, 2: 1, 4: 2, 8: 3}[indices.dtype.itemsize]
        yield _KEY_VERSION
        yield (_KEY_FLAGS | width).to_bytes(8, "little")
        yield len(keys).to_bytes(8, "little")
        yield b"".join(map(_text, keys))
        yield len(array).to_bytes(8, "little")
        yield indices.data
        return
    if pa.types.is_list(array.type):
        offsets = array.offsets.to_numpy()
        yield (offsets[1:] - offsets[0]).astype(np.uint64).data
        items = array.values.slice(offsets[0], offsets[-1] - offsets[0])
        yield from (_values(items, nullable=False) if len(items) else ())
        return
    if nullable:
        yield array.is_null().cast(pa.uint8()).to_numpy().data
    if array.type in _FIXED:
        yield _fixed(array)
    else:
        yield b"".join(map(_text, (value or "" for value in array.to_pylist())))


def _fixed(array: pa.Array) -> memoryview:
    width = array.type.bit_width // 8
    return memoryview(array.buffers()[1])[array.offset * width : (array.offset + len(array)) * width]


def _text(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
