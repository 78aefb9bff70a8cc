"""`breadboard replay`: a recording becomes a journal, and that goes through the same pipeline as a live market."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breadboard import feeds, journal
from breadboard.app import journals, suspects
from breadboard.app.feeding import carry, refuse_running
from breadboard.app.places import Places
from breadboard.config import load
from breadboard.engine.activity import Spec
from breadboard.errors import UsageError
from breadboard.model.kinds import BookState
from breadboard.recordings import Batch, open_recording


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
    bars: tuple[str, ...] = ()
    """Bars by activity that are wanted besides those of time."""
    features: tuple[str, ...] = ()
    """Which features are told of it, by name."""
    partitions: int = 1
    """How many sets of books and features there are."""


def run(job: Job) -> dict[str, Any]:
    """Replay and return what was found, in the shape of the command's JSON.

    Counts are of this replay; books and digest are of the whole journal under the data directory.
    """
    for path in job.sources:
        if not path.exists():
            raise UsageError(f"there is no recording {path}", hint=f"ls {path.parent}")
        if job.format == "breadboard" and path.is_file():
            raise UsageError(
                f"{path} is a file, and a journal of ours is a directory",
                hint="--format hftbacktest --venue binance   # or cryptofeed, for a recording of another tool",
            )
    for word in job.bars:
        Spec.of(word)  # a mistake is told before a data directory is made
    venue = _venue(job)
    places = Places(job.data_dir)
    refuse_running(places, "a replay")
    if job.format == "breadboard":
        _copy_journal(job, places)
    wanted: dict[str, Any] = {"engine.features": list(job.features), "engine.bars": list(job.bars)}
    wanted["engine.partitions"] = job.partitions
    config = load(None, {"data_dir": str(job.data_dir), **wanted})

    def recorded(source: int) -> Iterator[Batch]:
        return open_recording(job.sources, job.format, venue, source=source)

    records = None if job.format == "breadboard" else recorded
    return carry(records, config, places.made(), speed=job.speed, batch=job.batch)


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
    suspects.copy_condemned(Places(job.sources[0]).suspects, places.made().suspects)
