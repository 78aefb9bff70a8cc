"""`breadboard import`: a vendor's history becomes a journal, and goes through the same pipeline as a live market."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Any, Final

from breadboard import feeds, journal
from breadboard.app import asking, imported, known_ticks, tables
from breadboard.app.feeding import carry, refuse_running
from breadboard.app.orderbook_oracle import compared, parted
from breadboard.app.places import Places
from breadboard.app.question import Question, Window
from breadboard.clock import SystemClock
from breadboard.config import Config, FeedConfig
from breadboard.environment import key_of
from breadboard.errors import UsageError
from breadboard.feeds.wishes import wanted_symbols
from breadboard.model.gaps import EARLIEST_NS, LATEST_NS
from breadboard.model.outputs import Outputs
from breadboard.ports import WHOLE_FRAME, Wish
from breadboard.recordings import Batch
from breadboard.recordings.history import FORMATS, About, Answer, open_history, read_through
from breadboard.recordings.table_columns import Words

_ANY: Final = re.compile(r"[!-~]{1,64}", re.ASCII)
"""A symbol that somebody may write into a file: all that can be seen."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to bring in, and what it is about."""

    files: tuple[Path, ...]
    """None: the source itself is asked for ``window``."""
    format: str
    symbol: str
    data_dir: Path
    interval_s: int | None = None
    """Of bars: where the file does not say and its spacing should not be trusted, or that are asked for."""
    window: Window | None = None
    url: str = ""
    """Of the source; empty: its own."""
    day: str = ""
    """Of files that hold a day and do not say which."""
    stamped_at: str = ""
    """``begin`` or ``end``: of files of bars that do not say where in a bar its stamp lies; empty: at its begin."""
    said: Words | None = None
    """Of tables, what their columns do not say themselves; None where nothing is said."""


def run(job: Job) -> dict[str, Any]:
    """Import and return what was found, in the shape of a replay's JSON. Raises UsageError before anything is made.

    ``notes`` is what the answers say beyond events and bars: dividends, splits, rows that were left out, because they
    cannot be understood or because the data directory has them (``known_ticks``). Of a source
    that was asked, ``asked`` says for what, and ``missing`` what of it is not in its answers; of files, ``missing`` is
    what the vendor refused in them. Raises FeedError, before anything is made, too, where they are not whole.
    """
    if job.format not in FORMATS:
        raise UsageError(f"there is no history format {job.format!r}", hint=f"choose from: {' '.join(FORMATS)}")
    if FORMATS[job.format].tabular:
        tables.refuse_words(job.said or Words())
    elif job.said is not None:
        raise UsageError(
            f"--kind, --columns, --venue and --timezone are about tables, and {job.format} is none",
            hint="leave them out   # or --format csv",
        )
    elif not job.symbol:
        raise UsageError(f"nobody says what {job.format} is about", hint=f"--format {job.format} --symbol IBM")
    if job.stamped_at:
        _refuse_label(job)
    return _read(job) if job.files else _ask(job)


def _refuse_label(job: Job) -> None:
    """Raise UsageError where ``stamped_at`` means nothing: bars that say when they begin, answers asked for here."""
    given = f"--stamped-at {job.stamped_at}"
    if not FORMATS[job.format].labelled:
        labelled = ", ".join(name for name, form in FORMATS.items() if form.labelled)
        raise UsageError(f"{given} is about bars of {labelled}, not of {job.format}", hint=f"leave out {given}")
    if not job.files:
        raise UsageError(
            f"{given} is about files, and without one {job.format} is asked for with stamps at the begin",
            hint=f"leave out {given}",
        )


def _read(job: Job) -> dict[str, Any]:
    """Import files."""
    if job.window is not None or job.url:
        given = "--from" if job.window is not None else "--url"
        raise UsageError(
            f"{job.files[0]} is read as it is, and {given} asks a source", hint=f"leave out {given}, or {job.files[0]}"
        )
    for path in job.files:
        if not path.exists():
            raise UsageError(f"there is no file {path}", hint=f"ls {quote(str(path.parent))}")
    symbol = _spelled(job, key="unused: nothing is asked of the venue")
    files, books = parted(job.files) if job.format == "lobster" else (job.files, {})
    checked = [compared(path, book, symbol, job.day) for path, book in books.items()]
    places = Places(job.data_dir)
    refuse_running(places, "an import")
    marks = [
        (path, imported.fingerprint(path, job.format, symbol, job.interval_s, *_said_of(job, path))) for path in files
    ]
    imported.refuse_again(places, marks)
    what = imported.What({mark: path.name for path, mark in marks})
    begun = imported.under_way(places, what)
    answers, about = tuple(map(Answer, files)), _about(job, symbol, job.interval_s)
    read_through(
        answers, about
    )  # a wrong file is told before a place is made, and before the ones in front of it count
    if FORMATS[job.format].tabular:
        about = tables.look_into(answers, about)
    result = _bring_in(places, answers, about, what, begun)
    imported.note(places, what)
    if FORMATS[job.format].tabular:
        rows, notes = tables.summed(result["notes"])
        result |= {"rows": rows, "notes": [*tables.unused(answers, about), *notes]}
    missing = _refusals(result)
    return result | ({"orderbooks": checked} if checked else {}) | ({"missing": missing} if missing else {})


def _said_of(job: Job, path: Path) -> list[str]:
    """Return what else a file was said to be: the same file said to be something else gives other rows.

    What is not said is left out, and what only says the default, so that files imported before there were such words
    are known again.
    """
    at_end = ["stamped at end"] if job.stamped_at == "end" else []
    return [*filter(None, [job.day]), *at_end, *tables.distinct(path, job.format, job.said)]


def _refusals(result: Mapping[str, Any]) -> list[str]:
    """Return what the vendor refused among the answers in a file, each once: it is not there, and nobody asks again."""
    told = (words for note in result["notes"] for words in note.get("refused", ()))
    return [f"{result['venue']} refused {words}" for words in dict.fromkeys(told)]


def _ask(job: Job) -> dict[str, Any]:
    """Ask the source, and import its answers."""
    form, can, clock = FORMATS[job.format], feeds.by_name(FORMATS[job.format].venue).capabilities, SystemClock()
    key = key_of(FeedConfig(venue=form.venue), can.credential, can.former_credential) if can.credential else ""
    symbol = _spelled(job, key)
    asked = asking.question(job.format, symbol, job.interval_s, job.window, job.url, key, clock)
    places = Places(job.data_dir)
    refuse_running(places, "an import")
    about = f"{job.format} {symbol}"
    if form.counts_twice:
        imported.refuse_overlap(places, about, asked.from_ns, asked.to_ns)
    wanted = imported.What(asked=(about, asked.from_ns, asked.to_ns) if form.counts_twice else None)
    begun = imported.under_way(places, wanted)
    with TemporaryDirectory(prefix="breadboard-import-") as spool:
        told = asking.ask(job.format, asked, Path(spool), clock)
        its = _held(told.asked.from_ns), _held(told.asked.to_ns)
        read_as = replace(_about(job, symbol, asked.interval_s or None), synthetic=told.synthetic, asked=its)
        asking.refuse_unreadable(told.answers, read_as)
        result = _bring_in(places, told.answers, read_as, wanted, begun)
    if form.counts_twice:
        imported.note(places, imported.What(asked=(about, told.asked.from_ns, told.asked.to_ns)))
    result["notes"] = [note for note in result["notes"] if not note.keys() <= {"symbol", "empty"}]  # ``asked`` says it
    return result | {"asked": _said(told.asked, told.answers), "missing": list(told.missing)}


def _bring_in(
    places: Places, answers: Sequence[Answer], about: About, what: imported.What, begun: imported.UnderWay | None
) -> dict[str, Any]:
    """Carry answers through journal, engine and store, from where an import that was ended half way had ``begun``.

    Without the ticks that are there already, of which another half of the same import is none.
    """
    found = (
        known_ticks.look(places, answers, about)
        if begun is None
        else known_ticks.look_again(places, answers, about, begun)
    )

    def told(source: int) -> Iterator[Batch]:
        return open_history(answers, about, SystemClock(), source=source, left_out=found.left_out)

    def records(source: int) -> Iterator[Batch]:
        if begun is not None:
            yield from imported.rest(places, begun, told(begun.source))
            return
        durable, left_out = journal.info(places.journal).durable, {n: sorted(its) for n, its in found.left_out.items()}
        begins = imported.UnderWay(what, durable, source, left_out, list(found.notes), found.mark)
        imported.begin(places, begins)
        yield from told(source)

    notes: list[Mapping[str, Any]] = [*found.notes]

    def hear(outputs: Outputs, _ts_engine: int) -> None:
        notes.extend(said for (_, index), said in outputs.details.items() if index == WHOLE_FRAME)

    counts = carry(records, Config(data_dir=str(places.root)), places.made(), listener=hear)
    return {"symbol": about.symbol, "venue": about.venue, "notes": notes} | counts


def _about(job: Job, symbol: str, interval_s: int | None) -> About:
    venue = feeds.by_name(FORMATS[job.format].venue).capabilities.venue
    at_end = job.stamped_at == "end"
    return About(job.format, symbol, interval_s, venue, job.day, stamped_at_end=at_end, said=job.said)


def _said(asked: Question, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return what was asked for, as JSON values. The whole history of something has no beginning."""
    times = {"from_ns": asked.from_ns, "to_ns": asked.to_ns} if asked.from_ns else {}
    return {**times, "answers": len(answers), "empty": sum(answer.empty for answer in answers)}


def _spelled(job: Job, key: str) -> str:
    """Return the symbol as the venue spells it. Raises UsageError, too, where the venue wants a key and has none."""
    feed = feeds.by_name(FORMATS[job.format].venue)
    if FORMATS[job.format].tabular:  # as it is spelled in other files, and by its own feed
        return wanted_symbols(feed.capabilities.venue, (job.symbol,), pattern=_ANY, spell=str)[0] if job.symbol else ""
    if FORMATS[job.format].venue in feeds.FILES:
        return wanted_symbols(feed.capabilities.venue, (job.symbol,), example="IBM")[0]
    wish = Wish((job.symbol,), feed.capabilities.channels[:1], key=key)
    return next(iter(feed.session(wish).symbols))


def _held(ns: int) -> int:
    """Return the nearest time that a connection can say that it was asked for."""
    return max(EARLIEST_NS, min(ns, LATEST_NS))
