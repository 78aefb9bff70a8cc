"""Merges wait while a flood of rows lasts, and no longer."""

from pathlib import Path

import pytest

from breadboard.model.instruments import Instrument
from breadboard.model.recent import Recent
from breadboard.store import flood as flood_module
from breadboard.store import records
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.flood import PARTS, ROWS, WINDOW_S, Flood


class Clock:
    """Time that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(flood_module, "Recent", lambda window_s: Recent(window_s, lambda: self.now))


def test_it_begins_with_many_rows_in_a_short_time_and_ends_when_they_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, flood = Clock(monkeypatch), Flood()
    assert not flood.take("quotes", ROWS - 1)
    assert flood.take("trades", 1), "told once that it has begun"
    clock.now += WINDOW_S / 2
    assert not flood.take("quotes", 1)
    clock.now += WINDOW_S
    assert flood.take("quotes", 1), "told once that it is over"
    assert not flood.lasts
    assert not flood.take("quotes", 1)


def test_no_table_gets_more_parts_than_queries_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    flood = Flood()
    told = [flood.take("quotes", ROWS) for _ in range(PARTS + 5)]
    assert [place for place, each in enumerate(told) if each] == [0, PARTS]
    assert not flood.lasts


def test_an_embedded_store_merges_nothing_meanwhile_and_everything_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(flood_module, "ROWS", 2)
    count = "SELECT count() AS parts, sum(rows) AS rows FROM system.parts WHERE active AND table = 'instruments'"
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:

        def write(number: int) -> None:
            known = [Instrument("V", f"A{number}"), Instrument("V", f"B{number}")]
            store.write("instruments", records.instruments(known, 0), f"instruments:{number}:{number + 1}")

        for number in range(12):
            write(number)
        with pytest.raises(Exception, match=r"[Cc]ancel|ABORTED|stopped"):
            store.command("OPTIMIZE TABLE instruments FINAL")
        assert store.query(count).to_pylist() == [{"parts": 12, "rows": 24}]
        clock.now += 10
        monkeypatch.setattr(flood_module, "ROWS", 100)
        write(12)
        store.command("OPTIMIZE TABLE instruments FINAL")
        assert store.query(count).to_pylist() == [{"parts": 1, "rows": 26}]
