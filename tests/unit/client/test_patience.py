"""How long the clients wait: longer than the server does, which says what helps."""

import asyncio
import inspect

import httpx

from breadboard.api.services import Limits
from breadboard.app.desk.trials import LONGEST_S
from breadboard.client import AsyncClient, Client

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
