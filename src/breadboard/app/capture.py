"""The capture process: venues → journal. Nothing else can hold it up."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

import msgspec
import uvloop

from breadboard import feeds, journal
from breadboard.app import journals, memory, rulebook
from breadboard.app.past import history
from breadboard.app.places import Places
from breadboard.app.supervisor import end_with_parent
from breadboard.app.whereabouts import watch
from breadboard.capture.clockwatch import catch_up
from breadboard.capture.connecting import refuse_unusable
from breadboard.capture.driver import Capture
from breadboard.capture.planning import History, plan_sources
from breadboard.capture.source import Source
from breadboard.clock import Clock, SystemClock
from breadboard.config import Config
from breadboard.environment import key_of, runtime_dir
from breadboard.errors import INTERRUPTED, BreadboardError, JournalError, UsageError
from breadboard.journal import Writer
from breadboard.model.gaps import Gap
from breadboard.model.kinds import GapReason, RecordKind
from breadboard.ports import JournalWriter
from breadboard.telemetry import logs, stacks

log = logging.getLogger(__name__)

_RETIRE_EVERY_S = 3600.0


def run(config: Config, begun: Callable[[dict[str, Any]], None] = lambda _place: None) -> int:
    """Record the configured feeds until SIGTERM or SIGINT, and return the exit code. UsageError for impossible feeds.

    ``begun`` is told once what is recorded, and where.
    """
    logs.configure()
    stacks.tell_on_request()
    end_with_parent()
    if not config.feeds:
        raise UsageError("there is nothing to record", hint="breadboard capture --live coinbase:BTC-USD")
    places, clock = Places(config.root).made(), SystemClock()
    _retire(config, places, clock)  # first of all: a full disk may need the room before anything is written
    rulebook.verified(config, places)
    ended, lost = threading.Event(), list[JournalError]()
    rulebook.Publisher(config, places).begin(ended)
    writer = journals.open_writer(config, places, clock)
    try:
        numbers = places.source_numbers()
        before = dict(numbers)
        wanted = {source.source for source in planned(config, numbers=dict(numbers))}
        known = _in_our_time(history(places.journal, wanted), writer, clock)
        sources = planned(config, known, numbers)
        gone = known.keys() - {source.source for source in sources}
        _let_go(writer, {number: known[number] for number in gone}, clock)
        if numbers != before:
            places.write_source_numbers(numbers)
    except BaseException:
        ended.set()
        writer.close()
        raise
    capture = Capture(
        sources,
        writer,
        clock=clock,
        status_path=places.run / "capture.json",
        tiers_path=places.run / "tiers.json",
        rules_path=places.rules,
    )
    begun({"pid": os.getpid(), "data_dir": str(places.root), "feeds": named(config)})
    memory.set_aside()
    threading.Thread(target=_keep_retiring, args=(config, places, clock, ended), name="retention", daemon=True).start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:

            def stray(error: JournalError) -> None:
                lost.append(error)
                runner.get_loop().call_soon_threadsafe(capture.stop)

            looking = (places.root, writer.astray, ended, stray)
            threading.Thread(target=watch, args=looking, name="whereabouts", daemon=True).start()
            runner.run(_record(capture))
    except JournalError:
        if not lost:  # else what could not be ended well is lost anyhow
            raise
    finally:
        ended.set()
    if lost:
        raise lost[0]
    if capture.broken:
        return BreadboardError.exit_code
    return INTERRUPTED if capture.interrupted else 0


def planned(
    config: Config, known: Mapping[int, History] | None = None, numbers: MutableMapping[str, int] | None = None
) -> list[Source]:
    """Return the connections that the configuration calls for. Raises UsageError for what no venue has."""
    known_feeds = {feed.venue: feeds.by_name(feed.venue) for feed in config.feeds}
    abilities = {name: feed.capabilities for name, feed in known_feeds.items()}
    wanted = [
        msgspec.structs.replace(
            feed, key=key_of(feed, abilities[feed.venue].credential, abilities[feed.venue].former_credential)
        )
        for feed in config.feeds
    ]
    sources = plan_sources(wanted, known_feeds, known, numbers, runtime_dir())
    for source in sources:
        refuse_unusable(source.session.url)
    return sources


def named(config: Config) -> list[dict[str, Any]]:
    """Return the configured feeds, for JSON."""
    return [{"venue": feed.venue, "symbols": list(feed.symbols)} for feed in config.feeds]


def _in_our_time(known: Mapping[int, History], writer: Writer, clock: Clock) -> dict[int, History]:
    """Return what the journal knows by our clock as it is now, and put on record where that was set back meanwhile."""
    step = catch_up(writer, clock, writer.ts_last)
    if step:
        log.warning("our clock is %.3f s behind the newest record: it was set back, or is wrong", -step / 1e9)
    return {number: replace(last, last_ts=last.last_ts + step) for number, last in known.items()}


def _let_go(writer: JournalWriter, known: Mapping[int, History], clock: Clock) -> None:
    """Tell that sources which were open when capture ended are recorded no more: nobody else ever would."""
    why = "it is recorded no more"
    for number, last in known.items():
        if last.told is None or last.carried or not last.is_open:
            continue
        now = clock.wall()
        begin, end = sorted((last.last_ts, now))
        gap = Gap(number, GapReason.RESTART, begin, end, detail=why)
        ended = msgspec.structs.replace(last.told, open=False, reason=why)
        for kind, told in ((RecordKind.GAP, gap), (RecordKind.EPOCH, ended)):
            writer.append(kind, number, last.epoch, [msgspec.json.encode(told)], [now], clock.mono())


async def _record(capture: Capture) -> None:
    capture.stop_on_signals()
    watchdog = stacks.Watchdog(stacks.DISK_HANGS_S)
    watchdog.watch(asyncio.get_running_loop())
    try:
        await capture.run()
    finally:
        watchdog.end()


def _keep_retiring(config: Config, places: Places, clock: Clock, ended: threading.Event) -> None:
    """Retire once an hour."""
    while not ended.wait(_RETIRE_EVERY_S):
        _retire(config, places, clock)


def _retire(config: Config, places: Places, clock: Clock) -> None:
    """Delete segments that are old enough, and that every consumer has passed. Never raises."""
    try:
        for path in journal.retire(places.journal, int(config.journal.retention_days * 86_400e9), clock):
            log.info("retired %s", path.name)
    except (BreadboardError, OSError) as error:
        log.warning("retention did not run: %s", error)
    except Exception:  # whatever it is, it must not keep capture from recording
        log.exception("retention did not run")
