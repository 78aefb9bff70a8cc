"""The journal of a data directory: opened for writing, looked at, checked, rescued."""

from pathlib import Path
from typing import Any

import msgspec

from breadboard.app.places import Places
from breadboard.clock import Clock
from breadboard.config import Config
from breadboard.errors import UsageError
from breadboard.journal import Writer, info, salvage, verify


def open_writer(config: Config, places: Places, clock: Clock, base_offset: int = 0) -> Writer:
    """Open the journal for writing; JournalLocked while another process writes it."""
    return Writer.open(
        places.journal,
        base_offset=base_offset,
        segment_bytes=config.journal.segment_mib << 20,
        compress=config.journal.compress,
        clock=clock,
    )


def look(data_dir: Path) -> dict[str, Any]:
    """Return what a journal holds."""
    found: dict[str, Any] = msgspec.to_builtins(info(directory(data_dir)))
    return found


def check(data_dir: Path) -> tuple[dict[str, Any], bool]:
    """Check a journal; return the report and whether it is sound."""
    report = verify(directory(data_dir))
    return {"ok": report.ok, **msgspec.to_builtins(report)}, report.ok


def rescue(data_dir: Path, target: Path) -> dict[str, Any]:
    """Copy every sound record into a new data directory."""
    report = salvage(directory(data_dir), Places(target).journal)
    copied: dict[str, Any] = msgspec.to_builtins(report)
    return {"target": str(target), **copied}


def directory(data_dir: Path) -> Path:
    """Return the journal of a data directory, or the directory itself where it is one. Raises UsageError."""
    for path in (data_dir / "journal", data_dir):
        if any(path.glob("*.seg*")):
            return path
    raise UsageError(
        f"there is no journal in {data_dir}", hint=f"breadboard up --data-dir {data_dir}   # records one there"
    )
