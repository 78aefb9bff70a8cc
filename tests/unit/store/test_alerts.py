"""Alerts in the store: names, exact digits, NULL for what is not known; also in a store made before they were."""

from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

import outputs_made as made
from breadboard.model.alerts import ALERT, AlertState, RuleVersion, Silence
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import Flag, GapReason
from breadboard.model.outputs import Outputs
from breadboard.model.rules import Rule, RuleKind
from breadboard.store import cut
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter

WRITTEN = (
    Rule(name="up", kind="cross", threshold="100.5", direction="up"),
    Rule(name="quiet", kind="no_data", window="5s"),
    Rule(name="holes", kind="gap"),
)
RULES = tuple(RuleVersion(rule.name, rule.version, msgspec.json.encode(rule)) for rule in WRITTEN)


def rows(first: int) -> NDArray[np.void]:
    found = np.zeros(4, ALERT)
    found["offset"], found["ts_recv"], found["id"] = range(first, first + 4), made.START, b"ab" * 16
    for name in ("ts_event", "sequence", "reference_offset", "price", "ts_window"):
        found[name] = ABSENT
    found["reference"] = np.nan
    found["rule"], found["kind"] = [0, 0, 1, 2], [RuleKind.CROSS, RuleKind.CROSS, RuleKind.NO_DATA, RuleKind.GAP]
    found["state"] = [AlertState.FIRED, AlertState.RETRACTED, AlertState.FIRED, AlertState.FIRED]
    found["instrument"] = [0, 0, 0, -1]
    found["price"][:2] = 100_500_000_000
    found["value"], found["threshold"] = [100.5, np.nan, 6.5, 1.0], [100.5, 100.5, 5.0, 1.0]
    found["reference"][0], found["reference_offset"][0] = 100.25, 7
    found["cause"] = [0, 0, Silence.DOWN, GapReason.DISCONNECT]
    found["flags"][0], found["gapped"] = Flag.SYNTHETIC, [1, 0, 0, 1]
    return found


def outputs(first: int) -> Outputs:
    plain = made.outputs(first, first + 50)
    streams = {"alerts": rows(first + 10)}
    return Outputs(first, first + 50, plain.tape, plain.bars, (), plain.ts_journal, {}, streams, (), RULES)


def test_alerts_are_written_once_in_names_and_exact_digits(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer")
        whole = outputs(0)
        for part in (cut.before(whole, 12), cut.after(whole, 12), whole):
            writer.write(part, made.open_bars(50), made.instruments())
            writer.flush()
        writer.close()
        found = store.query("SELECT * EXCEPT (ts_store, ts_recv, sequence) FROM alerts ORDER BY offset").to_pylist()
    assert [row["offset"] for row in found] == [10, 11, 12, 13]
    name = f"{found[0]['symbol']}.{found[0]['venue']}"
    assert [row["message"] for row in found] == [
        f"up: {name} rose to 100.5: 100.5 after 100.25 (synthetic, something may be missing)",
        f"up: {name}: the trade at 100.5 was taken back; the alert no longer holds",
        f"quiet: {name} has said nothing for 6.5 s, and its source is not connected",
        f"holes: {found[3]['venue'] or 'every source'} may lack something: disconnect",
    ]
    first, retracted, quiet, holes = found
    assert (first["price"], first["value"], first["reference"]) == (Decimal("100.5"), 100.5, 100.25)
    assert (first["rule"], first["rule_version"], first["kind"]) == ("up", RULES[0].version, "cross")
    assert (first["provenance"], first["gapped"], first["alert_id"]) == ("synthetic", 1, "ab" * 16)
    assert (retracted["state"], retracted["value"], retracted["reference"]) == ("retracted", None, None)
    assert (quiet["cause"], quiet["price"], quiet["ts_window"]) == ("down", None, None)
    assert (holes["cause"], holes["symbol"]) == ("disconnect", "")


def test_a_store_made_before_there_were_alerts_gets_the_columns(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.command("DROP TABLE alerts")
        store.command(
            "CREATE TABLE alerts (venue LowCardinality(String), symbol LowCardinality(String), ts_event Nullable("
            "DateTime64(9, 'UTC')), ts_recv DateTime64(9, 'UTC'), sequence Nullable(Int64), offset Int64, "
            "`index` UInt16, "
            "provenance LowCardinality(String), id String, rule LowCardinality(String), state LowCardinality(String), "
            "value Float64, threshold Float64, detail String, ts_store DateTime64(3, 'UTC') DEFAULT now64(3)) "
            "ENGINE = MergeTree ORDER BY (venue, symbol, ts_recv, offset, `index`)"
        )
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer")
        writer.write(outputs(0), made.open_bars(50), made.instruments())
        writer.close()
        found = store.query("SELECT alert_id, value, state FROM alerts ORDER BY offset").to_pylist()
    assert [row["value"] for row in found] == [100.5, None, 6.5, 1.0]
