"""`breadboard import`: a vendor's history by the command a person types, through journal, engine and store."""

import json
from pathlib import Path
from typing import Any

import pytest

from breadboard.app.past import history
from breadboard.app.places import Places
from breadboard.cli import run

TICKS = [
    "2026-11-24 09:30:00.000001,10.5,100,100,10.49,10.51,7,C,11,01,1,4,",
    "2026-11-24 09:30:01.500000,10.75,50,150,10.49,10.76,8,C,11,01,2,4,",
    "2026-11-24 09:30:01.600000,99,1,151,10.49,10.76,9,O,11,01,0,4,",
    "2026-11-24 09:31:02.000000,10.25,25,176,10.2,10.3,10,E,11,01,1,4,",
]
OPENED_NS = 1_764_000_000_000_000_000 + 31_530_600_000_000_000
"""2026-11-24 09:30 in New York, 14:30 UTC."""


def brought(capsys: pytest.CaptureFixture[str], data_dir: Path, *arguments: str) -> dict[str, Any]:
    code = run(["import", *arguments, "--data-dir", str(data_dir), "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    result: dict[str, Any] = json.loads(captured.out)
    return result


def ask(capsys: pytest.CaptureFixture[str], data_dir: Path, query: str) -> list[dict[str, Any]]:
    assert run(["sql", query, "--data-dir", str(data_dir), "--format", "json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["data"]
    return rows


@pytest.fixture
def ticks(tmp_path: Path) -> str:
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(TICKS))
    return str(path)


def test_ticks_become_trades_and_bars_that_are_final(
    tmp_path: Path, ticks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    result = brought(capsys, data_dir, ticks, "--format", "iqfeed-ticks", "--symbol", "abc")
    assert (result["venue"], result["symbol"]) == ("IQFEED", "ABC")
    assert (result["frames"], result["quarantined"], result["events"]["trade"]) == (1, 0, 4)
    found = ask(
        capsys,
        data_dir,
        "select toUnixTimestamp(ts_open) at, toString(open) o, toString(high) h, toString(low) l, toString(close) c,"
        " toString(volume) v, trades n, state from bars where interval = '1m' order by ts_open",
    )
    assert [row["at"] for row in found] == [OPENED_NS // 1_000_000_000 + 60 * minute for minute in (0, 1)]
    assert [(row["o"], row["h"], row["l"], row["c"], float(row["v"]), row["n"], row["state"]) for row in found] == [
        ("10.5", "10.75", "10.5", "10.75", 150.0, 2, "final"),
        ("10.25", "10.25", "10.25", "10.25", 25.0, 1, "final"),
    ]
    marks = "select distinct provenance from {}"
    for table in ("trades", "bars", "lag"):
        assert ask(capsys, data_dir, marks.format(table)) == [{"provenance": "history"}], table


def test_what_came_from_files_never_shares_a_source_number_with_a_connection(
    tmp_path: Path, ticks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(tmp_path / "data").made()
    places.write_source_numbers({"binance/0/0/0": 0, "coinbase/0/0/0": 1})  # planned, and never connected
    for symbol in ("ABC", "XYZ"):
        brought(capsys, places.root, ticks, "--format", "iqfeed-ticks", "--symbol", symbol)
    assert {number: known.carried for number, known in history(places.journal).items()} == {2: True, 3: True}


def test_the_same_file_is_not_brought_in_twice(tmp_path: Path, ticks: str, capsys: pytest.CaptureFixture[str]) -> None:
    data_dir, words = tmp_path / "data", (ticks, "--format", "iqfeed-ticks", "--symbol")
    brought(capsys, data_dir, *words, "abc")
    copy = tmp_path / "copy.csv"
    copy.write_bytes(Path(ticks).read_bytes())
    for path in (ticks, str(copy)):
        assert run(["import", path, *words[1:], "ABC", "--data-dir", str(data_dir)]) == 2
        told = capsys.readouterr().err
        assert "already, as ticks.csv" in told
        assert "hint: breadboard import" in told
    brought(capsys, data_dir, *words, "xyz")
    assert ask(capsys, data_dir, "select symbol, count() n from trades group by symbol order by symbol") == [
        {"symbol": "ABC", "n": 4},
        {"symbol": "XYZ", "n": 4},
    ]
    assert run(["import", ticks, ticks, *words[1:], "NEW", "--data-dir", str(data_dir)]) == 2
