"""Records that are not live, through the same journal, engine and store as a live market: replays and imports."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from breadboard import journal
from breadboard.app import house as building
from breadboard.app import journals
from breadboard.app.pipeline import STEP_FRAMES
from breadboard.app.places import Places
from breadboard.app.progress import Progress
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.errors import UsageError
from breadboard.ports import JournalWriter
from breadboard.recordings import Batch

_IN_FLIGHT: Final = 400_000
"""Frames the feeder may be ahead of the engine: it holds back, so that a long recording needs no more memory."""
_COUNTS: Final = frozenset(
    [
        "frames",
        "data",
        "bytes",
        "control",
        "quarantined",
        "ignored",
        "events",
        "duplicates",
        "gaps",
        "refilled",
        "checksums",
        "book_events",
        "bars",
        "features",
        "anomalies",
        "depth",
        "not_in_bars",
        "poisoned",
        "alerts",
        "opportunities",
        "paper_fills",
    ]
)


Records = Callable[[int], Iterator[Batch]]
"""Makes the records, given the number of the source that they are to be of."""


def refuse_running(places: Places, what: str) -> None:
    """Refuse a data directory that `breadboard up` runs on. Raises UsageError."""
    state = places.running()
    if state is not None:
        raise UsageError(
            f"breadboard runs on {places.root} (process {state.pid}); {what} needs a data directory of its own",
            hint=f"--data-dir {what.rpartition(' ')[2]}-data",
        )


def carry(
    records: Records | None,
    config: Config,
    places: Places,
    *,
    speed: float | None = None,
    batch: int = 0,
    listener: building.Listener = lambda _outputs, _ts_engine: None,
) -> dict[str, Any]:
    """Carry records (None: what the journal holds already) to the end and return what was found.

    Counts are of these records; books and digest are of the whole journal under the data directory. ``speed`` is a
    multiple of the recorded pace, None as fast as it goes; ``batch`` is how many frames the engine takes at a time,
    0 as many as there are. ``listener`` hears of every run of outputs.
    """
    started = time.perf_counter()
    with building.open_store(config, places) as store:
        house = building.build(config, places, store, SystemClock(), live=False, speed=speed, listener=listener)
        with _ended(house.close):
            before = {} if records is None else _before(house, places)
            with _feeding(records, config, places, house) as fed:
                _follow(house, fed, batch)
            house.pipeline.hand_over(checkpoint=True)
        after = house.engine.summary()
    seconds = time.perf_counter() - started
    result = _difference(before, after)
    events = sum(result["events"].values())
    return {**result, "seconds": round(seconds, 3), "events_per_s": round(events / seconds)}


def _before(house: building.House, places: Places) -> dict[str, Any]:
    """Process what an earlier run left unprocessed in the journal, and return the counts so far."""
    end = journal.info(places.journal).durable if any(places.journal.glob("*.seg*")) else 0
    house.catch_up(end)
    return house.engine.summary()


@contextmanager
def _feeding(
    records: Records | None, config: Config, places: Places, house: building.House
) -> Iterator[Callable[[], bool]]:
    """Put records into the journal from a thread; gives what tells whether all of them are durable."""
    if records is None:
        yield lambda: True
        return
    recorded = records(max((*house.engine.venues, *places.source_numbers().values()), default=-1) + 1)
    done = threading.Event()
    failure: list[BaseException] = []

    def feed(writer: JournalWriter) -> None:
        try:
            end = 0
            for record in recorded:
                while end - house.reader.position > _IN_FLIGHT:
                    time.sleep(0.002)
                end = writer.append(record.kind, record.source, record.epoch, record.frames, record.ts_recv, 0)
            writer.sync(end)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits for us
            failure.append(error)
        finally:
            done.set()

    writer = journals.open_writer(config, places, SystemClock())
    with _ended(writer.close):
        thread = threading.Thread(target=feed, args=(writer,), name="recording", daemon=True)
        thread.start()
        yield done.is_set
        thread.join()
    if failure:
        raise failure[0]


def _follow(house: building.House, fed: Callable[[], bool], batch: int) -> None:
    """Step until everything fed has been taken."""
    with Progress("frames") as progress:
        while True:
            ended = fed()  # asked before the read: what was durable then is still taken
            taken = house.pipeline.step(batch or STEP_FRAMES)
            progress.add(taken)
            if not taken:
                if ended and house.reader.position == house.engine.position:
                    return
                time.sleep(0.0005)


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return ``after`` with the counts that ``before`` already had taken off."""
    result = dict(after)
    for key in _COUNTS & set(before):
        was, now = before[key], after[key]
        result[key] = {name: now[name] - was.get(name, 0) for name in now} if isinstance(now, dict) else now - was
    return result


@contextmanager
def _ended(close: Callable[[], None]) -> Iterator[None]:
    """Call ``close`` at the end; an error of its own is not allowed to hide the one that ended the work."""
    try:
        yield
    except BaseException:
        with _silenced():
            close()
        raise
    close()


@contextmanager
def _silenced() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - told, and the first error goes on
        import logging

        logging.getLogger(__name__).warning("closing after a failure: %s", error)
