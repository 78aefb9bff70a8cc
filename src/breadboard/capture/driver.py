"""The driver that all venues share: every configured source on one event loop, into one journal."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.line import Line, Source, Surroundings
from breadboard.capture.status import Status, write
from breadboard.capture.tls import trusted
from breadboard.clock import Clock, SystemClock
from breadboard.config import FeedConfig, credential
from breadboard.errors import JournalError, UsageError
from breadboard.ports import Capabilities, Feed, JournalWriter, Wish

log = logging.getLogger(__name__)

TICK_S = 0.1
GOOD_BYE_S = 1.5


@dataclass(frozen=True, slots=True)
class History:
    """What the journal already holds of one source."""

    epoch: int
    """The number of its last connection."""
    last_ts: int
    """The receive stamp of its last record."""


def plan_sources(
    wanted: Sequence[FeedConfig], feeds: Mapping[str, Feed], history: Mapping[int, History] | None = None
) -> list[Source]:
    """Return the connections that the configuration calls for, numbered from 0 in its order.

    A feed with more streams than its venue carries on one connection is spread over several. ``feeds`` maps the
    configured venue names to feeds; ``history`` source numbers to what the journal has. Raises UsageError for
    symbols or channels that the venue cannot have, for a missing key, and for a second connection with one where the
    venue allows one; KeyError for a venue that ``feeds`` lacks.
    """
    planned: list[Source] = []
    alone: set[tuple[str, str]] = set()
    for config in wanted:
        feed = feeds[config.venue]
        can = feed.capabilities
        key = credential(config, *filter(None, (can.credential, can.former_credential)))
        for symbols, channels in _spread(config, feed.capabilities):
            number = len(planned)
            known = (history or {}).get(number)
            if can.single_connection and (can.venue, key) in alone:
                raise UsageError(
                    f"{can.venue} allows one connection a key, and the configuration calls for a second",
                    hint=f"name all symbols of {config.venue} in one [[feeds]] section",
                )
            alone.add((can.venue, key))
            wish = Wish(symbols, channels, config.url, config.rest_url, key)
            planned.append(
                Source(
                    number,
                    symbols,
                    feed.capabilities,
                    feed.session(wish),
                    known.epoch if known else 0,
                    known.last_ts if known else None,
                )
            )
    return planned


def _spread(config: FeedConfig, can: Capabilities) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield the symbols and channels of each connection."""
    channels = config.channels or can.channels
    for group in can.channel_groups or (channels,):
        # A channel that no group has is the session's to refuse, with a sentence.
        mine = tuple(name for name in channels if name in group or not any(name in each for each in can.channel_groups))
        size = max(1, can.max_streams_per_connection // max(1, len(mine)))
        for begin in range(0, len(config.symbols), size) if mine else ():
            yield config.symbols[begin : begin + size], mine


class Capture:
    """Records ``sources`` into ``journal`` until ``stop``. It talks to venues and the journal, and to nobody else.

    It owns the journal from ``run`` on and closes it at the end. ``status_path`` is a small JSON file
    (``capture.status.Status``), rewritten each second.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        journal: JournalWriter,
        *,
        clock: Clock | None = None,
        rng: Random | None = None,
        status_path: Path | None = None,
    ) -> None:
        self._sources = sources
        self._clock = clock or SystemClock()
        self._rng = rng or Random()  # noqa: S311 - jitter, no secret
        self._status_path = status_path
        self._started_ns = self._clock.wall()
        self._appender = Appender(journal, self._clock)
        self._watch = ClockWatch(self._clock, self._appender)
        self._lines: list[Line] = []
        self._stopping = asyncio.Event()
        self.interrupted = False

    async def run(self) -> None:
        """Record until ``stop``; then end every connection, make everything durable, close the journal.

        Raises JournalError when the disk refuses at the very end.
        """
        around = Surroundings(self._appender, self._clock, self._watch, self._rng, Pacer(self._clock))
        trusted()  # reading the authorities takes a tenth of a second: before there is a socket to neglect
        self._watch.tick()
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
            self.write_status()
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
        return Status(
            os.getpid(),
            self._clock.wall(),
            self._started_ns,
            self._appender.refusing,
            self._appender.refusals,
            self._appender.frames_lost,
            self._watch.steps,
            [line.counters for line in self._lines],
        )

    def write_status(self) -> None:
        """Rewrite the status file, where there is one."""
        if self._status_path is not None:
            write(self._status_path, self.status())

    async def _tend(self) -> None:
        """Look at the clocks ten times a second; at the journal and the status file once."""
        turn = 0
        while not self._stopping.is_set():
            try:
                self._watch.tick()
                if turn % 10 == 0:
                    self._appender.tick()
                    self.write_status()
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
            log.critical("%s broke; capture stops", task.get_name(), exc_info=error)
            self.stop()
