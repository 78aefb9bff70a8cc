"""The bench of latency measures: every trade arrives, hop after hop, and no hop is out of order."""

import importlib
import json
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from breadboard.cli import run
from breadboard.config_file import load
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.features import BY_NAME

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def latency(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("latency")


def test_the_full_case_is_of_a_house_that_tells_every_feature_and_anomaly(latency: ModuleType, tmp_path: Path) -> None:
    rate, full = latency.CASES["13000-full"]
    assert (rate, full) == (13_000, True)
    path = tmp_path / "breadboard.toml"
    path.write_text(latency._config("ws://127.0.0.1:1", "http://127.0.0.1:1", ["BTCUSDT"]) + latency.FULL)
    engine = load(path).engine
    assert engine.features == tuple(BY_NAME)
    assert engine.anomalies == tuple(ANOMALIES)


def test_the_latency_benchmark_prints_its_case_and_hops(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "latency", "--seconds", "1", "--case", "4200", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["name"], report["peers"]) == ("latency", {})
    [case] = report["cases"]
    assert (case["case"], case["unit"], case["value"]) == ("4200", "ms", case["p99_ms"])
    assert case["trades"] > 1000
    assert (case["lost"], case["missing"]) == (0, 0)
    assert list(case["hops"]) == ["send", "receive", "durable", "read", "engine", "push", "client"]
    for spread in (case, *case["hops"].values(), case["conflation"]):
        assert spread["p50_ms"] <= spread["p99_ms"] <= spread["max_ms"]
    # Stamps of one clock, in the order of the way. The eye on HEAD is another thread than the one that reads.
    assert all(case["hops"][name]["p50_ms"] >= 0 for name in ("send", "receive", "durable", "engine", "push", "client"))
    assert case["hops"]["durable"]["p50_ms"] + case["hops"]["read"]["p50_ms"] > 0
    assert case["p50_ms"] <= sum(hop["max_ms"] for hop in case["hops"].values())
    assert case["floor"]["lost"] == 0
    assert 0 < case["floor"]["p50_ms"] <= case["floor"]["p99_ms"] <= case["floor"]["max_ms"]
    assert set(case["cpu_percent"]) == {"venue", "capture", "serve", "client", "others"}


def test_a_case_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "latency", "--case", "13"]) == 2
    assert "latency has no case '13'" in capsys.readouterr().err


def test_a_trade_that_never_came_is_lost_and_a_stall_counts_from_when_it_was_due(latency: ModuleType) -> None:
    ms, start = 1_000_000, int(latency.LEAD_S * 1e9)
    sent = np.zeros(4, latency.latency_venue.SENT)
    sent["trade_id"] = range(4)
    sent["due"] = [0, start, start + ms, start + 2 * ms]
    sent["sent"] = [0, start + 5 * ms, start + 5 * ms, start + 5 * ms]  # the venue was held up
    seen = np.zeros(3, latency.latency_client.SEEN)
    seen["trade_id"] = [3, 1, 0]  # in another order, and one is missing
    for at, name in enumerate(latency.STAMPS):
        seen[name] = start + (6 + at) * ms
    told = latency._told(sent, seen, np.array([50 * ms]), lambda due, _: due > start + ms)
    assert (told["trades"], told["lost"]) == (3, 1)
    assert told["hops"]["send"]["max_ms"] == 5.0
    assert told["hops"]["receive"] == {"p50_ms": 1.0, "p99_ms": 1.0, "max_ms": 1.0}
    assert told["max_ms"] == 11.0
    assert told["p50_ms"] == 10.0
    assert told["conflation"]["p50_ms"] == 50.0
    assert (told["undisturbed"]["trades"], told["undisturbed"]["max_ms"]) == (1, 9.0)


def test_the_venue_sends_what_is_due_in_each_millisecond_whatever_happens(latency: ModuleType) -> None:
    venue = latency.latency_venue.Ahead(5_000, 0.5)
    shares: list[bytes] = []
    client = object()
    venue._writes = {client: shares.append}
    streams = {frame[11 : frame.index(b'"', 11)].decode() for frame in venue._frames}
    venue._listeners = dict.fromkeys(streams, client)
    [share], trades = venue.plan()
    assert len(venue._frames) == 2500
    assert len(share.ends) == 501
    assert share.ends[-1] == len(share.data) == sum(len(frame) + 4 for frame in venue._frames)
    rates = np.diff(share.ends[::100])
    assert rates.min() > 0.8 * rates.max()
    keys = latency._key(trades)
    assert len(np.unique(keys)) == len(keys) > 500
    assert (np.diff(trades["due"]) >= 0).all()


def test_who_else_was_busy_is_seen(latency: ModuleType) -> None:
    watch = latency.Watch({"nobody": 1})
    start, spent = time.time_ns(), time.process_time()
    while time.process_time() - spent < 0.5:
        pass
    watch.end()
    assert set(watch.percent()) == {"nobody", "others"}
    assert not watch.alone(np.array([start - 10**9, time.time_ns() + 10**9]), 99.0).any()
    assert watch.alone(np.array([(start + time.time_ns()) // 2]), 99.0).all()
    assert not watch.alone(np.array([(start + time.time_ns()) // 2]), -99.0).any()


def test_a_relay_s_client_knows_its_trades_wherever_a_read_cut_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    floor = importlib.import_module("latency_floor")
    frames = [b'{"stream":"b@trade","data":{"s":"B","t":%d}}\n' % number for number in range(3)]
    data = b"".join(frames)
    for cut in range(len(data)):
        found = floor._found([(1, data[:cut]), (2, data[cut:])], ["A", "B"])
        ends = [sum(map(len, frames[: number + 1])) for number in range(3)]
        assert found.tolist() == [(1, number, 1 if end <= cut else 2) for number, end in enumerate(ends)]
