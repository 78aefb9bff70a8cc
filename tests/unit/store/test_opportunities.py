"""Opportunities and paper fills in the store: exact digits, words for numbers, once and again."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import three_venues
from arbitrage_tapes import TRIANGLE, Desk, book, change, config
from breadboard.config import ArbitrageConfig, PaperConfig, RateConfig
from breadboard.model.kinds import EventKind, Flag
from breadboard.store.audit import audit
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.opportunities import opportunities, paper_fills
from breadboard.store.rows import Labels
from breadboard.store.writer import StoreWriter
from tapes import T0, tape

COLUMNS = "id, name, value, size, legs, kind, state, cause, number, lifetime_ns, currency, net, leg_prices, leg_sizes"


def desk() -> tuple[Desk, Labels]:
    """Return a desk that has opened and closed one across venues and opened one round a triangle, taken on paper."""
    made = Desk(config(fees={"A": 0, "B": 10, "C": 0}, triangles=[TRIANGLE], paper={"default_latency_ms": 1}))
    labels_of = Labels()
    labels_of.refresh(list(made.instruments))
    return made, labels_of


ROWS = [
    book(0, [(99, 5)], [(100, 3)], ts_recv=T0, flags=Flag.SYNTHETIC),
    book(1, [(101, 2)], [(102, 5)], ts_recv=T0 + 10, ts_event=T0 + 5),
    change(1, 1, 101, 0, ts_recv=T0 + 30),
    book(4, [(0.04, 5)], [(0.05, 4)], ts_recv=T0 + 40),
    book(5, [(5.1, 2)], [(5.2, 1)], ts_recv=T0 + 50),
    {"kind": EventKind.CLOCK, "instrument": -1, "ts_recv": T0 + 10**8},
]


def test_a_row_is_told_in_words_and_exact_digits(tmp_path: Path) -> None:
    made, labels_of = desk()
    found = made.on_tape(tape(ROWS))
    assert found is not None
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        for _ in range(2):
            store.write("opportunities", opportunities(found, labels_of), "once")
        rows = store.query(
            f"SELECT {COLUMNS}, venue, symbol, ts_event, provenance FROM opportunities ORDER BY offset"
        ).to_pylist()
    assert [row["state"] for row in rows] == ["opened", "closed", "opened"]
    opened, closed, round_ = rows
    assert opened["id"] == closed["id"] == f"{int(found['id'][0]):016x}"
    assert (opened["name"], opened["legs"]) == ("BTC-USDT.A > BTC-USDT.B", "buy BTC-USDT.A, sell BTC-USDT.B")
    assert (opened["size"], opened["net"], opened["currency"]) == (Decimal(2), Decimal("1.798"), "USDT")
    assert (opened["leg_prices"], opened["leg_sizes"]) == ([Decimal(100), Decimal(101)], [Decimal(2), Decimal(2)])
    assert (opened["venue"], opened["symbol"], opened["cause"], opened["provenance"]) == (
        "A",
        "BTC-USDT",
        "",
        "synthetic",
    )
    assert (closed["cause"], closed["lifetime_ns"], closed["ts_event"]) == ("gone", 20, None)
    assert opened["value"] == float(found["net_bps"][0])
    assert (round_["kind"], len(round_["leg_prices"])) == ("triangular", 3)
    assert round_["legs"] == "buy BTC-USDT.A, buy ETH-BTC.A, sell ETH-USDT.A"


def test_paper_fills_say_what_was_taken_and_what_all_came_to(tmp_path: Path) -> None:
    made, labels_of = desk()
    made.on_tape(tape(ROWS))
    assert len(made.fills) == 5
    columns = "opportunity, leg, side, state, wanted, filled, average, amount, fee, settled, `left`, pnl, ts_event"
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.write("paper_fills", paper_fills(made.fills, labels_of), "once")
        rows = store.query(f"SELECT {columns} FROM paper_fills ORDER BY number, leg").to_pylist()
    bought, sold = rows[:2]
    assert (bought["side"], bought["state"], bought["filled"], bought["average"]) == (
        "buy",
        "filled",
        Decimal(2),
        Decimal(100),
    )
    assert (sold["side"], sold["state"], sold["filled"], sold["average"]) == ("sell", "missed", Decimal(0), None)
    assert (bought["settled"], bought["pnl"]) == (0, None)
    assert (sold["settled"], sold["left"], sold["pnl"]) == (1, 2.0, Decimal(-2)), "two lie at A, where 99 is bid"
    assert [row["state"] for row in rows[2:]] == ["filled"] * 3
    assert rows[-1]["pnl"] == Decimal("0.2")
    assert {row["ts_event"] for row in rows} == {None}


def test_a_store_from_before_gets_the_columns(tmp_path: Path) -> None:
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        store.command("ALTER TABLE opportunities DROP COLUMN net, DROP COLUMN leg_prices")
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        assert store.query("SELECT net, leg_prices FROM opportunities").num_rows == 0


def test_three_recorded_venues_reach_the_store_row_for_row(tmp_path: Path) -> None:
    rate = RateConfig(rate="1", as_of=datetime(2024, 8, 8, 23, 50, tzinfo=UTC), max_age_s=3600)
    fees = dict.fromkeys(("BINANCE", "BINANCE_USDM", "BINANCE_COINM"), 0.0)
    given = ArbitrageConfig(fees=fees, rates={"USD-USDT": rate}, suspect_clock=True, paper=PaperConfig())
    engine, frames = three_venues.engine(arbitrage=given), three_venues.frames().take(slice(0, 50_000))
    counts: dict[str, int] = {"opportunities": 0, "paper_fills": 0}
    with ClickHouseStore.open(f"chdb://{tmp_path}/store") as store:
        writer = StoreWriter(store, tmp_path / "writer", epochs=engine.epochs)
        for first in range(0, len(frames), 20_000):
            outputs = engine.process(frames.take(slice(first, first + 20_000)))
            counts = {name: count + len(getattr(outputs, name)) for name, count in counts.items()}
            writer.write(outputs, engine.bars.open_bars(), engine.instruments)
        writer.close()
        assert min(counts.values()) > 50
        for name, count in counts.items():
            assert store.query(f"SELECT count() AS n FROM {name}")["n"].to_pylist() == [count]
        assert audit(store).ok
        assert store.query("SELECT DISTINCT provenance FROM opportunities")["provenance"].to_pylist() == ["replay"]
