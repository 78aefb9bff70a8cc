"""From journal frames to one tape: each source's frames to its venue's decoder, the journal's own records to rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.engine import lanes
from breadboard.engine.asked import unasked
from breadboard.engine.journal_records import BAD_RECORD, clock_step, epoch_of, gap_of, rules_of
from breadboard.engine.lanes import Lane, Part
from breadboard.engine.voices import Voice
from breadboard.errors import BreadboardError
from breadboard.model import whole
from breadboard.model.bars import NO_BARS
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.instruments import NO_INSTRUMENT, Instrument, Instruments
from breadboard.model.kernels import brief
from breadboard.model.kinds import EventKind, Flag, GapReason, Provenance, RecordKind, SequenceRule, StatusCode
from breadboard.model.rules import RuleSet
from breadboard.model.tape import Tape
from breadboard.ports import Decoded, Feed

if TYPE_CHECKING:
    from breadboard.engine.cover import Span

_FLAGS: Final = {
    Provenance.LIVE: 0,
    Provenance.SYNTHETIC: int(Flag.SYNTHETIC),
    Provenance.REPLAY: int(Flag.REPLAYED),
    Provenance.HISTORY: int(Flag.HISTORY),
}
_COMPLETENESS: Final = {"conflated": int(Flag.CONFLATED), "delayed": int(Flag.DELAYED)}
_DATA: Final = int(RecordKind.DATA)
_DOCUMENT: Final = int(RecordKind.DOCUMENT)
_EPOCH: Final = int(RecordKind.EPOCH)
Details = dict[tuple[int, int], Mapping[str, Any]]
TRIES: Final = 3
"""How often a frame is given to a decoder or a stage that raises: in its batch, and then alone."""
_NOBODY: Final = -1
"""No place among those who speak: frames of several venues, or the journal's own records among them."""
MOST_CONDEMNED: Final = 10_000
"""Frames remembered that are quarantined unread, so that going back to before them need not try them again."""

Quarantined = tuple[int, int, int, str]
"""``(offset, source, ts_recv, reason)``."""


@dataclass
class Counts:
    """What became of the frames so far. ``frames == data + control + quarantined``."""

    frames: int = 0
    bytes: int = 0
    data: int = 0
    control: int = 0
    quarantined: int = 0
    checked: int = 0
    """Book messages whose checksum was compared, ``failed`` of them in vain."""
    failed: int = 0
    poisoned: int = 0
    """Frames among the quarantined on which a decoder or a stage raised, time and again."""
    ignored: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routed:
    """A run of frames as a tape with the engine's instrument ids, and the frames nobody could read."""

    tape: Tape
    bars: NDArray[np.void]
    """The vendors' own, in journal order."""
    details: Details
    """What STATUS rows say, by ``(offset, index)``."""
    quarantined: list[Quarantined]
    rules: list[tuple[int, RuleSet]]
    """The alert rules that hold from an offset on."""
    voices: list[Voice]
    """Where another venue begins to speak through a source."""


@brief
def _one_voice(kind: NDArray[np.uint8], source: NDArray[np.uint16], speakers: NDArray[np.int16]) -> int:
    """Return the place of the one venue whose frames all of these are, _NOBODY where there is no such venue."""
    place = _NOBODY if len(source) == 0 else int(speakers[source[0]])
    for row in range(len(kind)):
        if (kind[row] != _DATA and kind[row] != _DOCUMENT) or speakers[source[row]] != place:
            return _NOBODY
    return place


class Router:
    """Knows which source speaks for which venue, and turns frames into tape rows in journal order."""

    def __init__(self, feeds: Callable[[str], Feed], instruments: Instruments, most: int | None = None) -> None:
        self._feeds = feeds
        self._most = most
        self._instruments = instruments
        self._lanes: dict[str, Lane] = {}
        self._unknown: dict[str, str] = {}
        self._named: dict[str, Feed | None] = {}
        """Feeds of venues that have no lane: what they promise holds for history of theirs, whoever wrote it."""
        self.epochs: dict[int, Epoch] = {}
        self.unasked: dict[int, list[Span]] = {}
        """By source, what of a history's time nobody had asked for when it began."""
        self.venues: dict[int, str] = {}
        self._flags = np.zeros(1 << 16, np.uint16)
        self._speakers = np.zeros(1 << 16, np.int16)
        """By source, the place in ``_spoken`` of the venue that speaks there."""
        self._spoken: list[str | None] = [None]
        self._details: Details = {}
        self._rules: list[tuple[int, RuleSet]] = []
        self._voices: list[Voice] = []
        self.counts = Counts()
        self._condemned: dict[int, tuple[str, bool]] = {}
        """Frames to be quarantined unread, by offset: why, and whether a GAP row stands in their place."""

    def adopt(self, epoch: Epoch) -> None:
        """Take a source's connection: its venue and provenance hold for its frames from here on."""
        self.epochs[epoch.source] = epoch
        self.venues[epoch.source] = epoch.venue
        if epoch.venue not in self._spoken:
            self._spoken.append(epoch.venue)
        self._speakers[epoch.source] = self._spoken.index(epoch.venue)
        lane = self._lane(epoch.venue)
        completeness = _COMPLETENESS.get(lane.feed.capabilities.completeness, 0) if lane else 0
        synthetic = int(Flag.SYNTHETIC) if epoch.synthetic else 0
        self._flags[epoch.source] = _FLAGS[epoch.provenance] | synthetic | completeness

    def feed(self, venue: str) -> Feed | None:
        """Return the feed of a venue, whether it speaks itself or rows of a file name it; None where there is none."""
        lane = self._lanes.get(venue)
        if lane is not None:
            return lane.feed
        if venue not in self._named:
            try:
                self._named[venue] = self._feeds(venue)
            except (BreadboardError, KeyError, ValueError):
                self._named[venue] = None
        return self._named[venue]

    def condemn(self, offset: int, reason: str, *, marked: bool) -> None:
        """Quarantine a frame when it comes. Of more than MOST_CONDEMNED those longest known are forgotten."""
        self._condemned[offset] = (reason, marked)
        if len(self._condemned) > MOST_CONDEMNED:
            del self._condemned[next(iter(self._condemned))]

    def forget(self) -> None:
        """Have no connection, no decoder and no count any more; ``epochs`` and ``venues`` stay the same objects."""
        self.epochs.clear()
        self.venues.clear()
        self._lanes.clear()
        self._flags[:] = 0
        self._speakers[:] = 0
        del self._spoken[1:]
        self._details, self._rules, self._voices = {}, [], []
        self.counts = Counts()

    def route(self, frames: Frames) -> Routed:
        """Return what the frames mean. Never raises on what is in them."""
        bad: list[Quarantined] = []
        place = _NOBODY if self._condemned else _one_voice(frames.kind, frames.source, self._speakers)
        parts = self._runs(frames, bad) if place == _NOBODY else self._decode(frames, bad, place)
        lanes.name(parts, self._instruments, self._rule)
        bad.sort()
        tape = Tape.merge([lanes.mapped(part, self._instruments) for part in parts])
        details, self._details = self._details, {}
        rules, self._rules = self._rules, []
        voices, self._voices = self._voices, []
        return Routed(tape, lanes.bars(parts), details, bad, rules, voices)

    def state(self) -> dict[str, Any]:
        """Return all state for ``pack``."""
        return {
            "epochs": [msgspec.to_builtins(self.epochs[source]) for source in sorted(self.epochs)],
            "lanes": [
                [lane.venue, [msgspec.to_builtins(each) for each in lane.local], lane.decoder.snapshot()]
                for lane in (self._lanes[venue] for venue in sorted(self._lanes))
            ],
            "counts": {name: value for name, value in vars(self.counts).items() if name != "ignored"},
            "ignored": [[name, self.counts.ignored[name]] for name in sorted(self.counts.ignored)],
        }

    def restore(self, parts: dict[str, Any]) -> None:
        """Go back to a state that ``state`` returned; the engine's instruments are already back."""
        for venue, local, decoder in parts["lanes"]:
            lane = self._open(venue, msgspec.convert(local, list[Instrument]))
            lane.decoder.restore(decoder)
        for epoch in msgspec.convert(parts["epochs"], list[Epoch]):
            self.adopt(epoch)
        self.counts = Counts(**parts["counts"], ignored=dict(parts["ignored"]))

    def _lane(self, venue: str) -> Lane | None:
        if venue in self._unknown:
            return None
        try:
            return self._lanes.get(venue) or self._open(venue, [])
        except (BreadboardError, KeyError, ValueError) as error:
            self._unknown[venue] = f"no decoder for venue {venue}: {error}"
            return None

    def _open(self, venue: str, known: list[Instrument]) -> Lane:
        feed, local = self._feeds(venue), Instruments(known, self._most)
        lane = Lane(venue, feed, local, feed.decoder(local), np.full(1, NO_INSTRUMENT, np.int32))
        self._lanes[venue] = lane
        return lane

    def _runs(self, frames: Frames, bad: list[Quarantined]) -> list[Part]:
        """Take frames of several venues, or with records of the journal's own among them."""
        parts: list[Part] = []
        begin = 0
        for end in [*(frames.kind == _EPOCH).nonzero()[0].tolist(), len(frames)]:
            # An epoch changes who speaks for a source, so a run begins with one and ends before the next.
            parts += self._run(frames if end - begin == len(frames) else frames.take(slice(begin, end)), bad)
            begin = end
        return parts

    def _run(self, frames: Frames, bad: list[Quarantined]) -> list[Part]:
        theirs = (frames.kind == _DATA) | (frames.kind == _DOCUMENT)
        if self._condemned:
            theirs &= ~np.isin(frames.offset, list(self._condemned))
        own = (~theirs).nonzero()[0]
        parts = self._own(frames, own, bad) if len(own) else []
        if len(own) < len(frames):
            those = frames.take(theirs) if len(own) else frames
            speakers = self._speakers[those.source]
            for place in np.bincount(speakers).nonzero()[0].tolist():
                parts += self._decode(those.take(speakers == place), bad, place)
        return parts

    def _decode(self, frames: Frames, bad: list[Quarantined], place: int) -> list[Part]:
        """Decode the frames of one venue."""
        venue = self._spoken[place]
        self.counts.frames += len(frames)
        self.counts.bytes += int(np.add.reduce(frames.end - frames.begin))
        lane = self._lane(venue) if venue else None
        if lane is None:
            reason = self._unknown[venue] if venue else "no connection is known of this source"
            self._quarantine(frames, [(row, reason) for row in range(len(frames))], bad)
            return []
        tape, bars = self._through(lane, frames, bad)
        if not len(tape) and not len(bars):
            return []
        np.bitwise_or(tape.flags, self._flags[tape.source], out=tape.flags)
        return [Part(tape, lane, bars)]

    def _through(self, lane: Lane, frames: Frames, bad: list[Quarantined]) -> tuple[Tape, NDArray[np.void]]:
        """Decode; where the decoder trips over a bug of its own, take frame by frame, and go on without the one."""
        decoded = self._tried(lane, frames)
        if isinstance(decoded, Decoded):
            return self._taken(frames, decoded, bad)
        alone = [self._alone(lane, frames.take(slice(i, i + 1)), bad) for i in range(len(frames))]
        return Tape.merge([tape for tape, _ in alone]), whole.joined([bars for _, bars in alone])

    def _alone(self, lane: Lane, frame: Frames, bad: list[Quarantined]) -> tuple[Tape, NDArray[np.void]]:
        """Decode one frame of a batch that was tried once already."""
        for _ in range(TRIES - 1):
            decoded = self._tried(lane, frame)
            if isinstance(decoded, Decoded):
                return self._taken(frame, decoded, bad)
        self._quarantine(frame, [(0, f"the decoder failed: {decoded!r}")], bad)
        self.counts.poisoned += 1
        return Tape.empty(), NO_BARS

    def _tried(self, lane: Lane, frames: Frames) -> Decoded | Exception:
        """Decode, or give the lane a decoder that stands where it stood before, and return what was raised."""
        before = b"" if lane.decoder.guarded else lane.decoder.snapshot()
        count = len(lane.local)
        try:
            return lane.decoder.decode(frames)
        except Exception as error:  # noqa: BLE001 - a bug in a decoder costs the frames it cannot read, not the engine
            lane.local = Instruments(list(lane.local)[:count], self._most)
            lane.decoder = lane.feed.decoder(lane.local)
            lane.decoder.restore(before)
            return error

    def _taken(self, frames: Frames, decoded: Decoded, bad: list[Quarantined]) -> tuple[Tape, NDArray[np.void]]:
        """Count what was decoded, and quarantine what the decoder refused."""
        self._count(decoded)
        if not decoded.quarantined:
            return decoded.tape, decoded.bars
        rows = np.searchsorted(frames.offset, [offset for offset, _ in decoded.quarantined]).tolist()
        reasons = [reason for _, reason in decoded.quarantined]
        self._quarantine(frames, list(zip(rows, reasons, strict=True)), bad)
        return decoded.tape, decoded.bars

    def _count(self, decoded: Decoded) -> None:
        self.counts.data += decoded.data
        self._details |= decoded.notes
        self.counts.control += decoded.control
        self.counts.checked += decoded.checked
        self.counts.failed += decoded.failed
        for name, count in decoded.ignored.items():
            self.counts.ignored[name] = self.counts.ignored.get(name, 0) + count

    def _quarantine(self, frames: Frames, rows: Iterable[tuple[int, str]], bad: list[Quarantined]) -> None:
        for row, reason in rows:
            self.counts.quarantined += 1
            bad.append((int(frames.offset[row]), int(frames.source[row]), int(frames.ts_recv[row]), reason))

    def _garbled(self, frames: Frames, row: int, reason: str, bad: list[Quarantined]) -> None:
        """Quarantine a record that is not a venue's, or not one to decode; it counts as a frame."""
        self.counts.frames += 1
        self.counts.bytes += int(frames.end[row] - frames.begin[row])
        self._quarantine(frames, [(row, reason)], bad)

    def _rule(self, venue: str) -> SequenceRule:
        lane = self._lane(venue)
        return lane.feed.capabilities.sequence_rule if lane else SequenceRule.NONE

    def _speaks(self, offset: int, epoch: Epoch) -> None:
        """Take an EPOCH record; note where another venue begins to speak."""
        before = self.venues.get(epoch.source, "")
        self.adopt(epoch)
        if epoch.open:
            self.unasked[epoch.source] = unasked(self.epochs, epoch.source)
        if epoch.venue != before:
            self._voices.append(Voice(offset, epoch.source, before, epoch.venue))

    def _own(self, frames: Frames, at: NDArray[np.int64], bad: list[Quarantined]) -> list[Part]:
        """Return the tape rows of the journal's own records; an EPOCH takes effect here."""
        rows: list[tuple[int, ...]] = []
        gaps: list[tuple[int, Gap]] = []
        venues: dict[int, str] = {}
        for row in at.tolist():
            kind, source = int(frames.kind[row]), int(frames.source[row])
            stamp = (int(frames.offset[row]), int(frames.ts_recv[row]))
            if stamp[0] in self._condemned:
                reason, marked = self._condemned[stamp[0]]
                self._garbled(frames, row, reason, bad)
                self.counts.poisoned += 1
                if marked:
                    rows.append((*stamp, EventKind.GAP, source, Flag.FEED_WIDE, GapReason.QUARANTINE, ABSENT))
            elif kind == RecordKind.CLOCK:
                rows.append((*stamp, EventKind.CLOCK, source, 0, 0, clock_step(frames.frame(row))))
            elif kind == RecordKind.EPOCH and (epoch := epoch_of(frames.frame(row))) is not None:
                self._speaks(stamp[0], epoch)
                code = StatusCode.FEED_UP if epoch.open else StatusCode.FEED_DOWN
                rows.append((*stamp, EventKind.STATUS, epoch.source, Flag.FEED_WIDE, code, ABSENT))
            elif kind == RecordKind.GAP and (gap := gap_of(frames.frame(row))) is not None:
                gaps.append((stamp[0], gap))
                if gap.symbol and gap.source in self.epochs:
                    venues[stamp[0]] = self.epochs[gap.source].venue
                wide = 0 if stamp[0] in venues else Flag.FEED_WIDE
                rows.append((*stamp, EventKind.GAP, gap.source, wide, gap.reason, ABSENT))
            elif kind == RecordKind.RULES and (ruleset := rules_of(frames.frame(row))) is not None:
                self._rules.append((stamp[0], ruleset))
            else:
                self._garbled(frames, row, BAD_RECORD.get(kind, f"a record of unknown kind {kind}"), bad)
        if not rows:
            return []
        names = ("offset", "ts_recv", "kind", "source", "flags", "code", "size")
        tape = Tape.of(len(rows), dict(zip(names, zip(*rows, strict=True), strict=True)), gaps=gaps)
        return [Part(replace(tape, flags=tape.flags | self._flags[tape.source]), None, venues=venues)]
