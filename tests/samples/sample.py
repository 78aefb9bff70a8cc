"""What the tests of feeds need to know of each venue."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from breadboard.model.kinds import EventKind
from samples.grown import members


@dataclass(frozen=True)
class Sample:
    """One venue: every kind of message it knows, at least once, and a real recording where there is one."""

    frames: list[bytes]
    """Written by hand after the venue's documents; at least one of them is conversation."""
    symbols: tuple[str, str] = ("BTCUSDT", "ETHUSDT")
    """Two symbols as the venue spells them."""
    kinds: frozenset[EventKind] = frozenset({EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA})
    """What the frames mean, at least."""
    recorded: tuple[str, tuple[str, ...]] | None = None
    """Format and paths of a real recording."""
    made: Callable[[], list[bytes]] | None = None
    """Frames that stand in for a recording where nobody has published one: good ones, thousands, from a seed."""
    channels: tuple[str, ...] = ("trade", "quote", "book")
    json: bool = True
    """Whether the venue is spoken to in JSON."""
    impossible: tuple[str, ...] = ("BTC USDT", "a/../b")
    """Words that cannot be symbols."""
    scheme: str = "wss://"
    enough: int = 2001
    """Frames of three symbols that are worth waiting for when the simulated market is fast."""
    goodbyes: tuple[bytes, ...] = (b"error",)
    """Words of frames after which a session may leave the connection."""
    documents: tuple[str, ...] = ()
    """Tags of what a session fetches: for each symbol, which is ``{}``, or once."""
    key: str = ""
    """What a venue that asks for a key is given."""
    grow: Callable[[bytes], Iterable[bytes]] = field(default_factory=members)
    """Return frames that are this one and something new each; none for a frame that cannot carry any."""
    closed: tuple[bytes, ...] = ()
    """Words of frames whose form is fixed: a new element in them is quarantined."""
    novelty: bytes = b'{"e":"novelty","type":"novelty","event":"novelty","channel":"novelty","topic":"novelty"}'
    """A message of a type that the venue does not have."""
    drawn: int = 0
    """Where there is no recording: draw so many frames from the samples instead, from a fixed seed."""
