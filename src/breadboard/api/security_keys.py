"""Whose request it is: by the key in its header, by the ticket of a WebSocket, or by the session of a browser."""

import hmac
from typing import Final
from urllib.parse import parse_qs

from starlette.types import Scope as Asked

from breadboard.api.access import Access
from breadboard.api.security_looks import Looks
from breadboard.api.security_sessions import Sessions
from breadboard.api.security_tickets import Tickets
from breadboard.settings.credentials import ApiKey, Scope, hashed, parted
from breadboard.settings.people import OPERATOR, Person

FRESH_NS: Final = 2 * 10**9
"""How old what we know of keys may be: one that is revoked elsewhere is refused after that at the latest."""
NEW_NS: Final = 2 * 10**8
"""How old it may be for a key that we do not know: it may have just been made. Guesses ask no more often than that."""
_HOUSE: Final = Person(None, "operator", Scope.ADMIN, "house")
_NOBODYS: Final = hashed("")


class KeyRing:
    """Knows the keys that hold. Raises SettingsError where they cannot be read in time: then nobody has one."""

    def __init__(self, access: Access, tickets: Tickets) -> None:
        self._access = access
        self._tickets = tickets
        self.sessions = Sessions(access)
        self._known: Looks[dict[str, ApiKey]] = Looks(self._read, {}, access.clock)

    @property
    def needed(self) -> bool:
        """Whether anybody needs a key."""
        return self._access.keys is not None

    async def person(self, asked: Asked) -> Person | None:
        """Return who asks; None for nobody whom we know."""
        if not self.needed:
            return OPERATOR
        headers = [value for name, value in asked["headers"] if name == b"authorization"]
        if headers:
            # Two of them would be two answers to who it is.
            return await self._bearer(headers[0].decode("latin-1")) if len(headers) == 1 else None
        if asked["type"] == "websocket":
            given = parse_qs(asked["query_string"].decode("latin-1")).get("ticket", [])
            if given:
                person = self._tickets.take(given[0]) if len(given) == 1 else None
                return person if person is not None and await self.still(person) else None
        return await self._of_session(asked)

    async def still(self, person: Person) -> bool:
        """Tell whether this person's key, and session, still holds."""
        if not self.needed or person.key == _HOUSE.key:
            return True
        if person.session and await self.sessions.find(person.session) is None:
            return False
        key = await self._find(person.key)
        return key is not None and key.holds(self._access.clock.wall())

    async def holder(self, text: str) -> Person | None:
        """Return whose key this is; None for one that does not hold, and for what is none."""
        number, secret = parted(text) or ("", "")
        key = await self._find(number)
        # The same work where there is no such key: how much of a secret is right shall not be told by time. That there
        # is none may be, since it is looked for in the database: a key's id is no secret.
        if not hmac.compare_digest(key.hash if key else _NOBODYS, hashed(secret)) or key is None:
            return None
        return Person(key.user, key.name, key.scope, key.id) if key.holds(self._access.clock.wall()) else None

    async def _bearer(self, header: str) -> Person | None:
        kind, _, text = header.partition(" ")
        if kind.lower() != "bearer":
            return None
        house = self._access.house_key
        if house and hmac.compare_digest(text.encode(), house.encode()):
            return _HOUSE
        return await self.holder(text)

    async def _of_session(self, asked: Asked) -> Person | None:
        session = await self.sessions.shown(asked)
        key = None if session is None else await self._find(session.key)
        if session is None or key is None:  # revoked; and none outlasts its key
            return None
        return Person(key.user, key.name, key.scope, key.id, session.hash)

    def changed(self) -> None:
        """Take note that keys were made or revoked here: whoever asks next is answered by what holds now."""
        self._known.outdated()

    async def _find(self, number: str) -> ApiKey | None:
        """Return the key with this id; None for one that does not hold."""
        if not number:
            return None
        return (await self._known.fresh(FRESH_NS)).get(number) or (await self._known.fresh(NEW_NS)).get(number)

    async def _read(self) -> dict[str, ApiKey]:
        assert self._access.keys is not None
        return {key.id: key for key in await self._access.keys()}
