"""Anomalies in the engine: told or not by configuration, the same in any batches, through restarts and in the store."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import plainfeed
from breadboard import feeds
from breadboard.cli import run
from breadboard.config import AnomalyConfig, EngineConfig
from breadboard.config_file import load
from breadboard.engine import Engine
from breadboard.errors import UsageError
from breadboard.model.anomalies import BY_NAME
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import EventKind, Flag, Provenance, RecordKind
from breadboard.model.rules import Rule, RuleSet
from feed_samples import frames_of
from recordings import recording
from tapes import SECOND, T0

BTC = "binance/btcusdt_20240808.gz"
TOUCHY = AnomalyConfig(warmup=16, cooldown_s=5.0, jump_tails=1.0, jump_bps=0.1, burst_tails=0.5, burst_ratio=1.0)


def engine(*names: str) -> Engine:
    subject = Engine(feeds.by_venue, EngineConfig(anomalies=names, anomaly=TOUCHY))
    subject.adopt([Epoch(0, 1, "BINANCE", "", (), Provenance.REPLAY, open=True)])
    return subject


@pytest.fixture(scope="module")
def frames() -> Frames:
    return frames_of("binance", "hftbacktest", (BTC,)).take(slice(0, 15_000))


@pytest.fixture(scope="module")
def whole(frames: Frames) -> tuple[Engine, bytes]:
    subject = engine(*BY_NAME)
    return subject, subject.process(frames).anomalies.tobytes()


@pytest.mark.parametrize("size", [1, 13, 1000])
def test_any_batch_size_gives_the_same_rows_and_digest(frames: Frames, whole: tuple[Engine, bytes], size: int) -> None:
    short = frames.take(slice(0, 4_000)) if size == 1 else frames
    one, other = engine(*BY_NAME), engine(*BY_NAME)
    expected = one.process(short).anomalies.tobytes() if size == 1 else whole[1]
    parts = [other.process(short.take(slice(at, at + size))).anomalies for at in range(0, len(short), size)]
    assert len(expected) > 0
    assert np.concatenate(parts).tobytes() == expected
    reference = one if size == 1 else whole[0]
    assert other.digest() == reference.digest()
    assert other.snapshot() == reference.snapshot()


def test_a_restart_at_any_place_ends_in_the_same_bytes(frames: Frames, whole: tuple[Engine, bytes]) -> None:
    for cut in [3, *random.Random(7).sample(range(len(frames)), 4)]:
        before, after = engine(*BY_NAME), engine(*BY_NAME)
        early = before.process(frames.take(slice(0, cut))).anomalies
        after.restore(before.snapshot())
        late = after.process(frames.take(slice(cut, None))).anomalies
        assert np.concatenate([early, late]).tobytes() == whole[1], f"cut at {cut}"
        assert after.snapshot() == whole[0].snapshot(), f"cut at {cut}"


def test_rows_say_where_their_evidence_comes_from(whole: tuple[Engine, bytes], frames: Frames) -> None:
    rows = engine(*BY_NAME).process(frames).anomalies
    assert set(rows["flags"].tolist()) == {int(Flag.REPLAYED)}
    assert (rows["from_offset"] <= rows["to_offset"]).all()
    assert (rows["to_offset"] <= rows["offset"]).all()
    assert (np.diff(rows["offset"]) >= 0).all()
    assert whole[1] == rows.tobytes()


def test_without_anomalies_there_are_none_and_the_digest_knows_nothing_of_them(frames: Frames) -> None:
    few = frames.take(slice(0, 5_000))
    without, with_them = engine(), engine("burst")
    assert len(without.process(few).anomalies) == 0
    told = with_them.process(few).anomalies
    assert set(told["kind"].tolist()) == {BY_NAME["burst"]}
    assert (without.summary()["anomalies"], with_them.summary()["anomalies"]) == (0, len(told))
    assert without.digest() != with_them.digest()
    assert without.anomalies is None


def test_a_checkpoint_from_before_anomalies_were_asked_for_is_taken(frames: Frames) -> None:
    before, after = engine(), engine("burst", "price_jump")
    before.process(frames.take(slice(0, 1_000)))
    after.restore(before.snapshot())
    assert len(after.process(frames.take(slice(1_000, None))).anomalies) > 0


def test_a_silent_venue_is_told_by_its_own_rule(frames: Frames) -> None:
    some = frames.take(slice(0, 200))
    late = frames.take(slice(200, 300))
    late.ts_recv[:] += 30_000_000_000
    rows = engine("stale_venue").process(Frames.join([some, late])).anomalies
    assert (rows["threshold"].tolist(), rows["instrument"].tolist(), rows["offset"].tolist()) == ([20.0], [-1], [200])
    assert set(rows["flags"].tolist()) == {int(Flag.REPLAYED)}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_source_that_begins_to_speak_for_another_venue_does_so_at_its_record(size: int) -> None:
    """PLAIN is silent after 3 s, OTHER after 10: 5 s without a word are an anomaly of the first alone."""
    known = {
        name: plainfeed.PlainFeed(replace(plainfeed.CAPABILITIES, venue=name, heartbeat_s=heartbeat_s))
        for name, heartbeat_s in (("PLAIN", 3.0), ("OTHER", 10.0))
    }
    records: list[plainfeed.Record] = [
        (RecordKind.EPOCH, 0, plainfeed.epoch()),
        (RecordKind.DATA, 0, plainfeed.row("A", EventKind.TRADE, price=100 * 10**9, size=10**8)),
        (RecordKind.CLOCK, 0xFFFF, b"{}"),
        (RecordKind.EPOCH, 0, plainfeed.epoch(up=False)),
        (RecordKind.EPOCH, 0, plainfeed.epoch(venue="OTHER")),
        (RecordKind.DATA, 0, plainfeed.row("A", EventKind.TRADE, price=100 * 10**9, size=10**8)),
        (RecordKind.CLOCK, 0xFFFF, b"{}"),
        (RecordKind.CLOCK, 0xFFFF, b"{}"),
    ]
    frames = plainfeed.journal(records)
    frames.ts_recv[:] = T0 + np.array([0, 1, 6, 7, 7, 8, 13, 19]) * SECOND
    rules = RuleSet(tuple(Rule(name=name, kind="anomaly", symbols=(f"*.{name}",)) for name in known))
    subject = Engine(known.__getitem__, EngineConfig(anomalies=("stale_venue",)), rules)
    found, alerts = [], []
    for at in range(0, len(frames), size):
        outputs = subject.process(frames.take(slice(at, at + size)))
        found += [(int(row["offset"]), float(row["threshold"])) for row in outputs.anomalies]
        alerts += [(int(row["offset"]), subject.rules.registry[row["rule"]].name) for row in outputs.alerts]
    assert found == [(2, 3.0), (7, 10.0)]
    assert alerts == [(2, "PLAIN"), (7, "OTHER")]


def test_an_import_is_judged_by_its_venues_hours() -> None:
    lines = b"10000,1810000,100,N,1,0\n36000000,1810000,100,N,1,0"
    epoch = b'{"source":0,"epoch":1,"venue":"LEAN","url":"","wanted":["IBM"],"provenance":"history","open":true}'
    document = b'{"tag":"trades:IBM:2013-10-07","url":"","status":200}\n' + lines
    made = Frames.of([epoch, document], [1_700_000_000_000_000_000] * 2, kind=RecordKind.DOCUMENT)
    made.kind[0] = RecordKind.EPOCH
    rows = Engine(feeds.by_venue, EngineConfig(anomalies=("off_hours",))).process(made).anomalies
    assert rows["value"].tolist() == [14_390.0]
    assert set(rows["flags"].tolist()) == {int(Flag.HISTORY)}


def test_an_unknown_anomaly_is_refused_with_a_list_of_all(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('[engine]\nanomalies = ["burst", "brust"]\n')
    with pytest.raises(UsageError, match="no anomaly 'brust'") as refused:
        load(tmp_path / "b.toml")
    assert all(name in refused.value.hint for name in ("all", *BY_NAME))
    (tmp_path / "b.toml").write_text('[engine]\nanomalies = ["all"]\nanomaly = { warmup = 100, spread_bps = 7.5 }\n')
    config = load(tmp_path / "b.toml").engine
    assert config.anomalies == tuple(BY_NAME)
    assert (config.anomaly.warmup, config.anomaly.spread_bps, config.anomaly.cooldown_s) == (100, 7.5, 60.0)


def test_anomalies_of_a_replay_are_counted_and_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--venue", "binance-usdm", "--format", "hftbacktest", "--anomalies", "all"]
    path = recording("binance/usdm/btcusdt_20240808.gz")
    assert run(["replay", str(path), *words, "--data-dir", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    query = (
        "select kind, symbol, ts_event, value, baseline, threshold, severity, time_of_day, provenance, suppressed, "
        "from_offset <= to_offset as ordered from anomalies order by offset"
    )
    assert run(["sql", query, "--data-dir", str(tmp_path), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["data"]
    assert found["anomalies"] == len(rows) > 0
    assert {row["kind"] for row in rows} <= set(BY_NAME)
    for row in rows:
        assert (row["symbol"], row["provenance"], row["time_of_day"]) == ("BTCUSDT", "replay", "20-24")
        assert float(row["value"]) > float(row["threshold"]) > float(row["baseline"]) > 0
        assert int(row["ordered"]) == 1
