"""What a client is told on each channel: what it has seen, whether there is more, and the messages that say it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import numpy as np

from breadboard.api import wire
from breadboard.api.encoding import Body
from breadboard.api.wants import Wants

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from breadboard.api.fanout import Fanout
    from breadboard.api.ring import Read

ROWS_PER_MESSAGE: Final = 1_000
"""Of ``quote``: what a client that does not read keeps us from getting rid of is one message, so none is large."""
TRADES_PER_MESSAGE: Final = 200
TRADES_PER_PROMPT_MESSAGE: Final = 1_000
"""Of a client without a pace: it gets every trade, so this only bounds a message and no trade is left out."""

ALERTS_PER_MESSAGE: Final = 200
BOOKS_MAX: Final = 20
"""Books of one client: each is read and told whole."""


class Channel(Protocol):
    """One client's view of one channel. Runs on the event loop."""

    @property
    def upcoming(self) -> int:
        """The next number of this channel's sequence that this client has not been told of."""
        ...

    @property
    def behind(self) -> bool:
        """Whether anything has happened on this channel since; it need not be what the client wants."""
        ...

    def chosen(self, before: "NDArray[np.int64]") -> None:
        """Note that the instruments wanted are others than ``before``."""
        ...

    def messages(self) -> Iterator[bytes]:
        """Yield what is to be told now, each message made when it is asked for."""
        ...


class Quotes:
    """The newest row of each instrument that changed; the first message has all of them."""

    def __init__(self, fanout: "Fanout", wants: Wants, form: wire.Form) -> None:
        self._fanout = fanout
        self._wants = wants
        self.form = form
        self._told: NDArray[np.int64] = np.zeros(len(wants.ids), np.int64)
        """Beside each instrument, which update of it was told last."""
        self._placed: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._addresses = 0, 0
        self._seen = 0
        self._begun = False
        self.conflated = 0

    @property
    def upcoming(self) -> int:
        """The revision after that of the newest message."""
        return self._seen + 1

    @property
    def behind(self) -> bool:
        """Whether the market has changed."""
        return self._fanout.live.revision > self._seen or not self._begun

    @property
    def is_short(self) -> bool:
        """Whether what it is told next is one message of rows."""
        return self._begun and len(self._told) <= ROWS_PER_MESSAGE

    @property
    def wanted(self) -> int:
        """How many instruments it tells of."""
        return len(self._told)

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Where its instruments lie, and what was told of them, how many they are, and until when they were told.

        Addresses, for ``crowd_kernel``: they hold until others are ``chosen``.
        """
        ids, told = self._wants.ids, self._told
        if self._placed is None or self._placed[0] is not ids or self._placed[1] is not told:
            self._placed = ids, told
            self._addresses = ids.__array_interface__["data"][0], told.__array_interface__["data"][0]
        return *self._addresses, min(len(ids), len(told)), self._seen

    def note(self, replaced: int) -> None:
        """Note that it was told all news as of the mirror's revision, and how many updates that left out."""
        self._seen = self._fanout.mirror.revision
        if replaced > 0:
            self.conflated += replaced
            self._fanout.conflated += replaced

    def chosen(self, before: "NDArray[np.int64]") -> None:
        """Go on where an instrument was wanted before, and begin with the others."""
        ids, updates = self._wants.ids, self._fanout.mirror.columns["updates"]
        told = np.zeros(len(ids), np.int64)
        known = ids < self._fanout.mirror.count
        told[known] = updates[ids[known]]
        both = np.isin(ids, before, assume_unique=True)
        told[both] = self._told[np.isin(before, ids, assume_unique=True)]
        self._told = told

    def messages(self) -> Iterator[bytes]:
        """Yield one message of what changed, or several where it is much."""
        mirror, fanout = self._fanout.mirror, self._fanout
        snapshot, self._begun = not self._begun, True
        if snapshot:  # answers a question, which no pass has foreseen
            mirror.refresh()
        news, replaced = mirror.changed(self._wants.ids, self._told, 0 if snapshot else self._seen)
        self.note(0 if snapshot else replaced)  # its rows may be old, and were never on their way to this client
        if not len(news) and not snapshot:
            return
        if not snapshot:
            fanout.deliveries.add(news)
        if len(news) <= ROWS_PER_MESSAGE:
            yield self._message("snapshot" if snapshot else "quote", news)
            return
        parts = np.split(news.copy(), range(ROWS_PER_MESSAGE, len(news), ROWS_PER_MESSAGE))
        for number, part in enumerate(parts):
            yield self._message("snapshot" if snapshot and not number else "quote", part)

    def _message(self, kind: str, news: "NDArray[np.int64]") -> bytes:
        head = headed(kind, self._seen, self._fanout.live.now())
        return framed(self.form.codec, head, len(news), self._fanout.mirror.rows(news, self.form))


class Trades:
    """Every trade of the wanted instruments: the newest of them at a pace, all where there is none."""

    def __init__(self, fanout: "Fanout", wants: Wants, codec: str, *, prompt: bool) -> None:
        self._fanout = fanout
        self._wants = wants
        self._codec = codec
        self._prompt = prompt
        self.dropped = 0
        self.go_on(fanout.live.next_trade)

    def go_on(self, place: int) -> None:
        """Have the next message begin at this number."""
        self.upcoming = self._ended = place

    @property
    def behind(self) -> bool:
        """Whether there was another trade."""
        return self._fanout.live.next_trade > self.upcoming

    def chosen(self, before: "NDArray[np.int64]") -> None:
        """Need nothing: each message looks at what is wanted when it is made."""

    def messages(self) -> Iterator[bytes]:
        """Yield the trades that came; where one may be of an instrument that came with it, the next turn has it."""
        live, wants = self._fanout.live, self._wants
        most = TRADES_PER_PROMPT_MESSAGE if self._prompt else TRADES_PER_MESSAGE
        until = live.next_trade  # what comes while these are sent waits: a heartbeat may be due first
        while self.upcoming < until:
            read = live.trades(self.upcoming, wants.mask, most, oldest=self._prompt)
            if wants.overlooks:
                return
            yield from self._told(read)

    def _told(self, read: "Read") -> Iterator[bytes]:
        self.upcoming = read.end
        if not len(read.trades) and not read.lost:
            return
        since, self._ended = self._ended, read.end  # what was looked at without a word is part of the next message
        self.dropped += self._fanout.count_skipped(read.skipped + read.lost)
        now = self._fanout.live.now()
        head = {
            "type": "trade",
            "from": since,
            "next": read.end,
            "skipped": read.skipped,
            "lost": read.lost,
            "t": now // 1_000_000,
            "ts_deliver": now,
        }
        yield framed(self._codec, head, len(read.trades), self._fanout.mirror.trades(read.trades, self._codec))


class Alerts:
    """Every alert of the wanted instruments and of whole sources. None is left out, at whatever pace."""

    def __init__(self, fanout: "Fanout", wants: Wants, codec: str) -> None:
        self._fanout = fanout
        self._wants = wants
        self._codec = codec
        self.go_on(fanout.live.next_alert)

    def go_on(self, place: int) -> None:
        """Have the next message begin at this number."""
        self.upcoming = self._ended = place

    @property
    def behind(self) -> bool:
        """Whether there was another alert."""
        return self._fanout.live.next_alert > self.upcoming

    def chosen(self, before: "NDArray[np.int64]") -> None:
        """Need nothing: each message looks at what is wanted when it is made."""

    def messages(self) -> Iterator[bytes]:
        """Yield the alerts that came, as ``Trades`` does."""
        live = self._fanout.live
        until = live.next_alert
        while self.upcoming < until:
            read = live.alerts(self.upcoming, self._wants.mask, ALERTS_PER_MESSAGE)
            if self._wants.overlooks:
                return
            self.upcoming = read.end
            if read.found or read.lost:
                since, self._ended = self._ended, read.end
                self._fanout.count_skipped(read.lost)
                head = {
                    "type": "alert",
                    "from": since,
                    "next": read.end,
                    "lost": read.lost,
                    "t": live.now() // 1_000_000,
                }
                body = self._fanout.alerts.body(read.found, self._codec)
                yield framed(self._codec, head, len(read.found), body)


class Books:
    """The wanted books, each as it is now, when it has changed."""

    def __init__(self, fanout: "Fanout", wants: Wants, codec: str, depth: int) -> None:
        self._fanout = fanout
        self._wants = wants
        self._codec = codec
        self._depth = depth
        self.upcoming = 0
        self.chosen(wants.ids)

    @property
    def behind(self) -> bool:
        """Whether any book has changed."""
        return self._fanout.shelf.version > self.upcoming

    def chosen(self, before: "NDArray[np.int64]") -> None:
        """Have the books read that are wanted; of more than may be, the first."""
        del before
        self._wishes = [(index, self._depth) for index in self._wants.ids[:BOOKS_MAX].tolist()]
        self._fanout.shelf.want(self, self._wishes)
        self.upcoming = 0

    def close(self) -> None:
        """Want none."""
        self._fanout.shelf.want(self, ())

    def messages(self) -> Iterator[bytes]:
        """Yield one message of the books that changed."""
        shelf, since = self._fanout.shelf, self.upcoming
        self.upcoming = shelf.version
        found = shelf.newer(self._wishes, since)
        if found:
            texts = [book.text(self._codec) for book in found]
            body = (b"," if self._codec == "json" else b"").join(texts)
            head = {"type": "book", "t": self._fanout.live.now() // 1_000_000}
            yield framed(self._codec, head, len(found), body)


def encoded(codec: str, message: dict[str, Any]) -> bytes:
    """Return a message as the client reads it."""
    return msgspec.json.encode(message) if codec == "json" else msgspec.msgpack.encode(message)


def headed(kind: str, revision: int, now: int) -> dict[str, Any]:
    """Return what a message of rows begins with."""
    return {"type": kind, "seq": revision, "t": now // 1_000_000, "ts_deliver": now}


def framed(codec: str, head: dict[str, Any], count: int, rows: Body) -> bytes:
    """Return a message whose ``data`` is the encoded rows, not encoded again."""
    if codec == "json":
        return b"".join((msgspec.json.encode(head)[:-1], b',"data":[', rows, b"]}"))
    start = bytes([0x80 | (len(head) + 1)]) + msgspec.msgpack.encode(head)[1:]
    return b"".join((start, b"\xa4data\xdd", count.to_bytes(4, "big"), rows))  # an array of 2^32 at most
