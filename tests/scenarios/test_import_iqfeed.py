"""`breadboard import` asks an IQFeed gateway's lookup port: the simulator's, and one that misbehaves."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from breadboard.capture import inquiring
from breadboard.cli import run
from breadboard.clock import SystemClock
from breadboard.sim import iqfeed_history as past
from breadboard.sim.iqfeed import IQFeed
from breadboard.sim.lineserver import Wish, listen
from breadboard.sim.stocks import Stock, Trade
from breadboard.sim.truth import Truth
from scenarios.house import ask
from threaded import Wire, in_a_thread, wire_to

NS = 10**9
ZONE = ZoneInfo("America/New_York")
TODAY = datetime.now(ZONE).date()
MONDAY = TODAY - timedelta(days=TODAY.weekday() + 7)
WEDNESDAY = MONDAY + timedelta(days=2)
THREE_DAYS = ("--from", f"{MONDAY}", "--to", f"{WEDNESDAY}")
OTHER = 2
"""The basis that the vendor's bars leave out."""


@dataclass
class Fake:
    gateway: IQFeed
    wire: Wire

    @property
    def stock(self) -> Stock:
        return self.gateway.gateway.market.by_symbol["NEPT"]

    def ticks(self, first: date, last: date) -> list[Trade]:
        """What the simulator's past holds, oldest first."""
        now = self.gateway.gateway.market_ns
        found = [
            trade
            for trade in past.ticks(self.stock, now, first)
            if trade.ts // NS < midnight_s(last + timedelta(days=1))
        ]
        return found[::-1]


def midnight_s(day: date) -> int:
    """The begin of a day in New York."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())


@asynccontextmanager
async def _fake(cuts: dict[int, int]) -> Any:  # noqa: ANN401 - an async generator
    wish = Wish(["NEPT"], 0, "smallcaps", 1.0, 7, "", Truth(), SystemClock(), lambda _: None, {"at": "15:00"})
    gateway = IQFeed(wish)
    server = await listen(gateway.maker("lookup"), 0, "lookup", "")
    async with server, wire_to(server.sockets[0].getsockname()[1], cuts) as wire:
        yield Fake(gateway, wire)


@contextmanager
def fake(cuts: dict[int, int] | None = None) -> Iterator[Fake]:
    with in_a_thread(lambda: _fake(cuts or {})) as made:
        yield made


def words(wire: Wire, form: str, data: Path, *more: str, symbol: str = "NEPT") -> list[str]:
    url = f"tcp://127.0.0.1:5009?lookup={wire.port}"
    return ["import", "--format", form, "--symbol", symbol, "--url", url, "--data-dir", str(data), "--json", *more]


def dollars(mils: int) -> Decimal:
    return Decimal(mils).scaleb(-4)


def stored_bars(data: Path, interval: str) -> list[tuple[Any, ...]]:
    rows = ask(
        data,
        "select toUnixTimestamp(ts_open) at, toString(open) o, toString(high) h, toString(low) l, toString(close) c,"
        f" toString(volume) v from bars where interval = '{interval}' order by ts_open",
    )
    return [(int(row["at"]), *(Decimal(row[name]) for name in "ohlcv")) for row in rows]


def bars_of(trades: list[Trade], seconds: int) -> list[tuple[Any, ...]]:
    """Bars by the vendor's rules, made here and not by the simulator."""
    found: dict[int, list[Trade]] = {}
    for trade in trades:
        if trade.basis != OTHER:
            found.setdefault(trade.ts // NS // seconds * seconds, []).append(trade)
    return [
        (
            at,
            *(dollars(p) for p in (of[0].price, max(x.price for x in of), min(x.price for x in of), of[-1].price)),
            Decimal(sum(trade.size for trade in of)),
        )
        for at, of in sorted(found.items())
    ]


def test_ticks_of_three_days_are_those_that_the_gateway_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake() as made:
        assert run(words(made.wire, "iqfeed-ticks", tmp_path, *THREE_DAYS)) == 0
        expected = made.ticks(MONDAY, WEDNESDAY)
        (said,) = made.wire.asked
    result = json.loads(capsys.readouterr().out)
    rows = ask(
        tmp_path,
        "select toUnixTimestamp64Nano(ts_event) t, toString(price) p, toString(size) s, trade_id n, side from trades"
        " order by t",
    )
    assert len(expected) == 3 * past.PAST_PRINTS
    assert [(int(row["t"]), Decimal(row["p"]), Decimal(row["s"]), row["n"]) for row in rows] == [
        (trade.ts, dollars(trade.price), Decimal(trade.size), trade.tick_id) for trade in expected
    ]
    assert stored_bars(tmp_path, "5m") == bars_of(expected, 300), "ours, by the vendor's rules"
    assert (result["asked"]["answers"], result["asked"]["empty"], result["frames"]) == (3, 0, 3)
    days = [f"{MONDAY + timedelta(days=each):%Y%m%d}" for each in range(4)]
    assert said.decode().split("\r\n") == [
        "S,SET PROTOCOL,6.2",
        "S,SET CLIENT NAME,breadboard",
        f"HTT,NEPT,{days[0]} 000000,{days[1]} 000000,,,,1,BB1,",
        f"HTT,NEPT,{days[1]} 000000,{days[2]} 000000,,,,1,BB2,",
        f"HTT,NEPT,{days[2]} 000000,{days[3]} 000000,,,,1,BB3,",
        "",
    ]
    journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").glob("*.seg*"))
    assert f"/HTT,NEPT,{days[1]} 000000,{days[2]} 000000,,,,1,BB2,".encode() in journal
    assert ask(tmp_path, "select distinct provenance from trades") == [{"provenance": "synthetic"}]


def test_a_bar_is_as_complete_as_what_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def bars() -> list[tuple[Any, ...]]:
        sql = "SELECT interval, state, completeness FROM bars WHERE interval IN ('1h', '1d') ORDER BY interval, ts_open"
        return [(row["interval"], row["state"], round(row["completeness"], 6)) for row in ask(tmp_path, sql)]

    with fake() as feed:
        for begin, end in (("10:00", "10:15"), ("10:15", "10:30"), ("00:00", "10:00")):
            times = ("--from", f"{MONDAY}T{begin}", "--to", f"{MONDAY}T{end}")
            assert run(words(feed.wire, "iqfeed-ticks", tmp_path, *times)) == 0
            if begin == "10:00":
                assert bars() == [("1d", "final", round(15 / 1440, 6)), ("1h", "final", 0.25)]
            elif begin == "10:15":
                assert bars() == [("1d", "corrected", round(30 / 1440, 6)), ("1h", "corrected", 0.5)]
    days = [completeness for interval, _, completeness in bars() if interval == "1d"]
    assert days == [round(630 / 1440, 6)]
    capsys.readouterr()


def test_the_vendors_own_bars_and_days_are_kept_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    minutes, days = tmp_path / "minutes", tmp_path / "days"
    with fake() as made:
        assert run(words(made.wire, "iqfeed-bars", minutes, *THREE_DAYS, "--interval", "5m")) == 0
        assert run(words(made.wire, "iqfeed-bars", days, *THREE_DAYS, "--interval", "1d")) == 0
        expected = made.ticks(MONDAY, WEDNESDAY)
    assert stored_bars(minutes, "5m") == bars_of(expected, 300)
    midnights = [midnight_s(MONDAY + timedelta(days=each)) for each in range(3)]
    by_day = [[trade for trade in expected if 0 <= trade.ts // NS - midnight < 86_400] for midnight in midnights]
    assert stored_bars(days, "1d") == [
        (midnight, *bars_of(trades, 10**10)[0][1:]) for midnight, trades in zip(midnights, by_day, strict=True)
    ]
    capsys.readouterr()


def test_a_bar_of_which_only_a_part_was_asked_for_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake() as made:
        part = ("--from", f"{MONDAY}T09:32", "--to", f"{MONDAY}T09:59", "--interval", "5m")
        assert run(words(made.wire, "iqfeed-bars", tmp_path, *part)) == 0
        opened = midnight_s(MONDAY) + 9 * 3600 + 35 * 60
        expected = [bar for bar in bars_of(made.ticks(MONDAY, MONDAY), 300) if opened <= bar[0] < opened + 1200]
    assert len(expected) == 4
    assert stored_bars(tmp_path, "5m") == expected
    capsys.readouterr()


def test_a_part_of_a_second_is_refused_and_not_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake() as made:
        for begin, end in (("09:30:00.5", "09:35"), ("09:30", "09:35:00.5")):
            part = ("--from", f"{MONDAY}T{begin}", "--to", f"{MONDAY}T{end}")
            assert run(words(made.wire, "iqfeed-ticks", tmp_path / "data", *part)) == 2
            told = capsys.readouterr().err
            assert "is asked for in whole seconds" in told
            assert f"hint: --from {MONDAY}T09:30:00 --to {MONDAY}T09:35:00" in told
        assert made.wire.asked == []


@pytest.mark.parametrize("interval", ["2h", "7m", "1wk", "90m"])
def test_bars_whose_beginning_nobody_knows_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], interval: str
) -> None:
    with fake() as made:
        line = words(made.wire, "iqfeed-bars", tmp_path / "data", *THREE_DAYS, "--interval", interval)
        assert run(line) == 2
        assert made.wire.asked == []
    told = capsys.readouterr().err
    assert "the first and the last may be parts" in told
    assert "hint: --interval 1h" in told


def test_half_a_year_with_its_weekends_is_asked_for_no_faster_than_the_vendor_allows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = WEDNESDAY - timedelta(days=182)
    with fake() as made:
        line = words(made.wire, "iqfeed-ticks", tmp_path, "--from", f"{first}", "--to", f"{WEDNESDAY}", symbol="nept")
        assert run(line) == 0
        days = len(made.ticks(first, WEDNESDAY)) // past.PAST_PRINTS
    result = json.loads(capsys.readouterr().out)
    assert result["asked"]["answers"] == 183
    assert result["events"]["trade"] == days * past.PAST_PRINTS
    assert result["asked"]["empty"] == 183 - days
    assert (result["notes"], result["quarantined"], result["events"]["status"]) == ([], 0, 0)


def test_a_weekend_alone_is_nothing_and_an_unknown_symbol_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake() as made:
        weekend = ("--from", f"{MONDAY - timedelta(days=2)}", "--to", f"{MONDAY - timedelta(days=1)}")
        assert run(words(made.wire, "iqfeed-ticks", tmp_path / "empty", *weekend)) == 0
        assert "note: IQFEED has nothing of NEPT there" in capsys.readouterr().err
        assert run(words(made.wire, "iqfeed-ticks", tmp_path / "none", *THREE_DAYS, symbol="NOPE")) == 1
    told = capsys.readouterr().err
    assert "BB1,': Invalid symbol: nothing was imported" in told
    assert not (tmp_path / "none").exists()
    assert ask(tmp_path / "empty", "select count() n from statuses where status = 'venue_error'") == [{"n": 0}]


@pytest.mark.parametrize(("cut", "words_of_it"), [(9_000, "a line cut off"), (60, "ended the connection")])
def test_half_an_answer_is_no_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: int, words_of_it: str
) -> None:
    data = tmp_path / "data"
    with fake(cuts={1: cut}) as made:
        if cut == 60:  # after a whole line, inside an answer
            made.wire.cuts[1] = len(b"S,PROVENANCE,synthetic\r\nS,CURRENT PROTOCOL,6.2,\r\n")
        assert run(words(made.wire, "iqfeed-ticks", data, *THREE_DAYS)) == 1
    told = capsys.readouterr().err
    assert words_of_it in told
    assert "was complete" in told
    assert "hint: run it again" in told
    assert not data.exists()


@asynccontextmanager
async def _gateway(answer: Callable[[str], bytes]) -> Any:  # noqa: ANN401 - an async generator
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(answer(line.decode().rstrip()))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield Wire(server.sockets[0].getsockname()[1])


def test_a_row_that_looks_like_an_error_is_a_row_and_a_gateway_that_is_none_of_ours_gives_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = f"{MONDAY} 09:30:00.000001,10.5,100,1000,10.49,10.51,7,C,11,01,1,4,"

    def answer(line: str) -> bytes:
        if not line.startswith("HTT"):
            return b""
        # Of somebody else's request; ours, with a row that begins like an error; the end of somebody else's.
        lines = ["ZZ9,LH," + row, "BB1,LH," + row, "BB1,E,7,1,ENI,", "ZZ9,!ENDMSG!,", "BB1,!ENDMSG!,"]
        return "".join(line + "\r\n" for line in lines).encode()

    with in_a_thread(lambda: _gateway(answer)) as wire:
        line = words(wire, "iqfeed-ticks", tmp_path, "--from", f"{MONDAY}T09:30", "--to", f"{MONDAY}T16:00")
        assert run(line) == 3
    result = json.loads(capsys.readouterr().out)
    assert (result["events"]["trade"], result["quarantined"]) == (1, 1), "told of, not taken for the end"
    (told,) = ask(tmp_path, "select provenance, reason from quarantine, trades")
    assert told["provenance"] == "history"
    assert told["reason"].startswith("row 2: a tick of ")


def test_an_answer_that_goes_back_in_time_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(line: str) -> bytes:
        if not line.startswith("HTT"):
            return b""
        days = (MONDAY, WEDNESDAY) if "BB1" in line else (WEDNESDAY, MONDAY)
        number = line.split(",")[-2]
        rows = [f"{number},LH,{day} 09:30:00.000001,10.5,100,1000,10.49,10.51,7,C,11,01,1,4," for day in days]
        return "".join(row + "\r\n" for row in (*rows, f"{number},!ENDMSG!,")).encode()

    with in_a_thread(lambda: _gateway(answer)) as wire:
        assert run(words(wire, "iqfeed-ticks", tmp_path / "data", *THREE_DAYS)) == 1
    told = capsys.readouterr().err
    assert ",,,,1,BB2, goes back in time" in told
    assert "nothing was imported" in told
    assert not (tmp_path / "data").exists()


def test_a_gateway_that_says_nothing_is_waited_for_a_minute_and_no_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiring, "SILENCE_S", 0.3)
    with in_a_thread(lambda: _gateway(lambda _line: b"")) as wire:
        assert run(words(wire, "iqfeed-ticks", tmp_path / "data", *THREE_DAYS)) == 1
    assert f"said nothing for 0.3 s before the answer to 'HTT,NEPT,{MONDAY:%Y%m%d} 000000," in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
