"""What is known of keys: new ones at once, guesses seldom, and what is said while their database is away."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from breadboard.api.app import create_app
from breadboard.api.security import Guard
from breadboard.api.security_keys import KeyRing
from breadboard.api.security_tickets import Tickets
from breadboard.api.server import running
from breadboard.api.services import Limits
from breadboard.config import ApiConfig, SettingsConfig
from breadboard.settings.credentials import ApiKey
from unit.api.keyed import Served, served

AWAY = SettingsConfig(url="postgresql://me@127.0.0.1:9/secret")


def test_a_key_that_was_just_made_opens_at_once_and_one_that_was_revoked_at_once_nothing(tmp_path: Path) -> None:
    with served(tmp_path) as here, here.client(here.key("root", "admin")) as client:
        assert client.get("/api/v1/stocks").status_code == 200, "what is known of keys is as new as it can be"
        made = client.post("/api/v1/keys", json={"name": "ada", "scope": "read", "days": 7}).json()
        with here.client(made["key"]) as ada:
            assert ada.get("/api/v1/stocks").status_code == 200
            assert client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
            assert ada.get("/api/v1/stocks").status_code == 401
        with here.client(here.key("bob")) as bob:  # by a command, of which the server hears nothing
            assert bob.get("/api/v1/stocks").status_code == 401
            here.clock.advance(2 * 10**8)
            assert bob.get("/api/v1/stocks").status_code == 200


def test_guesses_look_into_the_database_no_more_often_than_that(tmp_path: Path) -> None:
    here, looks = Served(tmp_path), 0
    access = here.services().access

    async def guesses() -> None:
        async def counted() -> list[ApiKey]:
            nonlocal looks
            looks += 1
            return []

        ring = KeyRing(replace(access, keys=counted), Tickets(here.clock))
        for _ in range(20):
            assert await ring.holder("bb_0123456789ab_guess") is None
            here.clock.advance(5 * 10**7)

    asyncio.run(guesses())
    assert looks == 5, "in a second"


@pytest.mark.parametrize("takes_s", [0.3, 3])
def test_an_answer_that_takes_longer_than_it_is_believed_is_one_all_the_same(tmp_path: Path, takes_s: float) -> None:
    here, looks = Served(tmp_path), 0
    access = here.services().access

    async def asked() -> None:
        async def slow() -> list[ApiKey]:
            nonlocal looks
            looks += 1
            if looks > 9:
                raise AssertionError("it is asked for ever")
            here.clock.advance(round(takes_s * 1e9))
            return []

        ring = KeyRing(replace(access, keys=slow), Tickets(here.clock))
        assert await ring.holder("bb_0123456789ab_guess") is None

    asyncio.run(asked())
    assert looks <= 2


def test_a_database_that_does_not_answer_is_waited_for_once_and_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("breadboard.api.security_looks.PATIENCE_S", 0.2)
    here, looks, answers = Served(tmp_path), 0, False
    access = here.services().access

    async def asked() -> list[int]:
        nonlocal answers

        async def silent() -> list[ApiKey]:
            nonlocal looks
            looks += 1
            if not answers:
                await asyncio.Event().wait()
            return []

        async def app(_scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401 - whatever ASGI brings
            raise AssertionError("nobody is served")

        reached = replace(access, keys=silent)
        guard = Guard(app, Limits(), reached, KeyRing(reached, Tickets(here.clock)))
        transport = httpx.ASGITransport(guard)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.example.com") as client:
            bearer = {"Authorization": "Bearer bb_0123456789ab_x"}
            many = await asyncio.gather(*(client.get("/api/v1/stocks", headers=bearer) for _ in range(20)))
            answers = True
            after = await client.get("/api/v1/stocks", headers=bearer)
        assert {one.json()["detail"] for one in many} == {"the keys cannot be looked up now"}
        assert {one.headers["retry-after"] for one in many} == {"5"}
        return [*(one.status_code for one in many), after.status_code]

    assert asyncio.run(asked()) == [503] * 20 + [401]
    assert looks == 2


def test_a_database_that_is_away_is_no_defect_of_ours_and_its_place_is_told_to_nobody(tmp_path: Path) -> None:
    """Where nobody needs a key, so that the settings are all that is missing."""
    here = Served(tmp_path, ApiConfig())
    here.config = msgspec.structs.replace(here.config, settings=AWAY)
    with running(create_app(here.services())) as address, httpx.Client(base_url=address, timeout=60) as client:
        for answer in (
            client.get("/api/v1/watchlists"),
            client.put("/api/v1/watchlists/x", json={"symbols": ["A.SIM"]}),
            client.get("/api/v1/rules"),
            client.delete("/api/v1/rules/x"),
        ):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["detail"] == "watchlists, rules and keys cannot be read or changed now"
            assert "secret" not in answer.text
