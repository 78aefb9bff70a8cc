"""Alert rules by the commands that a person writes: over a recording, over its journal, in a database."""

import json
from pathlib import Path
from typing import Any

import pytest

from breadboard.app import desk
from breadboard.app.places import Places
from breadboard.cli import run
from breadboard.errors import UsageError
from breadboard.settings.people import OPERATOR
from recordings import recording
from typed import ask

BTC = "binance/btcusdt_20240808.gz"
RULES = """
[watchlists]
majors = ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"]

[[rules]]
name = "majors rise"
kind = "rise"
symbols = ["@majors"]
threshold = 0.05
window = "1m"
rearm = 0.02

[[rules]]
name = "61,700"
kind = "cross"
threshold = 61700
cooldown = "10s"

[[rules]]
name = "above its average"
kind = "expression"
expression = "close > vwap * 1.0002"
window = "1s"
"""


def said(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> dict[str, Any]:
    assert run([*map(str, words), "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert run([*map(str, words)]) == 2
    told = capsys.readouterr().err
    assert "hint:" in told
    return told


RISE = {
    "name": "majors rise",
    "kind": "rise",
    "symbols": ["@majors"],
    "threshold": 0.05,
    "window": "1m",
    "rearm": 0.02,
}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def test_a_back_test_has_the_alerts_of_the_replay(
    tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, again = tmp_path / "data", tmp_path / "again"
    words = ("replay", recording(BTC), "--venue", "binance", "--format", "hftbacktest")
    replayed = said(capsys, *words, "--rules", rules, "--data-dir", data, "--batch", "777")
    columns = "rule, rule_version, alert_id, message, value, threshold, provenance"
    stored = ask(capsys, data, f"select {columns} from alerts order by offset, rule")
    assert len(stored) == replayed["alerts"] > 10
    assert {row["provenance"] for row in stored} == {"replay"}
    versions = {row["rule"]: row["rule_version"] for row in stored}
    for name in ("majors rise", "61,700", "above its average"):
        tried = said(capsys, "rules", "test", name, "--rules", rules, "--data-dir", data)
        mine = [row for row in stored if row["rule"] == name]
        assert tried["fired"] == len(mine) > 0
        assert [one["id"] for one in tried["alerts"]] == [row["alert_id"] for row in mine]
        assert {row["rule_version"] for row in mine} == {tried["version"]}
    # The API asks for the same, in a process of its own.
    places = Places(data)
    lists = ("BTCUSDT.BINANCE", "ETHUSDT.BINANCE")
    desk.at(places.config(), places, lambda here: here.watchlists.put(OPERATOR, "majors", lists))
    asked = desk.at(places.config(), places, lambda here: here.rules.test(OPERATOR, RISE, None, None))
    mine = [row["alert_id"] for row in stored if row["rule"] == "majors rise"]
    assert [one["id"] for one in asked["alerts"]] == mine[:100]
    assert (asked["fires"], asked["days"], asked["version"]) == (len(mine), 1, versions["majors rise"])
    assert (asked["first"], asked["last"]) == (asked["alerts"][0]["time"], asked["alerts"][-1]["time"])
    with pytest.raises(UsageError, match="start 2024-08-09 is not before end 2024-08-08"):
        desk.at(places.config(), places, lambda here: here.rules.test(OPERATOR, RISE, "2024-08-09", "2024-08-08"))
    part = said(
        capsys,
        *("rules", "test", "majors rise", "--rules", rules, "--data-dir", data),
        *("--from", "2024-08-08T23:55", "--to", "2024-08-08T23:58"),
    )
    assert 0 < part["fired"] < len([row for row in stored if row["rule"] == "majors rise"])
    assert all("2024-08-08T23:55" <= one["time"] < "2024-08-08T23:58" for one in part["alerts"])
    crossing = ("rules", "test", "61,700", "--rules", rules, "--data-dir", data)
    whole, nobody = said(capsys, *crossing), said(capsys, *crossing, "--to", "2024-08-07")
    halves = [said(capsys, *crossing, word, "2024-08-08T23:56") for word in ("--from", "--to")]
    assert (nobody["fired"], nobody["held"]) == (0, 0)
    assert sum(half["fired"] for half in halves) == whole["fired"]
    assert 0 < whole["held"] <= sum(half["held"] for half in halves) <= whole["held"] + 5
    # The journal has its rules in it: replayed, it has its alerts, under their ids.
    copied = said(capsys, "replay", data, "--data-dir", again)
    assert (copied["alerts"], copied["digest"]) == (replayed["alerts"], replayed["digest"])
    assert ask(capsys, again, f"select {columns} from alerts order by offset, rule") == stored
    assert "a journal has its own rules" in refused(
        capsys, "replay", data, "--data-dir", tmp_path / "third", "--rules", rules
    )


def test_rules_are_added_edited_and_taken_away(tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("--data-dir", tmp_path / "data")
    first = said(capsys, "rules", "add", "--rules", rules, *data)["added"]
    assert [one["name"] for one in first] == ["majors rise", "61,700", "above its average"]
    assert first == said(capsys, "rules", "check", rules)["rules"]
    said(capsys, "rules", "add", "up", "--kind", "rise", "--threshold", "1", "--window", "5m", *data)
    changed = said(capsys, "rules", "edit", "up", "--threshold", "2", "--symbols", "@majors", *data)["changed"][0]
    assert "rises 2 %" in changed["says"]
    said(capsys, "rules", "edit", "up", "--disabled", *data)
    listed = {one["name"]: one for one in said(capsys, "rules", "list", *data)["rules"]}
    assert (listed["up"]["number"], listed["up"]["enabled"], listed["up"]["from"]) == (3, False, "database")
    assert listed["majors rise"]["version"] == first[0]["version"], "the same words are the same version"
    wanted = json.loads((tmp_path / "data" / "rules.json").read_bytes())
    assert {rule["name"] for rule in wanted["rules"]} == set(listed)
    said(capsys, "rules", "remove", "up", *data)
    assert "up" not in {one["name"] for one in said(capsys, "rules", "list", *data)["rules"]}
    assert "majors" in refused(capsys, "rules", "watch", "majors", *data), "a rule names it"


def test_rules_are_where_the_configuration_says_before_anything_has_run(
    tmp_path: Path, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "house.toml"
    url = f"sqlite:///{tmp_path}/shared.db"
    file.write_text(f'data_dir = "{tmp_path}/data"\n[engine]\nfeatures = ["ofi"]\n[settings]\nurl = "{url}"\n')
    where = ("--config", file)
    flow = ("--kind", "expression", "--expression", "ofi > 5.0", "--window", "5s")
    assert [one["name"] for one in said(capsys, "rules", "add", "flow", *flow, *where)["added"]] == ["flow"]
    said(capsys, "rules", "add", "--rules", rules, *where)
    said(capsys, "rules", "edit", "flow", "--disabled", *where)
    said(capsys, "rules", "watch", "mine", "A.SIM", *where)
    said(capsys, "rules", "watch", "mine", *where)
    said(capsys, "rules", "remove", "61,700", *where)
    listed = {one["name"]: one["enabled"] for one in said(capsys, "rules", "list", *where)["rules"]}
    assert listed == {"above its average": True, "flow": False, "majors rise": True}
    assert (tmp_path / "shared.db").exists()
    assert not (tmp_path / "data" / "settings.db").exists()
    wanted = json.loads((tmp_path / "data" / "rules.json").read_bytes())
    assert {rule["name"] for rule in wanted["rules"]} == set(listed)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("add",), "a rule has a name, or comes from a file"),
        (("add", "x", "--kind", "rise"), "needs a threshold"),
        (("add", "x", "--kind", "rise", "--threshold", "much", "--window", "5m"), "'much'"),
        (("add", "x", "--kind", "expression", "--window", "1m", "--expression", "close > 5"), "no matching overload"),
        (("add", "x", "--kind", "expression", "--window", "1m", "--expression", "ofi > 5.0"), "'ofi' is not told"),
        (("edit", "x", "--threshold", "2"), "no rule 'x'"),
        (("edit", "x"), "nothing of 'x' is to be changed"),
        (("remove", "x"), "no rule 'x'"),
        (("test", "x"), "no rule 'x'"),
        (("check", "none.toml"), "none.toml cannot be read"),
    ],
)
def test_mistakes_are_told_in_a_sentence_and_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    data = () if words[0] == "check" else ("--data-dir", tmp_path / "data")
    assert complaint in refused(capsys, "rules", *words, *data)
    assert not (tmp_path / "data" / "rules.json").exists()
