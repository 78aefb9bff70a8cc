"""What `breadboard up` refuses, and that nothing was made or started for it."""

import socket
import threading
from pathlib import Path

import msgspec
import pytest

from breadboard.app import up
from breadboard.config import ApiConfig, Config
from breadboard.config_file import load
from breadboard.errors import UsageError

RATELESS = """
[engine.groups]
BTC = ["BTCUSDT.BINANCE", "BTC-USD.COINBASE"]
[engine.arbitrage.fees]
BINANCE = 10
COINBASE = 10
"""


def refusal(config: Config, tmp_path: Path) -> UsageError:
    """Start with a data directory that is not there, and return why that was refused."""
    root = tmp_path / "data"
    with pytest.raises(UsageError) as caught:
        up.run(msgspec.structs.replace(config, data_dir=str(root)), pytest.fail, threading.Event())
    assert not root.exists()
    return caught.value


@pytest.mark.parametrize(
    ("told", "sentence", "hint"),
    [
        ('[engine]\nbars = ["tick:0"]', "a bar of 'tick:0' is filled by no amount", "tick:1000"),
        ('[engine]\nbars = ["foo"]', "there is no bar 'foo'", "tick:1000"),
        (f"[engine]\nbars = {[f'tick:{n}' for n in range(1, 18)]}", "17 kinds of bars at a time", "at most 16"),
        ('[engine.groups]\nA = ["BTCUSDT"]', "'BTCUSDT' of group 'A' is no instrument", "BTCUSDT.BINANCE"),
        (RATELESS, "USD", "[engine.arbitrage.rates"),
        ("[engine.arbitrage]", "no group of two instruments, and no triangle", "[engine.groups]"),
    ],
)
def test_what_an_engine_would_not_start_with_is_refused_before_anything_is_made(
    tmp_path: Path, told: str, sentence: str, hint: str
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(told)
    refused = refusal(load(path), tmp_path)
    assert sentence in refused.sentence
    assert hint in refused.hint


def test_a_port_that_is_taken_leaves_no_directory_behind(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} on 127.0.0.1 cannot be had" in refusal(Config(api=ApiConfig(port=port)), tmp_path).sentence


def test_an_address_open_to_others_without_a_key_leaves_no_directory_behind(tmp_path: Path) -> None:
    assert "no API key" in refusal(Config(api=ApiConfig(host="0.0.0.0")), tmp_path).sentence
