"""What the journal already holds of each source: asked once, when capture starts, to begin the next gap rightly."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from breadboard import journal
from breadboard.capture.planning import History
from breadboard.journal.format import parse_epoch
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import GapReason, Provenance, RecordKind

LOOK_BACK: Final = 16
"""Segments searched for the last word on a connection. Of one that ended before them the gap begins with the oldest of
them, and the time before that is on no record: to say where it ended, all of a long journal would have to be read."""
_READ_FRAMES: Final = 65_536
_OUTAGES: Final = frozenset({GapReason.RESTART, GapReason.DISCONNECT})
_FILES: Final = frozenset({Provenance.REPLAY, Provenance.HISTORY})


@dataclass(frozen=True, slots=True)
class _Source:
    """The last word on one source, as far as it was found."""

    epoch: int
    known: bool = False
    """Whether a record says how things stood."""
    is_open: bool = False
    ts: int = 0
    """Of the record that says it is not open."""
    carried: bool = False
    """Its last connection was a file."""
    told: Epoch | None = None
    """That connection, in the words with which it was opened."""


def history(directory: Path, wanted: Collection[int] | None = None) -> dict[int, History]:
    """Return, for every source of the journal, its last connection and the last moment at which it was known good.

    Goes back until all is known of the sources that are ``wanted`` (None: of all). What is said of others may be too
    early: they may have ended long ago.

    A source whose connection was open is good up to the journal's last record of any kind: capture, with its clock
    record every second, was alive until then. One that had lost its connection, or had not got one since capture
    started, is good up to the record that says so, which may lie some segments back.
    """
    sources: dict[int, _Source] = {}
    last_ts = first_ts = 0
    limit: int | None = None
    for base in list(reversed(journal.bases(directory)))[:LOOK_BACK]:
        found, (first, last) = _look(directory, base, limit)
        limit, first_ts, last_ts = base, first or first_ts, last_ts or last
        for number, source in found.items():
            later = sources.get(number)
            if later is None or not later.known:
                epoch, carried, told = (later.epoch, later.carried, later.told) if later else (0, False, None)
                sources[number] = replace(
                    source,
                    epoch=max(source.epoch, epoch),
                    carried=source.carried or carried,
                    told=told or source.told,
                )
        asked = [source for number, source in sources.items() if wanted is None or number in wanted]
        if last_ts and all(source.known for source in asked):
            break
    if not last_ts:
        return {}
    return {
        number: History(
            source.epoch,
            last_ts if source.is_open else source.ts if source.known else first_ts,
            source.carried,
            source.told,
            source.is_open,
        )
        for number, source in sources.items()
    }


def _look(directory: Path, base: int, limit: int | None) -> tuple[dict[int, _Source], tuple[int, int]]:
    """Return what one segment says of the sources, and the receive stamps of its first and last frame (0: none)."""
    reader = journal.Reader.open(directory, base)
    found = {
        number: _Source(epoch.epoch, carried=epoch.provenance in _FILES, told=epoch)
        for number, epoch in reader.epochs.items()
    }
    first = last = 0
    while limit is None or reader.position < limit:
        frames = reader.read(_READ_FRAMES if limit is None else min(_READ_FRAMES, limit - reader.position))
        if frames is None:
            break
        first, last = first or int(frames.ts_recv[0]), int(frames.ts_recv[-1])
        _hear(frames, found)
    reader.close()
    return found, (first, last)


def _hear(frames: Frames, found: dict[int, _Source]) -> None:
    """Take what a run of frames says: data comes from an open connection, an outage's gap from none."""
    for row in _telling(frames):
        kind, number, epoch, is_open = int(frames.kind[row]), int(frames.source[row]), int(frames.epoch[row]), True
        before = found.get(number)
        carried, told = (before.carried, before.told) if before else (False, None)
        if kind == RecordKind.EPOCH:
            told = parse_epoch(frames.frame(row))
            if told is None:
                continue
            number, epoch, is_open = told.source, told.epoch, told.open
            carried = told.provenance in _FILES
        elif kind == RecordKind.GAP:
            if not _is_outage(frames.frame(row)):
                continue
            is_open = False
        ts = int(frames.ts_recv[row])
        found[number] = _Source(epoch, known=True, is_open=is_open, ts=ts, carried=carried, told=told)


def _telling(frames: Frames) -> list[int]:
    """Return the rows that say how a source stands, in order: its own records, and the last of its data."""
    data = np.flatnonzero((frames.kind == RecordKind.DATA) | (frames.kind == RecordKind.DOCUMENT))[::-1]
    _, newest = np.unique(frames.source[data], return_index=True)
    own = np.flatnonzero((frames.kind == RecordKind.EPOCH) | (frames.kind == RecordKind.GAP))
    rows: list[int] = np.sort(np.concatenate((own, data[newest]))).tolist()
    return rows


def _is_outage(body: bytes) -> bool:
    try:
        return msgspec.json.decode(body, type=Gap).reason in _OUTAGES
    except msgspec.DecodeError:
        return False
