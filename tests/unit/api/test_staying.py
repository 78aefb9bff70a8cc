"""A WebSocket whose key is revoked ends, however much its client says."""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

from breadboard.api import security_turnstile
from breadboard.api.security_turnstile import PERSON, Turnstile
from breadboard.settings.credentials import Scope
from breadboard.settings.people import Person

if TYPE_CHECKING:
    from breadboard.api.security_keys import KeyRing

ANN = Person(1, "ann", Scope.READ, "a1")
GONE = {"type": "websocket.disconnect", "code": 1008}


class Ring:
    """Keys that hold as often as is said."""

    needed = True

    def __init__(self, holds: int) -> None:
        self.left = holds

    async def still(self, person: Person) -> bool:
        assert person is ANN
        self.left -= 1
        return self.left >= 0


@pytest.mark.parametrize("talks", [True, False])
@pytest.mark.parametrize("holds", [0, 2])
def test_a_connection_ends_when_its_key_holds_no_more(monkeypatch: pytest.MonkeyPatch, talks: bool, holds: int) -> None:
    monkeypatch.setattr(security_turnstile, "LOOK_AGAIN_S", 0.02)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not talks:
            await asyncio.sleep(60)
        return {"type": "websocket.receive", "text": "{}"}

    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        sent.append(message)

    async def talk() -> dict[str, Any]:
        turnstile = Turnstile.__new__(Turnstile)
        turnstile._ring = cast("KeyRing", ring)
        hear = turnstile.staying({PERSON: ANN}, receive, send)
        for _ in range(1_000_000):
            if (message := await hear()) == GONE:
                return dict(message)
        raise AssertionError("nobody looked")

    ring = Ring(holds)
    assert asyncio.run(asyncio.wait_for(talk(), 30)) == GONE
    assert ring.left == -1
    assert [(each["type"], each["code"]) for each in sent] == [("websocket.close", 1008)]
