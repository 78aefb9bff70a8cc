"""How long the clients wait: longer than the server does, which says what helps; and what they ask again."""

import asyncio
import inspect
from collections.abc import Iterator

import httpx
import pytest

from breadboard.api.services import Limits
from breadboard.app.desk.trials import LONGEST_S
from breadboard.client import AsyncClient, Busy, Client, ClientError, Unreachable, asking, patience
from breadboard.client.errors import refused
from breadboard.client.patience import Patience
from unit.client.fake import Fake, serving

START_S = 10.0
"""What may pass besides: a busy machine, the way there and back."""


def test_an_answer_that_names_the_limit_of_a_trial_arrives() -> None:
    assert _default(Client) >= LONGEST_S + START_S
    assert _default(AsyncClient) >= LONGEST_S + START_S
    assert Limits().store_timeout_s < _default(Client)


def test_who_says_how_long_waits_so_long() -> None:
    with Client("http://127.0.0.1:9", timeout_s=5.0) as client:
        assert client._http.timeout == httpx.Timeout(5.0)

    async def other() -> httpx.Timeout:
        async with AsyncClient("http://127.0.0.1:9", timeout_s=5.0) as client:
            return client._http.timeout

    assert asyncio.run(other()) == httpx.Timeout(5.0)


def _default(client: type[Client] | type[AsyncClient]) -> float:
    seconds: float = inspect.signature(client).parameters["timeout_s"].default
    return seconds


class Clock:
    """A time in which only waits pass."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now_s += seconds

    async def later(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(patience, "time", clock)
    monkeypatch.setattr("breadboard.client.sync.time", clock)
    monkeypatch.setattr("breadboard.client.asynchronous.asyncio.sleep", clock.later)
    return clock


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(Fake()) as fake:
        yield fake


TURNS = (429, {"detail": "3 questions of this client are being answered"}, {"Retry-After": "1"})
FEEDS = (200, {"data": [{"feed": "binance-0"}]})


def test_who_waits_for_a_turn_goes_on_until_it_comes(fake: Fake, clock: Clock) -> None:
    async def other() -> None:
        async with AsyncClient(fake.address) as client:
            assert [feed.feed for feed in await client.feeds()] == ["binance-0"]

    fake.answers = {"GET /feeds": [*[TURNS] * 12, FEEDS]}
    with Client(fake.address) as client:
        assert [feed.feed for feed in client.feeds()] == ["binance-0"]
    fake.answers = {"GET /feeds": [*[TURNS] * 12, FEEDS]}
    asyncio.run(other())
    assert len(fake.asked) == 26
    assert len(clock.waits) == 24
    assert all(1.0 <= wait <= 5.0 for wait in clock.waits), "as long as the server said, at least"
    assert len(set(clock.waits)) == 24, "no two that wait come again together"


def test_and_no_longer_than_an_answer_may_take(fake: Fake, clock: Clock) -> None:
    fake.answers = {"GET /feeds": TURNS}
    with Client(fake.address, timeout_s=20.0) as client, pytest.raises(Busy) as told:
        client.feeds()
    assert told.value.retry_after_s == 1.0
    assert 19.0 <= clock.now_s <= 20.0
    assert len(fake.asked) > patience.TRIES


GATEWAY = "breadboard status  # where the server runs: a proxy before it gets no answer"


@pytest.mark.parametrize(("status", "asked"), [(502, 3), (503, 3), (504, 1), (408, 1), (500, 1)])
def test_what_a_proxy_says_of_a_server_that_is_started_anew_is_asked_again(
    fake: Fake, clock: Clock, status: int, asked: int
) -> None:
    fake.answers = {"GET /feeds": (status, b"<html>bad gateway</html>")}
    with Client(fake.address) as client, pytest.raises(ClientError) as told:
        client.feeds()
    assert len(fake.asked) == asked
    assert clock.waits == [0.2, 0.4][: asked - 1]
    assert told.value.transient is (status != 500)
    assert isinstance(told.value, Busy) is (status != 500)
    assert told.value.hint == (GATEWAY if status not in (408, 500) else "")


def test_nobody_knows_whether_the_server_behind_a_proxy_has_heard_a_change() -> None:
    question, change = asking.feeds(), asking.sql("select 1")
    assert (question.safe, change.safe) == (True, False)
    for error in (refused(502, b"", None), Unreachable("it broke")):
        assert Patience(question, 75.0).pause_s(error) == 0.2
        with pytest.raises(type(error)):
            Patience(change, 75.0).pause_s(error)
    assert Patience(change, 75.0).pause_s(refused(503, b"", None)) == 0.2


def test_what_took_too_long_to_send_is_not_sent_again() -> None:
    for question in (asking.feeds(), asking.sql("select 1"), asking.put_watchlist("a", ["x"], None, False)):
        with pytest.raises(Busy) as told:
            Patience(question, 75.0).pause_s(refused(408, b"", "1"))
        assert (told.value.status, told.value.transient) == (408, True)


@pytest.mark.parametrize(("given", "ticket"), [(75.0, 10.0), (3.0, 3.0)])
def test_the_ticket_of_a_stream_has_the_time_that_its_opening_has(fake: Fake, given: float, ticket: float) -> None:
    fake.answers = {"POST /tickets": (401, {"detail": "no"}), "GET /feeds": FEEDS}
    seen: list[tuple[str, set[float]]] = []

    def see(request: httpx.Request) -> None:
        seen.append((request.url.path, set(request.extensions["timeout"].values())))

    async def later(request: httpx.Request) -> None:
        see(request)

    async def other() -> None:
        async with AsyncClient(fake.address, "bb_1", timeout_s=given) as client:
            client._http.event_hooks = {"request": [later]}
            await client.feeds()
            with pytest.raises(ClientError):
                await anext(client.stream())

    with Client(fake.address, "bb_1", timeout_s=given) as client:
        client._http.event_hooks = {"request": [see]}
        client.feeds()
        with pytest.raises(ClientError):
            next(client.stream())
    asyncio.run(other())
    assert seen == [("/api/v1/feeds", {given}), ("/api/v1/tickets", {ticket})] * 2
