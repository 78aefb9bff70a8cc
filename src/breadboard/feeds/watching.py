"""Which subscriptions bring what they should: per symbol and channel, by evidence and never by quiet alone. Sans-I/O.

A session owns one ``Subscriptions``, tells it what it hears, and passes on what it asks for. Evidence is

- a subscription that the venue acknowledges, and did not (``asked``, ``acknowledged``);
- an audit, the venue's own list of subscriptions, that lacks one (``audited``);
- the venue's own count, of trades say, that moved further than what came (``behind``);
- a silence that the stream's own pace makes implausible (``pace.Pace``) while the symbol's other channels go on; or,
  for a channel of all symbols together, while the other channels do, and longer than the feed's heartbeat.

What follows from a loss is the matter of ``losses``. The silence of a channel of all symbols is no matter of
subscriptions: it asks for a new connection at once.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Final

from breadboard.conversations import Denied, Missing, Request
from breadboard.feeds.losses import Losses
from breadboard.feeds.pace import OF_A_CHANNEL, Pace
from breadboard.feeds.stream import Key, Stream, activity
from breadboard.model.kinds import GapReason

ACKNOWLEDGED_WITHIN_S: Final = 30.0
"""After the last acknowledgement of any subscription: ours may still wait their turn to be sent."""
BEHIND_S: Final = 5.0
GRACE_S: Final = 3.0
AUDIT_EVERY_S: Final = 60.0
MUTE_S: Final = 30.0
"""The least silence of everything that is held against a venue which promises no sign of life."""
EVERY_CHANNEL: Final = ""
CLOSED: Final = "closed"
REGULAR: Final = "regular"


class Subscriptions:
    """A ``conversations.Watched``. ``wires`` names what is heard on the wire and the subscription it belongs to.

    For each frame do ``counts[wire] += 1`` where ``wire in counts``; nothing else is done per frame. ``again`` returns
    what to say so that the venue subscribes those keys anew; the gap on record makes a book doubtful, so that for books
    a snapshot must come of it. ``dataless`` are channels whose loss costs no data. ``answers``: the venue
    answers our keepalives, which therefore prove nothing, and sends no sign of life of its own.
    """

    def __init__(
        self,
        wires: Mapping[Hashable, Key],
        again: Callable[[Sequence[Key]], list[Request]],
        heartbeat_s: float | None = None,
        dataless: Collection[str] = (),
        *,
        answers: bool = False,
    ) -> None:
        self.counts: dict[Hashable, int] = dict.fromkeys(wires, 0)
        self._silence_s = heartbeat_s or GRACE_S
        self._mute_s = heartbeat_s or MUTE_S
        self._everything = None if heartbeat_s and not answers else Stream(None, EVERY_CHANNEL, (), Pace(OF_A_CHANNEL))
        by_key: dict[Key, list[Hashable]] = {}
        for wire, key in wires.items():
            by_key.setdefault(key, []).append(wire)
        self._streams = {key: Stream(*key, tuple(names)) for key, names in by_key.items()}
        self._of_symbol: dict[str, list[Stream]] = {}
        self._of_channel: dict[str, list[Stream]] = {}
        for stream in self._streams.values():
            self._of_symbol.setdefault(stream.symbol or "", []).append(stream)
            self._of_channel.setdefault(stream.channel, []).append(stream)
        self._losses = Losses(self._streams, again, dataless)
        self._channels = {channel: Stream(None, channel, (), Pace(OF_A_CHANNEL)) for channel in self._of_channel}
        self._unacknowledged: set[Key] = set()
        self._lacking: set[Key] = set()
        self._listed: set[Key] | None = None
        self._listed_s = 0.0
        self._refused: set[str] = set()
        self._halted: set[str] = set()
        self._never: set[str] = set(self._of_symbol)
        self._phase = ""
        self._now_s: float | None = None
        self._begun_s = self._progress_s = 0.0

    def begin(self) -> None:
        """Forget the old connection; what is usual for a stream is the market's and stays known."""
        self._unacknowledged.clear()
        self._lacking.clear()
        self._listed = None
        self._refused.clear()
        self._halted.clear()
        self._now_s = None
        for stream in self._all():
            stream.pace.excuse()
            stream.heard(self.counts)
            stream.behind_s = None
        self._losses.begin()

    def on_end(self) -> list[Missing]:
        """See ``conversations.Watched``."""
        return self._losses.close()

    def _all(self) -> list[Stream]:
        everything = [] if self._everything is None else [self._everything]
        return [*self._streams.values(), *self._channels.values(), *everything]

    def asked(self, keys: Iterable[Key]) -> None:
        """Note that these were asked for, and that the venue acknowledges."""
        before = len(self._unacknowledged)
        self._unacknowledged.update(keys)
        if len(self._unacknowledged) != before:  # to ask once more for what waits anyway lets nothing else wait longer
            self._progress_s = self._now_s or self._progress_s

    def acknowledged(self, keys: Iterable[Key]) -> None:
        """Note what the venue acknowledged."""
        before = len(self._unacknowledged)
        self._unacknowledged.difference_update(keys)
        if len(self._unacknowledged) != before:
            self._progress_s = self._now_s or self._progress_s

    def refused(self, symbol: str, channel: str | None, reason: str) -> list[Request]:
        """Note a refusal by name: nothing is expected of it any more on this connection."""
        self._refused.add(symbol if channel is None else f"{symbol} {channel}")
        self._never.discard(symbol)
        for stream in self._of_symbol.get(symbol, ()):
            stream.trouble = None if channel in (None, stream.channel) else stream.trouble
        self._unacknowledged = {key for key in self._unacknowledged if not self._is_refused(key)}
        return [Denied(symbol, channel, reason[:200])]

    def audited(self, present: Collection[Hashable]) -> None:
        """Note the venue's own list of subscriptions, by the names on the wire."""
        self._listed = {key for key, each in self._streams.items() if any(wire in present for wire in each.wires)}
        self._lacking = {
            key for key in self._streams.keys() - self._listed - self._unacknowledged if not self._is_refused(key)
        }

    def behind(self, symbol: str, channel: str, by: int) -> None:
        """Note by how much the venue's own count is ahead of what came."""
        stream = self._streams.get((symbol, channel))
        if stream is not None and self._now_s is not None:
            stream.behind_s = None if by <= 0 else stream.behind_s or self._now_s

    def renewing(
        self, keys: Iterable[Key], reason: GapReason = GapReason.SUBSCRIPTION, *, in_vain: bool = False
    ) -> None:
        """Note that these are asked for anew though they speak: what they say until then may not reach us.

        ``in_vain``: they are not asked for any more on this connection, and missing until its end.
        """
        self._losses.renewing(keys, reason, self._now_s, in_vain=in_vain)

    def renewed(self, key: Key) -> None:
        """Note that what it was asked for has come."""
        self._losses.renewed(key)

    def halted(self, symbol: str, *, now: bool) -> None:
        """Note a halt, or its end: a halted symbol is quiet by right."""
        if now:
            self._halted.add(symbol)
        else:
            self._halted.discard(symbol)
            for stream in self._of_symbol.get(symbol, ()):
                stream.pace.excuse()

    def on_phase(self, phase: str) -> None:
        """See ``conversations.Watched``: what was usual before the bell says nothing of after."""
        if phase != self._phase:
            self._phase = phase
            for stream in self._all():
                stream.pace.forget()

    def rates(self) -> dict[str, float]:
        """See ``conversations.Watched``."""
        return {symbol: sum(each.pace.per_s for each in streams) for symbol, streams in self._of_symbol.items()}

    def missing(self) -> list[str]:
        """See ``conversations.Watched``."""
        return self._losses.names()

    def never_heard(self, after_s: float) -> list[str]:
        """Return, once each, symbols of which no channel ever said anything for so long on this connection."""
        if self._now_s is None or self._now_s - self._begun_s < after_s:
            return []
        found = sorted(self._never)
        self._never.clear()
        return found

    def on_time(self, now_s: float) -> list[Request]:
        """Judge; call once a second with monotonic seconds."""
        if self._now_s is None:
            self._now_s = self._begun_s = self._progress_s = self._listed_s = now_s
            for stream in self._all():
                stream.known_good_s = now_s
            return [*self._losses.first(now_s)]
        passed_s, self._now_s = now_s - self._now_s, now_s
        requests = self._listen(passed_s, now_s)
        requests += [*self._losses.go_on(now_s), *self._suspect(now_s), *self._losses.insist(now_s)]
        if self._listed is not None:
            self._listed, self._listed_s = None, now_s - passed_s
        self._lacking.clear()
        return requests

    def _listen(self, passed_s: float, now_s: float) -> list[Request]:
        """Take what was counted since the last time."""
        requests: list[Request] = []
        spoke: dict[str, int] = {}
        # What was heard since the last look may have come right after it, and all after that be lost.
        before_s = now_s - passed_s
        for key, stream in self._streams.items():
            messages = stream.heard(self.counts)
            if messages:
                spoke[stream.channel] = spoke.get(stream.channel, 0) + messages
                self._never.discard(key[0])
                self._unacknowledged.discard(key)  # what speaks was heard
            if (messages or self._is_there(key, stream)) and stream.is_well():
                requests += self._recovered(stream, before_s)
            stream.pass_by(passed_s, messages)
        for channel, whole in self._channels.items():
            whole.pass_by(passed_s, spoke.get(channel, 0))
        if self._everything is not None:
            self._everything.pass_by(passed_s, sum(spoke.values()))
            self._everything.known_good_s = before_s if spoke else self._everything.known_good_s
        for stream in self._streams.values():
            if not stream.pace.quiet_s:
                stream.others = activity(self._of_symbol[stream.symbol or ""])
        for whole in self._channels.values():
            if not whole.pace.quiet_s:
                whole.others, whole.known_good_s = activity(self._channels.values()), before_s
        return requests

    def _is_there(self, key: Key, stream: Stream) -> bool:
        """Tell whether the venue says of what was lost that it is subscribed, in the way in which it did not before."""
        trouble = stream.trouble
        if trouble is None:
            return False
        if trouble.unmade:
            return key not in self._unacknowledged
        return trouble.audited and key in (self._listed or ())

    def _recovered(self, stream: Stream, heard_s: float) -> list[Request]:
        stream.known_good_s = heard_s
        if stream.trouble is not None:
            stream.pace.excuse()
            self._channels[stream.channel].pace.excuse()
        return self._losses.recovered(stream, heard_s)

    def _suspect(self, now_s: float) -> list[Request]:
        """Look for evidence against streams that were well so far."""
        requests = self._suspect_everything(now_s) + self._suspect_unmade(now_s)
        for channel, whole in self._channels.items():
            if len(self._of_channel[channel]) == 1 or self._phase == CLOSED:
                continue
            streams = [each for each in self._of_channel[channel] if self._is_judged(each)]
            if streams and whole.is_silent(self._channels.values(), self._silence_s):
                detail = whole.silence("the other channels go on")
                requests += self._lost(streams, whole, GapReason.SUBSCRIPTION, detail, now_s)
                requests += self._losses.leave(streams, f"{channel} of every symbol is silent", now_s)
        for key, stream in self._streams.items():
            found = self._evidence(key, stream, now_s) if self._is_judged(stream) else None
            if found is not None:
                requests += self._lost([stream], stream, *found, now_s)
        return requests

    def _suspect_everything(self, now_s: float) -> list[Request]:
        """Look at the connection as a whole, where the venue promises no sign of life by which others are judged."""
        every = self._everything
        if every is None or self._phase not in ("", REGULAR):
            return []
        if every.pace.quiet_s < self._mute_s or not every.pace.implausible:
            return []
        every.pace.excuse()  # in half a minute once more
        detail = f"nothing for {now_s - every.known_good_s:.0f} s on the whole connection"
        leave = self._losses.leave((), f"mute: {detail}", now_s)
        return [Missing(None, None, GapReason.SUBSCRIPTION, every.known_good_s, detail), *leave] if leave else []

    def _suspect_unmade(self, now_s: float) -> list[Request]:
        """Look for what the venue did not acknowledge, though it had the time: all of it is told and asked for now."""
        waited_s = now_s - self._progress_s
        if not self._unacknowledged or waited_s <= ACKNOWLEDGED_WITHIN_S:
            return []
        found = [each for key, each in self._streams.items() if key in self._unacknowledged and self._is_judged(each)]
        return self._losses.unmade(found, f"not acknowledged for {waited_s:.0f} s", now_s) if found else []

    def _evidence(self, key: Key, stream: Stream, now_s: float) -> tuple[GapReason, str] | None:
        if key in self._lacking:
            return GapReason.SUBSCRIPTION, "not in the venue's own list of subscriptions"
        if stream.behind_s is not None and now_s - stream.behind_s > BEHIND_S:
            return GapReason.COUNTER, "the venue's own count is ahead of what came"
        whole = self._channels[stream.channel]
        alone = len(self._of_channel[stream.channel]) == 1
        if self._phase == CLOSED or (not alone and whole.pace.quiet_s >= stream.pace.quiet_s):
            return None  # all symbols are silent here: that is judged above
        if stream.is_silent(self._of_symbol[key[0]], 0.0):
            return GapReason.SUBSCRIPTION, stream.silence("the symbol's other channels go on")
        return None

    def _is_judged(self, stream: Stream) -> bool:
        if stream.trouble is not None or stream.symbol in self._halted:
            return False
        return not self._is_refused(stream.key)

    def _is_refused(self, key: Key) -> bool:
        return bool(self._refused) and (key[0] in self._refused or f"{key[0]} {key[1]}" in self._refused)

    def _lost(
        self, streams: Sequence[Stream], told: Stream, reason: GapReason, detail: str, now_s: float
    ) -> list[Request]:
        by_audit = any(stream.key in self._lacking for stream in streams)
        audit = (self._listed_s, AUDIT_EVERY_S + GRACE_S) if by_audit else None
        return self._losses.found(streams, told, (reason, detail), now_s, audit)
