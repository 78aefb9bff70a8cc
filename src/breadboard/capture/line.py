"""The life of one source's connection: open it, keep it, notice its silence, open it again."""

import asyncio
import logging
from typing import Final
from urllib.parse import urlsplit

from breadboard.capture.backoff import Backoff, refused_wait_s
from breadboard.capture.connecting import connect
from breadboard.capture.conversation import Conversation
from breadboard.capture.owner import KICKED_WAIT_S
from breadboard.capture.recorder import Recorder
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.status import Counters
from breadboard.capture.vitals import Act, Vitals
from breadboard.capture.wire import CONNECT_TIMEOUT_S, Batch, Connection, Refused
from breadboard.model.addresses import public

log = logging.getLogger(__name__)

TICK_S: Final = 0.25
SHORT_LIFE_S: Final = 60.0


class Line:
    """One source: its connection, its session, its records. ``run`` until cancelled."""

    def __init__(self, source: Source, around: Surroundings) -> None:
        rules = source.capabilities
        self.counters = Counters(
            source.source, rules.venue, len(source.symbols), epoch=source.epoch, aside=source.aside
        )
        self.source = source
        self._rules = rules
        self._around = around
        self._clock = around.clock
        self._recorder = Recorder(
            around.appender,
            around.clock,
            self.counters,
            source.source,
            rules.venue,
            source.session.url,
            source.symbols,
            source.epoch,
            source.last_ts,
            source.aside,
        )
        self._masked = source.masked
        self._talk = Conversation(source, around, self._recorder, self.counters)
        self._vitals = Vitals(rules.heartbeat_s, rules.connection_lifetime_s, around.rng)
        self._backoff = Backoff(around.rng)
        self._ended: asyncio.Future[str] | None = None
        self._begun = False
        self._dismissed = False
        self._complained = False
        self._cuts = 0
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
            await self._talk.close()
            if self.source.owner is not None:
                self.source.owner.release()

    async def _once(self) -> float:
        """Live through one connection, or the failure to get one; return how long to wait before the next."""
        ended = self._ended = asyncio.get_running_loop().create_future()
        try:
            self._own()
            await connect(self.source.session.url, self, self._clock, self._rules)
        except (Refused, OSError, TimeoutError, ValueError) as error:
            self._hang_up("the handshake took too long")
            return self._failed(error)
        while not ended.done():
            await asyncio.wait({ended}, timeout=TICK_S)
            self._tick()
        lived_s = self._vitals.end(self._clock.mono())
        wait_s = max(self._backoff.delay(lived_s), self._talk.wait_s)
        if self._rules.single_connection and not (self._dismissed and lived_s >= SHORT_LIFE_S):
            wait_s = max(wait_s, KICKED_WAIT_S)  # the venue may still count this one, and would throw out the next
        log.warning(
            "%s: connection %d ended after %.1f s (%s); the next attempt is in %.1f s",
            self.source.name,
            self._recorder.epoch,
            lived_s,
            ended.result(),
            wait_s,
        )
        return wait_s

    def on_open(self, connection: Connection) -> None:
        """Begin the conversation (Handler)."""
        if self._complained:
            log.warning("%s: connected at last", self.source.name)
        self._complained = self._begun = self._dismissed = False
        self._vitals.open(self._clock.mono())
        self._cuts = self._around.appender.cuts.get(self.counters.source, 0)
        self._recorder.opened(connection.provenance)
        counters = self.counters
        counters.connected, counters.epoch = True, self._recorder.epoch
        counters.provenance = connection.provenance.value
        counters.connects += 1
        self._talk.begin(connection)

    def on_batch(self, batch: Batch) -> None:
        """Record first, then let the session look (Handler)."""
        connection = self._talk.connection
        if connection is None:
            return  # read after we hung up; the end is recorded, and the next gap covers it
        if self._masked is not None:
            batch = Batch([self._masked(frame) for frame in batch.frames], batch.ts_recv, batch.ts_mono)
        self._vitals.data(batch.ts_mono)
        self._wake(batch.ts_mono)
        self._around.watch.check(batch.ts_recv[0], batch.ts_mono)
        if not self._begun:
            self._begun = True
            self._recorder.provenance = connection.provenance
            self.counters.provenance = connection.provenance.value
        self._recorder.data(batch)
        counters = self.counters
        counters.frames += len(batch.frames)
        size = sum(map(len, batch.frames))
        counters.bytes += size
        counters.last_frame_mono = batch.ts_mono
        self._talk.frames(batch.frames, size)

    def on_control(self) -> None:
        """Note a ping or pong (Handler)."""
        if self._talk.connection is not None:
            self._vitals.alive(self._clock.mono())
            self._recorder.alive()

    def on_broken_frame(self, head: bytes, reason: str) -> None:
        """Record the beginning of what could not be received whole (Handler)."""
        if self._talk.connection is None:
            return  # cut off by our own hanging up: the end is recorded, and the journal may be closed
        log.warning("%s: quarantined %s", self.source.name, reason)
        self.counters.quarantined += 1
        self._recorder.quarantine(head if self._masked is None else self._masked(head), reason)

    def on_end(self, reason: str) -> None:
        """Record the end of the connection (Handler)."""
        connection = self._talk.connection
        if connection is None:
            return
        self._dismissed = connection.dismissed
        self._talk.end()
        self._recorder.closed(reason)
        self.counters.connected = False
        self.counters.last_error = reason
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)

    def _tick(self) -> None:
        """Look after the connection: silence, age, messages that had to wait."""
        now = self._clock.mono()
        if self._talk.connection is not None:
            self._talk.tick(now)
        connection = self._talk.connection
        if connection is None:
            return
        self._wake(now)
        verdict = self._vitals.judge(now, market_open=self._talk.market_open)
        if verdict.act is Act.CUT:
            connection.abort(verdict.reason)
        elif verdict.act is Act.CLOSE:
            connection.close(verdict.reason)
        elif self._around.appender.cuts.get(self.counters.source, 0) != self._cuts:
            # The session saw what the journal did not take, so it will not ask for the snapshots that books now need.
            connection.close("the disk had refused: the books begin anew")
        elif verdict.act is Act.PING and connection.ping():
            self._vitals.pinged(now)

    def _wake(self, now: int) -> None:
        if self._vitals.overslept(now):
            self._recorder.slept(now)

    def _own(self) -> None:
        """Take the right to be the key's one connection. Raises Refused, or OSError where no lock can be made."""
        if self.source.owner is not None and not self.source.owner.take():
            raise Refused(
                f"another breadboard on this machine holds the one connection that {self._rules.venue} allows a key",
                0,
                KICKED_WAIT_S,
            )

    def _failed(self, error: Exception) -> float:
        """Count a failed attempt, tell people once an outage, and return how long to wait."""
        wait_s = self._backoff.delay()
        if isinstance(error, Refused):
            wait_s = max(wait_s, error.retry_after_s, refused_wait_s(error.status))
        reason = error.strerror if isinstance(error, OSError) else None  # without the system's number
        words = reason or str(error) or f"no answer within {CONNECT_TIMEOUT_S:.0f} s"
        self.counters.failures += 1
        self.counters.last_error = words
        if not self._complained:
            self._complained = True
            needless = f"; no {self._rules.venue} data is lost without it" if self.source.aside else ""
            log.warning(
                "%s cannot be reached at %s: %s%s; it is tried again in %.1f s and then at growing intervals up to a "
                "minute\nhint: %s",
                self.source.name,
                urlsplit(public(self.source.session.url)).netloc,
                words,
                needless,
                wait_s,
                self._hint(),
            )
        return wait_s

    def _hint(self) -> str:
        """Return what helps somebody whom a venue cannot be reached for."""
        if not self.source.aside:
            return "breadboard up   # a simulated market, which needs no network"
        kept = [name for name in self._rules.channels if name not in self._rules.asides]
        return f"channels = {kept}   # under [[feeds]], to do without it".replace("'", '"')

    def _hang_up(self, reason: str) -> None:
        connection = self._talk.connection
        if connection is not None:
            self.on_end(reason)
            connection.close(reason)
