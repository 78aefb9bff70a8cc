"""A rule over recorded history: the engine that runs live, over the same journal, with this rule in place of others."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from breadboard import feeds, journal
from breadboard.app import engine_checks, journals, rulebook, suspects
from breadboard.app.followed import alone
from breadboard.app.pipeline import STEP_FRAMES
from breadboard.app.places import Places
from breadboard.app.progress import Progress
from breadboard.app.question import parsed
from breadboard.app.rewinding import follow
from breadboard.clock import moment
from breadboard.config import Config
from breadboard.config_file import load
from breadboard.engine.core import Engine
from breadboard.engine.retries import Retrying
from breadboard.engine.rule_conditions import needs_no_more, verify
from breadboard.errors import UsageError
from breadboard.model.alerts import AlertState
from breadboard.model.decimals import ABSENT, INT64_MAX, price_text
from breadboard.model.rule_words import cause, sentence, told
from breadboard.model.rules import Rule, RuleSet
from breadboard.model.tape import Tape

_TOLD: Final = 1_000
"""Alerts that are listed one by one; all are counted."""
_DAY_NS: Final = 86_400 * 10**9
_FEW_FRAMES: Final = 512
"""Read at a time where only some times are asked for: what was held back is known of each reading as a whole."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try, and over which times (event times where the venue tells them)."""

    rule: str
    data_dir: Path
    file: Path | None = None
    """The rule is in this file; None: among those of the data directory."""
    begin: str | None = None
    end: str | None = None
    """Days or moments, UTC; the end of a day is in it."""
    features: tuple[str, ...] = ()
    """Told besides those of the configuration that ran last."""
    given: bool = False
    """The rule, and the watchlists that it names, come on stdin, as a set of that one."""
    config: Path | None = None
    """A configuration file; None: the configuration that ran last."""


@dataclass
class _Tally:
    """How often it fired, and when."""

    fired: int = 0
    retracted: int = 0
    by_symbol: dict[str, int] = field(default_factory=dict)
    days: set[int] = field(default_factory=set)
    first: int = INT64_MAX
    last: int = -INT64_MAX

    def take(self, name: str, when: int, *, retracted: bool) -> None:
        self.by_symbol.setdefault(name, 0)
        if retracted:
            self.retracted += 1
            return
        self.fired += 1
        self.by_symbol[name] += 1
        self.days.add(when // _DAY_NS)
        self.first, self.last = min(self.first, when), max(self.last, when)

    def described(self) -> dict[str, Any]:
        """Return it for people and programs; ``days`` are those (of UTC) on which it fired."""
        return {
            "fired": self.fired,
            "retracted": self.retracted,
            "days": len(self.days),
            "first": moment(self.first) if self.fired else None,
            "last": moment(self.last) if self.fired else None,
            "by_symbol": dict(sorted(self.by_symbol.items(), key=lambda item: (-item[1], item[0]))),
        }


@dataclass
class _Heard:
    """What the journal has of the times asked for, by event times where the venue tells them."""

    begin: int
    end: int
    events: int = 0
    """Of these times."""
    of_instruments: int = 0
    """Of these, those that say something of an instrument. What a source says of itself has the time at which it came,
    and history may have come years later."""
    first: int = INT64_MAX
    last: int = -INT64_MAX
    """From when to when the whole journal has something of instruments."""

    def take(self, tape: Tape) -> bool:
        """Count some rows; tell whether any is of these times."""
        when = np.where(tape.ts_event == ABSENT, tape.ts_recv, tape.ts_event)
        within, named = (self.begin <= when) & (when < self.end), tape.instrument >= 0
        self.events += int(np.count_nonzero(within))
        self.of_instruments += int(np.count_nonzero(within & named))
        self.first = min(self.first, int(when[named].min(initial=INT64_MAX)))
        self.last = max(self.last, int(when[named].max(initial=-INT64_MAX)))
        return bool(within.any())

    def reach(self) -> dict[str, str] | None:
        """Return from when to when the journal reaches; None where it has nothing of an instrument."""
        return {"from": moment(self.first), "to": moment(self.last)} if self.first <= self.last else None

    def missed(self, begin: str | None, end: str | None) -> str:
        """Return a sentence where nothing is recorded of the times asked for; nothing where something is.

        Without it, no data reads as a rule that has never fired.
        """
        if self.of_instruments:
            return ""
        reach = self.reach()
        if reach is None:
            return "nothing is recorded of any instrument yet"
        times = f"from {begin} to {end}" if begin and end else f"from {begin} on" if begin else f"until {end}"
        whole = f"from {reach['from']} to {reach['to']}"
        return f"nothing is recorded of any instrument {times}: the journal reaches {whole}"


def run(trial: Trial) -> dict[str, Any]:
    """Return when and how often a rule would have fired, had it held from the beginning of the journal.

    It is known by name. Ids are those that live alerts of the same rule have. What was held back is counted in the
    same times, give or take some hundred frames where they begin and end, and so are trades ``late``: older than one
    before them, which moved nothing. Raises UsageError.
    """
    places = Places(trial.data_dir)
    config, named = _config(trial, places)
    features = tuple(dict.fromkeys((*config.engine.features, *trial.features)))
    config = msgspec.structs.replace(config, engine=msgspec.structs.replace(config.engine, features=features))
    rule, ruleset = _found(trial, config, places)
    needs_no_more(ruleset, named, config.engine)
    begin, end = span(("--from", trial.begin), ("--to", trial.end))
    started = time.perf_counter()
    recorded = journals.directory(trial.data_dir)
    reader = journal.Reader.open(recorded)
    engine = Engine(feeds.by_venue, config.engine, ruleset)
    for offset in suspects.condemned(places.suspects, journal.identity(recorded)):
        engine.condemn(offset, suspects.REASON)
    engine.adopt(reader.epochs.values())
    taking = Retrying(engine, _rewinder(engine, recorded))
    tally, heard, missed = _Tally(), _Heard(begin, end), dict.fromkeys(("held", "late"), 0)
    step = STEP_FRAMES if trial.begin is trial.end is None else min(STEP_FRAMES, _FEW_FRAMES)
    alerts: list[dict[str, Any]] = []
    with Progress("frames") as progress:
        while (frames := reader.read(step)) is not None:
            before = engine.rules.counters()
            outputs = taking.process(frames)
            if heard.take(outputs.tape):
                after = engine.rules.counters()
                missed = {name: count + after[name] - before[name] for name, count in missed.items()}
            engine.position = max(engine.position, reader.position)
            progress.add(len(frames))
            for row in outputs.alerts:
                when = int(row["ts_recv"] if row["ts_event"] == ABSENT else row["ts_event"])
                if not begin <= when < end:
                    continue
                name = _named(row, engine)
                tally.take(name, when, retracted=int(row["state"]) == AlertState.RETRACTED)
                if len(alerts) < _TOLD:
                    alerts.append(_shown(row, rule, name, when))
    reader.close()
    return {
        "rule": rule.name,
        "version": rule.version,
        "says": sentence(rule),
        "from": trial.begin,
        "to": trial.end,
        **tally.described(),
        **missed,
        "events": heard.events,
        "recorded": heard.reach(),
        "note": heard.missed(trial.begin, trial.end),
        "seconds": round(time.perf_counter() - started, 3),
        "alerts": alerts,
    }


def _config(trial: Trial, places: Places) -> tuple[Config, str]:
    """Return the configuration to follow, and what to call it. Raises UsageError."""
    if trial.config is None:
        return places.config(), f"the configuration that ran last under {places.root}"
    config = load(trial.config, {"data_dir": str(trial.data_dir)})
    engine_checks.verify(config.engine)
    return config, str(trial.config)


def _rewinder(engine: Engine, recorded: Path) -> Callable[[int], None]:
    """Return what puts the engine to where it stood before an offset: from the beginning, as it has no checkpoint."""

    def rewind(position: int) -> None:
        engine.restart()
        reader = journal.Reader.open(recorded)
        try:
            engine.adopt(reader.epochs.values())
            follow(reader, engine, position, recorded)
        finally:
            reader.close()

    return rewind


def _found(trial: Trial, config: Config, places: Places) -> tuple[Rule, RuleSet]:
    """Return the rule that is meant, switched on, and the set of it alone."""
    if trial.given:
        known, where = msgspec.json.decode(sys.stdin.buffer.read(), type=RuleSet), "stdin"
        verify(known, where, config.engine.features)
    elif trial.file is not None:
        known, where = rulebook.check(trial.file, config.engine.features), str(trial.file)
    else:
        known, where = rulebook.wanted(config, places), f"the rules of {places.root}"
    rule = next((rule for rule in known.rules if rule.name == trial.rule), None)
    if rule is None:
        names = ", ".join(rule.name for rule in known.rules) or "none"
        raise UsageError(f"there is no rule {trial.rule!r} in {where}", hint=f"there are: {names}")
    rule = msgspec.structs.replace(rule, enabled=True)
    found = alone([rule], known.watchlists)
    verify(found, where, config.engine.features)  # in the database may be what this configuration cannot follow
    return rule, found


def span(first: tuple[str, str | None], last: tuple[str, str | None]) -> tuple[int, int]:
    """Return ns from the begin of one day or moment to the end of another, as far as 64 bits hold them.

    Raises UsageError with the names given. Only what was given is compared, and as it was given.
    """
    zone = ZoneInfo("UTC")
    begin = parsed(first[0], first[1], zone) if first[1] else None
    end = parsed(last[0], last[1], zone, end=True) if last[1] else None
    if begin is not None and end is not None and begin >= end:
        hint = f"{first[0]} 2026-11-02 {last[0]} 2026-11-02   # all of that day"
        raise UsageError(f"{first[0]} {first[1]} is not before {last[0]} {last[1]}", hint=hint)
    return _held(-INT64_MAX if begin is None else begin), _held(INT64_MAX if end is None else end)


def _held(ns: int) -> int:
    """Return the nearest time that 64 bits hold."""
    return max(-INT64_MAX, min(ns, INT64_MAX))


def _named(row: np.void, engine: Engine) -> str:
    which = int(row["instrument"])
    return engine.instruments[which].id if which >= 0 else engine.venues.get(int(row["source"]), "every source")


def _shown(row: np.void, rule: Rule, name: str, when: int) -> dict[str, Any]:
    """Return one alert for people and programs; what is not known is null."""

    def known(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    return {
        "id": row["id"].decode(),
        "time": moment(when),
        "symbol": name,
        "state": AlertState(int(row["state"])).label,
        "value": known(row["value"]),
        "threshold": known(row["threshold"]),
        "reference": known(row["reference"]),
        "price": None if row["price"] == ABSENT else price_text(int(row["price"])),
        "offset": int(row["offset"]),
        "gapped": bool(row["gapped"]),
        "cause": cause(row, rule.of_kind),
        "message": told(row, rule, name),
    }
