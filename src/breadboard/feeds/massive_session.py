"""The conversation with Massive: greeting, login, topics, and how long to stay away after which refusal.

Source: massive.com/docs/websocket/quickstart. The venue counts connections a key, and may say so after it has confirmed
login and topics: a connection is healthy when it has lived for ten seconds, not when it was let in.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from breadboard.conversations import Missing, Reconnect, Request, Send
from breadboard.feeds.massive_calls import CONDITIONS, conditions
from breadboard.feeds.massive_events import topic_in
from breadboard.feeds.massive_history import MassiveHistory
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions

CHANNELS: Final = {"trade": ("T",), "quote": ("Q",), "bar": ("A", "AM"), "luld": ("LULD",)}
"""Our channels as the venue's topics begin."""
_CHANNEL_OF: Final = {topic: channel for channel, topics in CHANNELS.items() for topic in topics}
TOPICS_A_MESSAGE: Final = 500
"""A subscription of about six kilobytes; the venue documents no limit."""
GREETING_S: Final = 10.0
"""How long the venue may take to greet, and to log us in."""
HEALTHY_S: Final = 10.0
DENIED_WAIT_S: Final = 60.0
LONGEST_WAIT_S: Final = 3600.0
CROWDED_WAIT_S: Final = 60.0
"""After one connection too many: an old one of ours may be half open for that long."""
_EVENTS: Final = re.compile(rb'"ev":"(T|Q)","sym":"([^"]{1,32})"')
"""What goes on all day; bands and bars come when something happened."""
EVERY_STOCK: Final = "*"
_MARKS: Final = {topic: f'"ev":"{topic}"'.encode() for topic in ("T", "Q")}


class _Status(msgspec.Struct):
    ev: str = ""
    status: str = ""
    message: str = ""


_statuses: Final = msgspec.json.Decoder(list[_Status])


class _Topics(Subscriptions):
    """Tells what is missing of ``*`` as missing of every symbol."""

    def on_end(self) -> list[Missing]:
        return [_of_its_symbols(missing) for missing in super().on_end()]

    def on_time(self, now_s: float) -> list[Request]:
        return [_of_its_symbols(each) if isinstance(each, Missing) else each for each in super().on_time(now_s)]


def _of_its_symbols(missing: Missing) -> Missing:
    return replace(missing, symbol=None) if missing.symbol == EVERY_STOCK else missing


@dataclass(slots=True)
class MassiveSession:
    """A ``conversations.Session``. Nothing is said before the venue greets, nothing asked for before it lets us in."""

    url: str
    symbols: Sequence[str]
    topics: Sequence[str]
    """The topics of each symbol: T, Q, A, AM, LULD."""
    key: str = field(repr=False)
    rest_url: str = ""
    """Where the table of conditions is fetched, each time we are let in; empty: nowhere, and trades count for all."""
    subscriptions: Subscriptions = field(init=False)
    _since_s: float | None = field(init=False, default=None)
    """When time was first told of what we now wait for."""
    _now_s: float = field(init=False, default=0.0)
    _greeted: bool = field(init=False, default=False)
    _admitted: bool = field(init=False, default=False)
    _unconfirmed: set[str] = field(init=False, default_factory=set)
    """Topics that were asked for and neither confirmed nor refused."""
    _together: list[tuple[bytes, Hashable]] = field(init=False, default_factory=list)
    """What an event of every stock looks like, and how it is counted."""
    _conditions: MassiveHistory | None = field(init=False, default=None)
    _denials: int = field(init=False, default=0)
    """Logins in a row that were denied; outlives connections on purpose."""

    def __post_init__(self) -> None:
        """Name what is heard, and what is only confirmed. Of all stocks together nothing is known singly."""
        wires: dict[Hashable, Key] = {
            (topic.encode(), symbol.encode()): (symbol, _CHANNEL_OF[topic])
            for symbol in self.symbols
            for topic in self.topics
        }
        self.subscriptions = _Topics(wires, self._anew)
        if EVERY_STOCK in self.symbols:
            star = EVERY_STOCK.encode()
            self._together = [(mark, (topic.encode(), star)) for topic, mark in _MARKS.items() if topic in self.topics]

    def on_connect(self) -> list[Request]:
        """Wait for the greeting."""
        self.subscriptions.begin()
        self._since_s = None
        self._greeted = self._admitted = False
        self._unconfirmed.clear()
        return []

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count what comes; log in when greeted, subscribe when let in, leave and stay away when refused."""
        requests: list[Request] = []
        counts = self.subscriptions.counts
        for frame in frames:
            for mark, every in self._together:
                counts[every] += frame.count(mark)
            for wire in () if self._together else _EVENTS.findall(frame):
                if wire in counts:
                    counts[wire] += 1
            if b'"status"' not in frame:
                continue
            try:
                statuses = _statuses.decode(frame)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            for status in statuses:
                if status.ev == "status":
                    requests += self._answer(status.status, status.message)
        return requests

    def on_document(self, tag: str, status: int, body: bytes) -> list[Request]:
        """Return the next page of the table of conditions, or the same once more. What it says is for the decoder."""
        return [] if self._conditions is None else self._conditions.on_document(tag, status, body)

    def on_time(self, now_s: float) -> list[Request]:
        """Leave where nobody greets or lets us in; judge the subscriptions."""
        self._now_s = now_s
        if self._since_s is None:
            self._since_s = now_s
        waited_s = now_s - self._since_s
        if not self._admitted:
            what = "answer the login" if self._greeted else "greet"
            return [Reconnect(f"the venue did not {what} within {GREETING_S:.0f} s")] if waited_s > GREETING_S else []
        if waited_s >= HEALTHY_S:
            self._denials = 0
        return self.subscriptions.on_time(now_s)

    def _answer(self, status: str, message: str) -> list[Request]:
        match status:
            case "connected" if not self._greeted:
                self._greeted, self._since_s = True, None
                return [Send(_said("auth", self.key))]
            case "auth_success" if not self._admitted:
                self._admitted, self._since_s = True, None
                return [*self._rules(), *self._subscribe()]
            case "success":
                self._answered(message)
            case "error":
                return self._denied(message)
            case (
                "slow_consumer"
                | "max_connections"
                | "force_disconnect"
                | "auth_failed"
                | "auth_timeout"
                | "auth_required"
            ):
                return [Reconnect(f"the venue says: {status} {message}"[:200], self._wait_s(status))]
        return []

    def _wait_s(self, status: str) -> float:
        """Return how long to stay away after the venue threw us out."""
        if status == "slow_consumer":
            return 0.0
        if not status.startswith("auth_"):
            # Perhaps another process with our key: to return at once would throw it out, and it us.
            return CROWDED_WAIT_S
        wait_s = min(DENIED_WAIT_S * (1 << self._denials), LONGEST_WAIT_S)
        self._denials = min(self._denials + 1, 10)
        return wait_s

    def _rules(self) -> list[Request]:
        """Ask for the table of conditions, before the first trade can come."""
        if not self.rest_url or "T" not in self.topics:
            return []
        self._conditions = MassiveHistory(CONDITIONS, conditions(), self.key, self.rest_url)
        return self._conditions.requests()

    def _subscribe(self) -> list[Request]:
        channels = dict.fromkeys(_CHANNEL_OF[topic] for topic in self.topics)
        parts = self._asked([(symbol, channel) for symbol in self.symbols for channel in channels])
        return [Send(_said("subscribe", part)) for part in parts]

    def _anew(self, keys: Sequence[Key]) -> list[Request]:
        """Subscribe anew to these and nothing else."""
        return [Send(_said(action, part)) for part in self._asked(keys) for action in ("unsubscribe", "subscribe")]

    def _asked(self, keys: Sequence[Key]) -> list[str]:
        """Expect an answer to each topic of these; return the topics, as much together as a message takes."""
        topics = [f"{topic}.{symbol}" for symbol, channel in keys for topic in CHANNELS[channel]]
        self._unconfirmed.update(topics)
        self.subscriptions.asked(keys)
        return [",".join(topics[i : i + TOPICS_A_MESSAGE]) for i in range(0, len(topics), TOPICS_A_MESSAGE)]

    def _answered(self, message: str) -> tuple[str, str] | None:
        """Note that a topic was answered, and return it; None where the message names none."""
        topic = topic_in(message)
        if topic is not None and not message.lower().startswith("unsubscribed"):
            channel, symbol = _CHANNEL_OF[topic[0]], topic[1]
            self._unconfirmed.discard(".".join(topic))
            if not any(f"{each}.{symbol}" in self._unconfirmed for each in CHANNELS[channel]):
                self.subscriptions.acknowledged([(symbol, channel)])
        return topic

    def _denied(self, message: str) -> list[Request]:
        """Tell of a topic that was refused, by its name."""
        topic = self._answered(message)
        return [] if topic is None else self.subscriptions.refused(topic[1], _CHANNEL_OF[topic[0]], message)


def _said(action: str, params: str) -> str:
    return msgspec.json.encode({"action": action, "params": params}).decode()
