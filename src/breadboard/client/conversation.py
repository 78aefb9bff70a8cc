"""What is said on a stream and what comes of it, over any number of connections. No socket and no clock here."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from breadboard.client import messages, recorded, told
from breadboard.client.errors import StreamRefused
from breadboard.client.messages import Alerts, Trades, Wanted

SEQUENCED: Final = ("trade", "alert")
"""Channels that go on after a lost connection where they ended."""


class Conversation:
    """Knows what was wanted and how far it came, and turns messages into rows.

    Call ``opened`` for what to say on each new connection, then ``take`` with each message of it. Trades and alerts
    come in order and none comes twice; where one is missing there is a ``Gap`` in its place.
    """

    def __init__(self, wanted: Wanted, beats: bool) -> None:
        self._wanted = wanted
        self._beats = beats
        """Whether heartbeats are rows to the caller."""
        self.subscribed: messages.Subscribed | None = None
        """What the server last agreed to tell."""
        self._stream: int | None = None
        """Which one this connection tells, since it was agreed."""
        self._next: dict[str, int] = {}
        """By channel, the first sequence that was not told yet."""
        self._of: dict[str, int | None] = {}
        """By channel, of which stream that number was when the last connection was lost."""
        self._newest: dict[str, recorded.Trade | recorded.Alert] = {}
        self._held: dict[str, list[Trades | Alerts]] = {}
        """By channel, what came before the server said whether it goes on where that ended."""

    def opened(self) -> list[str]:
        """Return what to say on a new connection."""
        said: list[msgspec.Struct] = [self._wanted]
        # What is held still was never answered: its number is of the stream that gave it, whatever was agreed since.
        self._of.update({name: self._stream for name in self._next if name not in self._held})
        going = {name: self._next[name] for name in SEQUENCED if name in self._wanted.channels and name in self._next}
        # The server begins with what is new, and goes back when it has read our second message.
        self._held = {name: [] for name in going}
        for stream in dict.fromkeys(self._of[name] for name in going):  # two, if a cut fell between two answers
            resumed: dict[str, int] = {name: at for name, at in going.items() if self._of[name] == stream}
            only_trades = resumed.keys() == {"trade"}  # one number, which servers of any age know
            said.append(messages.Hello(resumed["trade"] if only_trades else resumed, stream))
        return [msgspec.json.encode(each).decode() for each in said]

    def take(self, data: str | bytes) -> Sequence[told.StreamRow]:
        """Return the rows of a message. Raises StreamRefused where what is wanted is not to be had, and Unreadable."""
        match message := messages.decoded(data):
            case messages.Snapshot() | messages.Quotes() | messages.Books() | messages.Lags():
                found: Sequence[told.StreamRow] = message.data
            case messages.Trades():
                found = self._events("trade", message)
            case messages.Alerts():
                found = self._events("alert", message)
            case messages.Beat():
                found = self._beat(message)
            case messages.Subscribed():
                found = self._agreed(message)
            case messages.Resumed():
                found = self._resumed(message)
            case messages.Lost():
                found = self._lost(message)
            case messages.Refusal():
                raise StreamRefused(message.error, hint=message.hint)
            case None:
                found = ()
        return found

    def _agreed(self, message: messages.Subscribed) -> Sequence[told.StreamRow]:
        if message.unavailable:
            channel, reason = next(iter(message.unavailable.items()))
            raise StreamRefused(f"the channel {channel!r} is not to be had: {reason}", hint="channels=('quote',)")
        self.subscribed, self._stream = message, message.stream
        self._next.update({name: at for name, at in message.next.items() if name not in self._held})
        return ()

    def _resumed(self, message: messages.Resumed) -> Sequence[told.StreamRow]:
        for name, at in message.next.items():  # what was held back comes again, in its place
            self._held.pop(name, None)
            self._next[name] = at
        return ()

    def _lost(self, message: messages.Lost) -> Sequence[told.StreamRow]:
        gap = self._gap(message.channel, message.reason)
        held = self._held.pop(message.channel, [])
        # What came since we subscribed follows, if it was not held: then it is on its way.
        since = self.subscribed.next if self.subscribed else message.next
        self._next[message.channel] = since.get(message.channel, 0)
        return [gap, *(row for each in held for row in self._events(message.channel, each))]

    def _beat(self, message: messages.Beat) -> Sequence[told.StreamRow]:
        for name, at in message.next.items():
            if name not in self._held:
                self._next[name] = max(at, self._next.get(name, 0))
        return (message,) if self._beats else ()

    def _events(self, channel: str, message: Trades | Alerts) -> Sequence[told.StreamRow]:
        if channel in self._held:
            self._held[channel].append(message)
            return ()
        first = self._next.get(channel, message.start)
        self._next[channel] = max(first, message.next)
        if message.next <= first:
            return ()
        return list(self._told(channel, message, [row for row in message.data if row.seq is None or row.seq >= first]))

    def _told(
        self, channel: str, message: Trades | Alerts, new: Sequence[recorded.Trade | recorded.Alert]
    ) -> Iterator[Any]:
        """Yield new rows of a message, behind a gap where some are missing before them."""
        if message.skipped:
            reason = f"more came than {self._wanted.hz:g} messages a second hold; hz=0 leaves none out"
            yield self._gap(channel, reason, message.skipped, new)
        if message.lost:
            yield self._gap(channel, "the server no longer has them in memory", message.lost, new)
        if new:
            self._newest[channel] = new[-1]
        yield from new

    def _gap(
        self,
        channel: str,
        reason: str,
        missing: int | None = None,
        after: Sequence[recorded.Trade | recorded.Alert] = (),
    ) -> told.Gap:
        before = self._newest.get(channel)
        return told.Gap(
            channel=channel,
            reason=reason,
            missing=missing,
            ts_from=before.ts_recv if before else None,
            ts_to=after[0].ts_recv if after else None,
        )
