"""The right-hand side of the journal, put together: reader, engine, store, and who was chosen for each."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from breadboard import calendars, feeds
from breadboard.app import kinship, memory
from breadboard.app.lagging import Lagging
from breadboard.app.pacing import PacedReader
from breadboard.app.pipeline import Pipeline
from breadboard.app.places import Places
from breadboard.app.priority import Yielding
from breadboard.app.rewinding import rewinder
from breadboard.app.sink import StoreSink
from breadboard.app.suspects import REASON, Suspects
from breadboard.clock import Clock
from breadboard.config import Config
from breadboard.engine import checkpoint
from breadboard.engine.core import Engine
from breadboard.engine.retries import Retrying
from breadboard.journal import Reader, acknowledge, identity
from breadboard.model.outputs import Outputs
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter
from breadboard.telemetry import stacks
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
    store = ClickHouseStore.open(dsn, tick_days=config.store.tick_days, bar_years=config.store.bar_years)
    stacks.own_crashes()
    return store


def _load_calendars(config: Config, clock: Clock) -> None:
    """Load the calendars that bars of the configured feeds will ask for: it takes a second, which no bar shall wait."""
    for feed in config.feeds:
        can = feeds.by_name(feed.venue).capabilities
        for calendar in sorted({can.calendar_of(symbol) for symbol in feed.symbols} - {""}):
            calendars.phase(calendar, clock.wall())


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
    broke: Callable[[BaseException], None] = lambda _error: None,
) -> House:
    """Put engine, store writer and reader together, from the newest checkpoint that the store has passed.

    What the store already holds is processed again from there, and writing it a second time changes nothing. ``speed``
    hands frames to the engine at a multiple of the pace of their receive stamps. ``broke`` hears at once, in the
    store's thread, what the store refused for good.
    """
    memory.keep_pages()
    lag = lag or LagBoard()
    _load_calendars(config, clock)
    engine = Engine(feeds.by_venue, config.engine)
    writer = StoreWriter(store, places.store_intents, epochs=engine.epochs, clock=clock)
    kinship.check(places, store.directory, writer.written)
    kinship.note(places, store.directory)
    found = checkpoint.load(places.engine_state, identity(places.journal))
    if found is not None and found[0] <= writer.resume().written:
        engine.restore(found[1])
    reader = Reader.open(places.journal, engine.position)
    # A restored engine knows them, also those that have ended: a restart must leave no trace in its state.
    engine.adopt(epoch for source, epoch in reader.epochs.items() if source not in engine.epochs)
    lagging = Lagging(lag, clock, live=live)

    def passed(offset: int, state: bytes) -> None:
        kinship.note(places, store.directory)
        checkpoint.save(places.engine_state, offset, state, identity(places.journal))
        writer.forget(offset)
        acknowledge(places.journal, CONSUMER, offset)

    suspects = Suspects(places.suspects, identity(places.journal))
    for offset in suspects.condemned:
        engine.condemn(offset, REASON)
    # Live, a row in the store may be late, and what has just happened may not.
    turn = Yielding().turn if live else _at_once
    sink = StoreSink(writer, passed, clock, lagging, metrics or Metrics(lag), turn, broke)
    lock = threading.Lock()
    pipeline = Pipeline(
        reader if speed is None else PacedReader(reader, speed),
        engine,
        sink,
        clock,
        lock=lock,
        listener=listener,
        handover_s=config.store.flush_ms / 1000,
        checkpoint_s=config.engine.checkpoint_s,
        retrying=Retrying(engine, rewinder(engine, places)),
        suspects=suspects,
    )
    return House(reader, engine, sink, writer, pipeline, lock)


def _at_once() -> None:
    """Leave all threads as they are."""
