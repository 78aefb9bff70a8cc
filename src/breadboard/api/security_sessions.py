"""Sessions: what a browser, which sends no key by itself, shows in the place of one. A cookie, and what is known of it.

The cookie is 256 random bits, made anew at each sign-in; the database has its hash, so that it can be ended. No script
reads it (``HttpOnly``), no page of another site sends it (``SameSite=Strict``), and one that was given out over TLS
never leaves it (``Secure``), under a name that no other host can set (``__Host-``).
"""

from typing import Final

from starlette.types import Scope as Asked

from breadboard.api.access import Access
from breadboard.api.security_looks import Looks
from breadboard.api.security_origins import named
from breadboard.settings.credentials import hashed
from breadboard.settings.sessions import Session

FRESH_NS: Final = 2 * 10**9
"""How old what we know of sessions may be that another process ended; those that we begin and end are known at once."""
_SECURE: Final = "__Host-"


class Sessions:
    """Knows the sessions that hold. Raises SettingsError where they cannot be read in time, begun, or ended."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._known: Looks[dict[str, Session]] = Looks(self._read, {}, access.clock)

    async def shown(self, asked: Asked) -> Session | None:
        """Return the session of a request; None for none that holds."""
        text = self._text(asked)
        return None if text is None else await self.find(hashed(text))

    async def find(self, number: str) -> Session | None:
        """Return the session of this hash; None for one that is over, ended, or never was."""
        if self._access.sessions is None:
            return None
        found = (await self._known.fresh(FRESH_NS)).get(number)
        return found if found is not None and self._access.clock.wall() < found.expires_ns else None

    async def begin(self, key: str, asked: Asked) -> str:
        """Begin a session of the key with this id, and return the cookie. Raises Unknown where it no longer holds."""
        assert self._access.sessions is not None
        text, session = await (await self._access.sessions()).begin(key)
        self._known.abandon()  # whoever reads now may not have seen it
        self._known.found[session.hash] = session
        seconds = (session.expires_ns - self._access.clock.wall()) // 10**9
        return self._cookie(text, seconds, secure=came_by_tls(asked))

    async def end(self, session: Session) -> None:
        """End a session."""
        assert self._access.sessions is not None
        await (await self._access.sessions()).end(session.hash)
        self._known.abandon()
        self._known.found.pop(session.hash, None)

    def forgotten(self, asked: Asked) -> list[str]:
        """Return the cookies that make a browser forget those that it showed."""
        shown = _cookies(asked)
        return [self._cookie("", 0, secure=secure) for secure in (True, False) if self._name(secure=secure) in shown]

    async def _read(self) -> dict[str, Session]:
        assert self._access.sessions is not None
        return {one.hash: one for one in await (await self._access.sessions()).holding()}

    def _text(self, asked: Asked) -> str | None:
        """Return what a browser shows; None for nothing, and for two things, of which a stranger may have set one."""
        shown = _cookies(asked)
        found = shown.get(self._name(secure=True))
        if found is None and asked["scheme"] not in ("https", "wss"):
            found = shown.get(
                self._name(secure=False)
            )  # over TLS anybody between may have set it, before there was TLS
        return found[0] if found is not None and len(found) == 1 else None

    def _name(self, *, secure: bool) -> str:
        return _SECURE * secure + self._access.cookie

    def _cookie(self, text: str, seconds: int, *, secure: bool) -> str:
        more = "; Secure" if secure else ""
        return f"{self._name(secure=secure)}={text}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{more}"


def came_by_tls(asked: Asked) -> bool:
    """Tell whether a browser came by TLS: to us, to a proxy that we trust, or, as the browser says, to any other."""
    host = next((value for name, value in asked["headers"] if name == b"host"), b"").decode("latin-1")
    return asked["scheme"] in ("https", "wss") or named(asked) == [f"https://{host}"]


def _cookies(asked: Asked) -> dict[str, list[str]]:
    """Return the values of each cookie, by its name."""
    found: dict[str, list[str]] = {}
    for name, line in asked["headers"]:
        if name == b"cookie":
            for pair in line.decode("latin-1").split(";"):
                word, _, value = pair.strip().partition("=")
                found.setdefault(word, []).append(value)
    return found
