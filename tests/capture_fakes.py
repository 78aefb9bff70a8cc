"""Stand-ins for the ports that capture is given, and helpers that run it against a simulated venue."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from breadboard.capture.driver import Capture
from breadboard.capture.source import Source
from breadboard.clock import Clock
from breadboard.conversations import Request
from breadboard.errors import JournalError
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import RecordKind, SequenceRule
from breadboard.ports import Capabilities, JournalWriter
from breadboard.sim.serve import Serving, serve


class Record(NamedTuple):
    kind: RecordKind
    source: int
    epoch: int
    frames: list[bytes]
    ts_recv: list[int]
    ts_mono: int


@dataclass
class MemoryJournal:
    """A JournalWriter in memory; ``refuse`` makes the disk refuse."""

    records: list[Record] = field(default_factory=list)
    refuse: bool = False
    transient: bool = True
    closed: bool = False
    offset: int = 0

    def append(
        self, kind: RecordKind, source: int, epoch: int, frames: Sequence[bytes], ts_recv: Sequence[int], ts_mono: int
    ) -> int:
        assert not self.closed
        assert len(frames) == len(ts_recv) > 0
        if self.refuse:
            raise JournalError("the disk refuses", transient=self.transient)
        self.records.append(Record(kind, source, epoch, list(frames), list(ts_recv), ts_mono))
        self.offset += len(frames)
        return self.offset

    @property
    def durable(self) -> int:
        return self.offset

    def sync(self, offset: int, timeout_s: float | None = None) -> None:
        del offset, timeout_s

    def close(self) -> None:
        self.closed = True

    def kinds(self, source: int | None = 0) -> list[RecordKind]:
        return [r.kind for r in self.records if source is None or r.source == source]

    def frames(self, kind: RecordKind = RecordKind.DATA, epoch: int | None = None) -> list[bytes]:
        return [f for r in self.records if r.kind == kind and epoch in (None, r.epoch) for f in r.frames]

    def gaps(self) -> list[Gap]:
        return [msgspec.json.decode(frame, type=Gap) for frame in self.frames(RecordKind.GAP)]

    def epochs(self) -> list[Epoch]:
        return [msgspec.json.decode(frame, type=Epoch) for frame in self.frames(RecordKind.EPOCH)]

    def clocks(self) -> list[dict[str, int]]:
        return [msgspec.json.decode(frame) for frame in self.frames(RecordKind.CLOCK)]


@dataclass
class PlainSession:
    """A Session that says ``first`` on connecting and ``on_each`` to every batch."""

    url: str
    first: list[Request] = field(default_factory=list)
    breaks: bool = False
    seen: list[bytes] = field(default_factory=list)
    documents: list[tuple[str, int, bytes]] = field(default_factory=list)
    replies: list[list[Request]] = field(default_factory=list)
    """What to answer to each document, in turn."""
    times: list[float] = field(default_factory=list)
    due: list[list[Request]] = field(default_factory=list)
    """What to ask for as time passes, in turn."""
    symbols: Sequence[str] = ("BTCUSDT",)

    def on_connect(self) -> list[Request]:
        return list(self.first)

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        if self.breaks:
            raise RuntimeError("the session is broken")
        self.seen += frames
        return []

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        self.documents.append((tag, status, body))
        return self.replies.pop(0) if self.replies else []

    def on_time(self, now_s: float) -> list[Request]:
        self.times.append(now_s)
        return self.due.pop(0) if self.due else []


def capabilities(**changes: Any) -> Capabilities:  # noqa: ANN401 - any field of the record
    values: dict[str, Any] = {
        "venue": "BINANCE",
        "completeness": "full",
        "sequence_rule": SequenceRule.OVERLAP,
        "sequence_scope": "symbol",
        "checksum": "none",
        "heartbeat_s": None,
        "ts_event_unit": "ms",
        "trade_ids_contiguous": True,
        "connection_lifetime_s": None,
        "max_streams_per_connection": 1024,
        "client_messages_per_s": 5.0,
        "frame_cap": 1 << 20,
    }
    return Capabilities(**(values | changes))


@asynccontextmanager
async def simulator(venue: str = "binance", **options: Any) -> AsyncIterator[Serving]:  # noqa: ANN401 - those of serve
    """Run a simulated venue, every payload kept in its truth."""
    ready: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(venue, ready=ready.set_result, keep=True, **options))
    try:
        task.add_done_callback(lambda done: _tell(ready, done))
        yield await ready
    finally:
        task.cancel()
        await asyncio.wait({task})


def _tell(ready: asyncio.Future[Serving], task: asyncio.Task[None]) -> None:
    if not ready.done():
        ready.set_exception(task.exception() or RuntimeError("the simulator ended before it listened"))


@asynccontextmanager
async def capturing(
    sources: Sequence[Source], journal: JournalWriter, status_path: Path | None = None, clock: Clock | None = None
) -> AsyncIterator[Capture]:
    """Run a capture; on leaving it is stopped and has closed the journal."""
    capture = Capture(sources, journal, clock=clock, rng=Random(7), status_path=status_path)
    task = asyncio.create_task(capture.run())
    try:
        yield capture
    finally:
        capture.stop()
        await task


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait until ``condition()`` is true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for belongs to others, who know no Event
            await asyncio.sleep(0.01)


def streams(serving: Serving, *kinds: str) -> str:
    """The address of combined Binance streams of every symbol."""
    names = (f"{symbol.lower()}@{kind}" for symbol in serving.symbols for kind in kinds)
    return f"{serving.url}/stream?streams={'/'.join(names)}"
