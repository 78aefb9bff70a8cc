"""What a writer finds when it opens a journal: where it goes on, and what it must write again.

A record that was written but never acknowledged may be in the page cache only, or be one whose fsync failed: reading
it back proves nothing. So recovery takes every valid record at or after HEAD out of the tail and has the writer put it,
byte for byte, at the begin of a new segment. The tail itself is never cut: a reader's range of it ends where the new
segment begins.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from breadboard.journal.format import NO_CHAIN, parse_epoch
from breadboard.journal.head import BELIEVABLE, said
from breadboard.journal.items import Item, gap_item
from breadboard.journal.scan import BEGIN, COUNT, CRC, FIRST, KIND, LENGTH, NEXT, TS_LAST, frames_of
from breadboard.journal.segments import Content, Segment, listing, load, torn_bytes
from breadboard.journal.twins import keep_aside, settle
from breadboard.journal.word import sync_word
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import GapReason, RecordKind


@dataclass(frozen=True, slots=True)
class Recovered:
    """Where the next segment begins, and what is known there."""

    sync: int
    base: int
    ts_before: int
    epochs: dict[int, Epoch]
    chain: bytes
    items: list[Item]
    """Records to write again, and a GAP for offsets that were visible and are lost."""
    raw: list[Segment]
    """Segments before ``base`` that are not compressed."""


def recover(directory: Path, base_offset: int, now: int) -> Recovered:
    """Look at the journal's tail. Changes no segment; removes leftovers of unfinished files.

    Of a last segment that has two forms only the better one stays in its place.
    ``base_offset`` is where an empty journal begins; ``now`` the wall time. Raises JournalError.
    """
    for leftover in directory.glob("*.tmp"):
        leftover.unlink()
    segments = listing(directory)
    sync = sync_word(directory, segments)
    durable, _ = said(directory)
    if not segments:
        return Recovered(sync, max(base_offset, durable), 0, {}, NO_CHAIN, [], [])
    if segments[-1].twin is not None:  # the raw one may be replaced below
        settle(segments[-1])
        segments = listing(directory)
    tail = load(segments[-1], sync)
    floor = max(durable if durable <= tail.next + BELIEVABLE else 0, tail.segment.base)
    again = tail.records[tail.records[:, NEXT] > floor]
    base = min(floor, int(again[0, FIRST])) if len(again) else tail.next
    before = tail.until(base)
    items = _again(tail, again, base, before.ts_last, now)
    if floor > tail.next:
        items.append(lost(sync, (tail.next, floor), (tail.ts_last, now), now))
    if base == tail.segment.base and (tail.broken or torn_bytes(tail)):
        keep_aside(tail.segment.path, now)
    epochs, chain = before.epochs(), before.digest()
    if tail.header is None and len(segments) > 1:
        whole = load(segments[-2], sync, tail.segment.base)
        epochs = whole.epochs() | epochs
        chain = whole.digest() if base == tail.segment.base else chain
    elif base == tail.segment.base:
        chain = tail.header.chain if tail.header else NO_CHAIN
    raw = [segment for segment in segments if not segment.sealed and segment.base < base]
    return Recovered(sync, base, before.ts_last, epochs, chain, items, raw)


def _again(tail: Content, rows: NDArray[np.int64], base: int, ts_last: int, now: int) -> list[Item]:
    """Return these records, from offset ``base`` on, with a GAP for what never reached the disk between them."""
    items: list[Item] = []
    for row in range(len(rows)):
        record = rows[row : row + 1]
        item = item_of(tail, record)
        if record[0, FIRST] > base:
            items.append(lost_before(tail, record, base, ts_last, now))
        items.append(item)
        base, ts_last = item.next, item.ts_last
    return items


def lost(sync: int, span: tuple[int, int], ts: tuple[int, int], now: int) -> Item:
    """Return a GAP record in the place of offsets that cannot be read any more."""
    return gap_item(sync, span, GapReason.DAMAGE, ts, f"{span[1] - span[0]} frames at offset {span[0]}", now)


def lost_before(content: Content, record: NDArray[np.int64], expected: int, ts_last: int, now: int) -> Item:
    """Return a GAP record in the place of the offsets from ``expected`` on that are missing before a record.

    From ``ts_last``, when the frame before them was received (0: not known), to this record's first frame.
    """
    stamp = int(frames_of(content.data, record, 0, 1).ts_recv[0])
    stamp += stamp == ts_last  # a gap of no time at all would say that nothing is missing
    return lost(content.sync, (expected, int(record[0, FIRST])), (ts_last, stamp), now)


def item_of(content: Content, record: NDArray[np.int64]) -> Item:
    """Return one row of a segment, unchanged, as the writer takes it."""
    row = record[0]
    data = content.data[row[BEGIN] : row[BEGIN] + row[LENGTH]].tobytes()
    epochs: tuple[Epoch, ...] = ()
    if row[KIND] == RecordKind.EPOCH:
        frames = frames_of(content.data, record, 0, int(row[COUNT])).frames()
        epochs = tuple(epoch for epoch in map(parse_epoch, frames) if epoch is not None and epoch.open)
    return Item((data,), len(data), int(row[NEXT]), int(row[TS_LAST]), int(row[CRC]), epochs)
