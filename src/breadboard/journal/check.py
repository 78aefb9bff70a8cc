"""What a journal is worth: a quick look, a check of every byte, and a copy of all that is valid."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from crc32c import crc32c

from breadboard.clock import Clock, SystemClock
from breadboard.errors import JournalError
from breadboard.journal.files import SystemFiles
from breadboard.journal.format import RECORD_PAYLOAD_BYTES, RECORD_PREFIX
from breadboard.journal.head import OFFSET_MAX, Head, Lock, said
from breadboard.journal.items import Item
from breadboard.journal.recovery import item_of, lost, lost_before
from breadboard.journal.retention import floors
from breadboard.journal.scan import BEGIN, COUNT, FIRST, KIND, LENGTH, NEXT, frames_of
from breadboard.journal.segments import Content, listing, load, torn_bytes
from breadboard.journal.tail import Tail
from breadboard.journal.word import sync_word
from breadboard.journal.writer import SEGMENT_BYTES
from breadboard.model.gaps import Gap
from breadboard.model.kinds import GapReason, RecordKind


class Info(msgspec.Struct, frozen=True):
    """A journal at a glance; nothing is checked."""

    first: int
    """The oldest offset that is kept."""
    durable: int
    """The offset before which everything is visible."""
    segments: int
    sealed: int
    bytes: int
    """On disk, segments only."""
    consumers: dict[str, int]
    """What each has acknowledged."""


class Damage(msgspec.Struct, frozen=True):
    """Something that should be there and is not."""

    segment: str
    at: int
    """The byte of the raw segment where valid records stop."""
    what: str
    """``header``, ``records``, ``chain`` or ``block``."""
    first: int = 0
    next: int = 0
    """The offsets that are missing, where offsets are."""


class Report(msgspec.Struct, frozen=True):
    """What ``verify`` found."""

    segments: int
    records: int
    frames: int
    first: int
    next: int
    lost: int
    """Frames that GAP records stand for: damage found earlier, or copied out by ``salvage``."""
    torn_bytes: int
    """Bytes behind the last record of a segment that belong to no offset: writes that were never acknowledged."""
    damage: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


def info(directory: Path) -> Info:
    """Look at a journal from outside. Raises JournalError where there is none."""
    segments = listing(directory)
    durable, _ = said(directory)
    size = 0
    for segment in segments:
        try:
            size += segment.path.stat().st_size
        except FileNotFoundError:
            continue  # sealed or retired meanwhile
    return Info(
        first=segments[0].base if segments else 0,
        durable=durable,
        segments=len(segments),
        sealed=sum(segment.sealed for segment in segments),
        bytes=size,
        consumers=floors(directory),
    )


def identity(directory: Path) -> int:
    """Return the random word that this journal was born with and keeps; 0 for one that has no segment yet."""
    segments = listing(directory)
    return sync_word(directory, segments) if segments else 0


def bases(directory: Path) -> list[int]:
    """Return the first offset of every segment, oldest first: places where a reader may begin."""
    return [segment.base for segment in listing(directory)]


def verify(directory: Path) -> Report:
    """Check every record, every link between segments, and that no offset is missing. Changes nothing.

    May run beside the writer. A sector that the disk cannot read is a damaged block. Raises JournalError where there is
    no directory or the disk refuses otherwise.
    """
    records = frames = gone = torn = 0
    first = after = -1
    damage: list[Damage] = []
    previous: Content | None = None
    for content, limit in _contents(directory):
        name = content.segment.path.name
        records += len(content.records)
        frames += int(content.records[:, COUNT].sum())
        gone += _lost(content)
        torn += torn_bytes(content)
        first = content.segment.base if first < 0 else first
        after = content.next
        if content.header is None:
            damage.append(Damage(name, 0, "header"))
        elif previous is not None and content.header.chain != previous.digest():
            damage.append(Damage(name, 0, "chain"))
        if content.damaged_blocks:
            damage.append(Damage(name, 0, "block"))
        damage += [Damage(name, at, "records", *span) for at, span in _holes(content, limit)]
        previous = content
    segments = listing(directory)
    if not segments and (durable := said(directory)[0]):
        damage.append(Damage("HEAD", 0, "records", 0, durable))
    return Report(
        segments=len(segments),
        records=records,
        frames=frames,
        first=max(first, 0),
        next=max(after, 0),
        lost=gone,
        torn_bytes=torn,
        damage=tuple(damage),
    )


def salvage(directory: Path, target: Path, *, segment_bytes: int = SEGMENT_BYTES, clock: Clock | None = None) -> Report:
    """Copy every valid record to a new journal at the same offset, with a GAP record for each stretch that is missing.

    ``target`` must not hold a journal yet. A sector that the disk cannot read is damage as any other. Returns the
    report on the new journal. Raises JournalError; what was written until then is removed.
    """
    clock = clock or SystemClock()
    source = listing(directory)
    if not source:
        raise JournalError(f"the journal {directory} has no segments to salvage")
    made = [path for path in (target, target / "LOCK") if not path.exists()]
    target.mkdir(parents=True, exist_ok=True)
    if listing(target):
        raise JournalError(f"{target} already holds a journal", hint=f"breadboard journal salvage {directory} NEW")
    lock = Lock(target / "LOCK")
    tail = Tail(target, SystemFiles(), clock, sync_word(directory, source), source[0].base)
    try:
        _copy(directory, tail, segment_bytes)
        Head.make(target / "HEAD", tail.durable, tail.base, tail.sync).close()
    except BaseException as error:
        _undo(target, made)
        if not isinstance(error, OSError):
            raise
        raise JournalError(f"the journal {target} cannot be written: {error}", hint=f"df -h {target}") from error
    finally:
        tail.drop()
        lock.close()
    return verify(target)


def _copy(directory: Path, tail: Tail, segment_bytes: int) -> None:
    """Write every valid record of a journal, and a GAP record for each hole. Raises OSError, JournalError."""
    end = tail.durable
    for content, limit in _contents(directory):
        end = limit
        if content.header is not None:
            tail.epochs = tail.epochs | content.header.epochs
            tail.ts_last = tail.ts_last or content.header.ts_before
        if tail.base < 0:
            tail.start()
        found = _items(content, tail.durable, tail.ts_last, tail.clock.wall())
        if content.sync != tail.sync:  # the segment comes from another journal, or from before a word was lost
            found = (_with_word(item, tail.sync) for item in found)
        for items in _batches(found):
            if tail.size >= segment_bytes:
                tail.start()
            tail.write(items)
    if end > tail.durable:  # no record follows: what is missing may reach up to this moment
        now = tail.clock.wall()
        tail.write([lost(tail.sync, (tail.durable, end), (tail.ts_last, max(tail.ts_last + 1, now)), now)])


def _with_word(item: Item, sync: int) -> Item:
    """Return the same record as a journal with this word has it."""
    body = b"".join(item.parts)[RECORD_PREFIX.size :]
    crc = crc32c(body, sync)
    return item._replace(parts=(RECORD_PREFIX.pack(sync, crc), body), crc=crc)


def _undo(target: Path, made: list[Path]) -> None:
    """Remove what a salvage that failed has written, and the directory if it was ``made`` for it."""
    with suppress(OSError):
        begun = target.glob(f"{'[0-9]' * 20}.seg.tmp")
        for path in [*(segment.path for segment in listing(target)), *begun, target / "HEAD"]:
            path.unlink(missing_ok=True)
        if target / "LOCK" in made:
            (target / "LOCK").unlink()
        if target in made:
            target.rmdir()


def _contents(directory: Path) -> Iterator[tuple[Content, int]]:
    """Yield each segment with the offset it should reach (0: not known), what the disk cannot read of it as zeros."""
    durable, _ = said(directory)  # before the listing: then the segments listed reach it
    segments = listing(directory)
    sync = sync_word(directory, segments) if segments else 0
    limits = [*(segment.base for segment in segments[1:]), durable]
    for segment, limit in zip(segments, limits, strict=False):
        bound = limit if segment is not segments[-1] else OFFSET_MAX
        try:
            yield load(segment, sync, bound, patient=True), limit
        except FileNotFoundError:  # sealed meanwhile: its other name has the same bytes
            again = [other for other in listing(directory) if other.base == segment.base]
            if again:
                yield load(again[0], sync, bound, patient=True), limit


def _lost(content: Content) -> int:
    """Return how many frames the GAP records of a segment stand for that say DAMAGE: none of these is left."""
    gone = 0
    for row in content.records[content.records[:, KIND] == RecordKind.GAP]:
        payload = frames_of(content.data, row[None, :], 0, 1).frame(0)
        with suppress(msgspec.MsgspecError):
            if msgspec.json.decode(payload, type=Gap).reason == GapReason.DAMAGE:
                gone += int(row[NEXT] - row[FIRST])
    return gone


def _holes(content: Content, limit: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the byte where a hole begins and the offsets missing in it."""
    at = content.header.length if content.header else 0
    expected = content.segment.base
    for row in content.records:
        if row[FIRST] > expected:
            yield at, (expected, int(row[FIRST]))
        at, expected = int(row[BEGIN] + row[LENGTH]), int(row[NEXT])
    if limit > expected:
        yield at, (expected, limit)


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    """Cut into lists of about a megabyte."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.size
        if size >= RECORD_PAYLOAD_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _items(content: Content, expected: int, ts_last: int, now: int) -> Iterator[Item]:
    """Yield a segment's records, and one for each hole before one of them, in order of offset.

    ``expected`` is the offset after the last record before these, ``ts_last`` when its last frame was received (0: not
    known). What is missing at a segment's end is left to the next: its first record says when the hole ends.
    """
    for row in range(len(content.records)):
        record = content.records[row : row + 1]
        item = item_of(content, record)
        if record[0, FIRST] > expected:
            yield lost_before(content, record, expected, ts_last, now)
        yield item
        expected, ts_last = item.next, item.ts_last
