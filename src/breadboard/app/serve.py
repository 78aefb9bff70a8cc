"""The serving process: follows the journal, keeps books and bars, writes the store, answers HTTP and WebSocket."""

import asyncio
import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from breadboard import journal
from breadboard.api.app import create_app
from breadboard.api.doorway import Bounds
from breadboard.api.live import LiveMarket
from breadboard.api.server import serve
from breadboard.api.services import Services
from breadboard.app import access as reaching
from breadboard.app import house as building
from breadboard.app import memory, rulebook
from breadboard.app.auditing import Auditor
from breadboard.app.books import book_of
from breadboard.app.counting import Counting
from breadboard.app.ending import listen
from breadboard.app.places import Places
from breadboard.app.supervisor import end_with_parent
from breadboard.app.whereabouts import watch
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.dashboard.front import front
from breadboard.errors import INTERRUPTED
from breadboard.model.outputs import Outputs
from breadboard.telemetry import logs, stacks
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

SWITCH_S = 0.0002
"""How long one thread may keep the interpreter from another.

What was found has to be told while the next is found; each long kernel lets go of the interpreter for its time, and
gets it back from a thread that may keep it for so long.
"""
_SETTLED_S = 2.0
"""After the first tick: until then whatever a market needs has been loaded."""


def run(config: Config, begun: Callable[[dict[str, Any]], None] = lambda _place: None) -> int:
    """Serve until SIGTERM or SIGINT, then process and store what is durable, and end.

    ``begun`` is told once where it is to be found, when it answers there.
    """
    logs.configure()
    stacks.tell_on_request()
    end_with_parent()
    _settle()
    places = Places(config.root).made()
    stop = threading.Event()
    signals = listen(stop)
    clock, lag = SystemClock(), LagBoard()
    metrics, live = Metrics(lag, partial(places.read_status, "capture")), LiveMarket(clock)
    counting, watchdog = Counting(metrics), stacks.Watchdog()
    failure: list[BaseException] = []

    def broke(error: BaseException) -> None:
        failure.append(error)  # nothing is stored any more, or nowhere: we end, and the supervisor starts us again
        stop.set()

    with building.open_store(config, places) as store:

        def listener(outputs: Outputs, ts_engine: int) -> None:
            engine = house.engine
            live.apply(outputs, engine.instruments, engine.latest.records, ts_engine, house.pipeline.ts_read)
            counting.take(outputs, house.engine)

        house = building.build(
            config, places, store, clock, live=True, metrics=metrics, lag=lag, listener=listener, broke=broke
        )
        live.epochs = house.engine.epochs
        live.restore(house.engine.instruments, house.engine.latest.records, house.engine.position)

        desk = reaching.door(config, places, clock)
        auditor = Auditor(store, config.root)
        # The embedded engine makes a directory anew that it misses, and goes on in it without its tables.
        held = [journal.Place(each) for each in (places.journal, store.directory) if each is not None]
        publisher = rulebook.Publisher(config, places)

        def status() -> Mapping[str, Any]:
            durable = journal.info(places.journal).durable
            metrics.position(durable, house.engine.position, house.writer.written)
            return _status(house, places, durable, (*auditor.reasons, *publisher.reasons))

        services = Services(
            live=live,
            store=store,
            lag=lag,
            metrics=metrics,
            book=partial(book_of, house),
            status=status,
            audit=auditor.run,
            access=reaching.access(config, places, desk, clock),
            desk=desk,
            front=front(reaching.here(config.api) if config.api.port else None, reaching.certificate(config.api)),
        )

        def ready(address: str) -> None:
            memory.set_aside()
            watchdog.watch(asyncio.get_running_loop())
            log.info("serving at %s", address)
            begun({"pid": os.getpid(), "data_dir": str(config.root), "address": address})

        follower = threading.Thread(target=_follow, args=(house, stop, failure), name="engine")
        follower.start()
        for name, work, words in (
            ("memory", _set_aside_again, (stop, live)),
            ("audit", auditor.watch, (stop, lambda: live.ticked)),
            ("rules", publisher.keep, (stop,)),
            ("whereabouts", watch, (places.root, partial(_astray, held), stop, broke)),
        ):
            threading.Thread(target=work, args=words, name=name, daemon=True).start()
        try:
            keyed, bounds = reaching.keyed(config.api), Bounds(shown_out=metrics.show_out)
            serve(
                create_app(services),
                config.api.host,
                config.api.port,
                ready,
                stop,
                keyed=keyed,
                tls=config.api.tls,
                bounds=bounds,
            )
        finally:
            watchdog.end()
            stop.set()
            follower.join()
            _close(house, failure)
    if failure:
        raise failure[0]
    return INTERRUPTED if signal.SIGINT in signals else 0


def _settle() -> None:
    """Set what the whole process goes by; of descriptors all that it may have: each client needs one."""
    sys.setswitchinterval(SWITCH_S)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems promise more than they give
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _astray(held: Sequence[journal.Place]) -> Path | None:
    """Return the first directory that is not where it was."""
    return next((path for path in (one.astray() for one in held) if path is not None), None)


def _close(house: building.House, failure: Sequence[BaseException]) -> None:
    """Store what is left; where we end for a failure, what that leads to here is not told in its place."""
    try:
        house.close()
    except Exception as error:
        if not failure:
            raise
        if error not in failure:
            log.warning("closing after a failure: %s", error)


def _follow(house: building.House, stop: threading.Event, failure: list[BaseException]) -> None:
    """Follow the journal in a thread; what breaks it ends the process, and the supervisor starts it again."""
    try:
        house.pipeline.follow(stop.is_set)
    except BaseException as error:
        if error is not house.sink.broken:  # that one was told where it happened
            log.critical("the pipeline broke at offset %d", house.engine.position, exc_info=error)
        failure.append(error)
        stop.set()


def _set_aside_again(stop: threading.Event, live: LiveMarket) -> None:
    """Set aside also what was loaded for the first ticks, when they have gone all the way."""
    while not live.ticked and not stop.wait(0.1):
        pass
    if not stop.wait(_SETTLED_S):
        memory.set_aside()


def _status(house: building.House, places: Places, durable: int, told: Sequence[str]) -> dict[str, Any]:
    capture = places.read_status("capture")
    reasons = list(told)
    if house.sink.broken is not None:
        reasons.append(f"the store's writer broke, and serving ends to begin anew: {house.sink.broken}")
    elif house.sink.refused:
        reasons.append(f"the store takes nothing, and the engine waits for it: {house.sink.refused}")
    if house.sink.unsaved:
        reasons.append(f"no checkpoint can be saved, and no journal be retired meanwhile: {house.sink.unsaved}")
    if capture is not None and capture["journal_refusing"]:
        reasons.append("the journal's disk refuses; capture keeps what it can in memory")
    return {
        "pid": os.getpid(),
        "journal_durable": durable,
        "engine_position": house.engine.position,
        "store_written": house.writer.written,
        "behind_frames": durable - house.engine.position,
        "reasons": reasons,
    }
