"""A crash of native code in the serving process: it ends, says where it stood, and is started again."""

import os
import signal
from pathlib import Path

import pytest

from scenarios.house import ticking, wait_for


def test_every_process_says_where_it_stands_and_goes_on(tmp_path: Path) -> None:
    with ticking(tmp_path / "data") as house:
        before = house.processes()
        assert set(before) > {"up", "capture", "serve"}
        said = house.testimony()
        assert "app/up.py" in said
        assert "app/serve.py" in said
        assert "app/capture.py" in said
        assert house.processes() == before
        house.caught_up()
        house.down()


@pytest.mark.parametrize("crash", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_of_native_code_ends_the_process_and_the_log_says_where(tmp_path: Path, crash: signal.Signals) -> None:
    """Not so with what ClickHouse's library makes of it, which waits for ever in the thread that crashed."""
    with ticking(tmp_path / "data") as house:
        crashed = house.processes()["serve"]
        os.kill(crashed, crash)
        wait_for("another serving process", lambda: house.processes().get("serve", crashed) != crashed)
        house.caught_up()
        said = (house.places.run / "serve.log").read_text(encoding="utf-8")
        name = {signal.SIGSEGV: "Segmentation fault", signal.SIGABRT: "Aborted"}[crash]
        assert f"Fatal Python error: {name}" in said
        assert "app/serve.py" in said
        house.down()
