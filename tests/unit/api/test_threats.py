"""Each threat that the API has to stand, by its number in the list of threats, with how often it was tried."""

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, Route, WebSocketRoute

import patient
from breadboard.api.app import create_app
from breadboard.api.security_scopes import FORMS, PUBLIC, PUBLIC_UNDER, wanted
from breadboard.app.access import elsewhere, keyed, refuse_open
from breadboard.app.places import Places
from breadboard.config import ApiConfig, Config
from breadboard.errors import StoreError, UsageError
from breadboard.settings.credentials import DAY_NS, Scope
from breadboard.telemetry.logs import configure
from unit.api.keyed import API, Served, served
from unit.api.market import Market, MemoryStore, services
from unit.api.origins import ALLY, foreign, opened

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/sql"): {"query": "select 1"},
    ("POST", "/api/v1/rules/test"): {"rule": {"kind": "gap"}},
    ("POST", "/api/v1/keys"): {"name": "mallory", "scope": "admin", "days": 1},
    ("PUT", "/api/v1/rules/x"): {"rule": {"kind": "gap"}},
    ("PUT", "/api/v1/watchlists/x"): {"symbols": ["A.X"]},
}
RULE = {"rule": {"kind": "rise", "threshold": 1.0, "window": "5m", "symbols": ["@x"]}}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    api = ApiConfig(**{name: getattr(API, name) for name in API.__struct_fields__} | {"origins": (ALLY,)})
    with served(tmp_path_factory.mktemp("data"), api) as server:
        yield server


def operations(app: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - a FastAPI
    """Return every method and path that the application has a route for, whoever added it."""
    found: list[tuple[str, str]] = []
    for context in iter_route_contexts(app.routes):
        route, path = context.original_route, re.sub(r"\{[^}]*\}", "x", context.path or "")
        if isinstance(route, Mount):
            found += [(method, f"{path}/x") for method in ("GET", "POST", "PUT", "DELETE")]
        elif isinstance(route, WebSocketRoute):
            found.append(("WEBSOCKET", path))
        else:
            assert isinstance(route, Route), route
            found += [(method, path) for method in sorted(route.methods or ())]
    return found


def ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    if method == "WEBSOCKET":
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        return client.get(path, headers=upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
    return client.request(method, path, json=BODIES.get((method, path)))


def is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(PUBLIC_UNDER)


# S1: exposed by default


@pytest.mark.parametrize(
    "api", [ApiConfig(host="0.0.0.0"), ApiConfig(host="::"), ApiConfig(host="192.0.2.1"), ApiConfig(hosts=("a.b",))]
)
def test_s1_nothing_is_served_elsewhere_before_somebody_has_a_key_that_holds(tmp_path: Path, api: ApiConfig) -> None:
    here = Served(tmp_path, api)
    assert keyed(api)

    def refused() -> UsageError:
        with pytest.raises(UsageError, match=r"from elsewhere, and there is no API key that holds") as no:
            refuse_open(here.config, here.places)
        return no.value

    assert refused().hint == f"breadboard keys add NAME --scope read --days 90 --data-dir {tmp_path}"
    here.clock.wall_ns = 0
    here.key("ada", days=1)  # over since 1970
    refused()
    here.clock.wall_ns = 4_000_000_000 * 10**9
    made = here.at_desk(lambda desk: desk.keys.add("ada", "read", 1))
    refuse_open(here.config, here.places)
    here.at_desk(lambda desk: desk.keys.revoke(made["id"]))
    refused()


@pytest.mark.parametrize(
    ("api", "address"),
    [
        (ApiConfig(), None),
        (ApiConfig(hosts=("a.b",)), "https://a.b"),
        (ApiConfig(hosts=("a.b",), tls_cert="c", tls_key="k"), "https://a.b:8080"),
        (ApiConfig(host="0.0.0.0", hosts=("a.b",), port=81), "http://a.b:81"),
        (ApiConfig(host="::"), None),
        (ApiConfig(host="::", hosts=("2001:db8::1",)), "http://[2001:db8::1]:8080"),
        (ApiConfig(host="2001:db8::1"), "http://[2001:db8::1]:8080"),
    ],
)
def test_s1_whoever_gets_a_key_is_told_where_it_is_good_as_far_as_that_is_known(
    tmp_path: Path, api: ApiConfig, address: str | None
) -> None:
    assert elsewhere(api) == address
    if address is not None:
        here = Served(tmp_path, msgspec.structs.replace(api, tls_cert="", tls_key=""))
        assert here.services().access.is_ours(urlsplit(address).netloc)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_s1_loopback_needs_no_key_and_no_database(tmp_path: Path, host: str) -> None:
    config = Config(data_dir=str(tmp_path), api=ApiConfig(host=host))
    refuse_open(config, Places(config.root))
    assert not keyed(config.api)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("api", "asked"),
    [
        (ApiConfig(host="Desk.local"), "desk.local:8080"),
        (ApiConfig(host="2001:DB8::5"), "[2001:db8::5]:8080"),
        (ApiConfig(host="fd00:0::1"), "[fd00::1]:8080"),
        (ApiConfig(host="0.0.0.0", hosts=("[fd00::1]",)), "[FD00:0::1]:8080"),
        (ApiConfig(host="0.0.0.0", hosts=("Desk.example.com.",)), "desk.example.com"),
        (ApiConfig(host="0.0.0.0", hosts=("desk.example.com",)), "DESK.example.com.:8080"),
        (ApiConfig(host="0.0.0.0", hosts=("börse.example",)), "xn--brse-5qa.example:8080"),
    ],
)
def test_s1_a_name_of_ours_is_one_however_it_is_written(tmp_path: Path, api: ApiConfig, asked: str) -> None:
    here = Served(tmp_path, api)
    with pytest.raises(UsageError, match="there is no API key that holds"):  # and nothing else is wrong
        refuse_open(here.config, here.places)
    assert here.services().access.is_ours(asked)
    if api.hosts or ":" in api.host:
        assert here.services().access.is_ours(urlsplit(elsewhere(api) or "").netloc)


@pytest.mark.parametrize(
    ("api", "hint"),
    [
        (ApiConfig(hosts=("desk.example.com:8443",)), 'hosts = ["desk.example.com"]'),
        (ApiConfig(hosts=("https://desk.example.com",)), 'hosts = ["desk.example.com"]'),
        (ApiConfig(hosts=("*.example.com",)), 'hosts = ["desk.example.com"]'),
        (ApiConfig(hosts=("a.b", "")), 'hosts = ["desk.example.com"]'),
        (ApiConfig(hosts=("a b",)), 'hosts = ["desk.example.com"]'),
        (ApiConfig(host="0.0.0.0:8080"), 'host = "0.0.0.0"'),
        (ApiConfig(host="[::1]"), 'host = "0.0.0.0"'),
        (ApiConfig(host=""), 'host = "0.0.0.0"'),
    ],
)
def test_s1_what_no_browser_asks_for_is_no_name(tmp_path: Path, api: ApiConfig, hint: str) -> None:
    config = Config(data_dir=str(tmp_path), api=api)
    with pytest.raises(UsageError, match="is no name and no address") as refused:
        refuse_open(config, Places(config.root))
    assert hint in refused.value.hint


def test_s1_the_hint_names_an_address_as_a_whole(here: Served) -> None:
    refused = patient.get(f"{here.address}/health", headers={"Host": "[fd00:0::7]:8080"})
    assert refused.status_code == 403
    assert refused.json()["hint"].startswith('[api] hosts = ["fd00::7"]')


@pytest.mark.parametrize("origin", ["*", "https://*.example.com", "https://a.example/", "a.example", "null", ""])
def test_s1_what_no_page_has_as_its_origin_is_no_configuration(tmp_path: Path, origin: str) -> None:
    config = Config(data_dir=str(tmp_path), api=ApiConfig(origins=(origin,)))
    with pytest.raises(UsageError, match="origins"):
        refuse_open(config, Places(config.root))


# S2: authentication, and whose things are whose


def test_s2_every_route_of_the_application_wants_a_key(here: Served) -> None:
    over = here.key("ada", "admin", days=1)
    here.clock.wall_ns += DAY_NS
    revoked = here.at_desk(lambda desk: desk.keys.add("ada", "admin", 9))
    good = here.key("ada", "admin", days=9)
    here.at_desk(lambda desk: desk.keys.revoke(revoked["id"]))
    here.clock.mono_ns += 2 * 10**9
    shown = ["", over, revoked["key"], good[:-1], good + "x", good.replace("bb_", "bb-"), good.swapcase(), "Bearer"]
    found = operations(create_app(here.services()))
    assert len(found) > 25
    assert ("WEBSOCKET", "/ws/realtime") in found
    for key in shown:
        with here.client(key) as client:
            for method, path in found:
                open_ = is_public(path) and method in ("GET", "HEAD")
                answer = ask(client, method, path)
                assert (answer.status_code == 401) != open_, (method, path, answer.status_code)
                if not open_ and method != "HEAD":
                    assert answer.headers["content-type"] == "application/problem+json"
    with here.client(good) as client:
        assert [ask(client, "GET", path).status_code for path in ("/api/v1/stocks", "/docs", "/metrics")] == [200] * 3


def test_s2_two_answers_to_who_it_is_are_none(here: Served) -> None:
    good = here.key("ada")
    here.clock.mono_ns += 2 * 10**9
    for header in (f"Basic {good}", good, f"Bearer  {good}", f"Bearer {good} {good}", "Bearer bb__", "Bearer bb_é_é"):
        with here.client() as client:
            answer = client.get("/api/v1/stocks", headers=[(b"authorization", header.encode())])
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    twice = [("Authorization", f"Bearer {good}"), ("Authorization", "Bearer x")]
    assert patient.get(f"{here.address}/api/v1/stocks", headers=twice).status_code == 401
    assert patient.get(f"{here.address}/api/v1/stocks?key={good}&ticket={good}").status_code == 401


def test_s2_a_key_does_what_its_scope_says_and_no_more(here: Served) -> None:
    clients = {scope: here.client(here.key(scope.value, scope)) for scope in Scope}
    here.clock.mono_ns += 2 * 10**9
    for method, path in operations(create_app(here.services())):
        if method in ("HEAD", "WEBSOCKET") or is_public(path):
            continue
        needs = wanted(method, path)
        assert needs is not None
        for scope, client in clients.items():
            if path == "/api/v1/rules/test" and scope is not Scope.READ:
                continue  # it takes a process of its own
            if path == "/api/v1/rules/test" or (path == "/api/v1/keys" and method == "POST" and scope is Scope.ADMIN):
                assert scope.allows(needs)
                continue
            refused = ask(client, method, path).status_code == 403
            assert refused == (not scope.allows(needs)), (method, path, scope)
    for client in clients.values():
        client.close()


def test_s2_of_two_users_neither_sees_or_changes_what_is_the_others(here: Served) -> None:
    keys = {name: here.key(name, "write") for name in ("alice", "bob", "eve")}
    ada = here.client(here.key("root", "admin"))
    here.clock.mono_ns += 2 * 10**9
    alice, bob, eve = (here.client(key) for key in keys.values())
    assert alice.put("/api/v1/watchlists/hers", json={"symbols": ["A.X"]}).status_code == 200
    rule = {"rule": {**RULE["rule"], "symbols": ["@hers"]}}
    assert alice.put("/api/v1/rules/her rule", json=rule).status_code == 200
    objects = [
        ("GET", "/api/v1/watchlists/hers", None, 404),
        ("PUT", "/api/v1/watchlists/hers", {"symbols": ["B.X"]}, 403),
        ("DELETE", "/api/v1/watchlists/hers", None, 404),
        ("GET", "/api/v1/rules/her rule", None, 404),
        ("PUT", "/api/v1/rules/her rule", {"rule": {"kind": "gap"}}, 403),
        ("DELETE", "/api/v1/rules/her rule", None, 404),
        ("GET", "/api/v1/keys", None, 403),
        ("DELETE", "/api/v1/keys/x", None, 403),
        ("PUT", "/api/v1/rules/his", rule, 422),
        ("POST", "/api/v1/rules/test", rule, 422),
    ]
    for other in (bob, eve):
        for method, path, body, status in objects:
            assert other.request(method, path, json=body).status_code == status, (method, path)
        for kind in ("rules", "watchlists"):
            assert "her" not in other.get(f"/api/v1/{kind}").text
    assert alice.get("/api/v1/watchlists/hers").json()["symbols"] == ["A.X"]
    assert alice.get("/api/v1/rules/her rule").json()["number"] == 1
    assert ada.get("/api/v1/rules/her rule").json()["rule"]["symbols"] == ["@hers"]
    assert ada.put("/api/v1/watchlists/hers", json={"symbols": ["C.X"]}).status_code == 200
    assert alice.get("/api/v1/watchlists/hers").json()["symbols"] == ["C.X"], "changed for her, and still hers"
    # The house's is there for everybody to read, and not to change.
    here.at_desk(lambda desk: desk.watchlists.put(_operator(), "everybody's", ["D.X"]))
    for each in (alice, bob):
        assert each.get("/api/v1/watchlists/everybody's").json()["symbols"] == ["D.X"]
        for method, body in (("PUT", {"symbols": ["E.X"]}), ("DELETE", None)):
            assert each.request(method, "/api/v1/watchlists/everybody's", json=body).status_code == 403
    for client in (alice, bob, eve, ada):
        client.close()


def _operator() -> Any:  # noqa: ANN401 - a Person
    from breadboard.settings.people import OPERATOR

    return OPERATOR


# S3: a foreign page at the WebSocket


def test_s3_a_ticket_opens_one_socket_once_within_half_a_minute(here: Served) -> None:
    with here.client(here.key("ada")) as client:
        here.clock.mono_ns += 2 * 10**9
        given = client.post("/api/v1/tickets")
        assert given.status_code == 201
        ticket = given.json()["ticket"]
        assert opened(here.address, ticket=ticket) == 101
        assert {opened(here.address, ticket=ticket) for _ in range(100)} == {401}, "replayed a hundred times"
        for seconds, status in ((29, 101), (30, 401)):
            ticket = client.post("/api/v1/tickets").json()["ticket"]
            here.clock.mono_ns += seconds * 10**9
            assert opened(here.address, ticket=ticket) == status
        assert len({client.post("/api/v1/tickets").json()["ticket"] for _ in range(50)}) == 50
    assert [opened(here.address, ticket=odd) for odd in ("", "x", "x&ticket=y", "%00")] == [401] * 4


def test_s3_a_ticket_is_good_for_nothing_but_a_socket_and_ends_with_its_key(here: Served) -> None:
    made = here.at_desk(lambda desk: desk.keys.add("ada", "read", 9))
    here.clock.mono_ns += 2 * 10**9
    with here.client(made["key"]) as client:
        ticket = client.post("/api/v1/tickets").json()["ticket"]
    assert patient.get(f"{here.address}/api/v1/stocks?ticket={ticket}").status_code == 401
    here.at_desk(lambda desk: desk.keys.revoke(made["id"]))
    here.clock.mono_ns += 2 * 10**9
    assert opened(here.address, ticket=ticket) == 401


def test_s3_no_page_of_another_origin_opens_a_socket_even_with_a_ticket(here: Served) -> None:
    others = foreign(here.address)
    assert len(others) > 40
    with here.client(here.key("ada")) as client:
        here.clock.mono_ns += 2 * 10**9
        for trick, origin in others.items():
            ticket = client.post("/api/v1/tickets").json()["ticket"]
            assert opened(here.address, origin, ticket=ticket) == 403, trick
            assert opened(here.address, ticket=ticket) == 101, "a page that is refused uses up nobody's ticket"
        for origin in (here.address, ALLY):
            assert opened(here.address, origin, ticket=client.post("/api/v1/tickets").json()["ticket"]) == 101


# S4: other pages at REST


def test_s4_no_answer_allows_any_other_origin(here: Served) -> None:
    with here.client(here.key("ada")) as client:
        here.clock.mono_ns += 2 * 10**9
        for origin in foreign(here.address).values():
            asks = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            before = client.options("/api/v1/stocks", headers=asks)
            got = client.get("/api/v1/stocks", headers={"Origin": origin})
            posted = client.post("/api/v1/sql", json={"query": "select 1"}, headers={"Origin": origin})
            assert (before.status_code, got.status_code, posted.status_code) == (403, 200, 403), origin
            for answer in (before, got, posted):
                assert not [name for name in answer.headers if name.startswith("access-control")]
                assert "Origin" in answer.headers["vary"]


def test_s4_the_configured_origin_is_allowed_by_name_and_never_with_credentials(here: Served) -> None:
    asks = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    with here.client(Origin=ALLY) as client:  # a browser asks without a key
        before = client.options("/api/v1/rules/x", headers=asks)
        assert (before.status_code, before.content) == (204, b"")
        assert before.headers["access-control-allow-origin"] == ALLY
        assert "authorization" in before.headers["access-control-allow-headers"]
        refused = client.get("/api/v1/stocks")
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, ALLY)
        assert "access-control-allow-credentials" not in {*before.headers, *refused.headers}
    with here.client(here.key("ada"), Origin=ALLY) as client:
        here.clock.mono_ns += 2 * 10**9
        told = client.get("/api/v1/stocks").headers
        assert told["access-control-allow-origin"] == ALLY
        exposed = told["access-control-expose-headers"].split(", ")
        assert {"etag", "retry-after", "x-complete-through", "x-gaps", "x-next-cursor"} == set(exposed)


# S5: a form


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "", None])
def test_s5_what_a_form_can_send_is_refused_everywhere(here: Served, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    with here.client(here.key("ada", "admin")) as client:
        here.clock.mono_ns += 2 * 10**9
        for method, path in operations(create_app(here.services())):
            if method in ("POST", "PUT") and not (path in FORMS and kind == "application/x-www-form-urlencoded"):
                assert client.request(method, path, content=b'{"a":1}', headers=headers).status_code == 415


# S6: SQL in a name


def test_s6_names_are_values_and_never_sql(here: Served) -> None:
    with here.client(here.key("ada", "admin")) as client:
        here.clock.mono_ns += 2 * 10**9
        before = client.get("/api/v1/rules").json(), client.get("/api/v1/watchlists").json()
        words = ["'", '"', "' OR '1'='1", "'; DROP TABLE rules; --", "\\", "%", "$$", "{x}", ":x", "?", "\x00", "\x1b"]
        payloads = [f"{a}{b}" for a in words for b in words] + ["é" * 64, "a" * 65, "a/b", "a" * 2_000]
        for payload in payloads:
            name = quote(payload, safe="")
            for kind in ("rules", "watchlists", "keys"):
                answer = client.request("DELETE" if kind == "keys" else "GET", f"/api/v1/{kind}/{name}")
                assert answer.status_code == 404, payload
                assert not re.search(r"(?i)syntax|select|sqlite|asyncpg", answer.text)
        assert (client.get("/api/v1/rules").json(), client.get("/api/v1/watchlists").json()) == before


# S10: a second line in the log


class Broken(MemoryStore):
    """A store whose every answer is a defect, told with what nobody outside may see."""

    def written(self) -> int:
        raise RuntimeError("/var/lib/secret/path SELECT secret FROM trades")

    def query(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - never returns
        return self.written()

    def ask(self, sql: str) -> Iterator[Any]:
        return iter([self.query(sql)])


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def broken(tmp_path: Path, log: io.StringIO) -> Iterator[Served]:
    del log
    base = services(Market(), Broken())
    base = replace(base, book=lambda *_, **__: Broken().written(), audit=lambda _: Broken().written())  # type: ignore[arg-type,return-value]  # never return
    with served(tmp_path, base=base) as server:
        yield server


@pytest.mark.parametrize("symbol", ["a\r\nb", "a\nlevel=error", "a\x1b[2Jb", "a\u2028b", "a\x00b", "a\x85b"])
def test_s10_a_symbol_with_line_ends_is_one_line_of_the_log(broken: Served, log: io.StringIO, symbol: str) -> None:
    with broken.client(broken.key("ada")) as client:
        refused = client.get("/api/v1/history", params={"symbol": symbol}).status_code
        answer = client.post("/api/v1/sql", json={"query": f'SELECT 1 AS "{symbol}"'})
        assert answer.status_code == 500
        assert client.get(f"/api/v1/stocks/{quote(symbol)}").status_code in (404, 422)
    lines = log.getvalue().splitlines()
    assert len(lines) == 1 + (refused == 500), lines
    assert answer.json()["id"] in lines[-1]
    assert all(line.isprintable() for line in lines)


# S21: what an error tells


def test_s21_five_hundred_defects_tell_neither_path_nor_sql(broken: Served, log: io.StringIO) -> None:
    questions = [("GET", "/api/v1/history?symbol=x"), ("GET", "/api/v1/gaps"), ("POST", "/api/v1/sql")]
    with broken.client(broken.key("ada")) as client:
        answers = [ask(client, *questions[number % 3]) for number in range(500)]
    assert {answer.status_code for answer in answers} == {500}
    for answer in answers:
        assert not re.search(r"(?i)/var|select|secret|trades|traceback|\.py", answer.text)
    numbers = {answer.json()["id"] for answer in answers}
    assert len(numbers) == 500
    assert all(number in log.getvalue() for number in numbers), "who may read the log finds each of them"


def test_s21_an_error_of_the_store_that_is_not_the_clients_is_told_by_its_number(tmp_path: Path) -> None:
    store = MemoryStore()
    store.failing = StoreError("code 62: syntax error at SELECT x FROM /var/lib/store")
    with served(tmp_path, base=services(Market(), store)) as here, here.client(here.key("ada")) as client:
        answer = client.get("/api/v1/gaps")
    assert answer.status_code == 500
    assert not re.search(r"SELECT|/var|code 62", answer.text)


# Keys: nowhere but where they are shown


def test_a_key_is_in_no_log_and_in_no_answer_but_the_one_that_makes_it(broken: Served, log: io.StringIO) -> None:
    configure(level="debug", stream=log)
    key = broken.key("ada", "admin")
    bodies = []
    with broken.client(key) as client:
        for method, path in operations(create_app(broken.services())):
            if path != "/api/v1/rules/test":
                bodies.append(ask(client, method, path).text)
        made = client.post("/api/v1/keys", json={"name": "bob"}).json()["key"]
        bodies.append(client.get("/api/v1/keys").text)
        ticket = client.post("/api/v1/tickets").json()["ticket"]
    logging.getLogger("breadboard").error("GET /?ticket=%s of %s, Bearer %s", ticket, made, key)
    told = log.getvalue() + "".join(bodies)
    assert "request failed" in told
    for secret in (key, key.split("_", 2)[2], made.split("_", 2)[2], ticket):
        assert secret not in told
