"""Who asks, whether they may, and how often: every request but those that anybody may have goes through here."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from starlette.types import Message, Receive, Send
from starlette.types import Scope as Asked

from breadboard.api.access import Access
from breadboard.api.security_keys import KeyRing
from breadboard.api.security_pages import is_start
from breadboard.api.security_rates import Rates
from breadboard.api.security_scopes import LOGIN, SAFE, wanted
from breadboard.errors import BreadboardError
from breadboard.settings.credentials import Scope
from breadboard.settings.people import OPERATOR, Person

PERSON: Final = "breadboard.person"
"""Where an ASGI scope says who asks."""
_FILES: Final = ("/static/", "/_stcore/")
PAGES: Final = 10
"""How many times as often as a key itself the sessions of it may ask: pages ask by themselves, each second or two."""
LOOK_AGAIN_S: Final = 30.0
"""How often a connection that stays is asked whether its key still holds."""
_BEARER: Final = 'curl -H "Authorization: Bearer $BREADBOARD_KEY" …   # breadboard keys add NAME --scope read --days 90'


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served."""

    status: int
    sentence: str
    hint: str
    retry_after_s: int = 0


def person_of(asked: Asked) -> Person:
    """Return who asks, on whatever route behind the turnstile."""
    person: Person = asked[PERSON]
    return person


class Turnstile:
    """Lets in who has a key, a ticket, a session, or need of none."""

    def __init__(self, access: Access, ring: KeyRing) -> None:
        self._access = access
        self._ring = ring
        self._rates = Rates(access.per_minute, access.burst, access.clock)
        self._pages = Rates(access.per_minute * PAGES, access.burst * PAGES, access.clock)

    async def refusal(self, asked: Asked) -> Refusal | None:
        """Note on the request who asks, and return why that is not enough; None where it is."""
        if not self._ring.needed:
            asked[PERSON] = OPERATOR
            return None
        scope = (
            Scope.READ if asked["type"] == "websocket" or is_start(asked) else wanted(asked["method"], asked["path"])
        )
        if scope is None:
            guesses = asked["path"] == LOGIN and asked["method"] not in SAFE
            return self._too_often("sign-in", asked) if guesses else None
        try:
            person = await self._ring.person(asked)
        except BreadboardError:
            return Refusal(503, "the keys cannot be looked up now", "breadboard status", 5)
        if person is not None:
            asked[PERSON] = person
        if person is None:
            return self._too_often("peer", asked) or _too_little(person, scope)
        return self._of_key(person, asked) or _too_little(person, scope)

    def staying(self, asked: Asked, receive: Receive, send: Send) -> Receive:
        """Return how a WebSocket receives that ends when its key is over or revoked."""
        return _Stays(receive, send, self._ring, asked[PERSON]) if self._ring.needed else receive

    def _too_often(self, what: str, asked: Asked) -> Refusal | None:
        """Count by address, each thing for itself: a page whose session is over asks on, and locks nobody out."""
        peer = (asked.get("client") or ("nobody",))[0]
        return self._counted(self._rates, f"{what} {peer}", 1)

    def _of_key(self, person: Person, asked: Asked) -> Refusal | None:
        if person.user is None or asked["path"].startswith(_FILES):
            return None  # commands on this machine; what a page is made of, some sixty files
        by_page = bool(person.session)
        return self._counted(self._pages if by_page else self._rates, f"key {person.key}", PAGES if by_page else 1)

    def _counted(self, rates: Rates, name: str, times: int) -> Refusal | None:
        wait = rates.wait_s(name)
        sentence = f"more than {self._access.per_minute * times} requests a minute"
        return Refusal(429, sentence, f"wait {wait} s", wait) if wait else None


def _too_little(person: Person | None, scope: Scope) -> Refusal | None:
    if person is None:
        return Refusal(401, "this needs a key that holds", _BEARER)
    if person.scope.allows(scope):
        return None
    hint = f"breadboard keys add {person.name!r} --scope {scope}"
    return Refusal(403, f"this needs a key of scope {scope}, and yours is {person.scope}", hint)


class _Stays:
    """Receives for a WebSocket, and ends it when its key is over or revoked."""

    def __init__(self, receive: Receive, send: Send, ring: KeyRing, person: Person) -> None:
        self._receive = receive
        self._send = send
        self._ring = ring
        self._person = person
        self._due = asyncio.get_running_loop().time() + LOOK_AGAIN_S
        """When to look again, however much is received until then."""

    async def __call__(self) -> Message:
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() >= self._due:
                if not await self._holds():
                    await self._send({"type": "websocket.close", "code": 1008, "reason": "the key no longer holds"})
                    return {"type": "websocket.disconnect", "code": 1008}
                self._due = loop.time() + LOOK_AGAIN_S
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._due):
                    return await self._receive()

    async def _holds(self) -> bool:
        try:
            return await self._ring.still(self._person)
        except BreadboardError:
            return True  # the database is away, and what was allowed goes on; nobody new comes in
