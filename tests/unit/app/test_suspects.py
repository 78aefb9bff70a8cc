"""Frames that processes die at: narrowed from start to start, condemned at the third death alone, else forgiven."""

from pathlib import Path

import pytest

from breadboard.app import auditing
from breadboard.app.places import Places
from breadboard.app.suspects import Suspects, copy_condemned

MOST = 65_536
OURS = 7
"""The identity of a journal."""


def died(path: Path, begin: int, end: int) -> Suspects:
    """Return what the next process knows after one died while it took these frames."""
    Suspects(path, OURS).taking(begin, end)
    return Suspects(path, OURS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "suspects.json"


def test_nothing_is_held_against_frames_that_were_taken(path: Path) -> None:
    first = Suspects(path, OURS)
    first.taking(0, 100)
    first.taken()
    assert (Suspects(path, OURS).limit(0, MOST), Suspects(path, OURS).condemned) == (MOST, ())


def test_after_a_death_the_frames_are_taken_in_pieces_and_those_before_and_behind_as_ever(path: Path) -> None:
    found = died(path, 1_000, 1_000 + MOST)
    assert [found.limit(at, MOST) for at in (0, 990, 1_000, 1_001, 1_000 + MOST - 3)] == [1_000, 10, 256, 256, 3]
    assert [found.limit(at, 7) for at in (0, 1_000)] == [7, 7]
    assert found.limit(1_000 + MOST, MOST) == MOST
    assert found.limit(1_000, MOST) == MOST, "what was taken is forgiven"
    assert Suspects(path, OURS).limit(1_000, MOST) == MOST, "by the next process, too"


def test_three_deaths_at_ever_fewer_frames_condemn_the_one(path: Path) -> None:
    assert died(path, 0, MOST).limit(0, MOST) == 256
    assert died(path, 512, 768).limit(512, MOST) == 1
    found = died(path, 600, 601)
    assert found.condemned == (600,)
    assert found.limit(0, MOST) == MOST
    assert died(path, 600, 700).condemned == (600,), "and what follows is another matter"


def test_few_frames_are_taken_alone_at_once_and_condemned_no_sooner(path: Path) -> None:
    assert died(path, 5, 9).limit(5, MOST) == 1
    assert died(path, 7, 8).condemned == ()
    assert died(path, 7, 8).condemned == (7,)


def test_deaths_elsewhere_begin_anew(path: Path) -> None:
    died(path, 5, 9)
    died(path, 7, 8)
    assert died(path, 20, 21).condemned == (), "whatever ended it, it was not that frame"
    assert died(path, 20, 21).condemned == ()
    assert died(path, 20, 21).condemned == (20,)


def test_a_damaged_file_is_as_none_and_verdicts_go_with_a_copy(path: Path, tmp_path: Path) -> None:
    for _ in range(3):
        died(path, 7, 8)
    copy_condemned(path, tmp_path / "other.json")
    assert Suspects(tmp_path / "other.json", OURS).condemned == (7,)
    copy_condemned(tmp_path / "none.json", tmp_path / "nothing.json")
    assert not (tmp_path / "nothing.json").exists()
    path.write_bytes(b"{")
    assert Suspects(path, OURS).condemned == ()


@pytest.mark.parametrize("now", [OURS + 1, 0])
def test_what_was_noted_of_another_journal_says_nothing_of_the_frames_of_this_one(path: Path, now: int) -> None:
    for _ in range(3):
        died(path, 7, 8)
    Suspects(path, OURS).taking(0, MOST)
    found = Suspects(path, now)
    assert (found.condemned, found.limit(0, MOST)) == ((), MOST)
    found.taking(20, 21)
    assert Suspects(path, OURS + 1).limit(20, MOST) == 1, "deaths since then count"


def test_what_is_condemned_is_known_on_when_the_store_is_built_anew(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    places.store.mkdir()
    for _ in range(3):
        died(places.suspects, 7, 8)
    auditing._move_aside(places)
    assert Suspects(places.suspects, OURS).condemned == (7,)
