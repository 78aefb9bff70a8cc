"""What a gateway of text lines does wrong on purpose: the table of ``faults``, as far as it fits lines, and more.

A data line is one that tells of the market as it goes on, on Level 1, depth and bars: answers to commands, snapshots
and time stamps are none. What befalls a connection befalls streaming ones, lookup and admin are left alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from breadboard.errors import UsageError
from breadboard.sim.faults import FAULTS, Fault, number_of

HINT: Final = "breadboard sim iqfeed --faults drop:1000,lose:AAPL@20,server-disconnected:60"
SHARED: Final = (
    "drop", "drop-depth", "duplicate", "reorder", "delay", "garbage", "mute", "lose", "half-open", "disconnect", "rst",
    "sequence-reset", "refuse", "limit", "clock-skew", "flood",
)  # fmt: skip
LOSE_AFTER_S: Final = 5.0

LINE_FAULTS: Final[Mapping[str, Fault]] = {
    **{name: FAULTS[name] for name in SHARED},
    "lose": Fault("SYMBOL@S", "lets one Level 1 watch die, once; the list of watches still names it"),
    "lose-watch": Fault("SYMBOL@S", "the same, and the list of watches no longer names it"),
    "close": Fault("S", "ends the connection in good order (FIN)"),
    "truncate": Fault("S", "ends it in the middle of a line"),
    "oversize": Fault("MIB@S", "sends one line of more than MIB mebibytes", usual=10),
    "slow-drip": Fault("BYTES", "writes pieces of that many bytes", least=1.0, bare=1.0),
    "drift": Fault("S", "appends a field to updates and sends a message of a type that nobody knows"),
    "refuse": Fault("N", "ends the first N connections as soon as they are made", least=1.0),
    "server-disconnected": Fault("S", "loses the gateway's own server for three seconds, again and again"),
    "symbol-limit": Fault("N", "lets an account watch no more than N symbols", least=1.0),
    "delayed": Fault("", "has no right to real-time data: times are 15 minutes old, and it says so", bare=1.0),
    "correction-burst": Fault("S", "corrects twenty prints of one stock, again and again"),
    "halt": Fault("S", "halts a stock for ten seconds, again and again"),
    "clear-depth": Fault("S", "clears a side of a book and tells it anew, again and again"),
}
"""By name. Seconds of ``lose`` begin with the first watch (5 where a symbol stands alone; ``lose:20`` and
``lose:random`` leave the choice to the seed), those of the gateway as a whole with its start, all others with each
streaming connection."""
SAME: Final = {"lose-silent": "lose", "schema-drift": "drift"}
OVER_BYTES: Final = 1 << 20
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
    """Faults on demand: ``faults[name]`` is the number of a fault, 0 for never; ``words`` what was before its ``@``."""

    given: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Return the number of a fault. Raises KeyError for a name that is in no table."""
        if name not in LINE_FAULTS:
            raise KeyError(name)
        return self.given.get(name, 0.0)

    def count(self, name: str) -> int:
        """Return the number of a fault of every Nth, whole."""
        return int(self[name])


def parse_line_faults(text: str) -> LineFaults:
    """Read ``drop:100,mute:20,lose:AAPL@5,delayed``. Raises UsageError naming the word that is wrong."""
    given: dict[str, float] = {}
    words: dict[str, str] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        said, _, value = word.partition(":")
        name = SAME.get(said, said)
        fault = LINE_FAULTS.get(name)
        if fault is None:
            known = ", ".join(f"{each}:{LINE_FAULTS[each].takes}".rstrip(":") for each in LINE_FAULTS)
            raise UsageError(f"--faults does not know {word!r}; it takes {known}", hint=HINT)
        before, at, number = value.rpartition("@")
        if name.startswith("lose") and not at and number_of(value, fault) == 0:
            before, number = value, str(LOSE_AFTER_S)
        given[name] = number_of(number, fault) if value else fault.bare
        if not given[name] or (at and "@" not in fault.takes):
            raise UsageError(f"--faults cannot read {word!r}: it is {name}:{fault.takes}, {fault.does}", hint=HINT)
        words[name] = before
    if not words.get("oversize", "").isdecimal() and words.get("oversize"):
        raise UsageError("--faults takes mebibytes before the @ of oversize, e.g. oversize:10@5", hint=HINT)
    return LineFaults(given, words)


class Trouble:
    """The faults of single lines: takes data lines, hands on what is really sent, and says what it did."""

    __slots__ = ("_did", "_drop", "_duplicate", "_garbage", "_held", "_out", "_reorder", "_turn", "any")

    def __init__(
        self, faults: LineFaults, out: Callable[[bytes], None], did: Callable[[str, bytes], None], *, depth: bool
    ) -> None:
        self._drop = faults.count("drop") or (faults.count("drop-depth") if depth else 0)
        self._duplicate, self._garbage = faults.count("duplicate"), faults.count("garbage")
        self._reorder = faults.count("reorder")
        self.any = bool(self._drop or self._duplicate or self._garbage or self._reorder)
        """Whether lines have to come this way at all."""
        self._held = b""
        self._out = out
        self._did = did
        self._turn = 0

    def tell(self, line: bytes) -> bool:
        """Take a data line; return False when it is withheld."""
        self._turn += 1
        if self._strikes(self._drop):
            self._did("drop", line)
            return False
        if self._strikes(self._reorder) and not self._held:
            self._did("reorder", line)
            self._held = line
            return True
        self._out(line)
        if self._strikes(self._duplicate):
            self._did("duplicate", line)
            self._out(line)
        if self._strikes(self._garbage):
            self._did("garbage", b"")
            self._out(GARBAGE[self._turn // self._garbage % len(GARBAGE)])
        if self._held:
            self._out(self._held)
            self._held = b""
        return True

    def _strikes(self, every: int) -> bool:
        return bool(every) and self._turn % every == 0
