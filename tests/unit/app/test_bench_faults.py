"""The judge of faults judges: what is missing and not told of is found, and what is told of is not held against us."""

import importlib
import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from breadboard.cli import run
from breadboard.model.frames import Frames
from breadboard.model.gaps import Gap
from breadboard.model.kinds import GapReason, RecordKind
from breadboard.sim.truth import Deed, Made, Truth
from journals import epoch_frame

T0 = 1_700_000_000_000_000_000
CHANNELS = {"trade": "trade", "bookTicker": "quote"}
NUMBERED = frozenset({"trade"})


def trade(number: int) -> bytes:
    return (
        f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{T0 // 10**6},"s":"BTCUSDT","t":{number},'
        f'"p":"61837.60000000","q":"0.00100000","T":{T0 // 10**6},"m":true,"M":true}}}}'
    ).encode()


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    return importlib.import_module("verdict")


@pytest.fixture
def covering(verdict: ModuleType) -> ModuleType:
    assert verdict.__file__ is not None
    return importlib.import_module("covering")


def evidence(came: list[int], made: list[int], *, gap: Gap | None = None, stream: str = "btcusdt@trade") -> Any:  # noqa: ANN401 - benchmarks' own
    """Trades, one a millisecond, of which some came; perhaps a gap record before the last of them."""
    truth = Truth(keep=True, witness=True)
    sent = truth.connection()
    for number in made:
        truth.made.append(Made(T0 + number * 10**6, stream, (number, number), [trade(number)]))
        sent.note(trade(number))
    records = [(RecordKind.EPOCH, epoch_frame(0, 1), T0)]
    records += [(RecordKind.DATA, trade(number), T0 + number * 10**6 + 1000) for number in came]
    if gap is not None:
        records.insert(-1, (RecordKind.GAP, msgspec.json.encode(gap), T0 + came[-1] * 10**6))
    parts = [Frames.of([frame], [ts], kind=kind, offset=at) for at, (kind, frame, ts) in enumerate(records)]
    return importlib.import_module("ordeal").Evidence(truth, Frames.join(parts), 0, 0.0, 0.0, 0.0, 1)


def test_a_hole_in_trade_numbers_is_covered_by_the_gap_that_the_engine_finds(
    verdict: ModuleType, covering: ModuleType
) -> None:
    case = evidence([1, 2, 5], [1, 2, 3, 4, 5])
    known = verdict.conclude(case)
    found = covering.coverage(case, known.gaps, CHANNELS, NUMBERED, single=True)
    assert (found.made, found.missing, found.covered, found.outside, found.unnumbered) == (5, 2, 2, 0, 0)
    assert [sign.word for sign in known.signs] == ["trade_id"]


@pytest.mark.parametrize("single", [True, False])
def test_what_no_gap_tells_of_is_found_and_is_undetectable_only_where_nothing_is_numbered(
    covering: ModuleType, single: bool
) -> None:
    case = evidence([1, 2, 5], [1, 2, 3, 4, 5], stream="btcusdt@bookTicker")
    found = covering.coverage(case, [], CHANNELS, NUMBERED, single=single)
    assert (found.missing, found.covered) == (2, 0)
    assert (found.outside, found.unnumbered) == ((0, 2) if single else (2, 0))
    numbered = covering.coverage(evidence([1, 2, 5], [1, 2, 3, 4, 5]), [], CHANNELS, NUMBERED, single=True)
    assert (numbered.outside, numbered.unnumbered) == (2, 0)
    assert numbered.examples[0].startswith("btcusdt@trade (3, 3)")


def test_the_tail_of_a_stream_is_undetectable_where_single_messages_are_withheld(covering: ModuleType) -> None:
    case = evidence([1, 2, 5], [1, 2, 3, 4, 5])
    for number in (6, 7):  # another stream came to its end before these, and nothing of it was heard again
        case.truth.made.insert(-1, Made(T0 + 4 * 10**6, "ethusdt@trade", (number, number), [b"never came"]))
    found = covering.coverage(case, [], CHANNELS, NUMBERED, single=True)
    assert (found.missing, found.outside, found.unnumbered) == (4, 2, 2)
    assert covering.coverage(case, [], CHANNELS, NUMBERED, single=False).outside == 4


def test_what_a_connection_of_its_own_did_not_bring_at_the_end_may_be_unnoticed_yet(covering: ModuleType) -> None:
    case = evidence([1, 2, 5], [1, 2, 3, 4, 5])
    for number in (3, 4):
        case.truth.made.insert(-1, Made(T0 + 4 * 10**6, "book:btcusdt", (number, number), [b"never came"]))
    case.truth.made.insert(1, Made(T0 + 1 * 10**6, "book:btcusdt", (1, 1), [trade(1)]))
    apart = covering.coverage(case, [], {}, NUMBERED, single=False, groups=(("trade",), ("book",)))
    assert (apart.missing, apart.outside) == (2, 2)
    together = covering.coverage(case, [], {}, NUMBERED, single=False, groups=(("trade", "book"),))
    assert (together.missing, together.outside) == (4, 4)


def test_a_source_without_a_connection_at_the_end_is_on_record_as_such(covering: ModuleType) -> None:
    case = evidence([1, 2, 5], [1, 2, 3, 4, 5])
    assert covering.outages(case, "capture was stopped") == []
    closed = epoch_frame(0, 1, opened=False)
    end = Frames.of([closed], [T0 + 6 * 10**6], kind=RecordKind.EPOCH, offset=9)
    down = replace(case, frames=Frames.join([case.frames, end]))
    (gap,) = covering.outages(down, "capture was stopped")
    assert (gap.source, gap.reason, gap.ts_from) == (0, GapReason.DISCONNECT, T0 + 5 * 10**6 + 1000)
    assert covering.outages(down, "") == [], "capture itself ended this one"


def test_of_heartbeats_the_one_that_was_lost_is_missing_and_not_the_last(covering: ModuleType) -> None:
    case = evidence([1, 2, 5], [1, 2, 5])
    case.truth.made.clear()
    for second in range(5):
        case.truth.made.append(Made(T0 + second * 10**9, "heartbeat", (0, 0), [trade(1)]))
    case.frames.ts_recv[1:] = [T0 + 1000, T0 + 10**9 + 1000, T0 + 4 * 10**9 + 1000]
    gap = Gap(source=0, reason=GapReason.DISCONNECT, ts_from=T0 + 2 * 10**9, ts_to=T0 + 3 * 10**9 + 1000)
    for row in (1, 2, 3):
        at = slice(int(case.frames.begin[row]), int(case.frames.end[row]))
        case.frames.buffer[at] = list(trade(1))
    found = covering.coverage(case, [gap], CHANNELS, NUMBERED, single=False)
    assert (found.missing, found.covered, found.outside) == (2, 2, 0)


def test_a_hole_can_be_seen_from_the_next_message_of_its_stream_on(verdict: ModuleType, covering: ModuleType) -> None:
    case = evidence([1, 2, 5], [1, 2, 3, 4, 5])
    deeds = [Deed("drop", T0 + number * 10**6, 1, "btcusdt@trade", (number, number)) for number in (3, 4)]
    case.truth.deeds.extend([Deed("drop", T0, 1, "btcusdt@bookTicker", (9, 9)), *deeds])
    sign = verdict.Sign(T0 + 7 * 10**6, "trade_id")
    streams = covering.numbered_streams(case, CHANNELS, NUMBERED)
    assert streams == {"btcusdt@trade"}
    assert verdict.detection_s(case, [sign], "drop", ("trade_id",), streams) == ("trade_id", 0.002)
    assert verdict.detection_s(case, [sign], "drop", ("trade_id",)) == ("trade_id", 0.007)
    assert verdict.detection_s(case, [verdict.Sign(T0, "trade_id")], "drop", ("trade_id",), streams) == ("", None)


@pytest.mark.parametrize(
    ("changes", "outside"),
    [
        ({}, 0),
        ({"symbol": "BTCUSDT"}, 0),
        ({"symbol": "ETHUSDT"}, 2),
        ({"channel": "trade"}, 0),
        ({"channel": "book"}, 2),
        ({"ts_to": T0 + 1_900_000}, 2),
        ({"ts_from": T0 + 5_100_000, "ts_to": T0 + 9_000_000}, 2),
    ],
)
def test_a_gap_covers_its_symbol_its_channel_and_its_time(
    covering: ModuleType, changes: dict[str, Any], outside: int
) -> None:
    gap = Gap(**({"source": 0, "reason": GapReason.SUBSCRIPTION, "ts_from": T0, "ts_to": T0 + 5 * 10**6} | changes))
    found = covering.coverage(evidence([1, 2, 5], [1, 2, 3, 4, 5]), [gap], CHANNELS, NUMBERED, single=False)
    assert (found.missing, found.outside) == (2, outside)


def test_records_that_were_never_sent_and_times_of_another_unit_are_counted(verdict: ModuleType) -> None:
    assert verdict.wrong_records(evidence([1, 2, 7], [1, 2])) == 1
    late = evidence([1, 2], [1, 2])
    late.frames.ts_recv[1:] += 3600 * 10**9
    assert verdict.wrong_times(verdict.conclude(late).outputs) == 2
    assert verdict.wrong_times(verdict.conclude(evidence([1, 2], [1, 2])).outputs) == 0


def test_the_bench_prints_its_cases_for_machines_and_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "faults", "--venue", "coinbase", "--case", "duplicate", "--seconds", "1"]
    assert run([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["name"], report["ok"], report["peers"]) == ("faults", True, {})
    (case,) = report["cases"]
    assert (case["case"], case["unit"], case["failed"]) == ("coinbase duplicate:10", "s", [])
    assert case["made"] > 100
    for name in ("missing_outside_gaps", "duplicates_stored", "trades_dropped", "tasks_dead", "missing"):
        assert case[name] == 0, name
    assert {"covered", "rss_growth_mb", "loop_lag_ms", "seed", "bound", "value"} <= set(case)


def test_a_venue_that_nobody_tries_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "faults", "--venue", "nyse"]) == 2
    assert "'nyse'" in capsys.readouterr().err


def test_a_case_that_nobody_has_is_no_good_news(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "faults", "--venue", "binance", "--case", "zzz"]) == 2
    assert "no case of binance has 'zzz' in it" in capsys.readouterr().err
    assert run(["bench", "smallcaps", "--seconds", "-3"]) == 2
