"""A store of twenty million rows, made from a seed with the house's own writer, and a process that serves it.

2,500 instruments: five years of daily bars, five days of minute bars, and a day of trades and quotes. While it is
served the house goes on: quotes change in memory, and every second a flush goes to the store.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard.api.app import create_app
from breadboard.api.live import LiveMarket
from breadboard.api.server import serve
from breadboard.api.services import Limits, Services
from breadboard.app.serve import SWITCH_S
from breadboard.engine.latest import Latest
from breadboard.model.bars import BAR, NO_BARS
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState, EventKind, Flag
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

INSTRUMENTS = 2_500
VENUE = "BENCH"
TICKS = 12_000_000
DAYS, MINUTES, YEARS_DAYS = 5, 390, 1_260
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
OPEN = 1_795_185_000 * SECOND
"""2026-11-20 14:30 UTC: the day of the ticks, and the last of the bars."""
SESSION = MINUTES * 60 * SECOND
BATCH = 500_000
QUOTES_PER_S = 2_500
_RATE_S = 0.02


def instruments() -> Instruments:
    known = Instruments()
    for number in range(INSTRUMENTS):
        known.intern(VENUE, f"S{number:04d}")
    return known


def ticks(first: int, count: int, begin: int, step: float) -> Tape:
    """Return trades and quotes in turn, of all instruments in turn, ``step`` ns apart."""
    number = np.arange(first, first + count, dtype=np.int64)
    rng = np.random.default_rng(first)
    is_trade = (number // INSTRUMENTS) % 2 == 0
    price = (100 * 10**9 + (number % INSTRUMENTS) * 10**8 + rng.integers(-500, 500, count) * 10**7).astype(np.int64)
    stamp = begin + ((number - first) * step).astype(np.int64)
    return Tape.of(
        count,
        {
            "kind": np.where(is_trade, EventKind.TRADE, EventKind.QUOTE),
            "instrument": number % INSTRUMENTS,
            "offset": number,
            "ts_recv": stamp,
            "ts_event": stamp - 2_000_000,
            "sequence": number,
            "trade_id": number,
            "price": price,
            "size": rng.integers(1, 1000, count),
            "side": 1 + number % 2,
            "ask_price": price + 10**7,
            "ask_size": rng.integers(1, 1000, count),
            "flags": np.full(count, Flag.SYNTHETIC),
        },
    )


def bars(opens: NDArray[np.int64], seconds: int, seed: int) -> NDArray[np.void]:
    """Return a bar of every instrument for each of these openings, in the order of time."""
    count = len(opens) * INSTRUMENTS
    rng = np.random.default_rng(seed)
    found = np.zeros(count, BAR)
    found["instrument"] = np.tile(np.arange(INSTRUMENTS), len(opens))
    found["interval"] = seconds
    found["ts_open"] = np.repeat(opens, INSTRUMENTS)
    found["ts_close"] = found["ts_open"] + seconds * SECOND
    middle = 100 * 10**9 + found["instrument"].astype(np.int64) * 10**8
    for name, sign in (("open", 0), ("close", 0), ("high", 1), ("low", -1)):
        moved = rng.integers(0, 400, count) * 10**7
        found[name] = middle + (moved - 200 * 10**7 if sign == 0 else sign * (moved + 200 * 10**7))
    found["volume_whole"] = rng.integers(100, 1_000_000, count)
    found["notional"] = found["volume_whole"] * (middle / 1e9)
    found["trades"] = rng.integers(1, 1000, count)
    found["state"], found["completeness"] = BarState.FINAL, 1.0
    return found


def make(directory: Path, share: float = 1.0) -> dict[str, Any]:
    """Write the store into ``directory``; ``share`` of the twenty million rows."""
    known, begun = instruments(), time.monotonic()
    total = int(TICKS * share) // BATCH * BATCH or BATCH
    batches = total // BATCH
    daily = OPEN // DAY * DAY - np.arange(int(YEARS_DAYS * share) or 20)[::-1] * DAY
    minutes = np.concatenate(
        [OPEN - day * DAY + np.arange(MINUTES) * 60 * SECOND for day in reversed(range(max(1, int(DAYS * share))))]
    )
    rows = 0
    with ClickHouseStore.open(f"chdb://{directory}/store") as store:
        writer = StoreWriter(store, directory / "intents")
        for number in range(batches):
            step = SESSION / total
            tape = ticks(number * BATCH, BATCH, OPEN + int(number * BATCH * step), step)
            made = [
                bars(part, length, 1000 * number + length)
                for part, length in (
                    (np.array_split(daily, batches)[number], 86_400),
                    (np.array_split(minutes, batches)[number], 60),
                )
            ]
            concluded = np.concatenate(made)
            concluded["offset"] = (number + 1) * BATCH - 1
            end = (number + 1) * BATCH
            ts_bars = np.full(len(concluded), tape.ts_recv[-1])
            outputs = Outputs(number * BATCH, end, tape, concluded, (), tape.ts_recv, ts_bars=ts_bars)
            writer.write(outputs, NO_BARS, known, ts_engine=OPEN + SESSION + 3600 * SECOND)
            rows += BATCH + len(concluded)
        writer.close()
        until_merged(store)
    return {"rows": rows, "seconds": round(time.monotonic() - begun, 1), "ticks": total}


def until_merged(store: ClickHouseStore, most_s: float = 60.0) -> None:
    """Wait until the engine merges nothing any more, as in a house that has been up for a while."""
    store.command("SYSTEM START MERGES")  # the flood of rows is over
    quiet, end = 0, time.monotonic() + most_s
    while quiet < 4 and time.monotonic() < end:
        time.sleep(0.5)
        quiet = 0 if store.query("SELECT count() AS n FROM system.merges")["n"][0].as_py() else quiet + 1


def run_server(directory: Path) -> None:
    """Serve until the standard input ends; print the address as JSON."""
    sys.setswitchinterval(SWITCH_S)  # as the serving process has it
    known, stop = instruments(), threading.Event()
    with ClickHouseStore.open(f"chdb://{directory}/store") as store:
        live, latest = LiveMarket(), Latest()
        position = store.written()
        tape = ticks(position - 4 * INSTRUMENTS, 4 * INSTRUMENTS, time.time_ns() - SECOND, 1000)
        latest.on_tape(tape)
        live.apply(
            Outputs(position - len(tape), position, tape, NO_BARS, (), tape.ts_recv),
            known,
            latest.records,
            time.time_ns(),
        )
        lag = LagBoard()
        services = Services(live, store, lag, Metrics(lag), limits=Limits())
        going = threading.Thread(target=_go_on, args=(directory, store, live, latest, known, position, stop))
        going.start()
        threading.Thread(target=_end_with, args=(stop,), daemon=True).start()
        try:
            serve(create_app(services), "127.0.0.1", 0, lambda at: print(json.dumps({"address": at}), flush=True), stop)
        finally:
            stop.set()
            going.join()


def _end_with(stop: threading.Event) -> None:
    """Stop when the standard input ends."""
    sys.stdin.read()
    stop.set()


def _go_on(
    directory: Path,
    store: ClickHouseStore,
    live: LiveMarket,
    latest: Latest,
    known: Instruments,
    position: int,
    stop: threading.Event,
) -> None:
    """Have quotes change and trades come, and flush every second."""
    writer = StoreWriter(store, directory / "intents")
    flushed = time.monotonic()
    while not stop.wait(_RATE_S):
        count = int(QUOTES_PER_S * _RATE_S)
        tape = ticks(position, count, time.time_ns(), 1000)
        latest.on_tape(tape)
        outputs = Outputs(position, position + count, tape, NO_BARS, (), tape.ts_recv)
        position += count
        live.apply(outputs, known, latest.records, time.time_ns())
        writer.write(outputs, NO_BARS, known)
        if time.monotonic() - flushed > 1.0:
            writer.flush()
            flushed = time.monotonic()
    writer.close()


if __name__ == "__main__":
    run_server(Path(sys.argv[1]))
