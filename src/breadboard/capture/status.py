"""What capture tells of itself: a small file, rewritten each second, that `breadboard status` reads."""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger(__name__)


class Counters(msgspec.Struct):
    """What one source has done since this process began; ages are filled in when the file is written."""

    source: int
    venue: str
    symbols: int
    connected: bool = False
    provenance: str = ""
    epoch: int = 0
    frames: int = 0
    bytes: int = 0
    connects: int = 0
    reconnects: int = 0
    failures: int = 0
    gaps: int = 0
    documents: int = 0
    documents_failed: int = 0
    quarantined: int = 0
    session_errors: int = 0
    last_frame_mono: int = 0
    last_frame_age_s: float | None = None
    last_error: str = ""
    refusals: int = 0
    """Subscriptions that the venue refused by name, ``refused`` of them listed."""
    refused: list[str] = []
    missing_told: int = 0
    """Gaps written because a subscription no longer brought what it should."""
    missing: list[str] = []
    """What is held to be lost at the moment."""
    aside: str = ""
    """The channel that it carries where that brings no data: nothing is lost while it is not connected."""
    facts: dict[str, bool | float | str] = {}
    """What the venue says of its own state on this connection, see ``ports.Report``."""
    troubles: list[str] = []
    """What is not as it should be on the venue's side, a sentence each."""


class Status(msgspec.Struct, frozen=True):
    """The whole file. ``written_ns`` is wall time; a file older than a few seconds means a process that hangs."""

    pid: int
    written_ns: int
    started_ns: int
    journal_refusing: bool
    journal_refusals: int
    frames_lost: int
    clock_steps: int
    sources: Sequence[Counters]
    tiers: Mapping[str, Any] = {}
    """By tier: symbols asked for, those measured, and their messages a second together."""


def named(venue: str, source: int, aside: str = "") -> str:
    """Return what people call a source: by its venue, what it carries where that is no data, and its number."""
    return f"{venue} {aside} (source {source})" if aside else f"{venue} (source {source})"


def name_of(source: Mapping[str, Any]) -> str:
    """Return what people call a source of a status file."""
    return named(source["venue"], source["source"], source.get("aside", ""))


def write(path: Path, status: Status) -> None:
    """Replace the file in one step; a reader never sees half of it. A refusal of the disk is logged, not raised."""
    replace(path, msgspec.json.encode(status))


def replace(path: Path, body: bytes) -> None:
    """Put ``body`` in a file's place in one step. A refusal of the disk is logged, not raised."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(body)
        temporary.replace(path)
    except OSError as error:
        log.warning("the status file %s cannot be written: %s", path, error.strerror)
        with contextlib.suppress(OSError):
            temporary.unlink()
