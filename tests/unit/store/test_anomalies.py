"""Anomalies in the store: names for numbers, a venue for what has no symbol, once and again."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import outputs_made as made
from breadboard.model.anomalies import ANOMALY, TIMES_OF_DAY, Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import Flag, Provenance
from breadboard.model.outputs import Outputs
from breadboard.store.audit import audit
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter

EPOCHS = {
    which: Epoch(which, 1, venue, "", (), Provenance.LIVE, open=True) for which, venue in ((0, "BINANCE"), (5, "OKX"))
}


def rows(first: int) -> NDArray[np.void]:
    """Return a misprint, and a source that fell silent."""
    found = np.zeros(2, ANOMALY)
    found["offset"], found["ts_recv"], found["instrument"] = [first, first + 1], made.START, [1, -1]
    found["kind"], found["severity"] = [Anomaly.PRICE_JUMP, Anomaly.STALE_VENUE], [3, 1]
    found["ts_event"], found["source"] = [made.START, ABSENT], [0, 5]
    found["flags"], found["bucket"] = [Flag.REPLAYED, 0], [TIMES_OF_DAY.index("pre"), TIMES_OF_DAY.index("")]
    found["value"], found["baseline"], found["threshold"], found["score"] = 0.03, 0.0001, 0.001, 33.2
    found["from_offset"], found["to_offset"], found["samples"], found["suppressed"] = first - 5, first, 100, 7
    return found


def outputs(first: int) -> Outputs:
    plain = made.outputs(first, first + 50)
    streams = {"anomalies": rows(first + 10)}
    return Outputs(first, first + 50, plain.tape, plain.bars, (), plain.ts_journal, {}, streams)


def test_the_writer_writes_them_in_words_and_the_audit_counts_them(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer", epochs=EPOCHS)
        for first in (0, 50):
            writer.write(outputs(first), made.outputs(0, 1).bars[:0], made.instruments())
            writer.flush()
        writer.write(outputs(50), made.outputs(0, 1).bars[:0], made.instruments())
        writer.close()
        query = (
            "SELECT venue, symbol, kind, severity, time_of_day, provenance, value, threshold, score, samples, "
            "suppressed, offset - from_offset AS back, isNull(ts_event) AS timeless FROM anomalies ORDER BY offset"
        )
        found = [tuple(row.values()) for row in store.query(query).to_pylist()]
        assert audit(store).ok
    misprint = ("BINANCE", "ETHUSDT", "price_jump", "high", "pre", "replay", 0.03, 0.001, 33.2, 100, 7, 5, 0)
    silence = ("OKX", "", "stale_venue", "low", "", "live", 0.03, 0.001, 33.2, 100, 7, 6, 1)
    assert found == [misprint, silence] * 2


def test_a_store_from_before_gets_the_columns(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        for column in ("kind", "value", "suppressed"):
            store.query(f"ALTER TABLE anomalies DROP COLUMN {column}")
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer", epochs=EPOCHS)
        writer.write(outputs(0), made.outputs(0, 1).bars[:0], made.instruments())
        writer.close()
        assert store.query("SELECT count() AS n FROM anomalies WHERE suppressed = 7").to_pylist() == [{"n": 2}]
