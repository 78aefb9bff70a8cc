"""Our decoder against the official protobuf runtime, which is given our table of fields."""

import math
import struct
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.feeds.reading import Refused
from breadboard.feeds.yahoo_protobuf import DOUBLE, ENUM, FIELDS, FLOAT, SINT, TEXT, TEXTS, decode
from breadboard.sim.yahoo_protobuf import NUMBERS, encode

descriptor_pb2: Any = pytest.importorskip("google.protobuf.descriptor_pb2", reason="the protobuf package is not here")
descriptor_pool: Any = pytest.importorskip("google.protobuf.descriptor_pool")
message_factory: Any = pytest.importorskip("google.protobuf.message_factory")

SEED = 20200518
OFFICIAL = {TEXT: 9, TEXTS: 9, FLOAT: 2, DOUBLE: 1, SINT: 18, ENUM: 5}
"""Types of FieldDescriptorProto; an enum is read as int32, as yfinance does."""
VALUES = {
    TEXT: st.text(max_size=12),
    TEXTS: st.lists(st.text(max_size=8), min_size=1, max_size=3),
    FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
    DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    SINT: st.integers(-(2**63), 2**63 - 1),
    ENUM: st.integers(0, 2**31 - 1),
}
KINDS = dict(FIELDS.values())
anything = st.fixed_dictionaries({}, optional={name: VALUES[kind] for name, kind in KINDS.items()})


def official() -> Any:  # noqa: ANN401 - a class made at run time
    file = descriptor_pb2.FileDescriptorProto(name="pricing.proto", package="breadboard.test", syntax="proto3")
    described = file.message_type.add(name="PricingData")
    for number, (name, kind) in FIELDS.items():
        made = described.field.add(name=name, number=number, type=OFFICIAL[kind], label=3 if kind == TEXTS else 1)
        if kind != TEXTS:
            made.proto3_optional = True
            made.oneof_index = len(described.oneof_decl)
            described.oneof_decl.add(name=f"_{name}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("breadboard.test.PricingData"))


PricingData = official()


def told(message: Any) -> dict[str, Any]:  # noqa: ANN401 - a class made at run time
    return {field.name: value for field, value in message.ListFields()}


def same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Floats are the same float: their text is compared as what it means."""
    if ours.keys() != theirs.keys():
        return False
    again = PricingData()
    for name, value in ours.items():
        kind = KINDS[name]
        if kind == TEXTS:
            getattr(again, name).extend(value)
        else:
            setattr(again, name, float(value) if kind in (FLOAT, DOUBLE) else value)
    return told(again) == theirs


@settings(max_examples=500, deadline=None)
@given(anything)
def test_what_the_official_runtime_encodes_we_decode(fields: dict[str, Any]) -> None:
    message = PricingData(**fields)
    assert same(decode(message.SerializeToString()), told(message))


def test_ten_thousand_messages_of_the_official_runtime_are_decoded() -> None:
    chance = Random(SEED)
    for number in range(10_000):
        names = chance.sample(list(KINDS), chance.randrange(len(KINDS)))
        message = PricingData(**{name: drawn(KINDS[name], chance) for name in names})
        assert same(decode(message.SerializeToString()), told(message)), f"message {number} of seed {SEED}"


def drawn(kind: int, chance: Random) -> Any:  # noqa: ANN401 - a value of any field
    if kind in (TEXT, TEXTS):
        words = ["".join(chance.choices("AZ^=-.é币", k=chance.randrange(9))) for _ in range(1 + chance.randrange(3))]
        return words if kind == TEXTS else words[0]
    if kind == FLOAT:
        value = struct.unpack("<f", chance.randbytes(4))[0]
        return value if math.isfinite(value) else 1.5
    if kind == DOUBLE:
        return chance.uniform(-1, 1) * 10.0 ** chance.randrange(-300, 300)
    return chance.getrandbits(chance.randrange(1, 32)) if kind == ENUM else chance.randrange(-(2**63), 2**63)


@settings(max_examples=500, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: VALUES[KINDS[name]] for name in NUMBERS}))
def test_what_the_simulator_encodes_the_official_runtime_decodes(fields: dict[str, Any]) -> None:
    assert encode(fields) == PricingData(**fields).SerializeToString(deterministic=True)


@settings(max_examples=1000, deadline=None)
@given(anything, st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3)), max_size=3))
def test_of_damaged_messages_we_take_no_more_than_the_official_runtime_and_the_same(
    fields: dict[str, Any], damage: list[tuple[int, bytes, int]]
) -> None:
    raw = bytearray(PricingData(**fields).SerializeToString())
    for place, put, cut in damage:
        at = place % (len(raw) + 1)
        raw[at : at + cut] = put
    try:
        ours = decode(bytes(raw))
    except Refused:
        return  # stricter by intent: wrong wire types, groups, a price that is NaN
    theirs = told(PricingData.FromString(bytes(raw)))
    odd = {name for name, value in theirs.items() if isinstance(value, float) and not math.isfinite(value)}
    assert same(ours, {name: value for name, value in theirs.items() if name not in odd})
