"""Signing in with a browser: what it is given, what that is good for, and all that ends it."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

import patient
from breadboard.api import security_turnstile
from breadboard.api.app import create_app
from breadboard.api.security_pages import inward
from breadboard.api.security_sessions import Sessions
from breadboard.api.server import running
from breadboard.clock import ManualClock
from breadboard.config import ApiConfig
from breadboard.settings.credentials import DAY_NS, hashed
from breadboard.settings.sessions import MOST, Session
from unit.api.keyed import API, Served, served
from unit.api.market import Market, services

HOUR_NS = 3600 * 10**9
PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
ALLY = "https://ally.example.com"
COOKIE = "breadboard_8080"
NAMED = {"Host": "desk.example.com"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    api = ApiConfig(**{name: getattr(API, name) for name in API.__struct_fields__} | {"origins": (ALLY,)})
    with served(tmp_path_factory.mktemp("data"), api) as server:
        yield server


def later(here: Served, ns: int = 2 * 10**9) -> None:
    """Let so much time pass on both clocks: what the server knows of keys and sessions is read again."""
    here.clock.mono_ns += ns
    here.clock.wall_ns += ns


def browser(here: Served, **headers: str) -> httpx.Client:
    return patient.Client(base_url=here.address, headers=PAGE | headers)


def posted(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """Post a form as a page of the server does."""
    return client.post(path, data=fields, headers={"Origin": str(client.base_url).rstrip("/")})


def signed_in(here: Served, scope: str = "read", days: int = 90) -> tuple[httpx.Client, str]:
    """Return a browser that is signed in, and the id of its key."""
    made = here.at_desk(lambda desk: desk.keys.add("ada", scope, days))
    later(here)
    client = browser(here)
    assert posted(client, "/login", key=made["key"]).status_code == 303
    return client, made["id"]


def shown(client: httpx.Client) -> str:
    """Return the value of the cookie."""
    found: str = client.cookies[COOKIE]
    return found


def test_a_browser_is_shown_where_to_sign_in_and_comes_back_to_where_it_wanted_to_go(here: Served) -> None:
    places = {
        "/": "/",
        "/live/": "/live/",
        "/live": "/live",
        "/docs": "/docs",
        "/history?a=1&b=%2F": "/history%3Fa%3D1%26b%3D%252F",
        "//evil.example": "/",
        "/\\evil.example": "/",
        f"/{'x' * 2_001}": "/",
    }
    with browser(here) as client:
        for path, place in places.items():
            answer = client.get(here.address + path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={place}"), path
        page = client.get("/login?next=/docs")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        answer = posted(client, "/login?next=/history%3Fa%3D1", key=here.key("ada"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/history?a=1")
        assert client.get("/docs").status_code == 200


def test_programs_and_questions_are_told_and_not_led_away(here: Served) -> None:
    with browser(here) as client:
        for path in ("/api/v1/stocks", "/ws/realtime"):
            assert client.get(path).status_code == 401
        # A key that does not hold goes before a session: signing in would not help.
        assert client.get("/docs", headers={"Authorization": "Bearer bb_x_y"}).status_code == 401
        assert client.post("/api/v1/sql", json={"query": "select 1"}).headers["content-type"].endswith("problem+json")
    for accept in ("*/*", "application/json", ""):
        answer = patient.get(f"{here.address}/docs", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert patient.get(f"{here.address}/live/").status_code in (200, 503), "its files are anybody's"


def test_the_page_has_one_form_no_script_and_nothing_of_others(here: Served) -> None:
    with browser(here) as client:
        page = client.get("/login")
    assert "<script" not in page.text
    assert not re.search(r"https?://|//[a-z]", page.text)
    assert re.findall(r"<form [^>]*>", page.text) == ['<form method="post">'], "it goes where its page is"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'none'; style-src 'sha256-" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    # Under `no-referrer` a browser says `Origin: null` of a form, and would be refused.
    assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("same-origin", "no-store")


@pytest.mark.parametrize(
    ("headers", "name", "more"),
    [
        ({"Origin": "http://desk.example.com"}, COOKIE, ""),
        ({}, COOKIE, ""),
        ({"Origin": "https://desk.example.com"}, f"__Host-{COOKIE}", "; Secure"),
        ({"X-Forwarded-Proto": "https"}, f"__Host-{COOKIE}", "; Secure"),
    ],
)
def test_the_cookie_is_no_scripts_no_other_sites_and_over_tls_no_other_hosts(
    here: Served, headers: dict[str, str], name: str, more: str
) -> None:
    key = here.key("ada")
    later(here)
    answer = patient.post(f"{here.address}/login", data={"key": key}, headers=NAMED | headers)
    (cookie,) = answer.headers.get_list("set-cookie")
    text = cookie.partition("=")[2].partition(";")[0]
    assert len(text) == 43, "256 bits in base64"
    assert cookie == f"{name}={text}; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict{more}"
    kept = here.at_desk(lambda desk: desk.sessions.holding())
    assert hashed(text) in {one.hash for one in kept}
    assert text not in repr(kept)
    seen = {"Cookie": f"{name}={text}"}
    assert patient.get(f"{here.address}/api/v1/stocks", headers=NAMED | seen).status_code == 200


def test_over_tls_a_cookie_that_anybody_between_may_have_set_is_none(here: Served) -> None:
    client, _ = signed_in(here)
    plain, tls = {"Cookie": f"{COOKIE}={shown(client)}"}, {"X-Forwarded-Proto": "https"}
    hosted = {"Cookie": f"__Host-{COOKIE}={shown(client)}"}
    address = f"{here.address}/api/v1/stocks"
    assert [patient.get(address, headers=each).status_code for each in (plain, plain | tls, hosted | tls)] == [
        200,
        401,
        200,
    ]
    twice = {"Cookie": f"{COOKIE}={shown(client)}; {COOKIE}=x"}
    assert patient.get(address, headers=twice).status_code == 401, "two answers to who it is are none"
    client.close()


def test_a_cookie_that_was_changed_made_up_or_of_another_server_opens_nothing(here: Served) -> None:
    client, number = signed_in(here)
    good = shown(client)
    kept = {one.key: one.hash for one in here.at_desk(lambda desk: desk.sessions.holding())}[number]
    odd = ["", good[:-1], good + "x", good.swapcase(), good[::-1], kept, number, f'"{good}"', "x" * 43, good + "é"]
    for text in odd:
        answer = patient.get(f"{here.address}/api/v1/stocks", headers=[(b"cookie", f"{COOKIE}={text}".encode())])
        assert answer.status_code == 401, text
    for name in ("breadboard", "breadboard_8081", COOKIE.upper(), f"__host-{COOKIE}"):
        assert patient.get(f"{here.address}/api/v1/stocks", headers={"Cookie": f"{name}={good}"}).status_code == 401
    assert patient.get(f"{here.address}/api/v1/stocks", headers={"Authorization": f"Bearer {good}"}).status_code == 401
    client.close()


def test_a_session_is_made_anew_at_each_sign_in_and_the_one_of_before_ends(here: Served) -> None:
    client, _ = signed_in(here)
    before = shown(client)
    assert posted(client, "/login", key=here.key("bob")).status_code == 401, "a key that is not known yet"
    assert shown(client) == before
    later(here)
    other = here.key("bob")
    later(here)
    assert posted(client, "/login", key=other).status_code == 303
    assert shown(client) != before
    assert client.get("/logout").text.count("bob") == 1
    assert patient.get(f"{here.address}/docs", headers={"Cookie": f"{COOKIE}={before}"}).status_code == 401
    # What somebody else put into the browser is never what it is signed in with.
    planted = {"Cookie": f"{COOKIE}={'x' * 43}", "Origin": here.address}
    answer = patient.post(f"{here.address}/login", data={"key": other}, headers=planted)
    assert "x" * 43 not in answer.headers["set-cookie"]
    assert patient.get(f"{here.address}/docs", headers={"Cookie": planted["Cookie"]}).status_code == 401
    client.close()


@pytest.mark.parametrize(("days", "hours"), [(90, 12), (1, 12)])
def test_a_session_is_over_after_its_hours(here: Served, days: int, hours: int) -> None:
    client, _ = signed_in(here, days=days)
    later(here, hours * HOUR_NS - 1)
    assert client.get("/docs").status_code == 200
    later(here, 1)
    assert client.get("/docs").status_code == 303
    client.close()


def test_a_session_never_lasts_longer_than_its_key(here: Served) -> None:
    made = here.at_desk(lambda desk: desk.keys.add("ada", "read", 1))
    later(here, DAY_NS - HOUR_NS)
    with browser(here) as client:
        answer = posted(client, "/login", key=made["key"])
        assert re.search(r"Max-Age=(\d+)", answer.headers["set-cookie"]).group(1) == "3600"  # type: ignore[union-attr]  # without one it fails
        later(here, HOUR_NS)
        assert client.get("/docs").status_code == 303


def test_a_key_that_is_revoked_ends_its_sessions(here: Served) -> None:
    client, number = signed_in(here)
    assert client.get("/docs").status_code == 200
    here.at_desk(lambda desk: desk.keys.revoke(number))
    later(here)
    assert client.get("/docs").status_code == 303
    client.close()


def test_whoever_signs_out_is_out_everywhere_that_this_session_was(here: Served) -> None:
    client, _ = signed_in(here)
    other, _ = signed_in(here)
    text = shown(client)
    page = client.get("/logout")
    assert (page.status_code, "ada, with a key of scope read" in page.text) == (200, True)
    assert client.get("/docs").status_code == 200, "looking at that page ends nothing"
    answer = posted(client, "/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert answer.headers["set-cookie"] == f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"
    assert patient.get(f"{here.address}/docs", headers={"Cookie": f"{COOKIE}={text}"}).status_code == 401
    assert other.get("/docs").status_code == 200
    assert [each.get("/logout").status_code for each in (client, other)] == [303, 200]
    assert patient.post(f"{here.address}/logout").status_code == 401
    client.close()
    other.close()


def test_a_session_does_what_its_keys_scope_says_and_no_more(here: Served) -> None:
    for scope, statuses in {"read": (403, 403), "write": (200, 403), "admin": (200, 200)}.items():
        client, _ = signed_in(here, scope)
        ours = {"Origin": here.address}
        listed = client.put("/api/v1/watchlists/x", json={"symbols": ["A.X"]}, headers=ours).status_code
        assert (listed, client.get("/api/v1/keys").status_code) == statuses
        if listed == 200:
            assert client.delete("/api/v1/watchlists/x", headers=ours).status_code == 204
        client.close()


CSRF: dict[tuple[str | None, str | None], bool] = {
    ("OURS", None): True,
    ("OURS", "same-origin"): True,
    (None, "same-origin"): True,
    (None, None): False,
    (None, "none"): False,
    (None, "same-site"): False,
    (None, "cross-site"): False,
    (None, "same-origin, same-origin"): False,
    ("null", "same-origin"): False,
    (ALLY, None): False,
    (ALLY, "same-origin"): False,
    ("http://evil.example", "same-origin"): False,
    ("http://127.0.0.1:1", None): False,
    ("http://localhost", None): False,
    ("", "same-origin"): False,
}
"""What a browser says of the page that asks, and whether its session is then good for a change."""


@pytest.mark.parametrize(("said", "good"), CSRF.items())
def test_a_session_changes_something_for_a_page_of_ours_alone(
    here: Served, said: tuple[str | None, str | None], good: bool
) -> None:
    client, _ = signed_in(here, "write")
    origin, site = (here.address if word == "OURS" else word for word in said)
    headers = {name: value for name, value in (("Origin", origin), ("Sec-Fetch-Site", site)) if value is not None}
    for method, path, body in (
        ("POST", "/api/v1/sql", {"query": "select 1"}),
        ("PUT", "/api/v1/watchlists/x", {"symbols": ["A.X"]}),
        ("DELETE", "/api/v1/watchlists/x", None),
        ("POST", "/api/v1/tickets", None),
        ("POST", "/logout", None),
    ):
        status = client.request(method, path, json=body, headers=headers).status_code
        assert (status < 400) == good, (method, path, status)
        assert good or status == 403
    client.close()


def test_over_tls_a_page_without_it_is_none_of_ours(here: Served) -> None:
    client, _ = signed_in(here, "write")
    seen = NAMED | {"Cookie": f"__Host-{COOKIE}={shown(client)}", "X-Forwarded-Proto": "https"}
    for origin, status in (("http://desk.example.com", 403), ("https://desk.example.com", 201)):
        answer = patient.post(f"{here.address}/api/v1/tickets", headers=seen | {"Origin": origin})
        assert answer.status_code == status
    client.close()


def test_whoever_shows_a_key_needs_no_page_and_their_cookie_is_not_looked_at(here: Served) -> None:
    client, _ = signed_in(here)
    key = here.key("ada", "write")
    later(here)
    seen = {"Cookie": f"{COOKIE}={shown(client)}", "Authorization": f"Bearer {key}"}
    put = {"json": {"symbols": ["A.X"]}, "headers": seen}
    assert patient.put(f"{here.address}/api/v1/watchlists/y", **put).status_code == 200  # type: ignore[arg-type]  # of several types
    put["headers"] = {**seen, "Authorization": "Bearer bb_x_y"}
    assert patient.put(f"{here.address}/api/v1/watchlists/y", **put).status_code == 401  # type: ignore[arg-type]  # of several types
    client.close()


@pytest.mark.parametrize("origin", ["null", "http://evil.example", ALLY, "http://127.0.0.1:1"])
def test_no_page_of_others_signs_a_browser_in_or_out(here: Served, origin: str) -> None:
    key = here.key("mallory")
    later(here)
    answer = patient.post(f"{here.address}/login", data={"key": key}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_after_a_link_elsewhere_the_browser_asks_once_more_by_itself(here: Served) -> None:
    """It keeps a strict cookie back then, so that somebody who is signed in would be asked for a key."""
    with browser(here) as client:
        page = client.get("/login?next=/docs%3Fa%3D%22%3E", headers={"Sec-Fetch-Site": "cross-site"})
        assert '<meta http-equiv="refresh" content="0;url=/docs?a=&quot;&gt;">' in page.text
        assert "<form" not in page.text
        for site in ("same-origin", "same-site", "none"):
            assert "<form" in client.get("/login", headers={"Sec-Fetch-Site": site}).text


ELSEWHERE = [
    "",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "https:",
    "https://evil.example",
    "https:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "./x",
    "?x",
    "#x",
    "@evil.example",
    "/x\r\nSet-Cookie: a=b",
    "/x\x00",
    "/é",
    "/\u2028",
    "/login",
    "/login?next=/login",
    "/logout",
    "/x\\y",
    "/" + "x" * 2_000,
    "//[",
]


@pytest.mark.parametrize("place", ELSEWHERE)
def test_nobody_is_led_elsewhere(here: Served, place: str) -> None:
    assert inward(place) == "/"
    key = here.key("ada")
    later(here)
    with browser(here) as client:
        answer = client.post("/login", params={"next": place}, data={"key": key}, headers={"Origin": here.address})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert answer.headers.get_list("set-cookie") == [answer.headers["set-cookie"]]


@pytest.mark.parametrize("place", ["/", "/live/", "/history?a=//b&c=https://x", "/a:b", "/x//y", "/%2F/evil", "/@x"])
def test_a_place_of_ours_is_where_one_comes_back_to(place: str) -> None:
    assert inward(place) == place


def test_what_is_no_key_signs_nobody_in(here: Served) -> None:
    over, revoked = here.key("ada", days=1), here.at_desk(lambda desk: desk.keys.add("ada", "read", 9))
    later(here, DAY_NS)
    good = here.key("ada")
    here.at_desk(lambda desk: desk.keys.revoke(revoked["id"]))
    later(here)
    house = here.places.house_key()
    assert house
    bodies = [
        b"",
        b"key=",
        b"key=x",
        f"key={over}".encode(),
        f"key={revoked['key']}".encode(),
        f"key={good[:-1]}".encode(),
        f"key={good}&key={good}".encode(),
        f"KEY={good}".encode(),
        f"key={house}".encode(),
        b"key=%FF%00",
        b"\xff\xfe",
        b"a=1&" * 1_000 + f"key={good}".encode(),
    ]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in bodies:
        with browser(here, **form) as client:
            page = client.post("/login", content=body)
            assert (page.status_code, "set-cookie" in page.headers) == (401, False), body
            assert '<p role="alert">this is no key that holds</p>' in page.text
        answer = patient.post(f"{here.address}/login", content=body, headers=form)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert patient.post(f"{here.address}/login?key={good}", headers=form).status_code == 401, "not in an address"
    assert patient.post(f"{here.address}/login", content=b"key=" + b"x" * 70_000, headers=form).status_code == 413


def test_guessing_is_throttled_and_said_on_the_page(tmp_path: Path) -> None:
    with served(tmp_path, ApiConfig(host="0.0.0.0", requests_per_minute=60, burst=20)) as here:
        good = here.key("ada")
        with browser(here) as client:
            tries = [posted(client, "/login", key=f"bb_{number:012x}_{number}") for number in range(30)]
            assert [each.status_code for each in tries] == [401] * 20 + [429] * 10
            assert "more than 60 requests a minute: wait 5 s" in tries[-1].text
            assert [each.headers["retry-after"] for each in tries[20:]] == ["1", "2", "3", "4", "5"] * 2
            assert posted(client, "/login", key=good).status_code == 429, "also the right one"
            assert client.get("/login").status_code == 200, "the page itself is there"
            later(here, 10**9)
            assert posted(client, "/login", key=good).status_code == 303


def test_a_page_whose_session_is_over_locks_nobody_at_its_address_out_of_signing_in(tmp_path: Path) -> None:
    with served(tmp_path, ApiConfig(host="0.0.0.0", requests_per_minute=60, burst=20)) as here:
        good = here.key("ada")
        with browser(here, Cookie=f"{COOKIE}=stale") as tab, browser(here) as client:
            asked = [tab.get("/api/v1/stocks").status_code for _ in range(30)]
            assert asked == [401] * 20 + [429] * 10
            assert [posted(client, "/login", key=good).status_code for _ in range(21)] == [303] * 20 + [429]


def test_pages_that_ask_by_themselves_are_counted_apart_and_counted(tmp_path: Path) -> None:
    with served(tmp_path, ApiConfig(host="0.0.0.0", requests_per_minute=6, burst=2)) as here:
        key = here.key("ada")
        with browser(here) as client, here.client(key) as program:
            assert posted(client, "/login", key=key).status_code == 303
            asked = [client.get("/api/v1/stocks").status_code for _ in range(30)]
            assert asked == [200] * 20 + [429] * 10
            assert [program.get("/api/v1/stocks").status_code for _ in range(4)] == [200] * 2 + [429] * 2


def test_a_key_has_so_many_sessions_and_the_oldest_ends_for_one_more(here: Served) -> None:
    made = here.at_desk(lambda desk: desk.keys.add("ada", "read", 90))
    later(here)
    clients = [browser(here) for _ in range(MOST + 2)]
    for client in clients:
        later(here, 10**9)
        assert posted(client, "/login", key=made["key"]).status_code == 303
    later(here)
    assert [client.get("/docs").status_code for client in clients] == [303] * 2 + [200] * MOST
    kept = here.at_desk(lambda desk: desk.sessions.holding())
    assert sum(one.key == made["id"] for one in kept) == MOST
    for client in clients:
        client.close()


def test_where_the_keys_cannot_be_looked_up_that_is_said_and_nothing_of_the_database(tmp_path: Path) -> None:
    with served(tmp_path) as here:
        client, _ = signed_in(here)
        key = here.key("ada")
        (tmp_path / "settings.db").unlink()
        (tmp_path / "settings.db").write_bytes(b"this is no database" * 100)
        later(here)
        for page in (posted(client, "/login", key=key), patient.post(f"{here.address}/login", data={"key": key})):
            assert (page.status_code, "set-cookie" in page.headers) == (503, False)
            assert "the keys cannot be looked up now" in page.text
            assert "settings.db" not in page.text
        assert client.get("/docs").status_code == 503
        client.close()


def test_a_session_is_kept_when_the_server_begins_anew(tmp_path: Path) -> None:
    with served(tmp_path) as here:
        client, _ = signed_in(here)
        text = shown(client)
        client.close()
        with running(create_app(here.services()), keyed=True) as address:
            assert patient.get(f"{address}/docs", headers={"Cookie": f"{COOKIE}={text}"}).status_code == 200


def test_where_nobody_needs_a_key_nobody_signs_in() -> None:
    with running(create_app(services(Market(ManualClock())))) as address:
        for method in ("GET", "POST"):
            answer = patient.request(method, f"{address}/login?next=/docs", headers=PAGE)
            assert (answer.status_code, answer.headers["location"]) == (303, "/docs")
        assert patient.get(f"{address}/docs", headers=PAGE).status_code == 200


# The WebSocket.


def opened(here: Served, client: httpx.Client, origin: str | None) -> ClientConnection:
    address = f"{here.address.replace('http', 'ws')}/ws/realtime"
    shows = {"Cookie": f"{COOKIE}={shown(client)}"}
    return connect(address, origin=Origin(origin) if origin is not None else None, additional_headers=shows)


def test_a_session_opens_a_socket_for_a_page_of_ours_alone(here: Served) -> None:
    client, _ = signed_in(here)
    with opened(here, client, here.address) as socket:
        socket.send("{}")
        assert json.loads(socket.recv())["type"] == "error"
    for origin in (None, "null", "http://evil.example", ALLY, "http://127.0.0.1:1", "http://localhost"):
        with pytest.raises(InvalidStatus) as refusal, opened(here, client, origin):
            pass
        assert refusal.value.response.status_code == 403, origin
    posted(client, "/logout")
    client.cookies.set(COOKIE, "x")
    with pytest.raises(InvalidStatus) as refusal, opened(here, client, here.address):
        pass
    assert refusal.value.response.status_code == 401
    client.close()


@pytest.mark.parametrize("how", ["key revoked", "signed out", "over"])
def test_an_open_socket_ends_with_its_session(here: Served, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(security_turnstile, "LOOK_AGAIN_S", 0.1)
    client, number = signed_in(here)
    stays, _ = signed_in(here)
    with opened(here, client, here.address) as socket, opened(here, stays, here.address) as other:
        assert other.ping().wait(60)
        if how == "key revoked":
            here.at_desk(lambda desk: desk.keys.revoke(number))
            later(here)
        elif how == "signed out":
            posted(client, "/logout")
        else:
            later(here, 12 * HOUR_NS)
        with pytest.raises(ConnectionClosed) as end:
            socket.recv(30)
        assert end.value.rcvd is not None
        assert (end.value.rcvd.code, end.value.rcvd.reason) == (1008, "the key no longer holds")
        if how != "over":
            other.send("{}")
            assert json.loads(other.recv())["type"] == "error"
    client.close()
    stays.close()


def test_a_sign_in_that_a_look_at_the_database_overtakes_is_known_at_once(here: Served) -> None:
    """Whoever reads the sessions just then has not seen the new one, and must not forget it."""
    made = here.at_desk(lambda desk: desk.keys.add("ada", "read", 90))
    found = here.services().access

    async def race() -> bool:
        reading, written, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
        assert found.sessions is not None
        desk = await found.sessions()

        class Slow:
            async def holding(self) -> list[Session]:
                before = await desk.holding()
                reading.set()
                await go_on.wait()
                return before

            async def begin(self, number: str) -> tuple[str, Session]:
                new = await desk.begin(number)
                written.set()
                return new

            async def end(self, number: str) -> None:
                await desk.end(number)

        async def slow() -> Slow:
            return Slow()

        sessions = Sessions(replace(found, sessions=slow))
        look = asyncio.create_task(sessions.find("x"))
        await reading.wait()
        begun = asyncio.create_task(sessions.begin(made["id"], {"scheme": "http", "headers": []}))
        await written.wait()
        await asyncio.sleep(0)
        go_on.set()
        await look
        text = (await begun).partition("=")[2].partition(";")[0]
        return await sessions.find(hashed(text)) is not None

    assert asyncio.run(race())
