"""What `breadboard up` tells of feeds that cannot be reached."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from breadboard.app.feed_news import FeedNews
from breadboard.app.places import Places

CAPTURE = 77
REFUSED = "COINBASE (source 0) cannot be reached: refused; it is tried again until it can"
HINT = "hint: breadboard up   # without --live: a simulated market, which needs no network"


class Told:
    def __init__(self, root: Path) -> None:
        self.lines: list[str] = []
        self.places = Places(root).made()
        self.news = FeedNews(self.places, self.lines.append)

    def look(self, *sources: dict[str, Any], pid: int = CAPTURE) -> list[str]:
        (self.places.run / "capture.json").write_bytes(msgspec.json.encode({"pid": pid, "sources": sources}))
        before = len(self.lines)
        self.news.look(CAPTURE)
        return self.lines[before:]


def source(number: int = 0, failures: int = 0, *, connected: bool = False) -> dict[str, Any]:
    return {
        "source": number,
        "venue": ["COINBASE", "BINANCE"][number],
        "connected": connected,
        "failures": failures,
        "last_error": "refused",
    }


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_an_outage_is_told_once_and_so_is_its_end(told: Told) -> None:
    assert told.look(source()) == []
    assert told.look(source(failures=1)) == [REFUSED, HINT]
    assert told.look(source(failures=2)) == []
    assert told.look(source(failures=3, connected=True)) == ["COINBASE (source 0) is connected"]
    assert told.look(source(failures=3)) == [], "ended, and not yet tried again"
    assert told.look(source(failures=4)) == [REFUSED]


def test_every_feed_is_told_of_and_the_hint_comes_once(told: Told) -> None:
    lines = told.look(source(0, 1), source(1, 1))
    assert lines == [REFUSED, HINT, REFUSED.replace("COINBASE (source 0)", "BINANCE (source 1)")]


def test_of_a_source_that_brings_no_data_it_is_said_that_none_is_lost_and_no_hint_is_given(told: Told) -> None:
    aside = source(0, 1) | {"aside": "admin"}
    lost = "no data is lost without it, and it is tried again until it can"
    assert told.look(aside) == [f"COINBASE admin (source 0) cannot be reached: refused; {lost}"]
    assert told.look(aside | {"connected": True}) == ["COINBASE admin (source 0) is connected"]


def test_a_feed_that_connects_at_once_is_no_news(told: Told) -> None:
    assert told.look(source(connected=True)) == []
    assert told.look(source(failures=0)) == []


def test_words_of_an_earlier_capture_are_passed_over(told: Told) -> None:
    told.news.look(CAPTURE)
    assert told.look(source(failures=5), pid=CAPTURE - 1) == []
