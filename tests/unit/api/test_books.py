"""The channel of books: the best levels as they are now, read once for all who look."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from breadboard.api.fanout import Fanout
from breadboard.api.requests import Subscribe, Unsubscribe
from breadboard.api.shelf import Shelf
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
