"""What a server of text lines does wrong on purpose.

Faults with a number of seconds befall each streaming connection (Level 1, depth, bars) that long after it opened;
those with a count befall every so-many-th data line of it. A data line is one that tells of the market as it goes
on: answers to commands, snapshots and time stamps are none.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

from breadboard.errors import UsageError

SECONDS: Final = (
    "mute", "half-open", "disconnect", "close", "truncate", "oversize", "server-disconnected", "schema-drift",
    "correction-burst", "halt", "clear-depth",
)  # fmt: skip
COUNTS: Final = ("drop", "drop-depth", "garbage", "duplicate", "reorder", "symbol-limit")
SYMBOLS: Final = ("lose", "lose-silent", "lose-watch")
ALONE: Final = ("delayed", "slow-drip")
OVERSIZE_BYTES: Final = 10 << 20
DELAYED_NS: Final = 900 * 1_000_000_000
"""Fifteen minutes, as data without a real-time entitlement is late."""
GARBAGE: Final = (
    b"\xff\xfe\x00\x01\x02\x03",
    b"Q,,,,,,",
    b"Q,\x00SYM,NaN,1e400,-1,99:99:99.999999",
    b"%n%n%n,{[",
    b"4,NOSUCH",
)


@dataclass(frozen=True, slots=True)
class LineFaults:
    """Faults on demand; 0, empty or False means never."""

    mute: float = 0.0
    """No data and no time stamps any more; commands are answered."""
    half_open: float = 0.0
    """Nothing is read or written any more, and the socket stays open."""
    disconnect: float = 0.0
    """The connection is reset (RST)."""
    close: float = 0.0
    """The connection ends in good order (FIN)."""
    truncate: float = 0.0
    """It ends in the middle of a line."""
    oversize: float = 0.0
    """A line of ten megabytes."""
    server_disconnected: float = 0.0
    """The gateway loses its own server, for three seconds."""
    schema_drift: float = 0.0
    """Updates have one more field, and a message type comes that nobody knows."""
    correction_burst: float = 0.0
    """Every so many seconds twenty prints of one stock are corrected."""
    halt: float = 0.0
    """A stock is halted for ten seconds; again after as long."""
    clear_depth: float = 0.0
    """The gateway clears one side of a book and tells it anew."""
    drop: int = 0
    drop_depth: int = 0
    """The same of Level 2 lines only."""
    garbage: int = 0
    duplicate: int = 0
    reorder: int = 0
    """Every so-many-th data line changes places with the next."""
    symbol_limit: int = 0
    """Watches that one account may have."""
    lose_silent: str = ""
    """A symbol, or ``random``: its watch dies, once, and the list of watches still names it."""
    lose_watch: str = ""
    """The same, and the list no longer names it."""
    delayed: bool = False
    """The account is not entitled to real-time data: times are fifteen minutes old, and the gateway says so."""
    slow_drip: bool = False
    """Everything is written byte by byte."""
    delay: float = 0.0
    """Milliseconds that everything written waits."""
    clock_skew: float = 0.0
    """Seconds by which the times told are ahead (behind when negative)."""


def parse_line_faults(text: str) -> LineFaults:
    """Read ``drop:100,mute:20,lose:random,delayed``. Raises UsageError naming the word that is wrong."""
    given: dict[str, float | str | bool] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = word.partition(":")
        found = _value(name, value)
        if found is None:
            raise UsageError(
                f"--faults does not know {word!r}; it takes {', '.join((*SECONDS, *COUNTS, 'delay', 'clock-skew'))} "
                f"with a number, {', '.join(SYMBOLS)} with a symbol or 'random', and {', '.join(ALONE)}",
                hint="breadboard sim iqfeed --faults drop:1000,lose:random,server-disconnected:60",
            )
        given["lose_silent" if name == "lose" else name.replace("-", "_")] = found
    assert set(given) <= {field.name for field in fields(LineFaults)}
    return LineFaults(**given)  # type: ignore[arg-type]  # each value has its field's type, by _value


def _value(name: str, value: str) -> float | str | bool | None:
    if name in ALONE:
        return True if value in {"", "1"} else None
    if name in SYMBOLS:
        return value or None
    try:
        number = float(value)
    except ValueError:
        return None
    if name == "clock-skew":
        return number if 0 < abs(number) < 1e9 else None
    if name in COUNTS:
        return int(number) if 1 <= number < 1e9 else None
    return number if name in (*SECONDS, "delay") and 1e-3 <= number < 1e9 else None


class Trouble:
    """The faults of single lines: takes data lines, hands on what is really sent."""

    __slots__ = ("_drop", "_faults", "_held", "_out", "count", "garbage", "withheld")

    def __init__(self, faults: LineFaults, out: Callable[[bytes], None], *, depth: bool) -> None:
        self._faults = faults
        self._drop = faults.drop or (faults.drop_depth if depth else 0)
        self._held: bytes | None = None
        self._out = out
        self.count = self.withheld = self.garbage = 0

    @staticmethod
    def wanted(faults: LineFaults, *, depth: bool) -> bool:
        """Say whether any line of such a connection would go wrong."""
        return bool(
            faults.drop or (depth and faults.drop_depth) or faults.garbage or faults.duplicate or faults.reorder
        )

    def tell(self, line: bytes) -> bool:
        """Take a data line; return False when it is withheld."""
        faults = self._faults
        self.count += 1
        if self._drop and self.count % self._drop == 0:
            self.withheld += 1
            return False
        if faults.reorder and self.count % faults.reorder == 0 and self._held is None:
            self._held = line
            return True
        self._out(line)
        if faults.duplicate and self.count % faults.duplicate == 0:
            self._out(line)
        if faults.garbage and self.count % faults.garbage == 0:
            self._out(GARBAGE[self.garbage % len(GARBAGE)])
            self.garbage += 1
        if self._held is not None:
            self._out(self._held)
            self._held = None
        return True
