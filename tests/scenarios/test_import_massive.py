"""`breadboard import` asks Massive: the simulator over loopback, and what SQL then says of what the simulator holds."""

import json
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from breadboard.app import question
from breadboard.cli import run
from breadboard.feeds import massive_calls
from breadboard.sim import massive_rest
from breadboard.sim.massive import Massive
from breadboard.sim.massive_tickers import Ticker, Trade
from breadboard.sim.server import Answer
from recordings import recording
from scenarios.house import ask
from simulated import Running, running
from threaded import Wire, in_a_thread, wire_to

KEY = "k3y-that-nobody-may-read"
NS = 10**9
OPENING = (datetime.now(ZoneInfo("America/New_York")) - timedelta(days=3)).replace(
    hour=9, minute=30, second=0, microsecond=0
)
"""Of a day that is over; the simulator is open on every one."""
OPENED = int(OPENING.timestamp()) * NS
DATE = f"{OPENING:%Y-%m-%d}"
BEFORE = f"{OPENING - timedelta(days=2):%Y-%m-%d}"
DAY = ("--from", DATE, "--to", DATE)


@dataclass
class Fake:
    """A simulator whose past is the test's."""

    running: Running
    wire: Wire
    ticker: Ticker

    @property
    def gets(self) -> list[tuple[int, str, int]]:
        return list(self.running.truth.gets)


@asynccontextmanager
async def _fake(faults: str, cuts: dict[int, int]) -> Any:  # noqa: ANN401 - an async generator
    async with running("massive", rate=1, faults=faults) as market, wire_to(market.serving.port, cuts) as wire:
        market.rest.set()
        dialect = market.exchange.dialect
        assert isinstance(dialect, Massive)
        ticker = next(iter(dialect._tickers.values()))
        ticker.trades.clear()
        ticker.quotes.clear()
        for number in range(1, 61):
            price = 10_000 + 37 * number % 101
            stamp = OPENED + number * 7 * NS + number
            told = Trade(ticker.symbol, number, 3 * number, ticker.price(price), 10 * number, 11 + number % 2, 1, stamp)
            ticker.trades.append((told, price))
        market.exchange.address = wire.url  # the pages, too, go over the wire
        yield Fake(market, wire, ticker)


@contextmanager
def fake(faults: str = "", cuts: dict[int, int] | None = None) -> Iterator[Fake]:
    with in_a_thread(lambda: _fake(faults, cuts or {})) as made:
        yield made


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASSIVE_API_KEY", KEY)
    monkeypatch.setattr(massive_calls, "FREE_PLAN", (5, 0.5))  # a tenth of a second between calls, and not twelve


def words(made: Fake, form: str, data: Path, *more: str) -> list[str]:
    return [
        "import", "--format", form, "--symbol", made.ticker.symbol, "--url", made.wire.url, "--data-dir", str(data),
        "--json", *more,
    ]  # fmt: skip


def brought(capsys: pytest.CaptureFixture[str], line: list[str]) -> dict[str, Any]:
    code = run(line)
    captured = capsys.readouterr()
    assert code == 0, captured.err
    assert KEY not in captured.out + captured.err
    result: dict[str, Any] = json.loads(captured.out)
    return result


def refused(capsys: pytest.CaptureFixture[str], line: list[str], code: int = 1) -> str:
    assert run(line) == code
    told = capsys.readouterr().err
    assert KEY not in told
    assert "hint: " in told
    return told


def trades_in(data: Path) -> list[tuple[Any, ...]]:
    rows = ask(
        data,
        "select sequence q, toUnixTimestamp64Nano(ts_event) t, toString(price) p, toString(size) s"
        " from trades order by q",
    )
    return [(row["q"], int(row["t"]), Decimal(row["p"]), Decimal(row["s"])) for row in rows]


def trades_of(made: Fake) -> list[tuple[Any, ...]]:
    return [(t.sequence, t.ts, Decimal(t.price), Decimal(t.shares)) for t, _ in made.ticker.trades]


def minutes_of(made: Fake) -> list[tuple[Any, ...]]:
    """Bars of the simulator's trades, made here and not by the simulator."""
    found: dict[int, list[Trade]] = {}
    for trade, _ in made.ticker.trades:
        found.setdefault(trade.ts // (60 * NS) * 60, []).append(trade)
    return [
        (
            at,
            *(Decimal(p) for p in (of[0].price, max(x.price for x in of), min(x.price for x in of), of[-1].price)),
            Decimal(sum(trade.shares for trade in of)),
            len(of),
        )
        for at, of in sorted(found.items())
    ]


def minutes_in(data: Path) -> list[tuple[Any, ...]]:
    rows = ask(
        data,
        "select toUnixTimestamp(ts_open) at, toString(open) o, toString(high) h, toString(low) l, toString(close) c,"
        " toString(volume) v, trades n from bars where interval = '1m' order by ts_open",
    )
    return [(int(row["at"]), *(Decimal(row[name]) for name in "ohlcv"), row["n"]) for row in rows]


def everything(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


def test_bars_of_several_pages_are_those_that_the_source_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "MOST", 3)
    with fake() as made:
        result = brought(capsys, words(made, "massive-aggs", tmp_path, *DAY, "--interval", "1m"))
        expected = minutes_of(made)
        paths = [path for _, path, _ in made.gets]
    assert len(expected) == 8
    assert minutes_in(tmp_path) == expected
    assert (result["asked"]["answers"], len(paths), result["quarantined"], result["missing"]) == (3, 3, 0, [])
    assert ask(tmp_path, "select distinct provenance from bars") == [{"provenance": "synthetic"}], "the source said so"


def test_trades_of_several_pages_are_on_record_with_what_was_asked_and_a_replay_gives_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "MOST", 25)
    data, again = tmp_path / "data", tmp_path / "again"
    with fake() as made:
        result = brought(capsys, words(made, "massive-trades", data, *DAY))
        expected, url = trades_of(made), made.wire.url
        told = [request.partition(b"\r\n\r\n")[0] for request in made.wire.asked]
    assert trades_in(data) == expected
    assert all(f"Bearer {KEY}".encode() in request and KEY.encode() not in request.split()[1] for request in told)
    assert [request.split()[1].partition(b"?")[0].split(b"/")[2] for request in told] == [
        b"reference",
        *[b"trades"] * 3,
    ]
    record = everything(data / "journal")
    assert f"{url}/v3/trades/".encode() in record
    assert b"timestamp.gte=" in record
    assert b"cursor=50" in record, "the last page, too"
    assert KEY.encode() not in everything(data)
    replayed = brought(capsys, ["replay", str(data), "--data-dir", str(again), "--json"])
    assert replayed["digest"] == result["digest"]
    assert trades_in(again) == expected


def test_bars_of_trades_follow_the_vendors_table_which_comes_before_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake() as made:
        brought(capsys, words(made, "massive-trades", tmp_path, *DAY))
        told = [(trade, trade.shares < 100) for trade, _ in made.ticker.trades]
    assert 0 < sum(odd for _, odd in told) < len(told), "an odd lot counts for volume alone"
    found: dict[int, list[tuple[Trade, bool]]] = {}
    for trade, odd in told:
        found.setdefault(trade.ts // (60 * NS) * 60, []).append((trade, odd))
    expected = []
    for at, of in sorted(found.items()):
        prices = [Decimal(trade.price) for trade, odd in of if not odd]
        volume = Decimal(sum(trade.shares for trade, _ in of))
        if prices:
            expected.append((at, prices[0], max(prices), min(prices), prices[-1], volume, len(of)))
    assert minutes_in(tmp_path) == expected
    (row,) = ask(tmp_path, "select countIf(uncounted like 'open_close high_low%') odd, count() n from trades")
    assert (row["odd"], row["n"]) == (sum(odd for _, odd in told), len(told))


def test_a_day_made_of_trades_and_the_vendors_own_are_one_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake() as made:
        brought(capsys, words(made, "massive-trades", tmp_path, *DAY))
        query = "select toUnixTimestamp(ts_open) at, toUnixTimestamp(ts_close) till, session, trades n from bars"
        (ours,) = ask(tmp_path, query + " where interval = '1d'")
        brought(capsys, words(made, "massive-aggs", tmp_path, *DAY, "--interval", "1d"))
        (theirs,) = ask(tmp_path, query + " where interval = '1d'")
    midnight = OPENING.replace(hour=0, minute=0)
    assert ours == theirs
    assert ours["at"] == int(midnight.timestamp())
    assert ours["till"] == int((midnight + timedelta(days=1)).timestamp())
    assert (ours["session"], ours["n"]) == ("regular", 60)


def test_without_a_table_bars_take_all_prints_in_and_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get = massive_rest.Rest.get

    def without(rest: massive_rest.Rest, path: str, query: dict[str, str]) -> Answer:
        return Answer(404, b'{"status":"NOT_FOUND"}') if "conditions" in path else get(rest, path, query)

    monkeypatch.setattr(massive_rest.Rest, "get", without)
    with fake() as made:
        assert run(words(made, "massive-trades", tmp_path, *DAY)) == 3
        expected = minutes_of(made)
    assert "bars take all prints in" in json.loads(capsys.readouterr().out)["missing"][0]
    assert minutes_in(tmp_path) == expected


def test_the_table_can_be_imported_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake() as made:
        asked = brought(capsys, words(made, "massive-conditions", tmp_path / "asked"))
    assert (asked["control"], asked["quarantined"], asked["notes"]) == (1, 0, [{"conditions": len(massive_rest.RULES)}])
    path = recording("massive/rest_mocks/v3/reference/conditions&asset_class=stocks.json")
    line = [
        "import",
        str(path),
        "--format",
        "massive-conditions",
        "--symbol",
        "*",
        "--data-dir",
        str(tmp_path / "file"),
    ]
    assert brought(capsys, [*line, "--json"])["notes"] == [{"conditions": 10}]


def test_quotes_splits_and_dividends_can_be_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake() as made:
        for turn in range(1, 4):
            quote = made.ticker.quote(OPENED + turn * NS)
        brought(capsys, words(made, "massive-quotes", tmp_path, *DAY))
        splits = brought(capsys, words(made, "massive-splits", tmp_path))
        dividends = brought(capsys, words(made, "massive-dividends", tmp_path))
        symbol = made.ticker.symbol
        refused(capsys, words(made, "massive-splits", tmp_path, *DAY), 2)
    (last,) = ask(
        tmp_path,
        "select count() n, argMax(toString(bid_price), sequence) b, argMax(toString(ask_price), sequence) a,"
        " argMax(toString(ask_size), sequence) s from quotes",
    )
    assert (last["n"], Decimal(last["b"]), Decimal(last["a"])) == (3, Decimal(quote.bid), Decimal(quote.ask))
    assert Decimal(last["s"]) == quote.ask_size
    assert splits["notes"] == [
        {"splits": [{"symbol": symbol, "date": "2020-08-31", "from_shares": "1", "to_shares": "4"}]}
    ]
    ((dividend,),) = (note["dividends"] for note in dividends["notes"])
    assert (dividend["cash"], dividend["ex_date"], dividend["frequency"]) == ("0.205", "2020-11-06", 4)


def test_a_429_in_the_middle_is_waited_for_as_long_as_the_source_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "MOST", 25)
    with fake("http-429:2") as made:
        brought(capsys, words(made, "massive-aggs", tmp_path, *DAY, "--interval", "1s"))
        expected, gets = made.ticker.trades, made.gets
    assert len(ask(tmp_path, "select ts_open from bars where interval = '1s'")) == len(expected)
    assert [status for _, _, status in gets] == [200, 429, 200, 429, 200]
    for (refused_at, _, status), (asked_at, _, _) in pairwise(gets):
        assert status != 429 or asked_at - refused_at >= 2 * NS, "Retry-After: 2"


def test_a_wrong_key_is_tried_once_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASSIVE_API_KEY", "bad")
    with fake() as made:
        told = refused(capsys, words(made, "massive-aggs", tmp_path / "data", *DAY))
        assert len(made.gets) == 1
    assert "does not take the key: 401 Unknown API Key" in told
    assert "export MASSIVE_API_KEY" in told
    assert not (tmp_path / "data").exists()


def test_an_answer_that_is_cut_off_is_asked_for_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake(cuts={1: 200, 3: 900, 4: 20}) as made:
        brought(capsys, words(made, "massive-trades", tmp_path, *DAY))
        assert trades_in(tmp_path) == trades_of(made)
        assert len(made.wire.asked) == 5, "the table twice, the trades three times"


def test_half_an_answer_is_no_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "MOST", 25)
    with fake(cuts=dict.fromkeys(range(4, 10), 900)) as made:
        told = refused(capsys, words(made, "massive-trades", tmp_path / "data", *DAY))
    assert "(page 3): nothing was imported; 3 answers that had come were left out too" in told
    assert not (tmp_path / "data").exists()


def test_a_page_that_is_no_history_leaves_nothing_and_the_next_try_counts_each_trade_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "MOST", 25)
    data = tmp_path / "data"
    with fake() as made:
        trades = made.ticker.trades
        trades[25], trades[49] = trades[49], trades[25]
        told = refused(capsys, words(made, "massive-trades", data, *DAY))
        assert f"the answer to {made.wire.url}/v3/trades/" in told
        assert "cursor=25 goes back in time: nothing was imported" in told
        assert "breadboard-import-" not in told
        assert not data.exists()
        trades[25], trades[49] = trades[49], trades[25]
        brought(capsys, words(made, "massive-trades", data, *DAY))
        assert trades_in(data) == trades_of(made)


def test_nothing_in_a_range_is_an_answer_and_on_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake() as made:
        line = words(made, "massive-aggs", tmp_path, "--from", BEFORE, "--to", BEFORE)
        assert run(line) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["asked"]["answers"], result["asked"]["empty"], result["frames"], result["bars"]) == (1, 1, 1, 0)
    assert f"note: MASSIVE has nothing of {result['symbol']} there" in captured.err
    assert b'"results":[]' in everything(tmp_path / "journal")


def test_the_key_goes_to_no_other_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(massive_rest, "MOST", 25)
    with fake() as made, in_a_thread(lambda: wire_to(made.running.serving.port)) as elsewhere:
        made.running.exchange.address = elsewhere.url
        told = refused(capsys, words(made, "massive-trades", tmp_path / "data", *DAY))
        assert elsewhere.asked == []
    assert "the next page is on '127.0.0.1:" in told
    assert not (tmp_path / "data").exists()


def test_ticks_of_a_time_are_asked_for_once_and_bars_as_often_as_you_like(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake() as made:
        begin = ("--from", f"{DATE}T09:30", "--to", f"{DATE}T09:33")
        rest = ("--from", f"{DATE}T09:33", "--to", f"{DATE}T10:00")
        brought(capsys, words(made, "massive-trades", tmp_path, *begin))
        told = refused(capsys, words(made, "massive-trades", tmp_path, *DAY), 2)
        utc = OPENING.astimezone(UTC)
        assert f"{utc:%Y-%m-%dT%H:%M:%SZ} to {utc + timedelta(minutes=3):%Y-%m-%dT%H:%M:%SZ}" in told
        brought(capsys, words(made, "massive-trades", tmp_path, *rest))
        assert trades_in(tmp_path) == trades_of(made), "each once, that of the boundary too"
        for _ in range(2):
            brought(capsys, words(made, "massive-aggs", tmp_path / "bars", *DAY))
        assert minutes_in(tmp_path / "bars") == minutes_of(made)


def test_a_plan_without_real_time_leaves_the_newest_minutes_out_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = massive_rest._head
    monkeypatch.setattr(massive_rest, "_head", lambda results: head(results) | {"status": "DELAYED"})
    with fake() as made:
        brought(capsys, words(made, "massive-aggs", tmp_path, *DAY))
        asks = len(made.gets)
        now, (last, price) = made.running.exchange.clock.wall(), made.ticker.trades[-1]
        minute = (now - 900 * NS) // (60 * NS) * 60 * NS
        for number, stamp in enumerate((minute - 1, minute + 1, now - 60 * NS), 61):  # 15 minutes ago falls into a bar
            made.ticker.trades.append((last._replace(number=number, sequence=3 * number, ts=stamp), price))
        bars, ticks = tmp_path / "bars", tmp_path / "ticks"
        assert run(words(made, "massive-aggs", bars, "--from", DATE)) == 3
        assert len(made.gets) == asks + 2, "once to hear that the plan is late"
        told = json.loads(capsys.readouterr().out)
        assert "15 minutes late: what came after" in told["missing"][0]
        end = told["asked"]["to_ns"]
        assert end < made.running.exchange.clock.wall() - 900 * NS
        assert minutes_in(bars) == [bar for bar in minutes_of(made) if (bar[0] + 60) * NS <= end]
        assert len(minutes_in(bars)) >= 9, "what was over 15 minutes ago, and not what was growing then"
        assert run(words(made, "massive-trades", ticks, "--from", DATE)) == 3
        end = json.loads(capsys.readouterr().out)["asked"]["to_ns"]
        assert now - 900 * NS - NS < end < made.running.exchange.clock.wall() - 900 * NS
        monkeypatch.setattr(massive_rest, "_head", head)
        rest = datetime.fromtimestamp(end // NS, UTC)
        brought(capsys, words(made, "massive-trades", ticks, "--from", f"{rest:%Y-%m-%dT%H:%M:%SZ}"))
        assert trades_in(ticks) == trades_of(made), "the rest can be asked for later, and each is there once"
    capsys.readouterr()


def test_what_a_plan_without_real_time_has_nothing_of_yet_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = massive_rest._head
    monkeypatch.setattr(massive_rest, "_head", lambda results: head(results) | {"status": "DELAYED"})
    with fake() as made:
        begin = datetime.fromtimestamp(made.running.exchange.clock.wall() // NS - 600, UTC)
        for form in ("massive-aggs", "massive-trades"):
            told = refused(capsys, words(made, form, tmp_path / "data", "--from", f"{begin:%Y-%m-%dT%H:%M:%SZ}"))
            assert "15 minutes late, and nothing of that time is there yet: nothing was imported" in told
        brought(capsys, words(made, "massive-splits", tmp_path / "splits"))
    assert not (tmp_path / "data").exists()


def test_an_answer_that_does_not_say_that_it_is_one_is_an_error_and_the_time_can_be_asked_for_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get = massive_rest.Rest.get
    monkeypatch.setattr(massive_rest.Rest, "get", lambda *_: Answer(200, b'{"error":"upstream is busy"}'))
    with fake() as made:
        told = refused(capsys, words(made, "massive-trades", tmp_path / "data", *DAY))
        assert "answered with the status '' (page 1): nothing was imported" in told
        assert not (tmp_path / "data").exists()
        monkeypatch.setattr(massive_rest.Rest, "get", get)
        brought(capsys, words(made, "massive-trades", tmp_path / "data", *DAY))
        assert trades_in(tmp_path / "data") == trades_of(made)


@pytest.mark.parametrize("interval", ["2h", "12h", "1wk", "2d", "45m"])
def test_bars_whose_beginning_nobody_knows_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], interval: str
) -> None:
    with fake() as made:
        line = words(made, "massive-aggs", tmp_path / "data", *DAY, "--interval", interval)
        assert "the first and the last may be parts" in refused(capsys, line, 2)
        assert made.gets == []


def test_a_day_that_still_goes_on_is_not_taken_for_one_that_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake() as made:
        stamp = made.running.exchange.clock.wall()
        made.ticker.trades.append((Trade(made.ticker.symbol, 61, 183, "100", 10, 11, 1, stamp), 10_000))
        brought(capsys, words(made, "massive-aggs", tmp_path, "--from", DATE, "--interval", "1d"))
        today = f"{datetime.now(ZoneInfo('America/New_York')):%Y-%m-%d}"
        line = words(made, "massive-aggs", tmp_path, "--from", today, "--interval", "1d")
        assert "no bar of 86400 s begins, and is over" in refused(capsys, line, 2)
    assert ask(tmp_path, "select toString(toDate(ts_open)) d, trades n from bars") == [{"d": DATE, "n": 60}]


MINUTE = 60 * NS
DAY_NS = 1440 * MINUTE
NOON_NS = 1_795_539_600 * NS
"""2026-11-24 12:00 in New York."""


@pytest.mark.parametrize(
    ("begin", "end", "now", "seconds", "whole"),
    [
        (0, 10 * MINUTE, 10 * MINUTE, 60, (0, 10 * MINUTE)),
        (0, 10 * MINUTE, 10 * MINUTE - 1, 60, (0, 9 * MINUTE)),
        (1, 10 * MINUTE - 1, 99 * MINUTE, 60, (MINUTE, 9 * MINUTE)),
        (0, NOON_NS, NOON_NS, 86_400, (300 * MINUTE, NOON_NS - 720 * MINUTE)),  # 1970 began at 19:00 of the day before
        (300 * MINUTE, 300 * MINUTE + DAY_NS, NOON_NS, 86_400, (300 * MINUTE, 300 * MINUTE + DAY_NS)),
        (299 * MINUTE, 299 * MINUTE + 3 * DAY_NS, NOON_NS, 86_400, (300 * MINUTE, 300 * MINUTE + 2 * DAY_NS)),
    ],
)
def test_only_what_holds_whole_bars_is_asked_for(
    begin: int, end: int, now: int, seconds: int, whole: tuple[int, int]
) -> None:
    assert question.whole_bars(begin, end, now, seconds, ZoneInfo("America/New_York")) == whole
