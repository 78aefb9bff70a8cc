"""The supervisor outlives what befalls its children, and a disk that is full."""

import errno
import time
from pathlib import Path

import pytest

from breadboard.app.places import Places, RunState
from breadboard.app.supervisor import Child, Supervisor

FULL = OSError(errno.ENOSPC, "No space left on device")


def test_a_child_that_cannot_be_started_again_is_tried_later_and_ends_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, int]] = []
    child = Child("version", ["--version"])  # ends by itself, at once
    supervisor = Supervisor([child], tmp_path, told.append)
    supervisor.start()
    assert child.process is not None
    child.process.wait(60)
    assert supervisor.tend() == [child]

    def refuse(_child: Child) -> None:
        raise FULL

    monkeypatch.setattr(supervisor, "_spawn", refuse)
    child.restart_at = 0.0
    assert supervisor.tend() == [child]
    assert child.restart_at > time.monotonic()
    assert child.restarts == 2
    monkeypatch.undo()
    child.restart_at = 0.0
    assert supervisor.tend() == []
    assert supervisor.pids() == told[-1]
    assert set(told[-1]) == {"version"}
    supervisor.stop()


def test_a_child_that_ends_again_and_again_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    told: list[dict[str, int]] = []
    (tmp_path / "broken.log").write_text("error: of somebody who ran before\n")
    child = Child("broken", ["no-such-command"])  # ends by itself, at once, with a sentence
    supervisor = Supervisor([child], tmp_path, told.append)
    supervisor.start()
    for in_row, wait_s in ((1, 0.4), (2, 0.8)):
        assert child.process is not None
        child.process.wait(60)
        assert supervisor.tend() == [child]
        assert child.wait_s == wait_s
        assert told[-1] == {}, "nobody is told that it runs"
        end = supervisor.ended()["broken"]
        assert end.in_row == in_row
        assert end.words == "No such command 'no-such-command'"
        child.restart_at = 0.0
        assert supervisor.tend() == []
    child.started = -1e9  # it ran for long
    assert child.process is not None
    child.process.wait(60)
    with (tmp_path / "broken.log").open("ab") as log:
        log.truncate(0)
    supervisor.tend()
    assert supervisor.ended()["broken"].in_row == 1
    assert supervisor.ended()["broken"].words == ""
    supervisor.stop()


def test_a_state_that_cannot_be_written_leaves_the_one_before_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(tmp_path).made()
    places.write_state(RunState(1, "a", 2, {}, "live"))
    before = (places.run / "up.json").read_bytes()

    def refuse(_self: Path, _target: Path) -> None:
        raise FULL

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        places.write_state(RunState(3, "b", 4, {}, "live"))
    assert (places.run / "up.json").read_bytes() == before
    assert [path.name for path in places.run.iterdir()] == ["up.json"]
