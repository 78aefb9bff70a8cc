"""Many clients at once are told, byte for byte, what each would be told alone."""

import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.api import crowd as crowd_module
from breadboard.api import fanout as fanout_module
from breadboard.api.crowd import TOGETHER
from breadboard.api.fanout import Fanout
from breadboard.api.requests import Hello, Subscribe, Unsubscribe
from breadboard.api.subscriber import Subscriber
from breadboard.clock import ManualClock
from breadboard.model.kinds import Flag
from unit.api.market import Market, services

NAMES = [f"A{number:02d}" for number in range(12)]
SOME = ("price", "bid", "ask", "time")


@pytest.fixture(autouse=True, scope="module")
def _patient() -> Iterator[None]:
    """However slow the machine is, everybody has a turn in each step."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fanout_module, "TURNS_S", math.inf)
        yield


class Lonely(Subscriber):
    """A client that is never told with others."""

    @property
    def only_rows(self) -> None:
        return None


class House:
    """A market, and two fan-outs of it: one may tell clients together, one may not."""

    def __init__(self, names: list[str] = NAMES) -> None:
        self.market = Market(ManualClock())  # which stands: two messages of one state are the same bytes
        self.now = 3.0
        self.fanouts = [Fanout(services(self.market)) for _ in range(2)]
        for each in self.fanouts:
            each.clock = lambda: self.now
        self.heard: list[list[list[bytes]]] = [[], []]
        self.clients: list[list[Subscriber]] = [[], []]
        self.full: set[int] = set()
        self.market.apply(*(self.market.quote("1", "2", symbol=name) for name in names))

    def join(self, symbols: list[str], form: str = "json", **wanted: Any) -> None:  # noqa: ANN401 - whatever a Subscribe has
        """Have the same client join both."""
        for side, (fanout, of) in enumerate(zip(self.fanouts, (Subscriber, Lonely), strict=True)):
            told: list[bytes] = []
            number = len(self.clients[side])

            def push(message: bytes, told: list[bytes] = told, number: int = number) -> bool:
                if number not in self.full:
                    told.append(message)
                return number not in self.full

            client = of(fanout, form, push)
            fanout.add(client)
            client.ask(Subscribe(tuple(symbols), **{"channels": ("quote",), "hz": 10, **wanted}))
            self.clients[side].append(client)
            self.heard[side].append(told)

    def step(self, *rows: dict[str, int]) -> None:
        """Have something happen, and a tenth of a second pass."""
        if rows:
            self.market.apply(*rows)
        self.now += 0.1
        for fanout in self.fanouts:
            fanout.tick(self.now)

    def ask(self, request: Hello | Subscribe | Unsubscribe, number: int) -> None:
        """Have the same client ask both."""
        for side in self.clients:
            side[number].ask(request)

    def agree(self) -> list[list[bytes]]:
        """Return what was told to each, which is the same on both sides."""
        assert self.heard[0] == self.heard[1]
        together, alone = (
            [each.channels["quote"] for each in side if "quote" in each.channels] for side in self.clients
        )
        assert [one.conflated for one in together] == [one.conflated for one in alone]  # type: ignore[attr-defined] # of quotes
        return self.heard[0]


_WISH = st.lists(st.sampled_from([*NAMES, "NEW", "*"]), min_size=1, max_size=8, unique=True)
_FIELDS = st.sampled_from([None, SOME, ("price",)])
_CLIENT = st.tuples(_WISH, _FIELDS, st.sampled_from(["json", "json", "msgpack"]), st.sampled_from([1, 5, 10, 0]))
_CHANGE = st.tuples(st.sampled_from([*NAMES, "NEW"]), st.integers(1, 99), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(_CLIENT, min_size=1, max_size=40), st.lists(st.lists(_CHANGE, max_size=6), min_size=1, max_size=12))
def test_every_client_is_told_the_same_bytes_as_alone(
    clients: list[tuple[list[str], tuple[str, ...] | None, str, float]], steps: list[list[tuple[str, int, bool]]]
) -> None:
    house = House()
    for wish, fields, form, hz in clients:
        house.join(wish, form, fields=fields, hz=hz)
    for number, step in enumerate(steps):
        market = house.market
        house.step(
            *(
                market.trade(str(price), symbol=name)
                if trade
                else market.quote(str(price), str(price + 1), symbol=name)
                for name, price, trade in step
            )
        )
        if number % 4 == 3:
            house.ask(Unsubscribe((NAMES[number % 12],)), number % len(clients))
        if number % 4 == 1:
            other = Subscribe((*NAMES[number % 12 :], "NEW"), channels=("quote", "status"), fields=SOME, hz=5)
            house.ask(other, number % len(clients))
    house.agree()


def test_a_price_that_is_taken_back_is_told_and_takes_the_place_of_none() -> None:
    house, name, other = House(), NAMES[0], NAMES[1]
    for _ in range(2):
        house.join([name, other])
    house.step()
    house.step(house.market.trade("5", symbol=name, trade_id=7))
    back = house.market.trade("5", symbol=name, trade_id=7, flags=int(Flag.WITHDRAWN))
    house.step(back, *(house.market.trade(price, symbol=other) for price in ("6", "7", "8")))
    told = house.agree()
    assert [b'"price":"5.00"' in message for message in told[0][-2:]] == [True, False]
    assert [each.channels["quote"].conflated for side in house.clients for each in side] == [2] * 4  # type: ignore[attr-defined] # of quotes


def test_those_that_want_the_same_form_are_told_together_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    house, many = House(), 2 * TOGETHER + 5
    for number in range(many):
        house.join(NAMES[number % 9 :], fields=SOME, hz=0)
    runs: list[int] = []
    made = crowd_module.Crowd._made

    def counted(self: crowd_module.Crowd, clients: Any) -> list[list[int]]:  # noqa: ANN401 - as the crowd has it
        runs.append(len(clients))
        return made(self, clients)

    monkeypatch.setattr(crowd_module.Crowd, "_made", counted)
    house.step(house.market.quote("5", "6", symbol="A11"))
    assert runs == [TOGETHER, TOGETHER, 5]
    for told in house.agree():
        (row,) = msgspec.json.decode(told[-1])["data"]
        assert (row["id"], row["bid"]) == ("A11.BINANCE", "5.00")


def test_where_there_is_no_room_for_all_more_is_made_and_room_for_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "_OUT_BYTES", 600)
    house = House()
    for number in range(20):
        house.join(NAMES[: 1 + number % 12], hz=0)
    for price in range(3, 6):
        house.step(*(house.market.quote(str(price), str(price + 1), symbol=name) for name in NAMES))
    assert [len(told) for told in house.agree()] == [2 + 3] * 20  # the answer, all of it once, and the news


def test_a_full_socket_keeps_its_message_and_the_others_are_told() -> None:
    house = House()
    for _ in range(3):
        house.join(["*"], fields=SOME, hz=0)
    house.full.add(1)
    house.step(house.market.quote("5", "6", symbol="A00"))
    house.step(house.market.quote("7", "8", symbol="A00"))
    assert [len(told) for told in house.agree()] == [4, 2, 4]
    stuck = house.clients[0][1].stuck
    assert stuck is not None
    assert stuck == house.clients[1][1].stuck
    assert b'"bid":"5.00"' in stuck
    house.full.clear()
    for side in range(2):
        client = house.clients[side][1]
        house.heard[side][1].append(stuck)
        client.sent()
    house.step(house.market.quote("9", "10", symbol="A00"))
    bids = [row["bid"] for told in house.agree()[1][2:] for row in msgspec.json.decode(told)["data"]]
    assert bids == ["5.00", "9.00"]


def test_who_is_behind_one_whose_telling_fails_is_told_with_the_next_pass() -> None:
    house = House()
    for _ in range(3):
        house.join(["*"], fields=SOME, hz=0)
    house.market.apply(house.market.quote("5", "6", symbol="A00"))
    first = house.clients[0][0]
    pushed = first._push

    def broken(message: bytes) -> bool:
        del message
        raise OSError("no such socket")

    first._push = broken
    with pytest.raises(OSError, match="no such socket"):
        house.fanouts[0].tick(house.now)
    first._push = pushed
    house.fanouts[0].tick(house.now)
    assert [len(told) for told in house.heard[0]] == [2, 3, 3]
    assert b'"bid":"5.00"' in house.heard[0][2][-1]


def test_no_more_rows_are_made_at_once_than_are_soon_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "ROWS_TOGETHER", 25)
    house = House()
    for _ in range(5):
        house.join(["*"], hz=0)
    due = house.clients[0]
    assert [len(house.fanouts[0]._crowd.alike(due[at:])) for at in range(6)] == [2, 2, 2, 2, 1, 0]
    house.step(house.market.quote("5", "6", symbol="A00"))
    assert [len(told) for told in house.agree()] == [3] * 5


def test_who_wants_more_than_rows_is_told_alone() -> None:
    house = House()
    for channels in (("quote",), ("quote", "trade"), ("trade",), ("quote", "status")):
        house.join(["A00"], channels=channels)
    house.join(["A00"], "msgpack")
    assert [client.only_rows is not None for client in house.clients[0]] == [True, False, False, True, False]
    house.step(house.market.trade("5", symbol="A00"))
    house.agree()
