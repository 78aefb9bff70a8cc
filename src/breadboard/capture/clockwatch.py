"""Our own two clocks, side by side in the journal."""

import msgspec

from breadboard.capture.appender import Appender
from breadboard.clock import Clock
from breadboard.model.kinds import RecordKind
from breadboard.ports import JournalWriter

CLOCK_SOURCE = 0xFFFF
"""The source number of records that speak of this machine and not of a venue."""
STEP_NS = 5_000_000
EVERY_NS = 1_000_000_000
_STEADY_NS = 500_000


class ClockWatch:
    """Writes a CLOCK record once a second, and at once when the wall clock jumps against the monotonic one.

    A slow correction (time services slew at 0.5 ms/s at most) moves the baseline with each record and is no step. Nor
    is a time in which the machine slept: both clocks go on meanwhile.
    """

    def __init__(self, clock: Clock, appender: Appender) -> None:
        self.steps = 0
        self._clock = clock
        self._appender = appender
        self._skew: int | None = None
        self._last_mono = 0

    def check(self, wall: int, mono: int) -> None:
        """Compare a pair of stamps taken together; cheap, called for every batch before it is recorded."""
        if self._skew is not None and abs(wall - mono - self._skew) > STEP_NS:
            self._read()

    def tick(self) -> None:
        """Look at the clocks; called several times a second."""
        if self._skew is None or self._clock.mono() - self._last_mono >= EVERY_NS:
            self._read()
        else:
            self.check(self._clock.wall(), self._clock.mono())

    def _read(self) -> None:
        """Read both clocks within half a millisecond, so that a preempted reader is not taken for a step."""
        for _ in range(16):
            before = self._clock.mono()
            wall = self._clock.wall()
            mono = self._clock.mono()
            if mono - before <= _STEADY_NS:
                break
        moved = wall - mono - self._skew if self._skew is not None else 0
        stepped = abs(moved) > STEP_NS
        if not stepped and self._skew is not None and mono - self._last_mono < EVERY_NS:
            return
        self.steps += stepped
        self._skew, self._last_mono = wall - mono, mono
        self._appender.append(
            RecordKind.CLOCK, CLOCK_SOURCE, 0, [_body(wall, mono, moved if stepped else 0)], [wall], mono
        )


def catch_up(journal: JournalWriter, clock: Clock, last_ts: int) -> int:
    """Tell of a clock that is behind the journal's last record, before anything else is recorded; return the step.

    It was set back while nobody watched, by so much at least: for how long capture was not running is not known. 0
    where it is not behind; ``last_ts`` is when the last frame was received, 0 before the first. Raises JournalError.
    """
    wall, mono = clock.wall(), clock.mono()
    if wall - last_ts >= -STEP_NS:
        return 0
    journal.append(RecordKind.CLOCK, CLOCK_SOURCE, 0, [_body(wall, mono, wall - last_ts)], [wall], mono)
    return wall - last_ts


def _body(wall: int, mono: int, step_ns: int) -> bytes:
    return msgspec.json.encode({"wall": wall, "mono": mono, "step_ns": step_ns})
