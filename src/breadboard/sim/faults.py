"""What a simulator does wrong on purpose: the table of faults, and how they are asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from breadboard.errors import UsageError

HINT: Final = "breadboard sim binance --faults disconnect:30,drop-depth:100,close:1012@60"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Its number is never 0: a fault that is not wanted is not named."""

    takes: str
    """``N``: every so-many-th, or so many; ``S``: seconds; others by name. What stands before ``@`` is optional."""
    does: str
    usual: int = 0
    """What stands for the part before ``@`` where it is left out."""
    least: float = 1e-3
    bare: float = 0.0
    """The number where the name stands alone; 0: it must not."""


_COUNT: Final = 1.0
_CODES: Final[Mapping[str, Collection[int]]] = {
    # RFC 6455, 7.4: what may be sent; 1006 never is, and here means an end without a word
    "close": frozenset((*range(1000, 1004), *range(1006, 1015), *range(3000, 5000))),
    "refuse": range(300, 600),
}
"""What may stand before ``@`` where it is a code."""

FAULTS: Final[Mapping[str, Fault]] = {
    "drop": Fault("N", "withholds every Nth message of a connection", least=_COUNT),
    "drop-depth": Fault("N", "withholds every Nth book message of a connection", least=_COUNT),
    "duplicate": Fault("N", "sends every Nth message twice", least=_COUNT),
    "reorder": Fault("N", "sends every Nth message after the one that follows it", least=_COUNT),
    "delay": Fault("MS", "holds all that is sent back so many milliseconds"),
    "garbage": Fault("N", "puts a frame that no parser takes after every Nth message", least=_COUNT),
    "oversize": Fault("MIB@S", "sends one frame of more than MIB mebibytes", usual=5),
    "truncate": Fault("S", "cuts the connection (RST) inside a frame"),
    "mute": Fault("S", "says nothing more; pings are answered"),
    "mute-channel": Fault("S", "says nothing more on one channel, of every symbol"),
    "lose": Fault("S", "forgets one subscription of one symbol"),
    "half-open": Fault("S", "neither reads nor writes any more; the socket stays open"),
    "disconnect": Fault("S", "cuts the connection after half to one and a half of S, drawn from the seed"),
    "rst": Fault("S", "resets the connection (RST)"),
    "close": Fault("CODE@S", "closes the WebSocket with CODE; 1006 ends the connection without a word", usual=1000),
    "sequence-reset": Fault("S", "lets the numbers of all books and trades fall back to small ones"),
    "checksum": Fault("N", "spoils every Nth checksum, where the venue has one", least=_COUNT),
    "unit": Fault("S", "writes times in a finer unit: milliseconds become microseconds"),
    "http-429": Fault("N", "answers every Nth GET with 429 and Retry-After", least=_COUNT),
    "refuse": Fault("CODE@N", "refuses the first N connections with CODE and Retry-After", usual=429, least=_COUNT),
    "auth": Fault("N", "refuses the first N logins, where the venue has logins", least=_COUNT),
    "limit": Fault("N", "takes no more than N connections at a time", least=_COUNT),
    "slow-drip": Fault("BYTES", "sends pieces of one to BYTES bytes, drawn from the seed", least=_COUNT),
    "clock-skew": Fault("S", "has a clock that is S seconds ahead, or behind: clock-skew:-2", least=float("-inf")),
    "drift": Fault("S", "adds a new field to every message, and now and then a message of a new type"),
    "flood": Fault("TIMES", "sends so many times as much", bare=20.0),
}
"""By name. Seconds of ``sequence-reset``, ``unit`` and ``drift`` begin with the first client, all others with each
connection; so what happens to one connection happens to the next one as well."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults on demand: ``faults[name]`` is the number of a fault, 0 for never."""

    given: Mapping[str, float] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Return the number of a fault. Raises KeyError for a name that is in no table."""
        if name not in FAULTS:
            raise KeyError(name)
        return self.given.get(name, 0.0)

    def code(self, name: str) -> int:
        """Return what was given before ``@``, or what usually stands there."""
        return self.codes.get(name, FAULTS[name].usual)

    def hits(self, name: str, turn: int) -> bool:
        """Say whether a fault of every Nth strikes at this turn, counted from 1."""
        every = int(self[name])
        return bool(every) and turn % every == 0


def parse_faults(text: str) -> Faults:
    """Read ``disconnect:30,drop-depth:100,close:1012@5``. Raises UsageError naming the word that is wrong."""
    given: dict[str, float] = {}
    codes: dict[str, int] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = word.partition(":")
        fault = FAULTS.get(name)
        if fault is None:
            known = ", ".join(f"{each}:{FAULTS[each].takes}" for each in FAULTS)
            raise UsageError(f"--faults does not know {word!r}; it takes {known}", hint=HINT)
        code, at, number = value.rpartition("@")
        if at and not (fault.usual and code.isdecimal() and int(code) in _CODES.get(name, range(1, 10_000))):
            raise UsageError(f"--faults cannot read {word!r}: it is {name}:{fault.takes}, {fault.does}", hint=HINT)
        given[name] = number_of(number, fault) if value else fault.bare
        if not given[name]:
            raise UsageError(f"--faults cannot read {word!r}: it is {name}:{fault.takes}, {fault.does}", hint=HINT)
        if at:
            codes[name] = int(code)
    return Faults(given, codes)


def number_of(text: str, fault: Fault) -> float:
    """Return the number, 0 where it is none or out of range."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if fault.least <= number < 1e9 and number > -1e9 else 0.0
