"""A question that takes too long: whoever asks is told so, and the store works on it no more."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from breadboard.api.app import create_app
from breadboard.api.patience import Patient, one_after_another
from breadboard.api.server import running
from breadboard.api.services import Limits
from breadboard.errors import TookTooLong
from breadboard.store import clickhouse
from breadboard.store.clickhouse import ClickHouseStore
from unit.api.market import Market, MemoryStore, services

ENDLESS = "SELECT sum(sipHash64(number)) AS n FROM numbers(10000000000)"
RUNNING = "SELECT count() AS n FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'"
SHORT = Limits(store_threads=1, store_waiting=0, store_query_s=0.5, store_timeout_s=30)
"""One question at a time: one that went on in secret would be in the way of the next."""


class Endless(MemoryStore):
    """A store whose rows of one symbol would take an hour to find."""

    def __init__(self, store: ClickHouseStore) -> None:
        super().__init__()
        self._engine = store

    def query(self, sql: str, params: Any = None, *, within_s: float | None = None) -> Any:  # noqa: ANN401 - as the port
        """Ask the engine for something endless, or answer."""
        if (params or {}).get("symbol") == "ENDLESS":
            return self._engine.query(ENDLESS, within_s=within_s)
        return super().query(sql, params, within_s=within_s)

    def ask(self, sql: str) -> Any:  # noqa: ANN401 - as the port
        """Ask the engine."""
        return self._engine.ask(sql)


def test_a_question_that_hits_its_limit_is_a_504_with_a_hint_and_its_thread_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(clickhouse.LIMITS, "max_execution_time", 1)
    with (
        ClickHouseStore.open(f"chdb://{tmp_path}/store") as engine,
        running(create_app(services(Market(), Endless(engine), limits=SHORT))) as address,
        httpx.Client(base_url=f"{address}/api/v1", timeout=60) as client,
    ):
        for answer, seconds in (
            (client.get("/gaps?symbol=ENDLESS"), "0.5"),
            (client.get("/gaps?symbol=ENDLESS&format=csv"), "0.5"),
            (client.post("/sql", json={"query": ENDLESS}), "1"),
        ):
            assert (answer.status_code, answer.headers["content-type"]) == (504, "application/problem+json")
            assert answer.json() == {
                "type": "about:blank",
                "title": "Gateway Timeout",
                "status": 504,
                "detail": f"the store gave up after {seconds} s",
                "hint": "start=…&end=…   # a shorter time, or in SQL: WHERE ts_recv > …",
            }
            assert "retry-after" not in answer.headers, "asked again it would take as long"
            assert engine.query(RUNNING)["n"].to_pylist() == [0]
            assert client.get("/gaps?symbol=BTCUSDT").status_code == 200


def test_every_question_of_the_api_has_ten_seconds() -> None:
    store = MemoryStore()
    market = Market()
    market.apply(market.trade("1"))
    app = create_app(services(market, store))
    with running(app) as address, httpx.Client(base_url=f"{address}/api/v1", timeout=60) as client:
        for kind in ("bars", "trades", "quotes", "books"):
            assert client.get(f"/history?symbol=BTCUSDT&kind={kind}").status_code == 200
        for path in ("gaps", "alerts", "features", "anomalies", "opportunities"):
            assert client.get(f"/{path}?format=csv").status_code == 200
        assert client.get("/asof?symbol=BTCUSDT&ts=2026-11-20").status_code == 404
    assert len(store.questions) > 10
    assert store.within_s == {10.0}
    assert clickhouse.LIMITS["max_execution_time"] == 10


def test_of_several_questions_on_one_thread_none_is_begun_when_time_is_over() -> None:
    asked: list[float | None] = []

    class Slow(MemoryStore):
        def query(self, sql: str, params: Any = None, *, within_s: float | None = None) -> Any:  # noqa: ANN401 - as the port
            del sql, params
            asked.append(within_s)
            time.sleep(0.03)

    store = Patient(Slow(), 0.05)

    def many() -> None:
        for _ in range(10):
            store.query("")

    with pytest.raises(TookTooLong):
        one_after_another(many)
    assert asked == [0.05, 0.05]
    store.query("")  # outside of a question there is no beginning
    assert len(asked) == 3
