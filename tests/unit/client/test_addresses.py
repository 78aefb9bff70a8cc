"""Addresses of servers: as they are written, and what is none."""

import pytest

from breadboard.client import AsyncClient, Client
from breadboard.client.door import Door
from breadboard.errors import UsageError


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:abc",
        "http://127.0.0.1:80970",
        "http://127.0.0.1:-1",
        "http://127.0.0.1:٩",
        "http://[::1",
        "http://[x]",
        "http://a..b",
        f"http://{'a' * 64}.example.com",
        "http://\x7f",
        "http://desk/\x01",
    ],
)
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_port_or_a_name_that_is_none_is_refused_at_once(address: str, client: type[Client | AsyncClient]) -> None:
    with pytest.raises(UsageError) as refusal:
        client(address)
    assert refusal.value.sentence == f"{address!r} is not the address of a server"
    assert refusal.value.hint == "Client('http://127.0.0.1:8080')"


@pytest.mark.parametrize(
    "address", ["http://me:se@cret@[::1", "http://me:secret@host:abc", "http://me:se/cret@host", "me:secret@host"]
)
def test_nor_is_its_password_shown_where_it_cannot_be_read(address: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Door.of(address, "")
    shown = address.rpartition("@")[2]
    assert refusal.value.sentence == f"…@{shown} is not the address of a server"


@pytest.mark.parametrize(
    ("address", "base", "socket"),
    [
        ("HTTP://127.0.0.1:8080/", "http://127.0.0.1:8080/api/v1", "ws://127.0.0.1:8080/ws/realtime"),
        ("Https://Desk.example.com", "https://Desk.example.com/api/v1", "wss://Desk.example.com/ws/realtime"),
        (" http://[::1]:8080 \n", "http://[::1]:8080/api/v1", "ws://[::1]:8080/ws/realtime"),
        ("http://desk:65535/a", "http://desk:65535/a/api/v1", "ws://desk:65535/a/ws/realtime"),
    ],
)
def test_an_address_is_asked_as_it_was_meant(address: str, base: str, socket: str) -> None:
    door = Door.of(address, "")
    assert (door.base, door.socket) == (base, socket)
