"""`breadboard replay`: a recording becomes a journal, and that goes through the same pipeline as a live market."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from breadboard import feeds, journal
from breadboard.app import house as building
from breadboard.app import journals
from breadboard.app.pipeline import STEP_FRAMES
from breadboard.app.places import Places
from breadboard.app.progress import Progress
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.errors import UsageError
from breadboard.model.kinds import BookState
from breadboard.ports import JournalWriter
from breadboard.recordings import open_recording

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
        "not_in_bars",
        "poisoned",
        "alerts",
        "opportunities",
    ]
)


@dataclass(frozen=True, slots=True)
class Job:
    """What to replay, and how."""

    sources: tuple[Path, ...]
    venue: str | None
    format: str
    data_dir: Path
    speed: float | None = None
    """Times the recorded speed; None: as fast as it goes."""
    batch: int = 0
    """Frames the engine takes at a time; 0: as many as there are."""


def run(job: Job) -> dict[str, Any]:
    """Replay and return what was found, in the shape of the command's JSON.

    Counts are of this replay; books and digest are of the whole journal under the data directory.
    """
    for path in job.sources:
        if not path.exists():
            raise UsageError(f"there is no recording {path}", hint=f"ls {path.parent}")
    venue = _venue(job)
    places = Places(job.data_dir)
    _refuse_running(places)
    if job.format == "breadboard":
        _copy_journal(job, places)
    config = Config(data_dir=str(job.data_dir))
    clock = SystemClock()
    started = time.perf_counter()
    with building.open_store(config, places.made()) as store:
        house = building.build(config, places, store, clock, live=False, speed=job.speed)
        with _ended(house.close):
            before = {} if job.format == "breadboard" else _before(house, places)
            with _feeding(job, venue, config, places, house) as fed:
                _follow(house, fed, job.batch)
            house.pipeline.hand_over(checkpoint=True)
        after = house.engine.summary()
    seconds = time.perf_counter() - started
    result = _difference(before, after)
    events = sum(result["events"].values())
    return {**result, "seconds": round(seconds, 3), "events_per_s": round(events / seconds)}


def remarks(result: Mapping[str, Any], data_dir: Path) -> list[str]:
    """Return, in sentences, what somebody who replays a recording should know before believing its books."""
    found = []
    if result["quarantined"]:
        query = "select reason, count() as frames from quarantine group by reason"
        found.append(
            f"{result['quarantined']:,} of {result['frames']:,} frames could not be understood: is --venue right?\n"
            f'hint: breadboard sql "{query}" --data-dir {data_dir}'
        )
    waiting = [name for name, book in result["books"].items() if book["state"] == BookState.SYNCING.label]
    if waiting:
        named = ", ".join(waiting[:5]) + (f" and {len(waiting) - 5} more" if len(waiting) > 5 else "")
        found.append(f"no book of {named}: the recording has no snapshot that its deltas join")
    return found


def _venue(job: Job) -> str:
    """Return the venue as the tape spells it; empty for a journal, which knows it. Raises UsageError.

    Looks into the recording, too: a mistake is told before a data directory is made.
    """
    if job.format == "breadboard":
        return ""
    if job.venue is None:
        raise UsageError(f"--format {job.format} does not say whose bytes these are", hint="--venue binance")
    venue = feeds.by_name(job.venue).capabilities.venue
    next(open_recording(job.sources, job.format, venue))
    return venue


def _refuse_running(places: Places) -> None:
    state = places.running()
    if state is not None:
        raise UsageError(
            f"breadboard runs on {places.root} (process {state.pid}); a replay needs a data directory of its own",
            hint="--data-dir replay-data",
        )


def _copy_journal(job: Job, places: Places) -> None:
    """Make the journal under the data directory a copy of the one replayed, with the same offsets."""
    if len(job.sources) != 1:
        raise UsageError("one journal is replayed at a time", hint=f"breadboard replay {job.sources[0]}")
    if any(places.journal.glob("*.seg*")):
        raise UsageError(
            f"{places.root} holds a journal already, and a replayed one keeps its own offsets",
            hint="--data-dir replay-data   # a directory that does not exist yet",
        )
    journal.salvage(journals.directory(job.sources[0]), places.journal)


def _before(house: building.House, places: Places) -> dict[str, Any]:
    """Process what an earlier run left unprocessed in the journal, and return the counts so far."""
    end = journal.info(places.journal).durable if any(places.journal.glob("*.seg*")) else 0
    house.catch_up(end)
    return house.engine.summary()


@contextmanager
def _feeding(
    job: Job, venue: str, config: Config, places: Places, house: building.House
) -> Iterator[Callable[[], bool]]:
    """Put the recording into the journal from a thread; gives what tells whether all of it is durable."""
    if job.format == "breadboard":
        yield lambda: True
        return
    source = max(house.engine.venues, default=-1) + 1
    recorded = open_recording(job.sources, job.format, venue, source=source)
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
