"""Carries an inquiry out: over HTTP, or on a connection of text lines. Gives each answer that counts, as it came."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import urlsplit

from breadboard.capture.documents import Documents
from breadboard.capture.textline import connect
from breadboard.capture.wire import Batch, Connection
from breadboard.clock import Clock
from breadboard.conversations import Fetch, FetchedInquiry, Request, Send, SpokenInquiry
from breadboard.errors import FeedError
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import Provenance

log = logging.getLogger(__name__)

SILENCE_S: Final = 60.0
"""Without a line of an answer on the lookup port; the vendor's longest requests begin to be answered sooner."""
LONGEST_WAIT_S: Final = 300.0
"""That a source may ask for before it is asked again; who asks for more is told to a person, who waits better."""
LONGEST_LINE: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer, in the order of its bytes."""

    url: str
    """What was asked, without secrets."""
    ts_recv: int
    body: bytes
    ends: bool
    """It is the answer's last."""
    empty: bool = False
    """With ``ends``: the answer holds nothing."""
    status: int = 200
    """Of HTTP: an answer that counts may be a refusal."""
    tag: str = ""
    """Of HTTP: under which it was asked for."""


Keep = Callable[[Part], None]


async def fetch(inquiry: FetchedInquiry, keep: Keep, clock: Clock) -> Provenance:
    """Fetch all of an inquiry; return what the source says of itself. The inquiry tells whether it came to its end.

    Raises what ``keep`` does, and FeedError where the source wants more patience than ``LONGEST_WAIT_S``.
    """
    over, broken = asyncio.Event(), list[BaseException]()

    def deliver(head: DocumentHead, body: bytes) -> None:
        before = inquiry.taken
        requests = inquiry.on_document(head.tag, head.status, body)
        if inquiry.taken > before:
            empty, status = inquiry.empty, head.status
            keep(Part(head.url, clock.wall(), body, ends=True, empty=empty, status=status, tag=head.tag))
        elif requests and head.status in {0, *range(400, 600)}:
            wait_s = max(documents.wait_s(each.delay_s, logs_in=each.logs_in) for each in _fetches(requests))
            if wait_s > LONGEST_WAIT_S:
                raise FeedError(
                    f"{head.url} answered {head.status} and asks to wait {wait_s:.0f} s: nothing was imported",
                    hint=f"run it again in {-(-wait_s // 60):.0f} minutes",
                    transient=True,
                )
            log.warning("%s answered %s: asking again in %.1f s", head.url, head.status or "nothing", wait_s)
        start(requests)

    def start(requests: Sequence[Request]) -> None:
        for request in _fetches(requests):
            documents.fetch(request)
        if inquiry.done:
            over.set()

    def broke(error: BaseException) -> None:
        broken.append(error)
        over.set()

    documents = Documents(deliver, clock, Random(), broke=broke)  # noqa: S311 - spreads retries, no secret
    try:
        start(inquiry.requests())
        await over.wait()
    finally:
        await documents.close()
    if broken:
        raise broken[0]
    return documents.provenance


def _fetches(requests: Sequence[Request]) -> list[Fetch]:
    return [request for request in requests if isinstance(request, Fetch)]


async def speak(inquiry: SpokenInquiry, url: str, per_s: float, keep: Keep, clock: Clock) -> Provenance:
    """Ask all of an inquiry on a connection to ``tcp://host:port``; return what the source says of itself.

    At most ``per_s`` requests go out a second. Raises FeedError where there is no connection, it ends too early, or
    stays silent for ``SILENCE_S``; and what ``keep`` raises.
    """
    address = urlsplit(url)
    talk = _Talk(inquiry, url, 1.0 / per_s, keep)
    try:
        await connect(address.hostname or "", address.port or 0, talk, clock, LONGEST_LINE, "")
    except (OSError, TimeoutError) as error:
        raise FeedError(
            f"there is no gateway at {url}: {str(error) or 'no connection in time'}",
            hint="start the gateway, or say where it is: --url tcp://HOST:5009?lookup=9100",
            transient=True,
        ) from None
    try:
        while not talk.over.is_set():
            heard = talk.heard
            try:
                await asyncio.wait_for(talk.over.wait(), SILENCE_S)
            except TimeoutError:
                if talk.heard == heard:
                    talk.ended = f"said nothing for {SILENCE_S:g} s"
                    break
    finally:
        talk.leave()
    if talk.broken is not None:
        raise talk.broken
    if talk.ended and not inquiry.done:
        raise FeedError(
            f"the gateway at {url} {talk.ended} before the answer to {inquiry.asking!r} was complete",
            hint="run it again, or ask for less at a time: --from … --to …",
            transient=True,
        )
    return talk.provenance


class _Talk:
    """Hears a connection (``wire.Handler``) on behalf of an inquiry."""

    def __init__(self, inquiry: SpokenInquiry, url: str, pause_s: float, keep: Keep) -> None:
        self.over = asyncio.Event()
        self.heard = 0
        """Lines so far."""
        self.ended = ""
        """Why the connection ended before we left it."""
        self.broken: Exception | None = None
        """What ``keep`` raised: on a connection nobody would hear of it."""
        self.provenance = Provenance.LIVE
        self._inquiry, self._url, self._pause_s, self._keep = inquiry, url, pause_s, keep
        self._connection: Connection | None = None

    def leave(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close("all was asked")

    def on_open(self, connection: Connection) -> None:
        """Ask."""
        self._connection = connection
        self._send(self._inquiry.requests())

    def on_batch(self, batch: Batch) -> None:
        """Hand lines to the inquiry, and what it keeps on."""
        assert self._connection is not None
        self.provenance = self._connection.provenance
        self.heard += len(batch.frames)
        if self._inquiry.done:
            return
        asked, before = self._inquiry.asking, self._inquiry.taken
        kept, requests = self._inquiry.on_lines(batch.frames)
        if kept and self._inquiry.error is None:
            ends = self._inquiry.taken > before
            body = b"".join(line + b"\n" for line in kept)
            try:
                self._keep(Part(f"{self._url}/{asked}", batch.ts_recv[0], body, ends, empty=self._inquiry.empty))
            except Exception as error:  # noqa: BLE001 - raised where somebody waits
                self.broken = self.broken or error
                self.over.set()
                return
        asyncio.get_running_loop().call_later(self._pause_s if requests else 0.0, self._send, requests)

    def on_control(self) -> None:
        """Nothing of the kind is said here."""

    def on_broken_frame(self, head: bytes, reason: str) -> None:
        """Give up: an answer with a line that cannot be had is not whole."""
        del head
        self._end(f"sent {reason}")

    def on_end(self, reason: str) -> None:
        """Note that the other side left, where it did so first."""
        self._end(f"ended the connection ({reason})")

    def _end(self, why: str) -> None:
        self.ended = self.ended or why
        self.over.set()

    def _send(self, requests: Sequence[Request]) -> None:
        if self._inquiry.done:
            self.over.set()
        for request in requests:
            if isinstance(request, Send) and self._connection is not None:
                self._connection.send(request.text)
