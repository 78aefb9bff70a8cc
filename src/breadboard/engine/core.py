"""The engine: journal frames in, everything concluded from them out. Pure: the same journal, the same state."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.config import EngineConfig
from breadboard.engine.activity import ActivityBars, Spec
from breadboard.engine.anomalies import Anomalies
from breadboard.engine.arbitrage import Arbitrage
from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.engine.clock_skew import ClockSkew
from breadboard.engine.consolidated import Consolidated
from breadboard.engine.continuity import Continuity
from breadboard.engine.depth_snapshots import DepthSnapshots
from breadboard.engine.digest import Digest
from breadboard.engine.features import Features
from breadboard.engine.gap_list import gap_list
from breadboard.engine.groups import groups_of
from breadboard.engine.latest import Latest
from breadboard.engine.orders import Orders
from breadboard.engine.parted_books import PartedBooks
from breadboard.engine.parted_depth import PartedDepth
from breadboard.engine.parted_features import PartedFeatures
from breadboard.engine.partitions import Partitions, in_order
from breadboard.engine.promises import Promises
from breadboard.engine.router import Routed, Router
from breadboard.engine.rules import Rules, holes_of
from breadboard.engine.sessions import Sessions
from breadboard.engine.state import pack, unpack
from breadboard.engine.summary import Tally, summary
from breadboard.engine.voices import Voice
from breadboard.model import whole
from breadboard.model.bars import NO_BARS
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.instruments import Instrument, Instruments
from breadboard.model.kinds import EventKind, GapReason
from breadboard.model.outputs import Outputs
from breadboard.model.rules import RuleSet
from breadboard.model.tape import Tape
from breadboard.ports import Feed

_ASKED_FOR = frozenset({"features", "anomalies", "depth"})
"""Stages that a configuration may or may not have."""


class _Kept(Protocol):
    """What the engine's state is made of."""

    def snapshot(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...


class Engine:
    """Decodes and runs the stages, in journal order. Not thread-safe: one thread calls and reads it.

    ``feeds`` returns the feed of a venue by its upper-case name, and may raise BreadboardError for one it does not
    know: that venue's frames are quarantined. ``rules`` hold in place of the journal's. ``restore`` goes back in
    place, to a state of an engine with the same configuration.
    """

    def __init__(self, feeds: Callable[[str], Feed], config: EngineConfig, rules: RuleSet | None = None) -> None:
        self.instruments = Instruments()
        self.position = 0
        """The journal offset of the next frame to process; frames before it are passed over."""
        self._config = config
        self._given = rules
        self._router = Router(feeds, self.instruments, config.instruments)
        self._promises = Promises(self._router.feed, self.instruments)
        self._begin()

    def _begin(self) -> None:
        """Have every stage anew, without memory."""
        config, promises = self._config, self._promises
        self.continuity = Continuity(promises.contiguous, promises.growing)
        self.orders = Orders()
        self.consolidated = Consolidated(
            groups_of(config.groups), self.instruments, promises.silence_s, moving=config.arbitrage is not None
        )
        self._partitions = Partitions(config.partitions, self.instruments)
        self.features = self._features_of(config) if config.features else None
        """None where the configuration names none: then the books tell nothing row by row for it."""
        self.anomalies = self._anomalies_of(config) if config.anomalies else None
        """None where the configuration names none."""
        self.depth = self._depth_of(config) if config.depth else None
        self.books = self._books_of(config)
        self.arbitrage = (
            None if config.arbitrage is None else Arbitrage(config.arbitrage, self.books, self.consolidated)
        )
        """None where the configuration does not ask for it: then legs and books tell nothing row by row for it."""
        self.sessions = Sessions(promises.calendar)
        self.bars = Bars(config.lateness_ms, config.idle_s, promises.withdraws, self.sessions, self._router.unasked)
        self.activity = ActivityBars([Spec.of(word) for word in config.bars])
        self.clock_skew = ClockSkew()
        self.latest = Latest(self.sessions)
        self.rules = Rules(self.instruments, promises.calendar, self._router.venues, self._given)
        self._digest = Digest()
        self._tally = Tally()

    def restart(self, instruments: Sequence[Instrument] = ()) -> None:
        """Forget everything but these instruments, and what is condemned: the journal's first frame is next."""
        self.instruments.become(instruments)
        self.position = 0
        self._router.forget()
        self._begin()

    def condemn(self, offset: int, reason: str, *, marked: bool = True) -> None:
        """Quarantine the frame at an offset when it comes, unread.

        ``marked``: a GAP row of its source stands in its place, and makes books stale whose numbers would not show
        what they miss.
        """
        self._router.condemn(offset, reason, marked=marked)

    def adopt(self, epochs: Iterable[Epoch]) -> None:
        """Take the connections that were open where reading starts, when it does not start with their records."""
        for epoch in epochs:
            self._router.adopt(epoch)

    @property
    def venues(self) -> Mapping[int, str]:
        """The venue of every source met so far; a living view."""
        return self._router.venues

    @property
    def epochs(self) -> Mapping[int, Epoch]:
        """The newest connection of every source met so far; a living view."""
        return self._router.epochs

    def process(self, frames: Frames) -> Outputs:
        """Take the next frames of the journal, any number of them, and return what they led to.

        Frames before ``position`` were processed already and are passed over. Nothing in a frame raises: what cannot
        be read, or trips a bug in a decoder, is quarantined and told as a QUARANTINE gap. A bug in a stage does raise,
        and leaves the engine half changed: ``Retrying`` goes back to before, and ``condemn``s the frame at last.
        """
        if len(frames) and frames.offset[0] < self.position:
            frames = frames.take(frames.offset >= self.position)
        if not len(frames):
            return Outputs(self.position, self.position, Tape.empty(), NO_BARS, (), np.zeros(0, np.int64))
        routed = self._router.route(frames)
        tape = self.orders.on_tape(routed.tape)
        holes = self.continuity.on_tape(tape)
        breaks = self.books.on_tape(tape)
        nbbo = self.consolidated.on_tape(tape, self.books.tops) if self.consolidated.groups else None
        opportunities = None if self.arbitrage is None else self.arbitrage.on_tape(tape)
        self.bars.expect(holes)
        bars = self.bars.on_tape(tape)
        features = self._features(tape)
        self.clock_skew.on_tape(tape)
        self.latest.on_tape(tape)
        self.activity.expect(holes)
        anomalies = self._anomalies(tape, holes, routed.voices)
        found = {
            "nbbo": nbbo,
            "anomalies": anomalies,
            "activity_bars": self.activity.on_tape(tape),
            "features": features,
            "depth": None if self.depth is None else self.depth.rows,
        }
        if self.arbitrage is not None:
            found |= {"opportunities": opportunities, "paper_fills": self.arbitrage.fills}
        found["alerts"] = self._alerts(routed, tape, (holes, breaks), bars, found)
        streams = {name: rows for name, rows in found.items() if rows is not None and len(rows)}
        bars = NO_BARS if bars is None else bars
        if len(routed.bars):
            self.sessions.align(routed.bars)
            self.sessions.mark(routed.bars)
            bars = whole.joined([bars, routed.bars])
            bars = whole.picked(bars, np.argsort(bars["offset"], kind="stable"))
        gaps = gap_list(tape, (holes, breaks), routed.quarantined, self.instruments)
        self._digest.update(tape, bars, gaps, streams)
        self._tally.take(tape, gaps, len(bars), streams)
        first, self.position = int(frames.offset[0]), int(frames.offset[-1]) + 1
        stamps = frames.ts_journal[frames.offset.searchsorted(tape.offset)]
        groups = self.consolidated.groups
        rules = tuple(self.rules.registry)
        concluded = frames.ts_recv[frames.offset.searchsorted(bars["offset"])]
        more = routed.details, streams, groups, rules, concluded
        return Outputs(first, self.position, tape, bars, tuple(gaps), stamps, *more)

    def digest(self) -> str:
        """Return one hash of everything concluded so far and of the bars still open; changes nothing."""
        return self._digest.result(self.bars.open_bars(), self.instruments)

    def summary(self) -> dict[str, Any]:
        """Return what ``replay --json`` prints, but for its own time: counts, books, orders if any, clock, digest."""
        told = summary(
            self._router.counts, self._tally, self.instruments, self.books, self.bars, self.clock_skew, self.digest()
        )
        return told | ({"orders": self.orders.counters()} if "order" in told["events"] else {})

    def snapshot(self) -> bytes:
        """Return all state as bytes; equal states give equal bytes."""
        return pack(
            {
                "position": self.position,
                "instruments": [msgspec.to_builtins(each) for each in self.instruments],
                "router": self._router.state(),
                "digest": self._digest.snapshot(),
                "tally": self._tally.packed(),
                "orders": self.orders.snapshot(),
                "consolidated": self.consolidated.snapshot(),
                **({} if self.arbitrage is None else {"arbitrage": self.arbitrage.snapshot()}),
                "rules": self.rules.snapshot(),
                **{name: stage.snapshot() for name, stage in self._stages().items()},
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned, of an engine with the same configuration but for partitions.

        ``instruments``, ``epochs`` and ``venues`` stay the objects that they are. Raises BreadboardError where the
        bytes are damaged.
        """
        parts = unpack(state)
        self.restart(msgspec.convert(parts["instruments"], list[Instrument]))
        self.position = parts["position"]
        self._router.restore(parts["router"])
        self._digest.restore(parts["digest"])
        self._tally.unpacked(parts["tally"])
        self.orders.restore(parts["orders"])
        self.consolidated.restore(parts["consolidated"])
        if "rules" in parts:  # checkpoints from before there were rules had none
            self.rules.restore(parts["rules"])
        for name, stage in self._stages().items():
            if name in parts or name not in _ASKED_FOR:  # what is asked for since then begins here
                stage.restore(parts[name])
        if self.arbitrage is not None:
            self.arbitrage.follow()
            if "arbitrage" in parts:
                self.arbitrage.restore(parts["arbitrage"])

    def _stages(self) -> Mapping[str, _Kept]:
        return {
            "continuity": self.continuity,
            "books": self.books,
            "bars": self.bars,
            "clock_skew": self.clock_skew,
            "latest": self.latest,
            "activity": self.activity,
            **({} if self.features is None else {"features": self.features}),
            **({} if self.anomalies is None else {"anomalies": self.anomalies}),
            **({} if self.depth is None else {"depth": self.depth}),
        }

    def _features(self, tape: Tape) -> NDArray[np.void] | None:
        """Run the features beside the books' moments, where any are asked for."""
        if self.features is None:
            return None
        self.features.look(self.books)  # type: ignore[arg-type]  # both are in partitions, or neither is
        found = self.features.on_tape(tape)
        return None if found is None else in_order(found)

    def _anomalies(
        self, tape: Tape, holes: NDArray[np.void] | None, voices: Sequence[Voice]
    ) -> NDArray[np.void] | None:
        """Run the anomalies beside the books' moments, where any are asked for."""
        if self.anomalies is None:
            return None
        self.anomalies.expect(self.books.tops, holes, voices)
        return self.anomalies.on_tape(tape)

    def _alerts(
        self,
        routed: Routed,
        tape: Tape,
        found: tuple[NDArray[np.void] | None, ...],
        bars: NDArray[np.void] | None,
        streams: Mapping[str, NDArray[np.void] | None],
    ) -> NDArray[np.void] | None:
        """Run the rules over what the other stages found, where there are any."""
        if not self.rules.ruleset.rules and not routed.rules:
            return None
        # A decoder may have left a row for what was quarantined.
        told = set(tape.offset[tape.kind == EventKind.GAP].tolist()) if routed.quarantined else set()
        unread = [
            (at, source, when, int(GapReason.QUARANTINE))
            for at, source, when, _ in routed.quarantined
            if at not in told
        ]
        concluded = NO_BARS if bars is None else bars
        return self.rules.on_tape(tape, holes_of(found, unread), concluded, streams, routed.rules, routed.voices)

    def _anomalies_of(self, config: EngineConfig) -> Anomalies:
        asked = self._promises.calendar, self._promises.silence_s, self._router.venues
        return Anomalies(config.anomalies, config.anomaly, config.lateness_ms, config.idle_s, *asked)

    def _books_of(self, config: EngineConfig) -> Books | PartedBooks:
        watched = (
            _every if config.features or config.anomalies else self.consolidated.watches if config.groups else None
        )
        copied = None if config.arbitrage is None else self.consolidated.watches
        rule, deep, group = self._promises.sequence_rule, bool(config.features), self._promises.group
        depth: Any = self.depth  # in partitions, or not, as the books are
        if config.partitions == 1:
            return Books(rule, watched, depth, deep=deep, copied=copied, group=group)
        shown = None if depth is None else depth.parts
        return PartedBooks(self._partitions, rule, watched, shown, deep=deep, copied=copied, group=group)

    def _depth_of(self, config: EngineConfig) -> DepthSnapshots | PartedDepth:
        def make() -> DepthSnapshots:
            return DepthSnapshots(config.depth, config.depth_levels, config.idle_s)

        return make() if config.partitions == 1 else PartedDepth(self._partitions, make)

    def _features_of(self, config: EngineConfig) -> Features | PartedFeatures:
        def make() -> Features:
            return Features(config.features, config.lateness_ms, config.idle_s)

        return make() if config.partitions == 1 else PartedFeatures(self._partitions, make)


def _every(_: int) -> bool:
    return True
