"""The data directory is removed or moved while `up` runs: it says so, and goes on recording where it was told to."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from breadboard import journal
from breadboard.errors import BreadboardError
from scenarios.house import House, ask, ticking, wait_for


def _moved(directory: Path) -> None:
    directory.rename(directory.with_name("elsewhere"))


def _removed(directory: Path) -> None:
    while directory.exists():  # files are made in it meanwhile
        shutil.rmtree(directory, ignore_errors=True)


def _trades(house: House) -> int:
    """How many trades the store has; 0 while there is nobody to ask."""
    try:
        return int(ask(house.data_dir, "select count() n from trades")[0]["n"])
    except (BreadboardError, OSError):
        return 0


@pytest.mark.timeout(300)
def test_a_store_that_is_gone_is_filled_anew_from_the_journal_while_capture_goes_on(tmp_path: Path) -> None:
    with ticking(tmp_path / "data") as house:
        wait_for("trades to be stored", lambda: _trades(house))
        before = house.processes()
        house.places.store.rename(tmp_path / "store")
        gone = f"serve ended ({house.places.store} was removed, moved or replaced while it was in use"
        wait_for("word of serve", lambda: gone in house.words)
        wait_for("another serve", lambda: house.processes().get("serve", before["serve"]) != before["serve"])
        house.caught_up()
        after = house.processes()
        assert (after["capture"], after["up"]) == (before["capture"], before["up"])
        (ledger,) = ask(house.data_dir, "select min(first) first, max(end) end from batches")
        assert int(ledger["first"]) == 0
        assert int(ledger["end"]) > 0
        assert _trades(house)
        house.down()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("gone", [_moved, _removed])
def test_a_data_directory_that_is_gone_is_told_of_and_begun_anew(tmp_path: Path, gone: Callable[[Path], None]) -> None:
    with ticking(tmp_path / "data") as house:
        wait_for("trades to be stored", lambda: _trades(house))
        before = house.processes()
        gone(house.data_dir)
        lost = f"capture ended ({house.places.journal}/HEAD was removed, moved or replaced while it was in use"
        wait_for("word of capture", lambda: lost in house.words)
        wait_for("word of serve", lambda: "serve ended (" in house.words)  # whoever misses it first says it
        wait_for("both to run again", lambda: {"capture", "serve"} <= house.processes().keys())
        after = house.processes()
        assert after["up"] == before["up"]
        assert after["capture"] != before["capture"]
        wait_for("trades to be stored where they belong", lambda: _trades(house))
        assert journal.verify(house.places.journal).ok
        house.down()
    assert list(house.data_dir.glob("journal/*.seg*"))
