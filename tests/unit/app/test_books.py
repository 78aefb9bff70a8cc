"""Books for other threads: who would have to wait for the engine may say that it will not."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from breadboard.api.services import Busy
from breadboard.app.books import book_of
from breadboard.config import EngineConfig
from breadboard.engine.core import Engine
from breadboard.feeds import by_venue


@pytest.fixture
def house() -> Any:  # noqa: ANN401 - the part of a House that is read
    engine = Engine(by_venue, EngineConfig())
    engine.instruments.intern("BINANCE", "BTCUSDT")
    return SimpleNamespace(lock=threading.Lock(), engine=engine)


def test_a_book_is_read_when_the_engine_stands_still_and_never_without_its_lock(house: Any) -> None:  # noqa: ANN401 - some of a house
    found = book_of(house, "BINANCE", "BTCUSDT", 1, wait=False)
    assert found is not None
    assert (found["bids"], found["asks"]) == ([], [])
    with house.lock, pytest.raises(Busy):
        book_of(house, "BINANCE", "BTCUSDT", 1, wait=False)
    assert not house.lock.locked()
    assert book_of(house, "BINANCE", "NOPE", 1) is None
