"""What one line and its venue say to each other: the session is asked, and what it asks for is carried out."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, assert_never

from breadboard import calendars
from breadboard.capture.documents import Documents
from breadboard.capture.outbox import Outbox
from breadboard.capture.recorder import Recorder
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.status import Counters
from breadboard.capture.wire import Connection
from breadboard.conversations import Denied, Fetch, Missing, Reconnect, Request, Send
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import GapReason

log = logging.getLogger(__name__)

SETTLED_NS: Final = 1_000_000_000
"""After the last word of ours a subscription is held to be made."""
TOLD_NS: Final = 5_000_000_000
ASK_NS: Final = 1_000_000_000
PHASE_NS: Final = 20_000_000_000
"""How often the calendar is asked."""
HEARD_AT_ONCE: Final = 100_000
"""Bytes of frames at which the session looks in one turn of the loop, a longer frame alone: the snapshot of a deep book
takes it ten milliseconds, a connection may begin with hundreds, and other sockets wait to be stamped."""
MOST_UNHEARD: Final = 4 << 20
"""Bytes that may wait for that. Beyond them everything is heard at once, and what the venue sends meanwhile stays with
the kernel, which holds it back."""
NAMES_KEPT: Final = 1000
"""Refused symbols that the status file names; more are counted."""
MOST_TOLD: Final = 20
"""Symbols in one line of the log."""
TAKEN_NS: Final = 300_000_000_000
"""Of a connection after which what it was not refused is held to be taken. Some refusals are our own conclusion from a
minute or two of silence, and long lists are asked for bit by bit."""


class Conversation:
    """Of one source, over all its connections; ``connection`` is None between them."""

    def __init__(self, source: Source, around: Surroundings, recorder: Recorder, counters: Counters) -> None:
        allowed = source.capabilities.client_messages_per_s
        self.connection: Connection | None = None
        self.wait_s = 0.0
        """The least time until the next connection, as the session asked for."""
        self.market_open = True
        self._source = source
        self._session = source.session
        self._clock = around.clock
        self._recorder = recorder
        self._counters = counters
        self._outbox = Outbox(min(allowed, source.messages_per_s or allowed))
        self._unheard: deque[bytes] = deque()
        """Recorded, and not yet looked at by the session."""
        self._unheard_bytes = 0
        self._documents = Documents(self._on_document, around.clock, around.rng, turnstiles=around.turnstiles)
        self._kept_mono = self._asked_mono = self._phase_mono = self._begun_mono = 0
        self._refused: dict[str, int] = {}
        """What the venue refuses by name, each with the connection (epoch) that was last refused it."""
        self._unsettled_mono: int | None = None
        """Since when subscriptions are being made and what they bring may be missing; None: they are made."""
        self._said_mono = 0
        """When the last word of these was said."""

    def begin(self, connection: Connection) -> None:
        """Begin on a new connection."""
        self.connection = connection
        self.wait_s = 0.0
        self._kept_mono = self._asked_mono = self._begun_mono = self._clock.mono()
        self._outbox.clear()
        # What brings no data subscribes to nothing.
        is_known = self._recorder.epoch > 1 or self._source.last_ts is not None
        is_again = is_known and not self._source.aside
        self._unsettled_mono = self._kept_mono if is_again else None
        self._said_mono = 0
        self._act(self._ask(self._session.on_connect), settles=True)

    def end(self) -> None:
        """End with the connection: what was to be said or fetched is given up; what was lost, is lost till here."""
        self.connection = None
        self._hear(everything=True)  # its last word may be why it left, and when to come back
        self._documents.cancel()
        self._settle(self._clock.mono(), is_over=True)
        if self._source.watched is not None:
            for missing in self._source.watched.on_end():
                self._missing(missing)

    async def close(self) -> None:
        """Close what fetches."""
        await self._documents.close()

    def frames(self, frames: Sequence[bytes], size: int) -> None:
        """Let the session look at what came, ``size`` bytes in all: at once, or, where that is much, turn by turn."""
        if not self._unheard and (size <= HEARD_AT_ONCE or len(frames) == 1):
            self._act(self._ask(self._session.on_frames, frames), settles=True)
            return
        is_first = not self._unheard
        self._unheard.extend(frames)
        self._unheard_bytes += size
        if is_first or self._unheard_bytes > MOST_UNHEARD:
            self._hear(everything=self._unheard_bytes > MOST_UNHEARD)

    def _hear(self, *, everything: bool = False) -> None:
        """Let the session look at the next part of what is unheard; the rest is heard in the next turns."""
        part: list[bytes] = []
        size = 0
        while self._unheard and (everything or not part or size + len(self._unheard[0]) <= HEARD_AT_ONCE):
            part.append(self._unheard.popleft())
            size += len(part[-1])
        self._unheard_bytes -= size
        if part:
            self._act(self._ask(self._session.on_frames, part), settles=True)
        if self._unheard:
            asyncio.get_running_loop().call_soon(self._hear)

    def tick(self, now: int) -> None:
        """Say what is due: the venue's keepalive, what had to wait; let the session look at the time."""
        self._look_at_calendar(now)
        if self._unsettled_mono is not None:
            self._settle(now)
        if self._refused and now - self._begun_mono >= TAKEN_NS:
            self._forgive()
        keepalive = self._source.capabilities.keepalive
        if keepalive is not None and now - self._kept_mono >= keepalive.every_s * 1e9:
            self._kept_mono = now
            self._outbox.put(keepalive.text, urgent=True)
        if now - self._asked_mono >= ASK_NS:
            self._asked_mono = now
            self._act(self._ask(self._session.on_time, now / 1e9))
        self._send_some()

    def _on_document(self, head: DocumentHead, body: bytes) -> None:
        if self.connection is None:
            return
        self._recorder.document(head, body)
        self._counters.documents += 1
        self._counters.documents_failed += not 200 <= head.status < 400
        self._act(self._ask(self._session.on_document, head.tag, head.status, body))

    def _ask(self, question: Callable[..., list[Request]], *arguments: object) -> Sequence[Request]:
        """Put a question to the session; one that raises is logged and counted and stops nothing."""
        try:
            return question(*arguments)
        except Exception:
            failed = self._counters.session_errors = self._counters.session_errors + 1
            if failed <= 10 or failed % 1000 == 0:
                log.exception("%s: the session failed (%d times so far)", self._source.name, failed)
            return ()

    def _settle(self, now: int, *, is_over: bool = False) -> None:
        """Put on record that nothing was heard of what was not yet subscribed to: a gap ends with the first byte."""
        since = self._unsettled_mono
        if since is None:
            return
        unsaid = self._outbox.unsaid
        is_settled = is_over or (not unsaid and now - max(self._said_mono, since) >= SETTLED_NS)
        if (self._said_mono or unsaid) and (is_settled or now - since >= TOLD_NS):
            detail = "the subscriptions of this connection were being made"
            self._missing(Missing(None, None, GapReason.SUBSCRIPTION, since / 1e9, detail, over=True))
            self._unsettled_mono = now
        if is_settled:
            self._unsettled_mono = None

    def _act(self, requests: Sequence[Request], *, settles: bool = False) -> None:
        """Carry out requests; ``settles``: what is said makes the subscriptions that a connection begins with."""
        for request in requests:
            match request:
                case Send():
                    self._outbox.put(request.text, settles=settles)
                case Fetch():
                    self._documents.fetch(request)
                case Missing():
                    self._missing(request)
                case Denied():
                    self._denied(request)
                case Reconnect():
                    self.wait_s = max(self.wait_s, request.wait_s)
                    if self.connection is not None:
                        self.connection.close(f"the session asked: {request.reason}")
                case _:
                    assert_never(request)
        if self._outbox:
            self._send_some()

    def _missing(self, request: Missing) -> None:
        """Put a gap on record."""
        what = " ".join(filter(None, (request.symbol or "every symbol", request.channel)))
        log.warning("%s: %s: %s", self._source.name, what, request.detail)
        self._counters.missing_told += 1
        age_ns = self._clock.mono() - int(request.since_s * 1e9)
        self._recorder.missing(request, age_ns)

    def _denied(self, request: Denied) -> None:
        """Name what the venue refuses, once for as long as it does: each connection asks for everything anew."""
        name = f"{request.symbol} {request.channel}" if request.channel else request.symbol
        counters = self._counters
        is_known = name in self._refused
        self._refused[name] = self._recorder.epoch
        if is_known:
            return
        counters.refusals += 1
        if len(counters.refused) < NAMES_KEPT:
            counters.refused.append(name)
        log.warning("%s: the venue refuses %s: %s", self._source.name, name, request.reason)

    def _forgive(self) -> None:
        """Name no more what an earlier connection was refused and this one was not."""
        refused = [name for name, epoch in self._refused.items() if epoch == self._recorder.epoch]
        if len(refused) < len(self._refused):
            taken = [name for name, epoch in self._refused.items() if epoch != self._recorder.epoch]
            more = f" and {len(taken) - MOST_TOLD} more" if len(taken) > MOST_TOLD else ""
            log.warning("%s: the venue no longer refuses %s%s", self._source.name, ", ".join(taken[:MOST_TOLD]), more)
            self._refused = dict.fromkeys(refused, self._recorder.epoch)
            self._counters.refused = refused[:NAMES_KEPT]

    def _send_some(self) -> None:
        """Send what the limit of messages a second allows; the rest goes with the next ticks."""
        if self.connection is not None:
            unsaid = self._outbox.unsaid
            for text in self._outbox.due(self._clock.mono()):
                self.connection.send(text)
            if self._outbox.unsaid < unsaid:
                self._said_mono = self._clock.mono()

    def _look_at_calendar(self, now: int) -> None:
        """Ask now and then whether the market is open, where it has hours at all."""
        calendar = self._source.capabilities.calendar
        if not calendar or (self._phase_mono and now - self._phase_mono < PHASE_NS):
            return
        self._phase_mono = now
        phase = calendars.phase(calendar, self._clock.wall())
        self.market_open = phase != calendars.CLOSED
        if self._source.watched is not None:
            self._source.watched.on_phase(phase)
