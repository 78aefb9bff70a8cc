"""Time, asked for and never assumed: everything that needs it is handed a Clock."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol

SINCE_BOOT: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that goes on while the machine sleeps. Linux stops its CLOCK_MONOTONIC then, and has this one beside it;
macOS goes on with CLOCK_MONOTONIC (and stops ``time.monotonic``)."""


class Clock(Protocol):
    """Wall and monotonic time in integer nanoseconds."""

    def wall(self) -> int:
        """Return nanoseconds since 1970 UTC. May step."""
        ...

    def mono(self) -> int:
        """Return nanoseconds that never go back and never stand still, whoever sleeps. For durations and timeouts."""
        ...


def moment(ns: int) -> str:
    """Return wall ns as ISO 8601, UTC, with nine decimals."""
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z"


class SystemClock:
    """The machine's own clocks: ``time`` itself, since each frame of each venue is stamped through it."""

    wall = staticmethod(time.time_ns)
    mono = staticmethod(partial(time.clock_gettime_ns, SINCE_BOOT))


@dataclass
class ManualClock:
    """A clock that tests move by hand."""

    wall_ns: int = 1_700_000_000_000_000_000
    mono_ns: int = 0

    def wall(self) -> int:
        """Return the wall time set so far."""
        return self.wall_ns

    def mono(self) -> int:
        """Return the monotonic time set so far."""
        return self.mono_ns

    def advance(self, nanoseconds: int) -> None:
        """Let time pass on both clocks."""
        self.wall_ns += nanoseconds
        self.mono_ns += nanoseconds

    def step(self, nanoseconds: int) -> None:
        """Set the wall clock only, as a bad time service does."""
        self.wall_ns += nanoseconds
