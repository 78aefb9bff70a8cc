"""Bars by activity from a recording, by the configuration and the SQL that a person writes."""

import json
from pathlib import Path

import pytest

from breadboard.cli import run
from recordings import recording
from typed import ask

BINANCE = ("--venue", "binance", "--format", "hftbacktest")


def test_a_recording_gives_the_configured_bars_and_the_same_ones_in_other_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = ["--bars", "tick:1000", "--bars", "volume:5", "--bars", "renko:10"]
    words = ["replay", str(recording("binance/btcusdt_20240808.gz")), *BINANCE, *bars, "--json"]
    digests = []
    for name, batch in (("a", "5000"), ("b", "333")):
        assert run([*words, "--data-dir", str(tmp_path / name), "--batch", batch]) == 0
        digests.append(json.loads(capsys.readouterr().out)["digest"])
    assert digests[0] == digests[1]
    found = ask(
        capsys,
        tmp_path / "a",
        "select kind, count() n, min(trades) least, max(trades) most, min(toFloat64(volume)) v, sum(gapped) gapped,"
        " max(abs(toFloat64(close) - toFloat64(open))) height from activity_bars group by kind order by kind",
    )
    trades = 9757
    by_kind = {row["kind"]: row for row in found}
    assert by_kind["tick:1000"] | {"v": 0, "height": 0} == {
        "kind": "tick:1000",
        "n": trades // 1000,
        "least": 1000,
        "most": 1000,
        "v": 0,
        "height": 0,
        "gapped": 0,
    }
    assert by_kind["volume:5"]["v"] >= 5
    assert by_kind["renko:10"]["height"] == 10
    (total,) = ask(capsys, tmp_path / "a", "select sum(toFloat64(size)) v from trades")
    assert by_kind["volume:5"]["n"] <= total["v"] / 5
    same = ask(
        capsys,
        tmp_path / "a",
        "select count() n from activity_bars a join trades t on a.offset = t.offset and a.`index` = t.`index`"
        " where a.kind = 'tick:1000' and a.close = t.price and a.symbol = t.symbol",
    )
    assert same == [{"n": trades // 1000}], "each is concluded by a trade at its closing price"


@pytest.mark.parametrize(
    "words",
    [
        ("--bars", "tick:2,volume:500,renko:0.5"),
        ("--bars", "tick:2", "--bars", "volume:500", "--bars", "renko:0.5"),
        ("--bars", "tick:2, volume:500,", "--bars", "renko:0.5,tick:2"),
    ],
    ids=("commas", "once each", "both, and one twice"),
)
def test_bars_are_named_with_commas_or_once_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    path, told = tmp_path / "20131007_trade.csv", ("--format", "lean-trades", "--symbol", "IBM")
    path.write_text("".join(f"{34_200_000 + at},{1_000_000 + at % 2 * 5_000},100,N,0,0\n" for at in range(6)))
    assert run(["import", str(path), *told, "--data-dir", str(tmp_path / "a")]) == 0
    assert run(["replay", str(tmp_path / "a"), *words, "--data-dir", str(tmp_path / "b")]) == 0
    capsys.readouterr()
    found = ask(capsys, tmp_path / "b", "select kind, count() n from activity_bars group by kind order by kind")
    assert [(row["kind"], row["n"]) for row in found] == [("renko:0.5", 1), ("tick:2", 3), ("volume:500", 1)]


def test_a_bar_that_cannot_be_filled_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["replay", str(recording("binance/btcusdt_20240808.gz")), *BINANCE, "--bars", "tick:0"]
    assert run([*words, "--data-dir", str(tmp_path / "d")]) == 2
    assert not (tmp_path / "d").exists()
    said = capsys.readouterr().err
    assert "error: a bar of 'tick:0' is filled by no amount" in said
    assert "hint: --bars tick:1000" in said
