"""Is the store whole? Asked at start, hourly and by `breadboard audit`; and how it is built again from the journal."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from breadboard import journal
from breadboard.app import client
from breadboard.app.house import build, open_store
from breadboard.app.places import Places
from breadboard.app.suspects import copy_condemned
from breadboard.clock import SystemClock
from breadboard.config import Config
from breadboard.errors import JournalError, StoreError, UsageError
from breadboard.store.audit import Report, audit
from breadboard.store.clickhouse import ClickHouseStore

log = logging.getLogger(__name__)

_EVERY_S: Final = 3600.0
_FIRST_TICK_S: Final = 5.0
"""How long the audit at start waits for the first tick, so as not to delay it."""


class Auditor:
    """Audits the store of a serving process, at start and hourly; what it found last is in ``reasons``."""

    def __init__(self, store: ClickHouseStore, data_dir: Path) -> None:
        self._store = store
        self._hint = f"breadboard down --data-dir {data_dir} && breadboard audit --repair --data-dir {data_dir}"
        self._lock = threading.Lock()
        self.reasons: tuple[str, ...] = ()
        """Sentences; empty when nothing is wrong, and before the first audit."""

    def run(self, deep: bool) -> dict[str, Any]:
        """Audit now, one at a time, and return the report as JSON-ready values. Raises StoreError."""
        with self._lock:
            report = audit(self._store, deep=deep)
            found = tuple(f"the store: {finding}" for finding in report.findings)
            for finding in found:
                if finding not in self.reasons:
                    log.error("%s; hint: %s", finding, self._hint)
            self.reasons = found
        return described(report)

    def watch(self, stop: threading.Event, ticked: Callable[[], bool]) -> None:
        """Audit after the first tick (or a few seconds without one), then hourly, until ``stop``. For a thread."""
        waited = 0.0
        while not ticked() and waited < _FIRST_TICK_S and not stop.wait(0.1):
            waited += 0.1
        while not stop.is_set():
            try:
                self.run(deep=False)
            except StoreError as error:
                if not stop.is_set():  # at the end the store closes under us
                    log.warning("the store was not audited: %s", error.sentence)
            stop.wait(_EVERY_S)


def described(report: Report) -> dict[str, Any]:
    """Return a report as JSON-ready values."""
    parts: dict[str, Any] = msgspec.to_builtins(report)
    return {"ok": report.ok, "findings": list(report.findings), **parts}


def check(data_dir: Path, *, deep: bool) -> dict[str, Any]:
    """Audit the store of a data directory: through the running process, or directly when nothing runs."""
    places = Places(data_dir)
    running = places.running()
    if running is not None:
        path = f"/api/v1/audit?deep={str(deep).lower()}"
        status, body = client.get(running.address, path, timeout_s=600.0, key=places.house_key())
        if status != 200:
            raise client.problem(body, status)
        answer: dict[str, Any] = msgspec.json.decode(body)
        return answer
    config = places.config()
    if not config.store.dsn and not places.store.is_dir():
        raise UsageError(f"there is no store under {data_dir}", hint=f"breadboard up --data-dir {data_dir}")
    with open_store(config, places) as store:
        return described(audit(store, deep=deep))


def repair(data_dir: Path, *, deep: bool) -> dict[str, Any]:
    """Audit the store of a stopped data directory and, where something is wrong, build it anew from the journal.

    The damaged store is moved aside and never deleted. Raises UsageError or StoreError, with everything as it was,
    where something runs, or the journal cannot give back all that was stored. An interrupted repair is completed by
    the next start or repair: a store that is not there is built from the journal.
    """
    places = Places(data_dir)
    running = places.running()
    if running is not None:
        raise UsageError(
            f"breadboard runs on {data_dir} (process {running.pid}); a repair needs it stopped",
            hint=f"breadboard down --data-dir {data_dir}",
        )
    before = check(data_dir, deep=deep)
    if before["ok"]:
        return {**before, "repaired": None}
    config = places.config()
    _refuse_unless_whole(config, places)
    aside = _move_aside(places)
    log.warning("the damaged store is kept in %s", aside)
    report = _rebuild(config, places)
    return {**described(report), "repaired": {"findings": before["findings"], "kept": str(aside)}}


def _refuse_unless_whole(config: Config, places: Places) -> None:
    if config.store.dsn:
        raise UsageError("only the embedded store is built again here; store.dsn names another", hint="store.dsn = ''")
    try:
        report = journal.verify(places.journal)
    except JournalError as error:
        raise StoreError(f"the store is kept as it is: {error.sentence}", hint=error.hint) from None
    if report.first > 0:
        raise StoreError(
            f"the journal of {places.root} begins at offset {report.first:,}, so what was stored before that cannot be "
            "built again; everything is kept as it is",
            hint=f"breadboard replay {places.root} --data-dir NEW   # builds a store of what the journal has",
        )
    if not report.ok or report.lost:
        raise StoreError(
            f"the journal of {places.root} is damaged itself, and the store may hold what it lost; everything is kept",
            hint=f"breadboard journal verify --data-dir {places.root}",
        )


def _move_aside(places: Places) -> Path:
    """Move store and checkpoint to names of their own; the checkpoint first, because alone it would be wrong.

    Frames that no process survives are known on: whoever builds the store anew must not die of them again.
    """
    number = 1
    while (target := places.root / f"store.damaged.{number}").exists():
        number += 1
    if places.checkpoint.exists():
        suspects = places.root / f"checkpoint.damaged.{number}" / places.suspects.name
        places.checkpoint.rename(suspects.parent)
        copy_condemned(suspects, places.made().suspects)
    places.store.rename(target)
    return target


def _rebuild(config: Config, places: Places) -> Report:
    with open_store(config, places.made()) as store:
        house = build(config, places, store, SystemClock(), live=False)
        try:
            house.catch_up(journal.info(places.journal).durable)
            house.pipeline.hand_over(checkpoint=True)
        finally:
            house.close()
        return audit(store)
