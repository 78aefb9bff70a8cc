"""What one address may ask of a host, by all lines together."""

import asyncio
from itertools import pairwise
from random import Random

import httpx
import pytest

from breadboard.capture.documents import Documents
from breadboard.capture.turns import Turnstile, Turnstiles
from breadboard.clock import ManualClock, SystemClock
from breadboard.conversations import Allowance, Fetch
from breadboard.model.gaps import DocumentHead

SECOND = 1_000_000_000
FOUR_AT_ONCE = Allowance(pace_s=3.5, burst=4)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """A clock that a sleep moves on."""
    clock, rest = ManualClock(), asyncio.sleep

    async def sleep(seconds: float) -> None:
        clock.advance(int(seconds * 1e9))
        await rest(0)

    monkeypatch.setattr("breadboard.capture.turns.asyncio.sleep", sleep)
    return clock


def test_all_who_ask_have_one_allowance_in_the_order_of_asking(clock: ManualClock) -> None:
    async def scenario() -> None:
        began, stile = clock.mono(), Turnstile(clock)
        let_in: list[tuple[int, float]] = []

        async def ask(number: int) -> None:
            await stile.turn(FOUR_AT_ONCE)
            let_in.append((number, (clock.mono() - began) / SECOND))

        await asyncio.gather(*(ask(number) for number in range(7)))
        assert let_in == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 3.5), (5, 7), (6, 10.5)]
        clock.advance(7 * SECOND)  # two turns have come back
        await asyncio.gather(*(ask(number) for number in (7, 8, 9)))
        assert [when for _, when in let_in[7:]] == [17.5, 17.5, 21]

    asyncio.run(scenario())


def test_who_gives_up_takes_no_turn_from_the_others(clock: ManualClock) -> None:
    async def scenario() -> None:
        stile = Turnstile(clock)
        one = Allowance(pace_s=10, burst=1)
        await stile.turn(one)
        began = clock.mono()
        waiting = [asyncio.create_task(stile.turn(one)) for _ in range(3)]
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (clock.mono() - began) / SECOND == 20

    asyncio.run(scenario())


def test_a_failure_holds_those_who_wait_in_line_already(clock: ManualClock) -> None:
    async def scenario() -> None:
        asked: list[float] = []
        over = asyncio.Event()

        def answer(_: httpx.Request) -> httpx.Response:
            asked.append(clock.mono() / SECOND)
            if len(asked) == 4:
                over.set()
            return httpx.Response(403)

        client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        line = Documents(lambda _head, _body: None, clock, Random(1), client)
        for number in range(4):
            line.fetch(Fetch(f"depth:{number}", "http://v/depth", allowed=Allowance(pace_s=0.1, burst=1)))
        await over.wait()
        await line.close()
        assert [later - sooner >= 60 for sooner, later in pairwise(asked)] == [True] * 3

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [418, 429])
def test_a_ban_of_the_address_holds_up_every_line(status: int) -> None:
    async def scenario() -> None:
        clock, both, refused, told = SystemClock(), Turnstiles(SystemClock()), asyncio.Event(), asyncio.Event()
        asked: list[tuple[str, int]] = []

        def deliver(head: DocumentHead, _body: bytes) -> None:
            (told if head.status == 200 else refused).set()

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append((request.url.path, clock.mono()))
            banned = request.url.path == "/banned"
            return httpx.Response(status, headers={"Retry-After": "1"}) if banned else httpx.Response(200)

        clients = [httpx.AsyncClient(transport=httpx.MockTransport(answer)) for _ in range(2)]
        lines = [Documents(deliver, clock, Random(1), each, turnstiles=both) for each in clients]
        lines[0].fetch(Fetch("depth:A", "http://v/banned"))
        await refused.wait()
        lines[1].fetch(Fetch("depth:B", "http://v/depth"))
        async with asyncio.timeout(60):
            await told.wait()
        assert [path for path, _ in asked] == ["/banned", "/depth"]
        assert asked[1][1] - asked[0][1] >= SECOND
        for line in lines:
            await line.close()

    asyncio.run(scenario())
