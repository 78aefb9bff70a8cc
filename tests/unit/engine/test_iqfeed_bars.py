"""The engine's bars from real IQFeed ticks, against the bars that the vendor made itself."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.model.bars import Session
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import EventKind, Flag, Provenance, RecordKind
from breadboard.model.outputs import Outputs
from breadboard.model.rules import Rule, RuleSet
from breadboard.recordings.history_iqfeed import read_bars, read_ticks
from breadboard.recordings.lines import document
from recordings import recording

RECEIVED = 1_790_000_000_000_000_000
Bar = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]
"""Begin in ns UTC, open, high, low, close, volume."""


def journal(documents: Iterator[tuple[str, bytes]]) -> Frames:
    opened = Epoch(0, 1, "IQFEED", "file:", (), Provenance.HISTORY, open=True)
    bodies = [document(tag, "file:", body) for tag, body in documents]
    raw = [msgspec.json.encode(opened), *bodies]
    frames = Frames.of(raw, [RECEIVED] * len(raw), kind=RecordKind.DOCUMENT)
    frames.kind[0] = RecordKind.EPOCH
    return frames


@cache
def run() -> tuple[Engine, list[Outputs]]:
    """Run the real ticks through the real engine, document by document."""
    engine = Engine(feeds.by_venue, EngineConfig())
    frames = journal(read_ticks(recording("iqfeed/ticks_oldest.zip"), "NEPT"))
    return engine, [engine.process(frames.take(slice(at, at + 1))) for at in range(len(frames))]


def prices(bar: np.void) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    begin, high, low, end = (Decimal(int(bar[name])).scaleb(-9) for name in ("open", "high", "low", "close"))
    return begin, high, low, end


def vendors_days() -> set[Bar]:
    """Read the vendor's days by hand: date, high, low, open, close, volume."""
    text = ZipFile(recording("iqfeed/dailies_oldest.zip")).read("dailies_oldest.csv").decode()
    rows = [line.split(",") for line in text.splitlines() if line[:4] == "2021"]
    zone = ZoneInfo("America/New_York")
    return {
        (
            int(datetime.fromisoformat(row[0]).replace(tzinfo=zone).timestamp()) * 1_000_000_000,
            *(Decimal(row[3]), Decimal(row[1]), Decimal(row[2]), Decimal(row[4])),
            Decimal(row[5]),
        )
        for row in rows
    }


def ours(seconds: int) -> set[Bar]:
    engine, outputs = run()
    bars = np.concatenate([*(each.bars for each in outputs), engine.bars.open_bars()])
    newest = {int(bar["ts_open"]): bar for bar in bars if bar["interval"] == seconds}
    return {
        (
            int(bar["ts_open"]),
            *prices(bar),
            int(bar["volume_whole"]) + Decimal(int(bar["volume_fraction"])).scaleb(-18),
        )
        for bar in newest.values()
    }


def theirs() -> set[Bar]:
    """Read the vendor's bars by hand: label, high, low, open, close, total volume, period volume."""
    text = ZipFile(recording("iqfeed/intervals_5s_oldest.zip")).read("intervals_5s_oldest.csv").decode()
    rows = [line.split(",") for line in text.splitlines() if line[:1].isdigit()]
    zone = ZoneInfo("America/New_York")
    return {
        (
            int(datetime.fromisoformat(row[0]).replace(tzinfo=zone).timestamp()) * 1_000_000_000,
            *(Decimal(row[3]), Decimal(row[1]), Decimal(row[2]), Decimal(row[4])),
            Decimal(row[6]),
        )
        for row in rows
    }


def test_every_five_second_bar_of_three_real_days_is_the_vendors_own() -> None:
    expected = theirs()
    assert len(expected) == 5_878
    assert ours(5) == expected


def test_the_days_made_of_its_ticks_are_the_vendors_own() -> None:
    """Prices are those of the regular session with the closing print, volume is that of every print."""
    found = ours(86_400)
    assert len(found) == 3
    assert found <= vendors_days()


def test_a_day_of_ours_and_the_vendors_are_versions_of_one_bar() -> None:
    engine = Engine(feeds.by_venue, EngineConfig())
    ticks = read_ticks(recording("iqfeed/ticks_oldest.zip"), "NEPT")
    days = read_bars(recording("iqfeed/dailies_oldest.zip"), "NEPT")
    outputs = engine.process(journal(chain(ticks, days)))
    bars = np.concatenate([outputs.bars, engine.bars.open_bars()])
    bars = bars[bars["interval"] == 86_400]
    assert (len(np.unique(bars["ts_open"])), len(bars)) == (25, 25 + 3)
    assert set(bars["session"].tolist()) == {Session.REGULAR}
    # 14 March 2021 was a Sunday of 23 hours, on which nothing traded.
    assert set((bars["ts_close"] - bars["ts_open"]).tolist()) == {86_400 * 10**9}


def test_every_tick_becomes_one_trade_and_the_odd_lots_are_marked() -> None:
    _, outputs = run()
    trades = sum(int((each.tape.kind == EventKind.TRADE).sum()) for each in outputs)
    left_out = sum(int((each.tape.flags & Flag.INELIGIBLE != 0).sum()) for each in outputs)
    assert (trades, left_out) == (32_627, 32_627 - eligible())
    engine, _ = run()
    assert engine.summary()["quarantined"] == 0
    assert engine.bars.counters()["implausible"] == 0
    assert sum(int(bar[5]) for bar in ours(3600)) == sum(int(bar[5]) for bar in theirs())


def eligible() -> int:
    text = ZipFile(recording("iqfeed/ticks_oldest.zip")).read("ticks_oldest.csv").decode()
    return sum(line.split(",")[7] in "CE" for line in text.splitlines() if line[:1].isdigit())


def test_the_vendors_bars_come_through_as_they_are() -> None:
    engine = Engine(feeds.by_venue, EngineConfig())
    outputs = engine.process(journal(read_bars(recording("iqfeed/intervals_5s_oldest.zip"), "NEPT", 5)))
    found = {
        (
            int(bar["ts_open"]),
            *prices(bar),
            Decimal(int(bar["volume_whole"])),
        )
        for bar in outputs.bars
    }
    assert found == theirs()
    assert set(outputs.bars["interval"].tolist()) == {5}


def test_each_bar_says_when_its_record_was_received_the_vendors_also_where_nothing_else_came_with_it() -> None:
    engine = Engine(feeds.by_venue, EngineConfig())
    ticks = read_ticks(recording("iqfeed/ticks_oldest.zip"), "NEPT")
    frames = journal(chain(ticks, read_bars(recording("iqfeed/dailies_oldest.zip"), "NEPT")))
    frames.ts_recv[:] = RECEIVED + 1_000 * frames.offset
    outputs = engine.process(frames)
    assert outputs.bars["offset"][-1] == frames.offset[-1] > outputs.tape.offset[-1]
    np.testing.assert_array_equal(outputs.ts_bars, RECEIVED + 1_000 * outputs.bars["offset"])


def test_the_interval_is_found_where_nobody_says_it() -> None:
    engine = Engine(feeds.by_venue, EngineConfig())
    outputs = engine.process(journal(read_bars(recording("iqfeed/intervals_5s_oldest.zip"), "NEPT")))
    assert set(outputs.bars["interval"].tolist()) == {5}
    assert len(outputs.bars) == 5_878
    engine = Engine(feeds.by_venue, EngineConfig())
    outputs = engine.process(journal(read_bars(recording("iqfeed/dailies_oldest.zip"), "NEPT")))
    assert outputs.bars["interval"].tolist() == [86_400] * 25
    first = outputs.bars[0]
    midnight = datetime(2021, 2, 22, tzinfo=ZoneInfo("America/New_York"))
    assert int(first["ts_open"]) == int(midnight.timestamp()) * 1_000_000_000
    assert [int(first[name]) for name in ("open", "high", "low", "close")] == [
        *(1_940_000_000, 1_970_000_000, 1_740_000_000, 1_740_000_000)
    ]
    assert int(first["volume_whole"]) == 18_991_055


def test_rules_look_in_the_hours_of_the_symbols_own_exchange() -> None:
    """The venue says its calendar by symbol. In March 2021 regular hours were 14:30 to 21:00 UTC until the 14th."""
    sessions = ("", "regular", "extended")
    rules = [
        Rule(name=session or "always", kind="rise", threshold=0.5, window="1m", session=session) for session in sessions
    ]
    engine = Engine(feeds.by_venue, EngineConfig(), RuleSet(tuple(rules)))
    ticks = journal(read_ticks(recording("iqfeed/ticks_oldest.zip"), "NEPT"))
    fired: dict[str, list[int]] = {rule.name: [] for rule in rules}
    for row in engine.process(ticks).alerts:
        fired[engine.rules.registry[row["rule"]].name].append(int(row["ts_event"]))
    day, minute = 86_400 * 10**9, 60 * 10**9
    opens, closes = 14 * 60 + 30, 21 * 60
    assert any(when % day < opens * minute for when in fired["always"])
    assert fired["regular"]
    assert [when for when in fired["regular"] if not opens <= when % day // minute < closes] == []
    assert len(fired["regular"]) < len(fired["extended"]) <= len(fired["always"])
