"""Rules of a database that a configuration cannot follow, or that is away: nobody else's rules and no record suffer."""

import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from breadboard import journal
from breadboard.app import desk, rulebook, up
from breadboard.app.desk import Desk
from breadboard.app.places import Places
from breadboard.cli import run
from breadboard.config import ApiConfig, ArbitrageConfig, Config, EngineConfig, SettingsConfig
from breadboard.errors import SettingsError, Taken, UsageError
from breadboard.model.rules import Rule, RuleSet
from breadboard.settings.people import OPERATOR

T = TypeVar("T")
PLAIN = {"name": "plain", "kind": "rise", "threshold": 1, "window": "5m"}
FLOW = {"name": "flow", "kind": "expression", "expression": "ofi > 3.0", "window": "5s"}
FOUND = {"name": "odd", "kind": "anomaly", "of": ["burst"]}
ACROSS = {"name": "across", "kind": "arbitrage", "threshold": 5}
AWAY = SettingsConfig(url="postgresql://me@127.0.0.1:9/nobody?connect_timeout=1")
CAPTURE = """
import os, signal, sys
from breadboard.app import capture
from breadboard.capture.line import Line
from breadboard.config import Config, FeedConfig, SettingsConfig

async def once(line):
    os.kill(os.getpid(), signal.SIGTERM)
    return 60.0

Line._once = once
feed = FeedConfig(venue="okx", symbols=("BTC-USDT",), url="ws://127.0.0.1:9/")
sys.exit(capture.run(Config(data_dir=sys.argv[1], feeds=(feed,), settings=SettingsConfig(url=sys.argv[2]))))
"""


def house(tmp_path: Path, name: str, *features: str, rules: RuleSet | None = None) -> Config:
    """Return the configuration of one of several houses on one database."""
    shared = SettingsConfig(url=f"sqlite:///{tmp_path}/shared.db")
    engine = EngineConfig(features=features)
    return Config(data_dir=str(tmp_path / name), settings=shared, engine=engine, rules=rules or RuleSet())


def at(config: Config, work: Callable[[Desk], Awaitable[T]]) -> T:
    return desk.at(config, Places(config.root).made(), work)


def publish(config: Config) -> Any:  # noqa: ANN401 - sentences
    return rulebook.publish(config, Places(config.root).made())


async def _added(rule: Rule, lists: Mapping[str, tuple[str, ...]], here: Desk) -> None:
    await here.rules.add(OPERATOR, [rule], lists)


def left(config: Config) -> list[str]:
    """Return the names of the rules that capture was left."""
    return [rule["name"] for rule in json.loads(Places(config.root).rules.read_bytes()).get("rules", [])]


def test_a_rule_that_one_house_cannot_follow_is_left_out_there_and_blocks_no_change(tmp_path: Path) -> None:
    ours, theirs = house(tmp_path, "ours"), house(tmp_path, "theirs", "ofi")
    at(theirs, lambda here: here.rules.create(OPERATOR, FLOW))
    at(ours, lambda here: here.rules.create(OPERATOR, PLAIN))
    assert left(ours) == ["plain"]
    (reason,) = publish(ours)
    assert "the settings' database: rule 'flow': the feature 'ofi' is not told" in reason
    assert publish(theirs) == ()
    assert left(theirs) == ["flow", "plain"], "that a database says more is found out by looking"
    at(ours, lambda here: here.watchlists.put(OPERATOR, "mine", ["A.SIM"]))
    with pytest.raises(UsageError, match="the feature 'ofi' is not told"):
        at(ours, lambda here: here.rules.create(OPERATOR, {**FLOW, "name": "more"}))
    at(ours, lambda here: here.rules.edit(OPERATOR, "flow", {"enabled": False}))
    assert publish(ours) == (), "one that is switched off is missed by nobody"
    at(ours, lambda here: here.rules.remove(OPERATOR, "flow"))
    assert [one["name"] for one in at(ours, lambda here: here.rules.all_of(OPERATOR))] == ["plain"]


@pytest.mark.parametrize(
    ("rule", "on", "reason"),
    [
        (FOUND, EngineConfig(anomalies=("burst",)), "rule 'odd' is over anomalies, which nobody looks for"),
        (ACROSS, EngineConfig(arbitrage=ArbitrageConfig()), "rule 'across' is over arbitrage, which nobody looks for"),
    ],
)
def test_a_rule_over_what_no_stage_finds_is_refused_and_one_that_is_there_is_left_out(
    tmp_path: Path, rule: dict[str, Any], on: EngineConfig, reason: str
) -> None:
    ours = house(tmp_path, "ours")
    with pytest.raises(UsageError, match=reason) as refused:
        at(ours, lambda here: here.rules.put(OPERATOR, str(rule["name"]), rule))
    assert refused.value.hint.startswith("[engine")
    theirs = msgspec.structs.replace(house(tmp_path, "theirs"), engine=on)
    at(theirs, lambda here: here.rules.create(OPERATOR, rule))
    assert publish(theirs) == ()
    assert left(theirs) == [rule["name"]]
    assert publish(ours) == (f"left out: the settings' database: {reason}",)
    (listed,) = at(ours, lambda here: here.rules.all_of(OPERATOR))
    one = at(ours, lambda here: here.rules.one(OPERATOR, str(rule["name"])))
    assert listed["left_out"] == one["left_out"] == f"the settings' database: {reason}"
    assert at(theirs, lambda here: here.rules.one(OPERATOR, str(rule["name"])))["left_out"] is None
    at(ours, lambda here: here.rules.edit(OPERATOR, str(rule["name"]), {"enabled": False}))
    assert publish(ours) == (), "one that is switched off is missed by nobody"
    own = msgspec.structs.replace(ours, rules=RuleSet((Rule(name="x", kind=rule["kind"], threshold=5),)))
    with pytest.raises(UsageError, match="'x' is over"):
        rulebook.verified(own, Places(own.root))


def test_rules_of_a_configuration_that_would_never_fire_are_refused_by_a_replay_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, config, data = tmp_path / "tape.gz", tmp_path / "config.toml", tmp_path / "data"
    recording.touch()
    config.write_text('[[rules]]\nname = "odd"\nkind = "anomaly"\n')
    words = [
        "replay",
        recording,
        "--venue",
        "binance",
        "--format",
        "hftbacktest",
        "--config",
        config,
        "--data-dir",
        data,
    ]
    assert run([str(word) for word in words]) == UsageError.exit_code
    assert f"{config}: rule 'odd' is over anomalies, which nobody looks for" in capsys.readouterr().err
    assert not data.exists()


def test_a_rule_over_anomalies_of_which_none_is_looked_for_is_refused(tmp_path: Path) -> None:
    """One of several that is looked for is enough: there it fires."""
    some = msgspec.structs.replace(house(tmp_path, "ours"), engine=EngineConfig(anomalies=("burst",)))
    with pytest.raises(UsageError, match="rule 'odd' is over 'price_jump', which nobody looks for") as refused:
        at(some, lambda here: here.rules.create(OPERATOR, {**FOUND, "of": ["price_jump"]}))
    assert refused.value.hint == '[engine] anomalies = ["burst", "price_jump"]   # or "all"'
    at(some, lambda here: here.rules.create(OPERATOR, {**FOUND, "of": ["price_jump"], "enabled": False}))
    at(some, lambda here: here.rules.remove(OPERATOR, "odd"))
    at(some, lambda here: here.rules.create(OPERATOR, {**FOUND, "of": ["price_jump", "burst"]}))
    assert left(some) == ["odd"]


def test_of_one_name_the_configurations_holds_and_the_databases_can_be_taken_away(tmp_path: Path) -> None:
    before = house(tmp_path, "ours")
    at(before, lambda here: here.watchlists.put(OPERATOR, "small", ["B.SIM"]))
    at(before, lambda here: here.rules.create(OPERATOR, {**PLAIN, "symbols": ["@small"]}))
    own = RuleSet((Rule(name="plain", kind="gap", symbols=("@small",)),), {"small": ("A.SIM",)})
    now = house(tmp_path, "ours", rules=own)
    said = " ".join(publish(now))
    assert "a watchlist of the settings' database is left out: the configuration has another of its name" in said
    assert "the rule 'plain' of the settings' database is left out" in said
    assert str(tmp_path) not in said, "every reader of status is told"
    assert "small" not in said, "it may be a watchlist that nobody else sees"
    assert json.loads(Places(now.root).rules.read_bytes()) == {
        "rules": [{"name": "plain", "kind": "gap", "symbols": ["@small"]}],
        "watchlists": {"small": ["A.SIM"]},
    }
    both = at(now, lambda here: here.rules.all_of(OPERATOR))
    assert [(one["name"], one["from"], one["left_out"]) for one in both] == [
        ("plain", "configuration", None),
        ("plain", "database", "the configuration has one of this name"),
    ]
    at(now, lambda here: here.rules.remove(OPERATOR, "plain"))
    at(now, lambda here: here.watchlists.remove(OPERATOR, "small"))
    assert publish(now) == ()
    with pytest.raises(Taken, match="is of the configuration"):
        at(now, lambda here: here.rules.remove(OPERATOR, "plain"))
    with pytest.raises(Taken, match="is of the configuration"):
        at(now, lambda here: here.watchlists.remove(OPERATOR, "small"))


def test_a_list_can_be_removed_while_a_rule_names_one_of_the_configuration(tmp_path: Path) -> None:
    ours = house(tmp_path, "ours", rules=RuleSet((), {"small": ("A.SIM",)}))
    at(ours, lambda here: here.watchlists.put(OPERATOR, "unused", ["B.SIM"]))
    at(ours, lambda here: here.watchlists.put(OPERATOR, "used", ["B.SIM"]))
    at(ours, lambda here: here.rules.create(OPERATOR, {**PLAIN, "symbols": ["@small", "@used"]}))
    at(ours, lambda here: here.watchlists.remove(OPERATOR, "unused"))
    with pytest.raises(Taken, match="a rule watches 'used'"):
        at(ours, lambda here: here.watchlists.remove(OPERATOR, "used"))
    lists = at(ours, lambda here: here.watchlists.all_of(OPERATOR))
    assert [one["name"] for one in lists] == ["small", "used"]


def test_a_file_of_rules_overwrites_no_watchlist(tmp_path: Path) -> None:
    ours = house(tmp_path, "ours", rules=RuleSet((), {"fixed": ("A.SIM",)}))
    at(ours, lambda here: here.watchlists.put(OPERATOR, "mine", ["A.SIM", "B.SIM"]))
    rule = Rule(name="other", kind="gap")
    for lists, said in (
        ({"mine": ("Z.SIM",)}, "there is a watchlist 'mine' already, and it has other symbols"),
        ({"fixed": ("Z.SIM",)}, "there is a watchlist 'fixed' already"),
        ({"n" * 65: ("Z.SIM",)}, "one has 1 to 64 printable characters"),
        ({"": ("Z.SIM",)}, "has no name"),
    ):
        with pytest.raises(UsageError, match=said):
            at(ours, partial(_added, rule, lists))
    same = {"mine": ("A.SIM", "B.SIM"), "fixed": ("A.SIM",), "new": ("C.SIM",)}
    at(ours, lambda here: here.rules.add(OPERATOR, [rule], same))
    found = {one["name"]: one["symbols"] for one in at(ours, lambda here: here.watchlists.all_of(OPERATOR))}
    assert found == {"mine": ["A.SIM", "B.SIM"], "fixed": ["A.SIM"], "new": ["C.SIM"]}


def test_while_the_database_is_away_the_rules_of_last_time_hold_and_those_of_now_come_later(tmp_path: Path) -> None:
    ours = house(tmp_path, "ours")
    at(ours, lambda here: here.rules.create(OPERATOR, PLAIN))
    away = Config(data_dir=ours.data_dir, settings=AWAY)
    publisher = rulebook.Publisher(away, Places(away.root))
    assert not publisher.look()
    (reason,) = publisher.reasons
    assert reason == "the rules cannot be looked up, and those of last time hold", "and nothing of where"
    assert left(ours) == ["plain"]
    with pytest.raises(SettingsError) as refused:
        publish(away)
    assert refused.value.transient
    at(house(tmp_path, "theirs"), lambda here: here.rules.create(OPERATOR, {**PLAIN, "name": "news"}))
    back = rulebook.Publisher(ours, Places(ours.root))
    assert back.look()
    assert (back.reasons, left(ours)) == ((), ["news", "plain"])


def test_rules_that_nobody_can_read_are_told_in_status_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_config: Config, _places: Places) -> tuple[str, ...]:
        raise ValueError("a kind of rule that a later version has")

    ours = house(tmp_path, "ours")
    publisher = rulebook.Publisher(ours, Places(ours.root).made())
    with monkeypatch.context() as patch:
        patch.setattr(rulebook, "publish", broken)
        assert [publisher.look() for _ in range(3)] == [False] * 3
    assert publisher.reasons == ("the rules cannot be read by this version, and those of last time hold",)
    assert [record.levelname for record in caplog.records if record.name == rulebook.log.name] == ["ERROR"]
    assert publisher.look()
    assert not publisher.reasons


def test_our_own_database_is_looked_into_when_it_was_written_to_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, looks = Config(data_dir=str(tmp_path / "ours")), []
    found = rulebook.publish

    def counted(config: Config, places: Places) -> tuple[str, ...]:
        looks.append(places.settings.exists())
        return found(config, places)

    monkeypatch.setattr(rulebook, "publish", counted)
    publisher = rulebook.Publisher(ours, Places(ours.root).made())
    assert [publisher.look() for _ in range(3)] == [True] * 3
    assert looks == [False]
    at(ours, lambda here: here.rules.create(OPERATOR, PLAIN))
    Places(ours.root).rules.unlink()  # as if nobody had been left word of it
    assert [publisher.look() for _ in range(3)] == [True] * 3
    assert (looks, left(ours)) == ([False, True], ["plain"])


def test_capture_records_while_the_database_is_away(tmp_path: Path) -> None:
    words = [sys.executable, "-c", CAPTURE, str(tmp_path / "data"), AWAY.url]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "the rules cannot be looked up, and those of last time hold" in done.stderr
    assert journal.info(Places(tmp_path / "data").journal).durable > 0, "it was recording"


def test_up_tells_of_rules_that_are_left_out_and_refuses_a_database_that_never_will_be_there(tmp_path: Path) -> None:
    theirs, ours = house(tmp_path, "theirs", "ofi"), house(tmp_path, "ours")
    at(theirs, lambda here: here.rules.create(OPERATOR, FLOW))
    odd = Config(data_dir=ours.data_dir, settings=SettingsConfig(url="mysql://me@host/x"))
    with pytest.raises(SettingsError, match="not in 'mysql'"):
        up.run(odd, pytest.fail, threading.Event())
    said: list[str] = []
    for config in (ours, Config(data_dir=ours.data_dir, settings=AWAY)):
        nowhere = Config(
            data_dir=config.data_dir, settings=config.settings, api=ApiConfig(host="192.0.2.1", port=1, hosts=())
        )
        with pytest.raises((UsageError, SettingsError)):  # an address that this machine does not have
            up.run(nowhere, said.append, threading.Event())
    assert "rule 'flow': the feature 'ofi' is not told" in said[0]
    assert "until it can, the rules of last time hold" in said[1]
