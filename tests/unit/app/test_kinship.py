"""A store beside a journal it was not made from is refused: otherwise that much of the journal would be left out."""

import shutil
from pathlib import Path

import pytest

from breadboard import journal
from breadboard.app import kinship
from breadboard.app.places import Places
from breadboard.errors import JournalError, StoreError
from journals import fill


def record(places: Places, count: int) -> None:
    writer = journal.Writer.open(places.journal, compress=False)
    fill(writer, count)
    writer.close()


def renewed(places: Places, count: int) -> None:
    shutil.rmtree(places.journal)
    record(places, count)


def test_the_journal_that_was_noted_is_accepted_again_however_long_it_has_become(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    kinship.note(places, places.store)  # there is none yet
    record(places, 30)
    kinship.note(places, places.store)
    record(places, 30)
    kinship.check(places, places.store, 30)
    kinship.check(places, places.store, 60)


def test_another_journal_is_refused_even_when_it_is_longer(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    record(places, 30)
    kinship.note(places, places.store)
    renewed(places, 300)
    kinship.note(places, places.store)  # does not forget whose the store is
    with pytest.raises(StoreError, match="30 offsets of another journal"):
        kinship.check(places, places.store, 30)


def test_a_journal_too_short_for_the_store_is_refused_when_nothing_was_noted(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    record(places, 20)
    with pytest.raises(JournalError, match="offset 30 lies beyond the end"):
        kinship.check(places, places.store, 30)


def test_an_empty_store_goes_with_any_journal(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    record(places, 30)
    kinship.note(places, places.store)
    renewed(places, 40)
    kinship.check(places, places.store, 0)
    kinship.note(places, places.store)
    kinship.check(places, places.store, 40)


def test_the_store_of_another_journal_is_refused_where_it_was_copied_to(tmp_path: Path) -> None:
    ours, theirs = (Places(tmp_path / name).made() for name in ("ours", "theirs"))
    for places in (ours, theirs):
        record(places, 30)
        places.store.mkdir()
        kinship.note(places, places.store)
        kinship.check(places, places.store, 30)
    shutil.rmtree(ours.store)
    shutil.copytree(theirs.store, ours.store)
    with pytest.raises(StoreError, match="30 offsets of another journal"):
        kinship.check(ours, ours.store, 30)
    kinship.check(ours, ours.store, 0)  # an empty store is anybody's
    kinship.note(ours, ours.store)
    kinship.check(ours, ours.store, 30)


def test_a_store_on_a_server_leaves_the_word_of_an_embedded_one_alone(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    record(places, 30)
    places.store.mkdir()
    kinship.note(places, places.store)
    renewed(places, 30)
    kinship.check(places, None, 0)
    kinship.note(places, None)
    kinship.check(places, None, 30)
    with pytest.raises(StoreError, match="30 offsets of another journal"):
        kinship.check(places, places.store, 30)
