"""What capture tells of itself: a small file, rewritten each second, that `breadboard status` reads."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
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
    """What the venue says of its own state on this connection, see ``conversations.Report``."""
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


class Replaced:
    """A small file of which others read the newest version: replaced in one step, one after the other, in a thread.

    Never in the event loop: the disk may take its time, and the room of the version before is given back then and
    there, which is a command to the disk where it is mounted with ``discard``: sockets would not be read for 50 ms.
    A refusal of the disk is logged, not raised. Without a path nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._writing: asyncio.Future[None] | None = None

    def put(self, news: Callable[[], msgspec.Struct]) -> None:
        """Have the file replaced, unless the version before is still being written: the next one will know more."""
        if self._path is not None and (self._writing is None or self._writing.done()):
            body = msgspec.json.encode(news())
            try:
                self._writing = asyncio.get_running_loop().run_in_executor(None, replace, self._path, body)
            except RuntimeError as error:  # the system has no thread for us
                log.warning("the status file %s cannot be written: %s", self._path, error)

    async def end(self, news: Callable[[], msgspec.Struct]) -> None:
        """Write the last version, and return when it is there."""
        await self._written()
        self.put(news)
        await self._written()

    async def _written(self) -> None:
        if self._writing is not None:
            await self._writing


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
