"""How long the head of a request may be: uvicorn's parser would keep one that never ends."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from breadboard.api import problems

LONGEST: Final = 64 << 10
"""Bytes of a head: the target and all headers. An address has a limit of its own, and a lower one."""


class Heads(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which ends a connection that sends no end of a head.

    Counted is what comes without that a head ends, a body goes on, or a request is over. So pipelined requests and
    bodies count nothing, and what surrounds a body does: extensions of a chunk, and trailers, which the parser puts
    with the headers. What is read at once is given to the parser in pieces of what may still come, so that a head
    that begins in an answer's wake is cut to the byte; one behind another, in the same piece, is counted from the
    next piece on, and has twice as much at most.
    """

    _room = LONGEST
    _went_on = False

    def data_received(self, data: bytes) -> None:
        """Parse as uvicorn does, until a socket takes the connection over or nothing is left of it."""
        while data and not self.transport.is_closing() and self.transport.get_protocol() is self:
            if not self._room:
                self._refuse()
                return
            piece, data = data[: self._room], data[self._room :]
            self._went_on = False
            super().data_received(piece)
            self._room = LONGEST if self._went_on else self._room - len(piece)

    def on_headers_complete(self) -> None:
        """Take note."""
        self._went_on = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take note."""
        self._went_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note."""
        self._went_on = True
        super().on_message_complete()

    def _refuse(self) -> None:
        """Answer 431 and close; without a word where an answer to something else is due first."""
        if getattr(self.cycle, "response_complete", True):  # before the first request there is no cycle
            told = problems.body(431, f"the head of a request has {LONGEST:,} bytes at most", "send fewer headers")
            lines = (
                "HTTP/1.1 431 Request Header Fields Too Large",
                f"content-type: {problems.CONTENT_TYPE}",
                f"content-length: {len(told)}",
                "connection: close",
            )
            self.transport.write("\r\n".join((*lines, "", "")).encode() + told)
        self.transport.close()
