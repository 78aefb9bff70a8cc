"""Recordings of hftbacktest's collectors: ``<receive ns> <json>`` a line, usually gzipped, snapshots among them."""

import re
from collections.abc import Iterator
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
_STREAM: Final = re.compile(rb'"stream"\s*:\s*"([^"@]+)@')
_SYMBOL: Final = re.compile(rb'"symbol"\s*:\s*"([^"]+)"')


def read(path: Path) -> tuple[tuple[str, ...], Iterator[Item]]:
    """Return the symbols of a recording's streams (of its first items) and what happened, in order."""
    items = read_items(path, parse, other="cryptofeed")
    ahead = list(islice(items, PEEK))
    symbols = dict.fromkeys(
        match.group(1).decode("utf-8", "replace").upper()
        for match in (_STREAM.search(item.payload[:HEAD_BYTES]) for item in ahead)
        if match
    )
    only = next(iter(symbols)) if len(symbols) == 1 else None
    return tuple(symbols), (_as_document(item, only) for item in chain(ahead, items))


def parse(line: bytes) -> Item:
    """Return a line's item. Raises Malformed."""
    stamp, space, frame = line.partition(b" ")
    if not space or not stamp.isdigit() or len(stamp) != 19:
        raise Malformed(EXPECTED)
    return Item(plausible(int(stamp), EXPECTED), RecordKind.DATA, frame)


def _as_document(item: Item, only: str | None) -> Item:
    """Return a REST snapshot as the document it was; one whose symbol nobody says stays a frame, for the decoder."""
    head = item.payload[:HEAD_BYTES]
    if item.kind is not RecordKind.DATA or b'"lastUpdateId"' not in head or b'"stream"' in head:
        return item
    named = _SYMBOL.search(head)
    symbol = named.group(1).decode("utf-8", "replace") if named else only
    if symbol is None:
        return item
    return Item(item.stamp, RecordKind.DOCUMENT, document(f"depth:{symbol}", "", item.payload))
