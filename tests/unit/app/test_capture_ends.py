"""How the capture process ends: what broke is no good end, and who starts it again has to see that."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys
from breadboard.app import capture
from breadboard.capture.line import Line
from breadboard.config import Config, FeedConfig

async def once(line):
    if sys.argv[2] == "breaks":
        raise RuntimeError("what nobody thought of")
    os.kill(os.getpid(), signal.SIGTERM)
    return 60.0

Line._once = once
feed = FeedConfig(venue="okx", symbols=("BTC-USDT",), url="ws://127.0.0.1:9/")
sys.exit(capture.run(Config(data_dir=sys.argv[1], feeds=(feed,))))
"""


@pytest.mark.parametrize(("how", "code"), [("breaks", 1), ("stopped", 0)])
def test_the_exit_code_says_whether_a_line_broke(tmp_path: Path, how: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), how], capture_output=True, text=True, timeout=120, check=False
    )
    assert ("line 0 broke; capture stops" in done.stderr) == bool(code), done.stderr
    assert done.returncode == code
