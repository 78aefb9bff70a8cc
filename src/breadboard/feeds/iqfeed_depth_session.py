"""The conversation on Level 2: ask for orders, and notice a book that fell silent.

Depth of one symbol may stop without a word. Silence proves nothing, so a symbol that used to speak every minute and no
longer does is asked for again: its fresh summary shows orders that are younger than the silence, and only then is
something known to be missing. A book without orders (``n`` or ``q`` for a future) is asked for by price levels, once.
A book of which a line cannot be read is asked for again as well: no later line would mend it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from breadboard.conversations import Denied, Missing, Request, Send
from breadboard.feeds.book_renewal import BookRenewal
from breadboard.feeds.iqfeed_level2 import AGAIN_S, SUMMARIES, broken_book
from breadboard.feeds.iqfeed_pulse import Pulse
from breadboard.feeds.iqfeed_words import GREETING
from breadboard.model.kinds import GapReason

MINUTE_S: Final = 60.0
TALKATIVE: Final = 5
"""Minutes in a row in which a symbol spoke, before its silence means anything."""
SILENT: Final = 2
"""Whole minutes without a word, before it is asked for again."""
PROBES: Final = 5
"""Symbols asked for again a minute, at most; each once in ten minutes."""
_PROBED_FOR: Final = 10
_PATIENCE_S: Final = AGAIN_S + 2.0
"""From a line of a summary that cannot be read until the next is asked for: for the reader it must be another one."""


@dataclass(slots=True)
class _Voice:
    """How one symbol speaks."""

    heard_at: bytes = b""
    """The gateway's clock when it was last heard, ``YYYYMMDD HH:MM:SS``, not before the fact."""
    heard_s: float = 0.0
    streak: int = 0
    silent: int = 0
    resting: int = 0
    """Minutes in which it will not be asked for again."""
    probed: bool = False


@dataclass(slots=True)
class Level2Session:
    """A ``conversations.Session`` with the Level 2 port. ``rate`` is commands a second."""

    symbols: Sequence[str]
    url: str
    rate: int
    _waiting: list[str] = field(init=False, default_factory=list)
    """Commands still to be sent, the next one last."""
    _voices: dict[bytes, _Voice] = field(init=False, default_factory=dict)
    _heard: set[bytes] = field(init=False, default_factory=set)
    _probed: set[bytes] = field(init=False, default_factory=set)
    _by_levels: set[str] = field(init=False, default_factory=set)
    _clock: bytes = field(init=False, default=b"")
    _minute_s: float = field(init=False, default=0.0)
    _unasked_s: float = field(init=False, default=0.0)
    """Up to when it is on record that books were still being asked for; 0: they are asked for."""
    _pulse: Pulse = field(init=False, default_factory=Pulse)
    _broken: BookRenewal = field(init=False)
    _half: dict[str, float | None] = field(init=False, default_factory=dict)
    """Books of whose summary a line could not be read, and when that was, on the clock of ``on_time``."""

    def __post_init__(self) -> None:
        """Watch over all books."""
        self._broken = BookRenewal(self.symbols, self._renew)

    def on_connect(self) -> list[Request]:
        """Say what is wanted; most of it follows with ``on_time``."""
        self._waiting = [f"WOR,{name}" for name in reversed(self.symbols)]
        self._voices = {name.encode("latin-1"): _Voice() for name in self.symbols}
        self._heard.clear()
        self._probed.clear()
        self._by_levels.clear()
        self._clock, self._minute_s, self._unasked_s = b"", 0.0, 0.0
        self._pulse.begin()
        self._broken.on_connect()
        self._half.clear()
        greeting: list[Request] = [Send(line) for line in GREETING]
        return greeting + self._next(max(1, self.rate - len(greeting)))

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Note who speaks, and whose line cannot be read; take refusals, and the answers to what was asked again."""
        requests: list[Request] = []
        self._pulse.heard = True
        hear = self._heard.add
        probed = self._probed
        for frame in frames:
            if frame[:1].isdigit():
                name = frame[2 : frame.find(b",", 2)]
                if name in probed:
                    self._answered(name, frame, requests)
                hear(name)
                self._look(frame)
            elif frame[:2] == b"T,":
                self._clock = frame[2:19]
            elif frame[:2] in _REFUSALS:
                self._refused(frame[2:].split(b",", 1)[0].decode("latin-1"), requests)
            elif frame.startswith(b"S,SERVER "):
                self._forget()
            elif frame.startswith(_OF_BOOKS):
                self._look(frame)
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Send what waits, and once a minute look who has fallen silent."""
        mute = self._pulse.on_time(now_s)
        if mute:
            return mute
        requests: list[Request] = []
        if not self._minute_s:
            self._minute_s, self._unasked_s = now_s, now_s if self._waiting else 0.0
        elif self._unasked_s:
            detail = "the books of this connection were being asked for"
            requests.append(Missing(None, None, GapReason.SUBSCRIPTION, self._unasked_s, detail, over=True))
            self._unasked_s = now_s if self._waiting else 0.0
        if now_s - self._minute_s >= MINUTE_S:
            self._minute_s = now_s
            self._listen(now_s)
        self._half = {symbol: now_s if since_s is None else since_s for symbol, since_s in self._half.items()}
        for symbol in [name for name, since_s in self._half.items() if now_s - (since_s or 0.0) >= _PATIENCE_S]:
            del self._half[symbol]
            self._broken.lost(symbol)
        return requests + self._broken.on_time(now_s) + self._next(self.rate)

    def _next(self, most: int) -> list[Request]:
        return [Send(self._waiting.pop()) for _ in range(min(most, len(self._waiting)))]

    def _listen(self, now_s: float) -> None:
        """Take the minute that ended."""
        known = [(name, voice) for name, voice in self._voices.items() if voice.streak >= TALKATIVE]
        lively = sum(name in self._heard for name, _ in known)
        room = PROBES if 2 * lively >= len(known) else 0  # all of them silent: that is the market, or the gateway
        for name, voice in self._voices.items():
            voice.resting = max(0, voice.resting - 1)
            if name in self._heard:
                voice.streak, voice.silent = voice.streak + 1, 0
                voice.heard_at, voice.heard_s = self._clock, now_s
                continue
            voice.silent += 1
            voice.streak = voice.streak if voice.silent <= SILENT else 0
            if voice.silent == SILENT and voice.streak >= TALKATIVE and room and not voice.resting:
                room -= 1
                voice.resting = _PROBED_FOR
                self._probed.add(name)
                self._renew([name.decode("latin-1")])
        self._heard.clear()

    def _look(self, frame: bytes) -> None:
        """Note whose book misses a line because it cannot be read."""
        symbol = broken_book(frame)
        if symbol is not None and frame[:1].decode("latin-1") in SUMMARIES:
            self._half[symbol] = None
        elif symbol is not None:
            self._broken.lost(symbol)

    def _renew(self, symbols: Sequence[str]) -> list[Request]:
        """Ask for books again, when all that waits has been said; the answer to a new watch is a fresh summary."""
        for symbol in symbols:
            how = "PL" if symbol in self._by_levels else "OR"
            if symbol.encode("latin-1") in self._voices:  # else it was refused
                self._waiting[:0] = [f"W{how},{symbol}", f"R{how},{symbol}"]
        return []

    def _answered(self, name: bytes, frame: bytes, requests: list[Request]) -> None:
        """Look at the stamp of a line that answers a probe: younger than the silence, it was kept from us."""
        voice = self._voices[name]
        parts = frame.split(b",")
        clock, date = next(((one, two) for one, two in pairwise(parts) if two[4:5] == b"-" == two[7:8]), (b"", b""))
        stamp = date.replace(b"-", b"") + b" " + clock[:8]
        if parts[0] not in _SUMMARIES:
            self._probed.discard(name)  # it speaks by itself again
        elif len(stamp) == 17 == len(voice.heard_at) and stamp > voice.heard_at:
            self._probed.discard(name)
            detail = (
                f"silent since {voice.heard_at.decode('latin-1')} New York, with orders of {stamp.decode('latin-1')}"
            )
            symbol = name.decode("latin-1")
            # The summary that just came has renewed the book: it must not be doubted, for nobody would ask again.
            requests.append(Missing(symbol, "book", GapReason.SUBSCRIPTION, voice.heard_s, detail, over=True))

    def _refused(self, symbol: str, requests: list[Request]) -> None:
        """Ask for a future's price levels where it has no orders; let any other symbol be."""
        if symbol.startswith("@") and symbol not in self._by_levels and symbol.encode("latin-1") in self._voices:
            self._by_levels.add(symbol)
            self._waiting.insert(0, f"WPL,{symbol}")
        else:
            if self._voices.pop(symbol.encode("latin-1"), None) is not None:
                requests.append(Denied(symbol, "book", "no such symbol, or no depth for it"))
            self._probed.discard(symbol.encode("latin-1"))

    def _forget(self) -> None:
        """Excuse everybody who was silent: the gateway lost its servers, or found them again."""
        self._probed.clear()
        self._heard.clear()
        for voice in self._voices.values():
            voice.streak = voice.silent = 0


_REFUSALS: Final = frozenset({b"n,", b"q,"})
_SUMMARIES: Final = frozenset({b"6", b"7"})
_OF_BOOKS: Final = (b"Z,", b"S,CLEAR DEPTH,")
"""Lines of a book besides those that begin with a digit."""
