"""Frames in which a venue says something new: a member, a field or an element that nobody knows."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

NEW: Final = b'"novelty":{"since":[1,null]}'


def members(*within: str) -> Callable[[bytes], Iterator[bytes]]:
    """Return how JSON grows: a member is added at the end of each object in turn, however deep.

    Objects under one of the names ``within`` are left alone: their members are named as somebody likes.
    """

    def grow(frame: bytes) -> Iterator[bytes]:
        try:
            json.loads(frame)
        except ValueError:
            return
        for place in _ends(frame, {name.encode() for name in within}):
            comma = b"" if frame[:place].rstrip().endswith(b"{") else b","
            yield frame[:place] + comma + NEW + frame[place:]

    return grow


def _ends(frame: bytes, free: set[bytes]) -> Iterator[int]:
    """Yield where the objects of well-formed JSON end, those that are the value of a free name left out."""
    opened: list[bool] = []
    text, quoted, begin = b"", False, 0
    at = 0
    while at < len(frame):
        byte = frame[at : at + 1]
        if quoted:
            at += byte == b"\\"
            if byte == b'"':
                quoted, text = False, frame[begin:at]
        elif byte == b'"':
            quoted, begin = True, at + 1
        elif byte == b"{":
            opened.append((bool(opened) and opened[-1]) or text in free)
        elif byte == b"}" and not opened.pop():
            yield at
        if byte in (b",", b"}"):
            text = b"" if not quoted else text
        at += 1


def elements(frame: bytes) -> Iterator[bytes]:
    """Grow Kraken's arrays: one element behind the last that a row may have, and members as elsewhere."""
    yield from members()(frame)
    said = json.loads(frame)
    if type(said) is not list or said[-2].startswith("ohlc"):
        return
    longest = {"trade": 6, "spread": 5, "book": 3}.get(said[-2].partition("-")[0])
    for row in _rows(said[1:-2]):
        most = longest or (3 if row in (said[1]["a"], said[1]["b"]) else 2)
        if len(row) == most:
            row.append("novelty")
            yield json.dumps(said, separators=(",", ":")).encode()
            row.pop()


def _rows(value: Any) -> Iterator[list[Any]]:  # noqa: ANN401 - any JSON
    """Yield the innermost lists."""
    parts = value.values() if isinstance(value, dict) else value
    nested = [part for part in parts if isinstance(part, list | dict)]
    if not nested and isinstance(value, list) and value:
        yield value
    for part in nested:
        yield from _rows(part)


def fields(frame: bytes) -> Iterator[bytes]:
    """Grow a line of IQFeed: one field behind the last."""
    kind = frame.partition(b",")[0]
    if frame.startswith(b"S,CURRENT UPDATE FIELDNAMES"):
        yield frame + b"Halt Reason,"
    if kind in (b"Q", b"P", b"C", b"R") or kind.isdigit():
        yield frame + b"M1,"


def numbers(frame: bytes) -> Iterator[bytes]:
    """Grow Yahoo's pricing: a protobuf field that no schema has, and members of the JSON around it."""
    yield from members()(frame)
    new = b"\x80\x03\x01"  # field 48, a varint, 1
    if not frame.startswith(b"{"):
        yield base64.b64encode(base64.b64decode(frame) + new)
        return
    said = json.loads(frame)
    if said["type"] == "pricing":
        grown = base64.b64encode(base64.b64decode(said["message"]) + new).decode()
        yield json.dumps(said | {"message": grown}).encode()
