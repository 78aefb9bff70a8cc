"""`breadboard import` asks Yahoo: windows, cookie and crumb, refusals, over loopback against the simulator."""

import json
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from breadboard.cli import run
from breadboard.feeds import yahoo_history
from breadboard.sim.server import Answer
from breadboard.sim.yahoo import CRUMB, Yahoo
from breadboard.sim.yahoo_chart import DAY_S, Minute
from scenarios.house import ask
from simulated import Running, running
from threaded import Wire, in_a_thread, wire_to


@dataclass
class Fake:
    running: Running
    wire: Wire
    symbol: str
    minutes: list[Minute]
    today_s: int

    @property
    def statuses(self) -> list[int]:
        return [status for _, _, status in self.running.truth.gets]

    def day(self, back: int) -> str:
        return str(yahoo_history._said(self.today_s - back * DAY_S)[:10])


@asynccontextmanager
async def _fake(faults: str, cuts: dict[int, int]) -> Any:  # noqa: ANN401 - an async generator
    async with running("yahoo", rate=1, faults=faults) as market, wire_to(market.serving.port, cuts) as wire:
        market.rest.set()
        dialect = market.exchange.dialect
        assert isinstance(dialect, Yahoo)
        symbol, told = next(iter(dialect._told.items()))
        today_s = market.exchange.clock.wall() // 10**9 // DAY_S * DAY_S
        told.minutes[:] = [
            Minute(today_s - back * DAY_S + 54_000 + 60 * at, *_prices(back + at), volume=100 * back + at)
            for back in range(20, 0, -1)
            for at in range(3)
        ]
        yield Fake(market, wire, symbol, list(told.minutes), today_s)


def _prices(number: int) -> tuple[int, int, int, int]:
    price = 10_000 + 37 * number % 101
    return price, price + 3, price - 2, price + 1


@contextmanager
def fake(faults: str = "", cuts: dict[int, int] | None = None) -> Iterator[Fake]:
    with in_a_thread(lambda: _fake(faults, cuts or {})) as made:
        yield made


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yahoo_history, "FIRST_WAIT_S", 0.1)
    monkeypatch.setattr(yahoo_history, "PAUSE_S", 0.0)


def words(made: Fake, data: Path, *more: str) -> list[str]:
    return [
        "import", "--format", "yahoo-chart", "--symbol", made.symbol, "--url", made.wire.url, "--data-dir", str(data),
        "--json", *more,
    ]  # fmt: skip


def held(made: Fake) -> list[tuple[Any, ...]]:
    unit = Decimal(1).scaleb(-made.running.exchange.market.books[0].tick_decimals)
    return [
        (each.start_s, *(unit * p for p in (each.open, each.high, each.low, each.close)), Decimal(each.volume))
        for each in made.minutes
    ]


def stored(data: Path) -> list[tuple[Any, ...]]:
    rows = ask(
        data,
        "select toUnixTimestamp(ts_open) at, toString(open) o, toString(high) h, toString(low) l, toString(close) c,"
        " toString(volume) v from bars where interval = '1m' order by ts_open",
    )
    return [(int(row["at"]), *(Decimal(row[name]) for name in "ohlcv")) for row in rows]


def test_three_weeks_of_minutes_are_asked_for_week_by_week(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake() as made:
        assert run(words(made, tmp_path, "--from", made.day(20), "--interval", "1m")) == 0
        expected, statuses = held(made), made.statuses
    result = json.loads(capsys.readouterr().out)
    assert stored(tmp_path) == expected
    assert statuses == [200] * 3
    assert (result["asked"]["answers"], result["frames"], result["quarantined"]) == (3, 3, 0)
    assert ask(tmp_path, "select distinct provenance from bars") == [{"provenance": "synthetic"}]


def test_a_cookie_and_a_crumb_are_got_where_they_are_asked_for_and_neither_is_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get = Yahoo.get

    def strict(self: Yahoo, path: str, query: Mapping[str, str]) -> Answer:
        return get(self, path, {"crumb": "", **query})

    monkeypatch.setattr(Yahoo, "get", strict)
    with fake() as made:
        assert run(words(made, tmp_path, "--from", made.day(3))) == 0
        assert made.statuses == [401, 404, 200, 200]
        assert stored(tmp_path) == held(made)[-9:]
        *_, crumb, chart = made.wire.asked
    assert b"A3=simulated" in crumb
    assert b"A3=simulated" in chart
    assert f"crumb={CRUMB}".encode() in chart
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (CRUMB, "A3=simulated"):
        assert secret.encode() not in written
        assert secret not in capsys.readouterr().err


def test_too_many_requests_and_a_cut_answer_are_asked_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with fake("http-429:3", cuts={1: 700}) as made:
        assert run(words(made, tmp_path, "--from", made.day(20))) == 0
        assert stored(tmp_path) == held(made)
        assert made.statuses == [200, 200, 429, 200, 200]
    assert "answered 429: asking again" in caplog.text


def test_a_window_that_the_source_refuses_is_missing_and_the_rest_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get = Yahoo.get
    error = b'{"chart":{"result":null,"error":{"code":"Bad Request","description":"No such time"}}}'
    with fake() as made:
        begin = str(made.today_s - 20 * DAY_S)

        def listed(self: Yahoo, path: str, query: Mapping[str, str]) -> Answer:
            return Answer(400, error) if query.get("period1") == begin else get(self, path, query)

        monkeypatch.setattr(Yahoo, "get", listed)
        assert run(words(made, tmp_path, "--from", made.day(20))) == 3
        assert stored(tmp_path) == held(made)[21:]
    captured = capsys.readouterr()
    (missing,) = json.loads(captured.out)["missing"]
    journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").glob("*.seg*"))
    assert b'"status":400}' in journal, "the refusal that is kept says which it was"
    assert f"Yahoo would not give {made.day(20)}T00:00:00Z to {made.day(13)}T00:00:00Z: Bad Request" in missing
    assert f"note: not all of it: {missing}" in captured.err


def test_a_refusal_in_html_is_missing_and_the_windows_around_it_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get, refused = Yahoo.get, set[str]()

    def listed(self: Yahoo, path: str, query: Mapping[str, str]) -> Answer:
        return Answer(403, b"<html>No</html>") if query.get("period1") in refused else get(self, path, query)

    monkeypatch.setattr(Yahoo, "get", listed)
    with fake() as made:
        refused.add(str(made.today_s - 6 * DAY_S))
        assert run(words(made, tmp_path / "data", "--from", made.day(20))) == 3
        assert stored(tmp_path / "data") == held(made)[:42]
        (missing,) = json.loads(capsys.readouterr().out)["missing"]
        assert "<html>No</html>" in missing
        refused.add(str(made.today_s - 3 * DAY_S))
        assert run(words(made, tmp_path / "none", "--from", made.day(3))) == 1
    assert "<html>No</html>: nothing was imported" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_an_unknown_symbol_and_a_venue_that_stays_down_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    with fake(cuts=dict.fromkeys(range(1, 9), 10)) as made:
        assert run(words(made, data, "--from", made.day(3))) == 1
        assert len(made.wire.asked) == 5
        told = capsys.readouterr().err
        assert "HTTP 0, 5 times in a row: nothing was imported" in told
        made.wire.cuts.clear()
        line = words(made, data, "--from", made.day(3))
        line[line.index(made.symbol)] = "NOPE"
        assert run(line) == 1
        assert len(made.wire.asked) == 6
    told = capsys.readouterr().err
    assert "NOPE: Not Found: No data found, symbol may be delisted: nothing was imported" in told
    assert not data.exists()
