"""One WebSocket client: what it asked for, when it is its turn, and its next messages."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from breadboard.api.channels import Alerts, Books, Channel, Quotes, Trades, encoded
from breadboard.api.requests import (
    CHANNELS,
    DEPTH_MAX,
    PROMPT,
    SEQUENCED,
    Hello,
    Request,
    Subscribe,
    Unsubscribe,
    pace,
)
from breadboard.api.wants import Wants

if TYPE_CHECKING:
    from breadboard.api.fanout import Fanout

SLOW_S: Final = 1.0
"""A client whose socket was full for so long is told so, when it reads again; after ``ws_stall_s`` it is cut."""
_GOLDEN: Final = 0.618_033_988_749_895
"""Multiples of it, less their whole part, lie as evenly between 0 and 1 as can be, however many there are."""


class Straight(Protocol):
    """A way to a client past what usually stands before its socket."""

    @property
    def descriptor(self) -> int:
        """The socket, to which whole frames may be written now, as far as it has room; -1 where none may."""
        ...

    def finish(self, rest: bytes) -> None:
        """Send the end of a frame of which the socket took the beginning, before anything else."""
        ...


class Subscriber:
    """State of one client. Everything here runs on the event loop; nothing here waits for a socket.

    ``push`` takes a message if the client's socket has room and returns whether it did. ``straight`` is a shorter way,
    where there is one.
    """

    def __init__(
        self, fanout: "Fanout", form: str, push: Callable[[bytes], bool], straight: Straight | None = None
    ) -> None:
        self.fanout = fanout
        self.form = form
        self.straight = straight
        self._push = push
        self.stuck: bytes | None = None
        """A message that the socket had no room for. Nothing else is made before it is away."""
        self.wake = asyncio.Event()
        """Set where something is stuck."""
        self.channels: dict[str, Channel] = {}
        fanout.joined += 1
        self.phase = fanout.joined * _GOLDEN % 1.0
        """Where its slots begin, of the length of one: thousands of clients are told one after the other."""
        self._hz = 10.0
        self._slot = -1
        self._told: frozenset[str] = frozenset()
        """Of ``status`` and ``lag``, what is told each second."""
        self._wants = Wants(fanout.live)
        self._only: Quotes | None = None
        """Its rows, where these are all that it is told, as JSON."""
        self._stuck_at = 0.0
        self._slow_s = 0.0
        """How long the socket was full, to be said with the next heartbeat; 0: it has room."""
        self._turn = False
        self._beat = False
        self._replies: list[dict[str, Any]] = []
        self._going: Iterator[bytes] | None = None

    # What the client asks.

    def ask(self, request: Request) -> None:
        """Do what a message asks; the answer is the next message."""
        match request:
            case Subscribe():
                self._subscribe(request)
            case Unsubscribe():
                before = self._wants.ids
                self._wants.drop(request.symbols)
                self._chosen(before)
                self._replies.append({"type": "unsubscribed", "symbols": self._wants.told})
            case Hello():
                self._resume(request)
        self.turn()
        self.fanout.arrange(self)

    def close(self) -> None:
        """Let go of what was kept for this client."""
        books = self.channels.pop("book", None)
        if isinstance(books, Books):
            books.close()

    def reply(self, message: dict[str, Any]) -> None:
        """Send this before anything else."""
        self._replies.append(message)
        self._tell()

    @property
    def waiting_replies(self) -> int:
        """Answers that the socket has not taken yet."""
        return len(self._replies)

    def _subscribe(self, request: Subscribe) -> None:
        self.fanout.forget(self)
        self.close()
        self._only = None
        self._hz, self._slot = pace(request.hz), -1
        self._wants.choose(request.symbols)
        chosen = request.fields
        fields = None if chosen is None else ("id", *sorted(set(chosen) - {"id"}))
        self.channels = {}
        if "quote" in request.channels:
            self.channels["quote"] = Quotes(self.fanout, self._wants, self.fanout.mirror.form(self.form, fields))
        if "trade" in request.channels:
            self.channels["trade"] = Trades(self.fanout, self._wants, self.form, prompt=self.prompt)
        if "alert" in request.channels:
            self.channels["alert"] = Alerts(self.fanout, self._wants, self.form)
        if "book" in request.channels:
            depth = min(max(1, request.depth), DEPTH_MAX)
            self.channels["book"] = Books(self.fanout, self._wants, self.form, depth)
        quotes = self.channels.get("quote") if len(self.channels) == 1 and self.form == "json" else None
        self._only = quotes if isinstance(quotes, Quotes) else None
        self._told = frozenset(request.channels) & {"status", "lag"}
        self._beat = True
        self._going = None
        # What these say is of channels that are no more.
        self._replies = [reply for reply in self._replies if reply["type"] != "resumed"]
        given = self.channels.keys() | self._told
        self._replies.append(
            {
                "type": "subscribed",
                "symbols": self._wants.told,
                "unknown": self._wants.unknown,
                "channels": [name for name in CHANNELS if name in given],
                "unavailable": {name: "no such channel" for name in request.channels if name not in given},
                "fields": fields,
                "hz": self._hz,
                **self.fanout.numbers(),
            }
        )

    def _resume(self, request: Hello) -> None:
        """Go on where the client says that it was, channel by channel, or say why that cannot be."""
        now, resumed = self.fanout.numbers(), dict[str, int]()
        same = request.stream is None or request.stream == now["stream"]
        for name, wanted in request.wanted.items():
            channel = self.channels.get(name)
            if channel is None or name not in SEQUENCED:
                reason = "this channel is not subscribed to" if name in SEQUENCED else "this channel has no numbers"
            elif not same:
                reason = "these numbers are of another stream"
            elif not 0 <= wanted <= now["next"][name]:
                reason = "that number has not been given yet"
            else:
                resumed[name] = wanted
                continue
            self._replies.append({"type": "gap", "channel": name, "from": wanted, "reason": reason, **now})
        if resumed:
            self._replies.append({"type": "resumed", **now, "next": resumed})

    def _go_on(self, places: Mapping[str, int]) -> None:
        """Put channels where a client is, as it is told so: what is under way before that belongs to the old place."""
        for name, place in places.items():
            channel = self.channels[name]
            assert isinstance(channel, Trades | Alerts)  # those in SEQUENCED
            channel.go_on(place)
        self._turn = True

    def _chosen(self, before: Any) -> None:  # noqa: ANN401 - ids
        for channel in self.channels.values():
            channel.chosen(before)

    # When it is due.

    @property
    def prompt(self) -> bool:
        """Whether it has no pace, and is told everything at once."""
        return self._hz == PROMPT

    @property
    def behind(self) -> bool:
        """Whether there may be news for it."""
        for channel in self.channels.values():  # noqa: SIM110 - a generator takes three times as long
            if channel.behind:
                return True
        return False

    def next_slot(self, now: float) -> float:
        """Return the loop time from which it may be told something; ``now`` or before where that is at once."""
        if self.prompt or int(now * self._hz + self.phase) > self._slot:
            return now
        return (self._slot + 1 - self.phase) / self._hz

    def take_slot(self, now: float) -> None:
        """Use the slot that now is in."""
        self._slot = int(now * self._hz + self.phase)

    @property
    def only_rows(self) -> Quotes | None:
        """Its rows, where its next turn is one message of these and nothing else; it may be told with a crowd then."""
        only = self._only
        if only is None or not only.is_short or self.stuck is not None or self._going is not None:
            return None
        return None if self._replies or self._beat or self._wants.outdated else only

    def hand(self, message: bytes) -> bool:
        """Hand a message to the socket; keep it, and return False, where that has no room."""
        if self._push(message):
            self.fanout.frames += 1
            return True
        self.stuck, self._stuck_at = message, self.fanout.clock()
        self.wake.set()
        return False

    def turn(self) -> None:
        """Tell the news of all channels, as far as the socket has room; the rest is told when it has again."""
        self._turn = True
        self._tell()

    def beat(self) -> None:
        """Say the time."""
        self._beat = bool(self._told)
        self._tell()

    def sent(self) -> None:
        """Note that what was stuck is with the socket, and go on with what comes after it."""
        self.stuck = None
        stalled = self.fanout.clock() - self._stuck_at
        if stalled >= SLOW_S:
            self._slow_s, self._beat = stalled, bool(self._told)
        self._tell()
        if self.stuck is None:
            self.fanout.arrange(self)

    # What it gets.

    def _tell(self) -> None:
        if self.stuck is not None:
            return
        while True:
            self._going = self._going or self._messages()
            for message in self._going:
                if not self.hand(message):
                    return
            self._going = None
            if not (self._replies or self._beat):
                return

    def _messages(self) -> Iterator[bytes]:
        """Yield the messages that are due, each made from the newest state at the moment it is asked for."""
        while self._replies:
            reply = self._replies.pop(0)
            if reply["type"] == "resumed":
                self._go_on(reply["next"])
            yield encoded(self.form, reply)
        if self._turn:
            self._turn = False
            before = self._wants.ids
            if self._wants.renewed():
                self._chosen(before)
            for channel in self.channels.values():
                yield from channel.messages()
        if self._beat:
            self._beat = False
            yield from self._second()

    def _second(self) -> Iterator[bytes]:
        if "status" in self._told:
            own: dict[str, Any] = {
                "conflated": getattr(self.channels.get("quote"), "conflated", 0),
                "dropped": getattr(self.channels.get("trade"), "dropped", 0),
                "next": self.fanout.numbers()["next"]
                | {name: channel.upcoming for name, channel in self.channels.items() if name != "book"},
            }
            if self._slow_s:
                own["slow"] = {"stalled_ms": round(self._slow_s * 1000)}
                self._slow_s = 0.0
            yield encoded(self.form, {"type": "status", **self.fanout.status(self.form), **own})
        if "lag" in self._told:
            rows = [row.described() for row in self.fanout.services.lag.latest()]
            yield encoded(self.form, {"type": "lag", "data": rows})
