"""Recordings made by others, as what our own capture would have put into the journal. No network, bounded memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import merge
from pathlib import Path
from typing import IO, Final

import msgspec

from breadboard.errors import UsageError
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from breadboard.recordings import cryptofeed, hftbacktest
from breadboard.recordings.batches import Batch
from breadboard.recordings.interleaving import interleaved
from breadboard.recordings.lines import LONGEST_LINE, Item

__all__ = ["FORMATS", "Batch", "interleaved", "open_lines", "open_recording"]

FORMATS: Final[Mapping[str, Callable[[Path], tuple[tuple[str, ...], Iterator[Item]]]]] = {
    "hftbacktest": hftbacktest.read,
    "cryptofeed": cryptofeed.read,
}
"""Every reader, by its name on the command line: a path to the symbols it names and its items."""


def open_recording(
    paths: Sequence[Path], form: str, venue: str, *, source: int = 0, epoch: int = 1, max_frames: int = 1000
) -> Iterator[Batch]:
    """Yield a recording in journal order, at most ``max_frames`` a batch, beginning with an EPOCH (provenance REPLAY).

    Several files are one recording: they are merged by their stamps, each keeping its own order, so a capture's
    socket and HTTP files fall into place, and files that follow each other are read one after the other. A connection
    made again inside a file closes the epoch, leaves a GAP, and opens the next. ``venue`` is upper case.
    Raises UsageError for no file, an unknown format, an empty recording, or a file of another format.
    """
    if form not in FORMATS:
        raise UsageError(f"there is no recording format {form!r}", hint=f"choose from: {' '.join(FORMATS)}")
    if not paths:
        raise UsageError("no recording was named", hint="breadboard replay FILE --venue … --format …")
    symbols: dict[str, None] = {}
    files: list[Iterator[tuple[int, int, Item]]] = []
    for place, path in enumerate(paths):
        named, items = FORMATS[form](path)
        symbols.update(dict.fromkeys(named))
        files.append(_placed(place, items))
    ordered = iter(merge(*files, key=lambda entry: entry[0]) if len(files) > 1 else files[0])
    first = next(ordered, None)
    if first is None:
        raise UsageError(f"{paths[0]} holds no frames", hint=f"ls -l {paths[0]}")
    url = first[2].payload.decode("utf-8", "replace") if first[2].kind is RecordKind.EPOCH else f"file:{paths[0].name}"
    run = _Run(source, epoch, venue, url, tuple(symbols), max_frames)
    yield run.opening(first[2].stamp)
    yield from run.take(first)
    for entry in ordered:
        yield from run.take(entry)
    yield from run.flush()


def _placed(place: int, items: Iterator[Item]) -> Iterator[tuple[int, int, Item]]:
    """Yield ``(stamp, place of the file, item)``."""
    return ((item.stamp, place, item) for item in items)


class _Run:
    """Gathers items into batches, and says when a connection was made again."""

    def __init__(self, source: int, epoch: int, venue: str, url: str, wanted: tuple[str, ...], most: int) -> None:
        self._source, self._epoch, self._venue, self._url = source, epoch, venue, url
        self._wanted, self._most = wanted, most
        self._kind = RecordKind.DATA
        self._frames: list[bytes] = []
        self._stamps: list[int] = []
        self._last: dict[int, int] = {}

    def opening(self, stamp: int) -> Batch:
        """Return the record that opens the current epoch."""
        return self._record(RecordKind.EPOCH, self._described(opened=True), stamp)

    def take(self, entry: tuple[int, int, Item]) -> Iterator[Batch]:
        """Take the next item; yield what is full or must come before it."""
        stamp, place, item = entry
        if item.kind is RecordKind.EPOCH:
            if place in self._last:
                yield from self._connected_again(self._last[place], item)
            return
        if item.kind is not self._kind or len(self._frames) >= self._most:
            yield from self.flush()
            self._kind = item.kind
        self._last[place] = stamp
        self._frames.append(item.payload)
        self._stamps.append(stamp)

    def flush(self) -> Iterator[Batch]:
        """Yield what was gathered, if anything."""
        if self._frames:
            yield Batch(self._kind, self._source, self._epoch, self._frames, self._stamps)
            self._frames, self._stamps = [], []

    def _connected_again(self, last: int, item: Item) -> Iterator[Batch]:
        yield from self.flush()
        yield self._record(RecordKind.EPOCH, self._described(opened=False, reason="the recorder reconnected"), last)
        gap = Gap(self._source, GapReason.DISCONNECT, last, item.stamp, detail="the recorder reconnected")
        yield self._record(RecordKind.GAP, gap, item.stamp)
        self._epoch += 1
        self._url = item.payload.decode("utf-8", "replace")
        yield self.opening(item.stamp)

    def _described(self, *, opened: bool, reason: str = "") -> Epoch:
        return Epoch(self._source, self._epoch, self._venue, self._url, self._wanted, Provenance.REPLAY, opened, reason)

    def _record(self, kind: RecordKind, content: Epoch | Gap, stamp: int) -> Batch:
        return Batch(kind, self._source, self._epoch, [msgspec.json.encode(content)], [stamp])


def open_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the frames of a stream, one a line, without blank lines. Raises UsageError for an endless line."""
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise UsageError(f"a line of more than {LONGEST_LINE} bytes is no frame", hint="head -c 1000 FILE")
        if frame := line.strip(b"\r\n"):
            yield frame
