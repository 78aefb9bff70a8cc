"""The conversation with venues that check their books: subscribe, follow the checks, begin anew only what is wrong.

Kraken, Kraken v2 and OKX differ in their words alone, which a ``Tongue`` has. A book needs no request: its snapshot
comes first in the stream.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from breadboard.conversations import Request, Send
from breadboard.feeds.book_watch import BookWatch, CheckedReader
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions
from breadboard.feeds.wishes import wanted_channels, wanted_symbols
from breadboard.ports import Capabilities, Wish

Pair = tuple[str, str]
"""The venue's name of a channel, and a symbol."""


class Answer(NamedTuple):
    """What the venue says of one subscription: it is made, or there is no such symbol, and why."""

    channel: str
    """The venue's name of it."""
    symbol: str
    refused: str = ""


NOTHING: Final = (b"", b"")
"""What a frame that is no subscription's speaks of."""


def _hears_nothing(_frame: bytes) -> list[Request]:
    return []


@dataclass(frozen=True, slots=True)
class Tongue:
    """How one venue is talked to."""

    url: str
    """Its own address."""
    channels: Mapping[str, str]
    """The venue's name of each of our channels."""
    pattern: re.Pattern[str]
    """What a symbol may look like."""
    example: str
    reader: Callable[[], CheckedReader]
    parts: Callable[[Sequence[Pair]], Iterable[Sequence[Pair]]]
    """Divides what is wanted into as much as one message takes."""
    subscribe: Callable[[Sequence[Pair]], Send]
    unsubscribe: Callable[[Sequence[Pair]], Send]
    wire: Callable[[bytes], tuple[bytes, bytes]]
    """Returns channel and symbol that a frame brings data of, without reading the rest; else anything else."""
    answer: Callable[[bytes], Answer | None]
    """Returns what a frame that brings no data says of a subscription. No refusal is told that may be a passing one:
    what is not acknowledged in time is asked for again."""
    book: bytes
    """What every frame has in it that may speak of books."""
    spell: Callable[[str], str] = str.upper
    """Turns any case of a symbol into the venue's."""
    answers: bool = False
    """The venue answers our keepalives, and sends no sign of life of its own."""
    listen: Callable[[bytes], list[Request]] = _hears_nothing
    """Returns what a frame of no book calls for."""


@dataclass(slots=True)
class CheckedSession:
    """A ``conversations.Session``. This venue is never asked over HTTP."""

    tongue: Tongue
    capabilities: Capabilities
    wish: Wish
    url: str = field(init=False)
    symbols: Sequence[str] = field(init=False)
    subscriptions: Subscriptions = field(init=False)
    _names: tuple[str, ...] = field(init=False)
    _keys: dict[Pair, Key] = field(init=False)
    _watch: BookWatch = field(init=False)

    def __post_init__(self) -> None:
        """Check the wishes. Raises UsageError."""
        tongue, can, wish = self.tongue, self.capabilities, self.wish
        self.url = wish.url or tongue.url
        self.symbols = wanted_symbols(
            can.venue, wish.symbols, pattern=tongue.pattern, example=tongue.example, spell=tongue.spell
        )
        self._names = wanted_channels(can.venue, wish.channels, tongue.channels)
        self._keys = {
            (tongue.channels[channel], symbol): (symbol, channel)
            for symbol in self.symbols
            for channel in wish.channels
        }
        wires: dict[Hashable, Key] = {
            (name.encode(), symbol.encode()): key for (name, symbol), key in self._keys.items()
        }
        self.subscriptions = Subscriptions(wires, self._anew, can.heartbeat_s, answers=tongue.answers)
        self._watch = BookWatch(can.venue, self.symbols, tongue.reader, self._again, self.subscriptions)

    def on_connect(self) -> list[Request]:
        """Subscribe every channel of every symbol."""
        self._watch.on_connect()
        self.subscriptions.begin()
        self.subscriptions.asked(self._keys.values())
        wanted = [(name, symbol) for name in self._names for symbol in self.symbols]
        return [self.tongue.subscribe(part) for part in self.tongue.parts(wanted)]

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; hold the books against numbers and checksums; hear what else the venue says."""
        requests: list[Request] = []
        counts, tongue = self.subscriptions.counts, self.tongue
        for frame in frames:
            wire = tongue.wire(frame)
            if wire in counts:
                counts[wire] += 1
            elif (answer := tongue.answer(frame)) is not None:
                requests += self._on_answer(answer)
            requests += self._watch.on_frame(frame) if tongue.book in frame else tongue.listen(frame)
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Judge the subscriptions; return what the books call for as time passes."""
        return self.subscriptions.on_time(now_s) + self._watch.on_time(now_s)

    def _on_answer(self, answer: Answer) -> list[Request]:
        """Take an acknowledgement; do without a symbol that is none."""
        if answer.refused:
            known = answer.symbol in self.symbols
            return self.subscriptions.refused(answer.symbol, None, answer.refused) if known else []
        key = self._keys.get((answer.channel, answer.symbol))
        if key is not None:
            self.subscriptions.acknowledged([key])
        return []

    def _again(self, symbol: str) -> list[Request]:
        return self._anew([(symbol, "book")])

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else."""
        tongue = self.tongue
        self.subscriptions.asked(keys)
        wanted = [
            (name, symbol) for name in self._names for symbol, channel in keys if tongue.channels[channel] == name
        ]
        return [say(part) for part in tongue.parts(wanted) for say in (tongue.unsubscribe, tongue.subscribe)]


def by_channel(most: int) -> Callable[[Sequence[Pair]], list[Sequence[Pair]]]:
    """Return ``Tongue.parts`` for messages of one channel and at most so many symbols."""

    def parts(wanted: Sequence[Pair]) -> list[Sequence[Pair]]:
        of_channel: dict[str, list[Pair]] = {}
        for pair in wanted:
            of_channel.setdefault(pair[0], []).append(pair)
        return [part for pairs in of_channel.values() for part in together(most)(pairs)]

    return parts


def together(most: int) -> Callable[[Sequence[Pair]], list[Sequence[Pair]]]:
    """Return ``Tongue.parts`` for messages of any channels and at most so many pairs."""
    return lambda wanted: [wanted[begin : begin + most] for begin in range(0, len(wanted), most)]
