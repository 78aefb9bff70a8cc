"""Best bids and offers in the store: exact digits, names for bits, once and again."""

from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import outputs_made as made
import three_venues
from breadboard.model.kinds import Flag
from breadboard.model.nbbo import Group, NbboState, blank
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape
from breadboard.store import cut
from breadboard.store.audit import audit
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.nbbo import nbbo
from breadboard.store.writer import StoreWriter

GROUPS = (Group("BTC-USDT", (("BINANCE", "BTCUSDT"), ("OKX", "BTC-USDT"))), Group("AAPL", (("IQFEED", "AAPL"),)))
COLUMNS = "name, state, bid_price, bid_size, bid_of, bid_age_ns, ask_price, ask_of, standing, stale, gapped, provenance"


def rows(first: int = 10) -> NDArray[np.void]:
    """Return a crossed market of two venues, then one of which nothing is left."""
    found = blank(2)
    found["offset"], found["ts_recv"], found["group"] = [first, first + 1], made.START, [0, 1]
    crossed = found[0]
    crossed["state"], crossed["standing"], crossed["flags"] = NbboState.CROSSED, 3, Flag.SYNTHETIC
    crossed["bid"], crossed["bid_size"], crossed["bid_leg"], crossed["bid_age"] = 61_685_990_000_000, 5, 1, 7
    crossed["ask"], crossed["ask_size"], crossed["ask_leg"] = 61_685_980_000_000, 6, 0
    found[1]["gapped"] = 1
    return found


def outputs(first: int) -> Outputs:
    plain = made.outputs(first, first + 50)
    streams = {"nbbo": rows(first + 10)}
    return Outputs(first, first + 50, plain.tape, plain.bars, (), plain.ts_journal, {}, streams, GROUPS)


def test_a_row_is_told_in_names_and_exact_digits(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        for _ in range(2):
            store.write("nbbo", nbbo(rows(), GROUPS), "once")
        found = store.query(f"SELECT {COLUMNS} FROM nbbo ORDER BY offset").to_pylist()
    assert [tuple(row.values()) for row in found] == [
        (
            *("BTC-USDT", "crossed", Decimal("61685.99"), Decimal("0.00000005"), "BTC-USDT.OKX", 7),
            *(Decimal("61685.98"), "BTCUSDT.BINANCE", "BTCUSDT.BINANCE BTC-USDT.OKX", "", "", "synthetic"),
        ),
        ("AAPL", "empty", None, None, "", None, None, "", "", "", "AAPL.IQFEED", "live"),
    ]


def test_the_writer_writes_them_and_the_audit_counts_them(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer")
        for first in (0, 50):
            writer.write(outputs(first), made.open_bars(first + 50), made.instruments())
        writer.close()
        assert store.query("SELECT offset FROM nbbo ORDER BY offset")["offset"].to_pylist() == [10, 11, 60, 61]
        assert audit(store).ok
        store.command("ALTER TABLE nbbo DELETE WHERE offset = 60 SETTINGS mutations_sync = 2")
        assert audit(store).mismatches == (("nbbo", 4, 3),)


def test_outputs_are_cut_and_joined_with_them() -> None:
    whole = outputs(0)
    before, after = cut.before(whole, 11), cut.after(whole, 11)
    assert (before.nbbo["offset"].tolist(), after.nbbo["offset"].tolist()) == ([10], [11])
    assert before.groups == after.groups == GROUPS
    nothing = Outputs(50, 50, Tape.empty(), whole.bars[:0], (), whole.ts_journal[:0])
    joined = cut.join([nothing, before, after])
    assert joined.nbbo.tobytes() == whole.nbbo.tobytes()
    assert joined.groups == GROUPS


def test_three_recorded_venues_reach_the_store_row_for_row(tmp_path: Path) -> None:
    engine, frames = three_venues.engine(), three_venues.frames()
    states = "SELECT state, count() AS n, min(bid_price - ask_price) AS least FROM nbbo GROUP BY state ORDER BY state"
    legs = "SELECT standing, count() AS n FROM nbbo GROUP BY standing ORDER BY n"
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer", epochs=engine.epochs)
        for first in range(0, len(frames), 50_000):
            outputs = engine.process(frames.take(slice(first, first + 50_000)))
            writer.write(outputs, engine.bars.open_bars(), engine.instruments)
        writer.close()
        found = store.query(states).to_pylist()
        assert [(row["state"], row["n"]) for row in found] == [("crossed", 6_993), ("normal", 15)]
        assert found[0]["least"] > 0 > found[1]["least"]
        assert sum(row["n"] for row in store.query(legs).to_pylist()) == 7_008
        assert store.query("SELECT DISTINCT provenance FROM nbbo")["provenance"].to_pylist() == ["replay"]
        assert audit(store).ok
