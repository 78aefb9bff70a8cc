"""The capture process: venues → journal. Nothing else can hold it up."""

import asyncio
import logging
import threading
from pathlib import Path

import numpy as np
import uvloop

from breadboard import feeds, journal
from breadboard.app import journals
from breadboard.app.places import Places
from breadboard.app.supervisor import end_with_parent
from breadboard.capture.driver import Capture, History, plan_sources
from breadboard.clock import Clock, SystemClock
from breadboard.config import Config
from breadboard.errors import BreadboardError, UsageError
from breadboard.journal.format import parse_epoch
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import RecordKind
from breadboard.telemetry import logs

log = logging.getLogger(__name__)

_RETIRE_EVERY_S = 3600.0
_READ_FRAMES = 65_536


def run(config: Config) -> int:
    """Record the configured feeds until SIGTERM or SIGINT. Raises UsageError for feeds that cannot be had."""
    logs.configure()
    end_with_parent()
    if not config.feeds:
        raise UsageError("there is nothing to record", hint="breadboard capture --live coinbase:BTC-USD")
    places, clock = Places(config.root).made(), SystemClock()
    chosen = {feed.venue: feeds.by_name(feed.venue) for feed in config.feeds}
    writer = journals.open_writer(config, places, clock)
    try:
        sources = plan_sources(config.feeds, chosen, history(places.journal))
    except BaseException:
        writer.close()
        raise
    capture = Capture(sources, writer, clock=clock, status_path=places.run / "capture.json")
    ended = threading.Event()
    threading.Thread(target=_retire, args=(config, places, clock, ended), name="retention", daemon=True).start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_record(capture))
    finally:
        ended.set()
    return 0


def history(directory: Path) -> dict[int, History]:
    """Return, for every source the journal's last segments know, its last connection and its last sign of life.

    A source whose connection was open is known good up to the journal's last record of any kind: capture, with its
    clock record every second, was alive until then. One that had lost its connection is known good up to that.
    """
    for base in reversed(journal.bases(directory)):
        reader = journal.Reader.open(directory, base)
        known = {source: (epoch.epoch, epoch.open, 0) for source, epoch in reader.epochs.items()}
        last_ts = 0
        while (frames := reader.read(_READ_FRAMES)) is not None:
            last_ts = max(last_ts, int(frames.ts_recv.max()))
            for epoch, ts in _epochs(frames):
                known[epoch.source] = (epoch.epoch, epoch.open, ts)
        reader.close()
        if last_ts:  # a segment begun by a start that recorded nothing says nothing
            return {
                source: History(epoch, last_ts if is_open else ts) for source, (epoch, is_open, ts) in known.items()
            }
    return {}


def _epochs(frames: Frames) -> list[tuple[Epoch, int]]:
    rows = np.flatnonzero(frames.kind == RecordKind.EPOCH).tolist()
    found = ((parse_epoch(frames.frame(row)), int(frames.ts_recv[row])) for row in rows)
    return [(epoch, ts) for epoch, ts in found if epoch is not None]


async def _record(capture: Capture) -> None:
    capture.stop_on_signals()
    await capture.run()


def _retire(config: Config, places: Places, clock: Clock, ended: threading.Event) -> None:
    """Delete segments that are old enough, and that every consumer has passed, once an hour."""
    age_ns = int(config.journal.retention_days * 86_400e9)
    while not ended.wait(_RETIRE_EVERY_S):
        try:
            for path in journal.retire(places.journal, age_ns, clock):
                log.info("retired %s", path.name)
        except (BreadboardError, OSError) as error:
            log.warning("retention did not run: %s", error)
