"""Who comes in: so many connections and no more, each of them for as long as it says something.

Without a bound, connections that say nothing take all descriptors of the process. They need no key for it, and the
embedded store ends the process where it has none left.
"""

import asyncio
import errno
import heapq
import resource
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from breadboard.api import problems
from breadboard.api.heads import Deadlines, Heads
from breadboard.telemetry.logs import Log

MOST: Final = 10_000
"""Connections, however many descriptors there are: twice the WebSockets, and each that is silent has some 20 KiB."""
RESERVED: Final = 1_024
"""Descriptors that are left to everything else, or half of all. The embedded store takes about 450."""
RETRY_S: Final = 5
_AT_ONCE: Final = 32
"""Those that are taken before the loop goes on with its other work."""
_CROWDED_S: Final = 1.0
"""How long nobody is looked for who could make room, after none was found: that means to look at all."""
_SHARE: Final = 64
"""Of all connections that part is closed at once where nobody is silent: looking costs more than closing."""
_PARTING: Final = 64
_PART_S: Final = 1.0
"""So many who were refused are kept for so long: a request that comes after the end would have the kernel reset the
connection, and the client might lose our answer over it."""
_TOLD_EVERY_S: Final = 60.0
_NONE_LEFT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = Log("doorway")


def room() -> int:
    """Return how many connections this process may have."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if limit == resource.RLIM_INFINITY else min(MOST, limit - min(RESERVED, limit // 2))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is borne with of those who come."""

    most: int = field(default_factory=room)
    """Connections at a time."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    look_s: float = 2.0
    """How often it is looked for those who are late."""
    shown_out: Callable[[str], None] = lambda _: None
    """Told of each who had to go, and how: ``refused``, ``late``, or closed ``for_others``."""


class Doorway:
    """Takes connections for a server. Belongs to the event loop.

    The loop's own server would take each that comes, and tell of one that speaks TLS only when it has shaken hands.
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[..., Heads],
        lines: set[Any],
        tls: ssl.SSLContext | None,
        bounds: Bounds,
    ) -> None:
        """``make`` is given ``silent``, ``outside``, ``deadlines``; ``lines`` has all that began, as uvicorn has."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._make = make
        self._lines = lines
        self._tls = tls
        self._bounds = bounds
        self._silent: dict[Heads, None] = {}
        self._coming: dict[Heads, asyncio.Task[Any]] = {}
        self._outside: set[Heads] = set()
        """Of those, who has no line yet: who has one is among the lines, and stays in ``_coming`` for a pass."""
        self._looked = self._crowded = self._told = -1e9
        self._refused = self._closed = 0
        self._parting: deque[tuple[float, socket.socket]] = deque()
        hint = f"wait {RETRY_S} s"
        self._no = b"" if tls else problems.whole(503, "too many connections are open", hint, retry_after_s=RETRY_S)

    def open(self) -> None:
        """Begin to take who comes."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._come)

    def close(self) -> None:
        """Take nobody any more. Who is in stays."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
        for one in list(self._coming):
            self._drop(one)
        for _, line in self._parting:
            line.close()

    def look(self) -> None:
        """Close who is late; to be called more often than that is looked for."""
        now = self._loop.time()
        if now - self._looked < self._bounds.look_s:
            return
        self._looked = now
        self._part(first=False)
        for line in list(self._lines):
            if isinstance(line, Heads) and line.late(now):
                self._bounds.shown_out("late")
                line.give_up()
        if (self._refused or self._closed) and now - self._told >= _TOLD_EVERY_S:
            self._told = now
            counts = {"most": self._bounds.most, "refused": self._refused, "closed_for_others": self._closed}
            _log.warning("more connections than there is room for", **counts)
            self._refused = self._closed = 0

    def _come(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                line, _ = self._listener.accept()
            except OSError as error:
                if error.errno in _NONE_LEFT:
                    self._rest(error)
                return
            if self._is_full() and not self._make_room():
                self._refuse(line)
            else:
                self._take(line)

    def _is_full(self) -> bool:
        return len(self._lines) + len(self._outside) >= self._bounds.most

    def _take(self, line: socket.socket) -> None:
        line.setblocking(False)
        protocol = self._make(silent=self._silent, outside=self._outside, deadlines=self._bounds.deadlines)
        within_s = self._bounds.deadlines.head_s if self._tls else None
        work = self._loop.connect_accepted_socket(lambda: protocol, line, ssl=self._tls, ssl_handshake_timeout=within_s)
        task = self._coming[protocol] = self._loop.create_task(work)
        task.add_done_callback(lambda done: self._came(protocol, done))

    def _came(self, protocol: Heads, task: "asyncio.Task[Any]") -> None:
        """Take note that somebody is in, or has gone without having been."""
        del self._coming[protocol]
        if protocol.line is None:
            self._silent.pop(protocol, None)
            self._outside.discard(protocol)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OSError):  # hands that were not shaken are the client's affair
            _log.error("a connection could not begin", error)

    def _refuse(self, line: socket.socket) -> None:
        """Tell somebody to come later, without a protocol, and without waiting for a word."""
        self._refused += 1
        self._bounds.shown_out("refused")
        with suppress(OSError):
            line.setblocking(False)
            line.send(self._no)
            line.shutdown(socket.SHUT_WR)
        self._parting.append((self._loop.time(), line))
        self._part(first=len(self._parting) > _PARTING)

    def _part(self, *, first: bool) -> None:
        """Close those who were refused a second ago, and the first in any case where so many wait."""
        while self._parting and (first or self._loop.time() - self._parting[0][0] >= _PART_S):
            self._parting.popleft()[1].close()
            first = False

    def _make_room(self) -> bool:
        """Close who has been silent for longest, or who rests; tell whether there was anybody."""
        now = self._loop.time()
        silent = next(iter(self._silent), None)
        if silent is not None:
            self._close_for_others(silent)
            return True
        if now - self._crowded < _CROWDED_S:
            return False
        idle = [one for one in self._lines if isinstance(one, Heads) and one.idle(now)]
        for one in heapq.nsmallest(max(1, self._bounds.most // _SHARE), idle, key=lambda one: one.since):
            self._close_for_others(one)
        if not idle:
            self._crowded = now
        return bool(idle)

    def _close_for_others(self, one: Heads) -> None:
        self._closed += 1
        self._bounds.shown_out("for_others")
        self._drop(one)

    def _drop(self, one: Heads) -> None:
        self._silent.pop(one, None)
        task = self._coming.get(one)
        if one.line is not None:
            one.line.abort()
        elif task is not None and self._tls:
            self._loop.call_soon(task.cancel)  # behind its first step, or nobody would close the socket
        elif task is not None:  # it begins in this very pass of the loop, and would never hear of its end
            task.add_done_callback(lambda _: one.transport.abort())

    def _rest(self, error: OSError) -> None:
        """Take nobody for a second: the kernel has nothing left for one more, and would say so without end."""
        _log.warning("nobody is let in for a second", error=error)
        self._loop.remove_reader(self._listener)
        self._loop.call_later(1.0, self._again)

    def _again(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._come)
