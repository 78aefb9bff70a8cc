"""`breadboard sim`: a fake venue as a process."""

import asyncio
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from breadboard.app.supervisor import end_with_parent
from breadboard.errors import INTERRUPTED
from breadboard.sim.serve import Serving, serve
from breadboard.sim.venues import VENUES
from breadboard.telemetry import logs, stacks


@dataclass(frozen=True, slots=True)
class Job:
    """Which market to fake, and how."""

    venue: str
    port: int | None
    """None: the venue's usual one."""
    symbols: str | None
    """None: the profile's own."""
    profile: str
    rate: float | None
    seed: int
    faults: str
    recordings: tuple[Path, ...]
    recording_format: str
    speed: float
    """Times the recorded speed; 0: as fast as the client reads."""
    loop: bool
    options: Mapping[str, str | int]
    """What only some venues take, by name, where given."""


def run(job: Job) -> int:
    """Serve until SIGTERM or SIGINT, or until the recording is over. Raises UsageError before anything listens."""
    if job.recordings and job.venue in VENUES:
        next(iter(_Recording(job)), None)  # a wrong file is told now, and not when a client comes
    logs.configure()
    stacks.tell_on_request()
    end_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(job))


class _Recording:
    """A recording that can be read again from its beginning, as a loop needs it.

    Reading one needs the feeds and their kernels, which take a while to load: a market from a seed does without.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def __iter__(self) -> Iterator[Any]:
        from breadboard import feeds
        from breadboard.recordings import open_recording

        venue = feeds.by_name(self._job.venue).capabilities.venue
        return open_recording(self._job.recordings, self._job.recording_format, venue)


async def _serve(job: Job) -> int:
    task = asyncio.current_task()
    assert task is not None
    signals: list[int] = []

    def heard(number: int) -> None:
        signals.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, heard, number)
    try:
        await serve(
            job.venue,
            port=job.port,
            symbols=_symbols(job.symbols),
            profile=job.profile,
            rate=job.rate,
            seed=job.seed,
            faults=job.faults,
            recording=_Recording(job) if job.recordings else None,
            speed=job.speed,
            loop=job.loop,
            options=job.options,
            ready=_say,
        )
    except asyncio.CancelledError:
        return INTERRUPTED if signal.SIGINT in signals else 0
    return 0


def _symbols(text: str | None) -> list[str] | int | None:
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        return text.split(",")


def _say(serving: Serving) -> None:
    line = {
        "venue": serving.venue,
        "url": serving.url,
        "rest_url": serving.rest_url,
        "port": serving.port,
        "symbols": list(serving.symbols),
        "provenance": serving.provenance,
        **(serving.address.more if serving.address is not None else {}),
    }
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
