"""A book whose stream falls silent and comes back on one connection: what session, journal and engine make of it.

The gap to the moment it is heard again is written after the fresh snapshot: it must not cost the book that this is.
"""

import json
from dataclasses import dataclass, field
from random import Random

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.conversation import Conversation
from breadboard.capture.recorder import Recorder
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.status import Counters
from breadboard.capture.turns import Turnstiles
from breadboard.capture.wire import Batch
from breadboard.clock import ManualClock
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.feeds import FEEDS, by_venue
from breadboard.model.frames import Frames
from breadboard.model.kinds import BookState, GapReason, GapState, Provenance
from breadboard.ports import Wish
from capture_fakes import MemoryJournal
from samples.coinbase import HEARTBEAT, L2_SNAPSHOT, L2_UPDATE, TICKER

SYMBOLS = ("BAND-GBP", "BTC-GBP")
ACKNOWLEDGED = json.dumps(
    {
        "type": "subscriptions",
        "channels": [
            {"name": name, "product_ids": SYMBOLS} for name in ("matches", "ticker", "level2_batch", "heartbeat")
        ],
    },
    separators=(",", ":"),
).encode()


@dataclass
class Deaf:
    """A connection that only listens."""

    provenance: Provenance = Provenance.LIVE
    dismissed: bool = False
    said: list[str] = field(default_factory=list)

    def send(self, text: str) -> None:
        self.said.append(text)

    def ping(self) -> bool:
        return True

    def close(self, reason: str) -> None:
        raise AssertionError(f"the connection was left: {reason}")

    abort = close


class House:
    """Coinbase's session on capture's side of a journal in memory, and the engine behind it, a second at a time."""

    def __init__(self) -> None:
        self.clock, self.journal, self.line = ManualClock(mono_ns=1), MemoryJournal(), Deaf()
        feed = FEEDS["coinbase"]
        session = feed.session(Wish(SYMBOLS, ("trade", "quote", "book"), "ws://127.0.0.1:1"))
        source = Source(0, SYMBOLS, feed.capabilities, session)
        appender = Appender(self.journal, self.clock)
        around = Surroundings(
            appender, self.clock, ClockWatch(self.clock, appender), Random(7), Pacer(self.clock), Turnstiles(self.clock)
        )
        counters = Counters(0, "COINBASE", 2, epoch=0)
        self.recorder = Recorder(appender, self.clock, counters, 0, "COINBASE", "ws://127.0.0.1:1", SYMBOLS, 0, None)
        self.talk = Conversation(source, around, self.recorder, counters)
        self.engine = Engine(by_venue, EngineConfig())
        self._taken = 0
        self.recorder.opened(Provenance.LIVE)
        self.talk.begin(self.line)

    def second(self, *frames: bytes) -> None:
        self.clock.advance(1_000_000_000)
        batch = list(frames)
        self.recorder.data(Batch(batch, [self.clock.wall()] * len(batch), self.clock.mono()))
        self.talk.frames(batch, sum(map(len, batch)))
        self.talk.tick(self.clock.mono())
        for record in self.journal.records[self._taken :]:
            self.engine.process(
                Frames.of(
                    record.frames,
                    record.ts_recv,
                    kind=record.kind,
                    source=record.source,
                    epoch=record.epoch,
                    offset=self.engine.position,
                )
            )
        self._taken = len(self.journal.records)

    def state(self, symbol: str) -> BookState:
        which = self.engine.instruments.find("COINBASE", symbol)
        assert which is not None
        return self.engine.books.view(which).state


def of(frame: bytes, symbol: str) -> bytes:
    return frame.replace(b"BAND-GBP", symbol.encode())


def test_a_book_that_comes_back_with_a_snapshot_is_believed_although_the_gap_is_told_after_it() -> None:
    house = House()
    one, other = SYMBOLS
    others = [of(frame, symbol) for symbol in SYMBOLS for frame in (HEARTBEAT, TICKER)] + [of(L2_UPDATE, other)]
    house.second(ACKNOWLEDGED, *(of(L2_SNAPSHOT, symbol) for symbol in SYMBOLS), *others)
    for _ in range(60):
        house.second(*others, of(L2_UPDATE, one))
    assert not house.journal.gaps()
    for _ in range(60):
        house.second(*others)
        if house.journal.gaps():
            break
    assert (house.state(one), house.state(other)) == (BookState.STALE, BookState.LIVE)
    house.second(*others, of(L2_SNAPSHOT, one), of(L2_UPDATE, one))
    for _ in range(5):
        house.second(*others, of(L2_UPDATE, one))
    assert [(gap.symbol, gap.channel, gap.reason, gap.state) for gap in house.journal.gaps()] == [
        (one, "book", GapReason.SUBSCRIPTION, state) for state in (GapState.OPEN, GapState.LOST)
    ]
    assert (house.state(one), house.state(other)) == (BookState.LIVE, BookState.LIVE)
