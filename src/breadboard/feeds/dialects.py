"""From a venue's messages in words to the tables that the kernel reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from breadboard.feeds.json_dialect import (
    ARRAY,
    COLUMNS,
    EXPONENT,
    NOWHERE,
    NUMBER,
    REFUSE,
    TEXT,
    TRUTH,
    Dialect,
)
from breadboard.feeds.words import Words
from breadboard.model.kinds import EventKind, StatusCode
from breadboard.model.tape import EVENT_COLUMNS

_JSON_TYPES: Final = {"text": TEXT, "number": NUMBER, "array": ARRAY, "truth": TRUTH}


@dataclass(frozen=True, slots=True)
class Key:
    """One JSON key, and what its value means by the JSON type it may have. Other types are refused."""

    name: str
    text: int = REFUSE
    number: int = REFUSE
    array: int = REFUSE
    truth: int = REFUSE


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of message: when a frame has it, what it must carry, and which key fills which tape column."""

    kind: EventKind
    need: str
    """``key:type`` for each required key; types are text, number, array, truth."""
    columns: Mapping[str, str | int]
    """Tape column to key (a ``size_exp`` column names the size's key), or BEFORE_FIRST."""
    types: tuple[str, ...] = ()
    untyped: bool = False
    document: bool = False
    nonzero: str = ""
    """Keys whose price or size must not be 0."""
    time_fallback: str | None = None
    """The key that fills ``ts_event`` where its own is absent."""
    flags: int = 0
    code: StatusCode | None = None


def dialect_of(keys: Sequence[Key], shapes: Sequence[Shape]) -> Dialect:
    """Return the tables. Keys 0 and 1 are the envelope's ``stream`` and ``data``, or empty for a venue without one."""
    place = {key.name: i for i, key in enumerate(keys) if key.name}
    shape_of_type = {name: i for i, shape in enumerate(shapes) for name in shape.types}
    return Dialect(
        keys=Words.of([key.name for key in keys]),
        meaning=np.array([[key.text, key.number, key.array, key.truth] for key in keys], np.int8),
        types=Words.of(list(shape_of_type)),
        shape_of_type=np.array(list(shape_of_type.values()), np.int64),
        untyped=next((i for i, shape in enumerate(shapes) if shape.untyped), -1),
        document=next((i for i, shape in enumerate(shapes) if shape.document), -1),
        need=np.array([_need(shape.need, place) for shape in shapes], np.int64).reshape(-1, 4),
        nonzero=np.array([sum(1 << place[name] for name in shape.nonzero.split()) for shape in shapes], np.int64),
        source=np.array([_source(shape, place) for shape in shapes], np.int64),
        default=np.array([_default(shape) for shape in shapes], np.int64),
        time_fallback=np.array(
            [NOWHERE if shape.time_fallback is None else place[shape.time_fallback] for shape in shapes], np.int64
        ),
    )


def _need(text: str, place: Mapping[str, int]) -> list[int]:
    bits = [0, 0, 0, 0]
    for item in text.split():
        name, _, json_type = item.partition(":")
        bits[_JSON_TYPES[json_type]] |= 1 << place[name]
    return bits


def _source(shape: Shape, place: Mapping[str, int]) -> list[int]:
    row = []
    for column in COLUMNS:
        key = shape.columns.get(column, NOWHERE)
        if isinstance(key, str):
            key = place[key] + (EXPONENT if column.endswith("size_exp") else 0)
        row.append(key)
    return row


def _default(shape: Shape) -> list[int]:
    fixed = {"kind": int(shape.kind), "flags": int(shape.flags), "code": int(shape.code or 0)}
    return [fixed.get(column, EVENT_COLUMNS[column][1]) for column in COLUMNS]
