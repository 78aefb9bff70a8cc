"""Trades that a venue takes back leave their bars, which are then what they would have been without them."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine, kept_trades
from breadboard.engine.bars import Bars
from breadboard.engine.sessions import Sessions
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import BarState, Flag, Provenance, RecordKind
from breadboard.recordings.history_iqfeed import read_ticks
from breadboard.recordings.lines import document
from recordings import recording
from tapes import SECOND, T0, tape, trade

Rows = list[dict[str, Any]]
Key = tuple[int, int, int]
FINAL, CORRECTED, WITHDRAWN = BarState.FINAL, BarState.CORRECTED, BarState.WITHDRAWN
GONE = {"flags": int(Flag.WITHDRAWN)}
FOLLOWS = {"flags": int(Flag.WITHDRAWN | Flag.LATE_PRINT)}
HOUR = 3600 * SECOND
SAID = ("open", "high", "low", "close", "volume_whole", "volume_fraction", "notional", "trades")


def keeping() -> Bars:
    return Bars(2000, 5.0, lambda which: which != 2, calendars())


def calendars() -> Sessions:
    """Let one instrument have days of New York."""
    return Sessions(lambda which: "XNYS" if which == 1 else "")


def told(stage: Bars, rows: Rows, interval: int = 1) -> list[tuple[int, int, int]]:
    """Return ``(high in whole units, trades, state)`` of the versions concluded of one interval."""
    out = stage.on_tape(tape(rows))
    kept = [] if out is None else [bar for bar in out if bar["interval"] == interval]
    return [(int(bar["high"]) // 10**9, int(bar["trades"]), int(bar["state"])) for bar in kept]


def test_a_trade_taken_back_leaves_its_final_bar_at_once() -> None:
    rows = [trade(1, 0, 10), trade(2, 1, 99), trade(3, 2, 11), trade(4, 9 * SECOND), trade(2, 1, 99) | GONE]
    assert told(keeping(), rows) == [(99, 3, FINAL), (11, 2, CORRECTED)]


def test_a_trade_taken_back_leaves_an_open_bar_without_a_word() -> None:
    stage = keeping()
    assert told(stage, [trade(1, 0, 10), trade(2, 1, 99), trade(2, 1, 99) | GONE, trade(3, 9 * SECOND)]) == [
        (10, 1, FINAL)
    ]


def test_a_bar_of_nothing_else_is_withdrawn_and_comes_back_with_the_next_trade() -> None:
    stage = keeping()
    rows = [trade(1, 0, 10), trade(2, 9 * SECOND, 7), trade(1, 0, 10) | GONE]
    assert told(stage, rows) == [(10, 1, FINAL), (10, 0, WITHDRAWN)]
    assert [int(bar["trades"]) for bar in stage.open_bars() if bar["interval"] == 86_400] == [1]
    assert told(stage, [trade(5, 5, 12)]) == [(12, 1, CORRECTED)]
    alone = keeping()
    assert told(alone, [trade(1, 0, 10), trade(1, 0, 10) | GONE]) == [(10, 0, WITHDRAWN)], "a store may have it"
    assert len(alone.open_bars()) == 0
    assert told(alone, [trade(2, 9 * SECOND)]) == []


def test_a_correction_is_one_taken_back_and_one_put_in() -> None:
    rows = [trade(1, 0, 10), trade(2, 1, 99), trade(4, 9 * SECOND), trade(2, 1, 99) | GONE]
    rows += [trade(2, 1, 12, flags=int(Flag.LATE_PRINT))]
    assert told(keeping(), rows) == [(99, 2, FINAL), (10, 1, CORRECTED), (12, 2, CORRECTED)]


def test_of_the_same_id_it_is_the_one_of_that_price_and_time() -> None:
    rows = [trade(1, 0, 10), trade(1, 1, 11), trade(1, 5, 10), trade(2, 9 * SECOND), trade(1, 1, 11) | GONE]
    assert told(keeping(), rows) == [(11, 3, FINAL), (10, 2, CORRECTED)]
    stage = keeping()
    stage.on_tape(tape([trade(1, 0, 10), trade(1, 3 * SECOND, 10), trade(1, 4 * SECOND, 10) | FOLLOWS]))
    assert not [bar for bar in stage.open_bars() if bar["interval"] == 1], "it was the one of 3 s, the other is final"


def day_after(rows: Rows, which: int) -> tuple[int, int, int]:
    """Return the day's open in whole units, its trades, and how many taken back were not found."""
    stage, only = keeping(), {"instrument": which}
    out = stage.on_tape(tape([row | only for row in rows]))
    found = newest([*([] if out is None else [out]), stage.open_bars()])
    ((opened, *_, trades),) = [bar for (_, interval, _), bar in found.items() if interval == 86_400]
    assert stage.counters()["implausible"] == 0
    return opened // 10**9, trades, stage.counters()["unmatched"]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("away", [-120 * HOUR, -2 * HOUR, -1_000_000, 1_000_000, HOUR])
def test_a_print_that_was_in_no_bar_takes_no_other_of_its_id_price_and_size_along(away: int, which: int) -> None:
    """One of days ago, or of another exchange."""
    rows = [trade(7, 0, 100), trade(8, SECOND, 101), trade(7, away, 100) | GONE | {"ts_recv": T0 + 2 * HOUR}]
    assert day_after(rows, which) == (100, 2, 1)


@pytest.mark.parametrize(
    ("which", "later", "left"),
    [
        (0, HOUR, (101, 1, 0)),
        (0, -1_000_000, (100, 2, 1)),  # it follows what it is about
        (1, 6 * HOUR, (101, 1, 0)),  # 23:13 in New York: another day of UTC's
        (1, 7 * HOUR, (100, 2, 1)),
    ],
)
def test_a_record_that_follows_names_a_print_of_its_day(which: int, later: int, left: tuple[int, int, int]) -> None:
    rows = [trade(7, 0, 100), trade(8, SECOND, 101), trade(7, later, 100) | FOLLOWS]
    assert day_after(rows, which) == left


def test_a_trade_without_an_id_is_known_by_its_time() -> None:
    nameless = {"trade_id": ABSENT}
    rows = [trade(1, 0, 10) | nameless, trade(1, 5_000_000, 10) | nameless, trade(2, 9 * SECOND)]
    stage = keeping()
    assert told(stage, [*rows, trade(1, 5_400_000, 10) | nameless | GONE]) == [(10, 2, FINAL), (10, 1, CORRECTED)]
    assert told(stage, [trade(1, 900_000_000, 10) | nameless | GONE]) == []
    assert stage.counters()["unmatched"] == 1


def test_what_is_not_found_changes_nothing_and_is_counted_and_nothing_goes_twice() -> None:
    stage = keeping()
    rows = [trade(1, 0, 10), trade(2, 1, 20), trade(3, 9 * SECOND), trade(2, 1, 21) | GONE, trade(2, 1, 20, 2) | GONE]
    assert told(stage, [*rows, trade(2, 1, 20) | GONE, trade(2, 1, 20) | GONE]) == [(20, 2, FINAL), (10, 1, CORRECTED)]
    assert stage.counters()["unmatched"] == 3


def test_a_venue_that_never_takes_back_pays_for_no_memory_and_its_rows_mean_nothing() -> None:
    stage = keeping()
    only = {"instrument": 2}
    rows = [trade(1, 0) | only, trade(1, 9 * SECOND) | only, trade(1, 0) | only | GONE]
    assert told(stage, rows) == [(100, 1, FINAL)]
    assert told(stage, [trade(1, 10 * SECOND), trade(2, 10 * SECOND) | only | GONE]) == []
    assert stage.counters()["unmatched"] == 0, "nor once another venue's trades are remembered beside it"
    quiet = Bars(2000, 5.0)
    quiet.on_tape(tape([trade(at, at) for at in range(100)]))
    assert len(quiet._kept.ring) == 0


def test_what_was_forgotten_is_counted_and_its_bars_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_trades, "MOST_KEPT", 3)
    stage = keeping()
    rows = [trade(at, at * SECOND, at) for at in range(1, 6)] + [trade(6, 9 * SECOND)]
    assert len(told(stage, rows)) == 5
    assert told(stage, [trade(1, SECOND, 1) | GONE]) == []
    assert stage.counters()["unmatched"] == 1
    assert told(stage, [trade(5, 5 * SECOND, 5) | GONE]) == [(5, 0, WITHDRAWN)]
    assert stage.counters()["too_late"] == 4, "bars of 5 s to 1 d had other trades, of which some are forgotten"


def scratch(rows: Rows) -> dict[Key, tuple[Any, ...]]:
    """Make the bars of trades that nobody took back, by a stage that never saw the others."""
    stage = Bars(10**9, 1e9, sessions=calendars())
    pushed_out = stage.on_tape(tape(rows))
    return newest([*([] if pushed_out is None else [pushed_out]), stage.open_bars()])


def newest(parts: Sequence[NDArray[np.void]]) -> dict[Key, tuple[Any, ...]]:
    found: dict[Key, tuple[Any, ...]] = {}
    for bar in (bar for part in parts for bar in part):
        key = int(bar["instrument"]), int(bar["interval"]), int(bar["ts_open"])
        found.pop(key, None)
        if bar["state"] != WITHDRAWN:
            found[key] = tuple(bar[name].item() for name in SAID)
    return found


REACH = 40 * SECOND
"""Of a trade that may still be taken back: bars of a second are kept for a minute."""


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=211914)
def test_with_any_trades_taken_back_every_bar_is_what_a_computation_without_them_gives(seed: int) -> None:
    """Twenty of a hundred, while their bars are kept, in batches of any size, through bytes at every cut."""
    random_ = random.Random(seed)
    rows: Rows = []
    alive: Rows = []
    now = 0
    for number in range(100):
        now += random_.choice((0, 1, 100_000_000, 700_000_000, 2 * SECOND))
        late = random_.choice((0, 0, 0, 300_000_000, 2 * SECOND, 8 * SECOND))
        code = random_.choice((0, 0, 0, *range(64)))
        row = trade(number // 3, max(0, now - late), random_.randint(1, 9), random_.randint(1, 3), code=code)
        row |= {"ts_recv": row["ts_event"] + 1, "instrument": random_.randrange(2)}
        rows.append(row)
        alive.append(row)
        if random_.random() < 0.2:
            gone = random_.choice([each for each in alive if each["ts_event"] > T0 + now - REACH] or [row])
            same = [
                each for each in alive if all(each[n] == gone[n] for n in ("instrument", "trade_id", "price", "size"))
            ]
            away = [abs(each["ts_event"] - gone["ts_event"]) for each in same]
            last = max(at for at, each in enumerate(away) if each == min(away))
            alive = [each for each in alive if each is not same[last]]
            rows.append(gone | GONE)
    stage, out, at = keeping(), [], 0
    while at < len(rows):
        end = at + random_.randint(1, 30)
        part = stage.on_tape(tape(rows[at:end], first=at))
        out += [] if part is None else [part]
        state, stage = stage.snapshot(), keeping()
        stage.restore(state)
        assert stage.snapshot() == state
        at = end
    counters = stage.counters()
    assert (counters["too_late"], counters["unmatched"]) == (0, 0)
    assert newest([*out, stage.open_bars()]) == scratch(alive)


@cache
def ticks() -> tuple[tuple[str, bytes], ...]:
    return tuple(read_ticks(recording("iqfeed/ticks_oldest.zip"), "NEPT"))


def run_iqfeed(
    documents: Sequence[tuple[str, bytes]], lines: Sequence[bytes]
) -> tuple[Engine, dict[Key, tuple[Any, ...]]]:
    """Run a lookup's answers and then lines of Level 1, all in one go; return the engine and the newest bars."""
    opened = Epoch(0, 1, "IQFEED", "file:", (), Provenance.HISTORY, open=True)
    bodies = [msgspec.json.encode(opened), *(document(tag, "file:", body) for tag, body in documents), *lines]
    frames = Frames.of(bodies, [1_790_000_000_000_000_000] * len(bodies), kind=RecordKind.DOCUMENT)
    frames.kind[0] = RecordKind.EPOCH
    frames.kind[1 + len(documents) :] = RecordKind.DATA
    engine = Engine(feeds.by_venue, EngineConfig())
    outputs = engine.process(frames)
    return engine, newest([outputs.bars, engine.bars.open_bars()])


def correction(row: list[str]) -> bytes:
    """Return the line by which a gateway takes a tick back: a lookup's row has the same figures."""
    day, clock = row[0].split(" ")
    year, month, date = day.split("-")
    return f"C,NEPT,D,{month}/{date}/{year},{clock},{row[1]},{row[2]},{row[6]},{row[9]},{row[8]},".encode()


def test_real_ticks_taken_back_by_the_gateway_leave_the_bars_of_their_day() -> None:
    documents = ticks()
    rows = [line.split(",") for _, body in documents for line in body.decode().splitlines()]
    rows = [row[row[0] == "LH" :] for row in rows if len(row) > 9]
    rows = [row for row in rows if row[7] in "CEO"]
    chosen = random.Random(4).sample([row for row in rows if row[0].startswith("2021-03-03 15:")], 20)
    engine, bars = run_iqfeed(documents, [correction(row) for row in chosen])
    assert engine.bars.counters()["unmatched"] == 0
    assert engine.bars.counters()["too_late"] > 0, "an hour is more than 64 bars of a second"
    midnight = datetime(2021, 3, 3, tzinfo=ZoneInfo("America/New_York"))
    left = [row for row in rows if row not in chosen and row[0].startswith("2021-03-03")]
    _, high, low, _, volume, _, _, trades = bars[0, 86_400, int(midnight.timestamp()) * SECOND]
    paid = [Decimal(row[1]) for row in left if row[7] == "C"]
    assert (Decimal(high).scaleb(-9), Decimal(low).scaleb(-9)) == (max(paid), min(paid))
    assert (volume, trades) == (sum(int(row[2]) for row in left), len(left))
