"""What the engine's Arrow hides is told by the engine's own names of types."""

from datetime import UTC, datetime

import pyarrow as pa

from breadboard.store.cells import DIGITS
from breadboard.store.typed import is_doubtful, places, typed

AT = datetime(2026, 11, 28, 14, 57, tzinfo=UTC)
SECONDS = int(AT.timestamp())
WIDE = (2**127 - 1).to_bytes(16, "little")


def test_a_number_is_a_time_where_the_engine_says_so_and_stays_one_where_it_does_not() -> None:
    table = pa.table({name: pa.array([SECONDS, None], pa.uint32()) for name in "abcd"})
    words = ["DateTime('Europe/Berlin')", "UInt32", "LowCardinality(Nullable(DateTime))", "Nullable(IPv4)"]
    found = typed(table, words)
    kinds = [pa.timestamp("s", "UTC"), pa.uint32(), pa.timestamp("s", "UTC"), pa.string()]
    assert found.schema.types == kinds
    assert found.to_pylist()[0] == {"a": AT, "b": SECONDS, "c": AT, "d": "107.10.235.188"}
    assert found.to_pylist()[1] == dict.fromkeys("abcd")


def test_an_integer_that_is_wide_is_its_digits_and_bytes_are_bytes() -> None:
    table = pa.table({name: pa.array([WIDE, b"\xff" * 16], pa.binary(16)) for name in "abcd"})
    found = typed(table, ["Int128", "UInt128", "IPv6", "FixedString(16)"])
    assert found.to_pydict() == {
        "a": ["170141183460469231731687303715884105727", "-1"],
        "b": ["170141183460469231731687303715884105727", str(2**128 - 1)],
        "c": ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff7f", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        "d": [WIDE, b"\xff" * 16],
    }
    assert [found.schema.field(name).metadata for name in "abcd"] == [DIGITS, DIGITS, None, None]
    highest = pa.table({"a": pa.array([b"\xff" * 32], pa.binary(32))})
    assert typed(highest, ["UInt256"])["a"].to_pylist() == [str(2**256 - 1)]
    assert typed(highest, ["Nullable(Int256)"])["a"].to_pylist() == ["-1"]


def test_what_is_inside_lists_maps_and_tuples_is_found_whatever_its_places_are_called() -> None:
    inside = pa.struct([("a b", pa.string()), ("b,(", pa.list_(pa.uint32())), ("3", pa.uint32())])
    rows = [("x", [SECONDS, None], 1), None]
    table = pa.table(
        {
            "m": pa.array([[("k", SECONDS)], []], pa.map_(pa.string(), pa.uint32())),
            "t": pa.array(rows, inside),
        }
    )
    words = [
        "Map(Enum8('DateTime, (' = 1), DateTime)",
        "Nullable(Tuple(`a b` Enum8('it''s\\', (' = 1), `b,(` Array(Nullable(DateTime('UTC'))), `3` UInt32))",
    ]
    table = pa.concat_tables([table, table])
    found = typed(table, words)
    assert found["m"].to_pylist() == [[("k", AT)], []] * 2
    assert found["t"].to_pylist() == [{"a b": "x", "b,(": [AT, None], "3": 1}, None] * 2


def test_what_has_the_values_of_another_type_and_a_tuple_without_places_are_found_as_well() -> None:
    nested = pa.array([[{"a": SECONDS, "b": "x"}], []], pa.list_(pa.struct([("a", pa.uint32()), ("b", pa.string())])))
    empty = pa.array([{"1": {}, "2": SECONDS}] * 2, pa.struct([("1", pa.struct([])), ("2", pa.uint32())]))
    table = pa.table({"n": nested, "s": pa.array([SECONDS] * 2, pa.uint32()), "t": empty})
    words = [
        "Nested(a DateTime, b String)",
        "SimpleAggregateFunction(max, Nullable(DateTime))",
        "Tuple(Tuple(), DateTime)",
    ]
    found = typed(table, words)
    assert found["n"].to_pylist() == [[{"a": AT, "b": "x"}], []]
    assert found["s"].to_pylist() == [AT, AT]
    assert found["t"].to_pylist() == [{"1": {}, "2": AT}] * 2
    assert [place.strip() for place in places(f"Tuple({', '.join(words)})")] == words


def test_an_answer_without_rows_has_its_types_and_one_that_is_clear_is_not_asked_about() -> None:
    empty = pa.table({"l": pa.chunked_array([], pa.list_(pa.uint32()))})
    assert typed(empty, ["Array(DateTime)"]).schema.types == [pa.list_(pa.timestamp("s", "UTC"))]
    clear = [pa.uint16(), pa.uint64(), pa.timestamp("ns", "UTC"), pa.decimal128(18, 9), pa.string(), pa.binary(5)]
    assert not is_doubtful([*clear, pa.list_(pa.uint64()), pa.map_(pa.string(), pa.int64())])
    for kind in (pa.uint32(), pa.binary(16), pa.binary(32)):
        assert is_doubtful([pa.string(), pa.map_(pa.string(), pa.list_(pa.struct([("1", kind)])))])
