"""The benchmark of anomalies: what it puts in can be read, and what it says of what is found."""

import importlib
import json
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from breadboard import feeds
from breadboard.cli import run
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.recordings import open_recording
from recordings import ROOT, recording

BTC = "binance/btcusdt_20240808.gz"
HOME = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    """Return the benchmark, and what puts anomalies in."""
    monkeypatch.syspath_prepend(str(HOME))
    return importlib.import_module("anomalies"), importlib.import_module("injecting")


def test_the_benchmark_prints_recall_precision_and_alerts_an_hour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording(BTC)
    monkeypatch.setenv("BREADBOARD_DATA", str(ROOT))
    assert run(["bench", "anomalies", "--venue", "spot-btc", "--case", "price_jump", "--seconds", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    cases = {case["case"]: case for case in report["cases"]}
    assert (report["name"], bool(report["machine"])) == ("anomalies", True)
    assert cases["spot-btc untouched"]["unit"] == "alerts_per_hour"
    found = cases["spot-btc price_jump"]
    assert found["injected"] >= 2
    assert (found["value"], found["precision"], found["told"]) == (1.0, 1.0, found["injected"])
    assert cases["tuned: price_jump"]["value"] == 1.0


def test_without_recordings_it_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BREADBOARD_DATA", str(tmp_path))
    assert run(["bench", "anomalies"]) == 2
    assert "the recordings are not here: no " in capsys.readouterr().err


KINDS = [
    *("price_jump", "return_outlier", "volume_outlier", "spread_outlier"),
    *("trade_outside", "stuck_quote", "stale_venue", "burst"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_in_is_still_the_venues_own_words(modules: tuple[ModuleType, ModuleType], kind: str) -> None:
    anomalies, injecting = modules
    assert set(injecting.ON_FRAMES) == set(KINDS)
    frames = [
        (batch.kind, body, ts)
        for batch in open_recording([recording(BTC)], "hftbacktest", "BINANCE")
        for body, ts in zip(batch.frames, batch.ts_recv, strict=True)
    ][:15_000]
    begin = frames[0][2] + 65 * 10**9
    made, truths = injecting.into(frames, kind, [begin], Random(3))
    assert len(truths) == 1 or kind == "stuck_quote", "ten prints beyond a quote are not everywhere"
    engine = Engine(feeds.by_venue, EngineConfig())
    for batch in anomalies._batches(made):
        engine.process(batch)
    assert engine.summary()["quarantined"] == 0
    assert [body for _, body, _ in made] != [body for _, body, _ in frames] or not truths
    again, same = injecting.into(frames, kind, [begin], Random(3))
    assert (again, same) == (made, truths), "a seed gives the same anomalies"


def test_places_of_what_was_put_in_move_with_what_comes_before(modules: tuple[ModuleType, ModuleType]) -> None:
    _, injecting = modules
    truth = injecting.Truth("burst", 5, 9, 2.0)
    assert truth.moved(3) == injecting.Truth("burst", 8, 12, 2.0)
