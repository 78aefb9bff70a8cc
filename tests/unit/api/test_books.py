"""The channel of books: the best levels as they are now, read once for all who look."""

import json
import threading
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from breadboard.api import shelf as shelf_module
from breadboard.api.fanout import Fanout
from breadboard.api.requests import Subscribe, Unsubscribe
from breadboard.api.shelf import EVERY_S, OLD_S, REST_MOST_S, Shelf, rest_s
from breadboard.api.subscriber import Subscriber
from unit.api.market import Market, services


class Venue:
    """Books that a test changes, and how often they were read."""

    def __init__(self) -> None:
        self.market = Market()
        self.bid = "1.5"
        self.reads: list[tuple[str, int]] = []
        self.fanout = Fanout(services(self.market, book=self.book))

    def book(self, venue: str, symbol: str, depth: int, /, *, wait: bool = True) -> Mapping[str, Any] | None:
        """Return a book of one level."""
        del venue, wait
        self.reads.append((symbol, depth))
        if symbol == "BROKEN":
            raise ValueError(symbol)
        return None if symbol == "BARE" else {"state": "live", "bids": [[self.bid, "1"]], "asks": []}

    def look(self) -> None:
        """Have the books read, and clients told."""
        self.fanout.shelf.look()
        self.fanout.tick(self.fanout.clock())

    def page(self, *symbols: str, depth: int = 20) -> tuple[Subscriber, list[dict[str, Any]]]:
        """Return a client without a pace, and what it is told of books."""
        told: list[dict[str, Any]] = []

        def hear(message: bytes) -> bool:
            told.extend(row for row in json.loads(message).get("data", ()))
            return True

        one = Subscriber(self.fanout, "json", hear)
        self.fanout.add(one)
        one.ask(Subscribe(symbols, channels=("book",), hz=0, depth=depth))
        return one, told


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Venue:
    monkeypatch.setattr(Shelf, "_work", lambda _: None)  # the test says when books are read
    found = Venue()
    found.market.apply(found.market.trade("1"), found.market.trade("1", symbol="BARE"))
    return found


def test_a_book_is_told_when_it_changes_and_read_once_for_all_who_look(venue: Venue) -> None:
    (_, one), (_, other) = venue.page("BTCUSDT"), venue.page("BTCUSDT", "BARE")
    venue.look()
    assert one == other == [{"id": "BTCUSDT.BINANCE", "state": "live", "bids": [["1.5", "1"]], "asks": []}]
    assert sorted(set(venue.reads)) == [("BARE", 20), ("BTCUSDT", 20)]
    assert venue.reads.count(("BTCUSDT", 20)) == 1
    venue.look()  # nothing was heard of it
    assert venue.reads.count(("BTCUSDT", 20)) == 1
    venue.market.apply(venue.market.trade("2", ts_recv=venue.market.live.now() + 5))
    venue.look()
    assert venue.reads.count(("BTCUSDT", 20)) == 2
    assert len(one) == 1  # the same book as before
    venue.bid = "1.6"
    venue.market.apply(venue.market.trade("2", ts_recv=venue.market.live.now() + 9))
    venue.look()
    assert [row["bids"][0][0] for row in one] == ["1.5", "1.6"]


def test_each_depth_is_a_book_of_its_own_and_is_bounded(venue: Venue) -> None:
    venue.page("BTCUSDT", depth=5)
    venue.page("BTCUSDT", depth=100_000)
    venue.page("BTCUSDT", depth=-3)
    venue.look()
    assert sorted(venue.reads) == [("BTCUSDT", 1), ("BTCUSDT", 5), ("BTCUSDT", 1000)]


def test_nobody_reads_for_a_client_that_has_gone_or_wants_no_more(venue: Venue) -> None:
    (gone, _), (idle, _) = venue.page("BTCUSDT"), venue.page("BTCUSDT", depth=7)
    venue.fanout.remove(gone)
    idle.ask(Unsubscribe())
    venue.look()
    assert venue.reads == []


def test_a_client_has_twenty_books_at_most(venue: Venue) -> None:
    names = [f"S{number:02d}" for number in range(30)]
    venue.market.apply(*(venue.market.trade("1", symbol=name) for name in names))
    venue.page(*names)
    venue.look()
    assert sorted(symbol for symbol, _ in venue.reads) == names[:20]


def test_to_wait_for_the_engine_is_no_work_to_rest_from_and_no_rest_is_long() -> None:
    assert rest_s(took=3.0, work=0.0) == 0.0
    assert rest_s(took=3.0, work=0.01) == pytest.approx(0.04)
    assert rest_s(took=0.001, work=0.001) == pytest.approx(EVERY_S - 0.001)
    assert rest_s(took=3.0, work=3.0) == REST_MOST_S < OLD_S


def test_a_book_that_is_old_is_handed_to_nobody_and_told_when_it_was_read_again(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(shelf_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    _, first = venue.page("BTCUSDT")
    venue.look()
    assert len(first) == 1
    now[0] += OLD_S + 0.5  # its reader waits for the engine
    _, newcomer = venue.page("BTCUSDT")
    venue.fanout.tick(venue.fanout.clock())
    assert newcomer == []
    venue.look()
    assert newcomer == first[:1], "the same book as before, and of now"
    now[0] += OLD_S / 2 + 0.1
    _, later = venue.page("BTCUSDT")
    assert later == newcomer, "one that is not old waits for nobody"


def test_a_round_that_takes_long_tells_of_each_book_before_it_is_old(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(shelf_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    names = [f"S{number:02d}" for number in range(20)]
    venue.market.apply(*(venue.market.trade("1", symbol=name) for name in names))
    _, told = venue.page(*names)

    def slow(name: str, symbol: str, depth: int, /, *, wait: bool = True) -> Mapping[str, Any] | None:
        now[0] += OLD_S / 5  # each waits for the engine: a round is twice as long as a book is of now
        return venue.book(name, symbol, depth, wait=wait)

    shelf = venue.fanout.shelf
    monkeypatch.setattr(shelf, "_services", services(venue.market, book=slow))
    monkeypatch.setattr(shelf, "_changed", lambda: venue.fanout.tick(venue.fanout.clock()))
    shelf.look()
    assert sorted(row["id"] for row in told) == [f"{name}.BINANCE" for name in names]


def test_what_nobody_wants_is_dropped_and_a_book_that_cannot_be_read_is_not_the_last(venue: Venue) -> None:
    broken, _ = venue.page("BROKEN", "BTCUSDT")
    venue.market.apply(venue.market.trade("1", symbol="BROKEN"))
    broken.ask(Subscribe(("BROKEN", "BTCUSDT"), channels=("book",), hz=0))
    idle, _ = venue.page("BTCUSDT", depth=7)
    venue.look()
    shelf, index = venue.fanout.shelf, venue.market.live.find("BTCUSDT")[0]
    assert len(shelf.newer([(index, 20), (index, 7)], 0)) == 2
    venue.fanout.remove(idle)
    venue.look()
    assert len(shelf.newer([(index, 20), (index, 7)], 0)) == 1


def test_a_new_wish_wakes_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "EVERY_S", 60.0)
    monkeypatch.setattr(shelf_module, "REST_MOST_S", 60.0)
    venue = Venue()
    venue.market.apply(venue.market.trade("1"), venue.market.trade("1", symbol="ETHUSDT"))
    read = {(name, 20): threading.Event() for name in ("BTCUSDT", "ETHUSDT")}
    book = venue.book

    def told(venue_: str, symbol: str, depth: int, /, *, wait: bool = True) -> Mapping[str, Any] | None:
        found = book(venue_, symbol, depth, wait=wait)
        read[symbol, depth].set()
        return found

    shelf = Shelf(services(venue.market, book=told), lambda: None)
    try:
        for who, (name, depth) in enumerate(read):
            shelf.want(who, [(venue.market.live.find(name)[0], depth)])
            assert read[name, depth].wait(60.0), name
            while not shelf.version > who:  # the round goes to its end
                time.sleep(0.001)
        assert venue.reads.count(("BTCUSDT", 20)) == 1, "what is there keeps its rest"
    finally:
        shelf.close()
