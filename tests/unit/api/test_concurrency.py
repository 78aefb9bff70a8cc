"""How much heavy work one client may have under way."""

from pathlib import Path

import pytest
from starlette.requests import Request

from breadboard.api.concurrency import Turns, client_of
from breadboard.api.problems import Problem
from breadboard.api.security_turnstile import PERSON
from breadboard.api.services import Limits
from breadboard.settings.credentials import Scope
from breadboard.settings.people import OPERATOR, Person
from unit.api.stored import stored


def test_one_client_has_two_turns_at_heavy_work_and_they_come_back(tmp_path: Path) -> None:
    turns = Turns(2)
    with turns.one("a"), turns.one("b"):
        with turns.one("a"), pytest.raises(Problem) as refused, turns.one("a"):
            pass
        with turns.one("a"):
            pass
    assert (refused.value.status, refused.value.retry_after_s) == (429, 1)
    with stored(tmp_path, Limits(heavy_at_once=0)) as house:
        for answer in (
            house.get("history?symbol=BTCUSDT&format=csv"),
            house.get("history?symbol=BTCUSDT&limit=10001"),
            house.client.post("/api/v1/sql", json={"query": "SELECT 1"}),
        ):
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert house.get("history?symbol=BTCUSDT").status_code == 200
    with stored(tmp_path / "again", Limits(heavy_at_once=1)) as house:
        for form in ("json", "csv", "nonsense", "arrow"):
            house.client.post("/api/v1/sql", json={"query": "SELECT 1", "format": form})
            house.client.post("/api/v1/sql", json={"query": "DROP TABLE trades"})
        assert house.client.post("/api/v1/sql", json={"query": "SELECT 1 AS n"}).json()["data"] == [{"n": 1}]


def test_a_turn_is_of_the_key_that_a_request_came_with_or_of_its_address() -> None:
    scope = {"type": "http", "client": ("127.0.0.1", 1234), "headers": [], PERSON: OPERATOR}
    assert client_of(Request(scope)) == "127.0.0.1"
    ann = Person(user=1, name="ann", scope=Scope.READ, key="a1")
    assert client_of(Request({**scope, PERSON: ann})) == "key a1"
