"""Arbitrage on three recorded venues: what it finds at which fees, what paper makes of that, and what it costs.

``breadboard bench arbitrage --json``. Binance spot, USD-M and COIN-M of the same minutes, stamped by one recorder, from
the folder that ``BREADBOARD_DATA`` names. ``opened`` counts opportunities; ``net_bps`` is the median at opening,
``open_share`` the share of the recorded time in which at least one was open; ``paper`` is the P&L of taking each as it
opens, 50 ms later. ``ns_event`` is processor time of the stage an event, and of ``consolidated`` beside it, which tells
it of every leg: the median of five runs in batches of 10,000. What may mislead: USD is taken for USDT; spot against a
perpetual is a basis; six minutes of one asset are no market.
"""

import os
import platform
import statistics
from pathlib import Path
from time import process_time_ns
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine.core import Engine
from breadboard.errors import UsageError
from breadboard.model.executions import PAPER_FILL, FillState
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.model.opportunities import OPPORTUNITY, OpportunityState
from breadboard.recordings import open_recording

DATA = Path(os.environ.get("BREADBOARD_DATA") or Path(__file__).resolve().parents[1].parent / "shared" / "data")
RECORDINGS = {
    "BINANCE": "binance/btcusdt_20240808.gz",
    "BINANCE_USDM": "binance/usdm/btcusdt_20240808.gz",
    "BINANCE_COINM": "binance/coinm/btcusd_perp_20240808.gz",
}
GROUP = ["BTCUSDT.BINANCE", "BTCUSDT.BINANCE_USDM", "BTCUSD_PERP.BINANCE_COINM"]
BPS: tuple[float | None, ...] = (0.0, 0.5, 1.0, 2.0, None)
"""Taker fees of each venue; None: those of the lowest tier."""
STEP = 10_000
RUNS = 5


def run() -> dict[str, Any]:
    """Return what was found and what it cost."""
    frames = recorded()
    cases: list[dict[str, Any]] = []
    for bps in BPS:
        _, whole = processed(frames, bps)
        costs = [processed(frames, bps)[0] for _ in range(RUNS)]
        rows = _joined([outputs.opportunities for outputs in whole], OPPORTUNITY)
        fills = _joined([outputs.paper_fills for outputs in whole], PAPER_FILL)
        name = "lowest tier" if bps is None else f"{bps} bps"
        cases += [{"case": name, **case} for case in _found(rows, fills, frames)]
        for at, stage in enumerate(("arbitrage", "consolidated")):
            cost = round(statistics.median(cost[at] for cost in costs))
            cases.append({"case": name, "what": f"ns_event {stage}", "value": cost, "unit": "ns/event"})
    machine = {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    return {"name": "arbitrage", "machine": machine, "frames": len(frames), "cases": cases}


def table(report: dict[str, Any]) -> str:
    """Return the report for people: a line a fee, a column a figure."""
    lines = []
    for name in dict.fromkeys(case["case"] for case in report["cases"]):
        told = [f"{case['what']} {case['value']} {case['unit']}" for case in report["cases"] if case["case"] == name]
        lines.append(f"{name}: " + ", ".join(told))
    return "\n".join(lines)


def recorded() -> Frames:
    """Return all frames in the order of their receipt. Raises UsageError where they are not there."""
    parts = []
    for source, (venue, path) in enumerate(RECORDINGS.items()):
        if not (DATA / path).exists():
            raise UsageError(f"no recording at {DATA / path}", hint="export BREADBOARD_DATA=/folder/that/holds/binance")
        batches = open_recording((DATA / path,), "hftbacktest", venue, source=source)
        wanted = [one for one in batches if one.kind in (RecordKind.DATA, RecordKind.DOCUMENT)]
        part = Frames.join([Frames.of(one.frames, one.ts_recv, kind=one.kind, offset=0) for one in wanted])
        part.source[:] = source
        parts.append(part)
    whole = Frames.join(parts)
    whole = whole.take(np.argsort(whole.ts_recv, kind="stable"))
    whole.offset[:] = np.arange(len(whole))
    return whole


def processed(frames: Frames, bps: float | None) -> tuple[tuple[float, float], list[Any]]:
    """Return ns an event of the stage and of ``consolidated``, and all outputs of one run."""
    given = {
        "suspect_clock": True,
        "fees": {} if bps is None else dict.fromkeys(RECORDINGS, bps),
        "rates": {"USD-USDT": {"rate": "1", "as_of": "2024-08-08T23:50:00Z", "max_age_s": 3600}},
        "paper": {},
    }
    config = msgspec.convert({"groups": {"BTC": GROUP}, "arbitrage": given}, EngineConfig)
    engine = Engine(feeds.by_venue, config)
    engine.adopt([Epoch(at, 1, venue, "", (), Provenance.REPLAY, open=True) for at, venue in enumerate(RECORDINGS)])
    assert engine.arbitrage is not None
    spent = [0, 0]
    for at, stage in enumerate((engine.arbitrage, engine.consolidated)):
        _time(stage, spent, at)
    outputs = [engine.process(frames.take(slice(at, at + STEP))) for at in range(0, len(frames), STEP)]
    events = sum(len(one.tape) for one in outputs)
    return (spent[0] / events, spent[1] / events), outputs


def _time(stage: Any, spent: list[int], at: int) -> None:  # noqa: ANN401 - any stage
    inner = stage.on_tape

    def timed(*arguments: Any) -> Any:  # noqa: ANN401 - whatever it takes and returns
        begin = process_time_ns()
        found = inner(*arguments)
        spent[at] += process_time_ns() - begin
        return found

    stage.on_tape = timed


def _joined(parts: list[NDArray[np.void]], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    return np.concatenate([np.zeros(0, dtype), *parts])


def _found(rows: NDArray[np.void], fills: NDArray[np.void], frames: Frames) -> list[dict[str, Any]]:
    opened = rows[rows["state"] == OpportunityState.OPENED]
    closed = rows[rows["state"] == OpportunityState.CLOSED]
    settled = fills[fills["settled"] == 1]
    known = settled[settled["pnl"] > -(2**63)]
    figures = {
        "opened": (len(opened), ""),
        "open_share": (round(_share(rows, frames), 3), "of the time"),
        "lifetime": (_median(closed["lifetime"] / 1e6), "ms, median"),
        "net_bps": (_median(opened["net_bps"]), "bps, median"),
        "net": (round(float(opened["net"].sum()) / 1e9, 2), "USDT, at opening"),
        "paper": (round(float(known["pnl"].sum()) / 1e9, 2), "USDT"),
        **{f"legs {state.label}": (int((fills["state"] == state).sum()), "") for state in FillState},
    }
    return [{"what": name, "value": value, "unit": unit} for name, (value, unit) in figures.items()]


def _median(values: NDArray[np.float64]) -> float | None:
    return round(float(np.median(values)), 3) if len(values) else None


def _share(rows: NDArray[np.void], frames: Frames) -> float:
    """Return the share of the recorded time in which at least one was open."""
    open_routes: set[int] = set()
    total = since = 0
    for row in rows[rows["state"] != OpportunityState.UPDATED]:
        if not open_routes:
            since = int(row["ts_recv"])
        (open_routes.add if row["state"] == OpportunityState.OPENED else open_routes.discard)(int(row["route"]))
        if not open_routes:
            total += int(row["ts_recv"]) - since
    end = int(frames.ts_recv[-1])
    return (total + (end - since if open_routes else 0)) / (end - int(frames.ts_recv[0]))
