"""The status file is replaced beside the event loop: a disk that takes its time holds up nobody."""

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from breadboard.capture import status
from breadboard.capture.status import Replaced


class News(msgspec.Struct):
    number: int


def test_a_slow_disk_holds_up_nobody_and_the_last_version_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, slow, written = tmp_path / "news.json", threading.Event(), list[bytes]()
    replace = status.replace

    def slowly(path: Path, body: bytes) -> None:
        assert slow.wait(60)
        written.append(body)
        replace(path, body)

    async def run() -> None:
        file = Replaced(path)
        file.put(lambda: News(1))  # would stand here for ever if the loop wrote it
        file.put(lambda: News(2))
        assert not path.exists()
        slow.set()
        await file.end(lambda: News(3))

    monkeypatch.setattr(status, "replace", slowly)
    asyncio.run(run())
    assert written == [b'{"number":1}', b'{"number":3}'], "who is busy leaves a version out, and never the last"
    assert path.read_bytes() == written[-1]
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_refuses_is_told_of_and_the_next_version_is_tried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "away" / "news.json"

    async def run() -> None:
        file = Replaced(path)
        await file.end(lambda: News(1))
        path.parent.mkdir()
        await file.end(lambda: News(2))

    asyncio.run(run())
    assert f"the status file {path} cannot be written: No such file or directory" in caplog.text
    assert path.read_bytes() == b'{"number":2}'


def test_without_a_path_nobody_is_asked() -> None:
    async def run() -> None:
        file = Replaced(None)
        file.put(pytest.fail)
        await file.end(pytest.fail)

    asyncio.run(run())
