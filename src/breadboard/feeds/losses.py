"""What is held to be lost of a connection's subscriptions, and what is done about it. Sans-I/O.

A loss is put on record (a ``Missing``) and its subscription asked for anew, that alone. Every few seconds a ``Missing``
more, from the end of the last one, for as long as it lasts; the last one to the moment when it is heard again or the
connection ends. Where asking anew does not help a ``Reconnect``, ever more seldom. Times are monotonic seconds.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import inf
from typing import Final

from breadboard.conversations import Missing, Reconnect, Request
from breadboard.feeds.stream import Key, Stream, Trouble
from breadboard.model.kinds import GapReason

TOLD_EVERY_S: Final = 5.0
TOLD_AGAIN_AFTER: Final = 20.0
"""The part of a loss's age that may pass besides until it is told further: records must not be without number."""
TOLD_AT_LEAST_EVERY_S: Final = 60.0
PATIENCE_S: Final = 30.0
"""The least time that a new subscription gets to help."""
EARLY_S: Final = 2.0
"""At the most so old is a connection when its clock is first told."""
RELAPSE_S: Final = 60.0
MOST_NEEDS: Final = 32
RECONNECT_EVERY_S: Final = 600.0
LONGEST_S: Final = 4 * 3600.0


class Losses:
    """The losses of a connection. ``again`` returns what to say so that the venue subscribes those keys anew.

    ``dataless`` are channels whose loss costs no data, and is on no record.
    """

    def __init__(
        self,
        streams: Mapping[Key, Stream],
        again: Callable[[Sequence[Key]], list[Request]],
        dataless: Collection[str],
    ) -> None:
        self._streams = streams
        self._again = again
        self._dataless = frozenset(dataless)
        self._symbols: dict[str, int] = {}
        """How many symbols each channel has."""
        for stream in streams.values():
            self._symbols[stream.channel] = self._symbols.get(stream.channel, 0) + 1
        self._early: dict[Key, bool] = {}
        """Asked for anew before the clock was told, and whether it still has to come."""
        self._in_vain: set[Key] = set()
        """Never heard, and a new connection did not help: for them alone there is no other. Outlives connections."""
        self._owed: list[Missing] = []
        """What is still to be put on record of the connection before."""
        self._reconnect_after_s = -inf
        self._spacing_s = RECONNECT_EVERY_S

    def begin(self) -> None:
        """Forget the old connection, but for what is to be put on record of it."""
        self._early.clear()
        self._owed += self.close()

    def first(self, now_s: float) -> list[Missing]:
        """Take the first time that is told on a connection; return what is owed."""
        owed, self._owed = self._owed, []
        for key, awaits in self._early.items():
            trouble = Trouble(GapReason.SUBSCRIPTION, now_s - EARLY_S, now_s, PATIENCE_S, now_s, awaits=awaits)
            self._streams[key].trouble = trouble
        self._early.clear()
        return owed

    def close(self) -> list[Missing]:
        """Let the connection's end be the end of what is lost on it."""
        lost = self._now()
        said = self._tell(lost, "the connection ended before it was heard again", over=True)
        for stream in lost:
            stream.trouble = None
        return said

    def names(self) -> list[str]:
        """Return what is held to be lost, ``SYMBOL channel`` each."""
        return [f"{stream.symbol} {stream.channel}" for stream in self._now()]

    def renewing(self, keys: Iterable[Key], reason: GapReason, now_s: float | None, *, in_vain: bool) -> None:
        """See ``Subscriptions.renewing``; ``now_s`` None: the clock of this connection was not told yet."""
        for key in keys:
            stream = self._streams.get(key)
            if stream is None:
                continue
            if now_s is None:
                self._early[key] = True
                continue
            if stream.trouble is None:
                stream.trouble = Trouble(reason, now_s, now_s, PATIENCE_S, now_s)
            stream.trouble.awaits = True
            if in_vain:
                stream.trouble.patience_s = inf

    def renewed(self, key: Key) -> None:
        """See ``Subscriptions.renewed``."""
        if key in self._early:
            self._early[key] = False
        stream = self._streams.get(key)
        if stream is not None and stream.trouble is not None:
            stream.trouble.awaits = False

    def found(
        self,
        streams: Sequence[Stream],
        told: Stream,
        cause: tuple[GapReason, str],
        now_s: float,
        audit: tuple[float, float] | None = None,
    ) -> list[Request]:
        """Put a loss on record, and ask for only what was lost.

        ``told`` is the one stream, or its channel of all symbols. ``audit``: when the venue last listed its
        subscriptions, and how long until it does so again, where such a list lacked them.
        """
        reason, detail = cause
        listed_s, audit_s = audit or (-inf, 0.0)
        patience_s = max(PATIENCE_S, told.pace.quiet_s, audit_s)
        for stream in streams:
            stream.relapses = stream.relapses + 1 if now_s - stream.recovered_s < RELAPSE_S else 0
            needs = min(1 << stream.relapses, MOST_NEEDS)
            stream.trouble = Trouble(reason, now_s, now_s, patience_s, now_s, needs, audited=audit is not None)
            stream.behind_s = None
        requests = self._again([stream.key for stream in streams])
        if any(stream.relapses for stream in streams):
            # A venue may answer a subscription with what is newest, and say no more.
            requests += self.leave(streams, f"{streams[0].symbol} {told.channel} is lost again", now_s)
        if told.channel in self._dataless:
            return requests
        return [Missing(told.symbol, told.channel, reason, max(told.known_good_s, listed_s), detail), *requests]

    def unmade(self, streams: Sequence[Stream], detail: str, now_s: float) -> list[Request]:
        """Put on record what the venue did not acknowledge, and ask for all of it together."""
        for stream in streams:
            told_s = stream.known_good_s
            stream.trouble = Trouble(GapReason.SUBSCRIPTION, told_s, now_s, PATIENCE_S, now_s, unmade=True)
        said = self._tell(streams, detail)
        for stream in streams:
            if stream.trouble is not None:
                stream.trouble.told_s = now_s
        return [*said, *self._again([stream.key for stream in streams])]

    def recovered(self, stream: Stream, heard_s: float) -> list[Request]:
        """Put on record that a lost one is heard again."""
        trouble, stream.trouble = stream.trouble, None
        if trouble is None:
            return []
        stream.recovered_s = heard_s
        if stream.channel in self._dataless:
            return []
        return [Missing(stream.symbol, stream.channel, trouble.reason, trouble.told_s, "it is heard again", over=True)]

    def go_on(self, now_s: float) -> list[Missing]:
        """Put on record what goes on being missed."""
        due = [
            (stream, stream.trouble)
            for stream in self._streams.values()
            if stream.trouble is not None and now_s - stream.trouble.told_s >= _pause_s(now_s - stream.trouble.since_s)
        ]
        said = self._tell([stream for stream, _ in due], "still not heard")
        for _, trouble in due:
            trouble.told_s = now_s
        return said

    def insist(self, now_s: float) -> list[Request]:
        """Where a new subscription did not help in time: a new connection, or, if there was one lately, ask again."""
        late = [
            (stream, stream.trouble)
            for stream in self._streams.values()
            if stream.trouble is not None and now_s - stream.trouble.asked_s > stream.trouble.patience_s
        ]
        if not late:
            return []
        streams = [stream for stream, _ in late]
        named = ", ".join(f"{stream.symbol} {stream.channel}" for stream in streams[:5])
        is_worth_it = any(stream.pace.active_total or stream.key not in self._in_vain for stream in streams)
        leave = self.leave(streams, f"a new subscription does not bring back {named}", now_s) if is_worth_it else []
        if leave:
            self._in_vain.update(stream.key for stream in streams if not stream.pace.active_total)
            return leave
        for _, trouble in late:
            trouble.asked_s = now_s
            trouble.patience_s = min(2 * trouble.patience_s, LONGEST_S)
        return self._again([stream.key for stream in streams])

    def leave(self, streams: Sequence[Stream], reason: str, now_s: float) -> list[Request]:
        """Ask for a new connection, unless one was asked for lately: then nothing."""
        if now_s < self._reconnect_after_s:
            return []
        self._reconnect_after_s = now_s + self._spacing_s
        self._spacing_s = min(2 * self._spacing_s, LONGEST_S)
        for stream in streams:
            if stream.trouble is not None:
                stream.trouble.asked_s = now_s
        return [Reconnect(reason)]

    def _now(self) -> list[Stream]:
        return [stream for stream in self._streams.values() if stream.trouble is not None]

    def _tell(self, lost: Iterable[Stream], detail: str, *, over: bool = False) -> list[Missing]:
        """Put on record what these missed since it was last told; a channel of all symbols is one record."""
        told: dict[str, list[tuple[Stream, Trouble]]] = {}
        for stream in lost:
            if stream.trouble is not None and stream.channel not in self._dataless:
                told.setdefault(stream.channel, []).append((stream, stream.trouble))
        said: list[Missing] = []
        for channel, troubled in told.items():
            if 1 < len(troubled) == self._symbols[channel]:
                since_s = min(trouble.told_s for _, trouble in troubled)
                said.append(Missing(None, channel, troubled[0][1].reason, since_s, detail, over=over))
                continue
            said += [
                Missing(stream.symbol, channel, trouble.reason, trouble.told_s, detail, over=over)
                for stream, trouble in troubled
            ]
        return said


def _pause_s(age_s: float) -> float:
    """Return how long after the last record a loss of this age is told further."""
    return min(max(TOLD_EVERY_S, age_s / TOLD_AGAIN_AFTER), TOLD_AT_LEAST_EVERY_S)
