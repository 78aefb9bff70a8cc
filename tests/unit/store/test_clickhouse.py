"""The embedded store: who owns the directory, what an audit tells, and that upkeep keeps."""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

import outputs_made as made
from breadboard.errors import BreadboardError, QueryRefused, StoreError, TookTooLong
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import BarState
from breadboard.model.tape import Tape
from breadboard.store import clickhouse, rows, windows
from breadboard.store.audit import audit
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter


def fill(folder: Path, end: int) -> None:
    with ClickHouseStore.open(f"chdb://{folder}/store") as store:
        writer = StoreWriter(store, folder / "writer")
        for first in range(0, end, 150):
            writer.write(made.outputs(first, first + 150), made.open_bars(first + 150), made.instruments())
            writer.flush()
        writer.close()


def test_a_second_process_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    code = "import sys; from breadboard.store.clickhouse import ClickHouseStore; ClickHouseStore.open(sys.argv[1])"
    with ClickHouseStore.open(f"chdb://{tmp_path}/store"):
        again = [sys.executable, "-c", code, f"chdb://{tmp_path}/store"]
        found = subprocess.run(again, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert f"process {os.getpid()} holds the store" in found.stderr


def test_a_trade_without_a_size_is_null_when_asked_for(tmp_path: Path) -> None:
    tape = Tape.of(2, {"kind": [1, 1], "instrument": [0, 0], "offset": [0, 1], "price": [1, 2], "size": [7, ABSENT]})
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write("trades", rows.trades(tape, labels), "once")
        found = store.query("SELECT size FROM trades ORDER BY offset")["size"].to_pylist()
    assert found == [Decimal("0.00000007"), None]


def test_sql_may_compute_with_what_the_venue_did_not_say(tmp_path: Path) -> None:
    """ClickHouse computes on what lies under a NULL, and fails where that is out of range."""
    said = {"price": [5 * 10**9, ABSENT], "ask_price": [6 * 10**9, 7 * 10**9], "ts_event": [10**18, ABSENT]}
    tape = Tape.of(2, {"kind": [2, 2], "instrument": [0, 0], "offset": [0, 1], "ts_recv": [10**18 + 5] * 2, **said})
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    sql = (
        "SELECT ask_price - bid_price AS spread, (ask_price + bid_price) / 2 AS mid, bid_price * 10000 AS scaled, "
        "dateDiff('nanosecond', ts_event, ts_recv) AS lag, ts_recv - ts_event AS since FROM quotes ORDER BY offset"
    )
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write("quotes", rows.quotes(tape, labels), "once")
        first, second = store.query(sql).to_pylist()
    assert first == {
        "spread": Decimal(1),
        "mid": Decimal("5.5"),
        "scaled": Decimal(50_000),
        "lag": 5,
        "since": Decimal("5e-9"),
    }
    assert second == dict.fromkeys(first)


def test_a_truncated_part_is_detached_in_silence_and_the_audit_tells(tmp_path: Path) -> None:
    fill(tmp_path, 450)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        assert audit(store, deep=True).ok
        sql = "SELECT path FROM system.parts WHERE table = 'trades' AND active ORDER BY name LIMIT 1"
        part = Path(store.query(sql)["path"][0].as_py())
    (packed,) = part.iterdir()  # one insert, one file
    os.truncate(packed, packed.stat().st_size // 2)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        report = audit(store)
        kept = store.query("SELECT count() AS n FROM trades")["n"][0].as_py()
    assert not report.ok
    assert [one[0] for one in report.detached] == ["trades"]
    assert report.mismatches == (("trades", 150, kept),)
    assert kept < 150


def test_a_lost_ledger_row_and_a_lost_bar_are_told(tmp_path: Path) -> None:
    fill(tmp_path, 450)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.command("ALTER TABLE bar_versions DELETE WHERE offset = 200 SETTINGS mutations_sync = 2")
        assert audit(store).mismatches == (("bars", 4, 3),)
        store.command("ALTER TABLE batches DELETE WHERE first = 150 SETTINGS mutations_sync = 2")
        report = audit(store)
    assert report.holes == ((150, 300),)
    assert {one[0] for one in report.mismatches} >= {"trades", "quotes"}


def grow_old(store: ClickHouseStore, days: float, tables: tuple[str, ...] = ("batches",)) -> None:
    """Have everything in some tables be stored so many days ago."""
    for table in tables:
        ago = f"ts_store = now64(3) - INTERVAL {int(days * 86_400)} SECOND"
        store.command(f"ALTER TABLE {table} UPDATE {ago} WHERE true SETTINGS mutations_sync = 2")


def test_a_day_of_ticks_is_audited_but_for_what_is_about_to_expire_and_where_nothing_is_it_says_so(
    tmp_path: Path,
) -> None:
    fill(tmp_path, 450)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store", tick_days=1) as store:
        report = audit(store)
        assert (report.ok, report.batches, report.aside, report.note) == (True, 3, 0, "")
        store.command("ALTER TABLE trades DELETE WHERE offset < 150 SETTINGS mutations_sync = 2")
        assert audit(store).mismatches == (("trades", 150, 100),)
        grow_old(store, 0.7)
        assert audit(store).mismatches == (("trades", 150, 100),)
        grow_old(store, 0.8)
        report = audit(store)
        assert (report.ok, report.batches, report.aside) == (True, 0, 3)
        assert report.note == "nothing was compared: all 3 batches were stored so long ago that ticks of them expire"


def test_what_had_expired_before_ticks_were_kept_longer_is_no_loss(tmp_path: Path) -> None:
    address = f"chdb://{tmp_path}/store"
    fill(tmp_path, 450)
    with ClickHouseStore.open(address, tick_days=3) as store:
        grow_old(store, 5)
        store.command("ALTER TABLE trades DELETE WHERE offset < 450 SETTINGS mutations_sync = 2")  # as a TTL does
        assert audit(store).ok
    with ClickHouseStore.open(address, tick_days=30) as store:
        report = audit(store)
        assert (report.ok, report.batches, report.aside) == (True, 0, 3)
        grow_old(store, 2)  # these were there when it was changed
        assert audit(store).mismatches == (("trades", 150, 0),)
        grow_old(store, 5)
    for days in (2, 30, 30):  # a shorter life in between takes nothing back
        with ClickHouseStore.open(address, tick_days=days) as store:
            assert audit(store).ok


def test_a_withdrawn_bar_is_shown_no_more_and_a_later_correction_at_the_same_offset_brings_it_back(
    tmp_path: Path,
) -> None:
    states = BarState.FINAL, BarState.WITHDRAWN, BarState.CORRECTED
    versions = np.repeat(made.final_bars(0, 150)[:1], 3)
    versions["state"], versions["offset"] = states, (110, 120, 120)
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        for count, shown in ((1, ["final"]), (2, []), (3, ["corrected"])):
            told = windows.bars(versions[:count], labels, np.zeros(count, np.uint8))
            store.write("bar_versions", told, f"the first {count}")
            assert store.query("SELECT state FROM bars")["state"].to_pylist() == shown


@pytest.mark.parametrize(
    "states",
    [
        *((BarState.WITHDRAWN, BarState.FINAL), (BarState.FINAL, BarState.WITHDRAWN)),
        (BarState.WITHDRAWN, BarState.PROVISIONAL),
    ],
)
def test_of_what_one_document_says_of_a_bar_the_last_holds(tmp_path: Path, states: tuple[BarState, BarState]) -> None:
    """It may take back the only trade of an open bar and fill it again, or conclude it and take its trade back.

    Filled again the bar may stay open, for hours if it is a day's of a quiet share: it comes last in its flush.
    """
    versions = np.repeat(made.final_bars(0, 150)[:1], 2)
    versions["state"], versions["offset"] = states, 110
    labels = rows.Labels()
    labels.refresh(list(made.instruments()))
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write("bar_versions", windows.bars(versions, labels, np.zeros(2, np.uint8)), "a document")
        shown = store.query("SELECT state FROM bars")["state"].to_pylist()
        assert shown == [states[-1].label] * (states[-1] != BarState.WITHDRAWN)
        known = "SELECT state FROM bar_versions ORDER BY version DESC LIMIT 1 BY venue, symbol, interval, ts_open"
        assert store.query(known)["state"].to_pylist() == [states[-1].label]


def test_a_recording_of_long_ago_does_not_expire_on_arrival(tmp_path: Path) -> None:
    fill(tmp_path, 300)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store", tick_days=1) as store:
        store.command("OPTIMIZE TABLE trades FINAL")
        store.command("OPTIMIZE TABLE bar_versions FINAL")
        assert store.query("SELECT count() AS n FROM trades")["n"][0].as_py() == 100
        assert store.query("SELECT count() AS n FROM bars WHERE state = 'final'")["n"][0].as_py() == 2


def test_rows_expire_when_they_were_stored_long_enough_ago(tmp_path: Path) -> None:
    fill(tmp_path, 150)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store", tick_days=1) as store:
        store.command(
            "INSERT INTO trades SELECT * REPLACE (now64(3) - toIntervalDay(2) AS ts_store, offset + 1000 AS offset) "
            "FROM trades"
        )
        store.command("OPTIMIZE TABLE trades FINAL")
        assert store.query("SELECT max(offset) AS n, count() AS c FROM trades").to_pylist() == [{"n": 147, "c": 50}]


def test_bars_of_a_minute_and_more_outlive_ticks_however_they_are_named_also_in_an_older_store(tmp_path: Path) -> None:
    address = f"chdb://{tmp_path}/store"
    with ClickHouseStore.open(address, tick_days=1) as store:  # as it was made before there was a number of these rules
        store.command("ALTER TABLE meta DELETE WHERE key = 'lives' SETTINGS mutations_sync = 2")
        old = "ts_store + INTERVAL 1 DAY DELETE WHERE endsWith(interval, 's'), ts_store + INTERVAL 5 YEAR"
        store.command(f"ALTER TABLE bar_versions MODIFY TTL {old}")
    with ClickHouseStore.open(address, tick_days=1) as store:
        for interval in ("1s", "30s", "60s", "900s", "14400s", "1m", "1d"):
            store.command(
                "INSERT INTO bar_versions (venue, symbol, interval, ts_open, state, version, ts_store) "
                f"VALUES ('V', 'S', '{interval}', '2024-01-02 14:30:00', 'final', 1, now64(3) - toIntervalDay(2))"
            )
        store.command("OPTIMIZE TABLE bar_versions FINAL")
        kept = store.query("SELECT interval FROM bars")["interval"].to_pylist()
        assert sorted(kept) == ["14400s", "1d", "1m", "60s", "900s"]


def test_a_store_whose_first_opening_was_ended_half_way_is_opened_again(tmp_path: Path) -> None:
    address = f"chdb://{tmp_path}/store"
    with ClickHouseStore.open(address) as store:
        store.command("ALTER TABLE meta DELETE WHERE key != 'schema_version' SETTINGS mutations_sync = 2")
    with ClickHouseStore.open(address, tick_days=7) as store:
        known = {row["key"]: row["value"] for row in store.query("SELECT key, value FROM meta FINAL").to_pylist()}
        assert (known["tick_days"], known.get("ticks_since")) == ("7", None)


def test_another_schema_version_is_refused_and_nothing_changed(tmp_path: Path) -> None:
    fill(tmp_path, 150)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.command("INSERT INTO meta (key, value) VALUES ('schema_version', '99')")
    for _ in range(2):
        with pytest.raises(StoreError, match="schema version 99"):
            ClickHouseStore.open(f"chdb://{tmp_path}/store")


@pytest.mark.parametrize("dsn", ["sqlite:///x", "clickhouse", "ftp://user:hunter2@host/x"])
def test_an_address_that_is_none_is_refused_without_its_password(dsn: str) -> None:
    with pytest.raises(StoreError, match="neither chdb nor clickhouse") as caught:
        ClickHouseStore.open(dsn)
    assert "hunter2" not in caught.value.sentence


def test_a_store_that_is_closed_says_so_and_the_directory_is_free(tmp_path: Path) -> None:
    store = ClickHouseStore.open(f"chdb://{tmp_path}/store")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.query("SELECT 1")
    shutil.rmtree(tmp_path / "store")
    ClickHouseStore.open(f"chdb://{tmp_path}/store").close()


ENDLESS = "SELECT sum(sipHash64(number)) AS n FROM numbers(10000000000)"
RUNNING = "SELECT count() AS n FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'"


@pytest.mark.parametrize(
    ("broken", "kind"),
    [(ENDLESS, TookTooLong), ("SELECT * FROM numbers(10000000000)", QueryRefused), ("SELECT nope", QueryRefused)],
)
def test_a_query_that_breaks_leaves_nothing_for_the_next_one(
    broken: str, kind: type[BreadboardError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(clickhouse.LIMITS, "max_execution_time", 1)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        for number in range(3):
            with pytest.raises(kind) as refused:
                store.ask(broken)
            assert refused.value.hint
            (batch,) = store.ask(f"SELECT {number} AS x")
            assert batch.to_pylist() == [{"x": number}]


def test_a_query_that_the_engine_ended_without_a_word_is_refused_and_not_answered_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        assert next(store.ask("SELECT 1 AS x")).to_pylist() == [{"x": 1}]
        monkeypatch.setitem(clickhouse.LIMITS, "max_execution_time", 0)  # every answer now took too long
        with pytest.raises(TookTooLong, match="gave up after 0 s"):
            store.ask("SELECT 1 AS x")


def test_the_types_of_an_answer_are_planned_and_no_part_of_the_query_is_run_again(tmp_path: Path) -> None:
    answer = pa.table({"t": pa.array([5], pa.uint32()), "n": pa.array([1], pa.uint8())})
    run = "SELECT toDateTime(5) AS t, (SELECT throwIf(number = 0) FROM numbers(1)) AS n"
    moment = datetime.fromtimestamp(5, UTC)
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        with pytest.raises(StoreError, match="FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"):
            store.query(run)
        assert store._typed(answer, run).to_pylist() == [{"t": moment, "n": 1}]
        twice = "((SELECT toDateTime(5), toDateTime(5), 5))"
        (batch,) = store.ask(twice)
        assert [column.to_pylist() for column in batch.columns] == [[moment], [moment], [5]]


@pytest.mark.parametrize("failure", [TookTooLong("late"), DatabaseError("Code: 62. DB::Exception: no")])
def test_an_answer_is_handed_out_as_it_came_where_the_engine_does_not_tell_its_types(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def table(client: object, sql: str, within_s: float) -> pa.Table:
        if sql.startswith("DESCRIBE"):
            raise failure
        return asked(client, sql, within_s)

    asked = clickhouse._table
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        with monkeypatch.context() as patch:
            patch.setattr(clickhouse, "_table", table)
            (batch,) = store.ask("SELECT toDateTime(5) AS t")
            assert batch.to_pylist() == [{"t": 5}]
        (batch,) = store.ask("SELECT toDateTime(5) AS t")
        assert batch.to_pylist() == [{"t": datetime.fromtimestamp(5, UTC)}]


def test_a_question_has_the_time_that_it_is_given_and_the_engine_itself_ends_it(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        for asked in (store.query, store.lines):
            with pytest.raises(TookTooLong) as ended:
                asked(ENDLESS, within_s=0.5)
            assert ended.value.sentence == "the store gave up after 0.5 s"
            assert store.query(RUNNING)["n"].to_pylist() == [0]
        assert store.query("SELECT {x:Int64} AS x", {"x": 7}, within_s=9)["x"].to_pylist() == [7]
        with pytest.raises(StoreError, match="TIMEOUT_EXCEEDED"):  # whose time is another's affair
            store.query(f"{ENDLESS} SETTINGS max_execution_time = 1")


def test_a_store_from_before_features_had_windows_gets_their_columns(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.command("ALTER TABLE features DROP COLUMN interval, DROP COLUMN ts_open")
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        assert store.query("SELECT interval, ts_open, value FROM features").num_rows == 0
