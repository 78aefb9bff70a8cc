"""``/login`` and ``/logout``: how a browser, which sends no key by itself, comes to have a session, and loses it."""

from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from breadboard.api import sign_in_page
from breadboard.api.problems import Problem
from breadboard.api.security_keys import KeyRing
from breadboard.api.security_pages import inward, is_by_browser
from breadboard.api.security_scopes import LOGIN, LOGOUT
from breadboard.api.security_turnstile import person_of
from breadboard.errors import BreadboardError, Unknown

_WRONG: Final = "this is no key that holds"
_AWAY: Final = "the keys cannot be looked up now"
_PAGES: Final = ["GET", "HEAD"]


def router(ring: KeyRing) -> APIRouter:
    """Return the routes. Where no key is needed they lead on to where somebody wants to go."""
    routes = APIRouter(include_in_schema=False)

    @routes.api_route(LOGIN, methods=_PAGES)
    async def ask(request: Request) -> Response:
        if not ring.needed:
            return RedirectResponse(_place(request), 303)
        # After a link on a page of others the browser kept the cookie back: it may be there all the same.
        from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
        return sign_in_page.once_more(_place(request)) if from_elsewhere else sign_in_page.form()

    @routes.post(LOGIN)
    async def sign_in(request: Request) -> Response:
        return await _sign_in(ring, request) if ring.needed else RedirectResponse(_place(request), 303)

    @routes.api_route(LOGOUT, methods=_PAGES)
    async def leave(request: Request) -> Response:
        person = person_of(request.scope)
        return sign_in_page.leave(person.name, person.scope) if person.session else RedirectResponse(LOGIN, 303)

    @routes.post(LOGOUT)
    async def sign_out(request: Request) -> Response:
        await _end(ring, request)
        answer = RedirectResponse(LOGIN, 303)
        for cookie in ring.sessions.forgotten(request.scope):
            answer.headers.append("Set-Cookie", cookie)
        return answer

    return routes


async def _sign_in(ring: KeyRing, request: Request) -> Response:
    """Begin a session for whoever has a key, always a new one, and end the one of before. Raises Problem 401, 503."""
    try:
        person = await ring.holder(_key(await request.body()))
        if person is None:
            raise Unknown(_WRONG)
        cookie = await ring.sessions.begin(person.key, request.scope)
        await _end(ring, request)
    except BreadboardError as error:
        wrong = isinstance(error, Unknown)  # also a key that was revoked a moment ago
        status, sentence = (401, _WRONG) if wrong else (503, _AWAY)
        if is_by_browser(request.scope):
            return sign_in_page.form(sentence, status=status)
        raise Problem(status, sentence, hint="curl -d key=bb_… -c cookies.txt …/login") from None
    return RedirectResponse(_place(request), 303, {"Set-Cookie": cookie})


async def _end(ring: KeyRing, request: Request) -> None:
    """End the session that a request shows, if any."""
    session = await ring.sessions.shown(request.scope)
    if session is not None:
        await ring.sessions.end(session)


def _place(request: Request) -> str:
    return inward(request.query_params.get("next", "/"))


def _key(body: bytes) -> str:
    """Return the key in a form; empty for none, for two, and for what is no form."""
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=10).get("key", [])
    except ValueError:
        return ""
    return given[0].strip() if len(given) == 1 else ""
