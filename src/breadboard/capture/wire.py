"""What every transport shares: stamped batches, what a line hears of its connection, and how a socket is tuned."""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from breadboard.errors import FeedError
from breadboard.model.kinds import Provenance

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
USER_TIMEOUT_MS = 8000
RECEIVE_BUFFER = 8 << 20
QUARANTINE_HEAD = 64 << 10
PROVENANCE_HEADER = "X-Breadboard-Provenance"
"""How a simulator says what it is; a real venue says no such thing."""


class Refused(FeedError):
    """The venue answered, and said no."""

    def __init__(self, sentence: str, status: int, retry_after_s: float) -> None:
        super().__init__(sentence, transient=True)
        self.status = status
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Batch:
    """What one wake-up of the socket delivered: a wall stamp a frame, the monotonic stamp of the first."""

    frames: list[bytes]
    ts_recv: list[int]
    ts_mono: int


class Connection(Protocol):
    """A live connection, whatever carries it."""

    @property
    def provenance(self) -> Provenance:
        """Where the data comes from, in the words of the other side; settled with the first batch."""
        ...

    @property
    def dismissed(self) -> bool:
        """Whether the other side ended it in form, so that it no longer counts this connection as ours."""
        ...

    def send(self, text: str) -> None:
        """Send one text frame, or line; on a connection that is over, nothing happens."""
        ...

    def ping(self) -> bool:
        """Ask for a sign of life; return False where this connection has no way to."""
        ...

    def close(self, reason: str) -> None:
        """Say good-bye, and cut the line a second later if the other side has not."""
        ...

    def abort(self, reason: str) -> None:
        """Cut the line: the other side no longer listens."""
        ...


class Handler(Protocol):
    """What a connection tells its line, in the event loop, never after ``on_end``."""

    def on_open(self, connection: Connection) -> None:
        """Take the connection, before anything it delivers."""
        ...

    def on_batch(self, batch: Batch) -> None:
        """Take data frames, whole messages in the order of the wire."""
        ...

    def on_control(self) -> None:
        """Note that the venue is alive: a ping or pong came."""
        ...

    def on_broken_frame(self, head: bytes, reason: str) -> None:
        """Take the beginning of a message that cannot be recorded as data."""
        ...

    def on_end(self, reason: str) -> None:
        """Note that the connection is over. Called once."""
        ...


def tune(sock: socket.socket) -> None:
    """Send small things at once, notice a dead peer, and give the kernel room for what we do not read at once."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    if _receive_buffer_limit() >= RECEIVE_BUFFER:
        # A fixed size turns the kernel's own growth off; below this limit that growth gives more (6 MiB by default).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def _receive_buffer_limit() -> int:
    try:
        return int(Path("/proc/sys/net/core/rmem_max").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
