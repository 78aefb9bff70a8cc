"""`breadboard replay`: a recording becomes a journal, and that goes through the same pipeline as a live market."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from breadboard import feeds, journal
from breadboard.app import engine_checks, journals, rulebook, suspects
from breadboard.app.feeding import carry, refuse_running
from breadboard.app.places import Places
from breadboard.config import Config
from breadboard.config_file import load, read_rules
from breadboard.engine.rule_conditions import needs_no_more, verify_for
from breadboard.errors import UsageError
from breadboard.model.depth import seconds_of
from breadboard.model.kinds import BookState, RecordKind
from breadboard.model.rules import RuleSet
from breadboard.recordings import Batch, interleaved, open_recording

OURS = 0xFFFF
"""The source of records that speak of this machine and not of a venue."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to replay, and how."""

    sources: tuple[Path, ...]
    venues: tuple[str, ...]
    """The feed whose bytes the sources are: of all of them, or of each."""
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
    anomalies: tuple[str, ...] = ()
    """Which kinds of anomaly are told of it, by name, or all."""
    config: Path | None = None
    """A configuration file: groups, arbitrage and whatever else the options do not say."""
    arbitrage: tuple[str, ...] = ()
    """Groups (of the file) between which arbitrage is looked for, ``all`` for all of them."""
    rules: Path | None = None
    """A file of alert rules that hold from before the first record; None: those that the journal has."""
    depth: str = ""
    """How often the best levels of its books are told; empty: never."""
    partitions: int | None = None
    """How many sets of books and features there are; None: as the file says, or one."""


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
    config = _config(job)  # a mistake is told before a data directory is made
    ruleset = _rules(job, config)
    if job.depth:
        seconds_of(job.depth)
    recordings = _recordings(job)
    places = Places(job.data_dir)
    refuse_running(places, "a replay")
    if job.format == "breadboard":
        _copy_journal(job, places)

    def recorded(source: int) -> Iterator[Batch]:
        opened = [
            open_recording(paths, job.format, venue, source=source + at)
            for at, (venue, paths) in enumerate(recordings.items())
        ]
        for at, batch in enumerate(interleaved(opened) if len(opened) > 1 else opened[0]):
            if at == 0 and ruleset is not None:
                yield Batch(RecordKind.RULES, OURS, 0, [ruleset.encoded()], [batch.ts_recv[0]])
            yield batch

    records = None if job.format == "breadboard" else recorded
    if job.config is not None or not places.config().feeds:  # an `up` that ran here is asked for by others
        places.made().write_config(config)
    return carry(records, config, places.made(), speed=job.speed, batch=job.batch)


def _rules(job: Job, config: Config) -> RuleSet | None:
    """Return the rules of the file that was named, else of the configuration. Raises UsageError.

    A journal of ours has its own, and no others hold for it.
    """
    if job.rules is None:
        if not config.rules.rules or job.format == "breadboard":
            return None
        verify_for(config.rules, str(job.config), config.engine)
        return config.rules
    if job.format == "breadboard":
        raise UsageError(
            f"a journal has its own rules in it, and {job.rules} has others",
            hint=f"breadboard rules test {_first(job.rules)} --rules {job.rules} --data-dir {job.sources[0]}",
        )
    ruleset = rulebook.check(job.rules, config.engine.features)
    needs_no_more(ruleset, str(job.rules), config.engine)
    return ruleset


def _first(path: Path) -> str:
    """Return the name of the first rule of a file, as a shell takes it."""
    return shlex.quote(next((rule.name for rule in read_rules(path).rules), "NAME"))


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


def _recordings(job: Job) -> dict[str, list[Path]]:
    """Return the files of each venue, as the tape spells it; nothing for a journal, which knows. Raises UsageError.

    Looks into the recordings, too: a mistake is told before a data directory is made.
    """
    if job.format == "breadboard":
        return {}
    if not job.venues:
        raise UsageError(f"--format {job.format} does not say whose bytes these are", hint="--venue binance")
    if len(job.venues) not in {1, len(job.sources)}:
        raise UsageError(
            f"{len(job.venues)} venues for {len(job.sources)} recordings: it is one for all, or one for each",
            hint=f"--venue {','.join(job.venues[at % len(job.venues)] for at in range(len(job.sources)))}",
        )
    recordings: dict[str, list[Path]] = {}
    for name, path in zip(job.venues * (len(job.sources) // len(job.venues)), job.sources, strict=True):
        recordings.setdefault(feeds.by_name(name).capabilities.venue, []).append(path)
    for venue, paths in recordings.items():
        next(open_recording(paths, job.format, venue))
    return recordings


def _config(job: Job) -> Config:
    """Return the file's configuration with the options on top. Raises UsageError for what is wrong with either."""
    wanted: dict[str, Any] = {"data_dir": str(job.data_dir)}
    if job.features or job.config is None:
        wanted["engine.features"] = list(job.features)
    if job.bars or job.config is None:
        wanted["engine.bars"] = list(job.bars)
    if job.anomalies or job.config is None:
        wanted["engine.anomalies"] = list(job.anomalies)
    if job.depth or job.config is None:
        wanted["engine.depth"] = job.depth
    if job.partitions is not None:
        wanted["engine.partitions"] = job.partitions
    if job.arbitrage:
        wanted["engine.arbitrage.groups"] = [] if "all" in job.arbitrage else list(job.arbitrage)
    config = load(job.config, wanted)
    engine_checks.verify(config.engine)
    return config


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
