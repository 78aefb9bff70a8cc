"""The life of one source's connection: open it, keep it, notice its silence, open it again."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import assert_never
from urllib.parse import urlsplit

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Backoff, Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.connecting import connect
from breadboard.capture.documents import Documents
from breadboard.capture.recorder import Recorder
from breadboard.capture.status import Counters
from breadboard.capture.wire import CONNECT_TIMEOUT_S, Batch, Connection, Refused
from breadboard.clock import Clock
from breadboard.model.gaps import DocumentHead
from breadboard.ports import Capabilities, Fetch, Missing, Reconnect, Request, Send, Session

log = logging.getLogger(__name__)

PING_AFTER_NS = 3_000_000_000
PONG_WITHIN_NS = 3_000_000_000
TICK_S = 0.25
ASK_NS = 1_000_000_000
FROZEN_NS = 2_000_000_000
"""A tick this late means that we slept, not the venue."""
REFUSED_FOR_GOOD = frozenset({401, 403, 451})
REFUSED_WAIT_S = 60.0
LONG_LIFE_S = 600.0
"""A connection this old shows that silence is no habit of its symbols."""


@dataclass(frozen=True, slots=True)
class Source:
    """One connection to keep, ready to be recorded, and what the journal already knows of it."""

    source: int
    symbols: tuple[str, ...]
    capabilities: Capabilities
    session: Session
    epoch: int = 0
    """The number of its last connection in the journal; 0 for none."""
    last_ts: int | None = None
    """The receive stamp of its last record in the journal."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every line of a process shares."""

    appender: Appender
    clock: Clock
    watch: ClockWatch
    rng: Random
    pacer: Pacer
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Line:
    """One source: its connection, its session, its records. ``run`` until cancelled."""

    def __init__(self, source: Source, around: Surroundings) -> None:
        self.counters = Counters(source.source, source.capabilities.venue, len(source.symbols), epoch=source.epoch)
        self._session = source.session
        self._rules = source.capabilities
        self._around = around
        self._clock = around.clock
        self._recorder = Recorder(
            around.appender,
            around.clock,
            self.counters,
            source.source,
            source.capabilities.venue,
            source.session.url,
            source.symbols,
            source.epoch,
            source.last_ts,
        )
        self._backoff = Backoff(around.rng)
        self._documents = Documents(self._on_document, around.clock, around.rng)
        self._connection: Connection | None = None
        self._ended: asyncio.Future[str] | None = None
        self._outbox: deque[str] = deque()
        self._sent: deque[int] = deque()
        self._opened_mono = self._seen_mono = self._data_mono = self._pinged_mono = self._tick_mono = 0
        self._kept_mono = self._asked_mono = 0
        self._begun = False
        self._lifetime_ns = 0
        self._complained = False
        self._mute_for_s = source.capabilities.heartbeat_s
        self._mute_before = False
        self._cuts = 0
        self._wait_s = 0.0
        self._recorder.restarted()

    async def run(self) -> None:
        """Keep the connection, for ever. Cancel to stop; then the end is recorded."""
        try:
            while True:
                await self._around.pacer.turn()
                wait_s = await self._once()
                self.counters.reconnects += 1
                await self._around.sleep(wait_s)
        finally:
            self._hang_up("capture was stopped")
            await self._documents.close()

    async def _once(self) -> float:
        """Live through one connection, or the failure to get one; return how long to wait before the next."""
        ended = self._ended = asyncio.get_running_loop().create_future()
        try:
            await connect(self._session.url, self, self._clock, self._rules)
        except (Refused, OSError, TimeoutError, ValueError) as error:
            self._hang_up("the handshake took too long")
            return self._failed(error)
        while not ended.done():
            await asyncio.wait({ended}, timeout=TICK_S)
            self._tick()
        lived_s = (self._clock.mono() - self._opened_mono) / 1e9
        if lived_s >= LONG_LIFE_S:
            self._mute_for_s = self._rules.heartbeat_s
        wait_s = max(self._backoff.delay(lived_s), self._wait_s)
        log.warning(
            "%s: connection %d ended after %.1f s (%s); the next attempt is in %.1f s",
            self._name,
            self._recorder.epoch,
            lived_s,
            ended.result(),
            wait_s,
        )
        return wait_s

    def on_open(self, connection: Connection) -> None:
        """Begin the conversation (Handler)."""
        if self._complained:
            log.warning("%s: connected at last", self._name)
            self._complained = False
        self._connection = connection
        self._opened_mono = self._seen_mono = self._data_mono = self._tick_mono = self._clock.mono()
        self._pinged_mono = 0
        self._kept_mono = self._asked_mono = self._opened_mono
        self._begun = False
        self._wait_s = 0.0
        # Not all lines of a venue at the same moment: each ends somewhere in the last tenth of what is allowed.
        lifetime_s = self._rules.connection_lifetime_s
        self._lifetime_ns = int(lifetime_s * self._around.rng.uniform(0.9, 0.99) * 1e9) if lifetime_s else 0
        self._outbox.clear()
        self._sent.clear()
        self._cuts = self._around.appender.cuts.get(self.counters.source, 0)
        self._recorder.opened(connection.provenance)
        counters = self.counters
        counters.connected, counters.provenance, counters.epoch = (
            True,
            connection.provenance.value,
            self._recorder.epoch,
        )
        counters.connects += 1
        self._act(self._ask(self._session.on_connect))

    def on_batch(self, batch: Batch) -> None:
        """Record first, then let the session look (Handler)."""
        if self._connection is None:
            return  # read after we hung up; the end is recorded, and the next gap covers it
        self._seen_mono = self._data_mono = batch.ts_mono
        self._mute_before = False
        self._around.watch.check(batch.ts_recv[0], batch.ts_mono)
        if not self._begun:
            self._begun = True
            self._recorder.provenance = self._connection.provenance
            self.counters.provenance = self._connection.provenance.value
        self._recorder.data(batch)
        counters = self.counters
        counters.frames += len(batch.frames)
        counters.bytes += sum(map(len, batch.frames))
        counters.last_frame_mono = batch.ts_mono
        self._act(self._ask(self._session.on_frames, batch.frames))

    def on_control(self) -> None:
        """Note a ping or pong (Handler)."""
        if self._connection is not None:
            self._seen_mono = self._clock.mono()
            self._recorder.alive()

    def on_broken_frame(self, head: bytes, reason: str) -> None:
        """Record the beginning of what could not be received whole (Handler)."""
        log.warning("%s: quarantined %s", self._name, reason)
        self.counters.quarantined += 1
        self._recorder.quarantine(head, reason)

    def on_end(self, reason: str) -> None:
        """Record the end of the connection (Handler)."""
        if self._connection is None:
            return
        self._documents.cancel()
        self._recorder.closed(reason)
        self._connection = None
        self.counters.connected = False
        self.counters.last_error = reason
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)

    def _on_document(self, head: DocumentHead, body: bytes) -> None:
        if self._connection is None:
            return
        self._recorder.document(head, body)
        self.counters.documents += 1
        self.counters.documents_failed += not 200 <= head.status < 400
        self._act(self._ask(self._session.on_document, head.tag, head.status, body))

    def _ask(self, question: Callable[..., list[Request]], *arguments: object) -> Sequence[Request]:
        """Put a question to the session; one that raises is logged and counted and stops nothing."""
        try:
            return question(*arguments)
        except Exception:
            self.counters.session_errors += 1
            if self.counters.session_errors <= 10 or self.counters.session_errors % 1000 == 0:
                log.exception("%s: the session failed (%d times so far)", self._name, self.counters.session_errors)
            return ()

    def _act(self, requests: Sequence[Request]) -> None:
        for request in requests:
            match request:
                case Send():
                    self._outbox.append(request.text)
                case Fetch():
                    self._documents.fetch(request)
                case Missing():
                    age_ns = self._clock.mono() - int(request.since_s * 1e9)
                    self._recorder.missing(request.symbol, request.channel, request.reason, age_ns, request.detail)
                case Reconnect():
                    self._wait_s = max(self._wait_s, request.wait_s)
                    if self._connection is not None:
                        self._connection.close(f"the session asked: {request.reason}")
                case _:
                    assert_never(request)
        if self._outbox:
            self._send_some()

    def _send_some(self) -> None:
        """Send what the venue's limit of messages a second allows; the rest goes with the next ticks."""
        now = self._clock.mono()
        while self._sent and now - self._sent[0] >= 1_000_000_000:
            self._sent.popleft()
        while self._outbox and self._connection is not None and len(self._sent) < self._rules.client_messages_per_s:
            self._connection.send(self._outbox.popleft())
            self._sent.append(now)

    def _tick(self) -> None:
        """Look after the connection: silence, age, messages that had to wait."""
        connection, now = self._connection, self._clock.mono()
        if connection is None:
            return
        late = now - self._tick_mono
        self._tick_mono = now
        if late > FROZEN_NS:
            # We were not running: what came meanwhile is still in the kernel, and its age says nothing of the venue.
            self._seen_mono += late
            self._data_mono += late
            self._pinged_mono += late if self._pinged_mono else 0
            return
        self._keep(now)
        self._send_some()
        if self._pinged_mono and self._seen_mono >= self._pinged_mono:
            self._pinged_mono = 0
        if self._pinged_mono and now - self._pinged_mono > PONG_WITHIN_NS:
            connection.abort(f"half-open: no answer to a ping for {PONG_WITHIN_NS // 1_000_000_000} s")
        elif self._mute_for_s is not None and now - self._data_mono > self._mute_for_s * 1e9:
            self._leave_mute(connection, self._mute_for_s)
        elif self._around.appender.cuts.get(self.counters.source, 0) != self._cuts:
            # The session saw what the journal did not take, so it will not ask for the snapshots that books now need.
            connection.close("the disk had refused: the books begin anew")
        elif self._lifetime_ns and now - self._opened_mono > self._lifetime_ns:
            connection.close("planned: near the age at which the venue ends connections")
        elif not self._pinged_mono and now - self._seen_mono > PING_AFTER_NS:
            self._pinged_mono = now if connection.ping() else 0

    def _keep(self, now: int) -> None:
        """Say what the venue wants to hear now and then, and let the session look at the time."""
        keepalive = self._rules.keepalive
        if keepalive is not None and now - self._kept_mono >= keepalive.every_s * 1e9:
            self._kept_mono = now
            self._outbox.append(keepalive.text)
        if now - self._asked_mono >= ASK_NS:
            self._asked_mono = now
            self._act(self._ask(self._session.on_time, now / 1e9))

    def _leave_mute(self, connection: Connection, silent_s: float) -> None:
        """Leave a connection that answers pings and says nothing.

        When the one before was left for the same reason and this one has said nothing at all, the symbols are thin
        rather than the venue mute: then twice the silence is allowed from now on, up to sixteen times the rule.
        """
        if self._mute_before and self._rules.heartbeat_s is not None:
            self._mute_for_s = min(2 * silent_s, 16 * self._rules.heartbeat_s)
        self._mute_before = True
        connection.close(f"mute: no data for {silent_s:g} s")

    def _failed(self, error: Exception) -> float:
        """Count a failed attempt, tell people once an outage, and return how long to wait."""
        wait_s = self._backoff.delay()
        if isinstance(error, Refused):
            wait_s = max(wait_s, error.retry_after_s, REFUSED_WAIT_S if error.status in REFUSED_FOR_GOOD else 0.0)
        words = str(error) or f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
        self.counters.failures += 1
        self.counters.last_error = words
        if not self._complained:
            self._complained = True
            log.warning(
                "%s cannot be reached at %s: %s; it is tried again in %.1f s and then at growing intervals up to a "
                "minute\nhint: breadboard up   # a simulated market, which needs no network",
                self._name,
                urlsplit(self._session.url).netloc,
                words,
                wait_s,
            )
        return wait_s

    def _hang_up(self, reason: str) -> None:
        connection = self._connection
        if connection is not None:
            self.on_end(reason)
            connection.close(reason)

    @property
    def _name(self) -> str:
        return f"{self._rules.venue} (source {self.counters.source})"
