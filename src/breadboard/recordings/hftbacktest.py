"""Recordings of hftbacktest's collectors: ``<receive ns> <json>`` a line, usually gzipped, snapshots among them."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final

from breadboard.model.kinds import RecordKind
from breadboard.recordings.lines import Item, Malformed, document, plausible, read_items

EXPECTED: Final = "`<receive time in ns> <json>`"
PEEK: Final = 2000
"""Items looked at ahead for the symbols of a file, because a snapshot does not say its own and may come first."""
HEAD_BYTES: Final = 300
"""A snapshot's ``lastUpdateId`` and ``symbol`` come before its levels."""
_ENVELOPE: Final = b'"stream"'
"""A member of what comes through ``/stream``, beside ``data``, in any order; raw frames and REST answers have none."""
_STREAM: Final = re.compile(rb'"stream"\s*:\s*"([^"@]+)@')
_RAW: Final = re.compile(rb'"s"\s*:\s*"([^"]+)"')
"""What frames of ``/ws/<stream>`` are about: they come without an envelope."""
_CHANGE: Final = re.compile(rb'"e"\s*:\s*"depthUpdate"')
_SELDOM: Final = 50
"""Changes for each whole book, at least, where it comes by REST, which is asked when one is needed."""
_SYMBOL: Final = re.compile(rb'"symbol"\s*:\s*"([^"]+)"')


def read(path: Path) -> tuple[tuple[str, ...], Iterator[Item]]:
    """Return the symbols of a recording's streams (of its first items) and what happened, in order."""
    items = read_items(path, parse, other="cryptofeed")
    ahead = list(islice(items, PEEK))
    symbols = _named(_STREAM, ahead)
    everyone = {*symbols, *_unwrapped(ahead)}
    only = next(iter(everyone)) if len(everyone) == 1 else None
    return symbols, (_as_document(item, only) for item in chain(ahead, items))


def _unwrapped(ahead: list[Item]) -> tuple[str, ...]:
    """Return the symbols of frames without envelopes; none where whole books among them cannot be told from parts.

    A frame of a partial depth stream looks like a REST answer there, and comes every second or more often.
    """
    bare = [item for item in ahead if _ENVELOPE not in item.payload]
    changes = sum(_CHANGE.search(item.payload) is not None for item in bare)
    books = sum(b'"lastUpdateId"' in item.payload[:HEAD_BYTES] for item in bare)
    return _named(_RAW, bare) if books <= max(1, changes // _SELDOM) else ()


def _named(pattern: re.Pattern[bytes], items: Iterable[Item]) -> tuple[str, ...]:
    """Return the symbols that a pattern finds in frames, upper case, each once."""
    found = (name for item in items for name in pattern.findall(item.payload))
    return tuple(dict.fromkeys(name.decode("utf-8", "replace").upper() for name in found))


def parse(line: bytes) -> Item:
    """Return a line's item. Raises Malformed."""
    stamp, space, frame = line.partition(b" ")
    if not space or not stamp.isdigit() or len(stamp) != 19:
        raise Malformed(EXPECTED)
    return Item(plausible(int(stamp), EXPECTED), RecordKind.DATA, frame)


def _as_document(item: Item, only: str | None) -> Item:
    """Return a REST snapshot as the document it was; one whose symbol nobody says stays a frame, for the decoder."""
    head = item.payload[:HEAD_BYTES]
    if item.kind is not RecordKind.DATA or b'"lastUpdateId"' not in head or _ENVELOPE in item.payload:
        return item
    named = _SYMBOL.search(head)
    symbol = named.group(1).decode("utf-8", "replace") if named else only
    if symbol is None:
        return item
    return Item(item.stamp, RecordKind.DOCUMENT, document(f"depth:{symbol}", "", item.payload))
