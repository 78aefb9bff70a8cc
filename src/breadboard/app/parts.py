"""Which part was chosen for each socket in the wall."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from breadboard import feeds
from breadboard.app.lagging import Lagging
from breadboard.app.pacing import PacedReader
from breadboard.app.pipeline import Pipeline
from breadboard.app.places import Places
from breadboard.app.sink import StoreSink
from breadboard.clock import Clock
from breadboard.config import Config
from breadboard.engine import checkpoint
from breadboard.engine.core import Engine
from breadboard.errors import UsageError
from breadboard.journal import Reader, Writer, acknowledge, info, salvage, verify
from breadboard.model.outputs import Outputs
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

CONSUMER = "store"
"""Our name among the journal's consumers: nothing we have not stored is retired."""

Listener = Callable[[Outputs, int], None]


@dataclass(frozen=True, slots=True)
class House:
    """The right-hand side of the journal, put together and standing at the newest checkpoint."""

    reader: Reader
    engine: Engine
    sink: StoreSink
    writer: StoreWriter
    pipeline: Pipeline
    lock: threading.Lock
    """Held while the engine moves; whoever reads books from another thread takes it."""

    def catch_up(self, end: int) -> None:
        """Step until the engine has taken everything before ``end``."""
        while self.reader.position < end:
            self.pipeline.step()

    def close(self) -> None:
        """Write everything taken so far and release the files; the store stays open."""
        self.sink.close()
        self.writer.close()
        self.reader.close()


def open_store(config: Config, places: Places) -> ClickHouseStore:
    """Open the configured store, embedded under the data directory by default."""
    dsn = config.store.dsn or f"chdb:///{places.store.resolve().as_posix().lstrip('/')}"
    return ClickHouseStore.open(dsn, tick_days=config.store.tick_days, bar_years=config.store.bar_years)


def build(
    config: Config,
    places: Places,
    store: ClickHouseStore,
    clock: Clock,
    *,
    live: bool,
    speed: float | None = None,
    metrics: Metrics | None = None,
    lag: LagBoard | None = None,
    listener: Listener = lambda _outputs, _ts_engine: None,
) -> House:
    """Put engine, store writer and reader together, from the newest checkpoint that the store has passed.

    What the store already holds is processed again from there, and writing it a second time changes nothing. ``speed``
    hands frames to the engine at a multiple of the pace of their receive stamps.
    """
    lag = lag or LagBoard()
    engine = Engine(feeds.by_venue, config.engine)
    writer = StoreWriter(store, places.store_intents, venues=engine.venues, clock=clock)
    found = checkpoint.load(places.engine_state)
    if found is not None and found[0] <= writer.resume().written:
        engine.restore(found[1])
    reader = Reader.open(places.journal, engine.position)
    engine.adopt(reader.epochs.values())
    lagging = Lagging(lag, clock, live=live)

    def passed(offset: int, state: bytes) -> None:
        checkpoint.save(places.engine_state, offset, state)
        writer.forget(offset)
        acknowledge(places.journal, CONSUMER, offset)

    sink = StoreSink(writer, engine.instruments, passed, clock, lagging, metrics or Metrics(lag))
    lock = threading.Lock()
    pipeline = Pipeline(
        reader if speed is None else PacedReader(reader, speed),
        engine,
        sink,
        clock,
        lagging,
        lock=lock,
        listener=listener,
        handover_s=config.store.flush_ms / 1000,
        checkpoint_s=config.engine.checkpoint_s,
    )
    return House(reader, engine, sink, writer, pipeline, lock)


def journal_writer(config: Config, places: Places, clock: Clock, base_offset: int = 0) -> Writer:
    """Open the journal for writing; JournalLocked while another process writes it."""
    return Writer.open(
        places.journal,
        base_offset=base_offset,
        segment_bytes=config.journal.segment_mib << 20,
        compress=config.journal.compress,
        clock=clock,
    )


def describer(venue: str, channel: str | None) -> Callable[[bytes], Iterator[dict[str, Any]]]:
    """Return what tells the events of one frame of a venue."""
    from breadboard.feeds.describe import describe

    feed = feeds.by_name(venue)
    return lambda frame: iter(describe(feed, frame, channel))


def journal_info(data_dir: Path) -> dict[str, Any]:
    """Return what a journal holds."""
    found: dict[str, Any] = msgspec.to_builtins(info(journal_directory(data_dir)))
    return found


def journal_verify(data_dir: Path) -> tuple[dict[str, Any], bool]:
    """Check a journal; return the report and whether it is sound."""
    report = verify(journal_directory(data_dir))
    return {"ok": report.ok, **msgspec.to_builtins(report)}, report.ok


def journal_salvage(data_dir: Path, target: Path) -> dict[str, Any]:
    """Copy every sound record into a new data directory."""
    report = salvage(journal_directory(data_dir), Places(target).journal)
    copied: dict[str, Any] = msgspec.to_builtins(report)
    return {"target": str(target), **copied}


def journal_directory(data_dir: Path) -> Path:
    """Return the journal of a data directory, or the directory itself where it is one. Raises UsageError."""
    for path in (data_dir / "journal", data_dir):
        if any(path.glob("*.seg*")):
            return path
    raise UsageError(f"there is no journal in {data_dir}", hint="breadboard up   # records one in breadboard-data")
