"""A benchmark that is told to end takes with it what it started."""

import signal
import subprocess
import sys
from pathlib import Path

STUCK = """
import time
from pathlib import Path

def run() -> dict:
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        Path("ended").touch()
"""
PROGRAM = "from pathlib import Path; from breadboard.app import bench; bench._HOME = Path(); bench.run('stuck', {})"


def test_what_it_started_is_ended_when_it_is_told_to_end(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert (tmp_path / "ended").exists()
