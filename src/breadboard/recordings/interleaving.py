"""Recordings of several venues as one: what one recorder, or several with true clocks, heard at the same time."""

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from typing import Final

from breadboard.model.kinds import RecordKind
from breadboard.recordings.batches import Batch

MOST_FRAMES: Final = 1000

Entry = tuple[int, Batch, int]
"""When, at the latest, the frames before it in its recording were received; a batch; the place of a frame in it."""


def interleaved(recordings: Sequence[Iterator[Batch]]) -> Iterator[Batch]:
    """Yield the frames of several recordings by their receive stamps, those of each in its own order.

    A clock that stepped back in one of them moves nothing of the others. Of equal stamps the recording named first
    comes first.
    """
    entries = merge(*map(_entries, recordings), key=lambda entry: entry[0])
    for (kind, source, epoch), run in groupby(entries, key=lambda entry: _origin(entry[1])):
        while part := list(islice(run, MOST_FRAMES if kind is RecordKind.DATA else 1)):
            frames = [batch.frames[place] for _, batch, place in part]
            yield Batch(kind, source, epoch, frames, [batch.ts_recv[place] for _, batch, place in part])


def _entries(recording: Iterator[Batch]) -> Iterator[Entry]:
    latest = 0
    for batch in recording:
        for place, stamp in enumerate(batch.ts_recv):
            latest = max(latest, stamp)
            yield latest, batch, place


def _origin(batch: Batch) -> tuple[RecordKind, int, int]:
    return batch.kind, batch.source, batch.epoch
