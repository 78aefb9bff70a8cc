"""Capture makes room before it asks the disk for any: a full disk must not keep it from the room that is its own."""

from pathlib import Path

import pytest

from breadboard.app import capture
from breadboard.clock import ManualClock
from breadboard.config import Config, FeedConfig
from breadboard.errors import JournalError, JournalLocked
from breadboard.journal import Writer, info, verify
from breadboard.model.kinds import RecordKind
from journals import T0, fill, frame_at, rows

DAY = 86_400_000_000_000


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return the configuration of a place whose journal has segments of years ago."""
    for name in ("logs.configure", "stacks.tell_on_request", "end_with_parent"):
        monkeypatch.setattr(f"breadboard.app.capture.{name}", lambda: None)
    clock = ManualClock(T0)
    writer = Writer.open(tmp_path / "journal", segment_bytes=2_000, clock=clock, compress=False)
    for _ in range(10):
        fill(writer, 30)
        clock.advance(DAY)
    writer.close()
    assert info(tmp_path / "journal").segments > 8
    return Config(data_dir=str(tmp_path), feeds=(FeedConfig(venue="okx", symbols=("BTC-USDT",)),))


def test_room_is_made_before_the_journal_is_opened(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Writer:
        raise JournalError("the journal cannot be written: no space left on device", transient=True)

    monkeypatch.setattr("breadboard.app.journals.open_writer", full)
    with pytest.raises(JournalError, match="no space left"):
        capture.run(config)
    assert info(config.root / "journal").segments <= 2


def test_it_harms_nothing_where_another_process_writes(config: Config) -> None:
    writer = Writer.open(config.root / "journal", segment_bytes=2_000)
    fill(writer, 30)
    with pytest.raises(JournalLocked):
        capture.run(config)
    end = fill(writer, 30)
    writer.close()
    first = info(config.root / "journal").first
    assert 0 < first <= 300
    assert list(rows(config.root / "journal", first)) == [
        (offset, RecordKind.DATA, frame_at(offset)) for offset in range(first, end)
    ]
    assert verify(config.root / "journal").ok


def test_what_goes_wrong_with_it_does_not_keep_capture_from_recording(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> list[Path]:
        raise ValueError("what nobody thought of")

    monkeypatch.setattr("breadboard.journal.retire", broken)
    writer = Writer.open(config.root / "journal")
    with pytest.raises(JournalLocked):
        capture.run(config)
    writer.close()
    assert "retention did not run" in caplog.text
