"""A fake server for every page, and an end to what a test has opened."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from breadboard.dashboard.place import PLACE
from unit.client.fake import Fake, serving
from unit.dashboard.opened import FEED, OPEN, STOCK, bar


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    answers: dict[str, Any] = {
        "GET /stocks": (200, {"data": [{**STOCK, "change": "1"}], "unknown": []}),
        "GET /status": (
            200,
            {"feeds": [FEED], "gaps": 3, "reasons": []},
        ),
        "GET /watchlists": (200, {"data": [{"name": "majors", "symbols": ["BTCUSDT.BINANCE"]}]}),
        "GET /history": (200, {"data": [bar(0, "100"), bar(1, "110"), bar(2, "99")], "next": None}),
        "GET /gaps": (200, {"data": [], "next": None}),
        "POST /sql": (200, {"columns": [], "data": [], "count": 0}),
        "GET /rules": (
            200,
            {"data": [{"name": "up", "version": "abc", "sentence": "Tell me.", "rule": {"kind": "rise"}}]},
        ),
        "GET /rules/up": (200, {"name": "up", "version": "abc", "history": []}),
        "GET /keys": (200, {"data": []}),
    }
    with serving(Fake(answers)) as fake:
        monkeypatch.setattr(PLACE, "address", fake.address)
        yield fake


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A page that runs is `__main__`, and processes that later tests spawn would run it first.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    yield
    while OPEN:
        state = OPEN.pop().session_state
        if "_client" in state:
            state["_client"].close()
