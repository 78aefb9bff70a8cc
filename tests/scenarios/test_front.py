"""The pages at ``/`` of a real `breadboard up`: their policy, who may open their socket, what they do not take."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from scenarios.house import House, ticking


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ticking(tmp_path_factory.mktemp("front") / "data") as found:
        yield found


def test_only_a_page_of_ours_may_open_the_socket_of_the_pages(house: House) -> None:
    address = f"ws://127.0.0.1:{house.port}/_stcore/stream"
    with connect(address, origin=Origin(house.address)) as socket:
        assert socket.ping().wait(60)
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{house.port + 1}"):
        with pytest.raises(InvalidStatus) as refusal, connect(address, origin=Origin(origin)):
            pass
        assert refusal.value.response.status_code == 403


def test_pages_and_their_files_are_under_their_policy(house: House) -> None:
    for path in ("/", "/history", "/favicon.png"):
        with urllib.request.urlopen(house.address + path) as answer:
            headers = answer.headers
        assert headers.get_all("content-security-policy")[0].startswith("default-src 'none'; script-src 'self' blob:")
        assert len(headers.get_all("content-security-policy")) == 1
        assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/x", "/ws/x"])
def test_an_unknown_place_of_the_api_is_no_page(house: House, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(house.address + path)
    with answer.value as refusal:
        assert (refusal.code, refusal.headers.get_content_type()) == (404, "application/problem+json")
        assert json.loads(refusal.read())["hint"] == "GET /openapi.json names every path"
