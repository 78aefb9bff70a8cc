"""How long the head of a request may be, and how long it and a body may take: uvicorn would wait without end."""

import asyncio
import math
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from breadboard.api import problems

LONGEST: Final = 64 << 10
"""Bytes of a head: the target and all headers. An address has a limit of its own, and a lower one."""
LAST_WORDS_S: Final = 1.0
"""So long after our end of a connection the rest of it is dropped, heard or not."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client is waited for, in seconds."""

    head_s: float = 20.0
    """From connecting, or from the first byte of a further request, to the end of its head."""
    pause_s: float = 30.0
    """Between two pieces of a body."""
    body_s: float = 120.0
    """From the end of a head to the end of its body, of which the longest that we take has 1.5 MiB."""
    breath_s: float = 5.0
    """Since the last piece of a body, before it counts as one that does not come, and makes room for others."""


class Heads(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which ends a connection that sends no end of a head, or of a body.

    Counted is what comes without that a head ends, a body goes on, or a request is over. So pipelined requests and
    bodies count nothing, and what surrounds a body does: extensions of a chunk, and trailers, which the parser puts
    with the headers. What is read at once is given to the parser in pieces of what may still come, so that a head
    that begins in an answer's wake is cut to the byte; one behind another, in the same piece, is counted from the
    next piece on, and has twice as much at most.

    Who looks from time to time finds a client late by ``late``. That is no timer for each request: there are thousands
    of connections, and most of what they send is whole. Lines that rest between two requests are uvicorn's to close.
    """

    _room = LONGEST
    _went_on = False
    _begun = False
    """Whether anything came at all."""
    _in_body = False
    _body_end = math.inf

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - as uvicorn has it
        silent: dict["Heads", None],
        outside: set["Heads"],
        deadlines: Deadlines,
        **more: Any,  # noqa: ANN401 - as uvicorn has it
    ) -> None:
        """Take uvicorn's arguments.

        ``silent`` has all without a whole head so far, the oldest first; ``outside`` those without a line.
        """
        super().__init__(*args, **more)
        self._silent, self._outside, self._deadlines = silent, outside, deadlines
        self._due = math.inf
        """The loop's time at which the client is late; infinite while it owes nothing."""
        self.since = 0.0
        """The loop's time since which the client has done nothing that we wait for."""
        self._unread = 0
        silent[self] = None
        outside.add(self)
        self._expect(deadlines.head_s)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Be one of the lines from here on."""
        self._outside.discard(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._silent.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse as uvicorn does, until a socket takes the connection over or nothing is left of it."""
        self._begun = True
        if self._due == math.inf:  # the parser may say nothing of it: it steps over empty lines
            self._expect(self._deadlines.head_s)
        while data and not self.transport.is_closing() and self.transport.get_protocol() is self:
            if not self._room:
                self._tell(431, f"the head of a request has {LONGEST:,} bytes at most", "send fewer headers")
                return
            piece, data = data[: self._room], data[self._room :]
            self._went_on = False
            super().data_received(piece)
            self._room = LONGEST if self._went_on else self._room - len(piece)

    def on_message_begin(self) -> None:
        """Take note: it may be behind another in what came at once."""
        if self._due == math.inf:
            self._expect(self._deadlines.head_s)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Take note."""
        self._went_on = self._in_body = True
        self._silent.pop(self, None)
        self._body_end = self.loop.time() + self._deadlines.body_s
        self._expect(self._deadlines.pause_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take note."""
        self._went_on = True
        self._expect(self._deadlines.pause_s)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note."""
        self._went_on, self._in_body = True, False
        self._due, self._body_end, self.since = math.inf, math.inf, self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Take note: from here on it rests, or its answer is to be read."""
        self.since = self.loop.time()
        super().on_response_complete()

    @property
    def line(self) -> asyncio.Transport | None:
        """What it goes by; None while hands are shaken."""
        return self.transport

    def late(self, now: float) -> bool:
        """Tell whether the client has not sent in time what it began, or should have. To be asked every few seconds.

        While an answer is under way, or we do not read, the time does not run.
        """
        left = self.transport.get_write_buffer_size()
        if left != self._unread:
            self._unread, self.since = left, now
        if self._due == math.inf or self.transport.is_closing():
            return False
        if self._ours():
            self._body_end = now + self._deadlines.body_s
            self._expect(self._deadlines.pause_s if self._in_body else self._deadlines.head_s)
        return now >= self._due

    def idle(self, now: float) -> bool:
        """Tell whether nothing is lost with it but what the client would have to send, or does not read."""
        if self.line is None:
            return True
        left = self.line.get_write_buffer_size()
        if left:
            return left == self._unread and now - self.since >= self._deadlines.pause_s
        if self._in_body and now - self.since < self._deadlines.breath_s:
            return False
        return not self._ours()

    def give_up(self) -> None:
        """Close, with 408 where something had begun; and for good, also where by TLS no word of parting comes."""
        if not self.transport.get_write_buffer_size():  # else an answer is being read
            self.loop.call_later(LAST_WORDS_S, self.transport.abort)
        if self._begun:
            what = "body" if self._in_body else "head"
            seconds = self._deadlines.pause_s if self._in_body else self._deadlines.head_s
            self._tell(408, f"the {what} of a request did not come to an end", f"send it within {seconds:g} s")
        self.transport.close()

    def _expect(self, within_s: float) -> None:
        self.since = self.loop.time()
        self._due = min(self.since + within_s, self._body_end)

    def _ours(self) -> bool:
        """Tell whether it is not the client who is waited for."""
        cycle = self._newest()
        answering = cycle is not None and not cycle.response_complete and not cycle.more_body
        return answering or bool(self.pipeline) or self.flow.read_paused

    def _newest(self) -> RequestResponseCycle | None:
        """Return the request that came last; None before the first."""
        return self.cycle

    def _tell(self, status: int, sentence: str, hint: str) -> None:
        """Answer and close; without a word where an answer to something else is due first."""
        cycle = self._newest()
        answered = cycle is not None and (cycle.response_started if self._in_body else not cycle.response_complete)
        if not answered and not self.pipeline:
            self.transport.write(problems.whole(status, sentence, hint))
        self.transport.close()
