"""What is said of a configuration that is wrong: the file, the place, what stands there, and what to write instead."""

from pathlib import Path

import pytest

from breadboard.config_file import load
from breadboard.errors import UsageError


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("engine.depth_levels = 0", "Expected `int` >= 1 - at `$.engine.depth_levels`: 0"),
        ("engine.arbitrage.min_net_bps = -3", "Expected `float` >= 0.0 - at `$.engine.arbitrage.min_net_bps`: -3"),
        ("engine.depth = '7s'", "there is no interval '7s' - at `$.engine.depth`"),
        ("engine.features = ['vwop']", "there is no feature 'vwop' - at `$.engine.features`"),
        ("engine.anomalies = ['jump']", "there is no anomaly 'jump' - at `$.engine.anomalies`"),
        ("[[feeds]]\nvenue = 7", "Expected `str`, got `int` - at `$.feeds[0].venue`: 7"),
        ("api.port = 'x'", "Expected `int`, got `str` - at `$.api.port`: 'x'"),
        ("journal = 3", "Expected `object`, got `int` - at `$.journal`: 3"),
        ("api.prot = 1", "Object contains unknown field `prot` - at `$.api`"),
    ],
)
def test_the_place_and_what_stands_there(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        load(path)
    assert raised.value.sentence == f"{path} is wrong: {sentence}"
    assert raised.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[api]\nprot = 1", "keys: port, host, hosts, origins, tls_cert, "),
        ("[jurnal]", "keys: journal, data_dir, store, engine, api, feeds, rules, rules_file, settings, watchlists"),
        ("[[feeds]]\nvenue = 'x'\nsymbol = 'X'", "keys: symbols, symbols_file, venue, "),
        ("[engine.arbitrage]\nfee = 3", "keys: fees, groups, "),
        ("[engine.arbitrage.rates.USDC-USDT]\nrat = '1'", "keys: rate, instrument, as_of, max_age_s"),
        ("[engine.anomaly]\nx = 1", "keys: warmup, cooldown_s, jump_tails, "),
        ("[engine.arbitrage.paper]\nlatency = 1", "keys: latency_ms, default_latency_ms"),
    ],
)
def test_where_a_key_is_not_known_the_hint_names_those_that_are(tmp_path: Path, text: str, hint: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="unknown field") as raised:
        load(path)
    assert raised.value.hint.startswith(hint)


def test_a_secret_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET_KEY", "s3cret")
    path = tmp_path / "config.toml"
    path.write_text("[[feeds]]\nvenue = 'x'\nkey = '${MARKET_KEY}'\nconnections = '${MARKET_KEY}'")
    with pytest.raises(UsageError) as raised:
        load(path)
    assert "s3cret" not in raised.value.sentence
    assert "MARKET_KEY" in raised.value.sentence
    for text in ("[[feeds]]\nvenue = 'x'\nkey = 4711", "store = 'clickhouse://u:4711@h'", "api.port = 'x://u:4711@h'"):
        path.write_text(text)
        with pytest.raises(UsageError) as raised:
            load(path)
        assert "4711" not in raised.value.sentence
