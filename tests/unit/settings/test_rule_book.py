"""Rules in a database: every change is kept, nothing is half done."""

from pathlib import Path

import pytest

from breadboard.clock import ManualClock
from breadboard.errors import BreadboardError, UsageError
from breadboard.model.rules import Rule
from breadboard.settings.rules import RuleBook, sqlite

UP = Rule(name="up", kind="rise", threshold=1.0, window="5m")
GAP = Rule(name="gap", kind="gap", symbols=("@mine",))


def book(path: Path) -> RuleBook:
    return RuleBook(sqlite(path / "settings.db"), ManualClock())


def test_each_change_is_an_edition_of_its_own(tmp_path: Path) -> None:
    one = book(tmp_path)
    one.put([UP, GAP])
    one.put([UP])
    one.put([Rule(name="up", kind="rise", threshold="2.5", window="5m")])
    one.remove("up")
    one.put([UP])
    one.close()
    again = book(tmp_path)
    assert [(each.number, each.removed, each.rule.threshold) for each in again.history("up")] == [
        (1, False, 1.0),
        (2, False, "2.5"),
        (3, True, "2.5"),
        (4, False, 1.0),
    ]
    assert again.ruleset().rules == (GAP, UP)
    assert [each.number for each in again.newest()] == [1, 4]
    again.close()


def test_watchlists_are_kept_and_forgotten(tmp_path: Path) -> None:
    one = book(tmp_path)
    one.put_watchlist("mine", ["A.X", "B.X"])
    one.put_watchlist("mine", ["C.X"])
    assert one.ruleset().watchlists == {"mine": ("C.X",)}
    one.put_watchlist("mine", [])
    assert one.ruleset().watchlists == {}
    one.close()


def test_what_a_database_refuses_is_said_without_its_password(tmp_path: Path) -> None:
    one = book(tmp_path)
    with pytest.raises(UsageError, match="no rule 'up'"):
        one.remove("up")
    one.close()
    (tmp_path / "settings.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(BreadboardError, match="cannot be used: file is not a database"):
        book(tmp_path)
    for url in (
        "nosuch://me:secret@host/x",
        "sqlite:////nowhere/at/all.db",
        "postgresql+psycopg://me:secret@host/x",
        "odd",
    ):
        with pytest.raises(BreadboardError) as refused:
            RuleBook(url, ManualClock())
        assert "secret" not in refused.value.sentence + refused.value.hint


def test_two_writers_do_not_lose_each_others_rules(tmp_path: Path) -> None:
    one, other = book(tmp_path), book(tmp_path)
    one.put([UP])
    other.put([GAP])
    assert {rule.name for rule in one.ruleset().rules} == {"up", "gap"}
    one.close()
    other.close()
