"""Carries faults out: steps that messages pass on their way to one client, and acts on the connection itself.

A new fault is one function here and one line in ``STEPS`` or ``ACTS``, beside its line in ``faults.FAULTS``.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final, NamedTuple

from breadboard.clock import Clock
from breadboard.sim.server import Client
from breadboard.sim.truth import Ids, Made

NEW_TYPE_EVERY: Final = 50
"""Messages, of a venue whose schema drifts, between two of a type that nobody knows."""
SIGNS_OF_LIFE: Final = ("heartbeat", "status", "ping")
"""Channels that are never the one that falls silent: their silence is that of the connection."""
DAY_MS: Final = 86_400_000
_MILLISECONDS: Final = re.compile(rb'(?<=[:",\[])(\d{13})(?=[,"}\]])')
_MICROSECONDS: Final = re.compile(rb"(T\d\d:\d\d:\d\d\.\d{6})Z")


class Message(NamedTuple):
    """One message on its way."""

    stream: str
    payload: bytes
    ids: Ids
    book: bool
    made: Made | None = None
    """The record of a witness."""
    bare: bool = False
    """Sent as it is, without the envelope of the connection."""


class Link(NamedTuple):
    """What a step may know of its connection."""

    did: Callable[[str, Message | None, bool], None]
    """Tell the truth: which fault, which message, whether it was withheld."""
    age_s: Callable[[], float]
    """Seconds since the connection began."""
    venue_age_s: Callable[[], float]
    """Seconds since the venue's first connection began."""
    now_ns: Callable[[], int]
    random: Random
    channel: Callable[[str], str]
    """The channel of a stream."""
    streams: Callable[[], Sequence[str]]
    """What is subscribed to now."""
    forgotten: set[str]
    """Subscriptions that the venue no longer knows of."""


Step = Callable[[Message], Iterable[Message]]
"""What is to be sent in place of a message. Called for every message of one connection, in order."""


def lose(link: Link, after_s: float) -> Step:
    """Let one subscription die, drawn from those there are at that moment; who asks for it anew has it again."""
    is_done = False

    def step(message: Message) -> Iterable[Message]:
        nonlocal is_done
        if not is_done and link.age_s() >= after_s:
            candidates = [each for each in link.streams() if not _is_sign_of_life(link.channel(each))]
            if candidates:
                is_done = True
                link.forgotten.add(link.random.choice(sorted(candidates)))
        if message.stream not in link.forgotten:
            return (message,)
        link.did("lose", message, True)
        return ()

    return step


def mute_channel(link: Link, after_s: float) -> Step:
    """Let one channel die, for every symbol, and whatever is asked for anew."""
    victim = ""

    def step(message: Message) -> Iterable[Message]:
        nonlocal victim
        if not victim and link.age_s() >= after_s:
            candidates = {channel for each in link.streams() if not _is_sign_of_life(channel := link.channel(each))}
            victim = link.random.choice(sorted(candidates)) if candidates else ""
        if not victim or link.channel(message.stream) != victim:
            return (message,)
        link.did("mute-channel", message, True)
        return ()

    return step


def drop(link: Link, every: float) -> Step:
    """Withhold every Nth message."""
    return _withhold(link, int(every), "drop", books_only=False)


def drop_depth(link: Link, every: float) -> Step:
    """Withhold every Nth book message."""
    return _withhold(link, int(every), "drop-depth", books_only=True)


def _withhold(link: Link, every: int, fault: str, *, books_only: bool) -> Step:
    turn = count(1)

    def step(message: Message) -> Iterable[Message]:
        if (books_only and not message.book) or next(turn) % every:
            return (message,)
        link.did(fault, message, True)
        return ()

    return step


def duplicate(link: Link, every: float) -> Step:
    """Send every Nth message twice."""
    turn = count(1)

    def step(message: Message) -> Iterable[Message]:
        if next(turn) % int(every):
            return (message,)
        link.did("duplicate", message, False)
        return (message, message)

    return step


def reorder(link: Link, every: float) -> Step:
    """Keep every Nth message until the next one has been sent."""
    turn = count(1)
    kept: list[Message] = []

    def step(message: Message) -> Iterable[Message]:
        if kept:
            link.did("reorder", kept[0], False)
            return (message, kept.pop())
        if next(turn) % max(2, int(every)):
            return (message,)
        kept.append(message)
        return ()

    return step


def _grown(payload: bytes) -> bytes:
    """Return a message with a new field in its last object, or, of rows without names, a new element in its last row.

    What is neither (``pong``) stays as it is.
    """
    before, brace, after = payload.rpartition(b"}")
    if brace:
        comma = b"" if before.endswith(b"{") else b","
        return before + comma + b'"novelty":{"since":"today","grade":[1,null]}}' + after
    before, end, after = payload.rpartition(b'],"')
    row = before.removesuffix(b"]")
    return row + b',"novelty"' + before[len(row) :] + end + after if end else payload


def drift(link: Link, after_s: float) -> Step:
    """Add a field that nobody knows, and now and then a message of a type that nobody knows."""
    turn = count(1)

    def step(message: Message) -> Iterable[Message]:
        if link.venue_age_s() < after_s:
            return (message,)
        link.did("drift", message, False)
        message = message._replace(payload=_grown(message.payload))
        if next(turn) % NEW_TYPE_EVERY:
            return (message,)
        new = b'{"e":"novelty","type":"novelty","event":"novelty","channel":"novelty","topic":"novelty","value":1}'
        return (message, Message(message.stream, new, message.ids, book=False))

    return step


def unit(link: Link, after_s: float) -> Step:
    """Write milliseconds as microseconds, and the microseconds of RFC 3339 as nanoseconds."""

    def finer(match: re.Match[bytes]) -> bytes:
        # A number within a day of now is a time: no venue counts anything else there.
        is_time = abs(int(match[1]) - link.now_ns() // 1_000_000) < DAY_MS
        return match[1] + b"000" if is_time else match[1]

    def step(message: Message) -> Iterable[Message]:
        if link.venue_age_s() < after_s:
            return (message,)
        payload = _MILLISECONDS.sub(finer, message.payload)
        payload = _MICROSECONDS.sub(rb"\g<1>000Z", payload)
        if payload != message.payload:
            link.did("unit", message, False)
        return (message._replace(payload=payload),)

    return step


def garbage(link: Link, every: float) -> Step:
    """Send nonsense after every Nth message: half of it, twice of it, a number that is none, too many brackets."""
    turn = count(1)

    def step(message: Message) -> Iterable[Message]:
        if next(turn) % int(every):
            return (message,)
        payload = message.payload
        forms = (payload[: len(payload) // 2], payload + payload, b'{"e":NaN,"type":NaN}', b"[" * 10_000)
        nonsense = Message(message.stream, link.random.choice(forms), message.ids, book=False, bare=True)
        link.did("garbage", nonsense, False)
        return (message, nonsense)

    return step


STEPS: Final[Mapping[str, Callable[[Link, float], Step]]] = {
    "lose": lose,
    "mute-channel": mute_channel,
    "drop": drop,
    "drop-depth": drop_depth,
    "duplicate": duplicate,
    "reorder": reorder,
    "drift": drift,
    "unit": unit,
    "garbage": garbage,
}
"""What a message passes, in this order."""

ACTS: Final[Mapping[str, Callable[[Client, int], None]]] = {
    "disconnect": lambda client, _: client.abort("cut by a fault"),
    "rst": lambda client, _: client.reset("reset by a fault"),
    "truncate": lambda client, _: client.truncate(),
    "close": lambda client, code: client.close(code, "closed by a fault"),
    "half-open": lambda client, _: client.freeze(),
    "oversize": lambda client, mebibytes: client.send_raw(oversized(mebibytes)),
    "mute": lambda _client, _: None,  # the exchange withholds what it has for a connection that this befell
}
"""What befalls a connection once, after its seconds."""
SILENCED: Final = frozenset({"mute", "half-open"})
"""Acts after which the connection hears nothing more, while it is open."""


def steps(link: Link, wanted: Callable[[str], float]) -> list[Step]:
    """Return the steps of the faults that are wanted, for one connection."""
    return [make(link, wanted(name)) for name, make in STEPS.items() if wanted(name)]


def passed(message: Message, through: Sequence[Step]) -> Iterable[Message]:
    """Return what is to be sent in place of a message."""
    messages: Iterable[Message] = (message,)
    for step in through:
        messages = [after for before in messages for after in step(before)]
    return messages


def oversized(mebibytes: int) -> bytes:
    """Return a whole JSON message of a little more than so many mebibytes."""
    return b'{"e":"oversize","type":"oversize","filling":"' + b"x" * (mebibytes << 20) + b'"}'


def channel_of(stream: str, symbols: Iterable[str]) -> str:
    """Return what is left of a stream's name without its symbol, whatever the venue puts between the two.

    >>> channel_of("btcusdt@depth@100ms", ["BTCUSDT"]), channel_of("matches:BTC-USD", ["BTC-USD"])
    ('depth@100ms', 'matches')
    """
    lower = stream.lower()
    found = max((each for each in symbols if each.lower() in lower), key=len, default="")
    place = lower.find(found.lower())
    return (stream[:place] + stream[place + len(found) :]).strip("@:.|/-_ ") if found else stream


def _is_sign_of_life(channel: str) -> bool:
    return any(word in channel.lower() for word in SIGNS_OF_LIFE)


@dataclass(frozen=True, slots=True)
class SkewedClock:
    """A venue's clock that is ahead of ours, or behind."""

    clock: Clock
    ahead_ns: int

    def wall(self) -> int:
        """Return the venue's idea of nanoseconds since 1970 UTC."""
        return self.clock.wall() + self.ahead_ns

    def mono(self) -> int:
        """Return the monotonic time, which nobody can set."""
        return self.clock.mono()
