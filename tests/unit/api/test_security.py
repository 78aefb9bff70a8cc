"""Who may talk to the server."""

from collections.abc import Iterator

import httpx
import pytest

import patient
from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.clock import ManualClock
from unit.api.market import Market, services
from unit.api.origins import foreign, opened


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(create_app(services(Market(ManualClock())))) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with patient.Client(base_url=address) as client:
        yield client


def test_a_page_of_another_origin_opens_no_websocket_and_posts_nothing(client: httpx.Client, address: str) -> None:
    others = foreign(address)
    assert len(others) > 40
    for trick, origin in others.items():
        assert opened(address, origin) == 403, trick
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for answer in (
            client.post("/api/v1/sql", json={"query": "select 1"}, headers={"Origin": origin}),
            client.put("/api/v1/watchlists/x", json={"symbols": ["A.X"]}, headers={"Origin": origin}),
            client.options("/api/v1/sql", headers=asks),
        ):
            assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json"), trick
        read = client.get("/api/v1/stocks", headers={"Origin": origin})
        assert not [name for name in read.headers if name.startswith("access-control")], trick


def test_two_origins_are_refused_where_one_of_them_is_not_ours(client: httpx.Client, address: str) -> None:
    for pair in ((address, "http://evil.example"), ("http://evil.example", address)):
        headers = [("Origin", origin) for origin in pair]
        assert client.post("/api/v1/sql", json={"query": "drop"}, headers=headers).status_code == 403
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
        key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        refused = client.get("/ws/realtime", headers=[*headers, *upgrade, key])
        assert refused.status_code == 400, "the server's WebSocket library takes one or none"


def test_our_own_page_and_programs_without_an_origin_are_served(client: httpx.Client, address: str) -> None:
    for origin in (address, None):
        assert opened(address, origin) == 101
    assert client.post("/api/v1/sql", json={"query": "drop"}, headers={"Origin": address}).status_code == 400


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "0.0.0.0:8080", "[", ""]
)
def test_a_name_that_is_not_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/api/v1/stocks", headers={"Host": host})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_every_name_of_this_machine_is_served(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_a_form_a_long_body_and_a_long_address_are_refused(client: httpx.Client) -> None:
    assert client.post("/api/v1/sql", data={"query": "select 1"}).status_code == 415
    assert client.post("/api/v1/sql", json={"query": "x" * 70_000}).status_code == 413
    assert client.get("/api/v1/stocks?symbols=" + "A," * 3000).status_code == 414


def test_a_long_body_that_hides_its_length_is_refused(client: httpx.Client) -> None:
    pieces = (b" " * 10_000 for _ in range(10))
    answer = client.post("/api/v1/sql", content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_every_answer_carries_the_security_headers(client: httpx.Client) -> None:
    for path in ("/", "/health", "/nowhere", "/api/v1/stocks"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
