"""Answers as what the engine says they are: its Arrow has numbers for times, and bytes for integers that are wide."""

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

import pyarrow as pa

from breadboard.store.cells import DIGITS

_PIECES: Final = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^'`(),]+", re.DOTALL)
_NAME: Final = re.compile(r"\s*(?:`(?:[^`\\]|\\.)*`|\w+)\s+", re.DOTALL)
"""Before the type of a tuple's place that has a name."""
_TEXTS: Final[dict[str, Callable[[Any], str]]] = {
    **dict.fromkeys(("Int128", "Int256"), lambda value: str(int.from_bytes(value, "little", signed=True))),
    **dict.fromkeys(("UInt128", "UInt256"), lambda value: str(int.from_bytes(value, "little"))),
    "IPv4": lambda value: str(IPv4Address(value)),
    "IPv6": lambda value: str(IPv6Address(value)),
}
"""Types that Arrow has no word for, as text. Its decimals of more than 38 digits are unknown to most who read it."""
_WIDE: Final = frozenset({"Int128", "UInt128", "Int256", "UInt256"})
_AROUND: Final = frozenset({"Nullable", "LowCardinality", "SimpleAggregateFunction"})
"""What has the values of the last type in its brackets."""


def is_doubtful(kinds: Iterable[pa.DataType]) -> bool:
    """Return whether columns of these types could be something else; few answers have any that could."""
    return any(_may_be_other(kind) for kind in kinds)


def question(text: str) -> str:
    """Return what asks for the types of a query's columns: of one row, the ``places`` of its type.

    Of a query in a view only the plan is made: DESCRIBE of the query itself would run its scalar subqueries again. A
    tuple may have two columns of one name, and a view not.
    """
    return f"DESCRIBE view(SELECT tuple(*) FROM ({text}))"  # noqa: S608 - the guard has checked the text


def typed(table: pa.Table, words: Sequence[str]) -> pa.Table:
    """Return a table with its columns as ``words``, the engine's names of their types, say."""
    for place, (field, word) in enumerate(zip(table.schema, words, strict=True)):
        if _may_be_other(field.type):
            chunks = [_typed(chunk, word) for chunk in table.column(place).chunks]
            kind = chunks[0].type if chunks else _typed(pa.array([], field.type), word).type
            told = field.with_type(kind)
            if _bare(word)[0] in _WIDE:
                told = told.with_metadata(DIGITS)
            table = table.set_column(place, told, pa.chunked_array(chunks, kind))
    return table


def places(word: str) -> list[str]:
    """Return the types of a tuple's places."""
    return _parts(word)[1]


def _may_be_other(kind: pa.DataType) -> bool:
    if pa.types.is_nested(kind):
        return is_doubtful(kind.field(place).type for place in range(kind.num_fields))
    return bool(pa.types.is_uint32(kind) or (pa.types.is_fixed_size_binary(kind) and kind.byte_width in (16, 32)))


def _typed(array: pa.Array, word: str) -> pa.Array:
    """Return an array as the word says; what it says of no type of ours stays as it is."""
    if not _may_be_other(array.type):
        return array
    outer, inner = _bare(word)
    if outer == "DateTime":
        return array.cast(pa.int64()).cast(pa.timestamp("s", "UTC"))
    if outer in _TEXTS:
        return pa.array([None if one is None else _TEXTS[outer](one) for one in array.to_pylist()], pa.string())
    return _nested(array, outer, inner)


def _nested(array: pa.Array, outer: str, inner: Sequence[str]) -> pa.Array:
    mask = array.is_null() if array.null_count else None
    if outer == "Nested":
        return _nested(array, "Array", [f"Tuple({','.join(inner)})"])
    if outer == "Array":
        return pa.ListArray.from_arrays(array.offsets, _typed(array.values, inner[0]), mask=mask)
    if outer == "Map":
        return pa.MapArray.from_arrays(array.offsets, _typed(array.keys, inner[0]), _typed(array.items, inner[1]))
    if outer == "Tuple":
        pairs = zip(array.type, inner, strict=True)
        fields = [_typed(array.field(place), word) for place, (_, word) in enumerate(pairs)]
        return pa.StructArray.from_arrays(fields, [field.name for field in array.type], mask=mask)
    return array


def _bare(word: str) -> tuple[str, list[str]]:
    """Return the parts of a type without what stands around it."""
    outer, inner = _parts(word)
    return _bare(inner[-1]) if outer in _AROUND else (outer, inner)


def _parts(word: str) -> tuple[str, list[str]]:
    """Return a type's own name, and the types that it is made of: of ``Map(String, Int8)``, the two."""
    outer, bracket, rest = word.strip().partition("(")
    parts = [""]
    depth = 0
    for piece in _PIECES.findall(rest[:-1]) if bracket else ():
        depth += (piece == "(") - (piece == ")")
        if piece == "," and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    return outer, [_NAME.sub("", part, count=1) if _NAME.match(part) else part for part in parts]
