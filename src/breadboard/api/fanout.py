"""Fan-out: what changed is read once and encoded once, however many clients look.

The time of each client is cut into slots of ``1 / hz`` seconds, which begin earlier for some and later for others, so
that thousands are told one after the other. A client gets at most one message in a slot: at once when something
changes in a slot that is still free (so a quiet instrument is told without delay), and at the start of the next slot
otherwise. What is overwritten in between is counted as conflated.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from breadboard.api.alerts import AlertTexts
from breadboard.api.behind import Behind
from breadboard.api.channels import Quotes
from breadboard.api.crowd import Crowd
from breadboard.api.deliveries import Deliveries
from breadboard.api.feeds import harms
from breadboard.api.mirror import Mirror
from breadboard.api.services import Services
from breadboard.api.shelf import Shelf
from breadboard.api.turns import AT_ONCE, Alarms, Idle
from breadboard.model.kinds import most_artificial

if TYPE_CHECKING:
    from breadboard.api.subscriber import Subscriber

REST: Final = 4
PASS_S: Final = 0.002
"""After a pass over the clients there is a rest of ``REST`` times as long as it took, ``PASS_S`` at most.

With few clients news waits for none; with thousands, what changes meanwhile is copied once for many of them.
"""
TURNS_S: Final = 0.02
"""So long clients are given their turns at a stretch; who asks or joins comes before the others that are due."""
FAILED_S: Final = 0.1
"""The rest after a pass that failed: the next may, too."""
_SHORTEST_S: Final = 0.0005
"""A shorter rest is none: the loop rounds to milliseconds."""
_FEEDS_S: Final = 0.2
"""So long the feeds are told as they were."""


class Fanout:
    """Gives clients their turn when they are due, and tells them the time once a second."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.live = services.live
        self.mirror = Mirror(services.live)
        self.deliveries = Deliveries(services.live, self.mirror, services.lag)
        self.shelf = Shelf(services, self._notify)
        self.alerts = AlertTexts(services.live.instrument, services.live.venue)
        self.clients: set[Subscriber] = set()
        self.joined = 0
        """How many clients there ever were."""
        self.looking = False
        """Whether a pass is on its way."""
        self.frames = self.conflated = 0
        """Messages sent, and updates overwritten before they were told; on their way to the metrics."""
        self._idle = Idle()
        self._slots, self._beats = Alarms(), Alarms()
        self._crowd = Crowd(self)
        self._due: OrderedDict[Subscriber, None] = OrderedDict()
        """Whose turn it is, in order. A plain dict would look for its first behind all that were."""
        self._marks = self._news()
        self._second = -1
        self._feeds: tuple[float, dict[str, Any]] = (-math.inf, {})
        self._behind = Behind(services.status)
        self.clock = time.monotonic
        """What the loop's clock counts in whole milliseconds."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening = False
        """Whether the next change is to be told: not where one was already, or every client waits for its slot."""
        self._resting = False
        self._bell: asyncio.Handle | None = None
        self._rings = 0.0
        """When the next pass is made if nothing happens; set anew for an earlier moment, and not after each pass."""

    # Clients.

    def add(self, client: "Subscriber") -> None:
        """Take a client in."""
        self.clients.add(client)
        self._beats.set(client, self._next_beat(client))
        self.services.metrics.ws_clients.set(len(self.clients))

    def remove(self, client: "Subscriber") -> None:
        """Let a client go."""
        self.forget(client)
        client.close()
        self._beats.cancel(client)
        self.clients.discard(client)
        self.services.metrics.ws_clients.set(len(self.clients))

    def forget(self, client: "Subscriber") -> None:
        """Do not give this client its turn before it is arranged again."""
        self._due.pop(client, None)
        self._idle.drop(client)
        self._slots.cancel(client)

    def arrange(self, client: "Subscriber") -> None:
        """See to it that a client that is not told anything now is given its next turn."""
        if client in self.clients and client.stuck is None:
            self._due.pop(client, None)
            self._idle.drop(client)
            self._place(client, self.clock())
            self.look_again()

    # What clients are told with.

    def numbers(self) -> dict[str, Any]:
        """Return the next number of each sequence, and of which stream these are."""
        return {"stream": self.live.session, "next": {"trade": self.live.next_trade, "alert": self.live.next_alert}}

    def status(self, codec: str) -> dict[str, Any]:
        """Return what every client is told once a second; ``feeds`` is encoded already."""
        when, told = self._feeds
        now = self.clock()
        if not when <= now < when + _FEEDS_S:
            feeds = self.live.feeds()
            told = {
                "feed": overall(feed["state"] if harms(feed) else "live" for feed in feeds),
                "provenance": most_artificial(feed["provenance"] for feed in feeds) or self.live.provenance(),
                "json": msgspec.Raw(msgspec.json.encode(feeds)),
                "msgpack": msgspec.Raw(msgspec.msgpack.encode(feeds)),
            }
            self._feeds = now, told
        return {
            "t": self.live.now() // 1_000_000,
            "feed": told["feed"],
            "feeds": told[codec],
            "provenance": told["provenance"],
            "ready": self.live.ticked,
            "behind_frames": self._behind.frames(now, self._loop),
            "gaps": self.live.gaps,
            "instruments": len(self.live),
            "stream": self.live.session,
        }

    def count_skipped(self, count: int) -> int:
        """Count events that a client is not told; return how many."""
        if count:
            self.services.metrics.skipped.inc(count)
        return count

    # Passes.

    async def run(self) -> None:
        """Serve until cancelled. All is done by callbacks: a task more to wake is a third of what a message costs."""
        self._loop = asyncio.get_running_loop()
        stop_listening = self.live.listen(self._notify)
        self._loop.call_soon(self._pass)
        try:
            await self._loop.create_future()
        finally:
            stop_listening()
            self.shelf.close()
            self._loop = None
            if self._bell is not None:
                self._bell.cancel()

    def look_again(self) -> None:
        """Make a pass soon, also if nothing more changes."""
        if not self.looking:
            self.looking = True
            if self._loop is not None and not self._resting:
                self._loop.call_soon(self._pass)

    def _notify(self) -> None:
        """Have a pass made because something changed; on the thread that changed it."""
        loop = self._loop
        if self._listening and loop is not None and not loop.is_closed():
            self._listening = False
            loop.call_soon_threadsafe(self._look_now)

    def _look_now(self) -> None:
        if self._resting:
            self.looking = True
        elif not self.looking:
            self._pass()

    def _pass(self) -> None:
        if self._loop is None:
            return
        self.looking, self._listening = False, True
        began, more, rest = time.thread_time(), False, FAILED_S  # waiting for others is no work
        try:
            self.tick(self.clock())
            more, rest = bool(self._due), rest_s(time.thread_time() - began)
        finally:  # one that fails is told of by the loop, and is not the last
            self._resting = rest > _SHORTEST_S and not more
            if more:
                self.looking = True
                self._loop.call_soon(self._pass)
            elif self._resting:
                self._loop.call_later(rest, self._rested)
            else:
                self._wait(self._loop)

    def _rested(self) -> None:
        self._resting = False
        if self.looking:
            self._pass()
        elif self._loop is not None:
            self._wait(self._loop)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """See to a pass when the next client is due."""
        now = self.clock()
        due = min((each for each in (self._slots.next, self._beats.next) if each is not None), default=now + 1.0)
        due = math.ceil(due * 1000) / 1000
        if not now < self._rings <= due:  # a bell that rings too early only makes a pass for nothing
            self._rings = due
            if self._bell is not None:
                self._bell.cancel()
            self._bell = loop.call_at(due, self._ring)
        if not self._idle:
            self._listening = False

    def _ring(self) -> None:
        self._rings = 0.0  # also where the loop's timers are early
        self._look_now()

    def tick(self, now: float) -> None:
        """Give every client its turn that is due at loop time ``now``; copy what changed where one will tell it."""
        marks, before = self._news(), self._marks
        self._marks = marks
        due = self._due
        for client in self._idle.waiting_for(name for name, mark in marks.items() if mark != before[name]):
            self._idle.drop(client)
            due[client] = None
        for client in self._slots.over(now):
            if client.behind:
                due[client] = None
            else:
                self._idle.add(client)
        if any("quote" in client.channels for client in due):
            self.mirror.refresh()
        self._give_turns(now)
        self._count()
        for client in self._beats.over(now):
            self._beats.set(client, self._next_beat(client))
            client.beat()
        if int(now) != self._second:
            self._second = int(now)
            self.deliveries.tell()

    def _give_turns(self, now: float) -> None:
        """Give those that are due their turns, as many as there is time for; one at least."""
        due, end = self._due, time.perf_counter() + TURNS_S
        while due:
            alike = self._crowd.alike(due)
            client = next(iter(due))
            del due[client]
            if alike:
                self._give_turns_alike(alike, now)
            else:
                client.take_slot(now)
                client.turn()
                if client.stuck is None:
                    self._place(client, now)
            if time.perf_counter() > end:
                return

    def _give_turns_alike(self, clients: dict["Subscriber", Quotes], now: float) -> None:
        """Give clients their turns who want rows of the same form; who is not reached is still due."""
        for client, message in self._crowd.tell(clients):
            self._due.pop(client, None)
            client.take_slot(now)
            if message is None or client.hand(message):
                self._place(client, now)

    def _news(self) -> dict[str, int]:
        """Return for each channel what changes whenever there is something on it."""
        live = self.live
        return {
            "quote": live.revision,
            "trade": live.next_trade,
            "alert": live.next_alert,
            "book": self.shelf.version,
        }

    def _count(self) -> None:
        metrics = self.services.metrics
        metrics.ws_frames.inc(self.frames)
        metrics.conflated.inc(self.conflated)
        self.frames = self.conflated = 0

    def _place(self, client: "Subscriber", now: float) -> None:
        """Have a client that waits for no news wait for its next slot, or for news where that has begun."""
        slot = client.next_slot(now)
        if slot > now or client.behind:
            self._slots.set(client, slot if slot > now else AT_ONCE)
        else:
            self._slots.cancel(client)
            self._idle.add(client)

    def _next_beat(self, client: "Subscriber") -> float:
        return math.floor(self.clock() + client.phase) + 1 - client.phase


def rest_s(took_s: float) -> float:
    """Return how long to rest after a pass that took so much of the processor."""
    return min(REST * took_s, PASS_S)


def overall(states: Iterable[str]) -> str:
    """Return the worst state: ``down``, ``stale``, ``live``; ``waiting`` when there is no feed yet."""
    seen = set(states)
    return next((state for state in ("down", "stale", "live") if state in seen), "waiting")
