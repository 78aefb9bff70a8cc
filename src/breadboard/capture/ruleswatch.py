"""Alert rules on their way into the journal: whoever changes them leaves a file, and capture writes a record of it."""

import logging
from pathlib import Path
from typing import Final

import msgspec

from breadboard.capture.appender import Appender
from breadboard.capture.clockwatch import CLOCK_SOURCE
from breadboard.clock import Clock
from breadboard.errors import BreadboardError
from breadboard.model.kinds import RecordKind
from breadboard.model.rules import RuleSet, check

log = logging.getLogger(__name__)

AGAIN_NS: Final = 24 * 3_600_000_000_000
"""How long a record may be the last: older segments are retired, and a journal shall hold its rules."""


class RulesWatch:
    """Writes a RULES record when the file at ``path`` is new or has changed, and once a day.

    The same rules a second time change nothing for the engine. A file that holds no rules is told of, and leaves those
    that hold as they are; without a file nothing is written.
    """

    def __init__(self, path: Path, appender: Appender, clock: Clock) -> None:
        self._path = path
        self._appender = appender
        self._clock = clock
        self._seen: tuple[int, int, int] | None = None
        self._written_mono = 0

    def tick(self) -> None:
        """Look at the file; called about once a second."""
        try:
            stat = self._path.stat()
        except OSError:
            return
        mark = stat.st_ino, stat.st_mtime_ns, stat.st_size
        if mark == self._seen and self._clock.mono() - self._written_mono < AGAIN_NS:
            return
        self._seen, self._written_mono = mark, self._clock.mono()
        try:
            body = self._path.read_bytes()
            check(msgspec.json.decode(body, type=RuleSet), str(self._path))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, BreadboardError) as error:
            log.warning("%s holds no rules that can be followed: %s", self._path, error)
            return
        self._appender.append(RecordKind.RULES, CLOCK_SOURCE, 0, [body], [self._clock.wall()], self._written_mono)
