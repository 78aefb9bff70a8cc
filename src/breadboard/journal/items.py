"""Records on their way to the disk: frames as the writer takes them, and gaps where there are none."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from breadboard.errors import JournalError
from breadboard.journal.format import ALL_SOURCES, encode_gap, encode_record, gap_record, parse_epoch, runs
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import GapReason


class Item(NamedTuple):
    """One encoded record on its way to the disk."""

    parts: tuple[bytes, ...]
    size: int
    next: int
    """The offset after it."""
    ts_last: int
    """``ts_recv`` of its last frame."""
    crc: int
    epochs: tuple[Epoch, ...] = ()
    """Open Epochs it holds."""


def frame_items(
    sync: int,
    first: int,
    of: tuple[int, int, int],
    frames: Sequence[bytes],
    ts_recv: Sequence[int],
    stamps: tuple[int, int],
    epochs: tuple[Epoch, ...],
) -> list[Item]:
    """Return frames as records from offset ``first`` on, as many as they need.

    ``of`` is ``(kind, source, epoch)``, ``stamps`` are ``(ts_mono, ts_journal)``; the first record holds the open
    ``epochs``. Raises JournalError for frames or stamps that no record can hold.
    """
    kind, source, epoch = of
    ts_mono, ts_journal = stamps
    items: list[Item] = []
    after = first
    try:
        for begin, end, table in runs(frames, ts_recv):
            part = frames if end - begin == len(frames) else frames[begin:end]
            ts_first, ts_last = int(ts_recv[begin]), int(ts_recv[end - 1])
            mono = ts_mono and ts_mono + max(0, ts_first - int(ts_recv[0]))
            prefix, body, crc = encode_record(
                sync, kind, source, epoch, after, part, table, (ts_first, mono, ts_journal)
            )
            after += end - begin
            items.append(Item((prefix, body), len(prefix) + len(body), after, ts_last, crc, epochs))
            epochs = ()
    except (struct.error, OverflowError) as error:
        raise JournalError(f"source {source}, epoch {epoch} or a stamp does not fit a record: {error}") from error
    return items


def gap_item(
    sync: int, span: tuple[int, int], reason: GapReason, ts: tuple[int, int], detail: str, ts_journal: int
) -> Item:
    """Return a GAP record of all sources that stands for ``span[0] <= offset < span[1]``; ``ts``: from, to (ns UTC)."""
    payload = encode_gap(ALL_SOURCES, reason, ts, detail)
    prefix, body, crc = gap_record(sync, span, payload, (max(ts), 0, ts_journal))
    return Item((prefix, body), len(prefix) + len(body), span[1], max(ts), crc)


def opened(frames: Sequence[bytes]) -> tuple[Epoch, ...]:
    """Return the open Epochs among the frames of an EPOCH record. Raises JournalError for a frame that is none."""
    epochs = [parse_epoch(frame) for frame in frames]
    for epoch, frame in zip(epochs, frames, strict=True):
        if epoch is None:
            raise JournalError(f"an EPOCH record must hold one msgspec-JSON Epoch, not {frame[:80]!r}")
    return tuple(epoch for epoch in epochs if epoch is not None and epoch.open)
