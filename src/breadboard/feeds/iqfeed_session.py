"""The conversation on Level 1: select the fields, watch at a gentle rate, and make sure that all of it comes.

Two audits run, because silence of one symbol proves nothing. Each minute the gateway is asked what it watches for us; a
symbol that it lost is watched again, and its absence is told. And each symbol is refreshed once a minute: where the
venue's own count of its trades has moved further than the trades that came, they are missing. The count is held back
by nothing that is no loss: not by a quiet symbol or a halt (it stands still), a new day (it falls), a correction or a
renewed watch (counting begins anew); and a first doubt is asked again a second later before it is believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from breadboard.conversations import Denied, Missing, Report, Request, Send
from breadboard.feeds.iqfeed_fields import SELECTED
from breadboard.feeds.iqfeed_pulse import Pulse
from breadboard.feeds.iqfeed_tally import Tally, counts_of, missing_of, number_of
from breadboard.feeds.iqfeed_words import CUT_OFF, GREETING, account_of
from breadboard.model.kinds import GapReason

AUDIT_S: Final = 60.0
SETTLING_S: Final = 10.0
"""A watch this young may not be in the gateway's list yet."""
_SELECT: Final = f"S,SELECT UPDATE FIELDS,{','.join(SELECTED)}"
_ECHO: Final = b"S,CURRENT UPDATE FIELDNAMES,"
_COUNTED: Final = ",".join(SELECTED[:4]).encode()
"""The fields the counting relies on, as the echo begins with them (after the symbol)."""


@dataclass(slots=True)
class Level1Session:
    """A ``conversations.Session`` with the Level 1 port. ``rate`` is commands a second."""

    symbols: Sequence[str]
    channels: Sequence[str]
    url: str
    rate: int
    _tallies: dict[bytes, Tally] = field(init=False, default_factory=dict)
    _waiting: list[str] = field(init=False, default_factory=list)
    """Symbols still to be watched, the next one last."""
    _again: list[str] = field(init=False, default_factory=list)
    """Commands that an audit calls for."""
    _watched: dict[str, float] = field(init=False, default_factory=dict)
    """When each symbol was last asked for."""
    _unsure: set[bytes] = field(init=False, default_factory=set)
    """Symbols of which the gateway may still hold what it knew before it lost its servers: until their next trade."""
    _counting: bool = field(init=False, default=False)
    _down: bool = field(init=False, default=False)
    _now_s: float = field(init=False, default=0.0)
    _asked_s: float = field(init=False, default=0.0)
    _audited_s: float = field(init=False, default=0.0)
    _due: float = field(init=False, default=0.0)
    """Refreshes that the passing of time has made due, and a part of the next."""
    _turn: int = field(init=False, default=0)
    _unwatched_s: float = field(init=False, default=0.0)
    """Up to when it is on record that watches were still being made; 0: they are made."""
    _asked_again: dict[bytes, float] = field(init=False, default_factory=dict)
    """Symbols that are watched anew, and since when; what was missed until their summary is still to be told."""
    _delayed: bool | None = field(init=False, default=None)
    """Whether the account is delayed, as the gateway says; None before it has."""
    _pulse: Pulse = field(init=False, default_factory=Pulse)

    def on_connect(self) -> list[Request]:
        """Say what is wanted; most watches follow with ``on_time``."""
        self._tallies.clear()
        self._unsure.clear()
        self._again.clear()
        self._watched.clear()
        self._waiting = list(reversed(self.symbols))
        self._counting = self._down = False
        self._delayed = None
        self._now_s = self._asked_s = self._audited_s = self._due = 0.0
        self._turn = 0
        self._unwatched_s = 0.0
        self._asked_again.clear()
        self._pulse.begin()
        greeting: list[Request] = [Send(line) for line in (*GREETING, _SELECT, "S,TIMESTAMPSON")]
        return greeting + self._watch(max(1, self.rate - len(greeting)))

    def on_frames(self, frames: Sequence[bytes]) -> list[Request]:
        """Count trades; take what the gateway says of watches, counts and its servers."""
        requests: list[Request] = []
        self._pulse.heard = True
        tallies = self._tallies
        for frame in frames:
            if frame[:2] == b"Q,":
                # The contents come right after the symbol; in small letters they speak of no trade.
                parts = frame.split(b",", 3)
                if len(parts) == 4 and not parts[2].islower() and self._counting:
                    tally = tallies.get(parts[1])
                    if tally is None or parts[1] in self._unsure:
                        self._begin(parts)
                        self._unsure.discard(parts[1])
                    else:
                        tally.trades += 1
                        tally.shares += number_of(parts[3].split(b",", 3)[2:3])
            elif frame[:2] not in _NOTHING:
                self._hear(frame, requests)
        return requests

    def on_document(self, _tag: str, _status: int, _body: bytes) -> list[Request]:
        """Return nothing: nothing is ever fetched."""
        return []

    def on_time(self, now_s: float) -> list[Request]:
        """Watch, refresh, and ask, within the rate."""
        mute = self._pulse.on_time(now_s)
        if mute:
            return mute
        if not self._now_s:
            self._unwatched_s = now_s if self._waiting else 0.0
            self._watched = dict.fromkeys(self._watched, now_s)
            self._asked_s = self._audited_s = now_s
            for tally in self._tallies.values():
                tally.since_s = now_s
        passed, self._now_s = now_s - (self._now_s or now_s), now_s
        room = self.rate
        requests: list[Request] = [Send(line) for line in self._again[:room]]
        del self._again[:room]
        requests += self._tell_unwatched(now_s)
        requests += self._watch(room - len(requests))
        if self._down:
            return requests
        if now_s - self._asked_s >= AUDIT_S:
            self._asked_s = now_s
            requests.append(Send("S,REQUEST WATCHES"))
        if self._counting:
            self._due = min(self._due + passed * len(self._watched) / AUDIT_S, float(len(self._watched)))
            requests += self._refresh(min(int(self._due), room - len(requests)))
        return requests

    def report(self) -> Report:
        """Return whether the account is delayed, and whether the gateway is cut off, as Level 1 says."""
        facts = {} if self._delayed is None else {"delayed": self._delayed}
        return Report(facts, [CUT_OFF] if self._down else [])

    def _tell_unwatched(self, now_s: float) -> list[Request]:
        """Put on record what is not heard of symbols whose watch waits its turn; once more when the last was made."""
        since_s, self._unwatched_s = self._unwatched_s, now_s if self._waiting else 0.0
        if not since_s or since_s == now_s:
            return []
        detail = "the watches of this connection were being made"
        return [Missing(None, None, GapReason.SUBSCRIPTION, since_s, detail, over=True)]

    def _lost(self, name: str, reason: GapReason, since_s: float, detail: str) -> list[Request]:
        """Put on record that a watch brings nothing, which is about all it should bring; more follows its summary."""
        self._asked_again[name.encode("latin-1")] = self._now_s
        return [Missing(name, each, reason, since_s, detail) for each in self.channels]

    def _watch(self, most: int) -> list[Request]:
        """Return the next watches."""
        names = [self._waiting.pop() for _ in range(max(0, min(most, len(self._waiting))))]
        for name in names:
            self._begin_anew(name)
        return [Send(self._command(name)) for name in names]

    def _command(self, name: str) -> str:
        """Return what watches a symbol; ``t`` is for trades alone."""
        return f"{'t' if tuple(self.channels) == ('trade',) else 'w'}{name}"

    def _refresh(self, most: int) -> list[Request]:
        """Return the refreshes that are due, symbol after symbol."""
        names = list(self._watched)
        count = max(0, most)
        self._due -= count
        chosen = [names[(self._turn + step) % len(names)] for step in range(count)]
        self._turn = (self._turn + count) % max(1, len(names))
        return [Send(f"f{name}") for name in chosen]

    def _begin_anew(self, name: str) -> None:
        self._watched[name] = self._now_s
        self._tallies.pop(name.encode("latin-1"), None)
        self._unsure.discard(name.encode("latin-1"))

    def _hear(self, frame: bytes, requests: list[Request]) -> None:
        """Take a line that is neither an update nor a timestamp."""
        if frame[:2] == b"P,":
            self._summary(frame, requests)
        elif frame[:2] == b"C,":
            self._tallies.pop(frame.split(b",", 2)[1], None)
        elif frame[:2] == b"n,":
            self._refused(frame[2:], "symbol not found", requests)
        elif frame.startswith(b"S,"):
            self._system(frame, requests)

    def _system(self, frame: bytes, requests: list[Request]) -> None:
        if frame.startswith(b"S,WATCHES"):
            self._audit(frame, requests)
        elif frame.startswith(_ECHO):
            named = frame.removeprefix(_ECHO).removeprefix(b"Symbol,")
            self._counting = "trade" in self.channels and named.startswith(_COUNTED)
        elif frame.startswith(b"S,CUST,"):
            self._delayed = account_of(frame)
        elif frame.startswith(b"S,SYMBOL LIMIT REACHED,"):
            self._refused(frame.removeprefix(b"S,SYMBOL LIMIT REACHED,"), "symbol limit reached", requests)
        elif frame.startswith((b"S,SERVER DISCONNECTED", b"S,SERVER RECONNECT FAILED")):
            self._down = True
            self._tallies.clear()
        elif frame.startswith(b"S,SERVER CONNECTED") and self._down:
            # The gateway watches anew by itself, which is soon looked at; what was missed is told by its own words.
            self._down = False
            self._tallies.clear()
            self._unsure = {name.encode("latin-1") for name in self._watched}
            self._watched = dict.fromkeys(self._watched, self._now_s)
            self._audited_s = self._now_s
            self._asked_s = self._now_s + 2 * SETTLING_S - AUDIT_S

    def _refused(self, rest: bytes, reason: str, requests: list[Request]) -> None:
        """Never ask again for what the gateway will not have."""
        name = rest.split(b",", 1)[0].decode("latin-1")
        if self._watched.pop(name, None) is not None:
            requests.append(Denied(name, None, reason))
        self._tallies.pop(name.encode("latin-1"), None)

    def _audit(self, frame: bytes, requests: list[Request]) -> None:
        """Hold the gateway's list of watches against ours."""
        listed = set(frame.decode("latin-1").split(",")[2:])
        gone = [
            name
            for name, asked_s in self._watched.items()
            if name not in listed and self._now_s - asked_s >= SETTLING_S
        ]
        for name in gone:
            since_s = max(self._audited_s, self._watched[name])
            detail = "the gateway no longer watches it"
            requests += self._lost(name, GapReason.SUBSCRIPTION, since_s, detail)
            self._begin_anew(name)
            self._again.append(self._command(name))
        self._audited_s = self._now_s

    def _begin(self, parts: list[bytes]) -> None:
        """Begin to count a symbol with what a line says the venue has counted so far."""
        if len(parts) == 4:
            count, volume = counts_of(parts[3])
            self._tallies[parts[1]] = Tally(count, volume, self._now_s)

    def _summary(self, frame: bytes, requests: list[Request]) -> None:
        """Hold the venue's count against what came."""
        parts = frame.split(b",", 3)
        since_s = self._asked_again.pop(parts[1], None) if len(parts) == 4 else None
        if since_s is not None:
            name, detail = parts[1].decode("latin-1"), "it is watched again"
            requests += [
                Missing(name, each, GapReason.SUBSCRIPTION, since_s, detail, over=True) for each in self.channels
            ]
        if not self._counting or len(parts) != 4:
            return
        tally = self._tallies.get(parts[1])
        name = parts[1].decode("latin-1")
        if tally is None:
            if name in self._watched:
                self._begin(parts)
            return
        count, volume = counts_of(parts[3])
        detail = missing_of(tally, count, volume)
        if not detail:
            self._tallies[parts[1]] = Tally(count, volume, self._now_s)
        elif not tally.doubted:
            tally.doubted = True
            self._again.append(f"f{name}")
        else:
            requests += self._lost(name, GapReason.COUNTER, tally.since_s, detail)
            self._begin_anew(name)
            self._again += [f"r{name}", self._command(name)]


_NOTHING: Final = frozenset({b"T,", b"F,", b"R,", b"N,", b"E,"})
