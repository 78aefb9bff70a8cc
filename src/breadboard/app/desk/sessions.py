"""Sessions of people who signed in with a browser."""

import secrets

from breadboard.app.desk.wanted import Wanted
from breadboard.errors import Unknown
from breadboard.settings import keys, sessions
from breadboard.settings.credentials import hashed
from breadboard.settings.sessions import Session

_HOUR_NS = 3600 * 10**9


class SessionDesk:
    """Begins and ends sessions."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    async def holding(self) -> list[Session]:
        """Return the sessions that are not over."""
        if not self._wanted.there:
            return []
        async with self._wanted.reading() as work:
            return await sessions.holding(work, self._wanted.now())

    async def begin(self, number: str) -> tuple[str, Session]:
        """Return what a browser shall show from now on, which nobody will ever tell again, and what is kept of it.

        It is over with the key of this id at the latest. Raises Unknown where that key does not hold.
        """
        async with self._wanted.writing() as work:
            now = self._wanted.now()
            key = next((one for one in await keys.all_of(work) if one.id == number and one.holds(now)), None)
            if key is None:
                raise Unknown(f"there is no key {number[:100]!r} that holds", hint="breadboard keys list")
            text = secrets.token_urlsafe(32)
            end = min(now + self._wanted.config.api.session_hours * _HOUR_NS, key.expires_ns)
            session = Session(hashed(text), key.id, now, end)
            await sessions.add(work, session)
        return text, session

    async def end(self, number: str) -> None:
        """End the session of this hash, if there is one."""
        async with self._wanted.writing() as work:
            await sessions.end(work, number)
