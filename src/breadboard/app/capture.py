"""The capture process: venues → journal. Nothing else can hold it up."""

import asyncio
import logging
import threading

import uvloop

from breadboard import feeds, journal
from breadboard.app import journals
from breadboard.app.past import history
from breadboard.app.places import Places
from breadboard.app.supervisor import end_with_parent
from breadboard.capture.driver import Capture, plan_sources
from breadboard.clock import Clock, SystemClock
from breadboard.config import Config
from breadboard.errors import BreadboardError, UsageError
from breadboard.telemetry import logs

log = logging.getLogger(__name__)

_RETIRE_EVERY_S = 3600.0


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
