"""The driver that all venues share: every configured source on one event loop, into one journal."""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from random import Random

from breadboard import calendars
from breadboard.capture import tiers
from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.conversation import NAMES_KEPT
from breadboard.capture.line import Line
from breadboard.capture.ruleswatch import RulesWatch
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.status import Replaced, Status
from breadboard.capture.tls import trusted
from breadboard.capture.turns import Turnstiles
from breadboard.clock import Clock, SystemClock
from breadboard.conversations import Report
from breadboard.errors import JournalError
from breadboard.ports import JournalWriter

log = logging.getLogger(__name__)

TICK_S = 0.1
TIERS_SEEN_EVERY = 100
TIERS_EVERY = 600
"""Ticks between two writings of the measured rates: a minute."""
GOOD_BYE_S = 1.5
NOTHING_TOLD = Report({})
"""Of the venue's own state, where nobody tells or the connection that did is over."""


class Capture:
    """Records ``sources`` into ``journal`` until ``stop``. It talks to venues and the journal, and to nobody else.

    It owns the journal from ``run`` on and closes it at the end. ``status_path`` is a small JSON file
    (``capture.status.Status``), rewritten each second, ``tiers_path`` one (``capture.tiers.Tiers``) each minute.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        journal: JournalWriter,
        *,
        clock: Clock | None = None,
        rng: Random | None = None,
        status_path: Path | None = None,
        tiers_path: Path | None = None,
        rules_path: Path | None = None,
    ) -> None:
        self._sources = sources
        self._clock = clock or SystemClock()
        self._rng = rng or Random()  # noqa: S311 - jitter, no secret
        self._status_file = Replaced(status_path)
        self._tiers_file = Replaced(tiers_path)
        self._started_ns = self._clock.wall()
        self._appender = Appender(journal, self._clock)
        self._watch = ClockWatch(self._clock, self._appender)
        self._rules = None if rules_path is None else RulesWatch(rules_path, self._appender, self._clock)
        self._lines: list[Line] = []
        self._tiers: dict[str, tiers.Tier] = {}
        self._stopping = asyncio.Event()
        self.interrupted = False
        self.broken = False
        """A line broke, which is no good end."""

    async def run(self) -> None:
        """Record until ``stop``; then end every connection, make everything durable, close the journal.

        Raises JournalError when the disk refuses at the very end.
        """
        around = Surroundings(
            self._appender, self._clock, self._watch, self._rng, Pacer(self._clock), Turnstiles(self._clock)
        )
        trusted()  # reading the authorities takes a tenth of a second: before there is a socket to neglect
        for calendar in sorted({source.capabilities.calendar for source in self._sources}):
            calendars.phase(calendar, self._started_ns)  # and a calendar a whole one
        self._watch.tick()
        if self._rules is not None:
            self._rules.tick()  # before there is anything that they could be about
        self._lines = [Line(source, around) for source in self._sources]
        tasks = [asyncio.create_task(line.run(), name=f"line {line.counters.source}") for line in self._lines]
        for task in tasks:
            task.add_done_callback(self._note_end)
        try:
            await self._tend()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=GOOD_BYE_S) if tasks else None
            try:
                await self._status_file.end(self.status)
            finally:
                await asyncio.get_running_loop().run_in_executor(None, self._appender.close)

    def stop(self) -> None:
        """Ask ``run`` to come to its end."""
        self._stopping.set()

    def stop_on_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for the end. Call in the event loop's thread.

        ``interrupted`` tells afterwards whether it was SIGINT (Ctrl-C).
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._heard, number)

    def _heard(self, number: int) -> None:
        self.interrupted |= number == signal.SIGINT
        self.stop()

    def status(self) -> Status:
        """Return the counters as they are now."""
        now = self._clock.mono()
        for line in self._lines:
            seen = line.counters.last_frame_mono
            line.counters.last_frame_age_s = round((now - seen) / 1e9, 3) if seen else None
            watched = line.source.watched
            line.counters.missing = list(watched.missing())[:NAMES_KEPT] if watched is not None else []
            report = line.source.report
            told = report() if report is not None and line.counters.connected else NOTHING_TOLD
            line.counters.facts, line.counters.troubles = dict(told.facts), list(told.troubles)
        return Status(
            os.getpid(),
            self._clock.wall(),
            self._started_ns,
            self._appender.refusing,
            self._appender.refusals,
            self._appender.frames_lost,
            self._watch.steps,
            [line.counters for line in self._lines],
            self._tiers,
        )

    def _rates(self) -> tiers.Tiers:
        return tiers.Tiers(self._clock.wall(), tiers.measure(self._sources))

    async def _tend(self) -> None:
        """Look at the clocks ten times a second; at the journal and the status file once."""
        turn = 0
        while not self._stopping.is_set():
            try:
                self._watch.tick()
                if turn % TIERS_SEEN_EVERY == 0:
                    self._tiers = tiers.by_tier(self._sources)
                if turn % 10 == 0:
                    self._appender.tick()
                    self._status_file.put(self.status)
                    if self._rules is not None:
                        self._rules.tick()
                if turn % TIERS_EVERY == TIERS_EVERY - 1:
                    self._tiers_file.put(self._rates)
            except JournalError as error:
                log.error("the journal cannot be asked: %s", error)  # noqa: TRY400 - a sentence, no traceback
            turn += 1
            try:
                await asyncio.wait_for(self._stopping.wait(), TICK_S)
            except TimeoutError:
                continue

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Stop loudly when a line broke, which it never should; the supervisor starts the process again."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = True
            log.critical("%s broke; capture stops", task.get_name(), exc_info=error)
            self.stop()
