"""`breadboard import`: a vendor's history becomes a journal, and goes through the same pipeline as a live market."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breadboard import feeds
from breadboard.app import imported
from breadboard.app.feeding import carry, refuse_running
from breadboard.app.places import Places
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.errors import UsageError
from breadboard.model.outputs import Outputs
from breadboard.ports import WHOLE_FRAME, Wish
from breadboard.recordings import Batch
from breadboard.recordings.history import FORMATS, open_history


@dataclass(frozen=True, slots=True)
class Job:
    """What to bring in, and what it is about."""

    files: tuple[Path, ...]
    format: str
    symbol: str
    data_dir: Path
    interval_s: int | None = None
    """Of bars, where the file does not say and its spacing should not be trusted."""


def run(job: Job) -> dict[str, Any]:
    """Import and return what was found, in the shape of a replay's JSON. Raises UsageError before anything is made.

    ``notes`` is what the files say beyond events and bars: dividends, splits, rows that were left out.
    """
    if job.format not in FORMATS:
        raise UsageError(f"there is no history format {job.format!r}", hint=f"choose from: {' '.join(FORMATS)}")
    for path in job.files:
        if not path.exists():
            raise UsageError(f"there is no file {path}", hint=f"ls {path.parent}")
    symbol = _spelled(job)
    for path in job.files:
        # A wrong file is told before a place is made.
        next(FORMATS[job.format].read(path, symbol, job.interval_s), None)
    places = Places(job.data_dir)
    refuse_running(places, "an import")
    marks = [(path, imported.fingerprint(path, job.format, symbol, job.interval_s)) for path in job.files]
    imported.refuse_again(places, marks)
    venue = feeds.by_name(FORMATS[job.format].venue).capabilities.venue

    def records(source: int) -> Iterator[Batch]:
        return open_history(job.files, job.format, symbol, job.interval_s, venue, SystemClock(), source=source)

    notes: list[Mapping[str, Any]] = []

    def hear(outputs: Outputs, _ts_engine: int) -> None:
        notes.extend(said for (_, index), said in outputs.details.items() if index == WHOLE_FRAME)

    found = carry(records, Config(data_dir=str(job.data_dir)), places.made(), listener=hear)
    imported.note(places, marks)
    return {"symbol": symbol, "venue": venue, "notes": notes} | found


def _spelled(job: Job) -> str:
    """Return the symbol as the venue spells it."""
    feed = feeds.by_name(FORMATS[job.format].venue)
    wish = Wish((job.symbol,), feed.capabilities.channels[:1], key="unused: nothing is asked of the venue")
    return next(iter(feed.session(wish).symbols))
