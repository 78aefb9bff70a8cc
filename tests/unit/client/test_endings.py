"""How a WebSocket ends, or does not open: what is told of it, and which streams go on."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close
from websockets.sync.server import serve

from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.client import (
    AsyncClient,
    Busy,
    Client,
    ClientError,
    NotAllowed,
    Status,
    StreamRefused,
    Unreachable,
)
from breadboard.client import stream as streaming
from breadboard.client.door import Door
from breadboard.client.endings import meaning
from breadboard.client.errors import refused
from breadboard.client.messages import LONGEST_QUESTION, SHORTER, Subscribed, wanted
from breadboard.client.stream import AsyncStream, Stream
from breadboard.errors import UsageError
from patient import PATIENCE_S
from unit.api.market import Market, services
from unit.client.fake import Fake, serving
from unit.client.relay import Relay, relaying

GATEWAYS = [502, 503, 504]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(streaming, "LONGEST_PAUSE_S", 0.05)


@contextmanager
def house() -> Iterator[Relay]:
    """A server behind a wire that can be cut, or led elsewhere."""
    market = Market()
    market.apply(market.trade("1"))
    with running(create_app(services(market))) as address, relaying(address) as relay:
        yield relay


@contextmanager
def ending(code: int, reason: str) -> Iterator[str]:
    """Serve WebSockets that end at once, and give where."""
    with serve(lambda socket: socket.close(code, reason), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def first_errors(address: str) -> list[ClientError]:
    """Return how a stream of either client fails."""

    async def twin() -> ClientError:
        async with AsyncClient(address) as client:
            with pytest.raises(ClientError) as told:
                await anext(client.stream())
            return told.value

    with Client(address) as client, pytest.raises(ClientError) as told:
        next(client.stream())
    return [told.value, asyncio.run(twin())]


LATER = '{"retry_after_ms":1500}'


@pytest.mark.parametrize(
    ("code", "reason", "kind", "sentence", "hint", "transient"),
    [
        (4429, "20 connections of this key are open; close one", Busy, "20 connections of this key are open",
         "close one", True),
        (4408, "this client does not read", Busy, "this client does not read", "", True),
        (4401, "", NotAllowed, "the server ended the stream with close code 4401", "", False),
        (1013, LATER, Busy, "the server has too many streams, or too many new ones at once", "", True),
        (1012, LATER, Busy, "the server is just ending", "", True),
        (1009, "over size", StreamRefused, "the server takes no question as long as this one: over size", SHORTER,
         False),
        (1008, "the key no longer holds", StreamRefused, "the server ended the stream: the key no longer holds", "",
         True),
    ],
)  # fmt: skip
def test_what_the_server_says_as_it_ends_is_told_as_its_word(
    code: int, reason: str, kind: type[ClientError], sentence: str, hint: str, transient: bool
) -> None:
    with ending(code, reason) as address:
        found = first_errors(address)
    for error in found:
        assert type(error) is kind
        assert (error.sentence, error.hint, error.transient) == (sentence, hint, transient)
        assert getattr(error, "retry_after_s", 0.0) == (1.5 if reason == LATER else 0.0)


def test_of_any_other_end_the_sentence_is_ours() -> None:
    door = Door.of("http://desk:8080", "")
    broke = "http://desk:8080 does not answer: the connection broke"
    own = Close(1009, "too big for us")
    for error in (ConnectionClosedError(None, None), ConnectionClosedError(own, own, rcvd_then_sent=False)):
        assert meaning(error, door).sentence == broke
    ended = meaning(ConnectionClosedError(Close(1011, ""), None), door)
    assert isinstance(ended, Unreachable)
    assert ended.sentence.endswith("it ended the connection (1011: it does not say why)")
    assert ended.transient


def test_more_names_than_a_message_holds_are_refused_before_anybody_is_asked() -> None:
    named = [f"X{n:06}.BINANCE" for n in range(15_000)]
    with Client("http://127.0.0.1:9") as client, pytest.raises(UsageError) as refusal:
        client.stream(named)
    assert refusal.value.sentence == ("15,000 names are too many for one stream: they take 270,064 bytes of 262,144")
    assert refusal.value.hint == SHORTER
    most = LONGEST_QUESTION - len('{"op":"sub","symbols":[""],"channels":["quote","status"],"hz":10.0}')
    wanted("A" * most, "quote", 10, None, None)
    with pytest.raises(UsageError):
        wanted("A" * (most + 1), "quote", 10, None, None)


@pytest.mark.parametrize("status", GATEWAYS)
def test_a_stream_goes_on_behind_a_proxy_whose_server_is_started_anew(status: int) -> None:
    with (
        house() as relay,
        serving(Fake({"GET /ws/realtime": (status, b"<html>bad gateway</html>")})) as proxy,
        Client(relay.address) as client,
        client.stream("*", "status") as stream,
    ):
        assert isinstance(next(stream), Status)
        server = f"http://{relay._target.netloc}"
        relay.turn(proxy.address)
        back = threading.Thread(target=_when, args=(lambda: len(proxy.asked) > 1, lambda: relay.turn(server)))
        back.start()
        relay.cut()
        _until_reconnected(relay, stream)
        back.join()
        assert len(proxy.asked) > 1


def _when(true: Callable[[], bool], do: Callable[[], None]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    do()


def _until_reconnected(relay: Relay, stream: Stream) -> None:
    before = stream.subscribed
    while stream.subscribed is before:
        assert isinstance(next(stream), Status)
    assert relay.connections > 1


@pytest.mark.parametrize("status", GATEWAYS)
def test_and_so_it_does_where_its_ticket_gets_no_answer(status: int) -> None:
    trouble = refused(status, b"<html>bad gateway</html>", None)
    said: list[ClientError | None] = [None, trouble, trouble, None]

    def ticket() -> str | None:
        if error := said.pop(0):
            raise error
        return None

    async def later() -> str | None:
        return ticket()

    async def twin(relay: Relay) -> None:
        stream = AsyncStream(Door.of(relay.address, ""), wanted("*", "status", 10, None, None), later)
        async with asyncio.timeout(PATIENCE_S), stream:
            await anext(stream)
            relay.cut()
            while said:
                await anext(stream)

    with house() as relay:
        with Stream(Door.of(relay.address, ""), wanted("*", "status", 10, None, None), ticket) as stream:
            next(stream)
            relay.cut()
            while said:
                next(stream)
        said.extend([None, trouble, trouble, None])
        asyncio.run(twin(relay))
    assert said == []


def test_who_is_told_when_to_come_back_comes_then() -> None:
    line = streaming._SyncLine(Door.of("http://desk", ""), wanted("*", "quote", 10, None, None), lambda: None)
    line._talk.subscribed = Subscribed()
    for told, least, most in ((None, 0.0, 0.1), ("7", 7.0, 7.0), ("3600", 60.0, 60.0)):
        assert least <= line._pause(refused(503, b"", told)) <= most


def test_of_a_line_that_is_dead_no_goodbye_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SILENCE_S", 1.5)  # a heartbeat comes each second
    monkeypatch.setitem(streaming._OPTIONS, "close_timeout", 2 * PATIENCE_S)
    monkeypatch.setitem(streaming._OPTIONS, "ping_interval", None)  # whose end would end the wait

    async def twin(relay: Relay) -> float:
        async with AsyncClient(relay.address) as client:
            stream = client.stream("*", "status")
            await anext(stream)
            relay.die()
            began = time.monotonic()
            before = stream.subscribed
            while stream.subscribed is before:
                await anext(stream)
            return time.monotonic() - began

    with house() as relay:
        with Client(relay.address) as client, client.stream("*", "status") as stream:
            next(stream)
            relay.die()
            began = time.monotonic()
            _until_reconnected(relay, stream)
            assert time.monotonic() - began < PATIENCE_S
        assert asyncio.run(twin(relay)) < PATIENCE_S


def test_and_a_stream_that_is_closed_waits_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    for name in ("connect_sync", "connect_async"):
        real = getattr(streaming, name)

        def noting(url: str, real: Callable[..., Any] = real, **options: Any) -> Any:  # noqa: ANN401 - as it is
            waits.append(options["close_timeout"])
            return real(url, **options)

        monkeypatch.setattr(streaming, name, noting)

    async def twin(address: str) -> None:
        async with AsyncClient(address) as client, client.stream() as stream:
            await anext(stream)

    with house() as relay:
        with Client(relay.address) as client, client.stream() as stream:
            next(stream)
        asyncio.run(twin(relay.address))
    assert waits == [1.0, 1.0]
