"""Features in the engine: told or not by configuration, the same in any batches, through restarts and in the store."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from breadboard import feeds
from breadboard.cli import run
from breadboard.config import EngineConfig
from breadboard.config_file import load
from breadboard.engine import Engine
from breadboard.engine.books import Books
from breadboard.engine.features import Features
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.errors import UsageError
from breadboard.model.features import BY_NAME, WINDOWS
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import EventKind, GapReason, Provenance, SequenceRule
from breadboard.model.tape import Tape
from feed_samples import frames_of
from recordings import recording

BTC = "binance/btcusdt_20240808.gz"


def engine(*names: str) -> Engine:
    subject = Engine(feeds.by_venue, EngineConfig(features=names))
    subject.adopt([Epoch(0, 1, "BINANCE", "", (), Provenance.REPLAY, open=True)])
    return subject


@pytest.fixture(scope="module")
def frames() -> Frames:
    return frames_of("binance", "hftbacktest", (BTC,)).take(slice(0, 15_000))


@pytest.fixture(scope="module")
def whole(frames: Frames) -> tuple[Engine, bytes]:
    subject = engine(*BY_NAME)
    return subject, subject.process(frames).features.tobytes()


@pytest.mark.parametrize("size", [1, 13, 1000])
def test_any_batch_size_gives_the_same_rows_and_digest(frames: Frames, whole: tuple[Engine, bytes], size: int) -> None:
    short = frames.take(slice(0, 3_000)) if size == 1 else frames
    one, other = engine(*BY_NAME), engine(*BY_NAME)
    expected = one.process(short).features.tobytes() if size == 1 else whole[1]
    parts = [other.process(short.take(slice(at, at + size))).features for at in range(0, len(short), size)]
    assert len(expected) > 0
    assert np.concatenate(parts).tobytes() == expected
    reference = one if size == 1 else whole[0]
    assert other.digest() == reference.digest()
    assert other.snapshot() == reference.snapshot()


def test_a_restart_at_any_place_ends_in_the_same_bytes(frames: Frames, whole: tuple[Engine, bytes]) -> None:
    for cut in [3, *random.Random(7).sample(range(len(frames)), 4)]:
        before, after = engine(*BY_NAME), Engine(feeds.by_venue, EngineConfig(features=tuple(BY_NAME)))
        early = before.process(frames.take(slice(0, cut))).features
        after.restore(before.snapshot())
        late = after.process(frames.take(slice(cut, None))).features
        assert np.concatenate([early, late]).tobytes() == whole[1], f"cut at {cut}"
        assert after.snapshot() == whole[0].snapshot(), f"cut at {cut}"


def test_without_features_there_are_none_and_the_digest_knows_nothing_of_them(frames: Frames) -> None:
    few = frames.take(slice(0, 3_000))
    without, with_them = engine(), engine("vwap")
    assert len(without.process(few).features) == 0
    told = with_them.process(few).features
    assert set(told["feature"].tolist()) == {0}
    assert (without.summary()["features"], with_them.summary()["features"]) == (0, len(told))
    assert without.digest() != with_them.digest()


def test_a_checkpoint_from_before_features_were_asked_for_is_taken(frames: Frames) -> None:
    few = frames.take(slice(0, 3_000))
    before, after = engine(), Engine(feeds.by_venue, EngineConfig(features=("vwap",)))
    before.process(few.take(slice(0, 1_000)))
    after.restore(before.snapshot())
    assert len(after.process(few.take(slice(1_000, None))).features) > 0


def test_features_begun_after_a_restart_may_first_hear_of_a_whole_source() -> None:
    """The books then tell of every instrument, of which the features have seen none."""
    count = 400
    books = Books(lambda _: SequenceRule.NONE, lambda _: True, deep=True)
    columns: dict[str, Any] = {"instrument": range(count), "offset": range(count)}
    columns |= {"kind": [EventKind.BOOK_SNAPSHOT] * count}
    columns |= {"level_begin": range(0, 2 * count, 2), "level_end": range(2, 2 * count + 2, 2)}
    sides = {"level_side": [1, 2] * count, "level_price": [10**9, 2 * 10**9] * count}
    sizes = {"level_size": [1] * 2 * count, "level_size_exp": [0] * 2 * count}
    books.on_tape(Tape.of(count, columns, sides | sizes))
    again, features = Books(lambda _: SequenceRule.NONE, lambda _: True, deep=True), Features(("ofi",), 2000, 5.0)
    again.restore(books.snapshot())
    told: dict[str, Any] = {
        "kind": [EventKind.GAP],
        "code": [GapReason.RESTART],
        "source": [EVERY_SOURCE],
        "offset": [count],
    }
    gap = Tape.of(1, told)
    again.on_tape(gap)
    features.expect(again.tops, again.depths)
    assert (len(again.tops), features.on_tape(gap)) == (count, None)
    again.on_tape(gap)
    assert len(again.tops) == 0, "nothing has changed since"


def test_an_unknown_feature_is_refused_with_a_list_of_all(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('[engine]\nfeatures = ["vwap", "vwop"]\n')
    with pytest.raises(UsageError, match="no feature 'vwop'") as refused:
        load(tmp_path / "b.toml")
    assert all(name in refused.value.hint for name in BY_NAME)
    assert load(None, {"engine.features": ["ofi"]}).engine.features == ("ofi",)


def test_features_of_a_replay_are_counted_and_can_be_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--venue", "binance", "--format", "hftbacktest", "--features", "vwap,ofi"]
    assert run(["replay", str(recording(BTC)), *words, "--data-dir", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    query = "select name, interval, count() as n, min(ts_event - ts_open) as s from features group by all"
    assert run(["sql", query, "--data-dir", str(tmp_path), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["data"]
    assert found["features"] == sum(int(row["n"]) for row in rows) > 800
    assert {(row["name"], row["interval"]) for row in rows} == {(n, i) for n in ("vwap", "ofi") for i in WINDOWS}
    query = (
        "select count() as n, max(abs(f.value - toFloat64(b.vwap))) as off from features f join bars b "
        "on f.symbol = b.symbol and f.interval = b.interval and f.ts_open = b.ts_open where f.name = 'vwap'"
    )
    assert run(["sql", query, "--data-dir", str(tmp_path), "--format", "json"]) == 0
    compared = json.loads(capsys.readouterr().out)["data"][0]
    assert int(compared["n"]) == 416
    assert float(compared["off"]) < 1e-8, "the bars' prices have nine digits"
