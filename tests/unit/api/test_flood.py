"""What one client's flood does to another (S15): nothing that the other could see in what it gets."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from breadboard.config import ApiConfig
from unit.api.keyed import Served, served
from unit.api.market import Market, MemoryStore, services

API = ApiConfig(hosts=("desk.example.com",), connections_per_key=5)
"""Sixty requests a minute, twenty of them at once, on a clock that stands still."""
TRADES = 600
FLOOD = 120


class House:
    """A market with a server that wants keys."""

    def __init__(self, here: Served, market: Market) -> None:
        self.here = here
        self.market = market

    def socket(
        self, key: str, protocols: Sequence[Subprotocol] | None = None
    ) -> AbstractContextManager[ClientConnection]:
        """Return the WebSocket with a key, to be opened."""
        address = f"{self.here.address.replace('http', 'ws')}/ws/realtime"
        return connect(address, additional_headers={"Authorization": f"Bearer {key}"}, subprotocols=protocols)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    market = Market()
    market.apply(market.trade("1"))
    with served(tmp_path, API, base=services(market)) as here:
        yield House(here, market)


def asked(client: httpx.Client) -> Counter[int]:
    with client:
        return Counter(client.get("/api/v1/stocks").status_code for _ in range(FLOOD))


def spoken(house: House, key: str) -> Counter[int]:
    """Send message after message on one socket after the other, and count the codes with which they end."""
    codes: Counter[int] = Counter()
    for _ in range(5):
        with house.socket(key) as socket, suppress(ConnectionClosed):
            for _ in range(FLOOD):
                socket.send('{"op":"sub","symbols":["*"],"hz":30,"channels":["quote","trade"]}')
            while True:
                socket.recv(timeout=60)
        codes[socket.close_code or 0] += 1
    return codes


def joined(house: House, key: str) -> Counter[int]:
    """Open sockets and keep them, and count how each begins or ends: 101, a status, or a close code."""
    codes: Counter[int] = Counter()
    with ExitStack() as kept:
        for _ in range(FLOOD):
            try:
                answered(kept.enter_context(house.socket(key)))
                codes[101] += 1
            except InvalidStatus as refused:
                codes[refused.response.status_code] += 1
            except ConnectionClosed as closed:
                codes[closed.rcvd.code if closed.rcvd else 0] += 1
    return codes


def answered(socket: ClientConnection) -> None:
    """Say something, and hear that it makes no sense."""
    socket.send("{}")
    assert json.loads(socket.recv(timeout=60))["type"] == "error"


def answered_at_last(opened: Callable[[], ClientConnection]) -> None:
    """Open and be answered: who has just closed may count for a moment still. Few tries: they count, too."""
    for wait_s in (0.0, 0.2, 1.0, 5.0, 25.0):
        time.sleep(wait_s)
        with suppress(ConnectionClosed):
            return answered(opened())
    raise AssertionError("the place of who has closed is taken still")


def heard(socket: ClientConnection, last: str) -> Iterator[dict[str, Any]]:
    """Yield the messages of trades until the one that ends with this price."""
    while True:
        message = json.loads(socket.recv(timeout=60))
        if message["type"] == "trade":
            yield message
            if message["data"][-1]["price"] == last:
                return


def test_a_flood_of_requests_messages_and_connections_takes_nothing_from_somebody_else(house: House) -> None:
    keys = {name: house.here.key(name) for name in ("ada", "asks", "speaks", "joins")}
    floods: list[Callable[[], Counter[int]]] = [
        lambda: asked(house.here.client(keys["asks"])),
        lambda: asked(house.here.client()),
        lambda: spoken(house, keys["speaks"]),
        lambda: joined(house, keys["joins"]),
    ]
    with house.socket(keys["ada"]) as socket, house.here.client(keys["ada"]) as ada, ThreadPoolExecutor(24) as threads:
        socket.send('{"op":"sub","symbols":["*"],"hz":0,"channels":["trade"]}')
        assert json.loads(socket.recv())["type"] == "subscribed"
        got = threads.submit(lambda: list(heard(socket, str(TRADES))))
        outcomes = [threads.submit(flood) for flood in floods]
        statuses = []
        for price in range(1, TRADES + 1):
            house.market.apply(house.market.trade(str(price)))
            if price % 40 == 0:
                statuses.append(ada.get("/api/v1/stocks").status_code)
            if price % 200 == 0:
                with house.socket(keys["ada"]) as another:
                    answered(another)
        messages = got.result()
    assert statuses == [200] * 15
    assert [trade["price"] for message in messages for trade in message["data"]] == [str(n + 1) for n in range(TRADES)]
    assert {(message["skipped"], message["lost"]) for message in messages} == {(0, 0)}
    asks, nobody, speaks, joins = (outcome.result() for outcome in outcomes)
    assert asks == {200: 20, 429: FLOOD - 20}
    assert nobody == {401: 20, 429: FLOOD - 20}
    assert speaks == {1008: 5}
    assert joins == {101: 5, 4429: 15, 429: FLOOD - 20}


def test_a_key_has_so_many_connections_and_is_told_so_at_the_next(house: House) -> None:
    ada, bob = house.here.key("ada"), house.here.key("bob")
    offered: list[list[Subprotocol] | None] = [None, [Subprotocol("msgpack"), Subprotocol("x")]]
    with ExitStack() as kept:
        open_ = [kept.enter_context(house.socket(ada)) for _ in range(5)]
        for protocols in offered:
            with house.socket(ada, protocols) as socket:
                assert socket.subprotocol == (protocols[0] if protocols else None), "or no browser would take its word"
                with pytest.raises(ConnectionClosed) as closed:
                    socket.recv(timeout=60)
            assert closed.value.rcvd is not None
            said = closed.value.rcvd.code, closed.value.rcvd.reason
            reason = "5 connections of this key are open; close one, or raise [api] connections_per_key"
            assert said == (4429, reason)
        answered(kept.enter_context(house.socket(bob)))
        open_.pop().close()
        answered_at_last(lambda: kept.enter_context(house.socket(ada)))


def test_commands_on_this_machine_are_not_counted(house: House) -> None:
    with ExitStack() as kept:
        for _ in range(12):
            answered(kept.enter_context(house.socket(house.here.places.house_key())))


class Slow(MemoryStore):
    """A store that answers nobody's question about one symbol before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.release = Event()
        self.under_way = 0

    def query(self, sql: str, params: Any = None, *, within_s: float | None = None) -> Any:  # noqa: ANN401 - as the port
        """Wait, or not."""
        if (params or {}).get("symbol", "").startswith("SLOW"):
            self.under_way += 1
            self.release.wait(60)
        return super().query(sql, params, within_s=within_s)


def test_slow_questions_of_one_key_leave_a_thread_of_the_store_to_the_others(tmp_path: Path) -> None:
    store = Slow()
    with served(tmp_path, API, base=services(Market(), store)) as here, ThreadPoolExecutor(24) as threads:
        flood, ada = here.client(here.key("flood")), here.client(here.key("ada"))
        try:
            slow = [threads.submit(flood.get, f"/api/v1/gaps?symbol=SLOW{n}", timeout=60) for n in range(20)]
            refused = [future.result() for future in islice(as_completed(slow, timeout=60), 12)]
            assert {(answer.status_code, answer.headers["retry-after"]) for answer in refused} == {(429, "1")}
            assert [ada.get(f"/api/v1/gaps?symbol=A{n}").status_code for n in range(15)] == [200] * 15
            assert store.under_way == 3, "of four threads"
        finally:
            store.release.set()
        assert Counter(future.result().status_code for future in slow) == {200: 8, 429: 12}
        flood.close()
        ada.close()


def test_audits_that_are_asked_for_together_are_one(tmp_path: Path) -> None:
    release, made = Event(), list[bool]()

    def audit(deep: bool) -> dict[str, Any]:
        made.append(deep)
        release.wait(60)
        return {"ok": True, "findings": [], "deep": deep}

    base = replace(services(Market()), audit=audit)
    with served(tmp_path, API, base=base) as here, ThreadPoolExecutor(24) as threads:
        flood, ada = here.client(here.key("flood")), here.client(here.key("ada"))
        with flood, ada:
            try:
                deep = [threads.submit(flood.get, "/api/v1/audit?deep=true", timeout=60) for _ in range(15)]
                assert [ada.get(f"/api/v1/gaps?symbol=A{n}").status_code for n in range(15)] == [200] * 15
            finally:
                release.set()
            assert [future.result().json()["deep"] for future in deep] == [True] * 15
            assert made[0] is True
            assert len(made) <= 2, "one who comes when it is over has another"
            assert ada.get("/api/v1/audit").json() == {"ok": True, "findings": [], "deep": False}


def test_a_deep_audit_and_a_plain_one_take_one_thread_of_the_store(tmp_path: Path) -> None:
    began = {True: Event(), False: Event()}
    release, after = Event(), list[bool]()

    def audit(deep: bool) -> dict[str, Any]:
        began[deep].set()
        if deep:
            release.wait(60)
        else:
            after.append(release.is_set())
        return {"deep": deep}

    base = replace(services(Market()), audit=audit)
    with (
        served(tmp_path, API, base=base) as here,
        ThreadPoolExecutor(2) as threads,
        here.client(here.key("ada")) as ada,
        here.client(here.key("ben")) as ben,
    ):
        try:
            deep = threads.submit(ada.get, "/api/v1/audit?deep=true", timeout=60)
            assert began[True].wait(60)
            plain = threads.submit(ben.get, "/api/v1/audit", timeout=60)
            began[False].wait(0.5)
        finally:
            release.set()
        assert [deep.result().json(), plain.result().json()] == [{"deep": True}, {"deep": False}]
    assert after == [True]
